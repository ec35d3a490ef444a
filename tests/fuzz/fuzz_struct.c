/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a struct: the first byte says whether as JSON, as the binary form behind a right fingerprint, or as it comes. What is taken
 * keeps to its table and comes back equal from both forms; what is refused says why. The pool is small, so that it also overflows.
 */
#include <string.h>

#include "insist.h"
#include "support/sample_struct.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_binary(struct weir_pool *pool, const struct sample *value)
{
	struct weir_buffer first, second;
	struct sample again;

	memset(&again, 0xa5, sizeof(again));
	weir_buffer_init(&first, 0);
	weir_buffer_init(&second, 0);
	INSIST(weir_struct_append_binary(&first, sample_fields, value) == WEIR_OK);
	INSIST(weir_struct_from_binary(pool, sample_fields, weir_buffer_slice(&first), &again) == WEIR_OK);
	INSIST(weir_struct_equal(pool, sample_fields, value, &again, NULL));
	INSIST(weir_struct_append_binary(&second, sample_fields, &again) == WEIR_OK);
	INSIST(weir_slice_equal(weir_buffer_slice(&first), weir_buffer_slice(&second)));
	weir_buffer_finish(&first);
	weir_buffer_finish(&second);
}

/* Only the binary form has NaN and infinity. */
static void check_json(struct weir_pool *pool, const struct sample *value, bool from_json)
{
	struct weir_faults faults;
	struct weir_buffer text;
	struct sample again;
	enum weir_status status;

	weir_buffer_init(&text, 0);
	status = weir_struct_append_json(&text, sample_fields, value);
	INSIST(status == WEIR_OK || (!from_json && status == WEIR_ERR_INVALID && text.len == 0));
	if (status == WEIR_OK) {
		INSIST(weir_struct_parse_json(pool, sample_fields, weir_buffer_slice(&text), &again, &faults) == WEIR_OK);
		INSIST(weir_struct_equal(pool, sample_fields, value, &again, NULL));
	}
	weir_buffer_finish(&text);
}

static void check_value(const struct sample *value, bool from_json)
{
	struct weir_pool *pool = weir_pool_create(0);
	struct weir_faults faults;

	INSIST(pool);
	INSIST(weir_struct_validate(pool, sample_fields, value, &faults) == WEIR_OK && faults.count == 0);
	check_binary(pool, value);
	check_json(pool, value, from_json);
	weir_pool_destroy(pool);
}

static void try_json(struct weir_pool *pool, struct weir_slice text)
{
	struct weir_faults faults;
	struct sample value;
	enum weir_status status = weir_struct_parse_json(pool, sample_fields, text, &value, &faults);

	if (status == WEIR_OK) {
		check_value(&value, true);
		return;
	}
	INSIST(status == WEIR_ERR_INVALID || status == WEIR_ERR_LIMIT || (status == WEIR_ERR_MEMORY && weir_pool_overflowed(pool)));
	INSIST(status == WEIR_ERR_MEMORY || faults.count > 0);
	for (size_t i = 0; status != WEIR_ERR_MEMORY && i < faults.count; i++)
		INSIST(faults.list[i].path && faults.list[i].problem);
}

static void try_binary(struct weir_pool *pool, struct weir_slice bytes)
{
	struct sample value;
	enum weir_status status = weir_struct_from_binary(pool, sample_fields, bytes, &value);

	INSIST(status == WEIR_OK || status == WEIR_MISS || status == WEIR_ERR_CORRUPT ||
	       (status == WEIR_ERR_MEMORY && weir_pool_overflowed(pool)));
	if (status == WEIR_OK)
		check_value(&value, false);
}

static void try_with_fingerprint(struct weir_pool *pool, struct weir_slice bytes)
{
	struct weir_buffer with;
	uint64_t fingerprint = weir_struct_fingerprint(sample_fields);

	weir_buffer_init(&with, 0);
	for (int i = 0; i < 8; i++)
		weir_buffer_append_byte(&with, (char)(fingerprint >> (8 * i) & 0xff));
	weir_buffer_append_slice(&with, bytes);
	try_binary(pool, weir_buffer_slice(&with));
	weir_buffer_finish(&with);
}

/* The first byte is the member, the rest its text. */
static void try_text(struct weir_pool *pool, struct weir_slice bytes)
{
	size_t members = sizeof(sample_fields) / sizeof(*sample_fields) - 1;
	const struct weir_field *field = &sample_fields[bytes.len > 0 ? (unsigned char)bytes.data[0] % members : 0];
	const struct weir_field table[2] = { *field, { 0 } };
	struct weir_faults faults = { .count = 0 };
	const char *text = weir_pool_dup(pool, weir_slice_from(bytes, 1)).data;
	struct sample value;
	enum weir_status status = weir_struct_set_text(pool, field, text, &value, &faults);

	if (status == WEIR_OK)
		INSIST(weir_struct_validate(pool, table, &value, &faults) == WEIR_OK);
	else
		INSIST(status == WEIR_ERR_UNSUPPORTED || status == WEIR_ERR_MEMORY || faults.count == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const ways[])(struct weir_pool *, struct weir_slice) = { try_json, try_with_fingerprint, try_binary, try_text };
	struct weir_pool *pool;

	if (size == 0)
		return 0;
	pool = weir_pool_create(data[0] & 0x80 ? 1000 : 1 << 20);
	INSIST(pool);
	ways[(data[0] & 0x7f) % 4](pool, weir_slice_from(weir_slice(data, size), 1));
	weir_pool_destroy(pool);
	return 0;
}
