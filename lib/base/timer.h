/* SPDX-License-Identifier: Apache-2.0
 *
 * Timers of one loop: what is due when, and nothing about how to wait.
 *
 * Times are milliseconds of the monotonic clock and always come in as an argument. The loop asks weir_timers_next_ms how long it may
 * sleep and calls weir_timers_run when it wakes. A timer lives inside the object it belongs to and fires once for each time it is set;
 * timers with the same due time fire in the order in which they were set.
 *
 * Every request pushes the deadline of its connection, so that must cost next to nothing: setting a timer to a later time, and clearing it,
 * only note that in the timer. Its place in the heap is put right when the old time comes up; a cleared timer is dropped then. So
 * weir_timers_next_ms may name a time at which nothing fires, though never a time after one at which something does, and a timer that
 * has been cleared is still referred to: weir_timer_remove must come before its memory goes away.
 *
 * One thread. weir_timers_run must not be called from a timer's function.
 */
#ifndef WEIR_BASE_TIMER_H
#define WEIR_BASE_TIMER_H

#include <stddef.h>
#include <stdint.h>

#include <weir/status.h>

/* The due time of a timer that is not set. */
#define WEIR_TIMER_NEVER INT64_MAX

struct weir_timer {
	int64_t due_ms; /* read only for its owner; WEIR_TIMER_NEVER when it is not set */
	void (*fire)(struct weir_timer *timer);
	void *owner;    /* for `fire`; not looked at here */
	uint64_t order; /* number of the set call that gave due_ms */
	size_t place;   /* in the heap, from 1; 0 when it is not there */
};

/* An entry's key, (when_ms, order), is its timer's (due_ms, order) or earlier. */
struct weir_timer_entry {
	int64_t when_ms;
	uint64_t order;
	struct weir_timer *timer;
};

/* A heap in which each entry has four children and comes before all of them. */
struct weir_timers {
	struct weir_timer_entry *entries;
	size_t len;
	size_t capacity;
	uint64_t next_order;
	int64_t floor_ms; /* while running: the time of the run, earlier due times count as this one */
};

void weir_timers_init(struct weir_timers *timers);

/* Forgets all timers, which are then as after weir_timer_init, and frees the heap. */
void weir_timers_finish(struct weir_timers *timers);

/* Not set, in no heap. */
void weir_timer_init(struct weir_timer *timer, void (*fire)(struct weir_timer *timer), void *owner);

/* Sets or moves the timer. A time that has passed is all right: the timer fires in the next run, though never in the one under way, for
 * which an earlier time counts as the run's own. WEIR_TIMER_NEVER clears. ERR_MEMORY is possible only for a timer that is not set, which
 * then stays so: moving one that is set does not fail. */
WEIR_MUST_CHECK enum weir_status weir_timer_set(struct weir_timers *timers, struct weir_timer *timer, int64_t due_ms);

/* It will not fire unless set again; the heap may still refer to it. */
void weir_timer_clear(struct weir_timer *timer);

/* As clear, and nothing refers to it any more. Takes a timer that is not set. */
void weir_timer_remove(struct weir_timers *timers, struct weir_timer *timer);

/* When to call weir_timers_run at the latest; WEIR_TIMER_NEVER when there is nothing to wait for. */
int64_t weir_timers_next_ms(const struct weir_timers *timers);

/* Fires what is due at `now_ms` or before, earliest first. Each is no longer set when its function is called, which may set, clear and
 * remove any timer, also its own, and free what it is in. */
void weir_timers_run(struct weir_timers *timers, int64_t now_ms);

#endif
