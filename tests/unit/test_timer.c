/* SPDX-License-Identifier: Apache-2.0
 *
 * Timers: order, laziness as the heap shows it, and callbacks that change timers. test_timer_random.c has the long runs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/timer.h"

struct world;

struct named {
	struct weir_timer timer;
	struct world *world;
	char name;
};

struct world {
	struct weir_timers timers;
	struct named all['z' - 'a' + 1];
	char fired[64];
	size_t count;
	int64_t again_ms;    /* what set_again() and set_other() set to */
	struct named *other; /* what set_other() and the like act upon */
};

static void fire(struct weir_timer *timer)
{
	struct named *named = timer->owner;

	named->world->fired[named->world->count++] = named->name;
	named->world->fired[named->world->count] = '\0';
}

/* The world's timer of this name, not set. */
static struct named *make(struct world *world, char name, void (*fn)(struct weir_timer *timer))
{
	struct named *named = &world->all[name - 'a'];

	*named = (struct named){ .world = world, .name = name };
	weir_timer_init(&named->timer, fn, named);
	return named;
}

static void set(struct named *named, int64_t due_ms)
{
	assert_int_equal(weir_timer_set(&named->world->timers, &named->timer, due_ms), WEIR_OK);
}

/* The first `count` letters, due at `first_ms` and at each `step_ms` after it. */
static void set_letters(struct world *world, int count, int64_t first_ms, int64_t step_ms)
{
	for (int i = 0; i < count; i++)
		set(make(world, (char)('a' + i), fire), first_ms + i * step_ms);
}

static struct named *letter(struct world *world, char name)
{
	return &world->all[name - 'a'];
}

static void assert_fires(struct world *world, int64_t now_ms, const char *names)
{
	world->count = 0;
	world->fired[0] = '\0';
	weir_timers_run(&world->timers, now_ms);
	assert_string_equal(world->fired, names);
}

static int set_up(void **state)
{
	struct world *world = calloc(1, sizeof(*world));

	if (!world)
		return -1;
	weir_timers_init(&world->timers);
	*state = world;
	return 0;
}

static int tear_down(void **state)
{
	struct world *world = *state;

	weir_timers_finish(&world->timers);
	free(world);
	return 0;
}

static void test_timer_none_means_never(void **state)
{
	struct world *world = *state;

	assert_true(weir_timers_next_ms(&world->timers) == WEIR_TIMER_NEVER);
	assert_fires(world, INT64_MAX, "");
}

static void test_timer_fires_once_at_its_time(void **state)
{
	struct world *world = *state;
	struct named *a = make(world, 'a', fire);

	set(a, 100);
	assert_int_equal(weir_timers_next_ms(&world->timers), 100);
	assert_int_equal(a->timer.due_ms, 100);
	assert_fires(world, 99, "");
	assert_fires(world, 100, "a");
	assert_true(a->timer.due_ms == WEIR_TIMER_NEVER);
	assert_true(weir_timers_next_ms(&world->timers) == WEIR_TIMER_NEVER);
	assert_fires(world, 1000, "");
}

static void test_timer_fires_earliest_first(void **state)
{
	static const int64_t due[] = { 70, 10, 90, 30, 50, 20, 80, 40, 60, 0 };
	struct world *world = *state;

	for (size_t i = 0; i < 10; i++)
		set(make(world, (char)('a' + due[i] / 10), fire), due[i]);
	assert_fires(world, 45, "abcde");
	assert_fires(world, 1000, "fghij");
}

static void test_timer_equal_times_fire_in_order_of_setting(void **state)
{
	struct world *world = *state;

	set_letters(world, 26, 100, 0);
	assert_fires(world, 100, "abcdefghijklmnopqrstuvwxyz");
}

static void test_timer_moved_counts_as_set_anew(void **state)
{
	struct world *world = *state;
	struct named *a = make(world, 'a', fire);
	struct named *b = make(world, 'b', fire);
	struct named *c = make(world, 'c', fire);

	set(a, 100);
	set(b, 100);
	set(c, 200);
	set(a, 100); /* to the same time: behind b now */
	set(c, 100); /* earlier: last of all */
	assert_fires(world, 100, "bac");
}

