/* SPDX-License-Identifier: Apache-2.0
 *
 * Patterns and paths, a line each, and a blank line between them, against a matcher that tries every route and knows no tree: of all routes
 * that match, the one whose first segment that is told apart is a literal before a parameter before a rest. A pattern's line begins with
 * its methods, a letter for each: g, p or d.
 */
#include "exchange/router.h"
#include "http/path.h"
#include "insist.h"

#define ROUTES_MAX 24
#define SEGMENTS_MAX 40

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum kind {
	KIND_LITERAL,
	KIND_PARAM,
	KIND_REST,
};

struct segment {
	enum kind kind;
	struct weir_slice text;
};

struct pattern {
	unsigned methods;
	const char *path;
	struct segment segments[SEGMENTS_MAX];
	size_t count;
};

struct patterns {
	struct pattern all[ROUTES_MAX];
	size_t count;
};

static enum weir_status answer(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	(void)res;
	return WEIR_OK;
}

/* -- The naive matcher ----------------------------------------------------------------------------------------------------- */

static size_t split(struct weir_slice path, struct weir_slice parts[SEGMENTS_MAX])
{
	struct weir_slice rest = weir_slice_from(path, 1);
	size_t count = 0;

	while (rest.data && count < SEGMENTS_MAX)
		parts[count++] = weir_slice_cut(&rest, '/');
	return rest.data ? SEGMENTS_MAX + 1 : count;
}

/* As it stands in a canonical path. */
static struct weir_slice canonical(struct weir_pool *pool, struct weir_slice text)
{
	const char *path = weir_pool_printf(pool, "/%.*s", (int)text.len, text.data);
	struct weir_slice made;

	return weir_path_canonical(pool, weir_slice_text(path), &made) == WEIR_OK ? weir_slice_from(made, 1) : WEIR_SLICE_NONE;
}

static void dissect(struct weir_pool *pool, struct pattern *pattern)
{
	struct weir_slice parts[SEGMENTS_MAX];

	pattern->count = split(weir_slice_text(pattern->path), parts);
	INSIST(pattern->count <= SEGMENTS_MAX);
	for (size_t i = 0; i < pattern->count; i++) {
		struct weir_slice text = parts[i];
		enum kind kind = KIND_LITERAL;

		if (text.len > 0 && text.data[0] == '{')
			kind = text.len > 4 && memcmp(text.data + text.len - 4, "...}", 4) == 0 ? KIND_REST : KIND_PARAM;
		pattern->segments[i] = (struct segment){ kind, kind == KIND_LITERAL ? canonical(pool, text) : text };
	}
}

static bool segment_matches(const struct segment *segment, struct weir_slice part)
{
	return segment->kind == KIND_LITERAL ? weir_slice_equal(segment->text, part) : part.len > 0;
}

static bool matches(const struct pattern *pattern, const struct weir_slice *parts, size_t count)
{
	for (size_t i = 0; i < pattern->count; i++) {
		if (i == count)
			return false;
		if (pattern->segments[i].kind == KIND_REST)
			return true;
		if (!segment_matches(&pattern->segments[i], parts[i]))
			return false;
	}
	return pattern->count == count;
}

/* Both match the same path. */
static bool goes_before(const struct pattern *a, const struct pattern *b)
{
	for (size_t i = 0; i < a->count && i < b->count; i++)
		if (a->segments[i].kind != b->segments[i].kind)
			return a->segments[i].kind < b->segments[i].kind;
	return false;
}

static bool same_shape(const struct pattern *a, const struct pattern *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		if (a->segments[i].kind != b->segments[i].kind)
			return false;
		if (a->segments[i].kind == KIND_LITERAL && !weir_slice_equal(a->segments[i].text, b->segments[i].text))
			return false;
	}
	return true;
}

static const struct pattern *best(const struct patterns *patterns, const struct weir_slice *parts, size_t count, unsigned method)
{
	const struct pattern *found = NULL;

	for (size_t i = 0; i < patterns->count; i++) {
		const struct pattern *pattern = &patterns->all[i];

		if ((pattern->methods & method) && matches(pattern, parts, count) && (!found || goes_before(pattern, found)))
			found = pattern;
	}
	return found;
}

static unsigned allowed(const struct patterns *patterns, const struct weir_slice *parts, size_t count)
{
	unsigned methods = 0;

	for (size_t i = 0; i < patterns->count; i++)
		if (matches(&patterns->all[i], parts, count))
			methods |= patterns->all[i].methods;
	return methods;
}

