/* SPDX-License-Identifier: Apache-2.0
 *
 * Members that are dates, points in time and decimals: in JSON, in the binary form and in single texts alike they are their text.
 */
#include "http/struct.h"

/* Any of them: what is at an element's address need not be aligned. */
union temporal {
	struct weir_date date;
	struct weir_datetime datetime;
	struct weir_decimal decimal;
};

struct weir_slice weir_field_temporal_text(const struct weir_field *field, const void *element, char room[WEIR_DATETIME_TEXT_SIZE])
{
	union temporal value;

	memcpy(&value, element, field->size);
	switch (field->kind) {
	case WEIR_FIELD_DATE:
		return weir_slice_text(weir_date_write(&value.date, room) == WEIR_OK ? room : NULL);
	case WEIR_FIELD_DATETIME:
		return weir_slice_text(weir_datetime_write(&value.datetime, room) == WEIR_OK ? room : NULL);
	default:
		return weir_slice_text(weir_decimal_valid(&value.decimal) ? value.decimal.text : NULL);
	}
}

bool weir_field_set_temporal(struct weir_pool *pool, const struct weir_field *field, struct weir_slice text, void *element)
{
	union temporal value;
	enum weir_status status;

	if (field->kind == WEIR_FIELD_DATE)
		status = weir_date_read(text, &value.date);
	else if (field->kind == WEIR_FIELD_DATETIME)
		status = weir_datetime_read(text, &value.datetime);
	else
		status = weir_decimal_read(pool, text, &value.decimal);
	if (status != WEIR_OK)
		return status == WEIR_ERR_MEMORY;
	memcpy(element, &value, field->size);
	return true;
}

bool weir_field_set_temporal_default(const struct weir_field *field, void *element)
{
	const struct weir_decimal decimal = { field->default_text };

	if (field->kind != WEIR_FIELD_DECIMAL)
		return weir_field_set_temporal(NULL, field, weir_slice_text(field->default_text), element);
	memcpy(element, &decimal, sizeof(decimal));
	return weir_decimal_valid(&decimal);
}
