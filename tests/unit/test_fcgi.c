/* SPDX-License-Identifier: Apache-2.0
 *
 * The FastCGI decoder, rule by rule. Every stream is decoded whole, byte by byte, and cut in two at every place: the events must be the
 * same. Streams come from support/fcgi_client, which does not share code with the codec.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "runtime/fcgi.h"
#include "support/fcgi_client.h"
#include "support/fcgi_trace.h"

#define AFTER(type) (1u << WEIR_FCGI_##type)
#define BYTES(text) WEIR_SLICE_LITERAL(text)

/* What a reply to a refused request looks like in a trace. */
#define END_REQUEST(id, status) "\\x01\\x03\\x00\\x" id "\\x00\\x08\\x00\\x00\\x00\\x00\\x00\\x00\\x" status "\\x00\\x00\\x00"

static int set_up(void **state)
{
	static struct weir_buffer stream;

	weir_buffer_init(&stream, 0);
	*state = &stream;
	return 0;
}

static int tear_down(void **state)
{
	weir_buffer_finish(*state);
	return 0;
}

/* Feeds `stream` in pieces: the first of `first` bytes, the others of `other`. */
static void expect_cut(struct weir_slice stream, const struct fcgi_trace *start, size_t first, size_t other, const char *text)
{
	struct fcgi_trace trace = *start;
	size_t len = first;

	for (; stream.len > 0; len = other) {
		if (len > stream.len)
			len = stream.len;
		fcgi_trace_feed(&trace, weir_slice(stream.data, len));
		stream = weir_slice_from(stream, len);
	}
	assert_string_equal(trace.text.data, text);
	fcgi_trace_finish(&trace);
}

static void expect_from(const struct weir_buffer *stream, const struct fcgi_trace *start, const char *text)
{
	struct weir_slice bytes = weir_buffer_slice(stream);

	assert_false(stream->overflowed);
	expect_cut(bytes, start, bytes.len, bytes.len, text);
	expect_cut(bytes, start, 1, 1, text);
	for (size_t at = 1; at < bytes.len; at++)
		expect_cut(bytes, start, at, bytes.len, text);
}

static void expect(const struct weir_buffer *stream, unsigned finish_after, const char *text)
{
	const struct fcgi_trace start = { .finish_after = finish_after };

	expect_from(stream, &start, text);
}

static void record(struct weir_buffer *out, uint8_t type, uint16_t id, const char *content)
{
	fcgi_client_record(out, type, id, weir_slice_text(content), 0);
}

/* BEGIN and an empty set of parameters: ready for the body. */
static void begin(struct weir_buffer *out, uint16_t id)
{
	fcgi_client_begin(out, id, 1, true);
	record(out, FCGI_CLIENT_PARAMS, id, "");
}

static void test_fcgi_gives_a_request_in_order(void **state)
{
	const struct fcgi_client_param params[] = { { BYTES("A"), BYTES("1") }, { BYTES("B"), BYTES("") } };
	const struct fcgi_client_request request = { 1, true, params, 2, BYTES("hello") };
	struct fcgi_client_cut cut = { 0 };

	fcgi_client_request(*state, &request, &cut);
	expect(*state, 0, "begin 1 keep\nparams 1 \\x01\\x01A1\\x01\\x00B\nparams-end 1\nstdin 1 hello\nstdin-end 1");
}

static void test_fcgi_joins_streams_whatever_the_records_and_padding(void **state)
{
	const struct fcgi_client_param params[] = { { BYTES("NAME"), BYTES("value") } };
	const struct fcgi_client_request request = { 0xabcd, false, params, 1, BYTES("some body") };
	struct fcgi_client_cut cut = { .record_max = 2, .padding = 7 };

	fcgi_client_request(*state, &request, &cut);
	expect(*state, 0, "begin 43981\nparams 43981 \\x04\\x05NAMEvalue\nparams-end 43981\nstdin 43981 some\\x20body\nstdin-end 43981");
}