/* -- Against the router ---------------------------------------------------------------------------------------------------- */

static void check_params(const struct pattern *pattern, const struct weir_slice *parts, struct weir_slice path,
			 const struct weir_router_match *match)
{
	size_t count = 0;

	for (size_t i = 0; i < pattern->count; i++) {
		const struct segment *segment = &pattern->segments[i];
		size_t dots = segment->kind == KIND_REST ? 3 : 0;
		struct weir_slice value = parts[i];

		if (segment->kind == KIND_LITERAL)
			continue;
		if (segment->kind == KIND_REST)
			value.len = (size_t)(path.data + path.len - value.data);
		INSIST(weir_slice_equal(weir_slice(segment->text.data + 1, segment->text.len - 2 - dots),
					weir_slice_text(match->names[count])));
		INSIST(weir_slice_equal(value, match->values[count]));
		count++;
	}
	INSIST(count == match->count);
}

static void check_path(const struct weir_router *router, const struct patterns *patterns, struct weir_slice path, enum weir_method method)
{
	struct weir_slice parts[SEGMENTS_MAX];
	size_t count = split(path, parts);
	const struct pattern *expected;
	struct weir_router_match match;

	if (count > SEGMENTS_MAX)
		return;
	weir_router_find(router, method, path, &match);
	expected = best(patterns, parts, count, method == WEIR_HEAD ? WEIR_GET : method);
	INSIST(!expected == !match.route);
	if (expected) {
		INSIST(strcmp(expected->path, match.route->path) == 0 && expected->methods == match.route->methods);
		check_params(expected, parts, path, &match);
		return;
	}
	INSIST((match.allowed & (WEIR_GET | WEIR_POST | WEIR_DELETE)) == allowed(patterns, parts, count));
	INSIST(!match.allowed == !allowed(patterns, parts, count));
}

static unsigned read_methods(struct weir_slice *line)
{
	static const char letters[] = "gpd";
	static const unsigned methods[] = { WEIR_GET, WEIR_POST, WEIR_DELETE };
	unsigned read = 0;
	const char *at;

	while (line->len > 0 && line->data[0] && (at = strchr(letters, line->data[0]))) {
		read |= methods[at - letters];
		*line = weir_slice_from(*line, 1);
	}
	return read ? read : WEIR_GET;
}

static void add(struct weir_pool *pool, struct weir_router *router, struct patterns *patterns, struct weir_slice line)
{
	struct pattern *pattern = &patterns->all[patterns->count];
	struct weir_route route = { .methods = read_methods(&line), .handler = answer };
	struct weir_slice parts[SEGMENTS_MAX];
	bool conflicts = false;
	char why[200];

	route.path = weir_pool_dup(pool, line).data;
	if (patterns->count == ROUTES_MAX || split(weir_slice_text(route.path), parts) > SEGMENTS_MAX)
		return;
	why[0] = '\0';
	*pattern = (struct pattern){ .methods = route.methods, .path = route.path };
	if (line.len > 0)
		dissect(pool, pattern);
	for (size_t i = 0; i < patterns->count; i++)
		conflicts |= same_shape(pattern, &patterns->all[i]) && (pattern->methods & patterns->all[i].methods);
	if (weir_router_add(router, &route, why, sizeof(why)) != WEIR_OK) {
		INSIST(why[0] != '\0');
		return;
	}
	INSIST(!conflicts);
	patterns->count++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct patterns patterns;
	struct weir_slice rest = weir_slice(data, size), line;
	struct weir_pool *pool = weir_pool_create(0);
	struct weir_router *router = weir_router_create();

	patterns.count = 0;
	while (rest.data && (line = weir_slice_cut(&rest, '\n')).len > 0)
		add(pool, router, &patterns, line);
	while (rest.data) {
		line = weir_pool_dup(pool, weir_slice_cut(&rest, '\n'));
		if (weir_path_canonical(pool, line, &line) != WEIR_OK)
			continue;
		check_path(router, &patterns, line, WEIR_GET);
		check_path(router, &patterns, line, WEIR_HEAD);
		check_path(router, &patterns, line, WEIR_POST);
	}
	weir_router_destroy(router);
	weir_pool_destroy(pool);
	return 0;
}
