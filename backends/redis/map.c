/* SPDX-License-Identifier: Apache-2.0
 *
 * The slot map, and asking for it. A node is never freed before the end, so pointers to nodes stay good; where there are too many, one that
 * has no slot becomes another.
 */
#include "map.h"

#include <stdlib.h>

#define REFRESH_EVERY_MS 100

/* In a cluster a node that has failed is left alone for so long: meanwhile its slots may have got another master. */
#define REST_MS 500

static struct weir_redis_node *add(struct weir_redis_map *map, const struct weir_redis_endpoint *endpoint)
{
	struct weir_redis_node *node = malloc(sizeof(*node));

	if (!node)
		return NULL;
	weir_redis_node_init(node, map->setup, endpoint);
	node->rest_ms = map->setup->options.cluster ? REST_MS : 0;
	map->nodes[map->count++] = node;
	return node;
}

enum weir_status weir_redis_map_init(struct weir_redis_map *map, const struct weir_redis_setup *setup)
{
	*map = (struct weir_redis_map){ .setup = setup, .stale = setup->options.cluster };
	for (size_t i = 0; i < setup->options.seed_count; i++)
		if (!add(map, &setup->options.seeds[i]))
			return WEIR_ERR_MEMORY;
	if (setup->options.cluster)
		map->slots = calloc(WEIR_REDIS_SLOTS, sizeof(*map->slots));
	return map->slots || !setup->options.cluster ? WEIR_OK : WEIR_ERR_MEMORY;
}

void weir_redis_map_finish(struct weir_redis_map *map)
{
	for (size_t i = 0; i < map->count; i++) {
		weir_redis_node_finish(map->nodes[i]);
		free(map->nodes[i]);
	}
	free(map->slots);
	*map = (struct weir_redis_map){ .count = 0 };
}

bool weir_redis_map_has_slots(const struct weir_redis_map *map, const struct weir_redis_node *node)
{
	if (!map->slots)
		return node == map->nodes[0];
	for (unsigned slot = 0; slot < WEIR_REDIS_SLOTS; slot++)
		if (map->nodes[map->slots[slot]] == node)
			return true;
	return false;
}

static bool is_at(const struct weir_redis_node *node, const struct weir_redis_endpoint *endpoint)
{
	return node->endpoint.port == endpoint->port && strcmp(node->endpoint.host, endpoint->host) == 0;
}

/* One that is neither a seed nor needed. */
static struct weir_redis_node *reuse(struct weir_redis_map *map, const struct weir_redis_endpoint *endpoint)
{
	for (size_t i = map->setup->options.seed_count; i < map->count; i++) {
		struct weir_redis_node *node = map->nodes[i];

		if (node->owed > 0 || weir_redis_map_has_slots(map, node))
			continue;
		weir_redis_node_finish(node);
		weir_redis_node_init(node, map->setup, endpoint);
		node->rest_ms = REST_MS;
		return node;
	}
	return NULL;
}

struct weir_redis_node *weir_redis_map_find(struct weir_redis_map *map, const struct weir_redis_endpoint *endpoint,
					    const struct weir_redis_node *teller)
{
	struct weir_redis_endpoint wanted = *endpoint;

	if (wanted.host[0] == '\0')
		memcpy(wanted.host, teller->endpoint.host, sizeof(wanted.host));
	for (size_t i = 0; i < map->count; i++)
		if (is_at(map->nodes[i], &wanted))
			return map->nodes[i];
	return map->count < WEIR_REDIS_NODES_MAX ? add(map, &wanted) : reuse(map, &wanted);
}

void weir_redis_map_move(struct weir_redis_map *map, unsigned slot, const struct weir_redis_node *node)
{
	for (size_t i = 0; map->slots && i < map->count; i++)
		if (map->nodes[i] == node)
			map->slots[slot] = (uint16_t)i;
	map->stale = map->slots != NULL;
}

/* -- Asking ---------------------------------------------------------------------------------------------------------------- */

struct answer {
	struct weir_redis_map *map;
	const struct weir_redis_node *teller;
};

static void take_range(void *state, const struct weir_redis_slot_range *range)
{
	const struct answer *answer = state;
	struct weir_redis_node *node = weir_redis_map_find(answer->map, &range->master, answer->teller);

	size_t at = 0;

	while (at < answer->map->count && answer->map->nodes[at] != node)
		at++;
	for (unsigned slot = range->first; at < answer->map->count && slot <= range->last; slot++)
		answer->map->slots[slot] = (uint16_t)at;
}

/* True when the node has told the map. */
static bool ask(struct weir_redis_map *map, struct weir_redis_node *node, int64_t deadline_ms)
{
	struct answer answer = { map, node };
	redisReply *reply;
	bool told;

	if (weir_redis_node_ready(node, deadline_ms) != WEIR_OK)
		return false;
	weir_redis_node_append(node, WEIR_SLICE_LITERAL("*2\r\n$7\r\nCLUSTER\r\n$5\r\nSLOTS\r\n"));
	weir_redis_node_expect(node);
	reply = weir_redis_node_wait(node, deadline_ms);
	told = reply && reply->type == REDIS_REPLY_ARRAY && reply->elements > 0 && weir_redis_parse_slots(reply, take_range, &answer);
	if (reply && !told)
		weir_redis_node_complain(node, "does not tell the slots of a cluster");
	freeReplyObject(reply);
	return told;
}

/* Those with a connection that works first: they answer soon. */
void weir_redis_map_refresh(struct weir_redis_map *map, int64_t deadline_ms)
{
	int64_t now_ms = weir_redis_now_ms();
	size_t known = map->count;
	bool told = false;

	if (!map->stale || (map->asked_ms != 0 && now_ms - map->asked_ms < REFRESH_EVERY_MS))
		return;
	map->asked_ms = now_ms;
	for (int connected = 1; connected >= 0 && !told; connected--)
		for (size_t i = 0; i < known && !told && weir_redis_now_ms() < deadline_ms; i++)
			if ((map->nodes[i]->context != NULL) == connected)
				told = ask(map, map->nodes[i], deadline_ms);
	if (!told)
		return;
	map->known = true;
	map->stale = false;
}
