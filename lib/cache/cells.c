/* SPDX-License-Identifier: Apache-2.0
 *
 * Names of cells.
 */
#include "cache/cells.h"

#include "cache/key.h"

static void add(struct weir_cells *cells, struct weir_slice name, bool create)
{
	cells->list[cells->count++] = (struct weir_backend_cell){ .name = name, .create = create };
}

bool weir_cells_name(struct weir_cells *cells, const struct weir_call *call, struct weir_pool *pool, struct weir_slice tags,
		     size_t tag_count)
{
	const char *prefix = call->cache->prefix;
	struct weir_slice rest = tags, tag;

	*cells = (struct weir_cells){ .tag_count = tag_count };
	cells->list = weir_pool_alloc(pool, (3 + 2 * tag_count) * sizeof(*cells->list));
	if (!cells->list)
		return false;
	while (cells->count < tag_count && weir_tags_next(&rest, &tag))
		add(cells, weir_key_cell(pool, prefix, WEIR_CELL_TAG, tag), true);
	for (rest = tags; cells->count < 2 * tag_count && weir_tags_next(&rest, &tag);)
		add(cells, weir_key_cell(pool, prefix, WEIR_CELL_SOFT_TAG, tag), true);
	add(cells, weir_key_cell(pool, prefix, WEIR_CELL_SOFT_ALL, WEIR_SLICE_NONE), true);
	add(cells, weir_key_cell(pool, prefix, WEIR_CELL_SOFT_NAMESPACE, weir_slice_text(call->ns)), true);
	add(cells, weir_key_cell(pool, prefix, WEIR_CELL_SOFT_KEY, call->key), false);
	return !weir_pool_overflowed(pool);
}

bool weir_cells_job(const struct weir_call *call, struct weir_pool *pool, struct weir_slice bytes, struct weir_job *job)
{
	struct weir_cells cells;
	struct weir_entry entry;

	if (call->cache->local || weir_entry_decode(bytes, true, &entry) != WEIR_OK ||
	    !weir_cells_name(&cells, call, pool, entry.tags, entry.tag_count))
		return false;
	*job = (struct weir_job){ .kind = WEIR_JOB_READ,
				  .read = { .cells = cells.list, .cell_count = cells.count - 1 } }; /* not the key's */
	return true;
}
