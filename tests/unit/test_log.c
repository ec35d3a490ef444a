/* SPDX-License-Identifier: Apache-2.0
 *
 * Log lines as they are made: both formats to the byte, forged lines that stay one line, and lines that are cut. What is JSON is read
 * back with json-c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include <weir/log.h>

#define S(text) WEIR_SLICE_LITERAL(text)
#define TIME "2026-11-22T19:36:34.120Z"

enum {
	LINE_SIZE = 4096,
};

/* A log, and the last line that it wrote. */
struct fixture {
	struct weir_log *log;
	int64_t wall_ms;
	struct weir_clock clock;
	char line[LINE_SIZE + 1];
	size_t len;
	size_t lines;
};

static int64_t read_wall(void *state)
{
	struct fixture *f = state;

	return f->wall_ms;
}

static void keep(void *state, const char *line, size_t len)
{
	struct fixture *f = state;

	assert_in_range(len, 1, LINE_SIZE);
	memcpy(f->line, line, len);
	f->line[len] = '\0';
	f->len = len;
	f->lines++;
	/* Whatever was logged: one line, of characters that can be seen. */
	assert_int_equal(line[len - 1], '\n');
	for (size_t i = 0; i < len - 1; i++)
		assert_true((unsigned char)line[i] >= 0x20 && line[i] != 0x7f);
}

static int set_up(void **state, enum weir_log_format format)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	f->wall_ms = INT64_C(1795376194120);
	f->clock = (struct weir_clock){ .wall_ms = read_wall, .monotonic_ms = read_wall, .state = f };
	f->log = weir_log_create(&(struct weir_log_options){ .format = format, .clock = &f->clock, .write = keep, .state = f });
	*state = f;
	return f->log ? 0 : -1;
}

static int set_up_text(void **state)
{
	return set_up(state, WEIR_LOG_TEXT);
}

static int set_up_json(void **state)
{
	return set_up(state, WEIR_LOG_JSON);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	weir_log_destroy(f->log);
	free(f);
	return 0;
}

static const struct weir_log_field redis_fields[] = {
	{ "backend", { "redis", 5 } },
	{ "route", { "/items/{id}", 11 } },
	{ NULL, { NULL, 0 } },
};

static void log_value(struct fixture *f, struct weir_slice value)
{
	const struct weir_log_field fields[] = { { "v", value }, { NULL, WEIR_SLICE_NONE } };

	weir_log_event(f->log, WEIR_LOG_INFO, fields, "m");
}

static void test_log_text_line_is_as_documented(void **state)
{
	struct fixture *f = *state;

	weir_log_event(f->log, WEIR_LOG_WARN, redis_fields, "cache backend failed: %s", "connection refused");
	assert_string_equal(f->line, TIME " warn cache backend failed: connection refused backend=redis route=/items/{id}\n");
	assert_int_equal(f->lines, 1);
}

static void test_log_json_line_is_as_documented(void **state)
{
	struct fixture *f = *state;

	weir_log_event(f->log, WEIR_LOG_WARN, redis_fields, "cache backend failed: %s", "connection refused");
	assert_string_equal(f->line, "{\"time\":\"" TIME "\",\"level\":\"warn\",\"message\":\"cache backend failed: connection refused\","
				     "\"backend\":\"redis\",\"route\":\"/items/{id}\"}\n");
	assert_int_equal(f->lines, 1);
}

static void test_log_macros_say_their_level(void **state)
{
	struct fixture *f = *state;

	weir_log_debug(f->log, "n=%d", 1);
	assert_string_equal(f->line, TIME " debug n=1\n");
	weir_log_info(f->log, "two");
	assert_string_equal(f->line, TIME " info two\n");
	weir_log_warn(f->log, "three");
	assert_string_equal(f->line, TIME " warn three\n");
	weir_log_error(f->log, "four");
	assert_string_equal(f->line, TIME " error four\n");
}