static void test_fcgi_takes_the_longest_record_and_padding(void **state)
{
	struct weir_buffer *stream = *state;
	char *body = calloc(1, 65535);
	struct weir_slice rest;
	struct weir_fcgi_decoder decoder = { 0 };
	struct weir_fcgi_event event;

	assert_non_null(body);
	begin(stream, 1);
	fcgi_client_record(stream, FCGI_CLIENT_STDIN, 1, weir_slice(body, 65535), 255);
	fcgi_client_record(stream, FCGI_CLIENT_STDIN, 1, weir_slice(body, 0), 255);
	free(body);
	rest = weir_buffer_slice(stream);
	weir_fcgi_decode(&decoder, &rest, &event);
	assert_int_equal(event.type, WEIR_FCGI_BEGIN);
	weir_fcgi_decode(&decoder, &rest, &event);
	assert_int_equal(event.type, WEIR_FCGI_PARAMS_END);
	weir_fcgi_decode(&decoder, &rest, &event);
	assert_int_equal(event.type, WEIR_FCGI_STDIN);
	assert_int_equal(event.data.len, 65535);
	assert_ptr_equal(event.data.data, stream->data + 32);
	weir_fcgi_decode(&decoder, &rest, &event);
	assert_int_equal(event.type, WEIR_FCGI_STDIN_END);
	assert_int_equal(rest.len, 255);
	weir_fcgi_decode(&decoder, &rest, &event);
	assert_int_equal(event.type, WEIR_FCGI_NEED_MORE);
	assert_int_equal(rest.len, 0);
}

static void test_fcgi_gives_requests_one_after_another(void **state)
{
	begin(*state, 1);
	record(*state, FCGI_CLIENT_STDIN, 1, "");
	begin(*state, 1);
	record(*state, FCGI_CLIENT_STDIN, 1, "x");
	record(*state, FCGI_CLIENT_STDIN, 1, "");
	begin(*state, 2);
	expect(*state, AFTER(STDIN_END),
	       "begin 1 keep\nparams-end 1\nstdin-end 1\n"
	       "begin 1 keep\nparams-end 1\nstdin 1 x\nstdin-end 1\n"
	       "begin 2 keep\nparams-end 2");
}

static void test_fcgi_refuses_a_second_request_at_a_time(void **state)
{
	begin(*state, 1);
	fcgi_client_begin(*state, 2, 1, false);
	record(*state, FCGI_CLIENT_STDIN, 1, "a");
	record(*state, FCGI_CLIENT_PARAMS, 2, "\001\001Ab");
	record(*state, FCGI_CLIENT_PARAMS, 2, "");
	record(*state, FCGI_CLIENT_STDIN, 2, "other");
	record(*state, FCGI_CLIENT_STDIN, 2, "");
	record(*state, FCGI_CLIENT_ABORT, 2, "");
	record(*state, FCGI_CLIENT_STDIN, 1, "b");
	expect(*state, 0, "begin 1 keep\nparams-end 1\nreply 2 keep " END_REQUEST("02", "01") "\nstdin 1 ab");
}

static void test_fcgi_refuses_roles_it_does_not_play(void **state)
{
#define REFUSAL END_REQUEST("01", "03")
	fcgi_client_begin(*state, 1, 2, true);
	record(*state, FCGI_CLIENT_PARAMS, 1, "\001\001Ab");
	fcgi_client_begin(*state, 1, 3, false);
	fcgi_client_begin(*state, 1, 0x0101, true);
	begin(*state, 1);
	expect(*state, 0, "reply 1 keep " REFUSAL "\nreply 1 " REFUSAL "\nreply 1 keep " REFUSAL "\nbegin 1 keep\nparams-end 1");
#undef REFUSAL
}

static void test_fcgi_reads_only_the_flag_it_knows(void **state)
{
	fcgi_client_record(*state, FCGI_CLIENT_BEGIN, 1, BYTES("\0\1\376\1\1\1\1\1"), 0);
	expect(*state, AFTER(BEGIN), "begin 1");
}

