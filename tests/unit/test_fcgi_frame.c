/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers as FastCGI records: what goes over the wire is read back with support/fcgi_client, which does not share code with the codec.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "runtime/fcgi_frame.h"
#include "support/fcgi_client.h"

#define BYTES(text) WEIR_SLICE_LITERAL(text)

/* Takes up to `max` bytes from the frame as a socket would. */
static void send_some(struct weir_fcgi_frame *frame, size_t max, struct weir_buffer *wire)
{
	size_t sent = 0;

	for (unsigned i = frame->first; i < frame->first + frame->count && sent < max; i++) {
		size_t len = frame->iov[i].iov_len < max - sent ? frame->iov[i].iov_len : max - sent;

		weir_buffer_append(wire, frame->iov[i].iov_base, len);
		sent += len;
	}
	weir_fcgi_frame_sent(frame, sent);
}

static void send_all(struct weir_fcgi_frame *frame, struct weir_buffer *wire)
{
	send_some(frame, SIZE_MAX, wire);
	assert_int_equal(frame->count, 0);
}

/* `records` 0: any number. */
static void expect_response(struct weir_buffer *wire, uint16_t id, struct weir_slice body, size_t records)
{
	struct fcgi_client_response response = { 0 };
	struct weir_slice rest = weir_buffer_slice(wire);

	assert_false(wire->overflowed);
	assert_int_equal(fcgi_client_response_read(&response, &rest), WEIR_OK);
	assert_int_equal(rest.len, 0);
	assert_int_equal(response.id, id);
	assert_int_equal(response.protocol_status, 0);
	assert_int_equal(response.out.len, body.len);
	assert_memory_equal(response.out.data, body.data, body.len);
	if (records > 0)
		assert_int_equal(response.records, records);
	fcgi_client_response_finish(&response);
	weir_buffer_finish(wire);
}

/* Bytes that tell where they belong. */
static char *make_body(size_t len)
{
	char *body = malloc(len);
	uint32_t seed = 42;

	assert_non_null(body);
	for (size_t i = 0; i < len; i++)
		body[i] = (char)fcgi_client_random(&seed, 256);
	return body;
}

static void test_fcgi_frame_puts_head_and_body_into_one_record(void **state)
{
	const struct weir_slice parts[] = { BYTES("Status: 200\r\n\r\n"), WEIR_SLICE_NONE, BYTES("hello"), BYTES("") };
	struct weir_buffer wire = { 0 };
	struct weir_fcgi_frame frame;

	(void)state;
	assert_int_equal(weir_fcgi_frame_fill(&frame, 0x0102, parts, 4), 20);
	weir_fcgi_frame_end(&frame, 0x0102, 0);
	assert_int_equal(frame.count, 4);
	assert_ptr_equal(frame.iov[2].iov_base, parts[2].data);
	send_all(&frame, &wire);
	assert_int_equal(wire.len, 8 + 20 + WEIR_FCGI_END_LEN);
	assert_memory_equal(wire.data, "\1\6\1\2\0\24\0\0Status: 200\r\n\r\nhello\1\6\1\2\0\0\0\0\1\3\1\2\0\10\0\0\0\0\0\0\0\0\0\0",
			    wire.len);
	expect_response(&wire, 0x0102, BYTES("Status: 200\r\n\r\nhello"), 3);
}

static void test_fcgi_frame_never_ends_the_answer_by_an_empty_record(void **state)
{
	const struct weir_slice parts[] = { WEIR_SLICE_NONE, BYTES("") };
	struct weir_buffer wire = { 0 };
	struct weir_fcgi_frame frame;

	(void)state;
	assert_int_equal(weir_fcgi_frame_fill(&frame, 1, parts, 2), 0);
	assert_int_equal(frame.count, 0);
	assert_int_equal(weir_fcgi_frame_fill(&frame, 1, NULL, 0), 0);
	assert_int_equal(frame.count, 0);
	weir_fcgi_frame_end(&frame, 1, 0);
	send_all(&frame, &wire);
	expect_response(&wire, 1, BYTES(""), 2);
}

static void test_fcgi_frame_cuts_records_at_a_multiple_of_8(void **state)
{
	const size_t three = (size_t)3 * WEIR_FCGI_RECORD_MAX;
	const size_t lens[] = { WEIR_FCGI_RECORD_MAX - 1, WEIR_FCGI_RECORD_MAX, WEIR_FCGI_RECORD_MAX + 1, three };
	const size_t records[] = { 1, 1, 2, 3 };
	char *body = make_body(three);

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		const struct weir_slice parts[] = { weir_slice(body, 10), weir_slice(body + 10, lens[i] - 10) };
		struct weir_buffer wire = { 0 };
		struct weir_fcgi_frame frame;

		assert_int_equal(weir_fcgi_frame_fill(&frame, 1, parts, 2), lens[i]);
		weir_fcgi_frame_end(&frame, 1, 0);
		send_all(&frame, &wire);
		expect_response(&wire, 1, weir_slice(body, lens[i]), records[i] + 2);
	}
	free(body);
}

