/* SPDX-License-Identifier: Apache-2.0
 *
 * What the Redis driver sends and how it reads what comes back: slots, names, records, commands and replies, without a server.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include <weir/backend_driver.h>

#include "backends/redis/batch.h"
#include "backends/redis/names.h"
#include "backends/redis/record.h"
#include "backends/redis/reply.h"
#include "backends/redis/slot.h"

/* -- Slots, names, records ------------------------------------------------------------------------------------------------- */

/* What redis-server's CLUSTER KEYSLOT says, and the check value of the specification. */
static void test_redis_wire_slots_are_those_of_the_specification(void **state)
{
	(void)state;
	assert_int_equal(weir_redis_slot(WEIR_SLICE_LITERAL("123456789")), 0x31c3);
	assert_int_equal(weir_redis_slot(WEIR_SLICE_LITERAL("")), 0);
	assert_int_equal(weir_redis_slot(WEIR_SLICE_LITERAL("foo")), 12182);
	assert_int_equal(weir_redis_slot(WEIR_SLICE_LITERAL("a{foo}b{bar}")), 12182);
	assert_int_not_equal(weir_redis_slot(WEIR_SLICE_LITERAL("foo{}{bar}")), weir_redis_slot(WEIR_SLICE_LITERAL("bar")));
	assert_int_equal(weir_redis_slot(WEIR_SLICE_LITERAL("foo{{bar}}zap")), weir_redis_slot(WEIR_SLICE_LITERAL("{bar")));
	assert_int_not_equal(weir_redis_slot(WEIR_SLICE_LITERAL("{foo")), 12182);
}

static void assert_name(enum weir_redis_kind kind, struct weir_slice key, const char *expected)
{
	struct weir_redis_name name;

	weir_redis_name("weir:", kind, key, &name);
	assert_int_equal(name.len, strlen(expected));
	assert_memory_equal(name.text, expected, name.len);
}

static void test_redis_wire_names_tell_kinds_apart(void **state)
{
	(void)state;
	assert_name(WEIR_REDIS_VALUE, WEIR_SLICE_LITERAL("a b*{x}"), "weir:v:a%20b%2A%7Bx%7D");
	assert_name(WEIR_REDIS_LEASE, WEIR_SLICE_LITERAL("k"), "weir:l:k");
	assert_name(WEIR_REDIS_CELL, WEIR_SLICE_LITERAL("k"), ":k");
	assert_name(WEIR_REDIS_CLEARS, WEIR_SLICE_NONE, "weir:c");
}

/* Braces would decide about the slot. */
static void test_redis_wire_names_are_bounded_and_without_braces(void **state)
{
	static const enum weir_redis_kind kinds[] = { WEIR_REDIS_VALUE, WEIR_REDIS_LEASE, WEIR_REDIS_CELL };
	static char key[WEIR_KEY_MAX];
	struct weir_redis_name name;

	(void)state;
	memset(key, '{', sizeof(key));
	for (size_t len = 1; len <= sizeof(key); len *= 8)
		for (size_t i = 0; i < 3; i++) {
			weir_redis_name("some-prefix", kinds[i], weir_slice(key, len), &name);
			assert_true(name.len > 0 && name.len < WEIR_REDIS_NAME_MAX);
			assert_null(memchr(name.text, '{', name.len));
		}
}

static void test_redis_wire_pattern_has_one_wildcard(void **state)
{
	struct weir_redis_name pattern;

	(void)state;
	weir_redis_name_pattern("p", WEIR_SLICE_LITERAL("us[er]*?\\"), &pattern);
	assert_true(weir_slice_equal(weir_redis_name_slice(&pattern), WEIR_SLICE_LITERAL("pv:us%5Ber%5D%2A%3F%5C*")));
}

