/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of the values that are being made in this process, and who waits for whom.
 */
#include "cache/value_flight.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "cache/lookup.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#define BUCKETS 256

/* Of seats: begun, taken over. */
#define TURNS 2

/* The caller looks at the time again, and sums stay small. */
#define LONGEST_MS ((int64_t)24 * 3600 * 1000)

struct weir_value_thread {
	struct weir_value_flight *waits_for;
};

struct weir_value_flight {
	struct weir_value_flight *next; /* in its bucket, while it is open */
	const struct weir_cache *cache;
	struct weir_list leaders; /* seats */
	pthread_cond_t ended;
	struct weir_blob *result;
	struct {
		bool is_there;
		enum weir_status status;
		struct weir_blob *entry;
	} aside[TURNS];
	bool was_reached[TURNS]; /* by who it was handed on to */
	bool was_made;           /* but not for all */
	size_t seats;
	size_t waiting;
	bool open;
	bool taken_over;
	uint64_t looked_at; /* in which search for a circle */
	uint64_t clock;
	uint64_t hash;
	struct weir_slice key;
	char key_bytes[];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* all that follows but `self`, and the flights */
static struct weir_value_flight *table[BUCKETS];
static uint64_t searches;

static _Thread_local struct weir_value_thread self;

/* -- The table ------------------------------------------------------------------------------------------------------------- */

/* Another one than `besides`, which may be NULL. */
static struct weir_value_flight *find(const struct weir_call *call, uint64_t hash, const struct weir_value_flight *besides)
{
	for (struct weir_value_flight *flight = table[hash % BUCKETS]; flight; flight = flight->next)
		if (flight != besides && flight->hash == hash && flight->cache == call->cache && weir_slice_equal(flight->key, call->key) &&
		    weir_lookup_is_current(call, flight->clock))
			return flight;
	return NULL;
}

static struct weir_value_flight *open_flight(const struct weir_call *call, uint64_t hash)
{
	struct weir_value_flight *flight = calloc(1, sizeof(*flight) + call->key.len);
	pthread_condattr_t monotonic;

	if (!flight)
		return NULL;
	flight->cache = call->cache;
	flight->open = true;
	flight->clock = call->clock_known ? call->clock : 0;
	flight->hash = hash;
	memcpy(flight->key_bytes, call->key.data, call->key.len);
	flight->key = weir_slice(flight->key_bytes, call->key.len);
	weir_list_init(&flight->leaders);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&flight->ended, &monotonic);
	pthread_condattr_destroy(&monotonic);
	flight->next = table[hash % BUCKETS];
	table[hash % BUCKETS] = flight;
	return flight;
}

/* Nobody finds it any more, and whoever waits goes on. */
static void end(struct weir_value_flight *flight)
{
	struct weir_value_flight **at = &table[flight->hash % BUCKETS];

	while (*at != flight)
		at = &(*at)->next;
	*at = flight->next;
	flight->open = false;
	pthread_cond_broadcast(&flight->ended);
}

/* -- Seats ----------------------------------------------------------------------------------------------------------------- */

static void begin_to_lead(struct weir_value_seat *seat)
{
	seat->leads = true;
	weir_list_push_back(&seat->flight->leaders, &seat->link);
}

static enum weir_status take_seat(const struct weir_call *call, struct weir_value_seat *seat, bool lead)
{
	uint64_t hash = XXH3_64bits(call->key.data, call->key.len);
	struct weir_value_flight *flight;

	*seat = (struct weir_value_seat){ .thread = &self };
	weir_list_init(&seat->link);
	pthread_mutex_lock(&lock);
	flight = find(call, hash, NULL);
	if (!flight) {
		lead = true;
		flight = open_flight(call, hash);
	}
	if (flight) {
		seat->flight = flight;
		flight->seats++;
		if (lead)
			begin_to_lead(seat);
	}
	pthread_mutex_unlock(&lock);
	return flight ? WEIR_OK : WEIR_ERR_MEMORY;
}

enum weir_status weir_value_board(const struct weir_call *call, struct weir_value_seat *seat)
{
	return take_seat(call, seat, false);
}