static void test_log_time_is_utc_in_every_year(void **state)
{
	static const struct {
		int64_t wall_ms;
		const char *text;
	} times[] = {
		{ 0, "1970-01-01T00:00:00.000Z info m\n" },
		{ 951782399999, "2000-02-28T23:59:59.999Z info m\n" },
		{ 951782400001, "2000-02-29T00:00:00.001Z info m\n" },
		{ 4107542400000, "2100-03-01T00:00:00.000Z info m\n" },
		{ 253402300799999, "9999-12-31T23:59:59.999Z info m\n" },
		{ INT64_MAX, "9999-12-31T23:59:59.999Z info m\n" },
		{ -1, "1970-01-01T00:00:00.000Z info m\n" },
	};
	struct fixture *f = *state;

	assert_int_equal(setenv("TZ", "UTC-5", 1), 0);
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		f->wall_ms = times[i].wall_ms;
		weir_log_info(f->log, "m");
		assert_string_equal(f->line, times[i].text);
	}
	assert_int_equal(unsetenv("TZ"), 0);
}

static void test_log_quotes_values_that_need_it(void **state)
{
	static const struct {
		struct weir_slice value;
		const char *text;
	} values[] = {
		{ { "plain", 5 }, " v=plain\n" },
		{ { "/a?b=c&d='e'", 12 }, " v=/a?b=c&d='e'\n" },
		{ { "gr\xc3\xbc\xc3\x9f", 6 }, " v=gr\xc3\xbc\xc3\x9f\n" },
		{ { "", 0 }, " v=\"\"\n" },
		{ { "a b", 3 }, " v=\"a b\"\n" },
		{ { "a\"b", 3 }, " v=\"a\\\"b\"\n" },
		{ { "a\\b", 3 }, " v=\"a\\\\b\"\n" },
		{ { NULL, 0 }, " m\n" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		log_value(f, values[i].value);
		assert_non_null(strstr(f->line, values[i].text));
	}
}

static void test_log_escapes_what_is_no_visible_text(void **state)
{
	static const struct {
		struct weir_slice value;
		const char *text;
	} values[] = {
		{ { "a\nb", 3 }, " v=\"a\\nb\"\n" },
		{ { "\r\t", 2 }, " v=\"\\r\\t\"\n" },
		{ { "\0\x1b[2J\x7f", 6 }, " v=\"\\u0000\\u001b[2J\\u007f\"\n" },
		{ { "\xc2\x85\xe2\x80\xa8\xe2\x80\xa9", 8 }, " v=\"\\u0085\\u2028\\u2029\"\n" },
		{ { "\xff\xc0\xafz", 4 }, " v=\"\\xff\\xc0\\xafz\"\n" },
		{ { "\xed\xa0\x80", 3 }, " v=\"\\xed\\xa0\\x80\"\n" },
		{ { "z\xe2\x82", 3 }, " v=\"z\\xe2\\x82\"\n" },
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		log_value(f, values[i].value);
		assert_non_null(strstr(f->line, values[i].text));
	}
}

static void test_log_forged_line_stays_one_line(void **state)
{
	struct fixture *f = *state;

	weir_log_info(f->log, "no route for %s", "/x\n" TIME " error \"forged\" \\n");
	assert_int_equal(f->lines, 1);
	assert_string_equal(f->line, TIME " info no route for /x\\n" TIME " error \"forged\" \\\\n\n");
}

static struct json_object *parse(const struct fixture *f)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *object;

	assert_non_null(tokener);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	object = json_tokener_parse_ex(tokener, f->line, (int)f->len - 1);
	assert_int_equal(json_tokener_get_error(tokener), json_tokener_success);
	assert_int_equal(json_tokener_get_parse_end(tokener), f->len - 1);
	assert_int_equal(json_object_get_type(object), json_type_object);
	json_tokener_free(tokener);
	return object;
}

static void assert_member(struct json_object *object, const char *name, struct weir_slice expected)
{
	struct json_object *member = NULL;

	assert_true(json_object_object_get_ex(object, name, &member));
	assert_int_equal(json_object_get_type(member), json_type_string);
	assert_int_equal(json_object_get_string_len(member), expected.len);
	assert_memory_equal(json_object_get_string(member), expected.data, expected.len);
}

