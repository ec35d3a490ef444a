/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as an entry of any of the library's coders, which the first byte chooses; it also says whether the pool is small, and whether
 * the bytes are compressed before, so that what is inside a good frame is hostile too. What is taken is encoded and comes back the same.
 */
#include <weir/coder.h>

#include "insist.h"
#include "support/sample_struct.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHOICE 0x1f
#define SMALL_POOL 0x80
#define COMPRESSED 0x40

static const struct weir_coder sample = WEIR_CODER_STRUCT(struct sample, sample_fields);
static const struct weir_coder sample_json = WEIR_CODER_STRUCT_JSON(struct sample, sample_fields);
static const struct weir_coder booking = WEIR_CODER_STRUCT(struct sample_booking, sample_booking_fields);
static const struct weir_coder booking_json = WEIR_CODER_STRUCT_JSON(struct sample_booking, sample_booking_fields);
static const struct weir_coder zstd_bytes = WEIR_CODER_ZSTD(&weir_coder_bytes, 8);
static const struct weir_coder zstd_sample = WEIR_CODER_ZSTD(&sample, 0);
static const struct weir_coder zstd_json = WEIR_CODER_ZSTD(&weir_coder_json, 0);
static const struct weir_coder zstd_twice = WEIR_CODER_ZSTD(&zstd_bytes, 0);

/* The first EXACT have one form for each value, and read no other. */
#define EXACT 7
static const struct weir_coder *const coders[] = {
	&weir_coder_text,    &weir_coder_bytes,    &weir_coder_bool, &weir_coder_int, &weir_coder_double, &weir_coder_date,
	&weir_coder_decimal, &weir_coder_datetime, &weir_coder_json, &sample,         &sample_json,       &zstd_bytes,
	&zstd_sample,        &zstd_json,           &zstd_twice,      &booking,        &booking_json,
};
#define CODERS (sizeof(coders) / sizeof(coders[0]))

union value {
	struct sample sample;
	struct sample_booking booking;
	struct weir_datetime datetime;
	struct weir_slice bytes;
};

static void encode(const struct weir_coder *coder, struct weir_pool *pool, const void *value, struct weir_buffer *bytes)
{
	weir_buffer_init(bytes, 0);
	INSIST(coder->ops->encode(coder, pool, value, bytes) == WEIR_OK);
}

/* What a client would be shown need not exist (NaN in JSON), but must be found out safely. */
static void show(const struct weir_coder *coder, struct weir_pool *pool, const void *value)
{
	struct weir_buffer shown;
	enum weir_status status;

	if (!coder->ops->represent)
		return;
	weir_buffer_init(&shown, 0);
	status = coder->ops->represent(coder, pool, value, &shown);
	INSIST(status == WEIR_OK || status == WEIR_ERR_INVALID);
	weir_buffer_finish(&shown);
}

static void check_value(const struct weir_coder *coder, const void *value, struct weir_slice bytes, bool exact)
{
	struct weir_pool *pool = weir_pool_create(0);
	struct weir_buffer first, second;
	union value again;

	INSIST(pool);
	memset(&again, 0, sizeof(again));
	encode(coder, pool, value, &first);
	INSIST(!exact || weir_slice_equal(weir_buffer_slice(&first), bytes));
	INSIST(coder->ops->decode(coder, pool, weir_buffer_slice(&first), &again) == WEIR_OK);
	encode(coder, pool, &again, &second);
	INSIST(weir_slice_equal(weir_buffer_slice(&first), weir_buffer_slice(&second)));
	show(coder, pool, &again);
	weir_pool_destroy(pool); /* before the bytes that values point into */
	weir_buffer_finish(&second);
	weir_buffer_finish(&first);
}

static void try_coder(size_t choice, struct weir_slice bytes, size_t limit)
{
	const struct weir_coder *coder = coders[choice];
	struct weir_pool *pool = weir_pool_create(limit);
	union value value;
	enum weir_status status;

	INSIST(pool && weir_coder_size(coder) <= sizeof(value));
	memset(&value, 0, sizeof(value));
	status = coder->ops->decode(coder, pool, bytes, &value);
	INSIST(status == WEIR_OK || status == WEIR_MISS || status == WEIR_ERR_CORRUPT ||
	       (status == WEIR_ERR_MEMORY && weir_pool_overflowed(pool)));
	if (status == WEIR_OK)
		check_value(coder, &value, bytes, choice < EXACT);
	weir_pool_destroy(pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_slice bytes = weir_slice_from(weir_slice(data, size), 1);
	struct weir_buffer frame;

	if (size == 0)
		return 0;
	weir_buffer_init(&frame, 0);
	if (data[0] & COMPRESSED) {
		INSIST(zstd_bytes.ops->encode(&zstd_bytes, NULL, &bytes, &frame) == WEIR_OK);
		bytes = weir_buffer_slice(&frame);
	}
	try_coder((data[0] & CHOICE) % CODERS, bytes, data[0] & SMALL_POOL ? 1000 : 1 << 22);
	weir_buffer_finish(&frame);
	return 0;
}
