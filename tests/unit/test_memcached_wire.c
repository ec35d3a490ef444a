/* SPDX-License-Identifier: Apache-2.0
 *
 * The lines of memcached's protocol, the records that are stored, and the lines of its lists.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "backends/memcached/dump.h"
#include "backends/memcached/record.h"
#include "backends/memcached/wire.h"

#define DAY_MS (INT64_C(24) * 3600 * 1000)

static void expect_command(const struct weir_memcached_command *command, const char *expected)
{
	struct weir_buffer out;

	weir_buffer_init(&out, 0);
	weir_memcached_command_write(&out, command);
	assert_false(out.overflowed);
	assert_int_equal(out.len, strlen(expected));
	assert_memory_equal(out.data, expected, out.len);
	weir_buffer_finish(&out);
}

static void test_memcached_wire_commands(void **state)
{
	struct weir_memcached_command command = { .verb = WEIR_MEMCACHED_SET, .name = WEIR_SLICE_LITERAL("name"), .lifetime_s = 7 };

	(void)state;
	expect_command(&command, "set name 2003134834 7 0\r\n\r\n");
	command.head = WEIR_SLICE_LITERAL("head");
	command.body = WEIR_SLICE_LITERAL("\r\n");
	expect_command(&command, "set name 2003134834 7 6\r\nhead\r\n\r\n");
	command.verb = WEIR_MEMCACHED_ADD;
	command.quiet = true;
	expect_command(&command, "add name 2003134834 7 6 noreply\r\nhead\r\n\r\n");
	command.verb = WEIR_MEMCACHED_CAS;
	command.cas = UINT64_MAX;
	command.body = WEIR_SLICE_NONE;
	expect_command(&command, "cas name 2003134834 7 4 18446744073709551615 noreply\r\nhead\r\n");
	command.verb = WEIR_MEMCACHED_INCREMENT;
	expect_command(&command, "incr name 1\r\n");
	command.verb = WEIR_MEMCACHED_DELETE;
	expect_command(&command, "delete name\r\n");
	command.verb = WEIR_MEMCACHED_VERSION;
	expect_command(&command, "version\r\n");
}

/* A server's second may be about to end: none is cut short. */
static void test_memcached_wire_lifetime_is_never_short(void **state)
{
	(void)state;
	assert_int_equal(weir_memcached_lifetime(WEIR_EXPIRES_NEVER), 0);
	assert_int_equal(weir_memcached_lifetime(1), 2);
	assert_int_equal(weir_memcached_lifetime(1000), 2);
	assert_int_equal(weir_memcached_lifetime(1001), 3);
	assert_int_equal(weir_memcached_lifetime(0), 2);
	assert_int_equal(weir_memcached_lifetime(-5000), 2);
	assert_int_equal(weir_memcached_lifetime(30 * DAY_MS - 1000), 30 * DAY_MS / 1000);
}

/* A larger number would be a date, which is long over. */
static void test_memcached_wire_lifetime_of_months_has_no_end(void **state)
{
	(void)state;
	assert_int_equal(weir_memcached_lifetime(30 * DAY_MS - 999), 0);
	assert_int_equal(weir_memcached_lifetime(30 * DAY_MS), 0);
	assert_int_equal(weir_memcached_lifetime(90 * DAY_MS), 0);
	assert_int_equal(weir_memcached_lifetime(INT64_MAX - 1), 0);
}

static enum weir_memcached_answer answer(const char *line)
{
	struct weir_memcached_line parsed;

	weir_memcached_line_parse(weir_slice_text(line), &parsed);
	return parsed.answer;
}

static void test_memcached_wire_answers(void **state)
{
	(void)state;
	assert_int_equal(answer("END"), WEIR_MEMCACHED_ANSWER_END);
	assert_int_equal(answer("STORED"), WEIR_MEMCACHED_ANSWER_YES);
	assert_int_equal(answer("DELETED"), WEIR_MEMCACHED_ANSWER_YES);
	assert_int_equal(answer("VERSION 1.6.18"), WEIR_MEMCACHED_ANSWER_YES);
	assert_int_equal(answer("NOT_STORED"), WEIR_MEMCACHED_ANSWER_NO);
	assert_int_equal(answer("EXISTS"), WEIR_MEMCACHED_ANSWER_NO);
	assert_int_equal(answer("NOT_FOUND"), WEIR_MEMCACHED_ANSWER_NO);
	assert_int_equal(answer("18446744073709551615"), WEIR_MEMCACHED_ANSWER_NUMBER);
	assert_int_equal(answer("SERVER_ERROR out of memory storing object"), WEIR_MEMCACHED_ANSWER_ERROR);
	assert_int_equal(answer("SERVER_ERROR object too large for cache"), WEIR_MEMCACHED_ANSWER_TOO_LARGE);
	assert_int_equal(answer("CLIENT_ERROR cannot increment"), WEIR_MEMCACHED_ANSWER_WRONG);
}

