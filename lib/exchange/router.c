/* SPDX-License-Identifier: Apache-2.0
 *
 * The router's tree. A node is a position between two segments: it knows the literals that may follow, sorted for binary search, the node
 * behind a parameter, and the routes that end here. Names of parameters belong to the routes, not to the nodes, so `/a/{x}` and
 * `/a/{y}/b` share a node without sharing a name.
 */
#include "exchange/router.h"

#include <stdio.h>
#include <stdlib.h>

#include "http/path.h"

struct entry {
	struct weir_route route; /* path is a copy */
	const char *names[WEIR_ROUTER_PARAMS_MAX];
	size_t name_count;
	bool rest;
	struct entry *next_here; /* further routes that end at the same node */
	struct entry *next_added;
};

struct node;

struct literal {
	struct weir_slice text;
	struct node *node;
};

struct node {
	struct literal *literals;
	size_t literal_count;
	struct node *param;
	struct entry *ends;  /* routes whose pattern ends here */
	struct entry *rests; /* routes with {name...} here */
};

struct weir_router {
	struct weir_pool *pool;
	struct node root;
	struct entry *first;
	struct entry **last;
};

struct weir_router *weir_router_create(void)
{
	struct weir_pool *pool = weir_pool_create(0);
	struct weir_router *router = pool ? weir_pool_zalloc(pool, sizeof(*router)) : NULL;

	if (!router) {
		weir_pool_destroy(pool);
		return NULL;
	}
	router->pool = pool;
	router->last = &router->first;
	return router;
}

void weir_router_destroy(struct weir_router *router)
{
	if (router)
		weir_pool_destroy(router->pool);
}

/* -- Patterns -------------------------------------------------------------------------------------------------------------- */

static enum weir_status wrong(char *why, size_t why_size, const struct weir_route *route, const char *reason)
{
	snprintf(why, why_size, "route \"%s\": %s", route->path, reason);
	return WEIR_ERR_CONFIG;
}

static bool is_name(struct weir_slice name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.data[i];

		if (!(c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (i > 0 && c >= '0' && c <= '9')))
			return false;
	}
	return name.len > 0;
}

/* Adds the parameter in `segment` to the entry. NULL, or what is wrong with it. */
static const char *add_name(struct weir_router *router, struct entry *entry, struct weir_slice segment, bool last)
{
	struct weir_slice name = { segment.data + 1, segment.len - 2 };

	if (name.len > 3 && memcmp(name.data + name.len - 3, "...", 3) == 0) {
		name.len -= 3;
		entry->rest = true;
		if (!last)
			return "{name...} stands for all the rest, so nothing may follow it";
	}
	if (!is_name(name))
		return "a parameter is written {name}, with letters, digits and underscores";
	if (entry->name_count == WEIR_ROUTER_PARAMS_MAX)
		return "more than 16 parameters";
	for (size_t i = 0; i < entry->name_count; i++)
		if (weir_slice_equal(weir_slice_text(entry->names[i]), name))
			return "two parameters of the same name";
	entry->names[entry->name_count] = weir_pool_dup(router->pool, name).data;
	return entry->names[entry->name_count++] ? NULL : "out of memory";
}

static bool is_param(struct weir_slice segment)
{
	return segment.len >= 2 && segment.data[0] == '{' && segment.data[segment.len - 1] == '}';
}

static const char *check_literal(struct weir_slice segment)
{
	for (size_t i = 0; i < segment.len; i++)
		if (segment.data[i] == '{' || segment.data[i] == '}' || segment.data[i] == '?' || segment.data[i] == '#')
			return "a segment is either literal or {name}, and holds no '?' or '#'";
	if (weir_slice_equal(segment, WEIR_SLICE_LITERAL(".")) || weir_slice_equal(segment, WEIR_SLICE_LITERAL("..")))
		return "\".\" and \"..\" are never seen by routes";
	return NULL;
}