static void test_fcgi_takes_a_longer_begin_but_not_a_shorter_one(void **state)
{
	fcgi_client_record(*state, FCGI_CLIENT_BEGIN, 1, BYTES("\0\1\1\0\0\0\0\0and more"), 3);
	fcgi_client_record(*state, FCGI_CLIENT_BEGIN, 2, BYTES("\0\1\1\0\0\0\0"), 1);
	expect(*state, AFTER(BEGIN), "begin 1 keep\nbroken BEGIN_REQUEST is too short");
}

static void test_fcgi_breaks_at_a_second_begin_of_the_active_request(void **state)
{
	begin(*state, 1);
	begin(*state, 1);
	expect(*state, 0, "begin 1 keep\nparams-end 1\nbroken BEGIN_REQUEST for the active request");
}

static void test_fcgi_breaks_at_another_version(void **state)
{
	weir_buffer_append_text(*state, "GET / HTTP/1.1\r\n");
	expect(*state, 0, "broken not FastCGI version 1");
	weir_buffer_clear(*state);
	begin(*state, 1);
	weir_buffer_append_slice(*state, BYTES("\0\5\0\1\0\0\0\0"));
	expect(*state, 0, "begin 1 keep\nparams-end 1\nbroken not FastCGI version 1");
}

static void test_fcgi_breaks_at_data_out_of_order(void **state)
{
	fcgi_client_begin(*state, 1, 1, true);
	record(*state, FCGI_CLIENT_STDIN, 1, "");
	expect(*state, 0, "begin 1 keep\nbroken STDIN before the end of PARAMS");

	weir_buffer_clear(*state);
	begin(*state, 1);
	record(*state, FCGI_CLIENT_PARAMS, 1, "\001\001Ab");
	expect(*state, 0, "begin 1 keep\nparams-end 1\nbroken PARAMS after their end");

	weir_buffer_clear(*state);
	begin(*state, 1);
	record(*state, FCGI_CLIENT_STDIN, 1, "");
	record(*state, FCGI_CLIENT_PARAMS, 1, "");
	expect(*state, 0, "begin 1 keep\nparams-end 1\nstdin-end 1\nbroken PARAMS after their end");

	weir_buffer_clear(*state);
	begin(*state, 1);
	record(*state, FCGI_CLIENT_STDIN, 1, "");
	record(*state, FCGI_CLIENT_STDIN, 1, "x");
	expect(*state, 0, "begin 1 keep\nparams-end 1\nstdin-end 1\nbroken STDIN after its end");
}

static void test_fcgi_breaks_at_types_a_web_server_does_not_send(void **state)
{
	static const uint8_t sent[] = { FCGI_CLIENT_BEGIN, FCGI_CLIENT_ABORT, FCGI_CLIENT_PARAMS, FCGI_CLIENT_STDIN, FCGI_CLIENT_DATA };

	for (unsigned type = 0; type < 256; type++) {
		if (memchr(sent, (int)type, sizeof(sent)))
			continue;
		weir_buffer_clear(*state);
		fcgi_client_begin(*state, 1, 1, true);
		record(*state, (uint8_t)type, 1, "12345678");
		expect(*state, 0, "begin 1 keep\nbroken record type that a web server does not send");
	}
}

static void test_fcgi_breaks_at_request_records_with_id_0(void **state)
{
	for (int type = FCGI_CLIENT_BEGIN; type <= FCGI_CLIENT_UNKNOWN_TYPE; type++) {
		if (type == FCGI_CLIENT_GET_VALUES)
			continue;
		weir_buffer_clear(*state);
		record(*state, (uint8_t)type, 0, "12345678");
		expect(*state, 0, "broken record that does not go with id 0");
	}
}

