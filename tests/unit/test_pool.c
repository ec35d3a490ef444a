/* SPDX-License-Identifier: Apache-2.0
 *
 * Pools: the limit and its sticky mark, cleanups in order, and what a reset keeps so that the next request finds it. What pointers a pool
 * hands out after a reset shows whether it has gone to the heap: memory that was kept comes back at the same addresses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/pool.h"

#if defined(__SANITIZE_ADDRESS__)
#define WITH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WITH_ASAN 1
#endif
#endif

#ifdef WITH_ASAN
#include <sanitizer/asan_interface.h>
#endif

/* What an idle pool may hold. */
#define IDLE_BYTES 4608

static size_t bytes_held(const struct weir_pool *pool)
{
	size_t bytes = 0;

	for (const struct weir_pool_block *block = pool->first; block; block = block->next)
		bytes += sizeof(*block) + block->room;
	for (const struct weir_pool_block *block = pool->own; block; block = block->next)
		bytes += sizeof(*block) + block->room;
	return bytes;
}

static void test_pool_aligns_for_any_type(void **state)
{
	struct weir_pool *pool = weir_pool_create(0);

	(void)state;
	for (size_t size = 0; size < 3000; size += 7) {
		(void)weir_pool_bytes(pool, 1 + size % 5);
		assert_int_equal((uintptr_t)weir_pool_alloc(pool, size) % _Alignof(max_align_t), 0);
	}
	assert_false(weir_pool_overflowed(pool));
	weir_pool_destroy(pool);
}

static void test_pool_allocations_do_not_touch_each_other(void **state)
{
	enum {
		COUNT = 600,
	};
	struct weir_pool *pool = weir_pool_create(0);
	unsigned char *bytes[COUNT];

	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		bytes[i] = i % 2 ? weir_pool_alloc(pool, i * 7) : (unsigned char *)weir_pool_bytes(pool, i * 7);
		assert_non_null(bytes[i]);
		memset(bytes[i], (int)(i % 255), i * 7);
	}
	for (size_t i = 0; i < COUNT; i++)
		for (size_t at = 0; at < i * 7; at++)
			assert_int_equal(bytes[i][at], i % 255);
	weir_pool_destroy(pool);
}

static void test_pool_size_zero_gives_unique_pointers(void **state)
{
	struct weir_pool *pool = weir_pool_create(0);
	const char *a = weir_pool_bytes(pool, 0);
	const char *b = weir_pool_alloc(pool, 0);
	const char *c = weir_pool_zalloc(pool, 0);
	const char *d = weir_pool_bytes(pool, 0);

	(void)state;
	assert_true(a && b && c && d);
	assert_true(a != b && b != c && c != d && a != d);
	weir_pool_destroy(pool);
}

static void test_pool_zalloc_clears_memory_that_was_used_before(void **state)
{
	struct weir_pool *pool = weir_pool_create(0);
	char *dirty = weir_pool_alloc(pool, 512);
	const char *clean;

	(void)state;
	memset(dirty, 'x', 512);
	weir_pool_reset(pool);
	clean = weir_pool_zalloc(pool, 512);
	assert_ptr_equal(clean, dirty);
	for (size_t i = 0; i < 512; i++)
		assert_int_equal(clean[i], 0);
	weir_pool_destroy(pool);
}

static void test_pool_limit_is_exact(void **state)
{
	struct weir_pool *pool = weir_pool_create(100);

	(void)state;
	assert_non_null(weir_pool_bytes(pool, 60));
	assert_non_null(weir_pool_bytes(pool, 40));
	assert_int_equal(weir_pool_used(pool), 100);
	assert_false(weir_pool_overflowed(pool));
	assert_null(weir_pool_bytes(pool, 1));
	assert_true(weir_pool_overflowed(pool));
	assert_int_equal(weir_pool_used(pool), 100);
	weir_pool_destroy(pool);
}

static void test_pool_limit_counts_over_all_blocks(void **state)
{
	struct weir_pool *pool = weir_pool_create(1000000);
	size_t got = 0;

	(void)state;
	while (weir_pool_bytes(pool, 1000))
		got++;
	assert_int_equal(got, 1000);
	assert_null(weir_pool_bytes(pool, 100000));
	weir_pool_destroy(pool);
}

