/* SPDX-License-Identifier: Apache-2.0
 *
 * A connection to a server that says what the test makes it say: answers in pieces, in the wrong order, too many, none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backends/memcached/node.h"

static const struct weir_memcached_limits limits = { 100, 200 };
static const struct weir_memcached_server nowhere = { .host = "/nonexistent/socket", .text = "nowhere" };

struct peer {
	struct weir_memcached_node node;
	int fd; /* the server's end */
};

static bool open_peer(struct peer *peer)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
		return false;
	weir_memcached_node_init(&peer->node, &nowhere);
	peer->node.fd = pair[0];
	peer->fd = pair[1];
	return true;
}

static void close_peer(struct peer *peer)
{
	weir_memcached_node_finish(&peer->node);
	if (peer->fd >= 0)
		(void)close(peer->fd);
}

static int set_up(void **state)
{
	struct peer *peer = calloc(1, sizeof(*peer));

	*state = peer;
	return peer && open_peer(peer) ? 0 : -1;
}

static int tear_down(void **state)
{
	close_peer(*state);
	free(*state);
	return 0;
}

static void add(struct peer *peer, struct weir_memcached_op *op, enum weir_memcached_verb verb, const char *name)
{
	*op = (struct weir_memcached_op){ .command = { .verb = verb, .name = weir_slice_text(name) } };
	weir_memcached_node_add(&peer->node, op);
}

static void say(struct peer *peer, const char *text)
{
	assert_int_equal(write(peer->fd, text, strlen(text)), strlen(text));
	weir_memcached_node_advance(&peer->node, &limits, 1);
}

static void expect_asked(struct peer *peer, const char *expected)
{
	char text[2000];
	ssize_t len = read(peer->fd, text, sizeof(text) - 1);

	assert_true(len >= 0);
	text[len] = '\0';
	assert_string_equal(text, expected);
}

static void expect_data(struct weir_memcached_op *op, const char *value)
{
	assert_int_equal(op->result, WEIR_MEMCACHED_YES);
	assert_int_equal(op->len, strlen(value));
	assert_memory_equal(op->data, value, op->len);
	free(op->data);
	op->data = NULL;
}

static void test_memcached_node_asks_in_one_line(void **state)
{
	struct peer *peer = *state;
	struct weir_memcached_op ops[5];

	add(peer, &ops[0], WEIR_MEMCACHED_GET, "a");
	add(peer, &ops[1], WEIR_MEMCACHED_GET, "b");
	add(peer, &ops[2], WEIR_MEMCACHED_GET, "a");
	add(peer, &ops[3], WEIR_MEMCACHED_DELETE, "a");
	add(peer, &ops[4], WEIR_MEMCACHED_GET, "a");
	weir_memcached_node_begin(&peer->node, &limits, 0);
	expect_asked(peer, "gets a b a\r\ndelete a\r\ngets a\r\n");
	say(peer, "VALUE a 7 2 99\r\n\r\n\r\nVALUE a 7 0 99\r\n\r\nEND\r\nDELETED\r\nEND\r\n");
	assert_false(weir_memcached_node_is_busy(&peer->node));
	assert_int_equal(peer->node.status, WEIR_OK);
	assert_int_equal(ops[0].flags, 7);
	assert_true(ops[0].number == 99);
	expect_data(&ops[0], "\r\n");
	assert_int_equal(ops[1].result, WEIR_MEMCACHED_NO);
	expect_data(&ops[2], "");
	assert_int_equal(ops[3].result, WEIR_MEMCACHED_YES);
	assert_int_equal(ops[4].result, WEIR_MEMCACHED_NO);
}

static void test_memcached_node_takes_answers_byte_by_byte(void **state)
{
	static const char answer[] = "VALUE b 7 5 1\r\nhello\r\nEND\r\nSTORED\r\n18\r\nNOT_FOUND\r\n";
	struct peer *peer = *state;
	struct weir_memcached_op ops[5];

	add(peer, &ops[0], WEIR_MEMCACHED_GET, "a");
	add(peer, &ops[1], WEIR_MEMCACHED_GET, "b");
	add(peer, &ops[2], WEIR_MEMCACHED_ADD, "c");
	add(peer, &ops[3], WEIR_MEMCACHED_INCREMENT, "d");
	add(peer, &ops[4], WEIR_MEMCACHED_CAS, "e");
	weir_memcached_node_begin(&peer->node, &limits, 0);
	for (size_t i = 0; answer[i]; i++) {
		assert_true(weir_memcached_node_is_busy(&peer->node));
		say(peer, (const char[]){ answer[i], '\0' });
	}
	assert_false(weir_memcached_node_is_busy(&peer->node));
	assert_int_equal(ops[0].result, WEIR_MEMCACHED_NO);
	expect_data(&ops[1], "hello");
	assert_int_equal(ops[2].result, WEIR_MEMCACHED_YES);
	assert_int_equal(ops[3].result, WEIR_MEMCACHED_YES);
	assert_true(ops[3].number == 18);
	assert_int_equal(ops[4].result, WEIR_MEMCACHED_NO);
}