static void test_fcgi_skips_records_of_requests_that_are_not_active(void **state)
{
	for (uint8_t type = 2; type != 0; type++)
		fcgi_client_record(*state, type, 7, BYTES("ignored"), 1);
	begin(*state, 1);
	for (uint8_t type = 2; type != 0; type++)
		fcgi_client_record(*state, type, 257, BYTES("ignored"), 2);
	record(*state, FCGI_CLIENT_STDIN, 1, "x");
	expect(*state, 0, "begin 1 keep\nparams-end 1\nstdin 1 x");
}

/* The body of a request that was answered early must never be read as the next request. */
static void test_fcgi_skips_the_late_body_of_a_finished_request(void **state)
{
	struct weir_buffer forged;

	weir_buffer_init(&forged, 0);
	begin(&forged, 1);
	record(&forged, FCGI_CLIENT_STDIN, 1, "forged");
	begin(*state, 1);
	fcgi_client_record(*state, FCGI_CLIENT_STDIN, 1, weir_buffer_slice(&forged), 5);
	record(*state, FCGI_CLIENT_STDIN, 1, "more");
	record(*state, FCGI_CLIENT_STDIN, 1, "");
	begin(*state, 1);
	weir_buffer_finish(&forged);
	expect(*state, AFTER(PARAMS_END), "begin 1 keep\nparams-end 1\nbegin 1 keep\nparams-end 1");
}

static void test_fcgi_skips_the_rest_of_the_record_it_is_finished_in(void **state)
{
	struct weir_fcgi_decoder decoder = { 0 };
	struct weir_fcgi_event event;
	struct weir_buffer *stream = *state;
	struct weir_slice head, rest;
	unsigned events = 0;

	begin(stream, 1);
	head.len = stream->len + 8 + 3;
	record(stream, FCGI_CLIENT_STDIN, 1, "abcdef");
	begin(stream, 1);
	head.data = stream->data;
	rest = weir_slice_from(weir_buffer_slice(stream), head.len);
	do
		weir_fcgi_decode(&decoder, &head, &event);
	while (event.type != WEIR_FCGI_STDIN);
	assert_true(weir_slice_equal(event.data, BYTES("abc")));
	weir_fcgi_decoder_finished(&decoder);
	for (weir_fcgi_decode(&decoder, &rest, &event); event.type != WEIR_FCGI_NEED_MORE; weir_fcgi_decode(&decoder, &rest, &event))
		assert_int_equal(event.type, events++ == 0 ? WEIR_FCGI_BEGIN : WEIR_FCGI_PARAMS_END);
	assert_int_equal(events, 2);
}

static void test_fcgi_reports_abort_once_and_then_skips(void **state)
{
	begin(*state, 1);
	record(*state, FCGI_CLIENT_STDIN, 1, "x");
	fcgi_client_record(*state, FCGI_CLIENT_ABORT, 1, BYTES("odd"), 4);
	record(*state, FCGI_CLIENT_STDIN, 1, "y");
	record(*state, FCGI_CLIENT_ABORT, 1, "");
	record(*state, FCGI_CLIENT_STDOUT, 1, "z");
	expect(*state, 0, "begin 1 keep\nparams-end 1\nstdin 1 x\nabort 1");
	begin(*state, 1);
	expect(*state, 0, "begin 1 keep\nparams-end 1\nstdin 1 x\nabort 1\nbroken BEGIN_REQUEST for the active request");
	expect(*state, AFTER(ABORT), "begin 1 keep\nparams-end 1\nstdin 1 x\nabort 1\nbegin 1 keep\nparams-end 1");
}

static void test_fcgi_reports_abort_at_every_stage(void **state)
{
	fcgi_client_begin(*state, 1, 1, true);
	record(*state, FCGI_CLIENT_ABORT, 1, "");
	begin(*state, 1);
	record(*state, FCGI_CLIENT_ABORT, 1, "");
	begin(*state, 1);
	record(*state, FCGI_CLIENT_STDIN, 1, "");
	record(*state, FCGI_CLIENT_ABORT, 1, "");
	expect(*state, AFTER(ABORT),
	       "begin 1 keep\nabort 1\nbegin 1 keep\nparams-end 1\nabort 1\n"
	       "begin 1 keep\nparams-end 1\nstdin-end 1\nabort 1");
}

