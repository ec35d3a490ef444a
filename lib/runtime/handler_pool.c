/* SPDX-License-Identifier: Apache-2.0
 *
 * Handler threads. One lock guards the queue; each thread sleeps on a condition of its own, so that the last to fall asleep, whose memory
 * is warm, can be woken first.
 */
#include "runtime/handler_pool.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "exchange/exchange.h"
#include "exchange/thread.h"

/* Handlers that take longer are worth a thread of their own at once: waking one costs a few microseconds. */
#define QUICK_NS 50000

struct worker {
	struct weir_handler_pool *pool;
	pthread_t thread;
	pthread_cond_t wake;
	struct worker *next_idle;
	bool called; /* taken off the idle list, is to look at the queue */
};

struct weir_handler_pool {
	pthread_mutex_t lock;
	void (*run)(struct weir_exchange *exchange);
	struct weir_exchange *first;
	struct weir_exchange **last;
	size_t queued;
	size_t queue_limit;
	struct worker *idle; /* newest first */
	size_t thread_count;
	size_t idle_count;
	size_t running;
	size_t aside;     /* of those that run: wait for others */
	int64_t usual_ns; /* moving average of how long a handler takes */
	bool stopping;
	struct worker workers[];
};

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Under the lock. */
static void wake_one(struct weir_handler_pool *pool)
{
	struct worker *worker = pool->idle;

	if (!worker)
		return;
	pool->idle = worker->next_idle;
	pool->idle_count--;
	worker->called = true;
	pthread_cond_signal(&worker->wake);
}

/* Under the lock: the next exchange, waiting for one; NULL when the pool stops. */
static struct weir_exchange *take(struct weir_handler_pool *pool, struct worker *self)
{
	struct weir_exchange *exchange;

	while (!pool->first && !pool->stopping) {
		self->called = false;
		self->next_idle = pool->idle;
		pool->idle = self;
		pool->idle_count++;
		while (!self->called && !pool->stopping)
			pthread_cond_wait(&self->wake, &pool->lock);
	}
	exchange = pool->first;
	if (exchange) {
		pool->first = exchange->next;
		if (!pool->first)
			pool->last = &pool->first;
		pool->queued--;
		pool->running++;
	}
	return exchange;
}

/* The role of the threads: one is always left to serve. Those that sleep are woken for what the one that waits will not take. */
static bool step_aside(void *state)
{
	struct weir_handler_pool *pool = state;
	bool may;

	pthread_mutex_lock(&pool->lock);
	may = pool->aside + 1 < pool->thread_count;
	if (may)
		pool->aside++;
	if (may && pool->first)
		wake_one(pool);
	pthread_mutex_unlock(&pool->lock);
	return may;
}

static void come_back(void *state)
{
	struct weir_handler_pool *pool = state;

	pthread_mutex_lock(&pool->lock);
	pool->aside--;
	pthread_mutex_unlock(&pool->lock);
}

static void *work(void *argument)
{
	struct worker *self = argument;
	struct weir_handler_pool *pool = self->pool;
	const struct weir_thread_role role = { step_aside, come_back, pool };
	struct weir_exchange *exchange;

	(void)weir_thread_assume(&role);
	pthread_mutex_lock(&pool->lock);
	while ((exchange = take(pool, self))) {
		int64_t started = now_ns();

		pthread_mutex_unlock(&pool->lock);
		pool->run(exchange);
		pthread_mutex_lock(&pool->lock);
		pool->usual_ns += (now_ns() - started - pool->usual_ns) / 8;
		pool->running--;
	}
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

static bool start(struct weir_handler_pool *pool, size_t threads)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };
	sigset_t all;
	sigset_t before;

	sigfillset(&all);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		sigdelset(&all, faults[i]); /* blocked, they would end the process without the handler that says why */
	pthread_sigmask(SIG_SETMASK, &all, &before);
	for (; pool->thread_count < threads; pool->thread_count++) {
		struct worker *worker = &pool->workers[pool->thread_count];

		worker->pool = pool;
		pthread_cond_init(&worker->wake, NULL);
		if (pthread_create(&worker->thread, NULL, work, worker) != 0) {
			pthread_cond_destroy(&worker->wake);
			break;
		}
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return pool->thread_count == threads;
}

struct weir_handler_pool *weir_handler_pool_create(size_t threads, size_t queue_limit, void (*run)(struct weir_exchange *exchange))
{
	struct weir_handler_pool *pool = calloc(1, sizeof(*pool) + threads * sizeof(pool->workers[0]));

	if (!pool)
		return NULL;
	pthread_mutex_init(&pool->lock, NULL);
	pool->run = run;
	pool->last = &pool->first;
	pool->queue_limit = queue_limit;
	pool->usual_ns = (int64_t)QUICK_NS * 2; /* unknown: better a thread too many */
	if (start(pool, threads))
		return pool;
	weir_handler_pool_destroy(pool);
	return NULL;
}

void weir_handler_pool_destroy(struct weir_handler_pool *pool)
{
	if (!pool)
		return;
	pthread_mutex_lock(&pool->lock);
	pool->stopping = true;
	for (size_t i = 0; i < pool->thread_count; i++)
		pthread_cond_signal(&pool->workers[i].wake);
	pthread_mutex_unlock(&pool->lock);
	for (size_t i = 0; i < pool->thread_count; i++) {
		pthread_join(pool->workers[i].thread, NULL);
		pthread_cond_destroy(&pool->workers[i].wake);
	}
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

static void put(struct weir_handler_pool *pool, struct weir_exchange *exchange)
{
	struct weir_exchange **place = exchange->awaited ? &pool->first : pool->last;

	exchange->next = *place;
	*place = exchange;
	if (!exchange->next)
		pool->last = &exchange->next;
	pool->queued++;
}

enum weir_status weir_handler_pool_submit(struct weir_handler_pool *pool, struct weir_exchange *exchange, bool always)
{
	enum weir_status status = WEIR_OK;

	pthread_mutex_lock(&pool->lock);
	if (pool->queued + pool->running >= pool->queue_limit + pool->thread_count && !always) {
		status = WEIR_ERR_LIMIT;
	} else {
		put(pool, exchange);
		if (pool->idle_count == pool->thread_count || pool->usual_ns > QUICK_NS)
			wake_one(pool);
	}
	pthread_mutex_unlock(&pool->lock);
	return status;
}

bool weir_handler_pool_wants_nudge(struct weir_handler_pool *pool)
{
	bool wants;

	pthread_mutex_lock(&pool->lock);
	wants = pool->queued > 0 && pool->idle_count > 0;
	pthread_mutex_unlock(&pool->lock);
	return wants;
}

void weir_handler_pool_nudge(struct weir_handler_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	for (size_t i = 0; i < pool->queued; i++)
		wake_one(pool);
	pthread_mutex_unlock(&pool->lock);
}

size_t weir_handler_pool_busy(struct weir_handler_pool *pool)
{
	size_t busy;

	pthread_mutex_lock(&pool->lock);
	busy = pool->queued + pool->running;
	pthread_mutex_unlock(&pool->lock);
	return busy;
}
