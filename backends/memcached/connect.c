/* SPDX-License-Identifier: Apache-2.0
 *
 * Sockets to a server. All that happens here happens at once, but for the look-up of a host's name, which goes by the time limits of the
 * system's resolver: addresses are better.
 */
#include "node.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int begin_connect(struct weir_memcached_node *node, int family, const struct sockaddr *address, socklen_t len)
{
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;

	if (fd >= 0 && family != AF_UNIX)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (fd >= 0 && (connect(fd, address, len) == 0 || errno == EINPROGRESS))
		return fd;
	(void)snprintf(node->why, sizeof(node->why), "cannot be reached: %s", strerror(errno));
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

static int connect_to_socket(struct weir_memcached_node *node)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	memcpy(address.sun_path, node->server->host, strnlen(node->server->host, sizeof(address.sun_path) - 1));
	return begin_connect(node, AF_UNIX, (const struct sockaddr *)&address, sizeof(address));
}

static bool look_up(struct weir_memcached_node *node)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	char port[8];
	int error;

	(void)snprintf(port, sizeof(port), "%u", (unsigned)node->server->port);
	error = getaddrinfo(node->server->host, port, &hints, &node->addresses);
	if (error) {
		(void)snprintf(node->why, sizeof(node->why), "cannot be found: %s", gai_strerror(error));
		node->addresses = NULL;
	}
	node->address = node->addresses;
	return node->addresses;
}

int weir_memcached_connect(struct weir_memcached_node *node)
{
	int fd = -1;

	if (node->server->port == 0)
		return connect_to_socket(node);
	if (!node->addresses && !look_up(node))
		return -1;
	for (; fd < 0 && node->address; node->address = node->address->ai_next)
		fd = begin_connect(node, node->address->ai_family, node->address->ai_addr, node->address->ai_addrlen);
	return fd;
}

void weir_memcached_forget_addresses(struct weir_memcached_node *node)
{
	if (node->addresses)
		freeaddrinfo(node->addresses);
	node->addresses = NULL;
	node->address = NULL;
}