static void test_memcached_node_tells_refusals_apart(void **state)
{
	struct peer *peer = *state;
	struct weir_memcached_op ops[5];

	add(peer, &ops[0], WEIR_MEMCACHED_SET, "a");
	add(peer, &ops[1], WEIR_MEMCACHED_SET, "b");
	add(peer, &ops[2], WEIR_MEMCACHED_INCREMENT, "c");
	add(peer, &ops[3], WEIR_MEMCACHED_GET, "d");
	add(peer, &ops[4], WEIR_MEMCACHED_GET, "e");
	weir_memcached_node_begin(&peer->node, &limits, 0);
	say(peer, "SERVER_ERROR object too large for cache\r\nSERVER_ERROR out of memory storing object\r\n");
	say(peer, "CLIENT_ERROR cannot increment or decrement non-numeric value\r\nSERVER_ERROR out of memory\r\n");
	assert_false(weir_memcached_node_is_busy(&peer->node));
	assert_int_equal(peer->node.status, WEIR_OK);
	assert_int_equal(ops[0].result, WEIR_MEMCACHED_TOO_LARGE);
	for (int i = 1; i < 5; i++)
		assert_int_equal(ops[i].result, WEIR_MEMCACHED_REFUSED);
}

/* Nothing is waited for, and what comes next is not taken for an answer to it. */
static void test_memcached_node_quiet_operations_have_no_answer(void **state)
{
	struct peer *peer = *state;
	struct weir_memcached_op quiet, loud, last;

	add(peer, &quiet, WEIR_MEMCACHED_ADD, "a");
	quiet.command.quiet = true;
	add(peer, &loud, WEIR_MEMCACHED_DELETE, "b");
	add(peer, &last, WEIR_MEMCACHED_ADD, "c");
	last.command.quiet = true;
	weir_memcached_node_begin(&peer->node, &limits, 0);
	assert_true(weir_memcached_node_is_busy(&peer->node));
	say(peer, "DELETED\r\n");
	assert_int_equal(loud.result, WEIR_MEMCACHED_YES);
	assert_false(weir_memcached_node_is_busy(&peer->node));
	add(peer, &quiet, WEIR_MEMCACHED_ADD, "a");
	quiet.command.quiet = true;
	weir_memcached_node_begin(&peer->node, &limits, 0);
	assert_false(weir_memcached_node_is_busy(&peer->node));
}

static void expect_broken(void **state, enum weir_memcached_verb verb, const char *answer)
{
	struct peer *peer = *state;
	struct weir_memcached_op ops[3];

	close_peer(peer);
	assert_true(open_peer(peer));
	for (int i = 0; i < 3; i++)
		add(peer, &ops[i], verb, i == 1 ? "b" : "a");
	weir_memcached_node_begin(&peer->node, &limits, 0);
	say(peer, answer);
	if (weir_memcached_node_is_busy(&peer->node) || peer->node.status != WEIR_ERR_BACKEND)
		fail_msg("is taken for an answer: \"%s\"", answer);
	assert_int_equal(peer->node.fd, -1);
	assert_int_equal(ops[2].result, WEIR_MEMCACHED_FAILED);
	for (int i = 0; i < 3; i++)
		free(ops[i].data);
}

static void test_memcached_node_nonsense_ends_the_connection(void **state)
{
	static char long_line[WEIR_MEMCACHED_LINE_MAX + 2];

	memset(long_line, 'x', sizeof(long_line) - 1);
	expect_broken(state, WEIR_MEMCACHED_GET, "HTTP/1.1 400 Bad Request\r\n");
	expect_broken(state, WEIR_MEMCACHED_GET, "STORED\r\n");
	expect_broken(state, WEIR_MEMCACHED_GET, "END\n");
	expect_broken(state, WEIR_MEMCACHED_GET, "\n");
	expect_broken(state, WEIR_MEMCACHED_GET, "VALUE c 7 1 1\r\nx\r\n");
	expect_broken(state, WEIR_MEMCACHED_GET, "VALUE b 7 1 1\r\nx\r\nVALUE b 7 1 1\r\nx\r\n");
	expect_broken(state, WEIR_MEMCACHED_GET, "VALUE a 7 1 1\r\nx__\r\n");
	expect_broken(state, WEIR_MEMCACHED_GET, "CLIENT_ERROR bad command line format\r\n");
	expect_broken(state, WEIR_MEMCACHED_GET, "ERROR Too many open connections\r\n");
	expect_broken(state, WEIR_MEMCACHED_GET, long_line);
	expect_broken(state, WEIR_MEMCACHED_SET, "17\r\n");
	expect_broken(state, WEIR_MEMCACHED_SET, "END\r\n");
	expect_broken(state, WEIR_MEMCACHED_SET, "CLIENT_ERROR bad data chunk\r\n");
	expect_broken(state, WEIR_MEMCACHED_INCREMENT, "STORED\r\n");
	expect_broken(state, WEIR_MEMCACHED_VERSION, "NOT_FOUND\r\n");
}

