/* SPDX-License-Identifier: Apache-2.0
 *
 * The compressing coder: small values stay as they are, large ones come back equal, and what claims to be one gets no room that it is not
 * worth.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>

#include "base/endian.h"
#include "cache/coder.h"
#include "cache/libzstd.h"
#include "support/sample_struct.h"

static const struct weir_coder zstd_bytes = WEIR_CODER_ZSTD(&weir_coder_bytes, 100);
static const struct weir_coder zstd_twice = WEIR_CODER_ZSTD(&zstd_bytes, 0);
static const struct weir_coder point = WEIR_CODER_STRUCT(struct sample_point, sample_point_fields);
static const struct weir_coder zstd_point = WEIR_CODER_ZSTD(&point, 0);

static int setup(void **state)
{
	*state = weir_pool_create(0);
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	weir_pool_destroy(*state);
	return 0;
}

static struct weir_slice encode(struct weir_pool *pool, const struct weir_coder *coder, const void *value)
{
	struct weir_slice copy;
	struct weir_buffer bytes;

	weir_buffer_init(&bytes, 0);
	assert_int_equal(coder->ops->encode(coder, pool, value, &bytes), WEIR_OK);
	copy = weir_pool_dup(pool, weir_buffer_slice(&bytes));
	weir_buffer_finish(&bytes);
	assert_non_null(copy.data);
	return copy;
}

static enum weir_status decode(struct weir_pool *pool, const struct weir_coder *coder, struct weir_slice bytes, void *value)
{
	return coder->ops->decode(coder, pool, bytes, value);
}

static struct weir_slice repeated(struct weir_pool *pool, size_t len)
{
	char *bytes = weir_pool_bytes(pool, len);

	for (size_t i = 0; i < len; i++)
		bytes[i] = "weir "[i % 5];
	return weir_slice(bytes, len);
}

static struct weir_slice noise(struct weir_pool *pool, size_t len)
{
	char *bytes = weir_pool_bytes(pool, len);

	srand(5);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)(rand() >> 7);
	return weir_slice(bytes, len);
}

static void assert_comes_back(struct weir_pool *pool, const struct weir_coder *coder, struct weir_slice value)
{
	struct weir_slice again = WEIR_SLICE_NONE;

	assert_int_equal(decode(pool, coder, encode(pool, coder, &value), &again), WEIR_OK);
	assert_true(again.data && weir_slice_equal(again, value));
}

static void test_coder_zstd_compresses_above_the_threshold(void **state)
{
	struct weir_slice small = repeated(*state, 100), large = repeated(*state, 101);

	assert_int_equal(encode(*state, &zstd_bytes, &small).len, 101);
	assert_int_equal(encode(*state, &zstd_bytes, &small).data[0], 'p');
	assert_true(encode(*state, &zstd_bytes, &large).len < 50);
	assert_int_equal(encode(*state, &zstd_bytes, &large).data[0], 'z');
	assert_comes_back(*state, &zstd_bytes, small);
	assert_comes_back(*state, &zstd_bytes, large);
	assert_comes_back(*state, &zstd_bytes, WEIR_SLICE_LITERAL(""));
	assert_comes_back(*state, &zstd_bytes, repeated(*state, 3000000));
}

static void test_coder_zstd_leaves_what_does_not_get_smaller(void **state)
{
	struct weir_slice bytes = noise(*state, 5000);

	assert_int_equal(encode(*state, &zstd_bytes, &bytes).len, 5001);
	assert_comes_back(*state, &zstd_bytes, bytes);
}

static void test_coder_zstd_wraps_itself(void **state)
{
	assert_null(weir_coder_check(&zstd_twice));
	assert_comes_back(*state, &zstd_twice, repeated(*state, 70000));
	assert_comes_back(*state, &zstd_twice, noise(*state, 70));
	assert_comes_back(*state, &zstd_twice, WEIR_SLICE_LITERAL(""));
}

static void test_coder_zstd_wraps_structs_and_shows_theirs(void **state)
{
	struct sample_point value = { 1.5, 2 }, again = { 0 };
	struct weir_buffer shown;

	assert_null(weir_coder_check(&zstd_point));
	assert_int_equal(decode(*state, &zstd_point, encode(*state, &zstd_point, &value), &again), WEIR_OK);
	assert_memory_equal(&again, &value, sizeof(value));
	weir_buffer_init(&shown, 0);
	assert_int_equal(zstd_point.ops->represent(&zstd_point, *state, &value, &shown), WEIR_OK);
	assert_true(weir_slice_equal(weir_buffer_slice(&shown), WEIR_SLICE_LITERAL("{\"x\":1.5,\"y\":2.0}")));
	weir_buffer_finish(&shown);
}

/* A route's body is shown plain, not as it is stored. */
static void test_coder_zstd_shows_bytes_plain(void **state)
{
	struct weir_slice value = repeated(*state, 1000);
	struct weir_buffer shown;

	weir_buffer_init(&shown, 0);
	assert_int_equal(zstd_bytes.ops->represent(&zstd_bytes, *state, &value, &shown), WEIR_OK);
	assert_true(weir_slice_equal(weir_buffer_slice(&shown), value));
	weir_buffer_finish(&shown);
}