static void test_redis_wire_record_comes_back(void **state)
{
	char bytes[WEIR_REDIS_RECORD_HEAD + 8];
	struct weir_redis_record record;

	(void)state;
	weir_redis_record_head(bytes, 3);
	memcpy(bytes + WEIR_REDIS_RECORD_HEAD, "keyvalue", 8);
	memcpy(bytes + WEIR_REDIS_RECORD_TENURE, "0123456789abcdef", WEIR_REDIS_TENURE_LEN);
	assert_true(weir_redis_record_parse(weir_slice(bytes, sizeof(bytes)), &record));
	assert_true(weir_slice_equal(record.key, WEIR_SLICE_LITERAL("key")));
	assert_true(weir_slice_equal(record.value, WEIR_SLICE_LITERAL("value")));
	assert_true(weir_slice_equal(record.tenure, WEIR_SLICE_LITERAL("0123456789abcdef")));
	assert_true(weir_redis_record_parse(weir_slice(bytes, WEIR_REDIS_RECORD_HEAD + 3), &record));
	assert_int_equal(record.value.len, 0);
}

static void test_redis_wire_what_is_no_record_is_refused(void **state)
{
	char bytes[WEIR_REDIS_RECORD_HEAD + 8];
	struct weir_redis_record record;

	(void)state;
	weir_redis_record_head(bytes, 8);
	memcpy(bytes + WEIR_REDIS_RECORD_HEAD, "keyvalue", 8);
	for (size_t len = 0; len < sizeof(bytes); len++)
		assert_false(weir_redis_record_parse(weir_slice(bytes, len), &record));
	assert_false(weir_redis_record_parse(WEIR_SLICE_NONE, &record));
	assert_true(weir_redis_record_parse(weir_slice(bytes, sizeof(bytes)), &record));
	bytes[4] = '2';
	assert_false(weir_redis_record_parse(weir_slice(bytes, sizeof(bytes)), &record));
	weir_redis_record_head(bytes, 0);
	assert_false(weir_redis_record_parse(weir_slice(bytes, sizeof(bytes)), &record));
	weir_redis_record_head(bytes, (size_t)1 << 24 | 1);
	assert_false(weir_redis_record_parse(weir_slice(bytes, sizeof(bytes)), &record));
}

/* -- Commands -------------------------------------------------------------------------------------------------------------- */

static void assert_command(const struct weir_redis_batch *batch, size_t at, const char *expected)
{
	const struct weir_redis_command *command = &batch->commands[at];

	assert_int_equal(command->len, strlen(expected));
	assert_memory_equal(batch->bytes.data + command->offset, expected, command->len);
}

static void test_redis_wire_commands_are_counted_words(void **state)
{
	struct weir_redis_batch batch = { .count = 0 };

	(void)state;
	assert_int_equal(weir_redis_batch_add(&batch, 2, 7), 0);
	weir_redis_batch_word(&batch, WEIR_SLICE_LITERAL("GET"));
	weir_redis_batch_word(&batch, WEIR_SLICE_LITERAL("a\0\r\nb"));
	assert_int_equal(weir_redis_batch_add(&batch, 3, 8), 1);
	weir_redis_batch_word(&batch, WEIR_SLICE_LITERAL(""));
	weir_redis_batch_number(&batch, INT64_MIN);
	weir_redis_batch_begin_word(&batch, 12);
	assert_int_equal(weir_redis_batch_used(&batch), strlen("*3\r\n$0\r\n\r\n$20\r\n-9223372036854775808\r\n$12\r\n"));
	weir_redis_batch_part(&batch, WEIR_SLICE_LITERAL("one, "));
	weir_redis_batch_part(&batch, WEIR_SLICE_LITERAL("another"));
	weir_redis_batch_end_word(&batch);
	assert_int_equal(batch.count, 2);
	assert_int_equal(batch.commands[0].len, 4 + 9 + 11);
	assert_memory_equal(batch.bytes.data, "*2\r\n$3\r\nGET\r\n$5\r\na\0\r\nb\r\n", 24);
	assert_command(&batch, 1, "*3\r\n$0\r\n\r\n$20\r\n-9223372036854775808\r\n$12\r\none, another\r\n");
	assert_int_equal(batch.commands[1].slot, 8);
	weir_redis_batch_clear(&batch);
	assert_int_equal(batch.count, 0);
	assert_int_equal(batch.bytes.len, 0);
	weir_redis_batch_finish(&batch);
}

