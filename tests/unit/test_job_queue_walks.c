/* SPDX-License-Identifier: Apache-2.0
 *
 * Walks on a thread and a handle of their own: nobody else waits for a long one. The driver is the test's, opened from an URL, as a second
 * handle needs it; its walks end when the test says so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>

#include "cache/backend.h"
#include "runtime/job_queue.h"

/* What all handles of the driver share. */
static struct {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	size_t opened, attached, closed, walking;
	bool hold;
	bool no_second;
	enum weir_status walked; /* what the next walk says */
} world = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0, 0, false, false, WEIR_OK };

struct handle {
	size_t number;
};

static enum weir_status world_open(const struct weir_backend_url *url, const struct weir_backend_env *env, char *why, size_t why_size,
				   void **self)
{
	struct handle *handle = calloc(1, sizeof(*handle));

	(void)why;
	(void)why_size;
	if (!handle)
		return WEIR_ERR_MEMORY;
	assert_string_equal(url->path, "path");
	assert_string_equal(weir_backend_url_option(url, "secret"), "word");
	assert_non_null(env->clock);
	handle->number = world.opened++;
	*self = handle;
	return WEIR_OK;
}

static enum weir_status world_attach(void *self)
{
	const struct handle *handle = self;

	world.attached++;
	return world.no_second && handle->number > 0 ? WEIR_ERR_IO : WEIR_OK;
}

static enum weir_status world_check(void *self, char *why, size_t why_size)
{
	const struct handle *handle = self;

	(void)why;
	(void)why_size;
	return handle->number == 0 ? WEIR_OK : WEIR_ERR_STATE; /* only the first is asked */
}

static enum weir_status world_get_many(void *self, struct weir_backend_read *const *reads, size_t count)
{
	const struct handle *handle = self;

	assert_int_equal(handle->number, 0);
	for (size_t i = 0; i < count; i++)
		reads[i]->status = WEIR_OK;
	return WEIR_OK;
}

static enum weir_status world_walk(void *self, struct weir_slice prefix, bool remove, weir_backend_visit_fn visit, void *state)
{
	const struct handle *handle = self;
	enum weir_status status;

	(void)remove;
	pthread_mutex_lock(&world.lock);
	world.walking++;
	pthread_cond_broadcast(&world.changed);
	while (world.hold)
		pthread_cond_wait(&world.changed, &world.lock);
	status = world.walked;
	pthread_mutex_unlock(&world.lock);
	(void)visit(state, prefix, weir_slice(&handle->number, sizeof(handle->number)));
	return status;
}

static void world_close(void *self)
{
	world.closed++;
	free(self);
}

static const char *const option_names[] = { "secret", NULL };
static const struct weir_backend_ops world_ops = {
	.scheme = "world",
	.options = option_names,
	.open = world_open,
	.attach = world_attach,
	.check = world_check,
	.get_many = world_get_many,
	.walk = world_walk,
	.close = world_close,
};
static const struct weir_backend_ops *const drivers[] = { &world_ops, NULL };
static const struct weir_backend_module module = { WEIR_BACKEND_MODULE_VERSION, drivers };

struct fixture {
	struct weir_backend *backend;
	struct weir_job_queue *queue;
	size_t walked_by; /* the handle's number */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct weir_job *posted[100];
	size_t posted_count;
};

static void post(void *state, struct weir_job *job)
{
	struct fixture *f = state;

	pthread_mutex_lock(&f->lock);
	f->posted[f->posted_count++] = job;
	pthread_cond_broadcast(&f->changed);
	pthread_mutex_unlock(&f->lock);
}

static void wait_posted(struct fixture *f, size_t count)
{
	pthread_mutex_lock(&f->lock);
	while (f->posted_count < count)
		pthread_cond_wait(&f->changed, &f->lock);
	pthread_mutex_unlock(&f->lock);
}

static void start(struct fixture *f)
{
	const struct weir_backend_env env = { .drivers = &module };
	struct weir_job_queue_options options = { .post = post, .state = f };
	char why[100] = "";

	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->changed, NULL);
	world.opened = world.attached = world.closed = world.walking = 0;
	assert_int_equal(weir_backend_open("world:path?secret=word", &env, why, sizeof(why), &f->backend), WEIR_OK);
	assert_int_equal(weir_backend_attach(f->backend), WEIR_OK);
	options.backend = f->backend;
	assert_int_equal(weir_job_queue_create(&options, &f->queue), WEIR_OK);
}

static void stop(struct fixture *f)
{
	weir_job_queue_destroy(f->queue);
	weir_backend_close(f->backend);
	pthread_cond_destroy(&f->changed);
	pthread_mutex_destroy(&f->lock);
	assert_int_equal(world.closed, world.opened);
}

static void hold(bool held)
{
	pthread_mutex_lock(&world.lock);
	world.hold = held;
	pthread_cond_broadcast(&world.changed);
	pthread_mutex_unlock(&world.lock);
}