static void test_pool_limit_counts_padding(void **state)
{
	struct weir_pool *pool = weir_pool_create(1000);

	(void)state;
	assert_non_null(weir_pool_alloc(pool, 1));
	assert_int_equal(weir_pool_used(pool), 1);
	assert_non_null(weir_pool_alloc(pool, 1));
	assert_int_equal(weir_pool_used(pool), _Alignof(max_align_t) + 1);
	while (weir_pool_alloc(pool, 1))
		assert_true(weir_pool_used(pool) <= 1000);
	assert_true(weir_pool_used(pool) > 1000 - 2 * _Alignof(max_align_t));
	weir_pool_destroy(pool);
}

static void test_pool_overflow_sticks_until_reset(void **state)
{
	struct weir_pool *pool = weir_pool_create(100);

	(void)state;
	assert_null(weir_pool_alloc(pool, 101));
	assert_true(weir_pool_overflowed(pool));
	/* What still fits is still had: the answer that says so needs memory too. */
	assert_non_null(weir_pool_alloc(pool, 50));
	assert_true(weir_pool_overflowed(pool));
	weir_pool_reset(pool);
	assert_false(weir_pool_overflowed(pool));
	assert_int_equal(weir_pool_used(pool), 0);
	assert_non_null(weir_pool_alloc(pool, 100));
	weir_pool_set_overflowed(pool);
	assert_true(weir_pool_overflowed(pool));
	weir_pool_destroy(pool);
}

static void test_pool_size_beyond_all_memory_overflows(void **state)
{
	const size_t sizes[] = { SIZE_MAX, SIZE_MAX - 8, SIZE_MAX - 16, SIZE_MAX - 64, (size_t)PTRDIFF_MAX, (size_t)PTRDIFF_MAX - 8 };
	struct weir_pool *pool = weir_pool_create(0);

	(void)state;
	assert_non_null(weir_pool_bytes(pool, 3));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_null(weir_pool_alloc(pool, sizes[i]));
		assert_null(weir_pool_zalloc(pool, sizes[i]));
		assert_null(weir_pool_bytes(pool, sizes[i]));
	}
	assert_true(weir_pool_overflowed(pool));
	assert_int_equal(weir_pool_used(pool), 3);
	weir_pool_destroy(pool);
}

static void test_pool_dup_copies_and_terminates(void **state)
{
	struct weir_pool *pool = weir_pool_create(0);
	struct weir_slice copy = weir_pool_dup(pool, WEIR_SLICE_LITERAL("a\0b"));

	(void)state;
	assert_int_equal(copy.len, 3);
	assert_memory_equal(copy.data, "a\0b", 4);
	copy = weir_pool_dup(pool, WEIR_SLICE_LITERAL(""));
	assert_int_equal(copy.len, 0);
	assert_string_equal(copy.data, "");
	assert_null(weir_pool_dup(pool, WEIR_SLICE_NONE).data);
	assert_false(weir_pool_overflowed(pool));
	weir_pool_destroy(pool);
}

static void test_pool_dup_of_too_much_is_absent(void **state)
{
	struct weir_pool *pool = weir_pool_create(3);

	(void)state;
	assert_null(weir_pool_dup(pool, WEIR_SLICE_LITERAL("abc")).data);
	assert_int_equal(weir_pool_dup(pool, WEIR_SLICE_LITERAL("abc")).len, 0);
	assert_true(weir_pool_overflowed(pool));
	weir_pool_reset(pool);
	assert_null(weir_pool_dup_text(pool, "abc"));
	assert_true(weir_pool_overflowed(pool));
	weir_pool_destroy(pool);
}

static void test_pool_dup_text_copies(void **state)
{
	struct weir_pool *pool = weir_pool_create(0);
	char text[] = "abc";
	const char *copy = weir_pool_dup_text(pool, text);

	(void)state;
	text[0] = 'x';
	assert_string_equal(copy, "abc");
	assert_null(weir_pool_dup_text(pool, NULL));
	assert_false(weir_pool_overflowed(pool));
	weir_pool_destroy(pool);
}

static void test_pool_printf_formats_any_length(void **state)
{
	struct weir_pool *pool = weir_pool_create(0);

	(void)state;
	assert_string_equal(weir_pool_printf(pool, "%s", ""), "");
	assert_string_equal(weir_pool_printf(pool, "%d/%s", 42, "x"), "42/x");
	for (int len = 250; len <= 260; len++) {
		const char *text = weir_pool_printf(pool, "%0*d", len, 7);

		assert_int_equal(strlen(text), len);
		assert_int_equal(text[len - 1], '7');
	}
	assert_int_equal(strlen(weir_pool_printf(pool, "%0100000d", 7)), 100000);
	weir_pool_destroy(pool);
}