static void test_fcgi_skips_data_for_filters(void **state)
{
	fcgi_client_begin(*state, 1, 1, true);
	fcgi_client_record(*state, FCGI_CLIENT_DATA, 1, BYTES("file"), 3);
	record(*state, FCGI_CLIENT_DATA, 1, "");
	record(*state, FCGI_CLIENT_PARAMS, 1, "");
	record(*state, FCGI_CLIENT_DATA, 1, "late");
	record(*state, FCGI_CLIENT_GET_VALUES, 0, "");
	expect(*state, 0, "begin 1 keep\nparams-end 1\nreply keep \\x01\\x0a\\x00\\x00\\x00\\x00\\x00\\x00");
}

static void test_fcgi_answers_unknown_management_types(void **state)
{
	fcgi_client_record(*state, 12, 0, BYTES("whatever it says"), 4);
	begin(*state, 1);
	record(*state, 255, 0, "");
	record(*state, 0, 0, "x");
	record(*state, FCGI_CLIENT_STDIN, 1, "x");
	expect(*state, 0,
	       "reply keep \\x01\\x0b\\x00\\x00\\x00\\x08\\x00\\x00\\x0c\\x00\\x00\\x00\\x00\\x00\\x00\\x00\n"
	       "begin 1 keep\nparams-end 1\n"
	       "reply keep \\x01\\x0b\\x00\\x00\\x00\\x08\\x00\\x00\\xff\\x00\\x00\\x00\\x00\\x00\\x00\\x00\n"
	       "reply keep \\x01\\x0b\\x00\\x00\\x00\\x08\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00\n"
	       "stdin 1 x");
}

static void test_fcgi_stays_broken(void **state)
{
	struct weir_fcgi_decoder decoder = { 0 };
	struct weir_fcgi_event event;
	struct weir_slice bad = BYTES("notfastc"), good;
	const char *why;

	begin(*state, 1);
	good = weir_buffer_slice(*state);
	weir_fcgi_decode(&decoder, &bad, &event);
	assert_int_equal(event.type, WEIR_FCGI_BROKEN);
	why = event.why;
	weir_fcgi_decoder_finished(&decoder);
	for (int i = 0; i < 2; i++) {
		weir_fcgi_decode(&decoder, &good, &event);
		assert_int_equal(event.type, WEIR_FCGI_BROKEN);
		assert_ptr_equal(event.why, why);
		assert_ptr_equal(good.data, ((struct weir_buffer *)*state)->data);
	}
}

static void test_fcgi_refuses_and_ends_requests(void **state)
{
	uint8_t refusal[WEIR_FCGI_REFUSAL_LEN], end[WEIR_FCGI_END_LEN], header[WEIR_FCGI_HEADER_LEN];

	(void)state;
	weir_fcgi_refuse(refusal, 0x1234, WEIR_FCGI_OVERLOADED);
	assert_memory_equal(refusal, "\1\3\x12\x34\0\10\0\0\0\0\0\0\2\0\0\0", sizeof(refusal));
	weir_fcgi_end(end, 0x1234, 0x01020304);
	assert_memory_equal(end, "\1\6\x12\x34\0\0\0\0\1\3\x12\x34\0\10\0\0\1\2\3\4\0\0\0\0", sizeof(end));
	weir_fcgi_stdout_header(header, 0x1234, 0xfff8);
	assert_memory_equal(header, "\1\6\x12\x34\xff\xf8\0\0", sizeof(header));
}

