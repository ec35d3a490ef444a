/* SPDX-License-Identifier: Apache-2.0
 *
 * Name-value pairs of FastCGI: those of PARAMS, read when they are complete, and those of GET_VALUES, matched as they come. Every
 * GET_VALUES is decoded whole and byte by byte.
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

#define BYTES(text) WEIR_SLICE_LITERAL(text)
#define RESULT "reply keep \\x01\\x0a\\x00\\x00\\x00"

static void expect(struct weir_slice pairs, const struct fcgi_trace *start, const char *text)
{
	struct fcgi_trace whole = *start, bytes = *start;
	struct weir_buffer stream;

	weir_buffer_init(&stream, 0);
	fcgi_client_record(&stream, FCGI_CLIENT_GET_VALUES, 0, pairs, 3);
	assert_false(stream.overflowed);
	fcgi_trace_feed(&whole, weir_buffer_slice(&stream));
	assert_string_equal(whole.text.data, text);
	for (size_t i = 0; i < stream.len; i++)
		fcgi_trace_feed(&bytes, weir_slice(stream.data + i, 1));
	assert_string_equal(bytes.text.data, text);
	fcgi_trace_finish(&whole);
	fcgi_trace_finish(&bytes);
	weir_buffer_finish(&stream);
}

static const struct fcgi_trace limits = { .decoder = { .max_conns = 4294967295, .max_reqs = 50 } };

static void test_fcgi_values_tells_what_is_asked_for(void **state)
{
	(void)state;
	expect(BYTES("\016\000FCGI_MAX_CONNS"), &limits, RESULT "\\x1a\\x00\\x00\\x0e\\x0aFCGI_MAX_CONNS4294967295");
	expect(BYTES("\015\000FCGI_MAX_REQS"), &limits, RESULT "\\x11\\x00\\x00\\x0d\\x02FCGI_MAX_REQS50");
	expect(BYTES("\017\000FCGI_MPXS_CONNS\016\000FCGI_MAX_CONNS"), &limits,
	       RESULT ",\\x00\\x00\\x0e\\x0aFCGI_MAX_CONNS4294967295\\x0f\\x01FCGI_MPXS_CONNS0");
}

static void test_fcgi_values_tells_the_longest_answer(void **state)
{
	const struct fcgi_trace start = { .decoder = { .max_conns = 4294967295, .max_reqs = 4294967295 } };

	(void)state;
	expect(BYTES("\016\000FCGI_MAX_CONNS\015\000FCGI_MAX_REQS\017\000FCGI_MPXS_CONNS"), &start,
	       RESULT "E\\x00\\x00\\x0e\\x0aFCGI_MAX_CONNS4294967295\\x0d\\x0aFCGI_MAX_REQS4294967295\\x0f\\x01FCGI_MPXS_CONNS0");
}

static void test_fcgi_values_forgets_what_was_asked_before(void **state)
{
	struct fcgi_trace trace = limits;
	struct weir_buffer stream;

	(void)state;
	weir_buffer_init(&stream, 0);
	fcgi_client_record(&stream, FCGI_CLIENT_GET_VALUES, 0, BYTES("\015\000FCGI_MAX_REQS"), 0);
	fcgi_client_record(&stream, FCGI_CLIENT_GET_VALUES, 0, BYTES("\017\000FCGI_MPXS_CONNS"), 0);
	fcgi_trace_feed(&trace, weir_buffer_slice(&stream));
	assert_string_equal(trace.text.data,
			    RESULT "\\x11\\x00\\x00\\x0d\\x02FCGI_MAX_REQS50\n" RESULT "\\x12\\x00\\x00\\x0f\\x01FCGI_MPXS_CONNS0");
	fcgi_trace_finish(&trace);
	weir_buffer_finish(&stream);
}

/* More than five of these overran the stack of libfcgi 2.4.2. */
static void test_fcgi_values_answers_repeated_names_once(void **state)
{
	struct weir_buffer pairs;

	(void)state;
	weir_buffer_init(&pairs, 0);
	for (int i = 0; i < 200; i++)
		fcgi_client_pair(&pairs, BYTES("FCGI_MPXS_CONNS"), BYTES("1"));
	expect(weir_buffer_slice(&pairs), &limits, RESULT "\\x12\\x00\\x00\\x0f\\x01FCGI_MPXS_CONNS0");
	weir_buffer_finish(&pairs);
}

static void test_fcgi_values_does_not_tell_limits_it_was_not_given(void **state)
{
	const struct fcgi_trace start = { 0 };

	(void)state;
	expect(BYTES("\016\000FCGI_MAX_CONNS\015\000FCGI_MAX_REQS\017\000FCGI_MPXS_CONNS"), &start,
	       RESULT "\\x12\\x00\\x00\\x0f\\x01FCGI_MPXS_CONNS0");
}

static void test_fcgi_values_leaves_out_names_it_does_not_know(void **state)
{
	(void)state;
	expect(BYTES(""), &limits, RESULT "\\x00\\x00\\x00");
	expect(BYTES("\0\0\0\005value"), &limits, RESULT "\\x00\\x00\\x00");
	expect(BYTES("\017\000FCGI_MPXS_CONNX\015\000FCGI_MAX_CONN\020\001FCGI_MPXS_CONNSSx"), &limits, RESULT "\\x00\\x00\\x00");
	expect(BYTES("\200\000\000\017\200\000\000\002FCGI_MPXS_CONNSab\017\200\000\000\000fcgi_mpxs_conns"), &limits,
	       RESULT "\\x12\\x00\\x00\\x0f\\x01FCGI_MPXS_CONNS0");
}