static void test_fcgi_frame_covers_16_records_of_a_long_body(void **state)
{
	size_t len = 2500000, covered = 0, fill;
	char *body = make_body(len);
	struct weir_slice part;
	struct weir_buffer wire = { 0 };
	struct weir_fcgi_frame frame;

	(void)state;
	for (unsigned i = 0; covered < len; i++) {
		part = weir_slice(body + covered, len - covered);
		fill = weir_fcgi_frame_fill(&frame, 9, &part, 1);
		assert_int_equal(fill, i < 2 ? (size_t)WEIR_FCGI_FRAME_RECORDS * WEIR_FCGI_RECORD_MAX : len - covered);
		covered += fill;
		if (covered == len)
			weir_fcgi_frame_end(&frame, 9, 0);
		send_all(&frame, &wire);
	}
	expect_response(&wire, 9, weir_slice(body, len), (len + WEIR_FCGI_RECORD_MAX - 1) / WEIR_FCGI_RECORD_MAX + 2);
	free(body);
}

static void test_fcgi_frame_keeps_room_for_the_end_among_many_parts(void **state)
{
	struct weir_slice parts[100];
	char *body = make_body(100);
	size_t covered = 0, fill;
	struct weir_buffer wire = { 0 };
	struct weir_fcgi_frame frame;

	(void)state;
	for (size_t i = 0; i < 100; i++)
		parts[i] = weir_slice(body + i, 1);
	while (covered < 100) {
		fill = weir_fcgi_frame_fill(&frame, 1, parts + covered, 100 - covered);
		assert_int_equal(fill, covered + 38 < 100 ? 38 : 100 - covered);
		assert_true(frame.count < WEIR_FCGI_FRAME_IOVECS);
		covered += fill;
		if (covered == 100)
			weir_fcgi_frame_end(&frame, 1, 0);
		send_all(&frame, &wire);
	}
	expect_response(&wire, 1, weir_slice(body, 100), 3 + 2);
	free(body);
}

static void test_fcgi_frame_can_be_sent_in_pieces(void **state)
{
	const struct weir_slice parts[] = { BYTES("head\r\n\r\n"), BYTES("body") };

	(void)state;
	for (size_t piece = 1; piece < 50; piece++) {
		struct weir_buffer wire = { 0 };
		struct weir_fcgi_frame frame;

		assert_int_equal(weir_fcgi_frame_fill(&frame, 1, parts, 2), 12);
		weir_fcgi_frame_end(&frame, 1, 7);
		while (frame.count > 0)
			send_some(&frame, piece, &wire);
		weir_fcgi_frame_sent(&frame, 0);
		weir_fcgi_frame_sent(&frame, 1);
		assert_int_equal(frame.count, 0);
		expect_response(&wire, 1, BYTES("head\r\n\r\nbody"), 3);
	}
}

/* Random parts, sent in random pieces, go on from where the frame before has stopped, also inside a part. */
static void test_fcgi_frame_carries_any_answer(void **state)
{
	size_t len = 1500000;
	char *body = make_body(len);
	uint32_t seed = 7;

	(void)state;
	for (int round = 0; round < 20; round++) {
		struct weir_slice parts[60];
		struct weir_buffer wire = { 0 };
		struct weir_fcgi_frame frame;
		size_t count = fcgi_client_random(&seed, 60), covered = 0, total = 0, first = 0;

		for (size_t i = 0; i < count; i++) {
			parts[i] = weir_slice(body + total, fcgi_client_random(&seed, i % 7 == 0 ? 150000 : 3) - 1);
			total += parts[i].len;
		}
		do {
			covered = weir_fcgi_frame_fill(&frame, 5, parts + first, count - first);
			for (; first < count && covered >= parts[first].len; first++)
				covered -= parts[first].len;
			if (first < count)
				parts[first] = weir_slice_from(parts[first], covered);
			else
				weir_fcgi_frame_end(&frame, 5, 0);
			while (frame.count > 0)
				send_some(&frame, fcgi_client_random(&seed, 300000), &wire);
		} while (first < count);
		expect_response(&wire, 5, weir_slice(body, total), 0);
	}
	free(body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_fcgi_frame_puts_head_and_body_into_one_record),
		cmocka_unit_test(test_fcgi_frame_never_ends_the_answer_by_an_empty_record),
		cmocka_unit_test(test_fcgi_frame_cuts_records_at_a_multiple_of_8),
		cmocka_unit_test(test_fcgi_frame_covers_16_records_of_a_long_body),
		cmocka_unit_test(test_fcgi_frame_keeps_room_for_the_end_among_many_parts),
		cmocka_unit_test(test_fcgi_frame_can_be_sent_in_pieces),
		cmocka_unit_test(test_fcgi_frame_carries_any_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