static void test_pool_printf_beyond_the_limit_overflows(void **state)
{
	struct weir_pool *pool = weir_pool_create(5);

	(void)state;
	assert_string_equal(weir_pool_printf(pool, "%s", "abcd"), "abcd");
	assert_null(weir_pool_printf(pool, "%s", ""));
	assert_true(weir_pool_overflowed(pool));
	weir_pool_destroy(pool);
}

static struct {
	char text[16];
	size_t len;
	struct weir_pool *pool;
} trace;

static void note(void *arg)
{
	trace.text[trace.len++] = *(const char *)arg;
	trace.text[trace.len] = '\0';
}

static void note_and_register_another(void *arg)
{
	note(arg);
	weir_pool_on_reset(trace.pool, note, weir_pool_dup_text(trace.pool, "z"));
}

static void start_trace(struct weir_pool *pool)
{
	trace.len = 0;
	trace.text[0] = '\0';
	trace.pool = pool;
}

static void test_pool_cleanups_run_once_and_newest_first(void **state)
{
	struct weir_pool *pool = weir_pool_create(0);
	char a = 'a', b = 'b', c = 'c';

	(void)state;
	start_trace(pool);
	weir_pool_on_reset(pool, note, &a);
	weir_pool_on_reset(pool, note, &b);
	assert_string_equal(trace.text, "");
	weir_pool_reset(pool);
	assert_string_equal(trace.text, "ba");
	weir_pool_reset(pool);
	assert_string_equal(trace.text, "ba");
	weir_pool_on_reset(pool, note, &c);
	weir_pool_destroy(pool);
	assert_string_equal(trace.text, "bac");
}

static void test_pool_cleanup_may_use_the_pool(void **state)
{
	struct weir_pool *pool = weir_pool_create(0);
	char a = 'a', b = 'b';

	(void)state;
	start_trace(pool);
	weir_pool_on_reset(pool, note, &a);
	weir_pool_on_reset(pool, note_and_register_another, &b);
	weir_pool_reset(pool);
	assert_string_equal(trace.text, "bza");
	weir_pool_on_reset(pool, note_and_register_another, &a);
	weir_pool_destroy(pool);
	assert_string_equal(trace.text, "bzaaz");
}

static void test_pool_cleanup_runs_at_once_on_overflow(void **state)
{
	struct weir_pool *pool = weir_pool_create(8);
	char a = 'a';

	(void)state;
	start_trace(pool);
	weir_pool_on_reset(pool, note, &a);
	assert_string_equal(trace.text, "a");
	assert_true(weir_pool_overflowed(pool));
	weir_pool_destroy(pool);
	assert_string_equal(trace.text, "a");
}

static void test_pool_destroy_takes_null(void **state)
{
	(void)state;
	weir_pool_destroy(NULL);
}

/* A request of the usual size: small things, then one larger, 4 KiB in all. */
static void allocate_usual(struct weir_pool *pool, const char *pointers[24])
{
	for (size_t i = 0; i < 20; i++)
		pointers[i] = weir_pool_alloc(pool, 80);
	pointers[20] = weir_pool_bytes(pool, 2000);
	for (size_t i = 21; i < 24; i++)
		pointers[i] = weir_pool_bytes(pool, 100);
}

static void test_pool_reuse_of_the_usual_size_needs_no_heap(void **state)
{
	struct weir_pool pool;
	const char *first[24];
	const char *again[24];

	(void)state;
	weir_pool_init(&pool, 0);
	allocate_usual(&pool, first);
	assert_true(bytes_held(&pool) <= IDLE_BYTES);
	for (int round = 0; round < 3; round++) {
		weir_pool_reset(&pool);
		allocate_usual(&pool, again);
		assert_memory_equal(again, first, sizeof(first));
	}
	weir_pool_finish(&pool);
}

static void test_pool_reset_gives_large_memory_back(void **state)
{
	struct weir_pool pool;

	(void)state;
	weir_pool_init(&pool, 0);
	for (int i = 0; i < 1000; i++)
		memset(weir_pool_alloc(&pool, 1000), 1, 1000);
	memset(weir_pool_alloc(&pool, 1000000), 1, 1000000);
	assert_true(bytes_held(&pool) > 2000000);
	weir_pool_reset(&pool);
	assert_in_range(bytes_held(&pool), 1536, IDLE_BYTES);
	weir_pool_finish(&pool);
}