static void test_fcgi_values_skips_pairs_as_long_as_a_record(void **state)
{
	struct weir_buffer pairs;
	char *text = calloc(1, 65535);

	(void)state;
	assert_non_null(text);
	weir_buffer_init(&pairs, 0);
	fcgi_client_pair(&pairs, weir_slice(text, 30000), weir_slice(text, 35000));
	fcgi_client_pair(&pairs, BYTES("FCGI_MPXS_CONNS"), weir_slice(text, 65535 - 65008 - 5 - 15));
	assert_int_equal(pairs.len, 65535);
	expect(weir_buffer_slice(&pairs), &limits, RESULT "\\x12\\x00\\x00\\x0f\\x01FCGI_MPXS_CONNS0");
	weir_buffer_finish(&pairs);
	free(text);
}

static void test_fcgi_values_breaks_at_pairs_that_do_not_fit(void **state)
{
	const struct {
		struct weir_slice pairs;
		const char *text;
	} cases[] = {
		{ BYTES("\001"), "broken GET_VALUES ends inside a pair" },
		{ BYTES("\200"), "broken GET_VALUES ends inside a pair" },
		{ BYTES("\200\000\000\001"), "broken GET_VALUES ends inside a pair" },
		{ BYTES("\001\200\000\000"), "broken GET_VALUES ends inside a pair" },
		{ BYTES("\000\000\200\000\000\001\200\000\000"), "broken GET_VALUES ends inside a pair" },
		{ BYTES("\001\000"), "broken GET_VALUES with a pair that does not fit" },
		{ BYTES("\001\001a"), "broken GET_VALUES with a pair that does not fit" },
		{ BYTES("\377\377\377\377\377\377\377\377FCGI_MPXS_CONNS"), "broken GET_VALUES with a pair that does not fit" },
		{ BYTES("\017\377\377\377\377FCGI_MPXS_CONNS"), "broken GET_VALUES with a pair that does not fit" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		expect(cases[i].pairs, &limits, cases[i].text);
}

static void test_fcgi_pairs_come_in_order(void **state)
{
	char text[200];
	struct weir_buffer pairs;
	struct weir_slice rest, name, value;
	const size_t lens[] = { 0, 1, 127, 128, 200 };

	(void)state;
	memset(text, 'x', sizeof(text));
	weir_buffer_init(&pairs, 0);
	for (size_t i = 0; i < 25; i++)
		fcgi_client_pair(&pairs, weir_slice(text, lens[i / 5]), weir_slice(text, lens[i % 5]));
	rest = weir_buffer_slice(&pairs);
	for (size_t i = 0; i < 25; i++) {
		assert_int_equal(weir_fcgi_pairs_next(&rest, &name, &value), WEIR_OK);
		assert_true(weir_slice_equal(name, weir_slice(text, lens[i / 5])));
		assert_true(weir_slice_equal(value, weir_slice(text, lens[i % 5])));
		assert_non_null(name.data);
		assert_non_null(value.data);
	}
	assert_int_equal(weir_fcgi_pairs_next(&rest, &name, &value), WEIR_END);
	rest = WEIR_SLICE_NONE;
	assert_int_equal(weir_fcgi_pairs_next(&rest, &name, &value), WEIR_END);
	weir_buffer_finish(&pairs);
}

static void test_fcgi_pairs_that_do_not_fit_are_invalid(void **state)
{
	const struct weir_slice cases[] = {
		BYTES("\001"),
		BYTES("\200\000\000"),
		BYTES("\001\200\000\000"),
		BYTES("\001\000"),
		BYTES("\001\002ab"),
		BYTES("\200\000\000\003\001abc"),
		BYTES("\377\377\377\377\000abc"),
		BYTES("\001\377\377\377\377abc"),
		BYTES("\377\377\377\377\377\377\377\377abc"),
	};
	struct weir_slice rest, name, value;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *copy = malloc(cases[i].len);

		assert_non_null(copy);
		memcpy(copy, cases[i].data, cases[i].len);
		rest = weir_slice(copy, cases[i].len);
		assert_int_equal(weir_fcgi_pairs_next(&rest, &name, &value), WEIR_ERR_INVALID);
		assert_ptr_equal(rest.data, copy);
		assert_int_equal(rest.len, cases[i].len);
		free(copy);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fcgi_values_tells_what_is_asked_for),
		cmocka_unit_test(test_fcgi_values_tells_the_longest_answer),
		cmocka_unit_test(test_fcgi_values_forgets_what_was_asked_before),
		cmocka_unit_test(test_fcgi_values_answers_repeated_names_once),
		cmocka_unit_test(test_fcgi_values_does_not_tell_limits_it_was_not_given),
		cmocka_unit_test(test_fcgi_values_leaves_out_names_it_does_not_know),
		cmocka_unit_test(test_fcgi_values_skips_pairs_as_long_as_a_record),
		cmocka_unit_test(test_fcgi_values_breaks_at_pairs_that_do_not_fit),
		cmocka_unit_test(test_fcgi_pairs_come_in_order),
		cmocka_unit_test(test_fcgi_pairs_that_do_not_fit_are_invalid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