enum weir_status weir_value_lead(const struct weir_call *call, struct weir_value_seat *seat)
{
	return take_seat(call, seat, true);
}

bool weir_value_take_over(struct weir_value_seat *seat)
{
	struct weir_value_flight *flight = seat->flight;
	bool takes_over;

	pthread_mutex_lock(&lock);
	takes_over = flight->open && !flight->taken_over;
	if (takes_over) {
		flight->taken_over = true;
		seat->turn = 1;
		begin_to_lead(seat);
	}
	pthread_mutex_unlock(&lock);
	return takes_over;
}

void weir_value_hand_on(struct weir_value_seat *seat, struct weir_value_seat *to)
{
	weir_list_init(&to->link);
	pthread_mutex_lock(&lock);
	to->flight = seat->flight;
	to->turn = seat->turn;
	to->handed_on = true;
	to->flight->seats++;
	begin_to_lead(to);
	weir_list_remove(&seat->link);
	seat->leads = false;
	pthread_mutex_unlock(&lock);
}

void weir_value_arrive(struct weir_value_seat *seat)
{
	pthread_mutex_lock(&lock);
	seat->thread = &self;
	seat->flight->was_reached[seat->turn] = true;
	pthread_mutex_unlock(&lock);
}

bool weir_value_was_reached(const struct weir_value_seat *seat)
{
	bool was_reached;

	pthread_mutex_lock(&lock);
	was_reached = seat->flight->was_reached[seat->turn];
	pthread_mutex_unlock(&lock);
	return was_reached;
}

bool weir_value_is_awaited(const struct weir_value_seat *seat)
{
	bool awaited;

	pthread_mutex_lock(&lock);
	awaited = seat->flight->waiting > 0;
	pthread_mutex_unlock(&lock);
	return awaited;
}

struct weir_blob *weir_value_result(const struct weir_value_seat *seat)
{
	struct weir_blob *result;

	pthread_mutex_lock(&lock);
	result = seat->flight->result;
	pthread_mutex_unlock(&lock);
	return result;
}

/* Of clocks of different epochs neither is. */
static bool is_older(uint64_t clock, uint64_t other)
{
	return weir_clear_clock_valid(clock, other, 0) && clock < other;
}

void weir_value_land(struct weir_value_seat *seat, struct weir_blob *result, uint64_t clock)
{
	if (!seat->flight)
		return;
	pthread_mutex_lock(&lock);
	if (seat->flight->open && !is_older(clock, seat->flight->clock)) {
		seat->flight->result = weir_blob_take(result);
		end(seat->flight);
	}
	pthread_mutex_unlock(&lock);
}

void weir_value_set_aside(struct weir_value_seat *seat, enum weir_status status, struct weir_blob *entry)
{
	struct weir_value_flight *flight = seat->flight;

	if (!flight)
		return;
	pthread_mutex_lock(&lock);
	flight->was_made = true;
	if (seat->handed_on && !flight->aside[seat->turn].is_there) {
		flight->aside[seat->turn].is_there = true;
		flight->aside[seat->turn].status = status;
		flight->aside[seat->turn].entry = entry ? weir_blob_take(entry) : NULL;
	}
	pthread_mutex_unlock(&lock);
}

bool weir_value_get_aside(const struct weir_value_seat *seat, enum weir_status *status, struct weir_blob **entry)
{
	bool is_there;

	pthread_mutex_lock(&lock);
	is_there = seat->flight->aside[seat->turn].is_there;
	if (is_there) {
		*status = seat->flight->aside[seat->turn].status;
		*entry = seat->flight->aside[seat->turn].entry;
	}
	pthread_mutex_unlock(&lock);
	return is_there;
}

/* Under the lock. True when the flight is nobody's any more. */
static bool give_up(struct weir_value_seat *seat)
{
	struct weir_value_flight *flight = seat->flight;

	if (seat->leads)
		weir_list_remove(&seat->link);
	if (seat->leads && flight->open && weir_list_is_empty(&flight->leaders))
		end(flight);
	return --flight->seats == 0;
}