static void test_coder_zstd_passes_on_what_the_inner_says(void **state)
{
	struct sample_point broken = { 0, 91 }, again;
	struct weir_buffer bytes;

	weir_buffer_init(&bytes, 0);
	assert_int_equal(zstd_point.ops->encode(&zstd_point, *state, &broken, &bytes), WEIR_ERR_INVALID);
	assert_int_equal(bytes.len, 0);
	weir_buffer_finish(&bytes);
	assert_int_equal(decode(*state, &zstd_point, WEIR_SLICE_LITERAL("p12345678"), &again), WEIR_MISS);
	assert_int_equal(decode(*state, &zstd_point, WEIR_SLICE_LITERAL("p1234"), &again), WEIR_ERR_CORRUPT);
}

static void test_coder_zstd_fills_no_buffer_over_its_limit(void **state)
{
	struct weir_slice bytes = noise(*state, 5000), small = repeated(*state, 5000);
	struct weir_buffer buffer;

	weir_buffer_init(&buffer, 4000);
	assert_int_equal(zstd_bytes.ops->encode(&zstd_bytes, *state, &bytes, &buffer), WEIR_ERR_LIMIT);
	weir_buffer_clear(&buffer);
	assert_int_equal(zstd_bytes.ops->encode(&zstd_bytes, *state, &small, &buffer), WEIR_OK);
	weir_buffer_finish(&buffer);
}

/* -- Hostile bytes --------------------------------------------------------------------------------------------------------- */

/* What the coder wrote, but claiming another size. */
static struct weir_slice claiming(struct weir_pool *pool, struct weir_slice value, uint32_t size)
{
	struct weir_slice written = encode(pool, &zstd_bytes, &value);
	char *changed = weir_pool_bytes(pool, written.len);

	memcpy(changed, written.data, written.len);
	assert_int_equal(changed[0], 'z');
	weir_store_le32(changed + 1, size);
	return weir_slice(changed, written.len);
}

static void test_coder_zstd_believes_no_other_size(void **state)
{
	struct weir_slice value = repeated(*state, 1000), again;
	static const uint32_t sizes[] = { 0, 1, 999, 1001, 1 << 20 };

	assert_int_equal(decode(*state, &zstd_bytes, claiming(*state, value, 1000), &again), WEIR_OK);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		assert_int_equal(decode(*state, &zstd_bytes, claiming(*state, value, sizes[i]), &again), WEIR_ERR_CORRUPT);
}

/* A claim that no frame of this length can make true costs no memory at all. */
static void test_coder_zstd_makes_no_room_for_what_cannot_be(void **state)
{
	struct weir_slice bytes = claiming(*state, repeated(*state, 1000), 900 << 20), again;
	size_t before = weir_pool_used(*state);

	assert_int_equal(decode(*state, &zstd_bytes, bytes, &again), WEIR_ERR_CORRUPT);
	assert_int_equal(weir_pool_used(*state), before);
	bytes = claiming(*state, repeated(*state, 1000), UINT32_MAX);
	before = weir_pool_used(*state);
	assert_int_equal(decode(*state, &zstd_bytes, bytes, &again), WEIR_ERR_CORRUPT);
	assert_int_equal(weir_pool_used(*state), before);
}

