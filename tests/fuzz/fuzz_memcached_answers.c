/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as what a memcached server answers, in one piece or in many, behind a byte that says what it was asked; and then it hangs up.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "backends/memcached/node.h"
#include "insist.h"

#define OPS 6

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct weir_memcached_limits limits = { 100, 100 };
static const struct weir_memcached_server nowhere = { .host = "/nonexistent/socket", .text = "nowhere" };

static const enum weir_memcached_verb asked[4][OPS] = {
	{ WEIR_MEMCACHED_GET, WEIR_MEMCACHED_GET, WEIR_MEMCACHED_GET, WEIR_MEMCACHED_GET, WEIR_MEMCACHED_GET, WEIR_MEMCACHED_GET },
	{ WEIR_MEMCACHED_ADD, WEIR_MEMCACHED_GET, WEIR_MEMCACHED_CAS, WEIR_MEMCACHED_INCREMENT, WEIR_MEMCACHED_GET, WEIR_MEMCACHED_DELETE },
	{ WEIR_MEMCACHED_SET, WEIR_MEMCACHED_SET, WEIR_MEMCACHED_SET, WEIR_MEMCACHED_DELETE, WEIR_MEMCACHED_DELETE, WEIR_MEMCACHED_DELETE },
	{ WEIR_MEMCACHED_VERSION, WEIR_MEMCACHED_GET, WEIR_MEMCACHED_GET, WEIR_MEMCACHED_ADD, WEIR_MEMCACHED_INCREMENT,
	  WEIR_MEMCACHED_GET },
};

static const char *const names[OPS] = { "a", "b", "a", "c", "weir:vd", "e" };

static void answer(struct weir_memcached_node *node, int fd, const uint8_t *data, size_t size, size_t piece)
{
	while (size > 0 && weir_memcached_node_is_busy(node)) {
		size_t len = size < piece ? size : piece;
		ssize_t said = write(fd, data, len);

		INSIST(said > 0);
		data += said;
		size -= (size_t)said;
		weir_memcached_node_advance(node, &limits, 1);
	}
}

static void check(const struct weir_memcached_node *node, struct weir_memcached_op *ops)
{
	for (int i = 0; i < OPS; i++) {
		INSIST(ops[i].command.quiet || node->status != WEIR_OK || ops[i].result != WEIR_MEMCACHED_FAILED);
		INSIST(ops[i].command.verb != WEIR_MEMCACHED_GET || ops[i].result != WEIR_MEMCACHED_YES || ops[i].data);
		free(ops[i].data);
	}
	INSIST(node->status == WEIR_OK || node->fd < 0);
	INSIST(node->status == WEIR_OK || node->why[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_memcached_node node;
	struct weir_memcached_op ops[OPS] = { { .result = WEIR_MEMCACHED_FAILED } };
	int pair[2];

	if (size < 1 || size > 60000)
		return 0;
	INSIST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
	weir_memcached_node_init(&node, &nowhere);
	node.fd = pair[0];
	for (int i = 0; i < OPS; i++) {
		ops[i].command.verb = asked[data[0] % 4][i];
		ops[i].command.name = weir_slice_text(names[i]);
		ops[i].command.quiet = i == 0 && data[0] & 4 && ops[i].command.verb == WEIR_MEMCACHED_ADD;
		weir_memcached_node_add(&node, &ops[i]);
	}
	weir_memcached_node_begin(&node, &limits, 0);
	answer(&node, pair[1], data + 1, size - 1, data[0] & 8 ? 1 + data[0] / 16 : SIZE_MAX);
	(void)close(pair[1]);
	if (weir_memcached_node_is_busy(&node))
		weir_memcached_node_advance(&node, &limits, 1);
	INSIST(!weir_memcached_node_is_busy(&node));
	check(&node, ops);
	weir_memcached_node_finish(&node);
	return 0;
}
