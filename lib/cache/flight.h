/* SPDX-License-Identifier: Apache-2.0
 *
 * Flights: of concurrent misses on one key one runs the handler, the others wait for its result (request coalescing).
 *
 * A flight is open while a leader works. It ends with a result, which all waiters are answered from, or without one (the response may not
 * be shared, or there is none), which sets all waiters free to run on their own. At its timeout a waiter may take over: then two work, and
 * who is first ends the flight; a leader without a result ends it only when no other works any more. A flight that began before a clear is
 * not for those who came after it: they lead another one under the same key.
 *
 * A leader may send another request in its place, and wait for it as all others do; it alone is given also what may not be shared.
 *
 * A leader need not work itself: while another process or host makes the value it watches (leader.c), and hands over when it leaves.
 *
 * One table per loop, used on the loop only: no lock. Waiting is parking: a waiter costs a list link.
 */
#ifndef WEIR_CACHE_FLIGHT_H
#define WEIR_CACHE_FLIGHT_H

#include "base/list.h"
#include "cache/blob.h"
#include "exchange/host.h"

struct weir_request;
struct weir_flight;

/* One request's part in a flight. Zeroed is none. */
struct weir_flight_seat {
	struct weir_flight *flight;
	struct weir_list link; /* among the waiters */
	struct weir_request *req;
	bool leads;
	bool waits;
	/* Of a leader that was sent by one who waits, and of that one: each other, for as long as both have their seats. */
	struct weir_flight_seat *sender;
	struct weir_flight_seat *sent;
	struct weir_blob *aside; /* what the one that was sent has brought for this seat alone */
};

/* Finds the flight for `key` that is open, or has landed and is held; the newest, when there are several; NULL when there is none. */
struct weir_flight *weir_flight_find(struct weir_host *host, struct weir_slice key);

/* Opens a flight with this seat as its leader. `clock`: the clear clock at its beginning, 0 when that is not known. ERR_MEMORY: then the
 * request is alone. */
WEIR_MUST_CHECK enum weir_status weir_flight_lead(struct weir_host *host, struct weir_slice key, uint64_t clock, struct weir_request *req,
						  struct weir_flight_seat *seat);

/* What its leader gave. */
uint64_t weir_flight_clock(const struct weir_flight *flight);

/* Takes a seat among the waiters. When the flight ends, weir_request_resume(req) is called if the request waits by weir_request_wait(); one
 * that does not, or that its timeout or its client has woken by then, looks for itself. */
void weir_flight_wait(struct weir_flight *flight, struct weir_request *req, struct weir_flight_seat *seat);

/* A leader who has not begun sends another request in its place, and waits itself. Takes a zeroed `sent`. */
void weir_flight_send(struct weir_flight_seat *seat, struct weir_request *req, struct weir_flight_seat *sent);

/* A result that may not be shared: if this leader was sent, it is for the one who has sent it, as the `aside` of its seat. The reference
 * stays the caller's. Ends nothing. */
void weir_flight_set_aside(struct weir_flight_seat *sent, struct weir_blob *result);

/* A waiter whose time is up becomes a leader, if nobody has taken over yet: true. */
bool weir_flight_take_over(struct weir_flight_seat *seat);

/* True when others wait in this flight. */
bool weir_flight_is_awaited(const struct weir_flight_seat *seat);

/* A leader who has not begun does not go on. If no other leads, the first of those who wait does from now on (its seat's `leads`), and is
 * resumed as weir_flight_wait() says; a HEAD cannot. The seat is still to be left. Takes any seat. */
void weir_flight_hand_over(struct weir_flight_seat *seat);

/* True while somebody works. */
bool weir_flight_is_open(const struct weir_flight_seat *seat);

/* What the flight ended with; NULL while it is open, and when it ended without. Lives as long as the seat. */
struct weir_blob *weir_flight_result(const struct weir_flight_seat *seat);

/* A leader's result: ends the flight, and wakes all. The reference stays the caller's. With `hold` the flight stays to be found, with its
 * result, until weir_flight_release(): for as long as the backend does not have it. NULL when there is nothing to release. */
struct weir_flight *weir_flight_land(struct weir_flight_seat *seat, struct weir_blob *result, bool hold);
void weir_flight_release(struct weir_flight *held);

/* Gives the seat up; a leader who has not landed leaves without a result. Takes a zeroed seat. */
void weir_flight_leave(struct weir_flight_seat *seat);

#endif