static void wait_walking(void)
{
	pthread_mutex_lock(&world.lock);
	while (world.walking == 0)
		pthread_cond_wait(&world.changed, &world.lock);
	pthread_mutex_unlock(&world.lock);
}

static bool note_handle(void *state, struct weir_slice key, struct weir_slice value)
{
	struct fixture *f = state;

	(void)key;
	memcpy(&f->walked_by, value.data, sizeof(f->walked_by));
	return true;
}

static struct weir_job walk_job(struct fixture *f)
{
	return (struct weir_job){ .kind = WEIR_JOB_WALK, .walk = { .visit = note_handle, .state = f } };
}

static void test_job_queue_walks_hold_nobody_up(void **state)
{
	struct fixture f = { .walked_by = 99 };
	struct weir_job walk = walk_job(&f), reads[50];
	struct weir_backend_metrics metrics;

	(void)state;
	start(&f);
	assert_int_equal(world.opened, 2);
	assert_int_equal(world.attached, 2);
	hold(true);
	assert_int_equal(weir_job_queue_submit(f.queue, &walk), WEIR_OK);
	wait_walking();
	for (size_t i = 0; i < 50; i++) {
		reads[i] = (struct weir_job){ .kind = WEIR_JOB_READ };
		assert_int_equal(weir_job_queue_submit(f.queue, &reads[i]), WEIR_OK);
	}
	wait_posted(&f, 50);
	for (size_t i = 0; i < 50; i++)
		assert_int_equal(f.posted[i]->kind, WEIR_JOB_READ);
	hold(false);
	wait_posted(&f, 51);
	assert_ptr_equal(f.posted[50], &walk);
	assert_int_equal(walk.status, WEIR_OK);
	assert_int_equal(f.walked_by, 1);
	weir_backend_metrics(f.backend, &metrics);
	assert_int_equal(metrics.by[WEIR_BACKEND_WALK].operations, 1);
	assert_int_equal(metrics.by[WEIR_BACKEND_READ].operations, 50);
	stop(&f);
}

/* A walk that takes too long says nothing about the backend for others. */
static void test_job_queue_walks_cut_nothing_off(void **state)
{
	struct fixture f = { .walked_by = 99 };
	struct weir_job walk = walk_job(&f), read = { .kind = WEIR_JOB_READ };

	(void)state;
	world.walked = WEIR_ERR_TIMEOUT;
	start(&f);
	for (size_t i = 0; i < 10; i++) {
		walk = walk_job(&f);
		assert_int_equal(weir_job_queue_submit(f.queue, &walk), WEIR_OK);
		wait_posted(&f, i + 1);
		assert_int_equal(walk.status, WEIR_ERR_TIMEOUT);
	}
	assert_int_equal(weir_job_queue_submit(f.queue, &read), WEIR_OK);
	wait_posted(&f, 11);
	assert_int_equal(read.status, WEIR_OK);
	world.walked = WEIR_OK;
	stop(&f);
}

static void test_job_queue_walks_share_the_handle_when_there_is_no_other(void **state)
{
	struct fixture f = { .walked_by = 99 };
	struct weir_job walk = walk_job(&f);

	(void)state;
	world.no_second = true;
	start(&f);
	world.no_second = false;
	assert_int_equal(world.closed, 1);
	assert_int_equal(weir_job_queue_submit(f.queue, &walk), WEIR_OK);
	wait_posted(&f, 1);
	assert_int_equal(walk.status, WEIR_OK);
	assert_int_equal(f.walked_by, 0);
	stop(&f);
}

/* The one that runs visits nothing any more; those that wait behind it do not begin. */
static void test_job_queue_walks_are_cancelled_by_the_stop(void **state)
{
	struct fixture f = { .walked_by = 99 };
	struct weir_job walks[3];

	(void)state;
	start(&f);
	hold(true);
	for (size_t i = 0; i < 3; i++) {
		walks[i] = walk_job(&f);
		assert_int_equal(weir_job_queue_submit(f.queue, &walks[i]), WEIR_OK);
		if (i == 0)
			wait_walking();
	}
	weir_job_queue_stop(f.queue, -1);
	assert_int_equal(weir_job_queue_submit(f.queue, &walks[2]), WEIR_ERR_CANCELLED);
	hold(false);
	weir_job_queue_destroy(f.queue);
	f.queue = NULL;
	assert_int_equal(f.posted_count, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(walks[i].status, WEIR_ERR_CANCELLED);
		assert_ptr_equal(walks[i].walk.state, &f);
	}
	assert_int_equal(f.walked_by, 99);
	assert_int_equal(world.walking, 1);
	stop(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_job_queue_walks_hold_nobody_up),
		cmocka_unit_test(test_job_queue_walks_cut_nothing_off),
		cmocka_unit_test(test_job_queue_walks_share_the_handle_when_there_is_no_other),
		cmocka_unit_test(test_job_queue_walks_are_cancelled_by_the_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
