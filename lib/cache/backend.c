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

#include "cache/backend_module.h"

#define URL_MAX 8192
#define OPTIONS_MAX 64
#define NAME_MAX_SHOWN 32

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
		if (text.data[i] == '\0' || !strchr("abcdefghijklmnopqrstuvwxyz0123456789_+-", text.data[i]))
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

static void append_schemes(char known[WEIR_SCHEMES_SIZE], const struct weir_backend_ops *const *drivers)
{
	for (size_t i = 0; drivers[i]; i++)
		weir_backend_append_name(known, drivers[i]->scheme);
}

/* `module` is the one that should have had it, but has others; or NULL. */
static enum weir_status refuse_scheme(struct weir_slice scheme, const struct weir_backend_env *env,
				      const struct weir_backend_module *module, const struct reason *why)
{
	char known[WEIR_SCHEMES_SIZE] = "", shown[NAME_MAX_SHOWN + 3];

	show_name(shown, scheme);
	if (module) {
		append_schemes(known, module->drivers);
		return refuse(why, "cache backend: the module has no driver for the scheme %s; known: %s", shown, known);
	}
	if (env && env->drivers)
		append_schemes(known, env->drivers->drivers);
	append_schemes(known, weir_builtin_backends);
	weir_backend_module_names(known);
	return refuse(why, "cache backend: no driver for the scheme %s; known: %s", shown, known);
}

static enum weir_status refuse_option(const struct weir_backend_ops *ops, struct weir_slice name, const struct reason *why)
{
	char known[WEIR_SCHEMES_SIZE] = "", shown[NAME_MAX_SHOWN + 3];

	for (size_t i = 0; ops->options[i]; i++)
		weir_backend_append_name(known, ops->options[i]);
	show_name(shown, name);
	return refuse(why, "cache backend %s: no option %s; known: %s", ops->scheme, shown, known[0] ? known : "none");
}

static enum weir_status find_driver(struct weir_slice scheme, const struct weir_backend_env *env, const struct reason *why,
				    const struct weir_backend_ops **ops)
{
	static const struct weir_backend_module builtin = { WEIR_BACKEND_MODULE_VERSION, weir_builtin_backends };
	const struct weir_backend_module *module = NULL;
	enum weir_status status;

	*ops = env && env->drivers ? weir_backend_module_driver(env->drivers, scheme) : NULL;
	if (!*ops)
		*ops = weir_backend_module_driver(&builtin, scheme);
	if (*ops)
		return WEIR_OK;
	status = weir_backend_module_load(scheme, why->text, why->size, &module);
	if (status < 0)
		return status;
	if (module)
		*ops = weir_backend_module_driver(module, scheme);
	return *ops ? WEIR_OK : refuse_scheme(scheme, env, module, why);
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
	struct weir_backend_env filled = env ? *env : (struct weir_backend_env){ .clock = NULL };
	enum weir_status status;
	void *self = NULL;

	if (!filled.clock)
		filled.clock = weir_clock_system();
	status = ops->open(url, &filled, why->text, why->size, &self);
	if (status != WEIR_OK)
		return status;
	*backend = weir_backend_wrap(ops, self);
	if (!*backend) {
		ops->close(self);
		return WEIR_ERR_MEMORY;
	}
	(*backend)->env = filled;
	return WEIR_OK;
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
	status = find_driver(scheme, env, why, &ops);
	if (status == WEIR_OK)
		status = parse_rest(pool, ops, rest, why, &url);
	return status == WEIR_OK ? open_driver(ops, &url, env, why, backend) : status;
}

/* For a second handle. */
static enum weir_status keep_url(const char *url, struct weir_backend **backend)
{
	(*backend)->url = strdup(url);
	if ((*backend)->url)
		return WEIR_OK;
	weir_backend_close(*backend);
	*backend = NULL;
	return WEIR_ERR_MEMORY;
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
	if (*backend)
		status = keep_url(url, backend);
	if (status != WEIR_OK && reason.text[0] == '\0')
		(void)snprintf(reason.text, reason.size, "cache backend: %s", weir_status_text(status));
	return status;
}

struct weir_backend *weir_backend_wrap(const struct weir_backend_ops *ops, void *self)
{
	struct weir_backend *backend = calloc(1, sizeof(*backend));

	if (!backend)
		return NULL;
	backend->ops = ops;
	backend->self = self;
	backend->clock = weir_clock_system();
	return backend;
}

void weir_backend_close(struct weir_backend *backend)
{
	if (!backend)
		return;
	backend->ops->close(backend->self);
	free(backend->url);
	free(backend);
}

const char *weir_backend_url_option(const struct weir_backend_url *url, const char *name)
{
	return weir_query_get(url->options, weir_slice_text(name)).data;
}