static void test_redis_wire_scripts_have_their_digest_for_a_name(void **state)
{
	struct weir_redis_script scripts[WEIR_REDIS_SCRIPTS], abc = { .text = "abc" };
	struct weir_redis_batch batch = { .count = 0 };

	(void)state;
	weir_redis_scripts_init(scripts);
	for (size_t i = 0; i < WEIR_REDIS_SCRIPTS; i++)
		assert_int_equal(strlen(scripts[i].sha), 40);
	(void)weir_redis_batch_add_script(&batch, &abc, 1, 2, 0);
	for (const char *word = "kab"; *word; word++)
		weir_redis_batch_word(&batch, weir_slice(word, 1));
	assert_int_equal(batch.commands[0].words, 6);
	assert_ptr_equal(batch.commands[0].script, &abc);
	assert_command(&batch, 0, "$1\r\n1\r\n$1\r\nk\r\n$1\r\na\r\n$1\r\nb\r\n");
	weir_redis_batch_finish(&batch);
}

/* -- Replies --------------------------------------------------------------------------------------------------------------- */

/* What hiredis makes of the bytes. */
static redisReply *reply_of(const char *bytes)
{
	redisReader *reader = redisReaderCreate();
	void *reply = NULL;

	assert_int_equal(redisReaderFeed(reader, bytes, strlen(bytes)), REDIS_OK);
	assert_int_equal(redisReaderGetReply(reader, &reply), REDIS_OK);
	assert_non_null(reply);
	redisReaderFree(reader);
	return reply;
}

static struct weir_redis_verdict judged(const char *bytes)
{
	redisReply *reply = reply_of(bytes);
	struct weir_redis_verdict verdict;

	weir_redis_judge(reply, &verdict);
	freeReplyObject(reply);
	return verdict;
}

static void assert_place(const char *bytes, enum weir_redis_verdict_kind kind, unsigned slot, const char *host, unsigned port)
{
	struct weir_redis_verdict verdict = judged(bytes);

	assert_int_equal(verdict.kind, kind);
	assert_int_equal(verdict.slot, slot);
	assert_string_equal(verdict.endpoint.host, host);
	assert_int_equal(verdict.endpoint.port, port);
}

static void test_redis_wire_redirections_name_a_place(void **state)
{
	static const char *const wrong[] = {
		"-MOVED\r\n",          "-MOVED 1\r\n",        "-MOVED 1 \r\n",           "-MOVED 1 host\r\n",
		"-MOVED 1 host:\r\n",  "-MOVED 1 host:0\r\n", "-MOVED 1 host:65536\r\n", "-MOVED 16384 host:1\r\n",
		"-MOVED x host:1\r\n", "-MOVED  host:1\r\n",  "-ASK 1 host:x\r\n",       "-ASK\r\n",
	};

	(void)state;
	assert_place("-MOVED 3999 127.0.0.1:6381\r\n", WEIR_REDIS_MOVED, 3999, "127.0.0.1", 6381);
	assert_place("-ASK 16383 ::1:65535\r\n", WEIR_REDIS_ASK, 16383, "::1", 65535);
	assert_place("-MOVED 0 :7000\r\n", WEIR_REDIS_MOVED, 0, "", 7000);
	assert_place("-MOVED 0 host:7000 more\r\n", WEIR_REDIS_MOVED, 0, "host", 7000);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(judged(wrong[i]).kind, WEIR_REDIS_REFUSED);
}

static void test_redis_wire_redirections_to_hosts_that_are_too_long_are_refused(void **state)
{
	char error[400] = "-MOVED 1 ";
	size_t begin = strlen(error);

	(void)state;
	memset(error + begin, 'h', 256);
	memcpy(error + begin + 256, ":1\r\n", 5);
	assert_int_equal(judged(error).kind, WEIR_REDIS_REFUSED);
	memcpy(error + begin + 255, ":1\r\n", 5);
	assert_int_equal(judged(error).kind, WEIR_REDIS_MOVED);
}

