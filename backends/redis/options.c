/* SPDX-License-Identifier: Apache-2.0
 *
 * From an URL to options. The URL may hold a password anywhere that people put it by mistake: messages say what is wanted, and repeat a
 * value only where it belongs to an option that is no secret.
 */
#include "options.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define PORT 6379
#define DB_MAX 65535
#define TIMEOUT_MAX_MS 60000
#define UNIX_PATH_MAX ((size_t)107)

const char *const weir_redis_option_names[] = {
	"clear",  "connect_timeout_ms", "db",      "prefix",           "read", "read_timeout_ms", "tls",
	"tls_ca", "tls_cert",           "tls_key", "total_timeout_ms", NULL,
};

struct parser {
	const struct weir_backend_url *url;
	struct weir_redis_options *options;
	char *why;
	size_t why_size;
};

WEIR_PRINTF(2, 3)
static enum weir_status refuse(const struct parser *parser, const char *format, ...)
{
	int len = snprintf(parser->why, parser->why_size, "%s: ", parser->url->scheme);
	va_list args;

	va_start(args, format);
	if (len > 0 && (size_t)len < parser->why_size)
		(void)vsnprintf(parser->why + len, parser->why_size - (size_t)len, format, args);
	va_end(args);
	return WEIR_ERR_CONFIG;
}

static enum weir_status refuse_url(const struct parser *parser)
{
	static const char *const forms[] = { "//[[user]:password@]host[:port][/db]", "//[[user]:password@]/path/of/socket",
					     "//[[user]:password@]host[:port],host[:port],…" };
	size_t form = parser->options->cluster ? 2 : strcmp(parser->url->scheme, "redis+unix") == 0 ? 1 : 0;

	return refuse(parser, "wants %s:%s; what is special in user, password or path is written %%XX", parser->url->scheme, forms[form]);
}

/* -- Pieces ---------------------------------------------------------------------------------------------------------------- */

static int hex(char digit)
{
	static const char digits[] = "0123456789abcdef0123456789ABCDEF";
	const char *at = digit == '\0' ? NULL : strchr(digits, digit);

	return at ? (int)(at - digits) % 16 : -1;
}

/* Decodes %XX; false when it is broken, holds a zero byte or does not go into `size`. */
static bool decode(struct weir_slice text, char *out, size_t size)
{
	size_t len = 0;

	for (size_t i = 0; i < text.len; i++, len++) {
		char byte = text.data[i];

		if (len + 1 >= size || byte == '\0')
			return false;
		if (byte == '%') {
			int high = text.len - i < 3 ? -1 : hex(text.data[i + 1]), low = text.len - i < 3 ? -1 : hex(text.data[i + 2]);

			if (high < 0 || low < 0)
				return false;
			byte = (char)(high << 4 | low);
			i += 2;
		}
		if (byte == '\0')
			return false;
		out[len] = byte;
	}
	out[len] = '\0';
	return true;
}

static bool copy(struct weir_slice text, const char *allowed, char *out, size_t size)
{
	if (text.len < 1 || text.len >= size)
		return false;
	memcpy(out, text.data, text.len);
	out[text.len] = '\0';
	return strlen(out) == text.len && strspn(out, allowed) == text.len;
}

/* `rest` is what stands behind a host: nothing, or ":port". */
static bool parse_port(struct weir_slice rest, unsigned *port)
{
	uint64_t number = PORT;

	if (rest.len > 0 && (rest.data[0] != ':' || weir_slice_to_u64(weir_slice_from(rest, 1), 65535, &number) != WEIR_OK || number == 0))
		return false;
	*port = (unsigned)number;
	return true;
}

