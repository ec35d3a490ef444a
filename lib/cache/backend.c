/* SPDX-License-Identifier: Apache-2.0
 *
 * From an URL to a backend. What can be checked without knowing the driver is checked here, so that every driver refuses an unknown scheme,
 * an unknown option and an option given twice in the same words. An URL may hold a password: no message repeats the path or a value, and
 * names only where they look like names.
 */
#include "cache/backend.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <weir/pool.h>
#include <weir/query.h>

#define URL_MAX 8192
#define OPTIONS_MAX 64
#define NAME_MAX_SHOWN 32

struct weir_backend {
	const struct weir_backend_ops *ops;
	void *self;
};

/* What the failing functions below write to; `open` in weir_backend_open() has the same pair. */
struct reason {
	char *text;
	size_t size;
};

WEIR_PRINTF(2, 3)
static enum weir_status refuse(const struct reason *why, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(why->text, why->size, format, args);
	va_end(args);
	return WEIR_ERR_CONFIG;
}

static bool looks_like_name(struct weir_slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] == '\0' || !strchr("abcdefghijklmnopqrstuvwxyz0123456789_-", text.data[i]))
			return false;
	return text.len <= NAME_MAX_SHOWN;
}

/* In quotes, unless it may be a secret that stands in the wrong place. */
static void show_name(char shown[NAME_MAX_SHOWN + 3], struct weir_slice name)
{
	if (looks_like_name(name))
		(void)snprintf(shown, NAME_MAX_SHOWN + 3, "\"%.*s\"", (int)name.len, name.data);
	else
		(void)snprintf(shown, NAME_MAX_SHOWN + 3, "(not shown)");
}

/* "memory, redis"; cut where it does not fit. */
static void append_name(char *list, size_t size, const char *name)
{
	size_t len = strlen(list);

	(void)snprintf(list + len, size - len, "%s%s", len > 0 ? ", " : "", name);
}

static enum weir_status refuse_scheme(struct weir_slice scheme, const struct reason *why)
{
	char known[256] = "", shown[NAME_MAX_SHOWN + 3];

	for (size_t i = 0; weir_builtin_backends[i]; i++)
		append_name(known, sizeof(known), weir_builtin_backends[i]->scheme);
	show_name(shown, scheme);
	return refuse(why, "cache backend: no driver for the scheme %s; known: %s", shown, known);
}

static enum weir_status refuse_option(const struct weir_backend_ops *ops, struct weir_slice name, const struct reason *why)
{
	char known[256] = "", shown[NAME_MAX_SHOWN + 3];

	for (size_t i = 0; ops->options[i]; i++)
		append_name(known, sizeof(known), ops->options[i]);
	show_name(shown, name);
	return refuse(why, "cache backend %s: no option %s; known: %s", ops->scheme, shown, known[0] ? known : "none");
}

static const struct weir_backend_ops *find_driver(struct weir_slice scheme)
{
	for (size_t i = 0; weir_builtin_backends[i]; i++)
		if (weir_slice_equal_nocase(scheme, weir_slice_text(weir_builtin_backends[i]->scheme)))
			return weir_builtin_backends[i];
	return NULL;
}

static bool knows_option(const struct weir_backend_ops *ops, struct weir_slice name)
{
	for (size_t i = 0; ops->options[i]; i++)
		if (weir_slice_equal(name, weir_slice_text(ops->options[i])))
			return true;
	return false;
}

static enum weir_status check_options(const struct weir_backend_ops *ops, const struct weir_query *options, const struct reason *why)
{
	for (size_t i = 0; i < options->count; i++) {
		struct weir_slice name = options->pairs[i].name;

		if (!knows_option(ops, name))
			return refuse_option(ops, name, why);
		if (weir_query_count(options, name) > 1)
			return refuse(why, "cache backend %s: option \"%s\" is given more than once", ops->scheme, name.data);
	}
	return WEIR_OK;
}