static void test_redis_wire_errors_are_judged_by_their_first_word(void **state)
{
	struct weir_redis_verdict verdict;

	(void)state;
	assert_int_equal(judged("+OK\r\n").kind, WEIR_REDIS_ANSWER);
	assert_int_equal(judged("$-1\r\n").kind, WEIR_REDIS_ANSWER);
	assert_int_equal(judged("-WRONGTYPE Operation against a key\r\n").kind, WEIR_REDIS_ALIEN);
	assert_int_equal(judged("-TRYAGAIN Multiple keys\r\n").kind, WEIR_REDIS_TRYAGAIN);
	assert_int_equal(judged("-NOSCRIPT No matching script\r\n").kind, WEIR_REDIS_NOSCRIPT);
	assert_int_equal(judged("-MOVEDON 1 host:1\r\n").kind, WEIR_REDIS_REFUSED);
	verdict = judged("-WRONGPASS invalid username-password pair: secret\r\n");
	assert_int_equal(verdict.kind, WEIR_REDIS_REFUSED);
	assert_string_equal(verdict.complaint, "refuses user or password");
	assert_string_equal(judged("-ERR secret\r\n").complaint, "answers with an error");
	assert_true(judged("-READONLY You can't write\r\n").elsewhere);
	assert_true(judged("-CLUSTERDOWN Hash slot not served\r\n").elsewhere);
	assert_false(judged("-LOADING Redis is loading\r\n").elsewhere);
	assert_true(judged("-OOM command not allowed\r\n").full);
	assert_false(judged("-READONLY You can't write\r\n").full);
	weir_redis_judge(NULL, &verdict);
	assert_int_equal(verdict.kind, WEIR_REDIS_REFUSED);
}

static bool tenure_of(const char *info, char tenure[WEIR_REDIS_TENURE_LEN + 1])
{
	redisReply reply = { .type = REDIS_REPLY_STRING };
	char copy[300];

	(void)snprintf(copy, sizeof(copy), "%s", info);
	reply.str = copy;
	reply.len = strlen(copy);
	return weir_redis_parse_tenure(&reply, tenure);
}

static void test_redis_wire_tenure_is_that_of_masters(void **state)
{
	char tenure[WEIR_REDIS_TENURE_LEN + 1] = "untouched";

	(void)state;
	assert_true(tenure_of("# Replication\r\nrole:master\r\nmaster_replid:0123456789abcdef0123\r\nmaster_replid2:00\r\n", tenure));
	assert_string_equal(tenure, "0123456789abcdef");
	assert_true(tenure_of("role:slave\r\nmaster_replid:0123456789abcdef0123\r\n", tenure));
	assert_string_equal(tenure, "");
	assert_false(tenure_of("role:master\r\n", tenure));
	assert_false(tenure_of("role:master\r\nmaster_replid:0123\r\n", tenure));
	assert_false(tenure_of("master_replid:0123456789abcdef0123\r\n", tenure));
	assert_false(tenure_of("", tenure));
	assert_false(weir_redis_parse_tenure(NULL, tenure));
}

static void test_redis_wire_stamps_are_16_digits(void **state)
{
	(void)state;
	assert_true(weir_redis_parse_stamp(WEIR_SLICE_LITERAL("0123456789abcdef")) == UINT64_C(0x0123456789abcdef));
	assert_true(weir_redis_parse_stamp(WEIR_SLICE_LITERAL("ffffffffffffffff")) == UINT64_MAX);
	assert_true(weir_redis_parse_stamp(WEIR_SLICE_LITERAL("0123456789abcde")) == 0);
	assert_true(weir_redis_parse_stamp(WEIR_SLICE_LITERAL("0123456789abcdef0")) == 0);
	assert_true(weir_redis_parse_stamp(WEIR_SLICE_LITERAL("0123456789abcdeF")) == 0);
	assert_true(weir_redis_parse_stamp(WEIR_SLICE_LITERAL("0123456789abcde ")) == 0);
	assert_true(weir_redis_parse_stamp(WEIR_SLICE_NONE) == 0);
}

static void test_redis_wire_settings_are_numbers(void **state)
{
	static const char *const wrong[] = { "*0\r\n", "-NOPERM\r\n", "*2\r\n$1\r\nx\r\n$1\r\ny\r\n", "*2\r\n$1\r\nx\r\n*0\r\n", ":7\r\n" };
	redisReply *reply = reply_of("*2\r\n$1\r\nx\r\n$7\r\n1048576\r\n");

	(void)state;
	assert_true(weir_redis_parse_config(reply, 5) == 1048576);
	freeReplyObject(reply);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		reply = reply_of(wrong[i]);
		assert_true(weir_redis_parse_config(reply, 5) == 5);
		freeReplyObject(reply);
	}
	assert_true(weir_redis_parse_config(NULL, 5) == 5);
}

struct ranges {
	struct weir_redis_slot_range ranges[4];
	size_t count;
};

