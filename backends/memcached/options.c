/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks every part of an URL before anything is connected, so that a slip is a line at start and not a cache that never hits.
 */
#include "options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define PORT 11211
#define WEIGHT_MAX 1000
#define TIMEOUT_MAX_MS 60000

const char *const weir_memcached_option_names[] = { "prefix", "connect_timeout_ms", "read_timeout_ms", "total_timeout_ms", NULL };

struct parse {
	const char *scheme;
	char *why;
	size_t why_size;
};

/* One line, whatever was found. */
static enum weir_status refuse(const struct parse *parse, const char *what, struct weir_slice found)
{
	char text[60];
	size_t len = 0;

	for (; len < found.len && len < sizeof(text); len++)
		text[len] = found.data[len] < ' ' || found.data[len] > '~' ? '?' : found.data[len];
	(void)snprintf(parse->why, parse->why_size, "%s: %s \"%.*s\"", parse->scheme, what, (int)len, text);
	return WEIR_ERR_CONFIG;
}

static bool parse_number(struct weir_slice text, uint64_t min, uint64_t max, uint64_t *number)
{
	return weir_slice_to_u64(text, max, number) == WEIR_OK && *number >= min;
}

/* Takes what stands behind the last `mark` off `text`; false when there is no mark. */
static bool take_tail(struct weir_slice *text, char mark, struct weir_slice *tail)
{
	size_t at = text->len;

	while (at > 0 && text->data[at - 1] != mark)
		at--;
	if (at == 0)
		return false;
	*tail = weir_slice_from(*text, at);
	text->len = at - 1;
	return true;
}

static bool is_host(struct weir_slice host)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:%";

	for (size_t i = 0; i < host.len; i++)
		if (!memchr(allowed, host.data[i], sizeof(allowed) - 1))
			return false;
	return host.len > 0;
}

/* "host", "host:port", "[address]:port"; the host without its brackets goes to `host`. */
static bool split_host(struct weir_slice text, struct weir_slice *host, struct weir_slice *port)
{
	size_t end;

	*port = WEIR_SLICE_NONE;
	if (text.len > 0 && text.data[0] == '[') {
		end = weir_slice_find(text, ']');
		if (end == text.len)
			return false;
		*host = weir_slice(text.data + 1, end - 1);
		text = weir_slice_from(text, end + 1);
		if (text.len == 0)
			return true;
		*port = weir_slice_from(text, 1);
		return text.data[0] == ':';
	}
	*host = text;
	if (weir_slice_find(text, ':') < text.len)
		(void)take_tail(host, ':', port);
	return weir_slice_find(*host, ':') == host->len;
}

static enum weir_status parse_server(const struct parse *parse, struct weir_slice text, struct weir_memcached_server *server)
{
	struct weir_slice host = text, port, weight;
	uint64_t number = 1;

	if (take_tail(&host, '*', &weight) && !parse_number(weight, 1, WEIGHT_MAX, &number))
		return refuse(parse, "weight of a server, from 1 to 1000, is", weight);
	server->weight = (uint32_t)number;
	if (!split_host(host, &host, &port) || !is_host(host) || host.len >= sizeof(server->host))
		return refuse(parse, "wants servers as host, host:port or [address]:port, with *weight if need be; found", text);
	number = PORT;
	if (port.data && !parse_number(port, 1, UINT16_MAX, &number))
		return refuse(parse, "port of a server, from 1 to 65535, is", port);
	server->port = (uint16_t)number;
	memcpy(server->host, host.data, host.len);
	server->host[host.len] = '\0';
	(void)snprintf(server->text, sizeof(server->text), strchr(server->host, ':') ? "[%s]:%u" : "%s:%u", server->host,
		       (unsigned)server->port);
	return WEIR_OK;
}

static int compare_servers(const void *a, const void *b)
{
	const struct weir_memcached_server *x = a, *y = b;

	return strcmp(x->text, y->text);
}

static enum weir_status parse_servers(const struct parse *parse, const char *path, struct weir_memcached_options *options)
{
	enum weir_status status = WEIR_OK;
	struct weir_slice rest;