static void test_memcached_wire_nonsense_is_unknown(void **state)
{
	static const char *const lines[] = {
		"",
		" ",
		"ERROR",
		"ERROR Too many open connections",
		"end",
		"ENDE",
		"STOREDX",
		"18446744073709551616",
		"1 2",
		"-1",
		"+OK",
		"VALUE",
		"VALUE ",
		"VALUE a",
		"VALUE a 1",
		"VALUE a 1 2",
		"VALUE a 1 2 ",
		"VALUE a 1 2 3 4",
		"VALUE a x 2 3",
		"VALUE a 1 -2 3",
		"VALUE  1 2 3",
		"VALUE a 4294967296 2 3",
		"VALUE a 1 999999999999 3",
		"VALUE a 1 2 18446744073709551616",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		assert_int_equal(answer(lines[i]), WEIR_MEMCACHED_ANSWER_UNKNOWN);
}

static void test_memcached_wire_value(void **state)
{
	struct weir_memcached_line parsed;

	(void)state;
	weir_memcached_line_parse(WEIR_SLICE_LITERAL("VALUE weir:va 4294967295 134217728 18446744073709551615"), &parsed);
	assert_int_equal(parsed.answer, WEIR_MEMCACHED_ANSWER_VALUE);
	assert_true(weir_slice_equal(parsed.name, WEIR_SLICE_LITERAL("weir:va")));
	assert_int_equal(parsed.flags, UINT32_MAX);
	assert_int_equal(parsed.len, WEIR_MEMCACHED_VALUE_MAX);
	assert_true(parsed.number == UINT64_MAX);
}

static void test_memcached_record_comes_back(void **state)
{
	struct weir_slice key = weir_slice("k\0y", 3), value = WEIR_SLICE_LITERAL("value");
	struct weir_memcached_record record;
	char bytes[64];

	(void)state;
	weir_memcached_record_write(bytes, key, INT64_C(-2));
	memcpy(bytes + WEIR_MEMCACHED_RECORD_HEAD + key.len, value.data, value.len);
	assert_true(weir_memcached_record_read(weir_slice(bytes, WEIR_MEMCACHED_RECORD_HEAD + 3 + 5), &record));
	assert_true(weir_slice_equal(record.key, key));
	assert_true(weir_slice_equal(record.value, value));
	assert_int_equal(record.expires_ms, -2);
	assert_true(weir_memcached_record_read(weir_slice(bytes, WEIR_MEMCACHED_RECORD_HEAD + 3), &record));
	assert_int_equal(record.value.len, 0);
	for (size_t len = 0; len < WEIR_MEMCACHED_RECORD_HEAD + 3; len++)
		assert_false(weir_memcached_record_read(weir_slice(bytes, len), &record));
	for (size_t i = 0; i < 4; i++) {
		bytes[i] ^= 1;
		assert_false(weir_memcached_record_read(weir_slice(bytes, sizeof(bytes)), &record));
		bytes[i] ^= 1;
	}
	memset(bytes + 12, 0, 4);
	assert_false(weir_memcached_record_read(weir_slice(bytes, sizeof(bytes)), &record));
	memset(bytes + 12, 0xff, 4);
	assert_false(weir_memcached_record_read(weir_slice(bytes, sizeof(bytes)), &record));
}

static void test_memcached_record_lease(void **state)
{
	char text[WEIR_MEMCACHED_LEASE_LEN + 1];

	(void)state;
	weir_memcached_lease_write(text, UINT64_C(0xfedcba9876543210));
	assert_string_equal(text, "fedcba9876543210");
	assert_true(weir_memcached_lease_read(weir_slice_text(text)) == UINT64_C(0xfedcba9876543210));
	weir_memcached_lease_write(text, 1);
	assert_true(weir_memcached_lease_read(weir_slice_text(text)) == 1);
	assert_true(weir_memcached_lease_read(WEIR_SLICE_LITERAL("fedcba987654321")) == 0);
	assert_true(weir_memcached_lease_read(WEIR_SLICE_LITERAL("fedcba98765432101")) == 0);
	assert_true(weir_memcached_lease_read(WEIR_SLICE_LITERAL("fedcba987654321g")) == 0);
	assert_true(weir_memcached_lease_read(WEIR_SLICE_NONE) == 0);
}

static void test_memcached_record_number(void **state)
{
	char text[WEIR_MEMCACHED_NUMBER_SIZE];

	(void)state;
	assert_true(weir_memcached_number_read(weir_memcached_number_write(text, INT64_MAX)) == INT64_MAX);
	assert_true(weir_memcached_number_read(weir_memcached_number_write(text, UINT64_MAX)) == 0);
	assert_true(weir_memcached_number_read(WEIR_SLICE_LITERAL("9223372036854775808")) == 0);
	assert_true(weir_memcached_number_read(WEIR_SLICE_LITERAL("17  ")) == 17);
	assert_true(weir_memcached_number_read(WEIR_SLICE_LITERAL(" 17")) == 0);
	assert_true(weir_memcached_number_read(WEIR_SLICE_LITERAL("17x")) == 0);
	assert_true(weir_memcached_number_read(WEIR_SLICE_LITERAL("   ")) == 0);
	assert_true(weir_memcached_number_read(WEIR_SLICE_NONE) == 0);
}

static enum weir_memcached_dump_line list_line(const char *line, const char *expected)
{
	char name[WEIR_MEMCACHED_NAME_MAX];
	size_t len = 0;
	enum weir_memcached_dump_line kind = weir_memcached_dump_parse(weir_slice_text(line), name, &len);

	if (expected)
		assert_true(weir_slice_equal(weir_slice(name, len), weir_slice_text(expected)));
	return kind;
}

static void test_memcached_dump_lines(void **state)
{
	char line[WEIR_MEMCACHED_NAME_MAX + 10] = "key=";

	(void)state;
	assert_int_equal(list_line("key=weir%3Ava%25%5B exp=-1 la=1 cas=2 fetch=no cls=1 size=70", "weir:va%["), WEIR_MEMCACHED_DUMP_NAME);
	assert_int_equal(list_line("key=a", "a"), WEIR_MEMCACHED_DUMP_NAME);
	assert_int_equal(list_line("key=%3a", ":"), WEIR_MEMCACHED_DUMP_NAME);
	assert_int_equal(list_line("END", NULL), WEIR_MEMCACHED_DUMP_END);
	assert_int_equal(list_line("BUSY currently processing crawler request", NULL), WEIR_MEMCACHED_DUMP_BUSY);
	assert_int_equal(list_line("ERROR lru crawler disabled", NULL), WEIR_MEMCACHED_DUMP_OTHER);
	assert_int_equal(list_line("key=", NULL), WEIR_MEMCACHED_DUMP_OTHER);
	assert_int_equal(list_line("key=%3", NULL), WEIR_MEMCACHED_DUMP_OTHER);
	assert_int_equal(list_line("key=a%zz", NULL), WEIR_MEMCACHED_DUMP_OTHER);
	memset(line + 4, 'n', WEIR_MEMCACHED_NAME_MAX);
	assert_int_equal(list_line(line, line + 4), WEIR_MEMCACHED_DUMP_NAME);
	line[4 + WEIR_MEMCACHED_NAME_MAX] = 'n';
	assert_int_equal(list_line(line, NULL), WEIR_MEMCACHED_DUMP_OTHER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_memcached_wire_commands),
		cmocka_unit_test(test_memcached_wire_lifetime_is_never_short),
		cmocka_unit_test(test_memcached_wire_lifetime_of_months_has_no_end),
		cmocka_unit_test(test_memcached_wire_answers),
		cmocka_unit_test(test_memcached_wire_nonsense_is_unknown),
		cmocka_unit_test(test_memcached_wire_value),
		cmocka_unit_test(test_memcached_record_comes_back),
		cmocka_unit_test(test_memcached_record_lease),
		cmocka_unit_test(test_memcached_record_number),
		cmocka_unit_test(test_memcached_dump_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
