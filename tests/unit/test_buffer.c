/* SPDX-License-Identifier: Apache-2.0
 *
 * Buffers: growth, the limit to the byte, and the mark that sticks.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <weir/buffer.h>

static void assert_holds(const struct weir_buffer *buffer, const char *text)
{
	assert_true(weir_slice_equal(weir_buffer_slice(buffer), weir_slice_text(text)));
}

static void test_buffer_collects_all_kinds_of_appends(void **state)
{
	struct weir_buffer buffer;

	(void)state;
	weir_buffer_init(&buffer, 0);
	weir_buffer_append(&buffer, "ab", 2);
	weir_buffer_append_slice(&buffer, WEIR_SLICE_LITERAL("cd"));
	weir_buffer_append_text(&buffer, "ef");
	weir_buffer_append_byte(&buffer, 'g');
	weir_buffer_printf(&buffer, "%d-%s", 12, "x");
	assert_holds(&buffer, "abcdefg12-x");
	weir_buffer_finish(&buffer);
}

static void test_buffer_takes_nothing_as_nothing(void **state)
{
	struct weir_buffer buffer;

	(void)state;
	weir_buffer_init(&buffer, 1);
	weir_buffer_append(&buffer, NULL, 0);
	weir_buffer_append_slice(&buffer, WEIR_SLICE_NONE);
	weir_buffer_append_text(&buffer, "");
	weir_buffer_printf(&buffer, "%s", "");
	assert_int_equal(buffer.len, 0);
	assert_false(buffer.overflowed);
	weir_buffer_finish(&buffer);
}

static void test_buffer_grows_and_keeps_its_bytes(void **state)
{
	struct weir_buffer buffer;

	(void)state;
	weir_buffer_init(&buffer, 0);
	for (int i = 0; i < 100000; i++)
		weir_buffer_append_byte(&buffer, (char)(i % 251));
	assert_int_equal(buffer.len, 100000);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(buffer.data[i], (char)(i % 251));
	weir_buffer_finish(&buffer);
}

static void test_buffer_fills_its_limit_to_the_last_byte(void **state)
{
	struct weir_buffer buffer;

	(void)state;
	weir_buffer_init(&buffer, 10);
	weir_buffer_append_text(&buffer, "0123456");
	weir_buffer_printf(&buffer, "%d", 789);
	assert_holds(&buffer, "0123456789");
	assert_int_equal(buffer.capacity, 10);
	weir_buffer_printf(&buffer, "%s", "");
	assert_false(buffer.overflowed);
	weir_buffer_finish(&buffer);
}

static void test_buffer_overflow_changes_nothing_and_sticks(void **state)
{
	struct weir_buffer buffer;

	(void)state;
	weir_buffer_init(&buffer, 10);
	weir_buffer_append_text(&buffer, "01234567");
	weir_buffer_append_text(&buffer, "abc");
	assert_true(buffer.overflowed);
	weir_buffer_append_byte(&buffer, 'a');
	weir_buffer_printf(&buffer, "b");
	assert_null(weir_buffer_reserve(&buffer, 0));
	assert_holds(&buffer, "01234567");
	weir_buffer_clear(&buffer);
	assert_false(buffer.overflowed);
	weir_buffer_append_text(&buffer, "abc");
	assert_holds(&buffer, "abc");
	weir_buffer_finish(&buffer);
}

static void test_buffer_printf_beyond_the_limit_changes_nothing(void **state)
{
	struct weir_buffer buffer;

	(void)state;
	weir_buffer_init(&buffer, 10);
	weir_buffer_append_text(&buffer, "012");
	weir_buffer_printf(&buffer, "%s", "12345678");
	assert_true(buffer.overflowed);
	assert_holds(&buffer, "012");
	weir_buffer_finish(&buffer);
}

static void test_buffer_printf_longer_than_the_room_grows(void **state)
{
	struct weir_buffer buffer;

	(void)state;
	weir_buffer_init(&buffer, 0);
	weir_buffer_append_byte(&buffer, '<');
	weir_buffer_printf(&buffer, "%05000d%s", 7, ">");
	assert_int_equal(buffer.len, 5002);
	assert_int_equal(buffer.data[0], '<');
	assert_int_equal(buffer.data[5000], '7');
	assert_int_equal(buffer.data[5001], '>');
	weir_buffer_finish(&buffer);
}

static void test_buffer_size_beyond_all_memory_overflows(void **state)
{
	struct weir_buffer buffer;

	(void)state;
	weir_buffer_init(&buffer, 0);
	weir_buffer_append_byte(&buffer, 'a');
	assert_null(weir_buffer_reserve(&buffer, SIZE_MAX));
	assert_true(buffer.overflowed);
	weir_buffer_clear(&buffer);
	assert_null(weir_buffer_reserve(&buffer, (size_t)PTRDIFF_MAX));
	assert_true(buffer.overflowed);
	weir_buffer_finish(&buffer);
}

static void test_buffer_reserve_and_advance(void **state)
{
	struct weir_buffer buffer;
	char *room;

	(void)state;
	weir_buffer_init(&buffer, 300);
	assert_non_null(weir_buffer_reserve(&buffer, 0));
	room = weir_buffer_reserve(&buffer, 300);
	assert_non_null(room);
	memset(room, 'x', 300);
	weir_buffer_advance(&buffer, 2);
	assert_holds(&buffer, "xx");
	assert_null(weir_buffer_reserve(&buffer, 299));
	assert_true(buffer.overflowed);
	weir_buffer_finish(&buffer);
}

static void test_buffer_consume_drops_from_the_front(void **state)
{
	struct weir_buffer buffer;

	(void)state;
	weir_buffer_init(&buffer, 6);
	weir_buffer_consume(&buffer, 0);
	weir_buffer_append_text(&buffer, "abcdef");
	weir_buffer_consume(&buffer, 2);
	assert_holds(&buffer, "cdef");
	weir_buffer_append_text(&buffer, "gh");
	assert_holds(&buffer, "cdefgh");
	weir_buffer_consume(&buffer, 6);
	assert_int_equal(buffer.len, 0);
	weir_buffer_finish(&buffer);
}

static void test_buffer_clear_keeps_the_memory(void **state)
{
	struct weir_buffer buffer;
	const char *data;

	(void)state;
	weir_buffer_init(&buffer, 0);
	weir_buffer_append_text(&buffer, "abc");
	data = buffer.data;
	weir_buffer_clear(&buffer);
	weir_buffer_append_text(&buffer, "de");
	assert_ptr_equal(buffer.data, data);
	assert_holds(&buffer, "de");
	weir_buffer_finish(&buffer);
}

static void test_buffer_finish_leaves_it_ready_for_use(void **state)
{
	struct weir_buffer buffer = { 0 };

	(void)state;
	weir_buffer_finish(&buffer);
	weir_buffer_init(&buffer, 4);
	weir_buffer_append_text(&buffer, "abcde");
	weir_buffer_finish(&buffer);
	assert_false(buffer.overflowed);
	assert_int_equal(buffer.limit, 4);
	weir_buffer_append_text(&buffer, "abcd");
	assert_holds(&buffer, "abcd");
	weir_buffer_finish(&buffer);
	assert_null(weir_buffer_slice(&buffer).data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buffer_collects_all_kinds_of_appends),
		cmocka_unit_test(test_buffer_takes_nothing_as_nothing),
		cmocka_unit_test(test_buffer_grows_and_keeps_its_bytes),
		cmocka_unit_test(test_buffer_fills_its_limit_to_the_last_byte),
		cmocka_unit_test(test_buffer_overflow_changes_nothing_and_sticks),
		cmocka_unit_test(test_buffer_printf_beyond_the_limit_changes_nothing),
		cmocka_unit_test(test_buffer_printf_longer_than_the_room_grows),
		cmocka_unit_test(test_buffer_size_beyond_all_memory_overflows),
		cmocka_unit_test(test_buffer_reserve_and_advance),
		cmocka_unit_test(test_buffer_consume_drops_from_the_front),
		cmocka_unit_test(test_buffer_clear_keeps_the_memory),
		cmocka_unit_test(test_buffer_finish_leaves_it_ready_for_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
