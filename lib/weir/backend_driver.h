/* SPDX-License-Identifier: Apache-2.0
 *
 * What a cache backend does: the interface for those who write one.
 *
 * A driver keeps bytes under keys. It knows nothing of HTTP, of namespaces or of what the bytes mean. A key is 1 byte to 32 KiB of
 * anything; drivers with narrower keys digest them. Three things go beyond a plain key-value store:
 *
 * The *clear clock*: a counter of the store, shared by all its users. `clear` writes `cell = ++clock` for named cells; a read returns the
 * cells it names and the clock in the same round trip as the values. A cell that is missing reads as 0, or as a stamp that is neither above
 * the clock nor older than any clear of it: a driver that may lose a cell keeps to that by creating it at the current clock when it is
 * asked for with `create`, or by remembering the latest clear among all that it has lost. Upper 24 bits: a random epoch, drawn when the
 * store is made; whatever may have lost more than that, or the clock, must come back with another epoch. Entries carry the clock at their
 * making, so a clear is O(1) and no late store brings an old value back.
 *
 * *Leases*: who holds one makes the value, others wait. A lease names a holder by a random token and ends by itself at its deadline.
 *
 * *Batches*: a remote driver is driven by one I/O thread, which hands it all that is queued at once, to be done in one round trip.
 *
 * A driver with WEIR_BACKEND_LOCAL is called directly by any thread, also at the same time, and never blocks for long. Any other is called
 * by one thread at a time, may block within its own time limits, and reports a failure rather than hang.
 */
#ifndef WEIR_BACKEND_DRIVER_H
#define WEIR_BACKEND_DRIVER_H

#include <weir/backend.h>

#define WEIR_KEY_MAX ((size_t)32 * 1024)
#define WEIR_EXPIRES_NEVER INT64_MAX

enum weir_backend_flag {
	WEIR_BACKEND_LOCAL = 1,       /* see above */
	WEIR_BACKEND_PROCESS_ONLY = 2 /* only this process, and those that it forks, see what is stored and can damage it */
};

struct weir_backend_get {
	struct weir_slice key;
	/* Set by the driver. OK: `value` stays as it is until `release(owner)` (NULL: nothing to release), which any thread may call, also
	 * after close. MISS: not there, expired, or no possible key. When get_many as a whole fails there is nothing to release. */
	enum weir_status status;
	struct weir_slice value;
	void (*release)(void *owner);
	void *owner;
};

struct weir_backend_cell {
	struct weir_slice name;
	bool create;    /* a wish, for drivers that lose cells: see above */
	uint64_t stamp; /* set by the driver; 0: missing, and never cleared */
};

/* One lookup: some values, some cells, and the clock, read so that a clear that ended before the read began is seen. */
struct weir_backend_read {
	struct weir_backend_get *gets;
	size_t get_count;
	struct weir_backend_cell *cells;
	size_t cell_count;
	uint64_t clock;          /* set by the driver */
	enum weir_status status; /* set by the driver: OK, or why nothing above counts */
};

struct weir_backend_set {
	struct weir_slice key;
	struct weir_slice value;
	int64_t expires_ms;      /* wall clock, rounded up by drivers with a coarser one; WEIR_EXPIRES_NEVER */
	enum weir_status status; /* set by the driver: OK; ERR_LIMIT: too large for this store, and an older value is gone; ERR_LIMIT also
				    for a key out of bounds; or a failure */
};

enum weir_lease_verb {
	WEIR_LEASE_TAKE,
	WEIR_LEASE_RENEW,
	WEIR_LEASE_RELEASE,
};

struct weir_backend_lease {
	enum weir_lease_verb verb;
	struct weir_slice key;
	uint64_t token; /* not 0 */
	int64_t ttl_ms; /* TAKE, RENEW: how long it lasts from now on */
	/* Set by the driver. TAKE: OK, held by `token`, also when it was held by the same token already; BUSY, held by another. RENEW: OK,
	 * or MISS when `token` does not hold it any more. RELEASE: OK, whoever holds it. Or a failure. */
	enum weir_status status;
};

struct weir_backend_stats {
	uint64_t items;
	uint64_t bytes;
	uint64_t bytes_limit; /* 0: unknown */
	uint64_t hits, misses, sets, evictions, expirations;
};

/* Called for each key while walking; the slices die with the call. It must not call the backend. False ends the walk. Drivers of servers
 * call it with an absent key, too, now and then: a walk through much that is not ours can thus be ended before it finds anything. */
typedef bool (*weir_backend_visit_fn)(void *state, struct weir_slice key, struct weir_slice value);