static void take(void *state, const struct weir_redis_slot_range *range)
{
	struct ranges *ranges = state;

	assert_true(ranges->count < 4);
	ranges->ranges[ranges->count++] = *range;
}

static bool slots_of(const char *bytes, struct ranges *ranges)
{
	redisReply *reply = reply_of(bytes);
	bool right;

	ranges->count = 0;
	right = weir_redis_parse_slots(reply, take, ranges);
	freeReplyObject(reply);
	return right;
}

static void test_redis_wire_slots_have_masters(void **state)
{
	struct ranges ranges;

	(void)state;
	assert_true(slots_of("*2\r\n*4\r\n:0\r\n:8000\r\n*3\r\n$2\r\nh1\r\n:1\r\n$2\r\nid\r\n*2\r\n$2\r\nh9\r\n:9\r\n"
			     "*3\r\n:8001\r\n:16383\r\n*2\r\n$0\r\n\r\n:65535\r\n",
			     &ranges));
	assert_int_equal(ranges.count, 2);
	assert_int_equal(ranges.ranges[0].first, 0);
	assert_int_equal(ranges.ranges[0].last, 8000);
	assert_string_equal(ranges.ranges[0].master.host, "h1");
	assert_int_equal(ranges.ranges[0].master.port, 1);
	assert_int_equal(ranges.ranges[1].last, 16383);
	assert_string_equal(ranges.ranges[1].master.host, "");
	assert_true(slots_of("*1\r\n*3\r\n:5\r\n:5\r\n*2\r\n$-1\r\n:7\r\n", &ranges));
	assert_string_equal(ranges.ranges[0].master.host, "");
	assert_true(slots_of("*0\r\n", &ranges));
}

static void test_redis_wire_slots_that_are_none_are_refused(void **state)
{
	static const char *const wrong[] = {
		"-ERR This instance has cluster support disabled\r\n",
		"*1\r\n:1\r\n",
		"*1\r\n*2\r\n:0\r\n:1\r\n",
		"*1\r\n*3\r\n:-1\r\n:1\r\n*2\r\n$1\r\nh\r\n:1\r\n",
		"*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n$1\r\nh\r\n:1\r\n",
		"*1\r\n*3\r\n:2\r\n:1\r\n*2\r\n$1\r\nh\r\n:1\r\n",
		"*1\r\n*3\r\n$1\r\n0\r\n:1\r\n*2\r\n$1\r\nh\r\n:1\r\n",
		"*1\r\n*3\r\n:0\r\n:1\r\n*1\r\n$1\r\nh\r\n",
		"*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n:5\r\n:1\r\n",
		"*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\nh\r\n:0\r\n",
		"*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\nh\r\n:65536\r\n",
		"*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\n?\r\n:1\r\n",
		"*1\r\n*3\r\n:0\r\n:1\r\n$1\r\nh\r\n",
	};
	struct ranges ranges;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_false(slots_of(wrong[i], &ranges));
		assert_int_equal(ranges.count, 0);
	}
	assert_false(weir_redis_parse_slots(NULL, take, &ranges));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_redis_wire_slots_are_those_of_the_specification),
		cmocka_unit_test(test_redis_wire_names_tell_kinds_apart),
		cmocka_unit_test(test_redis_wire_names_are_bounded_and_without_braces),
		cmocka_unit_test(test_redis_wire_pattern_has_one_wildcard),
		cmocka_unit_test(test_redis_wire_record_comes_back),
		cmocka_unit_test(test_redis_wire_what_is_no_record_is_refused),
		cmocka_unit_test(test_redis_wire_commands_are_counted_words),
		cmocka_unit_test(test_redis_wire_scripts_have_their_digest_for_a_name),
		cmocka_unit_test(test_redis_wire_redirections_name_a_place),
		cmocka_unit_test(test_redis_wire_redirections_to_hosts_that_are_too_long_are_refused),
		cmocka_unit_test(test_redis_wire_errors_are_judged_by_their_first_word),
		cmocka_unit_test(test_redis_wire_tenure_is_that_of_masters),
		cmocka_unit_test(test_redis_wire_stamps_are_16_digits),
		cmocka_unit_test(test_redis_wire_settings_are_numbers),
		cmocka_unit_test(test_redis_wire_slots_have_masters),
		cmocka_unit_test(test_redis_wire_slots_that_are_none_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
