/* SPDX-License-Identifier: Apache-2.0
 *
 * Timers in long random runs. Every operation is done on the timers and on a plain array, which is searched for what has to fire next;
 * so are those that callbacks do during a run. The seeds are fixed: a failure repeats.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdlib.h>

#include "base/timer.h"

enum {
	MODEL_TIMERS = 96,
};

struct model_timer {
	struct weir_timer timer;
	struct model *model;
	bool set;
	int64_t due_ms;
	uint64_t order;
};

struct model {
	struct weir_timers timers;
	struct model_timer all[MODEL_TIMERS];
	uint64_t next_order;
	uint64_t first_new; /* orders from here on belong to the run under way */
	int64_t now_ms;
	bool running;
	uint64_t random;
	size_t fired;
};

static uint64_t draw(struct model *model, uint64_t below)
{
	model->random ^= model->random << 13;
	model->random ^= model->random >> 7;
	model->random ^= model->random << 17;
	return model->random % below;
}

static void model_set(struct model *model, struct model_timer *t, int64_t due_ms)
{
	t->set = true;
	t->due_ms = model->running && due_ms < model->now_ms ? model->now_ms : due_ms;
	t->order = model->next_order++;
	assert_int_equal(weir_timer_set(&model->timers, &t->timer, due_ms), WEIR_OK);
}

static void do_something(struct model *model)
{
	struct model_timer *t = &model->all[draw(model, MODEL_TIMERS)];

	switch (draw(model, 8)) {
	case 0:
		t->set = false;
		weir_timer_clear(&t->timer);
		break;
	case 1:
		t->set = false;
		weir_timer_remove(&model->timers, &t->timer);
		break;
	case 2:
	case 3:
		model_set(model, t, model->now_ms + (int64_t)draw(model, 40) - 20);
		break;
	default:
		model_set(model, t, model->now_ms + (int64_t)draw(model, 400));
	}
}

/* What the run under way has to fire next. */
static struct model_timer *next_to_fire(struct model *model)
{
	struct model_timer *next = NULL;

	for (struct model_timer *t = model->all; t < model->all + MODEL_TIMERS; t++) {
		if (!t->set || t->due_ms > model->now_ms || t->order >= model->first_new)
			continue;
		if (!next || t->due_ms < next->due_ms || (t->due_ms == next->due_ms && t->order < next->order))
			next = t;
	}
	return next;
}

static void fire_in_model(struct weir_timer *timer)
{
	struct model_timer *t = timer->owner;
	struct model *model = t->model;

	assert_ptr_equal(t, next_to_fire(model));
	t->set = false;
	model->fired++;
	for (uint64_t i = draw(model, 4); i > 0; i--)
		do_something(model);
}

static void assert_agrees(struct model *model)
{
	int64_t earliest_ms = INT64_MAX;

	for (struct model_timer *t = model->all; t < model->all + MODEL_TIMERS; t++) {
		assert_true(t->timer.due_ms == (t->set ? t->due_ms : WEIR_TIMER_NEVER));
		if (t->set && t->due_ms < earliest_ms)
			earliest_ms = t->due_ms;
	}
	assert_true(weir_timers_next_ms(&model->timers) <= earliest_ms);
	assert_true(model->timers.len <= MODEL_TIMERS);
}

static void run_model(struct model *model)
{
	model->running = true;
	model->first_new = model->next_order;
	weir_timers_run(&model->timers, model->now_ms);
	assert_null(next_to_fire(model));
	model->running = false;
}

static void drain_model(struct model *model)
{
	for (struct model_timer *t = model->all; t < model->all + MODEL_TIMERS; t++) {
		t->set = false;
		weir_timer_clear(&t->timer);
	}
	model->now_ms += 1000;
	run_model(model);
	assert_int_equal(model->timers.len, 0);
}

static void test_timer_agrees_with_a_model_in_random_runs(void **state)
{
	struct model *model = calloc(1, sizeof(*model));

	(void)state;
	assert_non_null(model);
	weir_timers_init(&model->timers);
	for (struct model_timer *t = model->all; t < model->all + MODEL_TIMERS; t++) {
		t->model = model;
		weir_timer_init(&t->timer, fire_in_model, t);
	}
	for (uint64_t seed = 1; seed <= 20; seed++) {
		model->random = seed * UINT64_C(0x9e3779b97f4a7c15);
		for (int step = 0; step < 2000; step++) {
			for (uint64_t i = draw(model, 6); i > 0; i--)
				do_something(model);
			assert_agrees(model);
			model->now_ms += (int64_t)draw(model, 25);
			run_model(model);
			assert_agrees(model);
		}
		drain_model(model);
	}
	assert_true(model->fired > 10000);
	weir_timers_finish(&model->timers);
	free(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_timer_agrees_with_a_model_in_random_runs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
