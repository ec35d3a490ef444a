/* SPDX-License-Identifier: Apache-2.0
 *
 * Buffers that are used again: sizes, how many are kept, and never one for two at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "backends/shm/copies.h"

#define MANY 200
#define THREADS 4
#define ROUNDS 30000
#define HELD_MAX 8 /* at a time by each: as many as are kept of this size, so that all reach for the same ones */
#define LARGE 60000

static void test_shm_copies_have_room_for_what_was_asked(void **state)
{
	static const size_t sizes[] = { 0, 1, 4080, 4081, 16368, 16369, 65520, 262128, 262129, 1048576, 1114096, 1114097, 20000000 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct weir_shm_copy *copy = weir_shm_copy_take(sizes[i]);

		assert_non_null(copy);
		assert_true(copy->size >= sizes[i]);
		memset(copy->bytes, 'x', copy->size);
		weir_shm_copy_release(copy);
	}
	weir_shm_copy_release(NULL);
}

static void test_shm_copies_are_used_again(void **state)
{
	static const size_t sizes[] = { WEIR_SHM_COPY_FIRST, 10000, 60000, 250000, 1000000 };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct weir_shm_copy *first = weir_shm_copy_take(sizes[i]), *second = weir_shm_copy_take(sizes[i]), *again;

		assert_ptr_not_equal(first, second);
		weir_shm_copy_release(first);
		again = weir_shm_copy_take(sizes[i] - 1000);
		assert_ptr_equal(again, first);
		weir_shm_copy_release(again);
		weir_shm_copy_release(second);
	}
}

/* More than are kept: the rest goes back, which the leak checker sees when it does not. */
static void test_shm_copies_are_kept_in_bounds(void **state)
{
	struct weir_shm_copy *copies[MANY];

	(void)state;
	for (size_t size = 1000; size <= 1000000; size *= 10) {
		for (int i = 0; i < MANY; i++) {
			copies[i] = weir_shm_copy_take(size);
			assert_non_null(copies[i]);
			for (int k = 0; k < i; k++)
				assert_ptr_not_equal(copies[i], copies[k]);
		}
		for (int i = 0; i < MANY; i++)
			weir_shm_copy_release(copies[i]);
	}
}

static atomic_uint wrong;

static void *take_turns(void *number)
{
	struct weir_shm_copy *copies[HELD_MAX];

	for (size_t round = 0; round < ROUNDS; round++) {
		size_t held = round % HELD_MAX + 1;

		for (size_t i = 0; i < held; i++) {
			copies[i] = weir_shm_copy_take(LARGE);
			memcpy(copies[i]->bytes, number, 1);
			memset(copies[i]->bytes + copies[i]->size - 1, *(char *)number, 1);
		}
		for (size_t i = 0; i < held; i++) {
			if (copies[i]->bytes[0] != *(char *)number || copies[i]->bytes[copies[i]->size - 1] != *(char *)number)
				atomic_fetch_add(&wrong, 1);
			weir_shm_copy_release(copies[i]);
		}
	}
	return NULL;
}

static void test_shm_copies_are_for_one_at_a_time(void **state)
{
	pthread_t threads[THREADS];
	char numbers[THREADS];

	(void)state;
	for (int i = 0; i < THREADS; i++) {
		numbers[i] = (char)('a' + i);
		assert_int_equal(pthread_create(&threads[i], NULL, take_turns, &numbers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	assert_int_equal(atomic_load(&wrong), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shm_copies_have_room_for_what_was_asked),
		cmocka_unit_test(test_shm_copies_are_used_again),
		cmocka_unit_test(test_shm_copies_are_kept_in_bounds),
		cmocka_unit_test(test_shm_copies_are_for_one_at_a_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
