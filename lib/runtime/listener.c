/* SPDX-License-Identifier: Apache-2.0
 *
 * Where the app listens: unix:PATH, tcp:HOST:PORT or fd:N. libfcgi's own way exits on errors and knows neither mode nor owner.
 */
#include "runtime/listener.h"

#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* The kernel caps it at net.core.somaxconn. */
#define BACKLOG 4096
#define DEFAULT_MODE 0660
#define ALLOWED "unix:PATH, tcp:HOST:PORT or fd:N"

static bool has_prefix(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static enum weir_status refuse(char *why, size_t why_size, const char *listen, const char *reason)
{
	snprintf(why, why_size, "--listen %s: %s", listen, reason);
	return WEIR_ERR_CONFIG;
}

/* "HOST:PORT" or "[HOST]:PORT" into its two parts. */
static bool split_tcp(const char *text, char host[256], const char **port)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;
	uint64_t number;

	if (!colon || len == 0 || len >= 256)
		return false;
	if (weir_slice_to_u64(weir_slice_text(colon + 1), 65535, &number) != WEIR_OK || number == 0)
		return false;
	if (text[0] == '[' && text[len - 1] == ']') {
		text++;
		len -= 2;
	}
	memcpy(host, text, len);
	host[len] = '\0';
	*port = colon + 1;
	return len > 0;
}

static bool parse_fd(const char *text, int *fd)
{
	uint64_t number;

	if (weir_slice_to_u64(weir_slice_text(text), 1 << 20, &number) != WEIR_OK)
		return false;
	*fd = (int)number;
	return true;
}

static bool is_listening(int fd)
{
	int accepting = 0;
	socklen_t len = sizeof(accepting);

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepting, &len) == 0 && accepting;
}

/* -- The owner of a unix socket --------------------------------------------------------------------------------------------- */

/* "user", "user:group", ":group", names or numbers; (uid_t)-1 leaves it. */
static bool parse_owner(const char *text, uid_t *user, gid_t *group)
{
	const char *colon = strchr(text, ':');
	char name[128];
	struct passwd *known_user;
	struct group *known_group;
	uint64_t number;

	*user = (uid_t)-1;
	*group = (gid_t)-1;
	snprintf(name, sizeof(name), "%.*s", colon ? (int)(colon - text) : (int)strlen(text), text);
	if (name[0]) {
		known_user = getpwnam(name);
		if (known_user)
			*user = known_user->pw_uid;
		else if (weir_slice_to_u64(weir_slice_text(name), UINT32_MAX - 1, &number) == WEIR_OK)
			*user = (uid_t)number;
		else
			return false;
	}
	if (!colon || !colon[1])
		return name[0] != '\0';
	known_group = getgrnam(colon + 1);
	if (known_group)
		*group = known_group->gr_gid;
	else if (weir_slice_to_u64(weir_slice_text(colon + 1), UINT32_MAX - 1, &number) == WEIR_OK)
		*group = (gid_t)number;
	else
		return false;
	return true;
}

/* -- Checking -------------------------------------------------------------------------------------------------------------- */

static enum weir_status check_unix(const struct weir_run_options *options, char *why, size_t why_size)
{
	const char *path = options->listen + strlen("unix:");
	uid_t user;
	gid_t group;

	if (!path[0])
		return refuse(why, why_size, options->listen, "the path is missing");
	if (strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
		return refuse(why, why_size, options->listen, "the path is longer than 107 bytes");
	if (options->socket_owner && !parse_owner(options->socket_owner, &user, &group)) {
		snprintf(why, why_size, "--socket-owner %s: no such user or group; allowed is USER, USER:GROUP or :GROUP",
			 options->socket_owner);
		return WEIR_ERR_CONFIG;
	}
	return WEIR_OK;
}

enum weir_status weir_listener_check(const struct weir_run_options *options, char *why, size_t why_size)
{
	const char *listen = options->listen;
	char host[256];
	const char *port;
	int fd;