static void test_fcgi_lets_the_caller_pause(void **state)
{
	struct weir_fcgi_decoder decoder = { 0 };
	struct weir_fcgi_event event;
	struct weir_slice rest;
	const enum weir_fcgi_event_type expected[] = { WEIR_FCGI_BEGIN, WEIR_FCGI_PARAMS_END, WEIR_FCGI_STDIN_END, WEIR_FCGI_BEGIN };

	/* Two requests in one piece; the second is not looked at, so not refused, before the first is answered. */
	begin(*state, 1);
	record(*state, FCGI_CLIENT_STDIN, 1, "");
	fcgi_client_begin(*state, 2, 1, true);
	rest = weir_buffer_slice(*state);
	for (size_t i = 0; i < 4; i++) {
		weir_fcgi_decode(&decoder, &rest, &event);
		assert_int_equal(event.type, expected[i]);
		if (event.type == WEIR_FCGI_STDIN_END)
			weir_fcgi_decoder_finished(&decoder);
	}
	assert_int_equal(rest.len, 0);
	assert_true(sizeof(decoder) <= 64);
}

/* One stream with everything in it, cut at random: the same events as when it comes whole. */
static void test_fcgi_does_not_care_how_input_is_cut(void **state)
{
	const struct fcgi_client_param params[] = { { BYTES("A"), BYTES("1") }, { BYTES("LONGER_NAME"), BYTES("some value") } };
	struct fcgi_client_cut cut = { .record_max = 400, .padding = 255, .seed = 1 };
	const struct fcgi_trace start = { .finish_after = AFTER(STDIN_END) | AFTER(ABORT) };
	struct fcgi_trace whole = start;
	char body[1000];
	uint32_t seed = 20261122;

	for (size_t i = 0; i < sizeof(body); i++)
		body[i] = (char)fcgi_client_random(&seed, 256);
	for (uint16_t i = 1; i <= 20; i++) {
		const struct fcgi_client_request request = { i, true, params, i % 3, weir_slice(body, sizeof(body) / i) };

		fcgi_client_request(*state, &request, &cut);
		record(*state, FCGI_CLIENT_GET_VALUES, 0, "\017\001FCGI_MPXS_CONNSx\003\000abc");
		record(*state, FCGI_CLIENT_STDIN, i, "late");
		fcgi_client_begin(*state, 99, 3, true);
		begin(*state, i);
		record(*state, FCGI_CLIENT_ABORT, i, "");
	}
	fcgi_trace_feed(&whole, weir_buffer_slice(*state));
	for (int round = 0; round < 300; round++) {
		size_t first = fcgi_client_random(&seed, 2000), other = fcgi_client_random(&seed, 600);

		expect_cut(weir_buffer_slice(*state), &start, first, other, whole.text.data);
	}
	fcgi_trace_finish(&whole);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(test_fcgi_##name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(gives_a_request_in_order),
		TEST(joins_streams_whatever_the_records_and_padding),
		TEST(takes_the_longest_record_and_padding),
		TEST(gives_requests_one_after_another),
		TEST(refuses_a_second_request_at_a_time),
		TEST(refuses_roles_it_does_not_play),
		TEST(reads_only_the_flag_it_knows),
		TEST(takes_a_longer_begin_but_not_a_shorter_one),
		TEST(breaks_at_a_second_begin_of_the_active_request),
		TEST(breaks_at_another_version),
		TEST(breaks_at_data_out_of_order),
		TEST(breaks_at_types_a_web_server_does_not_send),
		TEST(breaks_at_request_records_with_id_0),
		TEST(skips_records_of_requests_that_are_not_active),
		TEST(skips_the_late_body_of_a_finished_request),
		TEST(skips_the_rest_of_the_record_it_is_finished_in),
		TEST(reports_abort_once_and_then_skips),
		TEST(reports_abort_at_every_stage),
		TEST(skips_data_for_filters),
		TEST(answers_unknown_management_types),
		TEST(stays_broken),
		TEST(refuses_and_ends_requests),
		TEST(lets_the_caller_pause),
		TEST(does_not_care_how_input_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
