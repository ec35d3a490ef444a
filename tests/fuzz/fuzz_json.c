/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as JSON. The first byte is the depth allowed. What is taken can be written, and reads back as the same value; what is refused
 * says why.
 */
#include <weir/json.h>

#include <json-c/json.h>

#include "insist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_value(struct json_object *value, int max_depth)
{
	struct json_object *again = NULL;
	struct weir_buffer first, second;

	weir_buffer_init(&first, 0);
	weir_buffer_init(&second, 0);
	INSIST(weir_json_append(&first, value) == WEIR_OK);
	INSIST(weir_json_parse(weir_buffer_slice(&first), max_depth, &again, NULL) == WEIR_OK);
	INSIST(json_object_equal(value, again));
	INSIST(weir_json_append(&second, again) == WEIR_OK);
	INSIST(weir_slice_equal(weir_buffer_slice(&first), weir_buffer_slice(&second)));
	json_object_put(again);
	weir_buffer_finish(&first);
	weir_buffer_finish(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_slice text = weir_slice_from(weir_slice(data, size), 1);
	struct weir_json_error where = { SIZE_MAX, NULL };
	struct json_object *value;
	enum weir_status st;

	if (size == 0)
		return 0;
	st = weir_json_parse(text, data[0], &value, &where);
	if (st == WEIR_OK) {
		check_value(value, data[0]);
		json_object_put(value);
		return 0;
	}
	INSIST(!value && (st == WEIR_ERR_INVALID || st == WEIR_ERR_LIMIT));
	INSIST(where.reason && where.offset <= text.len);
	return 0;
}