enum weir_status weir_redis_endpoint_parse(struct weir_slice text, struct weir_redis_endpoint *endpoint)
{
	static const char named[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_";
	bool bracket = text.len > 0 && text.data[0] == '[';
	size_t end = weir_slice_find(text, bracket ? ']' : ':');
	struct weir_slice host = weir_slice(text.data, end);

	if (bracket && end == text.len)
		return WEIR_ERR_INVALID;
	if (bracket)
		host = weir_slice(text.data + 1, end++ - 1);
	if (!copy(host, bracket ? "0123456789abcdefABCDEF:." : named, endpoint->host, sizeof(endpoint->host)))
		return WEIR_ERR_INVALID;
	return parse_port(weir_slice_from(text, end), &endpoint->port) ? WEIR_OK : WEIR_ERR_INVALID;
}

/* -- The path -------------------------------------------------------------------------------------------------------------- */

static size_t find_last(struct weir_slice text, char byte)
{
	for (size_t i = text.len; i > 0; i--)
		if (text.data[i - 1] == byte)
			return i - 1;
	return text.len;
}

/* Takes "user:password@" off the front of `authority`. */
static bool parse_user(struct weir_slice *authority, struct weir_redis_options *options)
{
	size_t at = find_last(*authority, '@');
	struct weir_slice password = weir_slice(authority->data, at), user;

	if (at == authority->len)
		return true;
	*authority = weir_slice_from(*authority, at + 1);
	user = weir_slice_cut(&password, ':');
	return password.len > 0 && decode(user, options->user, sizeof(options->user)) &&
	       decode(password, options->password, sizeof(options->password));
}

static bool parse_seeds(struct weir_slice list, struct weir_redis_options *options)
{
	while (list.data) {
		struct weir_slice part = weir_slice_cut(&list, ',');

		if (options->seed_count == (options->cluster ? WEIR_REDIS_SEEDS_MAX : 1) ||
		    weir_redis_endpoint_parse(part, &options->seeds[options->seed_count]) != WEIR_OK)
			return false;
		options->seed_count++;
	}
	return true;
}

static bool parse_db(struct weir_slice text, struct weir_redis_options *options)
{
	uint64_t db = 0;

	if (text.len > 0 && weir_slice_to_u64(text, DB_MAX, &db) != WEIR_OK)
		return false;
	options->db = (unsigned)db;
	return !options->cluster || db == 0;
}

static bool parse_path(const char *path, bool is_unix, struct weir_redis_options *options)
{
	struct weir_slice rest = weir_slice_text(path), authority;

	if (!weir_slice_starts_with(rest, WEIR_SLICE_LITERAL("//")))
		return false;
	rest = weir_slice_from(rest, 2);
	authority = weir_slice(rest.data, weir_slice_find(rest, '/'));
	rest = weir_slice_from(rest, authority.len);
	if (!parse_user(&authority, options))
		return false;
	if (!is_unix)
		return parse_seeds(authority, options) && parse_db(weir_slice_from(rest, 1), options);
	options->seed_count = 1;
	return authority.len == 0 && rest.len > 1 && decode(rest, options->seeds[0].host, UNIX_PATH_MAX + 1);
}

/* -- Options --------------------------------------------------------------------------------------------------------------- */

static enum weir_status parse_timeout(const struct parser *parser, const char *name, int *timeout_ms)
{
	const char *text = weir_backend_url_option(parser->url, name);
	uint64_t number = (uint64_t)*timeout_ms;

	if (text && (weir_slice_to_u64(weir_slice_text(text), TIMEOUT_MAX_MS, &number) != WEIR_OK || number == 0))
		return refuse(parser, "option %s is \"%.20s\"; allowed: milliseconds, 1 to %d", name, text, TIMEOUT_MAX_MS);
	*timeout_ms = (int)number;
	return WEIR_OK;
}

static enum weir_status parse_timeouts(const struct parser *parser)
{
	struct weir_redis_options *options = parser->options;
	enum weir_status status;

	options->connect_timeout_ms = options->read_timeout_ms = 250;
	options->total_timeout_ms = 500;
	status = parse_timeout(parser, "connect_timeout_ms", &options->connect_timeout_ms);
	if (status == WEIR_OK)
		status = parse_timeout(parser, "read_timeout_ms", &options->read_timeout_ms);
	if (status == WEIR_OK)
		status = parse_timeout(parser, "total_timeout_ms", &options->total_timeout_ms);
	return status;
}

static enum weir_status parse_names(const struct parser *parser)
{
	const char *prefix = weir_backend_url_option(parser->url, "prefix"), *db = weir_backend_url_option(parser->url, "db");

