/* SPDX-License-Identifier: Apache-2.0
 *
 * One backend for several caches, as processes and hosts share one: each gets a view of its own, local or remote.
 *
 * A cache closes the backend it was given, so a view is what it may close; the backend itself is closed with its last view. The views count
 * what is asked of them, and fail when the test says so. Any thread, as far as the inner backend goes.
 */
#ifndef WEIR_TESTS_SHARED_BACKEND_H
#define WEIR_TESTS_SHARED_BACKEND_H

#include <weir/backend_driver.h>

struct weir_shared_backend;

enum weir_shared_call {
	WEIR_SHARED_READ,
	WEIR_SHARED_WRITE,
	WEIR_SHARED_LEASE,
	WEIR_SHARED_RENEW,
	WEIR_SHARED_RELEASE,
	WEIR_SHARED_CALLS,
};

struct weir_shared_counts {
	size_t calls[WEIR_SHARED_CALLS];
	size_t done[WEIR_SHARED_CALLS]; /* those that said OK */
	size_t lost;                    /* renewals of leases that had run out: MISS */
	int64_t ttl_ms;                 /* that the last lease was asked for */
};

/* Takes `inner`, which is local, over. NULL when memory is out. */
struct weir_shared_backend *weir_shared_backend_create(struct weir_backend *inner);

/* A view for one cache. All are made before the first is closed. NULL when memory is out. */
struct weir_backend *weir_shared_backend_view(struct weir_shared_backend *shared, bool local);

/* Called once, before the next lease is asked for: what happens at the last moment. */
void weir_shared_backend_before_lease(struct weir_shared_backend *shared, void (*happen)(void));

/* After the next `skip` calls of this kind, `count` do nothing and return `status`. */
void weir_shared_backend_fail(struct weir_shared_backend *shared, enum weir_shared_call call, size_t skip, size_t count,
			      enum weir_status status);

void weir_shared_backend_counts(struct weir_shared_backend *shared, struct weir_shared_counts *counts);

#endif
