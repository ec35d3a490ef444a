/* SPDX-License-Identifier: Apache-2.0
 *
 * Writing JSON. json-c writes 0.1 as 0.10000000000000001, NaN as NaN, and strings that are not UTF-8 as they are, so values are written
 * here.
 */
#include <weir/json.h>

#include <float.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "http/json_number.h"

static enum weir_status append_value(struct weir_buffer *buffer, struct json_object *value, int depth);

/* The fewest digits that read back as the same number; 15 always do for what was written with that many. */
static void print_shortest(double number, char *out, size_t size)
{
	int precision = fabs(number) < DBL_MIN ? 1 : DBL_DIG;

	do
		(void)snprintf(out, size, "%.*g", precision, number);
	while (strtod(out, NULL) != number && ++precision <= DBL_DECIMAL_DIG);
}

void weir_json_append_printed_double(struct weir_buffer *buffer, const char *printed)
{
	static const char others[] = "0123456789e+-";
	bool is_double = false;

	while (*printed) {
		size_t run = strspn(printed, others);
		size_t point = strcspn(printed + run, others);

		is_double = is_double || point > 0 || memchr(printed, 'e', run);
		weir_buffer_append(buffer, printed, run);
		if (point > 0)
			weir_buffer_append_byte(buffer, '.');
		printed += run + point;
	}
	if (!is_double)
		weir_buffer_append_text(buffer, ".0");
}

enum weir_status weir_json_append_double(struct weir_buffer *buffer, double number)
{
	char text[48];

	if (!isfinite(number))
		return WEIR_ERR_INVALID;
	print_shortest(number, text, sizeof(text));
	weir_json_append_printed_double(buffer, text);
	return WEIR_OK;
}

/* json_object_get_int64() gives INT64_MAX for what is larger. */
static void append_integer(struct weir_buffer *buffer, struct json_object *value)
{
	int64_t number = json_object_get_int64(value);

	if (number == INT64_MAX)
		weir_buffer_printf(buffer, "%" PRIu64, json_object_get_uint64(value));
	else
		weir_buffer_printf(buffer, "%" PRId64, number);
}

static bool must_be_escaped(char byte)
{
	return byte == '"' || byte == '\\' || (unsigned char)byte < 0x20;
}

static void append_escape(struct weir_buffer *buffer, char byte)
{
	static const char letters[] = "\"\"\\\\\bb\ff\nn\rr\tt";

	for (const char *pair = letters; *pair; pair += 2) {
		if (pair[0] == byte) {
			weir_buffer_append_byte(buffer, '\\');
			weir_buffer_append_byte(buffer, pair[1]);
			return;
		}
	}
	weir_buffer_printf(buffer, "\\u%04x", (unsigned)(unsigned char)byte);
}

void weir_json_append_string(struct weir_buffer *buffer, struct weir_slice text)
{
	size_t written = 0, at = 0, len;
	uint32_t code;

	weir_buffer_append_byte(buffer, '"');
	for (; at < text.len; at += len) {
		len = weir_utf8_decode(weir_slice_from(text, at), &code);
		if (len > 0 && !must_be_escaped(text.data[at]))
			continue;
		weir_buffer_append(buffer, text.data + written, at - written);
		if (len > 0) {
			append_escape(buffer, text.data[at]);
		} else { /* one replacement character for each byte that is not UTF-8 */
			weir_buffer_append_text(buffer, "\xEF\xBF\xBD");
			len = 1;
		}
		written = at + 1;
	}
	weir_buffer_append_slice(buffer, weir_slice_from(text, written));
	weir_buffer_append_byte(buffer, '"');
}

static enum weir_status append_array(struct weir_buffer *buffer, struct json_object *array, int depth)
{
	size_t count = json_object_array_length(array);

	weir_buffer_append_byte(buffer, '[');
	for (size_t i = 0; i < count; i++) {
		enum weir_status st;

		if (i > 0)
			weir_buffer_append_byte(buffer, ',');
		st = append_value(buffer, json_object_array_get_idx(array, i), depth);
		if (st != WEIR_OK)
			return st;
	}
	weir_buffer_append_byte(buffer, ']');
	return WEIR_OK;
}

static enum weir_status append_object(struct weir_buffer *buffer, struct json_object *object, int depth)
{
	struct json_object_iterator it = json_object_iter_begin(object), end = json_object_iter_end(object);
	const char *separator = "{";

	for (; !json_object_iter_equal(&it, &end); json_object_iter_next(&it), separator = ",") {
		enum weir_status st;

		weir_buffer_append_text(buffer, separator);
		weir_json_append_string(buffer, weir_slice_text(json_object_iter_peek_name(&it)));
		weir_buffer_append_byte(buffer, ':');
		st = append_value(buffer, json_object_iter_peek_value(&it), depth);
		if (st != WEIR_OK)
			return st;
	}
	weir_buffer_append_text(buffer, *separator == '{' ? "{}" : "}");
	return WEIR_OK;
}

/* `depth` is how many arrays and objects may still be opened. */
static enum weir_status append_value(struct weir_buffer *buffer, struct json_object *value, int depth)
{
	switch (json_object_get_type(value)) {
	case json_type_boolean:
		weir_buffer_append_text(buffer, json_object_get_boolean(value) ? "true" : "false");
		return WEIR_OK;
	case json_type_double:
		return weir_json_append_double(buffer, json_object_get_double(value));
	case json_type_int:
		append_integer(buffer, value);
		return WEIR_OK;
	case json_type_string:
		weir_json_append_string(buffer, weir_slice(json_object_get_string(value), (size_t)json_object_get_string_len(value)));
		return WEIR_OK;
	case json_type_array:
		return depth > 0 ? append_array(buffer, value, depth - 1) : WEIR_ERR_LIMIT;
	case json_type_object:
		return depth > 0 ? append_object(buffer, value, depth - 1) : WEIR_ERR_LIMIT;
	case json_type_null:
	default:
		weir_buffer_append_text(buffer, "null");
		return WEIR_OK;
	}
}

enum weir_status weir_json_append(struct weir_buffer *buffer, struct json_object *value)
{
	size_t before = buffer->len;
	enum weir_status st = append_value(buffer, value, WEIR_JSON_MAX_DEPTH);

	if (st == WEIR_OK && buffer->overflowed)
		st = WEIR_ERR_LIMIT;
	if (st != WEIR_OK)
		buffer->len = before;
	return st;
}
