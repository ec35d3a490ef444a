/* SPDX-License-Identifier: Apache-2.0
 *
 * Flights of values: of the threads of this process that miss one key in calls by C code, one makes the value, the others wait for it.
 *
 * They are what flight.h is for exchanges, with the same rules, only that who waits is a blocked thread and not a parked exchange. The
 * functions that routes have as their targets lead here too, beside their flight on the loop, so that calls by C code find them.
 *
 * Nobody waits for what could never end: a thread leads flights and waits for one at most, so who waits for whom is a graph, and a wait
 * that would close a circle in it is refused. What other processes wait for is not known here; there it is the lock's timeout that ends a
 * circle, as it does when a function lets threads of its own make calls and waits for them.
 *
 * One table for the process, under a lock; any thread.
 */
#ifndef WEIR_CACHE_VALUE_FLIGHT_H
#define WEIR_CACHE_VALUE_FLIGHT_H

#include "base/list.h"
#include "cache/blob.h"

struct weir_call;
struct weir_value_flight;
struct weir_value_thread;

/* A call's part in a flight, which one thread alone uses. Zeroed is none. */
struct weir_value_seat {
	struct weir_value_flight *flight;
	struct weir_value_thread *thread; /* NULL: it is on its way to one */
	struct weir_list link;            /* among the leaders */
	bool leads;
	bool handed_on; /* to this one */
	unsigned turn;  /* 1 after a take-over, else 0: a flight is begun once, and taken over once */
};

/* What ends a wait. */
enum weir_value_wake {
	WEIR_VALUE_LANDED, /* weir_value_result() */
	WEIR_VALUE_ENDED,  /* without a result for all: everybody makes it for himself */
	WEIR_VALUE_LEFT,   /* nobody has made anything: one of those who board next leads */
	WEIR_VALUE_TIMEOUT,
	WEIR_VALUE_CIRCLE, /* who makes it waits for this thread */
};

/* Takes a seat in the open flight for the call's cache and key, unless that was begun before a clear that the call knows of; then, and when
 * there is none, opens one and leads. ERR_MEMORY: the call is alone. */
WEIR_MUST_CHECK enum weir_status weir_value_board(const struct weir_call *call, struct weir_value_seat *seat);

/* The same as a leader in any case, beside those who lead already. */
WEIR_MUST_CHECK enum weir_status weir_value_lead(const struct weir_call *call, struct weir_value_seat *seat);

/* Blocks until the flight ends, at most so many milliseconds. A leader may wait too, for the others that lead. */
enum weir_value_wake weir_value_wait(struct weir_value_seat *seat, int64_t timeout_ms);

/* One who waits becomes a leader, if nobody has done so yet: true. */
bool weir_value_take_over(struct weir_value_seat *seat);

/* What a leader will make begins after all clears up to this clock: who has learnt of one of them may wait for it. */
void weir_value_renew(struct weir_value_seat *seat, uint64_t clock);

/* A leader who may not begin gives its seat up for one among those who wait in another flight for this key. False: there is no other. */
bool weir_value_move(const struct weir_call *call, struct weir_value_seat *seat);

/* `to`, zeroed, leads in the place of `seat`, which waits from then on. It is for another thread, which says that it has come before it
 * does anything else with it but leave. */
void weir_value_hand_on(struct weir_value_seat *seat, struct weir_value_seat *to);
void weir_value_arrive(struct weir_value_seat *seat);

/* Of a seat that was handed on: that thread has come. */
bool weir_value_was_reached(const struct weir_value_seat *seat);

/* True when others wait in this flight. */
bool weir_value_is_awaited(const struct weir_value_seat *seat);

/* What the flight ended with; NULL while it is open, and without a result. Lives as long as the seat. */
struct weir_blob *weir_value_result(const struct weir_value_seat *seat);

/* A leader's result, good up to this clear clock: ends the flight, unless it has ended, or others in it know of a clear since. The
 * reference stays the caller's. */
void weir_value_land(struct weir_value_seat *seat, struct weir_blob *result, uint64_t clock);

/* A leader has run the function, and there will be no result of it for all. What has come of it is set aside for who has handed on this
 * seat, if it was: a failure, `entry` NULL; or OK and an entry for it alone, whose reference stays the caller's. Takes a zeroed seat. */
void weir_value_set_aside(struct weir_value_seat *seat, enum weir_status status, struct weir_blob *entry);

/* What was set aside for this seat, which was handed on. False, and nothing is touched: nothing was. `*entry` lives as long as the seat. */
bool weir_value_get_aside(const struct weir_value_seat *seat, enum weir_status *status, struct weir_blob **entry);

/* Gives the seat up; the last leader ends the flight without a result if it is open. Takes a zeroed seat. */
void weir_value_leave(struct weir_value_seat *seat);

#endif