	if (strchr(path, '@'))
		return refuse(parse, "takes no user and no password: these servers know of none; found", WEIR_SLICE_LITERAL("...@"));
	if (strncmp(path, "//", 2) != 0 || path[2] == '\0')
		return refuse(parse, "wants servers, as in memcached://10.0.0.1:11211,10.0.0.2:11211*2; found", weir_slice_text(path));
	rest = weir_slice_text(path + 2);
	while (status == WEIR_OK && rest.data && options->server_count < WEIR_MEMCACHED_SERVERS_MAX)
		status = parse_server(parse, weir_slice_cut(&rest, ','), &options->servers[options->server_count++]);
	if (status == WEIR_OK && rest.data)
		return refuse(parse, "takes 64 servers, not these besides:", rest);
	qsort(options->servers, options->server_count, sizeof(options->servers[0]), compare_servers);
	for (size_t i = 1; status == WEIR_OK && i < options->server_count; i++)
		if (compare_servers(&options->servers[i - 1], &options->servers[i]) == 0)
			status = refuse(parse, "names a server twice:", weir_slice_text(options->servers[i].text));
	return status;
}

static enum weir_status parse_socket(const struct parse *parse, const char *path, struct weir_memcached_options *options)
{
	struct weir_memcached_server *server = options->servers;
	size_t room = sizeof(((struct sockaddr_un *)NULL)->sun_path);
	struct weir_slice given = weir_slice_text(path), socket = weir_slice_from(given, 2);

	if (!weir_slice_starts_with(given, WEIR_SLICE_LITERAL("///")) || given.len == 3 || socket.len >= room)
		return refuse(parse, "wants a socket, as in memcached+unix:///run/memcached.sock, of at most 107 bytes; found", given);
	(void)snprintf(server->host, sizeof(server->host), "%.*s", (int)socket.len, socket.data);
	(void)snprintf(server->text, sizeof(server->text), "%.*s", (int)socket.len, socket.data);
	server->weight = 1;
	options->server_count = 1;
	return WEIR_OK;
}

static enum weir_status parse_timeout(const struct parse *parse, const struct weir_backend_url *url, const char *name, int *timeout_ms)
{
	const char *text = weir_backend_url_option(url, name);
	uint64_t number;
	char what[80];

	if (!text)
		return WEIR_OK;
	if (parse_number(weir_slice_text(text), 1, TIMEOUT_MAX_MS, &number)) {
		*timeout_ms = (int)number;
		return WEIR_OK;
	}
	(void)snprintf(what, sizeof(what), "option %s, milliseconds from 1 to 60000, is", name);
	return refuse(parse, what, weir_slice_text(text));
}

static enum weir_status parse_prefix(const struct parse *parse, const struct weir_backend_url *url, struct weir_memcached_options *options)
{
	const char *prefix = weir_backend_url_option(url, "prefix");

	if (!prefix)
		prefix = "weir:";
	for (const char *at = prefix; *at; at++)
		if (*at <= ' ' || *at > '~')
			return refuse(parse, "option prefix, printable and without spaces, is", weir_slice_text(prefix));
	if (strlen(prefix) > WEIR_MEMCACHED_PREFIX_MAX)
		return refuse(parse, "option prefix, at most 64 characters, is", weir_slice_text(prefix));
	(void)snprintf(options->prefix, sizeof(options->prefix), "%s", prefix);
	return WEIR_OK;
}

enum weir_status weir_memcached_options_parse(const struct weir_backend_url *url, struct weir_memcached_options *options, char *why,
					      size_t why_size)
{
	const struct parse parse = { url->scheme, why, why_size };
	enum weir_status status;

	*options = (struct weir_memcached_options){ .connect_timeout_ms = 250, .read_timeout_ms = 250, .total_timeout_ms = 500 };
	options->servers = calloc(WEIR_MEMCACHED_SERVERS_MAX, sizeof(options->servers[0]));
	if (!options->servers)
		return WEIR_ERR_MEMORY;
	status = strcmp(url->scheme, "memcached") == 0 ? parse_servers(&parse, url->path, options)
						       : parse_socket(&parse, url->path, options);
	if (status == WEIR_OK)
		status = parse_prefix(&parse, url, options);
	if (status == WEIR_OK)
		status = parse_timeout(&parse, url, "connect_timeout_ms", &options->connect_timeout_ms);
	if (status == WEIR_OK)
		status = parse_timeout(&parse, url, "read_timeout_ms", &options->read_timeout_ms);
	if (status == WEIR_OK)
		status = parse_timeout(&parse, url, "total_timeout_ms", &options->total_timeout_ms);
	return status;
}

void weir_memcached_options_finish(struct weir_memcached_options *options)
{
	free(options->servers);
	options->servers = NULL;
}