/* More answers than questions: the next question would get another's. */
static void test_memcached_node_surplus_ends_the_connection(void **state)
{
	struct peer *peer = *state;
	struct weir_memcached_op op;

	add(peer, &op, WEIR_MEMCACHED_DELETE, "a");
	weir_memcached_node_begin(&peer->node, &limits, 0);
	say(peer, "DELETED\r\nDELETED\r\n");
	assert_int_equal(op.result, WEIR_MEMCACHED_FAILED);
	assert_int_equal(peer->node.status, WEIR_ERR_BACKEND);
	assert_int_equal(peer->node.fd, -1);
}

/* One that was closed since it was last used is made anew; that there is nobody any more is the failure. */
static void test_memcached_node_connects_again_to_who_closed(void **state)
{
	struct peer *peer = *state;
	struct weir_memcached_op op;

	(void)close(peer->fd);
	peer->fd = -1;
	add(peer, &op, WEIR_MEMCACHED_DELETE, "a");
	weir_memcached_node_begin(&peer->node, &limits, 0);
	assert_false(weir_memcached_node_is_busy(&peer->node));
	assert_int_equal(peer->node.status, WEIR_ERR_IO);
	assert_non_null(strstr(peer->node.why, "No such file"));
}

static void test_memcached_node_closed_within_an_answer_has_failed(void **state)
{
	struct peer *peer = *state;
	struct weir_memcached_op op;

	add(peer, &op, WEIR_MEMCACHED_GET, "a");
	weir_memcached_node_begin(&peer->node, &limits, 0);
	say(peer, "VALUE a 7 10 1\r\nhalf");
	assert_true(weir_memcached_node_is_busy(&peer->node));
	(void)close(peer->fd);
	peer->fd = -1;
	weir_memcached_node_advance(&peer->node, &limits, 1);
	assert_false(weir_memcached_node_is_busy(&peer->node));
	assert_int_equal(peer->node.status, WEIR_ERR_IO);
	assert_int_equal(op.result, WEIR_MEMCACHED_FAILED);
	assert_non_null(strstr(peer->node.why, "broke off"));
	free(op.data);
}

/* More than sockets hold, in both directions at once: neither side may wait for the other for ever. */
static void test_memcached_node_sends_and_receives_at_once(void **state)
{
	enum {
		COUNT = 300,
		SIZE = 100000
	};
	static struct weir_memcached_op ops[COUNT];
	static char value[SIZE], taken[1 << 20];
	struct peer *peer = *state;
	size_t total = 0;
	ssize_t len = 1;

	for (int i = 0; i < COUNT; i++) {
		add(peer, &ops[i], WEIR_MEMCACHED_SET, "a");
		ops[i].command.body = weir_slice(value, SIZE);
	}
	weir_memcached_node_begin(&peer->node, &limits, 0);
	while (len > 0) {
		assert_true(peer->node.output.capacity < 4 * SIZE);
		len = read(peer->fd, taken, sizeof(taken));
		total += len > 0 ? (size_t)len : 0;
		weir_memcached_node_advance(&peer->node, &limits, 1);
	}
	assert_true(total > (size_t)COUNT * SIZE);
	for (int i = 0; i < COUNT; i++) {
		assert_true(weir_memcached_node_is_busy(&peer->node));
		say(peer, "STORED\r\n");
	}
	assert_false(weir_memcached_node_is_busy(&peer->node));
	assert_int_equal(ops[COUNT - 1].result, WEIR_MEMCACHED_YES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_memcached_node_asks_in_one_line, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memcached_node_takes_answers_byte_by_byte, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memcached_node_tells_refusals_apart, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memcached_node_quiet_operations_have_no_answer, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memcached_node_nonsense_ends_the_connection, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memcached_node_surplus_ends_the_connection, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memcached_node_connects_again_to_who_closed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memcached_node_closed_within_an_answer_has_failed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_memcached_node_sends_and_receives_at_once, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