	if (prefix && !weir_redis_prefix_valid(prefix))
		return refuse(parser, "option prefix: allowed are 1 to %zu letters, digits and \"-._~:/=@+,\"", WEIR_REDIS_PREFIX_MAX);
	(void)snprintf(parser->options->prefix, sizeof(parser->options->prefix), "%s", prefix ? prefix : "weir:");
	if (db && (db[0] == '\0' || !parse_db(weir_slice_text(db), parser->options)))
		return refuse(parser, "option db is \"%.20s\"; allowed: %s", db,
			      parser->options->cluster ? "0, in a cluster" : "0 to 65535");
	return WEIR_OK;
}

static enum weir_status parse_reader(const struct parser *parser)
{
	const char *text = weir_backend_url_option(parser->url, "read");

	if (!text)
		return WEIR_OK;
	if (parser->options->seeds[0].port == 0 || parser->options->cluster)
		return refuse(parser, "option read is for redis: only");
	if (weir_redis_endpoint_parse(weir_slice_text(text), &parser->options->reader) != WEIR_OK)
		return refuse(parser, "option read: wants host[:port]; user and password are those of the other server");
	return WEIR_OK;
}

static enum weir_status parse_reclaim(const struct parser *parser)
{
	static const char *const names[] = { "scan", "lua", "clock" };
	const char *text = weir_backend_url_option(parser->url, "clear");
	size_t found = 0;

	if (!text)
		return WEIR_OK;
	while (found < 3 && strcmp(text, names[found]) != 0)
		found++;
	if (found == 3)
		return refuse(parser, "option clear is \"%.20s\"; allowed: clock, lua, scan", text);
	parser->options->reclaim = (enum weir_redis_reclaim)found;
	return WEIR_OK;
}

static enum weir_status parse_file(const struct parser *parser, const char *name, char *path, size_t size)
{
	const char *text = weir_backend_url_option(parser->url, name);

	if (text && !parser->options->tls)
		return refuse(parser, "option %s is for tls=true", name);
	if (text && (text[0] == '\0' || strlen(text) >= size))
		return refuse(parser, "option %s: wants the name of a file, of at most %zu bytes", name, size - 1);
	(void)snprintf(path, size, "%s", text ? text : "");
	return WEIR_OK;
}

static enum weir_status parse_tls(const struct parser *parser)
{
	struct weir_redis_options *options = parser->options;
	const char *text = weir_backend_url_option(parser->url, "tls");
	enum weir_status status;

	if (text && strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
		return refuse(parser, "option tls is \"%.20s\"; allowed: false, true", text);
	options->tls = text && strcmp(text, "true") == 0;
	if (options->tls && options->seeds[0].port == 0)
		return refuse(parser, "option tls is for TCP only");
	status = parse_file(parser, "tls_ca", options->tls_ca, sizeof(options->tls_ca));
	if (status == WEIR_OK)
		status = parse_file(parser, "tls_cert", options->tls_cert, sizeof(options->tls_cert));
	if (status == WEIR_OK)
		status = parse_file(parser, "tls_key", options->tls_key, sizeof(options->tls_key));
	if (status == WEIR_OK && (options->tls_cert[0] == '\0') != (options->tls_key[0] == '\0'))
		return refuse(parser, "options tls_cert and tls_key go together");
	return status;
}

enum weir_status weir_redis_options_parse(const struct weir_backend_url *url, struct weir_redis_options *options, char *why,
					  size_t why_size)
{
	static enum weir_status (*const parts[])(const struct parser *parser) = {
		parse_timeouts, parse_names, parse_reader, parse_reclaim, parse_tls,
	};
	const struct parser parser = { url, options, why, why_size };
	enum weir_status status = WEIR_OK;

	memset(options, 0, sizeof(*options));
	options->cluster = strcmp(url->scheme, "redis+cluster") == 0;
	if (!parse_path(url->path, strcmp(url->scheme, "redis+unix") == 0, options))
		return refuse_url(&parser);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && status == WEIR_OK; i++)
		status = parts[i](&parser);
	return status;
}
