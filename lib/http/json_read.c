/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading JSON. The scan has checked every token when json-c gets the text, and json-c checks how the tokens stand together. What only
 * the values show, two members of one name and numbers beyond a double, is found by counting the tree against the scan; the place is
 * looked for only then.
 */
#include <weir/json.h>

#include <json-c/json.h>
#include <math.h>

#include "http/json_scan.h"

struct summary {
	size_t members; /* of all objects */
	bool infinite;  /* a number became infinity */
};

static enum weir_status fail(struct weir_json_error *where, enum weir_status status, size_t offset, const char *reason)
{
	*where = (struct weir_json_error){ offset, reason };
	return status;
}

static enum weir_status check_tokens(struct weir_slice text, int max_depth, struct summary *summary, struct weir_json_error *where)
{
	struct weir_json_scan scan = { .text = text };
	struct weir_json_token token;
	int depth = 0;

	while (weir_json_scan_next(&scan, &token)) {
		summary->members += token.kind == WEIR_JSON_NAME;
		depth += (token.kind == WEIR_JSON_OPEN) - (token.kind == WEIR_JSON_CLOSE);
		if (depth > max_depth)
			return fail(where, WEIR_ERR_LIMIT, scan.at - 1, "nested too deep");
	}
	return scan.reason ? fail(where, WEIR_ERR_INVALID, scan.at, scan.reason) : WEIR_OK;
}

/* A second call with the terminating zero tells json-c that a number at the end of the text is complete. */
static enum weir_status build(struct json_tokener *tokener, struct weir_slice text, struct json_object **value,
			      struct weir_json_error *where)
{
	enum json_tokener_error error;
	size_t offset;

	*value = json_tokener_parse_ex(tokener, text.data ? text.data : "", (int)text.len);
	error = json_tokener_get_error(tokener);
	offset = json_tokener_get_parse_end(tokener);
	if (error == json_tokener_continue) {
		*value = json_tokener_parse_ex(tokener, "", 1);
		error = json_tokener_get_error(tokener);
		offset = text.len;
	}
	return error == json_tokener_success ? WEIR_OK : fail(where, WEIR_ERR_INVALID, offset, json_tokener_error_desc(error));
}

static enum weir_status build_value(struct weir_slice text, int max_depth, struct json_object **value, struct weir_json_error *where)
{
	struct json_tokener *tokener = json_tokener_new_ex(max_depth + 1);
	enum weir_status st;

	if (!tokener)
		return WEIR_ERR_MEMORY;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	st = build(tokener, text, value, where);
	json_tokener_free(tokener);
	return st;
}

/* Adds up what is in the value; as deep as the scan allowed. */
static void summarise(struct json_object *value, struct summary *sum)
{
	if (json_object_is_type(value, json_type_double)) {
		sum->infinite |= isinf(json_object_get_double(value)) != 0;
	} else if (json_object_is_type(value, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(value); i++)
			summarise(json_object_array_get_idx(value, i), sum);
	} else if (json_object_is_type(value, json_type_object)) {
		struct json_object_iterator it = json_object_iter_begin(value), end = json_object_iter_end(value);

		for (; !json_object_iter_equal(&it, &end); json_object_iter_next(&it)) {
			sum->members++;
			summarise(json_object_iter_peek_value(&it), sum);
		}
	}
}

/* The names seen so far of every object that is open, as members of empty objects; NULL where an array is open. */
struct open_names {
	struct json_object *sets[WEIR_JSON_MAX_DEPTH + 1];
	int depth;
};

static bool is_repeated(struct open_names *open, struct json_object *name)
{
	struct json_object *set = open->sets[open->depth];
	const char *text = json_object_get_string(name);

	if (json_object_object_get_ex(set, text, NULL))
		return true;
	if (set)
		(void)json_object_object_add(set, text, NULL);
	return false;
}

/* What is wrong with the token although it is well-formed; NULL when nothing is. */
static const char *find_fault(struct open_names *open, const struct weir_json_token *token)
{
	struct weir_json_error ignored;
	struct json_object *value = NULL;
	const char *fault = NULL;

	if (token->kind != WEIR_JSON_NAME && token->kind != WEIR_JSON_DOUBLE)
		return NULL;
	if (build_value(token->text, 0, &value, &ignored) != WEIR_OK)
		return NULL;
	if (token->kind == WEIR_JSON_DOUBLE)
		fault = isinf(json_object_get_double(value)) ? "number too large" : NULL;
	else if (is_repeated(open, value))
		fault = "name that occurs twice in an object";
	json_object_put(value);
	return fault;
}

static void enter_or_leave(struct open_names *open, const struct weir_json_token *token)
{
	if (token->kind == WEIR_JSON_OPEN)
		open->sets[++open->depth] = token->text.data[0] == '{' ? json_object_new_object() : NULL;
	else if (token->kind == WEIR_JSON_CLOSE)
		json_object_put(open->sets[open->depth--]);
}

/* Only for texts that json-c has taken, so that brackets and names stand where they should, and that have a fault: what keeps it from being
 * found is want of memory. */
static enum weir_status locate_fault(struct weir_slice text, struct weir_json_error *where)
{
	struct weir_json_scan scan = { .text = text };
	struct open_names open = { .depth = 0 };
	struct weir_json_token token;

	where->reason = NULL;
	while (!where->reason && weir_json_scan_next(&scan, &token)) {
		enter_or_leave(&open, &token);
		*where = (struct weir_json_error){ (size_t)(token.text.data - text.data), find_fault(&open, &token) };
	}
	while (open.depth > 0)
		json_object_put(open.sets[open.depth--]);
	return where->reason ? WEIR_ERR_INVALID : WEIR_ERR_MEMORY;
}

enum weir_status weir_json_parse(struct weir_slice text, int max_depth, struct json_object **value, struct weir_json_error *where)
{
	struct summary scanned = { 0 }, built = { 0 };
	struct weir_json_error unused;
	enum weir_status st;

	*value = NULL;
	if (!where)
		where = &unused;
	if (text.len >= INT32_MAX)
		return fail(where, WEIR_ERR_LIMIT, 0, "text too long");
	max_depth = max_depth < 0 ? 0 : max_depth;
	max_depth = max_depth > WEIR_JSON_MAX_DEPTH ? WEIR_JSON_MAX_DEPTH : max_depth;
	st = check_tokens(text, max_depth, &scanned, where);
	if (st == WEIR_OK)
		st = build_value(text, max_depth, value, where);
	if (st != WEIR_OK)
		return st;
	summarise(*value, &built);
	if (built.members == scanned.members && !built.infinite)
		return WEIR_OK;
	json_object_put(*value);
	*value = NULL;
	return locate_fault(text, where);
}
