/* SPDX-License-Identifier: Apache-2.0
 *
 * A cache backend, named by an URL: where entries are kept.
 *
 *     memory:?size=64m              in this process and the workers that it forks, bounded in bytes
 *     shm:///NAME?size=256m         in shared memory: all processes of this user on this machine, until it is booted
 *     shm:/path/to/file?size=256m   the same in a file of one's choice
 *
 * Both take `size` (1m to 64g; 64m) and `entry_size` (64 to 1m; 1k), the bytes of an average entry. They are the store of
 * <weir/backend_shm.h>, which says what becomes of a file that is there already.
 *
 *     redis://host/0  redis+unix:///path  redis+cluster://host,host  memcached://host,host  memcached+unix:///path  dynamodb://TABLE
 *
 * are modules, where they were built; the README says what their options are.
 *
 * Opening parses and checks, and makes the store, without threads or sockets. A backend is given to weir_cache_create() by URL or ready
 * made; drivers are written against <weir/backend_driver.h>.
 */
#ifndef WEIR_BACKEND_H
#define WEIR_BACKEND_H

#include <weir/clock.h>
#include <weir/log.h>
#include <weir/slice.h>

struct weir_backend;
struct weir_backend_ops;
struct weir_backend_module;

struct weir_backend_env {
	const struct weir_clock *clock;            /* NULL: the machine's */
	struct weir_log *log;                      /* NULL: silent */
	const struct weir_backend_module *drivers; /* of the program's own: looked at before all others; NULL: none */
};

/* ERR_CONFIG with the reason in `why` (a buffer of `why_size` bytes, one line, without secrets) for an unknown scheme or option. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_backend_open(const char *url, const struct weir_backend_env *env, char *why, size_t why_size,
							    struct weir_backend **backend);

/* A backend from a driver's own table and handle; closing it calls `ops->close(self)`. NULL when memory is out. */
WEIR_API struct weir_backend *weir_backend_wrap(const struct weir_backend_ops *ops, void *self);

/* Takes NULL. */
WEIR_API void weir_backend_close(struct weir_backend *backend);

WEIR_API const struct weir_backend_ops *weir_backend_ops(const struct weir_backend *backend);
WEIR_API void *weir_backend_self(const struct weir_backend *backend);

/* "64m", "2g", "4096": a number with an optional k, m or g (1024-based, any case). ERR_INVALID otherwise. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_size_parse(struct weir_slice text, uint64_t *bytes);

#endif