/* `rest` is what stands behind "scheme:". */
static enum weir_status parse_rest(struct weir_pool *pool, const struct weir_backend_ops *ops, struct weir_slice rest,
				   const struct reason *why, struct weir_backend_url *url)
{
	struct weir_slice path = weir_slice_cut(&rest, '?');
	struct weir_query *options = weir_pool_zalloc(pool, sizeof(*options));
	enum weir_status status;

	url->scheme = ops->scheme;
	url->path = weir_pool_dup(pool, path).data;
	url->options = options;
	if (!options || !url->path)
		return WEIR_ERR_MEMORY;
	status = weir_query_parse(pool, rest, OPTIONS_MAX, options);
	if (status == WEIR_ERR_INVALID)
		return refuse(why, "cache backend %s: a broken %% escape in the options", ops->scheme);
	if (status == WEIR_ERR_LIMIT)
		return refuse(why, "cache backend %s: more than %d options", ops->scheme, OPTIONS_MAX);
	return status == WEIR_OK ? check_options(ops, options, why) : status;
}

static enum weir_status open_driver(const struct weir_backend_ops *ops, const struct weir_backend_url *url,
				    const struct weir_backend_env *env, const struct reason *why, struct weir_backend **backend)
{
	struct weir_backend_env filled = { .clock = weir_clock_system(), .log = env ? env->log : NULL };
	enum weir_status status;
	void *self = NULL;

	if (env && env->clock)
		filled.clock = env->clock;
	status = ops->open(url, &filled, why->text, why->size, &self);
	if (status != WEIR_OK)
		return status;
	*backend = weir_backend_wrap(ops, self);
	if (*backend)
		return WEIR_OK;
	ops->close(self);
	return WEIR_ERR_MEMORY;
}

static enum weir_status open_url(struct weir_pool *pool, struct weir_slice text, const struct weir_backend_env *env,
				 const struct reason *why, struct weir_backend **backend)
{
	struct weir_slice rest = text, scheme = weir_slice_cut(&rest, ':');
	const struct weir_backend_ops *ops;
	struct weir_backend_url url;
	enum weir_status status;

	if (text.len > URL_MAX)
		return refuse(why, "cache backend: the URL is longer than %d bytes", URL_MAX);
	if (!rest.data)
		return refuse(why, "cache backend: not an URL, it begins with a scheme and ':', such as memory:?size=64m");
	ops = find_driver(scheme);
	if (!ops)
		return refuse_scheme(scheme, why);
	status = parse_rest(pool, ops, rest, why, &url);
	return status == WEIR_OK ? open_driver(ops, &url, env, why, backend) : status;
}

enum weir_status weir_backend_open(const char *url, const struct weir_backend_env *env, char *why, size_t why_size,
				   struct weir_backend **backend)
{
	char unwanted[1];
	const struct reason reason = { why_size > 0 ? why : unwanted, why_size > 0 ? why_size : sizeof(unwanted) };
	struct weir_pool *pool = weir_pool_create(0);
	enum weir_status status = WEIR_ERR_MEMORY;

	*backend = NULL;
	reason.text[0] = '\0';
	if (pool)
		status = open_url(pool, weir_slice_text(url), env, &reason, backend);
	weir_pool_destroy(pool);
	if (status != WEIR_OK && reason.text[0] == '\0')
		(void)snprintf(reason.text, reason.size, "cache backend: %s", weir_status_text(status));
	return status;
}

struct weir_backend *weir_backend_wrap(const struct weir_backend_ops *ops, void *self)
{
	struct weir_backend *backend = malloc(sizeof(*backend));

	if (backend)
		*backend = (struct weir_backend){ .ops = ops, .self = self };
	return backend;
}

void weir_backend_close(struct weir_backend *backend)
{
	if (!backend)
		return;
	backend->ops->close(backend->self);
	free(backend);
}

const struct weir_backend_ops *weir_backend_ops(const struct weir_backend *backend)
{
	return backend->ops;
}

void *weir_backend_self(const struct weir_backend *backend)
{
	return backend->self;
}

enum weir_status weir_backend_attach(struct weir_backend *backend)
{
	return backend->ops->attach ? backend->ops->attach(backend->self) : WEIR_OK;
}

bool weir_backend_is_local(const struct weir_backend *backend)
{
	return backend->ops->flags & WEIR_BACKEND_LOCAL;
}

const char *weir_backend_url_option(const struct weir_backend_url *url, const char *name)
{
	return weir_query_get(url->options, weir_slice_text(name)).data;
}
