/* SPDX-License-Identifier: Apache-2.0
 *
 * Several apps as those of cache_app.h on one backend: the processes, or hosts, of one service. All have the same handler and the same
 * counters; their clocks and that of the backend's inner driver, memory:, go together.
 */
#ifndef WEIR_TESTS_CACHE_SITES_H
#define WEIR_TESTS_CACHE_SITES_H

#include "support/cache_app.h"
#include "support/shared_backend.h"

#define CACHE_SITES_MAX 4

extern struct weir_test *cache_sites[CACHE_SITES_MAX];
extern struct weir_shared_backend *cache_sites_backend;

/* True: the site is as good as dead. Its clock goes on, but nothing in it runs, until the end. */
extern bool cache_sites_stopped[CACHE_SITES_MAX];

/* `local` has a bit for each site whose view of the backend is local; the others ask by jobs. */
void cache_sites_open(size_t count, unsigned local, const struct weir_cache_rule *rule);

/* Those that were stopped go on first. Expects that all leases that were got were given back, but for those that had run out by then. */
void cache_sites_close(void);

/* One millisecond after the other, site by site. */
void cache_sites_advance_ms(int64_t ms);

struct weir_shared_counts cache_sites_counts(void);

/* -- Tests that are run with local and with remote views ----------------------------------------------------------------------- */

enum {
	A,
	B,
	C,
};

#define CACHE_SITES_BOTH(test) \
	{ .name = #test "_local", .test_func = test, .initial_state = &cache_sites_local }, \
	{ \
		.name = #test "_remote", .test_func = test, .initial_state = &cache_sites_remote \
	}
extern unsigned cache_sites_local;
extern unsigned cache_sites_remote;

/* A, B and C; `state` is that of such a test. */
void cache_sites_open_all(void *const *state, const struct weir_cache_rule *rule);

/* A GET of /page, run as far as it goes; held: its handler does not return before finish(). */
struct weir_test_exchange *cache_sites_start(int site);
struct weir_test_exchange *cache_sites_start_held(int site);
void cache_sites_finish(int site);

/* It was answered with a complete 200. */
void cache_sites_expect(int site, const struct weir_test_exchange *exchange, const char *status, const char *body);

struct weir_cache_stats cache_sites_stats(int site);

/* The namespace "pages". */
void cache_sites_clear(int site);

#endif
