/* SPDX-License-Identifier: Apache-2.0
 *
 * Every function of a view is counted and then the same function of the backend that all share.
 */
#include "support/shared_backend.h"

#include <pthread.h>
#include <stdlib.h>

struct failure {
	size_t skip;
	size_t count;
	enum weir_status status;
};

struct weir_shared_backend {
	struct weir_backend *inner;
	const struct weir_backend_ops *ops; /* of `inner`, with its `self` */
	void *self;
	pthread_mutex_t lock; /* everything below */
	size_t views;
	struct failure failures[WEIR_SHARED_CALLS];
	struct weir_shared_counts counts;
	void (*before_lease)(void);
};

static enum weir_status enter(struct weir_shared_backend *shared, enum weir_shared_call call)
{
	struct failure *failure = &shared->failures[call];
	enum weir_status status = WEIR_OK;

	pthread_mutex_lock(&shared->lock);
	shared->counts.calls[call]++;
	if (failure->skip > 0) {
		failure->skip--;
	} else if (failure->count > 0) {
		failure->count--;
		status = failure->status;
	}
	pthread_mutex_unlock(&shared->lock);
	return status;
}

static enum weir_status leave(struct weir_shared_backend *shared, enum weir_shared_call call, enum weir_status status)
{
	pthread_mutex_lock(&shared->lock);
	shared->counts.done[call] += status == WEIR_OK;
	shared->counts.lost += call == WEIR_SHARED_RENEW && status == WEIR_MISS;
	pthread_mutex_unlock(&shared->lock);
	return status;
}

static enum weir_status view_check(void *self, char *why, size_t why_size)
{
	(void)self;
	(void)why;
	(void)why_size;
	return WEIR_OK;
}

static enum weir_status view_get_many(void *self, struct weir_backend_read *const *reads, size_t count)
{
	struct weir_shared_backend *shared = self;
	enum weir_status status = enter(shared, WEIR_SHARED_READ);

	if (status == WEIR_OK)
		status = shared->ops->get_many(shared->self, reads, count);
	return leave(shared, WEIR_SHARED_READ, status);
}

static enum weir_status view_set_many(void *self, struct weir_backend_set *sets, size_t count)
{
	struct weir_shared_backend *shared = self;
	enum weir_status status = enter(shared, WEIR_SHARED_WRITE);

	if (status == WEIR_OK)
		status = shared->ops->set_many(shared->self, sets, count);
	return leave(shared, WEIR_SHARED_WRITE, status);
}

static enum weir_status view_remove(void *self, const struct weir_slice *keys, size_t count, size_t *removed)
{
	struct weir_shared_backend *shared = self;

	return shared->ops->remove(shared->self, keys, count, removed);
}

static enum weir_status view_clear(void *self, const struct weir_slice *cells, size_t count, int64_t keep_ms, uint64_t *clock)
{
	struct weir_shared_backend *shared = self;

	return shared->ops->clear(shared->self, cells, count, keep_ms, clock);
}

static void before_lease(struct weir_shared_backend *shared, int64_t ttl_ms)
{
	void (*happen)(void);

	pthread_mutex_lock(&shared->lock);
	shared->counts.ttl_ms = ttl_ms;
	happen = shared->before_lease;
	shared->before_lease = NULL;
	pthread_mutex_unlock(&shared->lock);
	if (happen)
		happen();
}

static void lease_one(struct weir_shared_backend *shared, struct weir_backend_lease *lease)
{
	static const enum weir_shared_call calls[] = {
		[WEIR_LEASE_TAKE] = WEIR_SHARED_LEASE,
		[WEIR_LEASE_RENEW] = WEIR_SHARED_RENEW,
		[WEIR_LEASE_RELEASE] = WEIR_SHARED_RELEASE,
	};
	enum weir_status status = enter(shared, calls[lease->verb]);

	if (lease->verb == WEIR_LEASE_TAKE)
		before_lease(shared, lease->ttl_ms);
	if (status == WEIR_OK)
		status = shared->ops->lease_many(shared->self, lease, 1);
	lease->status = leave(shared, calls[lease->verb], status == WEIR_OK ? lease->status : status);
}

static enum weir_status view_lease_many(void *self, struct weir_backend_lease *leases, size_t count)
{
	for (size_t i = 0; i < count; i++)
		lease_one(self, &leases[i]);
	return WEIR_OK;
}

static enum weir_status view_walk(void *self, struct weir_slice prefix, bool remove, weir_backend_visit_fn visit, void *state)
{
	struct weir_shared_backend *shared = self;

	return shared->ops->walk(shared->self, prefix, remove, visit, state);
}

static void view_stats(void *self, struct weir_backend_stats *stats)
{
	struct weir_shared_backend *shared = self;

	shared->ops->stats(shared->self, stats);
}

static void view_close(void *self)
{
	struct weir_shared_backend *shared = self;
	size_t left;

	pthread_mutex_lock(&shared->lock);
	left = --shared->views;
	pthread_mutex_unlock(&shared->lock);
	if (left > 0)
		return;
	weir_backend_close(shared->inner);
	pthread_mutex_destroy(&shared->lock);
	free(shared);
}

/* Without `open`: no URL names them. */
#define VIEW_OPS(name, its_flags) \
	{ \
		.scheme = name, .flags = its_flags, .check = view_check, .get_many = view_get_many, .set_many = view_set_many, \
		.remove = view_remove, .clear = view_clear, .lease_many = view_lease_many, .walk = view_walk, .stats = view_stats, \
		.close = view_close, \
	}

static const struct weir_backend_ops local_ops = VIEW_OPS("shared-local", WEIR_BACKEND_LOCAL);
static const struct weir_backend_ops remote_ops = VIEW_OPS("shared-remote", 0);

struct weir_shared_backend *weir_shared_backend_create(struct weir_backend *inner)
{
	struct weir_shared_backend *shared = calloc(1, sizeof(*shared));

	if (!shared)
		return NULL;
	shared->inner = inner;
	shared->ops = weir_backend_ops(inner);
	shared->self = weir_backend_self(inner);
	pthread_mutex_init(&shared->lock, NULL);
	return shared;
}

struct weir_backend *weir_shared_backend_view(struct weir_shared_backend *shared, bool local)
{
	struct weir_backend *view = weir_backend_wrap(local ? &local_ops : &remote_ops, shared);

	shared->views += view != NULL;
	return view;
}

void weir_shared_backend_fail(struct weir_shared_backend *shared, enum weir_shared_call call, size_t skip, size_t count,
			      enum weir_status status)
{
	pthread_mutex_lock(&shared->lock);
	shared->failures[call] = (struct failure){ skip, count, status };
	pthread_mutex_unlock(&shared->lock);
}

void weir_shared_backend_before_lease(struct weir_shared_backend *shared, void (*happen)(void))
{
	pthread_mutex_lock(&shared->lock);
	shared->before_lease = happen;
	pthread_mutex_unlock(&shared->lock);
}

void weir_shared_backend_counts(struct weir_shared_backend *shared, struct weir_shared_counts *counts)
{
	pthread_mutex_lock(&shared->lock);
	*counts = shared->counts;
	pthread_mutex_unlock(&shared->lock);
}
