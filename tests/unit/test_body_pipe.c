/* SPDX-License-Identifier: Apache-2.0
 *
 * The pipe of a request body: order, the two ends, when the writer is held back, and a reader in another thread.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "exchange/body_pipe.h"

static char piece[WEIR_BODY_PIPE_SIZE / 4];

static struct weir_slice whole_piece(void)
{
	return weir_slice(piece, sizeof(piece));
}

static int setup(void **state)
{
	*state = weir_body_pipe_create();
	for (size_t i = 0; i < sizeof(piece); i++)
		piece[i] = (char)(i % 251);
	return *state ? 0 : -1;
}

static int teardown(void **state)
{
	weir_body_pipe_destroy(*state);
	return 0;
}

/* What is read without waiting, in pieces of `capacity`. */
static void expect_read(struct weir_body_pipe *pipe, size_t capacity, const char *text, enum weir_status status)
{
	char out[100];
	size_t len = 1;

	assert_true(capacity <= sizeof(out));
	assert_int_equal(weir_body_pipe_read(pipe, false, out, capacity, &len), status);
	assert_int_equal(len, strlen(text));
	assert_memory_equal(out, text, len);
}

static void test_body_pipe_keeps_the_order(void **state)
{
	assert_int_equal(weir_body_pipe_write(*state, WEIR_SLICE_LITERAL("abc")), WEIR_OK);
	expect_read(*state, 2, "ab", WEIR_OK);
	assert_int_equal(weir_body_pipe_write(*state, WEIR_SLICE_LITERAL("def")), WEIR_OK);
	expect_read(*state, 100, "cdef", WEIR_OK);
	expect_read(*state, 100, "", WEIR_PARKED);
}

static void test_body_pipe_ends_when_all_is_read(void **state)
{
	assert_int_equal(weir_body_pipe_write(*state, WEIR_SLICE_LITERAL("abc")), WEIR_OK);
	weir_body_pipe_end(*state, WEIR_END);
	expect_read(*state, 2, "ab", WEIR_OK);
	expect_read(*state, 2, "c", WEIR_OK);
	expect_read(*state, 2, "", WEIR_END);
	expect_read(*state, 2, "", WEIR_END);
}

static void test_body_pipe_tells_why_it_broke_off(void **state)
{
	assert_int_equal(weir_body_pipe_write(*state, WEIR_SLICE_LITERAL("abc")), WEIR_OK);
	weir_body_pipe_end(*state, WEIR_ERR_TIMEOUT);
	expect_read(*state, 100, "abc", WEIR_OK);
	expect_read(*state, 100, "", WEIR_ERR_TIMEOUT);
}

static void read_piece(struct weir_body_pipe *pipe)
{
	static char out[sizeof(piece)];
	size_t len;

	assert_int_equal(weir_body_pipe_read(pipe, true, out, sizeof(out), &len), WEIR_OK);
	assert_int_equal(len, sizeof(piece));
	assert_memory_equal(out, piece, sizeof(piece));
}

static void test_body_pipe_is_full_until_half_is_read(void **state)
{
	for (int i = 0; i < 3; i++)
		assert_int_equal(weir_body_pipe_write(*state, whole_piece()), WEIR_OK);
	assert_int_equal(weir_body_pipe_write(*state, whole_piece()), WEIR_BUSY);
	assert_int_equal(weir_body_pipe_write(*state, whole_piece()), WEIR_BUSY); /* taken all the same */
	for (int i = 0; i < 3; i++) {
		read_piece(*state);
		assert_false(weir_body_pipe_has_drained(*state));
	}
	read_piece(*state);
	assert_true(weir_body_pipe_has_drained(*state));
	assert_false(weir_body_pipe_has_drained(*state)); /* told once */
	read_piece(*state);
	assert_false(weir_body_pipe_has_drained(*state));
	assert_int_equal(weir_body_pipe_write(*state, whole_piece()), WEIR_OK);
}

/* Several records come in one read: what follows the one that filled the pipe must not make the writer forget that it waits. */
static void test_body_pipe_stays_full_when_more_comes_after_a_small_read(void **state)
{
	for (int i = 0; i < 3; i++)
		assert_int_equal(weir_body_pipe_write(*state, whole_piece()), WEIR_OK);
	assert_int_equal(weir_body_pipe_write(*state, whole_piece()), WEIR_BUSY);
	read_piece(*state);
	assert_false(weir_body_pipe_has_drained(*state));
	assert_int_equal(weir_body_pipe_write(*state, weir_slice("x", 1)), WEIR_BUSY);
	read_piece(*state);
	read_piece(*state);
	assert_true(weir_body_pipe_has_drained(*state));
}

static void test_body_pipe_drops_what_nobody_reads(void **state)
{
	for (int i = 0; i < 4; i++)
		assert_true(weir_body_pipe_write(*state, whole_piece()) >= 0);
	weir_body_pipe_discard(*state);
	assert_true(weir_body_pipe_has_drained(*state)); /* it was full: the writer goes on */
	for (int i = 0; i < 100; i++)
		assert_int_equal(weir_body_pipe_write(*state, whole_piece()), WEIR_OK);
	weir_body_pipe_end(*state, WEIR_END);
	expect_read(*state, 10, "", WEIR_END);
}

static void test_body_pipe_discard_wakes_nobody_who_was_not_held_back(void **state)
{
	assert_int_equal(weir_body_pipe_write(*state, WEIR_SLICE_LITERAL("abc")), WEIR_OK);
	weir_body_pipe_discard(*state);
	assert_false(weir_body_pipe_has_drained(*state));
}

#define PIECES 200

static void *read_all(void *pipe)
{
	char out[7001];
	size_t total = 0;
	size_t len;
	enum weir_status status;

	while ((status = weir_body_pipe_read(pipe, true, out, sizeof(out), &len)) == WEIR_OK)
		for (size_t i = 0; i < len; i++, total++)
			if (out[i] != piece[total % sizeof(piece)])
				return "a byte is wrong";
	return status == WEIR_END && total == PIECES * sizeof(piece) ? NULL : "the end is wrong";
}

static void test_body_pipe_is_read_by_another_thread(void **state)
{
	pthread_t thread;
	void *wrong;

	assert_int_equal(pthread_create(&thread, NULL, read_all, *state), 0);
	for (int i = 0; i < PIECES; i++)
		assert_true(weir_body_pipe_write(*state, whole_piece()) >= 0);
	weir_body_pipe_end(*state, WEIR_END);
	assert_int_equal(pthread_join(thread, &wrong), 0);
	assert_null(wrong);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_body_pipe_keeps_the_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_body_pipe_ends_when_all_is_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_body_pipe_tells_why_it_broke_off, setup, teardown),
		cmocka_unit_test_setup_teardown(test_body_pipe_is_full_until_half_is_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_body_pipe_stays_full_when_more_comes_after_a_small_read, setup, teardown),
		cmocka_unit_test_setup_teardown(test_body_pipe_drops_what_nobody_reads, setup, teardown),
		cmocka_unit_test_setup_teardown(test_body_pipe_discard_wakes_nobody_who_was_not_held_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_body_pipe_is_read_by_another_thread, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