static void test_timer_moved_later_leaves_the_heap_alone(void **state)
{
	struct world *world = *state;
	struct weir_timer_entry before[3];

	set_letters(world, 3, 100, 1);
	memcpy(before, world->timers.entries, sizeof(before));
	for (int64_t ms = 101; ms < 1000; ms++)
		set(letter(world, 'a'), ms);
	assert_memory_equal(world->timers.entries, before, sizeof(before));
	assert_int_equal(weir_timers_next_ms(&world->timers), 100);
	assert_fires(world, 100, "");
	assert_int_equal(weir_timers_next_ms(&world->timers), 101);
	assert_fires(world, 998, "bc");
	assert_int_equal(weir_timers_next_ms(&world->timers), 999);
	assert_fires(world, 999, "a");
}

static void test_timer_moved_earlier_fires_earlier(void **state)
{
	struct world *world = *state;

	set_letters(world, 20, 1000, 1);
	set(letter(world, 't'), 10);
	set(letter(world, 'k'), 5);
	assert_int_equal(weir_timers_next_ms(&world->timers), 5);
	assert_fires(world, 10, "kt");
	assert_fires(world, 2000, "abcdefghijlmnopqrs");
}

static void test_timer_cleared_is_dropped_when_its_time_comes(void **state)
{
	struct world *world = *state;
	struct named *a = make(world, 'a', fire);
	struct named *b = make(world, 'b', fire);

	set(a, 100);
	set(b, 300);
	weir_timer_clear(&a->timer);
	assert_int_equal(world->timers.len, 2);
	assert_fires(world, 100, "");
	assert_int_equal(world->timers.len, 1);
	assert_int_equal(a->timer.place, 0);
	assert_int_equal(weir_timers_next_ms(&world->timers), 300);
	set(b, WEIR_TIMER_NEVER);
	assert_fires(world, 300, "");
	assert_true(weir_timers_next_ms(&world->timers) == WEIR_TIMER_NEVER);
}

static void test_timer_cleared_can_be_set_again(void **state)
{
	struct world *world = *state;
	struct named *a = make(world, 'a', fire);
	struct named *b = make(world, 'b', fire);

	set(a, 100);
	set(b, 100);
	weir_timer_clear(&a->timer);
	weir_timer_clear(&b->timer);
	set(a, 200);
	set(b, 50);
	assert_int_equal(world->timers.len, 2);
	assert_fires(world, 150, "b");
	assert_fires(world, 200, "a");
}

static void test_timer_removed_is_out_of_the_heap(void **state)
{
	struct world *world = *state;

	set_letters(world, 20, 100, 1);
	for (size_t i = 0; i < 20; i += 2) {
		struct named *removed = &world->all[i];

		weir_timer_remove(&world->timers, &removed->timer);
		assert_int_equal(removed->timer.place, 0);
		memset(removed, 0xff, sizeof(*removed));
	}
	assert_int_equal(world->timers.len, 10);
	assert_fires(world, 1000, "bdfhjlnprt");
}

static void test_timer_remove_and_clear_take_one_that_is_not_set(void **state)
{
	struct world *world = *state;
	struct named *a = make(world, 'a', fire);

	weir_timer_clear(&a->timer);
	weir_timer_remove(&world->timers, &a->timer);
	set(a, 10);
	weir_timer_clear(&a->timer);
	weir_timer_remove(&world->timers, &a->timer);
	weir_timer_remove(&world->timers, &a->timer);
	assert_int_equal(world->timers.len, 0);
	assert_fires(world, 10, "");
}

static void set_again(struct weir_timer *timer)
{
	struct named *named = timer->owner;

	fire(timer);
	set(named, named->world->again_ms);
}

static void test_timer_set_to_the_past_by_itself_fires_in_the_next_run(void **state)
{
	static const int64_t again[] = { 100, 99, 0, INT64_MIN };
	struct world *world = *state;
	struct named *a = make(world, 'a', set_again);
	struct named *b = make(world, 'b', fire);

	for (size_t i = 0; i < sizeof(again) / sizeof(again[0]); i++) {
		world->again_ms = again[i];
		set(a, 50);
		set(b, 100);
		assert_fires(world, 100, "ab");
		assert_fires(world, 100, "a");
		assert_true(weir_timers_next_ms(&world->timers) <= 100);
	}
}

