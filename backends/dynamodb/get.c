/* SPDX-License-Identifier: Apache-2.0
 *
 * All values, cells and the clock of all reads in one round trip: a lookup of their names.
 *
 * The answers are no snapshot. A cell may be newer than the clock, when a clear came between the two; then the clock is taken to be as new
 * as the cell: whoever drew a stamp up to there did so before this read is over, and so before anything is made that will carry the clock
 * of this read. A cell of another epoch than the clock's is what a lost clock has left behind, and says nothing.
 */
#include "get.h"

#include <json-c/json.h>
#include <stdlib.h>

#include "base64.h"
#include "clear.h"
#include "item.h"
#include "lookup.h"
#include "names.h"
#include "reply.h"

/* The names of a list of reads, value by value and cell by cell, and the clock's at the end. Keys that cannot be are absent. */
struct names {
	struct weir_slice *all;
	size_t count;
};

static void add_name(struct names *names, struct weir_pool *pool, enum weir_dynamodb_kind kind, struct weir_slice key)
{
	names->all[names->count++] = weir_dynamodb_is_key(key) ? weir_dynamodb_name(pool, kind, key) : WEIR_SLICE_NONE;
}

static enum weir_status list_names(struct weir_dynamodb_client *client, struct weir_backend_read *const *reads, size_t count,
				   struct names *names)
{
	size_t most = 1;

	for (size_t i = 0; i < count; i++)
		most += reads[i]->get_count + reads[i]->cell_count;
	*names = (struct names){ .all = weir_pool_alloc(client->pool, most * sizeof(names->all[0])) };
	if (!names->all)
		return WEIR_ERR_MEMORY;
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < reads[i]->get_count; k++)
			add_name(names, client->pool, WEIR_DYNAMODB_VALUE, reads[i]->gets[k].key);
		for (size_t k = 0; k < reads[i]->cell_count; k++)
			add_name(names, client->pool, WEIR_DYNAMODB_CELL, reads[i]->cells[k].name);
	}
	names->all[names->count++] = WEIR_DYNAMODB_CLOCK_NAME;
	return weir_pool_overflowed(client->pool) ? WEIR_ERR_MEMORY : WEIR_OK;
}

/* -- Taking the answers ---------------------------------------------------------------------------------------------------- */

struct reading {
	struct weir_dynamodb_client *client;
	const struct weir_dynamodb_lookup *lookup;
	const struct weir_slice *name; /* the next one of the list */
	uint64_t clock;
	int64_t now_ms;
};

static struct json_object *next_item(struct reading *reading)
{
	struct weir_slice name = *reading->name++;
	const struct weir_dynamodb_wanted *wanted = name.data ? weir_dynamodb_lookup_find(reading->lookup, name) : NULL;

	return wanted ? wanted->item : NULL;
}

/* False when memory is out. A value that cannot be read is not there. */
static bool take_value(struct reading *reading, struct weir_backend_get *get)
{
	struct json_object *item = next_item(reading);
	struct weir_slice base64 = WEIR_SLICE_NONE;
	size_t len;
	char *bytes;

	if (!item || !weir_dynamodb_item_is(item, get->key, reading->now_ms, &base64))
		return true;
	bytes = malloc(base64.len / 4 * 3 + 1);
	if (!bytes)
		return false;
	if (weir_dynamodb_base64_decode(base64, bytes, &len) != WEIR_OK) {
		free(bytes);
		return true;
	}
	get->status = WEIR_OK;
	get->value = weir_slice(bytes, len);
	get->release = free;
	get->owner = bytes;
	return true;
}

static void take_cell(struct reading *reading, struct weir_backend_cell *cell, uint64_t *clock)
{
	struct json_object *item = next_item(reading);
	uint64_t stamp;

	cell->stamp = 0;
	if (!weir_dynamodb_number(item, "s", &stamp) || !weir_clear_clock_valid(stamp, reading->clock, 0))
		return;
	cell->stamp = stamp;
	*clock = stamp > *clock ? stamp : *clock;
}

static bool take_read(struct reading *reading, struct weir_backend_read *read)
{
	read->status = WEIR_OK;
	read->clock = reading->clock;
	for (size_t k = 0; k < read->get_count; k++)
		if (!take_value(reading, &read->gets[k]))
			return false;
	for (size_t k = 0; k < read->cell_count; k++)
		take_cell(reading, &read->cells[k], &read->clock);
	return true;
}

static void count_values(struct weir_dynamodb_client *client, struct weir_backend_read *const *reads, size_t count)
{
	uint64_t hits = 0, misses = 0;

	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < reads[i]->get_count; k++)
			*(reads[i]->gets[k].status == WEIR_OK ? &hits : &misses) += 1;
	atomic_fetch_add_explicit(&client->hits, hits, memory_order_relaxed);
	atomic_fetch_add_explicit(&client->misses, misses, memory_order_relaxed);
}

/* As before anything was read. */
static void reset_values(struct weir_backend_read *const *reads, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < reads[i]->get_count; k++)
			reads[i]->gets[k] = (struct weir_backend_get){ .key = reads[i]->gets[k].key, .status = WEIR_MISS };
}

static void release_values(struct weir_backend_read *const *reads, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < reads[i]->get_count; k++)
			free(reads[i]->gets[k].owner);
	reset_values(reads, count);
}

static enum weir_status take_reads(struct reading *reading, struct weir_backend_read *const *reads, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!take_read(reading, reads[i])) {
			release_values(reads, count);
			return WEIR_ERR_MEMORY;
		}
	count_values(reading->client, reads, count);
	return WEIR_OK;
}

/* From the lookup, or a new one. */
static enum weir_status take_clock(struct reading *reading, int64_t deadline_ms)
{
	const struct weir_dynamodb_wanted *wanted = weir_dynamodb_lookup_find(reading->lookup, WEIR_DYNAMODB_CLOCK_NAME);

	if (wanted && weir_dynamodb_number(wanted->item, "s", &reading->clock))
		return WEIR_OK;
	return weir_dynamodb_clock_make(reading->client, deadline_ms, &reading->clock);
}

enum weir_status weir_dynamodb_get_many(struct weir_dynamodb_client *client, struct weir_backend_read *const *reads, size_t count)
{
	int64_t deadline_ms = weir_dynamodb_deadline_ms(client);
	struct weir_dynamodb_lookup lookup = { NULL, 0 };
	struct reading reading = { .client = client, .lookup = &lookup };
	struct names names;
	enum weir_status status = list_names(client, reads, count, &names);

	reset_values(reads, count);
	if (status == WEIR_OK)
		status = weir_dynamodb_lookup_init(&lookup, client->pool, names.all, names.count);
	if (status == WEIR_OK)
		status = weir_dynamodb_lookup_run(&lookup, client, deadline_ms);
	if (status == WEIR_OK)
		status = take_clock(&reading, deadline_ms);
	if (status == WEIR_OK) {
		reading.name = names.all;
		reading.now_ms = weir_dynamodb_time_ms(client);
		status = take_reads(&reading, reads, count);
	}
	weir_dynamodb_lookup_finish(&lookup);
	return status;
}
