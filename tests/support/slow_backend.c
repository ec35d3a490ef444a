/* SPDX-License-Identifier: Apache-2.0
 *
 * Every function of the driver passes the door, and then the same function of the inner backend.
 */
#include "support/slow_backend.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

struct weir_slow_backend {
	struct weir_backend *inner;
	const struct weir_backend_ops *ops; /* of `inner`, with its `self` */
	void *self;
	pthread_cond_t changed;
	pthread_mutex_t lock; /* everything below */
	bool held;
	bool frozen;
	bool down;
	size_t let;
	size_t failures;
	enum weir_status failure;
	size_t inside;
	size_t waiting;
	struct weir_slow_counts counts;
};

static void wait_at_door(struct weir_slow_backend *slow)
{
	slow->waiting++;
	pthread_cond_broadcast(&slow->changed);
	while (slow->held && slow->let == 0)
		pthread_cond_wait(&slow->changed, &slow->lock);
	slow->waiting--;
	if (slow->held)
		slow->let--;
}

/* OK: the call goes on to the inner backend. Either way leave() ends it. */
static enum weir_status enter(struct weir_slow_backend *slow)
{
	enum weir_status status = WEIR_OK;

	pthread_mutex_lock(&slow->lock);
	slow->counts.calls++;
	if (slow->inside++ > 0)
		slow->counts.overlapped++;
	if (slow->frozen)
		status = WEIR_ERR_TIMEOUT;
	if (slow->down)
		status = WEIR_ERR_IO;
	if (slow->held)
		wait_at_door(slow);
	if (slow->frozen)
		status = WEIR_ERR_TIMEOUT;
	if (status == WEIR_OK && slow->failures > 0) {
		slow->failures--;
		status = slow->failure;
	}
	pthread_mutex_unlock(&slow->lock);
	return status;
}

static enum weir_status leave(struct weir_slow_backend *slow, enum weir_status status)
{
	pthread_mutex_lock(&slow->lock);
	slow->inside--;
	pthread_mutex_unlock(&slow->lock);
	return status;
}

static void tally(struct weir_slow_backend *slow, size_t *calls, size_t *sum, size_t *most, size_t more)
{
	pthread_mutex_lock(&slow->lock);
	++*calls;
	*sum += more;
	if (*most < more)
		*most = more;
	pthread_mutex_unlock(&slow->lock);
}

static enum weir_status slow_check(void *self, char *why, size_t why_size)
{
	struct weir_slow_backend *slow = self;
	bool down;

	pthread_mutex_lock(&slow->lock);
	down = slow->down;
	pthread_mutex_unlock(&slow->lock);
	if (down)
		(void)snprintf(why, why_size, "slow: nobody is there");
	return down ? WEIR_ERR_IO : WEIR_OK;
}

static enum weir_status slow_get_many(void *self, struct weir_backend_read *const *reads, size_t count)
{
	struct weir_slow_backend *slow = self;
	enum weir_status status = enter(slow);

	tally(slow, &slow->counts.get_calls, &slow->counts.reads, &slow->counts.most_reads, count);
	if (status == WEIR_OK)
		status = slow->ops->get_many(slow->self, reads, count);
	return leave(slow, status);
}

static enum weir_status slow_set_many(void *self, struct weir_backend_set *sets, size_t count)
{
	struct weir_slow_backend *slow = self;
	enum weir_status status = enter(slow);

	tally(slow, &slow->counts.set_calls, &slow->counts.sets, &slow->counts.most_sets, count);
	if (status == WEIR_OK)
		status = slow->ops->set_many(slow->self, sets, count);
	return leave(slow, status);
}

static enum weir_status slow_remove(void *self, const struct weir_slice *keys, size_t count, size_t *removed)
{
	struct weir_slow_backend *slow = self;
	enum weir_status status = enter(slow);

	if (status == WEIR_OK)
		status = slow->ops->remove(slow->self, keys, count, removed);
	return leave(slow, status);
}

static enum weir_status slow_clear(void *self, const struct weir_slice *cells, size_t count, int64_t keep_ms, uint64_t *clock)
{
	struct weir_slow_backend *slow = self;
	enum weir_status status = enter(slow);

	if (status == WEIR_OK)
		status = slow->ops->clear(slow->self, cells, count, keep_ms, clock);
	return leave(slow, status);
}