/* `path`: what stands between the scheme and '?'. `options` are decoded; ask for each by name with weir_backend_url_option(). */
struct weir_backend_url {
	const char *scheme;
	const char *path;
	const struct weir_query *options;
};

/* Every entry is mandatory unless it says otherwise. `self` is what open gave. */
struct weir_backend_ops {
	const char *scheme; /* without ':' */
	unsigned flags;
	const char *const *options; /* names that the URL may carry; NULL-terminated; an unknown one is refused before open */

	/* Parses, checks, allocates; no threads, no sockets. On failure a line for people in `why`. */
	enum weir_status (*open)(const struct weir_backend_url *url, const struct weir_backend_env *env, char *why, size_t why_size,
				 void **self);
	/* In the process that will use it, before the first call below. May be NULL. */
	enum weir_status (*attach)(void *self);
	/* For a server: connects, if need be, and asks it for a sign of life. On failure a line for people in `why`, without secrets. May
	 * be NULL; else it comes after attach, like the calls below, and is nothing that they wait for. */
	enum weir_status (*check)(void *self, char *why, size_t why_size);
	/* Sets `status` in each read; returns OK, or a failure that holds for all. */
	enum weir_status (*get_many)(void *self, struct weir_backend_read *const *reads, size_t count);
	enum weir_status (*set_many)(void *self, struct weir_backend_set *sets, size_t count);
	/* OK also when there was nothing; `*removed` counts what was. */
	enum weir_status (*remove)(void *self, const struct weir_slice *keys, size_t count, size_t *removed);
	/* cell = ++clock for each name; the last stamp goes to `*clock`. The cells live at least `keep_ms` (0: as long as anything here).
	 */
	enum weir_status (*clear)(void *self, const struct weir_slice *cells, size_t count, int64_t keep_ms, uint64_t *clock);
	/* In order; sets `status` in each, and returns OK, or a failure that holds for all. */
	enum weir_status (*lease_many)(void *self, struct weir_backend_lease *leases, size_t count);
	/* Every key that begins with `prefix`, in any order; what is stored meanwhile may be missed. Removes what it visits when `remove`.
	 * Not cells. */
	enum weir_status (*walk)(void *self, struct weir_slice prefix, bool remove, weir_backend_visit_fn visit, void *state);
	/* Any thread, at any time between open and close. */
	void (*stats)(void *self, struct weir_backend_stats *stats);
	void (*close)(void *self);
};

/* The option's value, decoded; NULL when absent. */
WEIR_API const char *weir_backend_url_option(const struct weir_backend_url *url, const char *name);

/* -- For drivers whose keys are narrower than any bytes ---------------------------------------------------------------------- */

#define WEIR_BACKEND_NAME_MIN ((size_t)80)

/* A printable name for a key, at most `max` characters (from WEIR_BACKEND_NAME_MIN on) and a final zero: letters, digits and "-._~:/=@+,"
 * stand for themselves, every other byte is %XX; what is then too long is cut, and ends with '#' and the SHA-256 of the key in base64url.
 * Different keys have different names, and no client can make two meet. Returns its length. */
WEIR_API size_t weir_backend_name(struct weir_slice key, size_t max, char *name);

/* What the names of all keys that begin with `prefix` begin with. The names of other keys may too, when it is cut; then the key itself,
 * kept beside the value, tells. */
WEIR_API size_t weir_backend_name_prefix(struct weir_slice prefix, size_t max, char *name);

/* -- Drivers in modules ------------------------------------------------------------------------------------------------------
 *
 * A driver that is not linked in is looked for in `weir-backend-NAME.so`, NAME being the URL's scheme up to a '+', in the folder that the
 * environment names in WEIR_BACKENDS (not for setuid programs), else in the one that weir was installed with. The module exports one
 * object, `weir_backend_module`. */
#define WEIR_BACKEND_MODULE_VERSION 1

struct weir_backend_module {
	unsigned version;                              /* WEIR_BACKEND_MODULE_VERSION */
	const struct weir_backend_ops *const *drivers; /* one for each scheme; ends with NULL */
};

/* For a module to define. A program that links the driver instead gives it to weir_backend_open(), in the environment. */
extern WEIR_API const struct weir_backend_module weir_backend_module;

/* A new clear clock: a random epoch, count 1. */
WEIR_API uint64_t weir_clear_clock_new(void);

/* True when `stamp`, an entry's clock, is of the epoch of `clock` and not older than `cell`. */
WEIR_API bool weir_clear_clock_valid(uint64_t stamp, uint64_t clock, uint64_t cell);

#endif