/* The place of `text` among the literals: its index, or where it belongs. */
static size_t literal_at(const struct node *node, struct weir_slice text, bool *found)
{
	size_t low = 0;
	size_t high = node->literal_count;

	*found = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = weir_slice_compare(node->literals[middle].text, text);

		if (order == 0) {
			*found = true;
			return middle;
		}
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct node *literal_child(struct weir_router *router, struct node *node, struct weir_slice text)
{
	bool found;
	size_t at = literal_at(node, text, &found);
	struct literal *grown;
	struct node *child;

	if (found)
		return node->literals[at].node;
	grown = weir_pool_alloc(router->pool, (node->literal_count + 1) * sizeof(*grown));
	child = weir_pool_zalloc(router->pool, sizeof(*child));
	if (!grown || !child)
		return NULL;
	if (node->literal_count > 0) {
		memcpy(grown, node->literals, at * sizeof(*grown));
		memcpy(grown + at + 1, node->literals + at, (node->literal_count - at) * sizeof(*grown));
	}
	grown[at] = (struct literal){ text, child };
	node->literals = grown;
	node->literal_count++;
	return child;
}

/* A literal as it stands in canonical paths: "café" is "caf%C3%A9" there. The absent slice when memory is out. */
static struct weir_slice canonical_literal(struct weir_router *router, struct weir_slice segment)
{
	char *path = weir_pool_printf(router->pool, "/%.*s", (int)segment.len, segment.data);
	struct weir_slice canonical;

	if (!path || weir_path_canonical(router->pool, weir_slice_text(path), &canonical) != WEIR_OK)
		return WEIR_SLICE_NONE;
	return weir_slice_from(canonical, 1);
}

/* The node where the entry's pattern ends, made if need be; NULL with `*reason` set otherwise. */
static struct node *place(struct weir_router *router, struct entry *entry, const char **reason)
{
	struct weir_slice rest = weir_slice_text(entry->route.path + 1);
	struct node *node = &router->root;

	while (rest.data) {
		struct weir_slice segment = weir_slice_cut(&rest, '/');

		if (is_param(segment)) {
			*reason = add_name(router, entry, segment, !rest.data);
			if (*reason || entry->rest)
				return *reason ? NULL : node;
			if (!node->param)
				node->param = weir_pool_zalloc(router->pool, sizeof(*node->param));
			node = node->param;
		} else {
			*reason = check_literal(segment);
			if (*reason)
				return NULL;
			segment = canonical_literal(router, segment);
			node = segment.data ? literal_child(router, node, segment) : NULL;
		}
		if (!node) {
			*reason = "a segment is malformed, or memory is out";
			return NULL;
		}
	}
	return node;
}

static const char *check_route(const struct weir_route *route)
{
	if (route->path[0] != '/')
		return "a pattern begins with '/'";
	if (!route->handler)
		return "no handler";
	if (route->methods > (WEIR_METHOD_OTHER | (WEIR_METHOD_OTHER - 1)))
		return "unknown bits in methods";
	return NULL;
}

enum weir_status weir_router_add(struct weir_router *router, const struct weir_route *route, char *why, size_t why_size)
{
	const char *reason = check_route(route);
	struct entry *entry;
	struct entry **list;
	struct node *node;

	if (reason)
		return wrong(why, why_size, route, reason);
	entry = weir_pool_zalloc(router->pool, sizeof(*entry));
	if (!entry)
		return WEIR_ERR_MEMORY;
	entry->route = *route;
	entry->route.methods = route->methods ? route->methods : WEIR_GET;
	entry->route.path = weir_pool_dup_text(router->pool, route->path);
	if (!entry->route.path)
		return WEIR_ERR_MEMORY;
	node = place(router, entry, &reason);
	if (!node)
		return wrong(why, why_size, route, reason);
	list = entry->rest ? &node->rests : &node->ends;
	for (struct entry *other = *list; other; other = other->next_here) {
		if (other->route.methods & entry->route.methods) {
			snprintf(why, why_size, "route \"%s\" takes the same requests as \"%s\"", route->path, other->route.path);
			return WEIR_ERR_CONFIG;
		}
	}
	entry->next_here = *list;
	*list = entry;
	*router->last = entry;
	router->last = &entry->next_added;
	return WEIR_OK;
}

/* -- Lookup ---------------------------------------------------------------------------------------------------------------- */

static bool take(const struct entry *list, enum weir_method method, struct weir_router_match *match)
{
	for (const struct entry *entry = list; entry; entry = entry->next_here) {
		match->allowed |= entry->route.methods;
		if (entry->route.methods & method) {
			match->route = &entry->route;
			match->names = entry->names;
			match->count = entry->name_count;
			return true;
		}
	}
	return false;
}

/* `depth` counts the parameters that are bound on the way here. */
static bool find(const struct node *node, enum weir_method method, struct weir_slice rest, size_t depth, struct weir_router_match *match)
{
	struct weir_slice here = rest;
	struct weir_slice segment;
	bool found;
	size_t at;

	if (!rest.data)
		return take(node->ends, method, match);
	segment = weir_slice_cut(&rest, '/');
	at = literal_at(node, segment, &found);
	if (found && find(node->literals[at].node, method, rest, depth, match))
		return true;
	if (depth == WEIR_ROUTER_PARAMS_MAX)
		return false;
	if (node->param && segment.len > 0) {
		if (find(node->param, method, rest, depth + 1, match)) {
			match->values[depth] = segment;
			return true;
		}
	}
	if (node->rests && take(node->rests, method, match)) {
		match->values[depth] = here;
		return true;
	}
	return false;
}

void weir_router_find(const struct weir_router *router, enum weir_method method, struct weir_slice path, struct weir_router_match *match)
{
	match->route = NULL;
	match->count = 0;
	match->allowed = 0;
	if (!find(&router->root, method, weir_slice_from(path, 1), 0, match) && method == WEIR_HEAD)
		(void)find(&router->root, WEIR_GET, weir_slice_from(path, 1), 0, match);
	if (match->allowed & WEIR_GET)
		match->allowed |= WEIR_HEAD;
	if (match->allowed)
		match->allowed |= WEIR_OPTIONS;
}

void weir_router_each(const struct weir_router *router, void (*visit)(void *state, const struct weir_route *route), void *state)
{
	for (const struct entry *entry = router->first; entry; entry = entry->next_added)
		visit(state, &entry->route);
}