	if (has_prefix(listen, "unix:"))
		return check_unix(options, why, why_size);
	if (has_prefix(listen, "tcp:"))
		return split_tcp(listen + 4, host, &port)
			       ? WEIR_OK
			       : refuse(why, why_size, listen, "allowed is tcp:HOST:PORT with a port from 1 to 65535");
	if (!has_prefix(listen, "fd:"))
		return refuse(why, why_size, listen, "allowed is " ALLOWED);
	if (!parse_fd(listen + 3, &fd))
		return refuse(why, why_size, listen, "allowed is fd: and the number of an open descriptor");
	if (!is_listening(fd))
		return refuse(why, why_size, listen, "this descriptor is not a listening socket; allowed is " ALLOWED);
	return WEIR_OK;
}

/* -- Opening --------------------------------------------------------------------------------------------------------------- */

/* A socket file that nobody listens on is left from a program that was killed. */
static bool remove_stale(const struct sockaddr_un *address)
{
	struct stat there;
	int fd;
	bool alive;

	if (lstat(address->sun_path, &there) != 0)
		return true;
	if (!S_ISSOCK(there.st_mode)) {
		errno = EEXIST;
		return false;
	}
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	alive = connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno != ECONNREFUSED;
	close(fd);
	if (alive) {
		errno = EADDRINUSE;
		return false;
	}
	return unlink(address->sun_path) == 0;
}

static bool give_away(const char *path, const struct weir_run_options *options)
{
	uid_t user = (uid_t)-1;
	gid_t group = (gid_t)-1;

	if (options->socket_owner && (!parse_owner(options->socket_owner, &user, &group) || lchown(path, user, group) != 0))
		return false;
	return chmod(path, options->socket_mode ? (mode_t)options->socket_mode : DEFAULT_MODE) == 0;
}

static bool open_unix(const struct weir_run_options *options, struct weir_listener *listener)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	mode_t before;
	bool bound;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", options->listen + strlen("unix:"));
	if (!remove_stale(&address))
		return false;
	listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener->fd < 0)
		return false;
	before = umask(0777); /* nobody gets in before mode and owner are right */
	bound = bind(listener->fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
	umask(before);
	if (!bound)
		return false;
	snprintf(listener->path, sizeof(listener->path), "%s", address.sun_path);
	return give_away(address.sun_path, options);
}

static bool open_tcp(const char *text, struct weir_listener *listener, const char **reason)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
	struct addrinfo *found = NULL;
	char host[256];
	const char *port = NULL;
	int one = 1;
	int failed;
	bool bound;

	if (!split_tcp(text, host, &port))
		return false;
	failed = getaddrinfo(strcmp(host, "*") == 0 ? NULL : host, port, &hints, &found);
	if (failed) {
		*reason = gai_strerror(failed);
		return false;
	}
	listener->is_tcp = true;
	listener->fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bound = listener->fd >= 0 && setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
		bind(listener->fd, found->ai_addr, found->ai_addrlen) == 0;
	freeaddrinfo(found);
	return bound;
}

static bool adopt(const char *text, struct weir_listener *listener)
{
	struct sockaddr_storage address = { 0 };
	socklen_t len = sizeof(address);

	if (!parse_fd(text, &listener->fd) || getsockname(listener->fd, (struct sockaddr *)&address, &len) != 0)
		return false;
	listener->is_tcp = address.ss_family != AF_UNIX;
	return true;
}

enum weir_status weir_listener_open(const struct weir_run_options *options, char *why, size_t why_size, struct weir_listener *listener)
{
	enum weir_status status = weir_listener_check(options, why, why_size);
	const char *listen_on = options->listen;
	const char *reason = NULL;
	bool opened;

	*listener = (struct weir_listener){ .fd = -1 };
	if (status < 0)
		return status;
	if (has_prefix(listen_on, "unix:"))
		opened = open_unix(options, listener);
	else if (has_prefix(listen_on, "tcp:"))
		opened = open_tcp(listen_on + 4, listener, &reason);
	else
		return adopt(listen_on + 3, listener) ? WEIR_OK : refuse(why, why_size, listen_on, strerror(errno));
	if (opened && listen(listener->fd, BACKLOG) == 0)
		return WEIR_OK;
	(void)refuse(why, why_size, listen_on, reason ? reason : strerror(errno));
	if (listener->fd >= 0)
		close(listener->fd);
	weir_listener_unlink(listener);
	return WEIR_ERR_IO;
}

void weir_listener_unlink(struct weir_listener *listener)
{
	if (listener->path[0])
		unlink(listener->path);
	listener->path[0] = '\0';
}