static void destroy(struct weir_value_flight *flight)
{
	weir_blob_drop(flight->result);
	for (size_t i = 0; i < TURNS; i++)
		weir_blob_drop(flight->aside[i].entry);
	pthread_cond_destroy(&flight->ended);
	free(flight);
}

void weir_value_leave(struct weir_value_seat *seat)
{
	struct weir_value_flight *flight = seat->flight;
	bool last;

	if (!flight)
		return;
	pthread_mutex_lock(&lock);
	last = give_up(seat);
	pthread_mutex_unlock(&lock);
	*seat = (struct weir_value_seat){ 0 };
	if (last)
		destroy(flight);
}

bool weir_value_move(const struct weir_call *call, struct weir_value_seat *seat)
{
	struct weir_value_flight *former = seat->flight;
	struct weir_value_flight *other;
	bool last = false;

	pthread_mutex_lock(&lock);
	other = find(call, former->hash, former);
	if (other) {
		last = give_up(seat);
		*seat = (struct weir_value_seat){ .flight = other, .thread = &self };
		weir_list_init(&seat->link);
		other->seats++;
	}
	pthread_mutex_unlock(&lock);
	if (last)
		destroy(former);
	return other;
}

void weir_value_renew(struct weir_value_seat *seat, uint64_t clock)
{
	pthread_mutex_lock(&lock);
	if (!is_older(clock, seat->flight->clock))
		seat->flight->clock = clock;
	pthread_mutex_unlock(&lock);
}

/* -- Waiting --------------------------------------------------------------------------------------------------------------- */

/* True when one of those who make it waits for `thread`, be it through others. */
static bool hangs_on(struct weir_value_flight *flight, const struct weir_value_thread *thread)
{
	if (flight->looked_at == searches)
		return false;
	flight->looked_at = searches;
	for (struct weir_list *at = flight->leaders.next; at != &flight->leaders; at = at->next) {
		const struct weir_value_thread *leader = WEIR_CONTAINER_OF(at, struct weir_value_seat, link)->thread;

		if (leader && (leader == thread || (leader->waits_for && hangs_on(leader->waits_for, thread))))
			return true;
	}
	return false;
}

static bool closes_a_circle(const struct weir_value_seat *seat)
{
	searches++;
	return seat->flight->open && !seat->leads && hangs_on(seat->flight, seat->thread);
}

static struct timespec after_ms(int64_t ms)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	time.tv_sec += (time_t)(ms / 1000);
	time.tv_nsec += (long)(ms % 1000) * 1000000;
	if (time.tv_nsec >= 1000000000) {
		time.tv_nsec -= 1000000000;
		time.tv_sec++;
	}
	return time;
}

/* Under the lock. A leader that waits is in nobody's way: it looks again and again. */
static void sleep_until(const struct weir_value_seat *seat, const struct timespec *until)
{
	struct weir_value_flight *flight = seat->flight;
	bool in_time = true;

	if (!seat->leads) {
		flight->waiting++;
		seat->thread->waits_for = flight;
	}
	while (flight->open && in_time)
		in_time = pthread_cond_timedwait(&flight->ended, &lock, until) == 0;
	if (!seat->leads) {
		flight->waiting--;
		seat->thread->waits_for = NULL;
	}
}

static enum weir_value_wake how_it_is(const struct weir_value_flight *flight)
{
	if (flight->open)
		return WEIR_VALUE_TIMEOUT;
	if (flight->result)
		return WEIR_VALUE_LANDED;
	return flight->was_made ? WEIR_VALUE_ENDED : WEIR_VALUE_LEFT;
}

enum weir_value_wake weir_value_wait(struct weir_value_seat *seat, int64_t timeout_ms)
{
	struct timespec until = after_ms(timeout_ms < LONGEST_MS ? timeout_ms : LONGEST_MS);
	struct weir_value_flight *flight = seat->flight;
	enum weir_value_wake wake = WEIR_VALUE_CIRCLE;

	pthread_mutex_lock(&lock);
	if (!closes_a_circle(seat)) {
		sleep_until(seat, &until);
		wake = how_it_is(flight);
	}
	pthread_mutex_unlock(&lock);
	return wake;
}
