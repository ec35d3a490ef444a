/* SPDX-License-Identifier: Apache-2.0
 *
 * Dates, points in time and decimals as JSON objects that say what they are.
 */
#include <weir/temporal.h>

#include <json-c/json.h>

#define TYPE "_spec_type"
#define VALUE "val"

/* Takes `value` over, also on failure. */
static bool add(struct json_object *object, const char *name, struct json_object *value)
{
	if (object && value && json_object_object_add(object, name, value) == 0)
		return true;
	json_object_put(value);
	return false;
}

static struct json_object *make(const char *type, const char *text)
{
	struct json_object *object = json_object_new_object();

	if (add(object, TYPE, json_object_new_string(type)) && add(object, VALUE, json_object_new_string(text)))
		return object;
	json_object_put(object);
	return NULL;
}

static struct weir_slice member(struct json_object *object, const char *name)
{
	struct json_object *text;

	if (!json_object_object_get_ex(object, name, &text) || !json_object_is_type(text, json_type_string))
		return WEIR_SLICE_NONE;
	return weir_slice(json_object_get_string(text), (size_t)json_object_get_string_len(text));
}

/* The text in an object of that type; absent in all else. */
static struct weir_slice text_in(struct json_object *json, const char *type)
{
	if (!json_object_is_type(json, json_type_object) || json_object_object_length(json) != 2)
		return WEIR_SLICE_NONE;
	return weir_slice_equal(member(json, TYPE), weir_slice_text(type)) ? member(json, VALUE) : WEIR_SLICE_NONE;
}

struct json_object *weir_json_date(const struct weir_date *date)
{
	char text[WEIR_DATE_TEXT_SIZE];

	return weir_date_write(date, text) == WEIR_OK ? make("date", text) : NULL;
}

struct json_object *weir_json_datetime(const struct weir_datetime *datetime)
{
	char text[WEIR_DATETIME_TEXT_SIZE];

	return weir_datetime_write(datetime, text) == WEIR_OK ? make("datetime", text) : NULL;
}

struct json_object *weir_json_decimal(const struct weir_decimal *decimal)
{
	return weir_decimal_valid(decimal) ? make("decimal", decimal->text) : NULL;
}

enum weir_status weir_json_to_date(struct json_object *json, struct weir_date *date)
{
	return weir_date_read(text_in(json, "date"), date);
}

enum weir_status weir_json_to_datetime(struct json_object *json, struct weir_datetime *datetime)
{
	return weir_datetime_read(text_in(json, "datetime"), datetime);
}

enum weir_status weir_json_to_decimal(struct weir_pool *pool, struct json_object *json, struct weir_decimal *decimal)
{
	return weir_decimal_read(pool, text_in(json, "decimal"), decimal);
}
