/* SPDX-License-Identifier: Apache-2.0
 *
 * Structs with members of every kind and shape, and their field tables: for unit tests and fuzz targets.
 */
#ifndef WEIR_TESTS_SAMPLE_STRUCT_H
#define WEIR_TESTS_SAMPLE_STRUCT_H

#include <weir/field.h>

enum sample_colour {
	SAMPLE_RED,
	SAMPLE_GREEN,
	SAMPLE_BLUE
};

struct sample_point {
	double x;
	double y;
};

struct sample {
	bool flag;
	int8_t i8;
	int16_t i16;
	int32_t i32;
	int64_t i64;
	uint8_t u8;
	uint16_t u16;
	uint32_t u32;
	uint64_t u64;
	double number;
	const char *text;
	struct weir_slice bytes;
	enum sample_colour colour;
	struct sample_point point;
	int16_t fixed[3];
	const char **words;
	size_t word_count;
	struct sample *nested;
	size_t nested_count;
	bool has_tax;
	double tax;
	const char *note;
	int limit;
	struct weir_slice *blobs;
	size_t blob_count;
};

static const char *const sample_colours[] = { "red", "green", "blue", NULL };

static const struct weir_field sample_point_fields[] = {
	WEIR_DOUBLE(struct sample_point, x),
	WEIR_DOUBLE_BETWEEN(struct sample_point, y, -90, 90),
	{ 0 },
};

static const struct weir_field sample_fields[] = {
	WEIR_BOOL(struct sample, flag),
	WEIR_INT(struct sample, i8),
	WEIR_INT(struct sample, i16),
	WEIR_INT(struct sample, i32),
	WEIR_INT(struct sample, i64),
	WEIR_UINT(struct sample, u8),
	WEIR_UINT(struct sample, u16),
	WEIR_UINT(struct sample, u32),
	WEIR_UINT(struct sample, u64),
	WEIR_DOUBLE(struct sample, number),
	WEIR_TEXT(struct sample, text, WEIR_LENGTH(0, 20)),
	WEIR_BYTES(struct sample, bytes),
	WEIR_ENUM(struct sample, colour, sample_colours),
	WEIR_STRUCT(struct sample, point, sample_point_fields),
	WEIR_INT_ARRAY(struct sample, fixed),
	WEIR_TEXT_LIST(struct sample, words, word_count, WEIR_COUNT(0, 4), WEIR_OR_EMPTY),
	WEIR_STRUCT_LIST(struct sample, nested, nested_count, sample_fields, WEIR_OR_EMPTY),
	WEIR_DOUBLE(struct sample, tax, WEIR_OPTIONAL(struct sample, has_tax)),
	WEIR_TEXT(struct sample, note, WEIR_OR_NULL),
	WEIR_INT(struct sample, limit, WEIR_INT_RANGE(1, 100), WEIR_INT_DEFAULT(10)),
	WEIR_BYTES_LIST(struct sample, blobs, blob_count, WEIR_OR_EMPTY),
	{ 0 },
};

/* The kinds that are written as text. */
struct sample_booking {
	struct weir_date day;
	struct weir_datetime made;
	struct weir_decimal price;
	struct weir_decimal deposit;
	struct weir_date *holidays;
	size_t holiday_count;
	struct weir_datetime slots[2];
	struct weir_decimal *rates;
	size_t rate_count;
	bool has_end;
	struct weir_date end;
};

static const struct weir_field sample_booking_fields[] = {
	WEIR_DATE(struct sample_booking, day),
	WEIR_DATETIME(struct sample_booking, made),
	WEIR_DECIMAL(struct sample_booking, price),
	WEIR_DECIMAL(struct sample_booking, deposit, WEIR_TEXT_DEFAULT("0.00")),
	WEIR_DATE_LIST(struct sample_booking, holidays, holiday_count, WEIR_COUNT(0, 3), WEIR_OR_EMPTY),
	WEIR_DATETIME_ARRAY(struct sample_booking, slots),
	WEIR_DECIMAL_LIST(struct sample_booking, rates, rate_count, WEIR_OR_EMPTY),
	WEIR_DATE(struct sample_booking, end, WEIR_OPTIONAL(struct sample_booking, has_end)),
	{ 0 },
};

#endif