static void test_pool_large_allocation_does_not_end_the_current_block(void **state)
{
	struct weir_pool pool;
	const char *before;
	const char *after;

	(void)state;
	weir_pool_init(&pool, 0);
	before = weir_pool_bytes(&pool, 10);
	assert_non_null(weir_pool_bytes(&pool, 50000));
	assert_non_null(pool.own);
	after = weir_pool_bytes(&pool, 10);
	assert_ptr_equal(after, before + 10);
	weir_pool_finish(&pool);
}

static void test_pool_init_and_trim_hold_nothing(void **state)
{
	struct weir_pool pool;
	char a = 'a';

	(void)state;
	weir_pool_init(&pool, 500);
	assert_int_equal(bytes_held(&pool), 0);
	start_trace(&pool);
	weir_pool_on_reset(&pool, note, &a);
	assert_null(weir_pool_bytes(&pool, 5000));
	weir_pool_trim(&pool);
	assert_string_equal(trace.text, "a");
	assert_int_equal(bytes_held(&pool), 0);
	assert_int_equal(weir_pool_used(&pool), 0);
	assert_false(weir_pool_overflowed(&pool));
	assert_null(weir_pool_bytes(&pool, 501));
	assert_non_null(weir_pool_bytes(&pool, 500));
	weir_pool_finish(&pool);
	assert_int_equal(bytes_held(&pool), 0);
}

static void test_pool_finish_takes_a_zeroed_pool(void **state)
{
	struct weir_pool pool = { 0 };

	(void)state;
	weir_pool_finish(&pool);
	weir_pool_reset(&pool);
	assert_non_null(weir_pool_alloc(&pool, 1));
	weir_pool_finish(&pool);
}

#ifdef WITH_ASAN
static void test_pool_poisons_what_is_not_handed_out(void **state)
{
	struct weir_pool *pool = weir_pool_create(0);
	char *bytes = weir_pool_alloc(pool, 40);

	(void)state;
	assert_false(__asan_address_is_poisoned(bytes + 39));
	assert_true(__asan_address_is_poisoned(bytes + 40));
	weir_pool_reset(pool);
	assert_true(__asan_address_is_poisoned(bytes));
	assert_ptr_equal(weir_pool_bytes(pool, 1), bytes);
	assert_false(__asan_address_is_poisoned(bytes));
	assert_true(__asan_address_is_poisoned(bytes + 1));
	weir_pool_destroy(pool);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pool_aligns_for_any_type),
		cmocka_unit_test(test_pool_allocations_do_not_touch_each_other),
		cmocka_unit_test(test_pool_size_zero_gives_unique_pointers),
		cmocka_unit_test(test_pool_zalloc_clears_memory_that_was_used_before),
		cmocka_unit_test(test_pool_limit_is_exact),
		cmocka_unit_test(test_pool_limit_counts_over_all_blocks),
		cmocka_unit_test(test_pool_limit_counts_padding),
		cmocka_unit_test(test_pool_overflow_sticks_until_reset),
		cmocka_unit_test(test_pool_size_beyond_all_memory_overflows),
		cmocka_unit_test(test_pool_dup_copies_and_terminates),
		cmocka_unit_test(test_pool_dup_of_too_much_is_absent),
		cmocka_unit_test(test_pool_dup_text_copies),
		cmocka_unit_test(test_pool_printf_formats_any_length),
		cmocka_unit_test(test_pool_printf_beyond_the_limit_overflows),
		cmocka_unit_test(test_pool_cleanups_run_once_and_newest_first),
		cmocka_unit_test(test_pool_cleanup_may_use_the_pool),
		cmocka_unit_test(test_pool_cleanup_runs_at_once_on_overflow),
		cmocka_unit_test(test_pool_destroy_takes_null),
		cmocka_unit_test(test_pool_reuse_of_the_usual_size_needs_no_heap),
		cmocka_unit_test(test_pool_reset_gives_large_memory_back),
		cmocka_unit_test(test_pool_large_allocation_does_not_end_the_current_block),
		cmocka_unit_test(test_pool_init_and_trim_hold_nothing),
		cmocka_unit_test(test_pool_finish_takes_a_zeroed_pool),
#ifdef WITH_ASAN
		cmocka_unit_test(test_pool_poisons_what_is_not_handed_out),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