static void test_log_json_values_come_back_as_they_were(void **state)
{
	static const char value[] = "\0\x01\b\f\n\r\t\x1f \"\\/\x7f\xc2\x80\xc3\xbc\xe2\x80\xa8\xe2\x82\xac\xf0\x9f\x98\x80";
	const struct weir_log_field fields[] = {
		{ "value", weir_slice(value, sizeof(value) - 1) },
		{ "empty", S("") },
		{ "absent", WEIR_SLICE_NONE },
		{ "a \"name\"", S("x") },
		{ NULL, WEIR_SLICE_NONE },
	};
	struct fixture *f = *state;
	struct json_object *object;

	weir_log_event(f->log, WEIR_LOG_ERROR, fields, "%s", "two\nlines\", \"x\": 1}");
	object = parse(f);
	assert_int_equal(json_object_object_length(object), 6);
	assert_member(object, "time", S(TIME));
	assert_member(object, "level", S("error"));
	assert_member(object, "message", S("two\nlines\", \"x\": 1}"));
	assert_member(object, "value", fields[0].value);
	assert_member(object, "empty", S(""));
	assert_member(object, "a \"name\"", S("x"));
	json_object_put(object);
}

static void test_log_json_shows_stray_bytes_as_text(void **state)
{
	struct fixture *f = *state;
	struct json_object *object;

	log_value(f, S("a\xff\xc0\xaf"));
	object = parse(f);
	assert_member(object, "v", S("a\\xff\\xc0\\xaf"));
	json_object_put(object);
}

/* What long values are made of, and how a text line shows it: characters whose escapes have every length. */
static const struct {
	struct weir_slice unit;
	const char *shown;
} fillers[] = {
	{ { "a", 1 }, "a" },
	{ { "\n", 1 }, "\\n" },
	{ { "\"", 1 }, "\\\"" },
	{ { "\x01", 1 }, "\\u0001" },
	{ { "\xff", 1 }, "\\xff" },
	{ { "\xc3\xbc", 2 }, "\xc3\xbc" },
	{ { "\xe2\x82\xac", 3 }, "\xe2\x82\xac" },
	{ { "\xf0\x9f\x98\x80", 4 }, "\xf0\x9f\x98\x80" },
};

static size_t fill(char *bytes, struct weir_slice unit, size_t size)
{
	size_t len = 0;

	for (; len + unit.len <= size; len += unit.len)
		memcpy(bytes + len, unit.data, unit.len);
	return len;
}

static void test_log_json_is_valid_when_cut_anywhere(void **state)
{
	struct fixture *f = *state;
	char value[LINE_SIZE + 100];

	for (size_t i = 0; i < sizeof(fillers) / sizeof(fillers[0]); i++)
		for (size_t size = 0; size < sizeof(value); size += size < 400 || size > 3800 ? 1 : 50) {
			const struct weir_log_field fields[] = {
				{ "first", weir_slice(value, fill(value, fillers[i].unit, size)) },
				{ "second", S("2") },
				{ "third", S("") },
				{ NULL, WEIR_SLICE_NONE },
			};
			struct json_object *object;
			bool whole;

			weir_log_event(f->log, WEIR_LOG_INFO, fields, "m");
			object = parse(f);
			whole = json_object_object_get_ex(object, "third", NULL);
			assert_int_equal(json_object_object_get_ex(object, "cut", NULL), !whole);
			assert_true(whole || f->len > LINE_SIZE - 60);
			json_object_put(object);
		}
}

static void test_log_json_is_valid_when_the_message_is_cut(void **state)
{
	struct fixture *f = *state;
	char message[2 * LINE_SIZE];

	for (size_t i = 0; i < sizeof(fillers) / sizeof(fillers[0]); i++)
		for (size_t size = 3900; size < sizeof(message); size += size < 4200 ? 1 : 500) {
			struct json_object *object;

			message[fill(message, fillers[i].unit, size)] = '\0';
			weir_log_event(f->log, WEIR_LOG_INFO, redis_fields, "%s", message);
			object = parse(f);
			assert_true(json_object_object_get_ex(object, "cut", NULL) || json_object_object_get_ex(object, "route", NULL));
			json_object_put(object);
		}
}

static void test_log_text_is_cut_between_characters_and_says_so(void **state)
{
	struct fixture *f = *state;
	char value[2 * LINE_SIZE];

	for (size_t i = 0; i < sizeof(fillers) / sizeof(fillers[0]); i++) {
		const char *shown = fillers[i].shown;
		bool quoted = shown[0] == '\\';
		const char *end;
		const char *at;

		log_value(f, weir_slice(value, fill(value, fillers[i].unit, sizeof(value))));
		assert_true(f->len > LINE_SIZE - 20);
		at = strstr(f->line, quoted ? " v=\"" : " v=") + (quoted ? 4 : 3);
		end = f->line + f->len - strlen(quoted ? "\" cut=true\n" : " cut=true\n");
		assert_string_equal(end, quoted ? "\" cut=true\n" : " cut=true\n");
		for (; at < end; at += strlen(shown))
			assert_memory_equal(at, shown, strlen(shown));
		assert_ptr_equal(at, end);
	}
}