/* Real bombs: 64 MiB of zeroes in a few thousand bytes, and those compressed once more. */
static void test_coder_zstd_bomb_meets_the_limit_of_the_pool(void **state)
{
	size_t len = (size_t)64 << 20;
	struct weir_slice zeroes = { calloc(1, len), len }, again;
	struct weir_pool *small = weir_pool_create(1 << 20);
	struct weir_slice once, twice;

	assert_non_null(zeroes.data);
	once = encode(*state, &zstd_bytes, &zeroes);
	twice = encode(*state, &zstd_twice, &zeroes);
	free((void *)(uintptr_t)zeroes.data);
	assert_true(once.len < 10000);
	assert_true(twice.len < 500);
	assert_int_equal(decode(small, &zstd_bytes, once, &again), WEIR_ERR_MEMORY);
	weir_pool_reset(small);
	assert_int_equal(decode(small, &zstd_twice, twice, &again), WEIR_ERR_MEMORY);
	weir_pool_destroy(small);
}

static void test_coder_zstd_refuses_other_bytes(void **state)
{
	static const struct weir_slice bad[] = {
		{ "", 0 }, { "x", 1 }, { "z", 1 }, { "z\0\0\0\0", 5 }, { "z\1\0\0\0a", 6 }, { "Pabc", 4 }
	};
	struct weir_slice value = repeated(*state, 1000), bytes = encode(*state, &zstd_bytes, &value), again;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(decode(*state, &zstd_bytes, bad[i], &again), WEIR_ERR_CORRUPT);
	for (size_t len = 0; len < bytes.len; len++)
		assert_int_equal(decode(*state, &zstd_bytes, weir_slice(bytes.data, len), &again), WEIR_ERR_CORRUPT);
}

/* -- Threads --------------------------------------------------------------------------------------------------------------- */

static void *round_trip(void *unused)
{
	struct weir_pool *pool = weir_pool_create(0);
	struct weir_slice value = repeated(pool, 20000), again = WEIR_SLICE_NONE;
	struct weir_buffer bytes;
	enum weir_status status;

	(void)unused;
	weir_buffer_init(&bytes, 0);
	status = zstd_bytes.ops->encode(&zstd_bytes, pool, &value, &bytes);
	if (status == WEIR_OK)
		status = decode(pool, &zstd_bytes, weir_buffer_slice(&bytes), &again);
	status = status == WEIR_OK && weir_slice_equal(again, value) ? WEIR_OK : WEIR_ERR_STATE;
	weir_buffer_finish(&bytes);
	weir_pool_destroy(pool);
	return (void *)(intptr_t)status;
}

static void test_coder_zstd_first_use_by_many_threads(void **state)
{
	pthread_t threads[8];
	void *status;

	(void)state;
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, round_trip, NULL), 0);
	for (size_t i = 0; i < 8; i++) {
		pthread_join(threads[i], &status);
		assert_int_equal((intptr_t)status, WEIR_OK);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_coder_zstd_first_use_by_many_threads),        TEST(test_coder_zstd_compresses_above_the_threshold),
		TEST(test_coder_zstd_leaves_what_does_not_get_smaller), TEST(test_coder_zstd_wraps_itself),
		TEST(test_coder_zstd_wraps_structs_and_shows_theirs),   TEST(test_coder_zstd_shows_bytes_plain),
		TEST(test_coder_zstd_passes_on_what_the_inner_says),    TEST(test_coder_zstd_fills_no_buffer_over_its_limit),
		TEST(test_coder_zstd_believes_no_other_size),           TEST(test_coder_zstd_makes_no_room_for_what_cannot_be),
		TEST(test_coder_zstd_bomb_meets_the_limit_of_the_pool), TEST(test_coder_zstd_refuses_other_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
