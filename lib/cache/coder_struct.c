/* SPDX-License-Identifier: Apache-2.0
 *
 * Coders of structs that have a field table.
 */
#include "cache/coder.h"

static enum weir_status encode_json(const struct weir_coder *self, struct weir_pool *pool, const void *value, struct weir_buffer *bytes)
{
	(void)pool;
	return weir_struct_append_json(bytes, self->fields, value);
}

static enum weir_status decode_json(const struct weir_coder *self, struct weir_pool *pool, struct weir_slice bytes, void *value)
{
	struct weir_faults faults;

	return weir_coder_read_status(weir_struct_parse_json(pool, self->fields, bytes, value, &faults));
}

static enum weir_status encode_binary(const struct weir_coder *self, struct weir_pool *pool, const void *value, struct weir_buffer *bytes)
{
	(void)pool;
	return weir_struct_append_binary(bytes, self->fields, value);
}

static enum weir_status decode_binary(const struct weir_coder *self, struct weir_pool *pool, struct weir_slice bytes, void *value)
{
	return weir_struct_from_binary(pool, self->fields, bytes, value);
}

static uint64_t fingerprint(const struct weir_coder *self)
{
	return weir_struct_fingerprint(self->fields);
}

const struct weir_coder_ops weir_coder_struct_json_ops = {
	.name = "struct json",
	.encode = encode_json,
	.decode = decode_json,
	.fingerprint = fingerprint,
};

const struct weir_coder_ops weir_coder_struct_ops = {
	.name = "struct",
	.encode = encode_binary,
	.decode = decode_binary,
	.represent = encode_json,
	.fingerprint = fingerprint,
};