static enum weir_status slow_lease_many(void *self, struct weir_backend_lease *leases, size_t count)
{
	struct weir_slow_backend *slow = self;
	enum weir_status status = enter(slow);

	tally(slow, &slow->counts.lease_calls, &slow->counts.leases, &slow->counts.most_leases, count);
	if (status == WEIR_OK)
		status = slow->ops->lease_many(slow->self, leases, count);
	return leave(slow, status);
}

static enum weir_status slow_walk(void *self, struct weir_slice prefix, bool remove, weir_backend_visit_fn visit, void *state)
{
	struct weir_slow_backend *slow = self;
	enum weir_status status = enter(slow);

	if (status == WEIR_OK)
		status = slow->ops->walk(slow->self, prefix, remove, visit, state);
	return leave(slow, status);
}

static void slow_stats(void *self, struct weir_backend_stats *stats)
{
	struct weir_slow_backend *slow = self;

	slow->ops->stats(slow->self, stats);
}

static void slow_close(void *self)
{
	struct weir_slow_backend *slow = self;

	weir_backend_close(slow->inner);
	pthread_cond_destroy(&slow->changed);
	pthread_mutex_destroy(&slow->lock);
	free(slow);
}

/* Without `open`: no URL names it. */
static const struct weir_backend_ops slow_ops = {
	.scheme = "slow",
	.flags = WEIR_BACKEND_PROCESS_ONLY,
	.check = slow_check,
	.get_many = slow_get_many,
	.set_many = slow_set_many,
	.remove = slow_remove,
	.clear = slow_clear,
	.lease_many = slow_lease_many,
	.walk = slow_walk,
	.stats = slow_stats,
	.close = slow_close,
};

struct weir_slow_backend *weir_slow_backend_create(struct weir_backend *inner, struct weir_backend **backend)
{
	struct weir_slow_backend *slow = calloc(1, sizeof(*slow));

	*backend = slow ? weir_backend_wrap(&slow_ops, slow) : NULL;
	if (!*backend) {
		free(slow);
		return NULL;
	}
	slow->inner = inner;
	slow->ops = weir_backend_ops(inner);
	slow->self = weir_backend_self(inner);
	pthread_mutex_init(&slow->lock, NULL);
	pthread_cond_init(&slow->changed, NULL);
	return slow;
}

static void set_door(struct weir_slow_backend *slow, bool held, bool frozen)
{
	pthread_mutex_lock(&slow->lock);
	slow->held = held;
	slow->frozen = frozen;
	slow->let = 0;
	pthread_cond_broadcast(&slow->changed);
	pthread_mutex_unlock(&slow->lock);
}

void weir_slow_backend_hold(struct weir_slow_backend *slow)
{
	set_door(slow, true, false);
}

void weir_slow_backend_resume(struct weir_slow_backend *slow)
{
	set_door(slow, false, false);
}

void weir_slow_backend_freeze(struct weir_slow_backend *slow)
{
	set_door(slow, true, true);
}

void weir_slow_backend_down(struct weir_slow_backend *slow, bool down)
{
	pthread_mutex_lock(&slow->lock);
	slow->down = down;
	pthread_mutex_unlock(&slow->lock);
}

void weir_slow_backend_let(struct weir_slow_backend *slow, size_t count)
{
	pthread_mutex_lock(&slow->lock);
	slow->let += count;
	pthread_cond_broadcast(&slow->changed);
	pthread_mutex_unlock(&slow->lock);
}

void weir_slow_backend_fail(struct weir_slow_backend *slow, size_t count, enum weir_status status)
{
	pthread_mutex_lock(&slow->lock);
	slow->failures = count;
	slow->failure = status;
	pthread_mutex_unlock(&slow->lock);
}

void weir_slow_backend_wait_held(struct weir_slow_backend *slow)
{
	pthread_mutex_lock(&slow->lock);
	while (slow->waiting == 0)
		pthread_cond_wait(&slow->changed, &slow->lock);
	pthread_mutex_unlock(&slow->lock);
}

void weir_slow_backend_counts(struct weir_slow_backend *slow, struct weir_slow_counts *counts)
{
	pthread_mutex_lock(&slow->lock);
	*counts = slow->counts;
	pthread_mutex_unlock(&slow->lock);
}
