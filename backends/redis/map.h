/* SPDX-License-Identifier: Apache-2.0
 *
 * Which node has which slot. A single server is a map with one node, which has them all.
 *
 * The map of a cluster is asked for at the first use, after a node has failed, and after somebody has said that a slot has moved; never
 * more often than every 100 ms. Until it is known, every slot is taken to be at the first seed, which then says where to go.
 */
#ifndef WEIR_REDIS_MAP_H
#define WEIR_REDIS_MAP_H

#include "node.h"
#include "slot.h"

struct weir_redis_map {
	const struct weir_redis_setup *setup;
	struct weir_redis_node *nodes[WEIR_REDIS_NODES_MAX]; /* seeds first; they stay where they are until finish */
	size_t count;
	uint16_t *slots; /* index into nodes; NULL: all at the first */
	bool known;      /* somebody has told it, once */
	bool stale;      /* is to be asked for again */
	int64_t asked_ms;
};

/* ERR_MEMORY; finish is due in any case. */
enum weir_status weir_redis_map_init(struct weir_redis_map *map, const struct weir_redis_setup *setup);
void weir_redis_map_finish(struct weir_redis_map *map);

static inline struct weir_redis_node *weir_redis_map_node(const struct weir_redis_map *map, unsigned slot)
{
	return map->nodes[map->slots ? map->slots[slot] : 0];
}

/* The node at that endpoint, which may be new; an endpoint without a host is at `teller`'s. NULL: no room for another. */
struct weir_redis_node *weir_redis_map_find(struct weir_redis_map *map, const struct weir_redis_endpoint *endpoint,
					    const struct weir_redis_node *teller);

/* The slot is at the node: one that is known by weir_redis_map_find(). */
void weir_redis_map_move(struct weir_redis_map *map, unsigned slot, const struct weir_redis_node *node);

/* Asks for the map, when it is stale and was not asked for just now. No node may owe anything. */
void weir_redis_map_refresh(struct weir_redis_map *map, int64_t deadline_ms);

/* True when the node has a slot: a master. */
bool weir_redis_map_has_slots(const struct weir_redis_map *map, const struct weir_redis_node *node);

#endif