static void set_other(struct weir_timer *timer)
{
	struct world *world = ((struct named *)timer->owner)->world;

	fire(timer);
	assert_int_equal(weir_timer_set(&world->timers, &world->other->timer, world->again_ms), WEIR_OK);
}

static void test_timer_due_and_moved_by_another_waits_for_its_new_time(void **state)
{
	struct world *world = *state;
	struct named *a = make(world, 'a', set_other);
	struct named *b = make(world, 'b', fire);
	struct named *c = make(world, 'c', fire);

	world->other = b;
	world->again_ms = 200;
	set(a, 10);
	set(b, 20);
	set(c, 30);
	assert_fires(world, 100, "ac");
	assert_fires(world, 200, "b");

	world->again_ms = 15; /* has passed: counts as the run's time */
	set(a, 210);
	set(b, 220);
	set(c, 230);
	assert_fires(world, 300, "ac");
	assert_int_equal(b->timer.due_ms, 300);
	assert_fires(world, 300, "b");
}

static void clear_other(struct weir_timer *timer)
{
	fire(timer);
	weir_timer_clear(&((struct named *)timer->owner)->world->other->timer);
}

static void remove_other(struct weir_timer *timer)
{
	struct world *world = ((struct named *)timer->owner)->world;

	fire(timer);
	weir_timer_remove(&world->timers, &world->other->timer);
}

static void test_timer_due_and_cleared_or_removed_by_another_does_not_fire(void **state)
{
	struct world *world = *state;
	struct named *b = make(world, 'b', fire);
	struct named *c = make(world, 'c', fire);

	world->other = b;
	for (int round = 0; round < 2; round++) {
		set(make(world, 'a', round == 0 ? clear_other : remove_other), 10);
		set(b, 20);
		set(c, 30);
		assert_fires(world, 100, "ac");
		assert_int_equal(world->timers.len, 0);
	}
}

static void free_owner(struct weir_timer *timer)
{
	struct named *named = timer->owner;

	fire(timer);
	free(named);
}

static void test_timer_may_free_what_it_is_in(void **state)
{
	struct world *world = *state;
	struct named *b = make(world, 'b', fire);
	struct named *a = malloc(sizeof(*a));

	assert_non_null(a);
	*a = (struct named){ .world = world, .name = 'a' };
	weir_timer_init(&a->timer, free_owner, a);
	set(a, 10);
	set(b, 20);
	assert_fires(world, 100, "ab");
}

static void test_timer_finish_leaves_timers_not_set(void **state)
{
	struct world *world = *state;
	struct named *a = make(world, 'a', fire);

	set(a, 10);
	weir_timers_finish(&world->timers);
	assert_true(a->timer.due_ms == WEIR_TIMER_NEVER);
	weir_timer_remove(&world->timers, &a->timer);
	assert_fires(world, 100, "");
	set(a, 10);
	assert_fires(world, 100, "a");
}

static void test_timer_without_memory_is_not_set(void **state)
{
	struct world *world = *state;
	struct named *a = make(world, 'a', fire);

	/* A heap as full as the address space allows. */
	world->timers.len = world->timers.capacity = SIZE_MAX / sizeof(struct weir_timer_entry);
	assert_int_equal(weir_timer_set(&world->timers, &a->timer, 10), WEIR_ERR_MEMORY);
	world->timers.len = world->timers.capacity = 0;
	assert_true(a->timer.due_ms == WEIR_TIMER_NEVER);
	assert_int_equal(a->timer.place, 0);
	set(a, 10);
	assert_fires(world, 10, "a");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_timer_none_means_never, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_timer_fires_once_at_its_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_timer_fires_earliest_first, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_timer_equal_times_fire_in_order_of_setting, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_timer_moved_counts_as_set_anew, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_timer_moved_later_leaves_the_heap_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_timer_moved_earlier_fires_earlier, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_timer_cleared_is_dropped_when_its_time_comes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_timer_cleared_can_be_set_again, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_timer_removed_is_out_of_the_heap, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_timer_remove_and_clear_take_one_that_is_not_set, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_timer_set_to_the_past_by_itself_fires_in_the_next_run, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_timer_due_and_moved_by_another_waits_for_its_new_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_timer_due_and_cleared_or_removed_by_another_does_not_fire, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_timer_may_free_what_it_is_in, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_timer_finish_leaves_timers_not_set, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_timer_without_memory_is_not_set, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