static void test_log_long_message_fills_the_line(void **state)
{
	struct fixture *f = *state;

	weir_log_info(f->log, "%010000d", 7);
	assert_int_equal(f->lines, 1);
	assert_in_range(f->len, LINE_SIZE - 20, LINE_SIZE);
	assert_non_null(strstr(f->line, "000 cut=true\n"));
}

static void test_log_drops_what_is_below_its_level(void **state)
{
	const struct weir_log_options options = { .level = WEIR_LOG_WARN, .write = keep, .state = *state };
	const struct weir_log_options off = { .level = WEIR_LOG_OFF, .write = keep, .state = *state };
	struct fixture *f = *state;
	struct weir_log *log = weir_log_create(&options);
	struct weir_log *silent = weir_log_create(&off);

	weir_log_info(log, "no");
	weir_log_error(silent, "no");
	weir_log_event(log, WEIR_LOG_OFF, NULL, "no");
	assert_int_equal(f->lines, 0);
	weir_log_warn(log, "yes");
	weir_log_error(log, "yes");
	assert_int_equal(f->lines, 2);
	assert_false(weir_log_enabled(log, WEIR_LOG_INFO));
	assert_true(weir_log_enabled(log, WEIR_LOG_WARN));
	assert_false(weir_log_enabled(log, WEIR_LOG_OFF));
	assert_false(weir_log_enabled(silent, WEIR_LOG_ERROR));
	weir_log_destroy(log);
	weir_log_destroy(silent);
}

static void test_log_null_is_silent(void **state)
{
	(void)state;
	assert_false(weir_log_enabled(NULL, WEIR_LOG_ERROR));
	weir_log_error(NULL, "nobody hears %s", "this");
	weir_log_destroy(NULL);
}

static void test_log_leaves_errno_alone_and_can_print_it(void **state)
{
	struct fixture *f = *state;

	errno = ENOENT;
	weir_log_info(f->log, "%s", strerror(errno));
	assert_int_equal(errno, ENOENT);
	assert_string_equal(f->line, TIME " info No such file or directory\n");
}

static void test_log_level_parse(void **state)
{
	static const char *const bad[] = { "", "INFO", "warning", "info ", NULL };
	static const char *const good[] = { "debug", "info", "warn", "error", "off" };
	enum weir_log_level level = WEIR_LOG_OFF;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(weir_log_level_parse(good[i], &level), WEIR_OK);
		assert_int_equal(level, i);
	}
	level = WEIR_LOG_WARN;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(weir_log_level_parse(bad[i], &level), WEIR_ERR_INVALID);
	assert_int_equal(level, WEIR_LOG_WARN);
}

#define TEXT_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_text, tear_down)
#define JSON_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_json, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEXT_TEST(test_log_text_line_is_as_documented),
		JSON_TEST(test_log_json_line_is_as_documented),
		TEXT_TEST(test_log_macros_say_their_level),
		TEXT_TEST(test_log_time_is_utc_in_every_year),
		TEXT_TEST(test_log_quotes_values_that_need_it),
		TEXT_TEST(test_log_escapes_what_is_no_visible_text),
		TEXT_TEST(test_log_forged_line_stays_one_line),
		JSON_TEST(test_log_json_values_come_back_as_they_were),
		JSON_TEST(test_log_json_shows_stray_bytes_as_text),
		JSON_TEST(test_log_json_is_valid_when_cut_anywhere),
		JSON_TEST(test_log_json_is_valid_when_the_message_is_cut),
		TEXT_TEST(test_log_text_is_cut_between_characters_and_says_so),
		TEXT_TEST(test_log_long_message_fills_the_line),
		TEXT_TEST(test_log_drops_what_is_below_its_level),
		cmocka_unit_test(test_log_null_is_silent),
		TEXT_TEST(test_log_leaves_errno_alone_and_can_print_it),
		cmocka_unit_test(test_log_level_parse),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
