/* SPDX-License-Identifier: Apache-2.0
 *
 * A heap that is late on purpose. An entry's key is the earliest time at which its timer can be due; the true time is in the timer and is
 * looked at only when the entry comes to the top. Keys carry the number of the set call, which keeps equal times in order and tells a run
 * the timers it found from those set while it was under way.
 */
#include "base/timer.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

enum {
	CHILDREN = 4,
	SMALLEST = 16,
};

static bool comes_before(const struct weir_timer_entry *a, const struct weir_timer_entry *b)
{
	return a->when_ms != b->when_ms ? a->when_ms < b->when_ms : a->order < b->order;
}

static void put_at(struct weir_timers *timers, size_t index, struct weir_timer_entry entry)
{
	timers->entries[index] = entry;
	entry.timer->place = index + 1;
}

/* Puts `entry` at the free `index` or above it. */
static void sift_up(struct weir_timers *timers, size_t index, struct weir_timer_entry entry)
{
	while (index > 0) {
		size_t parent = (index - 1) / CHILDREN;

		if (!comes_before(&entry, &timers->entries[parent]))
			break;
		put_at(timers, index, timers->entries[parent]);
		index = parent;
	}
	put_at(timers, index, entry);
}

static size_t earliest_child(const struct weir_timers *timers, size_t index)
{
	size_t first = index * CHILDREN + 1;
	size_t end = first + CHILDREN < timers->len ? first + CHILDREN : timers->len;
	size_t best = first;

	for (size_t child = first + 1; child < end; child++)
		if (comes_before(&timers->entries[child], &timers->entries[best]))
			best = child;
	return best;
}

/* Puts `entry` at the free `index` or below it. */
static void sift_down(struct weir_timers *timers, size_t index, struct weir_timer_entry entry)
{
	while (index * CHILDREN + 1 < timers->len) {
		size_t child = earliest_child(timers, index);

		if (!comes_before(&timers->entries[child], &entry))
			break;
		put_at(timers, index, timers->entries[child]);
		index = child;
	}
	put_at(timers, index, entry);
}

static bool grow(struct weir_timers *timers)
{
	size_t capacity = timers->capacity > 0 ? timers->capacity * 2 : SMALLEST;
	struct weir_timer_entry *entries;

	if (capacity > SIZE_MAX / sizeof(*entries))
		return false;
	entries = realloc(timers->entries, capacity * sizeof(*entries));
	if (!entries)
		return false;
	timers->entries = entries;
	timers->capacity = capacity;
	return true;
}

static struct weir_timer_entry true_entry(struct weir_timer *timer)
{
	return (struct weir_timer_entry){ .when_ms = timer->due_ms, .order = timer->order, .timer = timer };
}

static void drop(struct weir_timers *timers, struct weir_timer *timer)
{
	size_t index = timer->place - 1;
	struct weir_timer_entry last = timers->entries[--timers->len];

	timer->place = 0;
	if (index == timers->len)
		return;
	if (index > 0 && comes_before(&last, &timers->entries[(index - 1) / CHILDREN]))
		sift_up(timers, index, last);
	else
		sift_down(timers, index, last);
}

void weir_timers_init(struct weir_timers *timers)
{
	*timers = (struct weir_timers){ .floor_ms = INT64_MIN };
}

void weir_timers_finish(struct weir_timers *timers)
{
	for (size_t i = 0; i < timers->len; i++) {
		timers->entries[i].timer->due_ms = WEIR_TIMER_NEVER;
		timers->entries[i].timer->place = 0;
	}
	free(timers->entries);
	weir_timers_init(timers);
}

void weir_timer_init(struct weir_timer *timer, void (*fire)(struct weir_timer *timer), void *owner)
{
	*timer = (struct weir_timer){ .due_ms = WEIR_TIMER_NEVER, .fire = fire, .owner = owner };
}

enum weir_status weir_timer_set(struct weir_timers *timers, struct weir_timer *timer, int64_t due_ms)
{
	if (due_ms == WEIR_TIMER_NEVER) {
		weir_timer_clear(timer);
		return WEIR_OK;
	}
	if (timer->place == 0 && timers->len == timers->capacity && !grow(timers))
		return WEIR_ERR_MEMORY;
	timer->due_ms = due_ms < timers->floor_ms ? timers->floor_ms : due_ms;
	timer->order = timers->next_order++;
	if (timer->place == 0)
		sift_up(timers, timers->len++, true_entry(timer));
	else if (timer->due_ms < timers->entries[timer->place - 1].when_ms)
		sift_up(timers, timer->place - 1, true_entry(timer));
	return WEIR_OK;
}

void weir_timer_clear(struct weir_timer *timer)
{
	timer->due_ms = WEIR_TIMER_NEVER;
}

void weir_timer_remove(struct weir_timers *timers, struct weir_timer *timer)
{
	weir_timer_clear(timer);
	if (timer->place > 0)
		drop(timers, timer);
}

int64_t weir_timers_next_ms(const struct weir_timers *timers)
{
	return timers->len > 0 ? timers->entries[0].when_ms : WEIR_TIMER_NEVER;
}

void weir_timers_run(struct weir_timers *timers, int64_t now_ms)
{
	uint64_t first_new = timers->next_order;

	assert(timers->floor_ms == INT64_MIN);
	timers->floor_ms = now_ms;
	while (timers->len > 0 && timers->entries[0].when_ms <= now_ms) {
		struct weir_timer *timer = timers->entries[0].timer;

		if (timer->due_ms == WEIR_TIMER_NEVER) {
			drop(timers, timer);
		} else if (timer->order != timers->entries[0].order) {
			sift_down(timers, 0, true_entry(timer));
		} else if (timer->order < first_new) {
			weir_timer_remove(timers, timer);
			timer->fire(timer);
		} else {
			/* Set during this run; whatever is behind it was too, or is due later. */
			break;
		}
	}
	timers->floor_ms = INT64_MIN;
}
