/* SPDX-License-Identifier: Apache-2.0
 *
 * A module with two drivers that keep nothing. It is built in several ways, right and wrong: see meson.build.
 */
#include <stdio.h>

#include <weir/backend_driver.h>

#ifndef MODULE_VERSION
#define MODULE_VERSION WEIR_BACKEND_MODULE_VERSION
#endif

static enum weir_status nothing_open(const struct weir_backend_url *url, const struct weir_backend_env *env, char *why, size_t why_size,
				     void **self)
{
	static int only;

	(void)env;
	if (url->path[0] != '\0') {
		(void)snprintf(why, why_size, "%s: takes no path", url->scheme);
		return WEIR_ERR_CONFIG;
	}
	*self = &only;
	return WEIR_OK;
}

static enum weir_status nothing_get_many(void *self, struct weir_backend_read *const *reads, size_t count)
{
	(void)self;
	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < reads[i]->get_count; k++)
			reads[i]->gets[k].status = WEIR_MISS;
	return WEIR_OK;
}

static enum weir_status nothing_set_many(void *self, struct weir_backend_set *sets, size_t count)
{
	(void)self;
	for (size_t i = 0; i < count; i++)
		sets[i].status = WEIR_ERR_LIMIT;
	return WEIR_OK;
}

static enum weir_status nothing_remove(void *self, const struct weir_slice *keys, size_t count, size_t *removed)
{
	(void)self;
	(void)keys;
	(void)count;
	*removed = 0;
	return WEIR_OK;
}

static enum weir_status nothing_clear(void *self, const struct weir_slice *cells, size_t count, int64_t keep_ms, uint64_t *clock)
{
	(void)self;
	(void)cells;
	(void)count;
	(void)keep_ms;
	*clock = 1;
	return WEIR_OK;
}

static enum weir_status nothing_lease_many(void *self, struct weir_backend_lease *leases, size_t count)
{
	(void)self;
	for (size_t i = 0; i < count; i++)
		leases[i].status = WEIR_OK;
	return WEIR_OK;
}

static enum weir_status nothing_walk(void *self, struct weir_slice prefix, bool remove, weir_backend_visit_fn visit, void *state)
{
	(void)self;
	(void)prefix;
	(void)remove;
	(void)visit;
	(void)state;
	return WEIR_OK;
}

static void nothing_stats(void *self, struct weir_backend_stats *stats)
{
	(void)self;
	*stats = (struct weir_backend_stats){ .items = 0 };
}

static void nothing_close(void *self)
{
	(void)self;
}

static const char *const option_names[] = { "how", NULL };

#define NOTHING_OPS(name) \
	{ \
		.scheme = name, .options = option_names, .open = nothing_open, .get_many = nothing_get_many, .set_many = nothing_set_many, \
		.remove = nothing_remove, .clear = nothing_clear, .lease_many = nothing_lease_many, .walk = nothing_walk, \
		.stats = nothing_stats, .close = nothing_close, \
	}

static const struct weir_backend_ops nothing_ops = NOTHING_OPS("nothing");
static const struct weir_backend_ops nothing_at_all_ops = NOTHING_OPS("nothing+at+all");

#ifndef MODULE_WITHOUT_OBJECT
static const struct weir_backend_ops *const drivers[] = { &nothing_ops, &nothing_at_all_ops, NULL };

const struct weir_backend_module weir_backend_module = { MODULE_VERSION, drivers };
#else
WEIR_API const struct weir_backend_ops *weir_something_else(bool at_all);

const struct weir_backend_ops *weir_something_else(bool at_all)
{
	return at_all ? &nothing_at_all_ops : &nothing_ops;
}
#endif
