/* SPDX-License-Identifier: Apache-2.0
 *
 * Coders of plain values: text, bytes, truth and numbers. Each value has exactly one form, and only that is read.
 */
#include <inttypes.h>

#include "base/endian.h"
#include "base/utf8.h"
#include "cache/coder.h"
#include "http/json_number.h"

/* What the buffer says when everything was appended. */
static enum weir_status appended(const struct weir_buffer *bytes)
{
	return bytes->overflowed ? WEIR_ERR_LIMIT : WEIR_OK;
}

/* -- Text ------------------------------------------------------------------------------------------------------------------ */

/* U+0000 would end the text early. */
static bool is_text(struct weir_slice text)
{
	size_t len;
	uint32_t code;

	for (; text.len > 0; text = weir_slice_from(text, len)) {
		len = weir_utf8_decode(text, &code);
		if (len == 0 || code == 0)
			return false;
	}
	return true;
}

static enum weir_status encode_text(const struct weir_coder *self, struct weir_pool *pool, const void *value, struct weir_buffer *bytes)
{
	struct weir_slice text = weir_slice_text(*(const char *const *)value);

	(void)self;
	(void)pool;
	if (!text.data || !is_text(text))
		return WEIR_ERR_INVALID;
	weir_buffer_append_slice(bytes, text);
	return appended(bytes);
}

static enum weir_status decode_text(const struct weir_coder *self, struct weir_pool *pool, struct weir_slice bytes, void *value)
{
	const char *text;

	(void)self;
	if (!is_text(bytes))
		return WEIR_ERR_CORRUPT;
	text = weir_pool_dup(pool, weir_slice(bytes.len > 0 ? bytes.data : "", bytes.len)).data;
	if (!text)
		return WEIR_ERR_MEMORY;
	*(const char **)value = text;
	return WEIR_OK;
}

/* -- Bytes ----------------------------------------------------------------------------------------------------------------- */

static enum weir_status encode_bytes(const struct weir_coder *self, struct weir_pool *pool, const void *value, struct weir_buffer *bytes)
{
	(void)self;
	(void)pool;
	weir_buffer_append_slice(bytes, *(const struct weir_slice *)value);
	return appended(bytes);
}

/* Not a copy: the bytes live as long as the value. */
static enum weir_status decode_bytes(const struct weir_coder *self, struct weir_pool *pool, struct weir_slice bytes, void *value)
{
	(void)self;
	(void)pool;
	*(struct weir_slice *)value = bytes.len > 0 ? bytes : WEIR_SLICE_LITERAL("");
	return WEIR_OK;
}

/* -- Truth ----------------------------------------------------------------------------------------------------------------- */

static enum weir_status encode_bool(const struct weir_coder *self, struct weir_pool *pool, const void *value, struct weir_buffer *bytes)
{
	(void)self;
	(void)pool;
	weir_buffer_append_text(bytes, *(const bool *)value ? "true" : "false");
	return appended(bytes);
}

static enum weir_status decode_bool(const struct weir_coder *self, struct weir_pool *pool, struct weir_slice bytes, void *value)
{
	bool yes = weir_slice_equal(bytes, WEIR_SLICE_LITERAL("true"));

	(void)self;
	(void)pool;
	if (!yes && !weir_slice_equal(bytes, WEIR_SLICE_LITERAL("false")))
		return WEIR_ERR_CORRUPT;
	*(bool *)value = yes;
	return WEIR_OK;
}

/* -- Numbers --------------------------------------------------------------------------------------------------------------- */

static enum weir_status encode_int(const struct weir_coder *self, struct weir_pool *pool, const void *value, struct weir_buffer *bytes)
{
	(void)self;
	(void)pool;
	weir_buffer_printf(bytes, "%" PRId64, *(const int64_t *)value);
	return appended(bytes);
}

static enum weir_status decode_int(const struct weir_coder *self, struct weir_pool *pool, struct weir_slice bytes, void *value)
{
	bool negative = bytes.len > 0 && bytes.data[0] == '-';
	struct weir_slice digits = weir_slice_from(bytes, negative);
	uint64_t number;

	(void)self;
	(void)pool;
	if (weir_slice_to_u64(digits, (uint64_t)INT64_MAX + negative, &number) != WEIR_OK)
		return WEIR_ERR_CORRUPT;
	if (digits.data[0] == '0' && bytes.len > 1) /* 00, 07, -0 */
		return WEIR_ERR_CORRUPT;
	*(int64_t *)value = (int64_t)(negative ? 0 - number : number);
	return WEIR_OK;
}

static enum weir_status encode_double(const struct weir_coder *self, struct weir_pool *pool, const void *value, struct weir_buffer *bytes)
{
	uint64_t bits;
	char stored[8];

	(void)self;
	(void)pool;
	memcpy(&bits, value, sizeof(bits));
	weir_store_le64(stored, bits);
	weir_buffer_append(bytes, stored, sizeof(stored));
	return appended(bytes);
}

static enum weir_status decode_double(const struct weir_coder *self, struct weir_pool *pool, struct weir_slice bytes, void *value)
{
	uint64_t bits;

	(void)self;
	(void)pool;
	if (bytes.len != sizeof(bits))
		return WEIR_ERR_CORRUPT;
	bits = weir_load_le64(bytes.data);
	memcpy(value, &bits, sizeof(bits));
	return WEIR_OK;
}

static enum weir_status show_double(const struct weir_coder *self, struct weir_pool *pool, const void *value, struct weir_buffer *bytes)
{
	enum weir_status status = weir_json_append_double(bytes, *(const double *)value);

	(void)self;
	(void)pool;
	return status == WEIR_OK ? appended(bytes) : status;
}

/* -- The tables ------------------------------------------------------------------------------------------------------------ */

static const struct weir_coder_ops text_ops = { .name = "text", .encode = encode_text, .decode = decode_text };
static const struct weir_coder_ops bytes_ops = { .name = "bytes", .encode = encode_bytes, .decode = decode_bytes };
static const struct weir_coder_ops bool_ops = { .name = "bool", .encode = encode_bool, .decode = decode_bool };
static const struct weir_coder_ops int_ops = { .name = "int", .encode = encode_int, .decode = decode_int };
static const struct weir_coder_ops double_ops = {
	.name = "double",
	.encode = encode_double,
	.decode = decode_double,
	.represent = show_double,
};

#define JSON "application/json"

const struct weir_coder weir_coder_text = { .ops = &text_ops, .size = sizeof(const char *), .media_type = "text/plain; charset=utf-8" };
const struct weir_coder weir_coder_bytes = { .ops = &bytes_ops, .size = sizeof(struct weir_slice) };
const struct weir_coder weir_coder_bool = { .ops = &bool_ops, .size = sizeof(bool), .media_type = JSON };
const struct weir_coder weir_coder_int = { .ops = &int_ops, .size = sizeof(int64_t), .media_type = JSON };
const struct weir_coder weir_coder_double = { .ops = &double_ops, .size = sizeof(double), .media_type = JSON };
