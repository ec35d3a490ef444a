/* SPDX-License-Identifier: Apache-2.0
 *
 * The clear cells that an entry depends on besides the three of its key: those of its tags, and those of soft purges.
 *
 * A driver that may lose cells makes a missing one at the current clock, so that a clear is never forgotten. If the cell of a tag came to
 * be when it is first asked for, after some other clear, all entries that carry the tag would count as cleared. So the cells are asked for
 * when an entry is stored, too.
 */
#ifndef WEIR_CACHE_CELLS_H
#define WEIR_CACHE_CELLS_H

#include "cache/call.h"

struct weir_cells {
	struct weir_backend_cell *list; /* first those of tags, then those of soft purges */
	size_t count;
	size_t tag_count;
};

/* Names the cells for an entry of this call that carries these tags (encoded, as in an entry), in the pool. The one of soft purges of the
 * key alone is among them, but is not to be created: there would be one for each entry. False when memory is out. */
WEIR_MUST_CHECK bool weir_cells_name(struct weir_cells *cells, const struct weir_call *call, struct weir_pool *pool, struct weir_slice tags,
				     size_t tag_count);

/* For an entry that is being stored: fills a job, to be run beside the write, that asks for these cells. False when there is none to be
 * run, for a local backend loses no cells, and when memory is out. What the job points to is in the pool. */
bool weir_cells_job(const struct weir_call *call, struct weir_pool *pool, struct weir_slice entry, struct weir_job *job);

#endif
