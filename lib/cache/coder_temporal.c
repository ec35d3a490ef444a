/* SPDX-License-Identifier: Apache-2.0
 *
 * Coders of dates, points in time and decimals: the JSON that weir_json_date() and its like make, byte for byte, so that it is read by
 * looking at it. A client is shown the text alone, as a JSON string; nothing in it needs an escape.
 */
#include "cache/coder.h"

#define AFTER "\"}"

struct temporal {
	struct weir_coder_ops ops; /* first: a coder's `ops` points to it */
	const char *before;        /* the text */
	/* The value's text, in `room` or where it is anyway; NULL when it has none. */
	const char *(*text)(const void *value, char *room);
	enum weir_status (*read)(struct weir_pool *pool, struct weir_slice text, void *value);
};

static const struct temporal *temporal_of(const struct weir_coder *coder)
{
	return (const struct temporal *)coder->ops;
}

static enum weir_status append(const struct weir_coder *self, const void *value, const char *before, const char *after,
			       struct weir_buffer *bytes)
{
	char room[WEIR_DATETIME_TEXT_SIZE];
	const char *text = temporal_of(self)->text(value, room);

	if (!text)
		return WEIR_ERR_INVALID;
	weir_buffer_append_text(bytes, before);
	weir_buffer_append_text(bytes, text);
	weir_buffer_append_text(bytes, after);
	return bytes->overflowed ? WEIR_ERR_LIMIT : WEIR_OK;
}

static enum weir_status encode(const struct weir_coder *self, struct weir_pool *pool, const void *value, struct weir_buffer *bytes)
{
	(void)pool;
	return append(self, value, temporal_of(self)->before, AFTER, bytes);
}

static enum weir_status represent(const struct weir_coder *self, struct weir_pool *pool, const void *value, struct weir_buffer *bytes)
{
	(void)pool;
	return append(self, value, "\"", "\"", bytes);
}

static enum weir_status decode(const struct weir_coder *self, struct weir_pool *pool, struct weir_slice bytes, void *value)
{
	struct weir_slice before = weir_slice_text(temporal_of(self)->before), after = WEIR_SLICE_LITERAL(AFTER);

	if (bytes.len < before.len + after.len || !weir_slice_starts_with(bytes, before) ||
	    !weir_slice_equal(weir_slice_from(bytes, bytes.len - after.len), after))
		return WEIR_ERR_CORRUPT;
	bytes = weir_slice(bytes.data + before.len, bytes.len - before.len - after.len);
	return weir_coder_read_status(temporal_of(self)->read(pool, bytes, value));
}

static const char *date_text(const void *value, char *room)
{
	return weir_date_write(value, room) == WEIR_OK ? room : NULL;
}

static enum weir_status read_date(struct weir_pool *pool, struct weir_slice text, void *value)
{
	(void)pool;
	return weir_date_read(text, value);
}

static const char *datetime_text(const void *value, char *room)
{
	return weir_datetime_write(value, room) == WEIR_OK ? room : NULL;
}

static enum weir_status read_datetime(struct weir_pool *pool, struct weir_slice text, void *value)
{
	(void)pool;
	return weir_datetime_read(text, value);
}

static const char *decimal_text(const void *value, char *room)
{
	const struct weir_decimal *decimal = value;

	(void)room;
	return weir_decimal_valid(decimal) ? decimal->text : NULL;
}

static enum weir_status read_decimal(struct weir_pool *pool, struct weir_slice text, void *value)
{
	return weir_decimal_read(pool, text, value);
}

#define OPS(type) \
	{ \
		.name = type, .encode = encode, .decode = decode, .represent = represent \
	}
#define BEFORE(type) "{\"_spec_type\":\"" type "\",\"val\":\""

static const struct temporal date = { OPS("date"), BEFORE("date"), date_text, read_date };
static const struct temporal datetime = { OPS("datetime"), BEFORE("datetime"), datetime_text, read_datetime };
static const struct temporal decimal = { OPS("decimal"), BEFORE("decimal"), decimal_text, read_decimal };

#define CODER(temporal, type) \
	{ \
		.ops = &(temporal).ops, .size = sizeof(type), .media_type = "application/json" \
	}

const struct weir_coder weir_coder_date = CODER(date, struct weir_date);
const struct weir_coder weir_coder_datetime = CODER(datetime, struct weir_datetime);
const struct weir_coder weir_coder_decimal = CODER(decimal, struct weir_decimal);
