/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of flights of a loop, and their lives.
 */
#include "cache/flight.h"

#include <stdlib.h>

#include "exchange/exchange.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#define BUCKETS 1024

struct weir_flight {
	struct weir_flight *next; /* in its bucket */
	struct weir_flight **table;
	struct weir_list waiters;
	struct weir_blob *result;
	size_t seats;
	size_t leaders;
	bool open;
	bool taken_over;
	uint64_t clock;
	uint64_t hash;
	struct weir_slice key;
	char key_bytes[];
};

static struct weir_flight **buckets(struct weir_host *host)
{
	if (!host->flights) {
		host->flights = calloc(BUCKETS, sizeof(struct weir_flight *));
		host->flights_destroy = free;
	}
	return host->flights;
}

struct weir_flight *weir_flight_find(struct weir_host *host, struct weir_slice key)
{
	struct weir_flight **table = host->flights;
	uint64_t hash;

	if (!table)
		return NULL;
	hash = XXH3_64bits(key.data, key.len);
	for (struct weir_flight *flight = table[hash % BUCKETS]; flight; flight = flight->next)
		if (flight->hash == hash && weir_slice_equal(flight->key, key))
			return flight;
	return NULL;
}

enum weir_status weir_flight_lead(struct weir_host *host, struct weir_slice key, uint64_t clock, struct weir_request *req,
				  struct weir_flight_seat *seat)
{
	struct weir_flight **table = buckets(host);
	struct weir_flight *flight = table ? malloc(sizeof(*flight) + key.len) : NULL;

	if (!flight)
		return WEIR_ERR_MEMORY;
	*flight = (struct weir_flight){ .table = table, .seats = 1, .leaders = 1, .open = true, .clock = clock };
	flight->hash = XXH3_64bits(key.data, key.len);
	memcpy(flight->key_bytes, key.data, key.len);
	flight->key = weir_slice(flight->key_bytes, key.len);
	weir_list_init(&flight->waiters);
	flight->next = table[flight->hash % BUCKETS];
	table[flight->hash % BUCKETS] = flight;
	*seat = (struct weir_flight_seat){ .flight = flight, .req = req, .leads = true };
	weir_list_init(&seat->link);
	return WEIR_OK;
}

uint64_t weir_flight_clock(const struct weir_flight *flight)
{
	return flight->clock;
}

void weir_flight_wait(struct weir_flight *flight, struct weir_request *req, struct weir_flight_seat *seat)
{
	*seat = (struct weir_flight_seat){ .flight = flight, .req = req, .waits = true };
	weir_list_init(&seat->link);
	weir_list_push_back(&flight->waiters, &seat->link);
	flight->seats++;
}

static void stop_waiting(struct weir_flight_seat *seat)
{
	seat->waits = false;
	weir_list_remove(&seat->link);
}

/* The two go separate ways. */
static void part(struct weir_flight_seat *seat)
{
	if (seat->sender)
		seat->sender->sent = NULL;
	if (seat->sent)
		seat->sent->sender = NULL;
	seat->sender = seat->sent = NULL;
	weir_blob_drop(seat->aside);
	seat->aside = NULL;
}

void weir_flight_send(struct weir_flight_seat *seat, struct weir_request *req, struct weir_flight_seat *sent)
{
	part(seat); /* one that was sent before is on its own now */
	*sent = (struct weir_flight_seat){ .flight = seat->flight, .req = req, .leads = true, .sender = seat };
	weir_list_init(&sent->link);
	seat->flight->seats++;
	seat->sent = sent;
	seat->leads = false;
	seat->waits = true;
	weir_list_push_back(&seat->flight->waiters, &seat->link);
}

void weir_flight_set_aside(struct weir_flight_seat *sent, struct weir_blob *result)
{
	if (sent->sender)
		sent->sender->aside = weir_blob_take(result);
}

bool weir_flight_take_over(struct weir_flight_seat *seat)
{
	if (!seat->flight->open || seat->flight->taken_over)
		return false;
	stop_waiting(seat);
	seat->leads = true;
	seat->flight->taken_over = true;
	seat->flight->leaders++;
	return true;
}

bool weir_flight_is_awaited(const struct weir_flight_seat *seat)
{
	return !weir_list_is_empty(&seat->flight->waiters);
}

bool weir_flight_is_open(const struct weir_flight_seat *seat)
{
	return seat->flight && seat->flight->open;
}

struct weir_blob *weir_flight_result(const struct weir_flight_seat *seat)
{
	return seat->flight ? seat->flight->result : NULL;
}

static void forget(struct weir_flight *flight)
{
	struct weir_flight **at = &flight->table[flight->hash % BUCKETS];

	while (*at != flight)
		at = &(*at)->next;
	*at = flight->next;
}

/* Who has been woken already must not be resumed: it may be over before that arrives. */
static void wake(const struct weir_flight_seat *seat)
{
	if (weir_exchange_of(seat->req)->parked == WEIR_PARKED_WAIT)
		weir_request_resume(seat->req);
}

/* Whoever waits goes on. */
static void close_flight(struct weir_flight *flight)
{
	struct weir_list *link;

	flight->open = false;
	while ((link = weir_list_pop_front(&flight->waiters))) {
		struct weir_flight_seat *seat = WEIR_CONTAINER_OF(link, struct weir_flight_seat, link);

		seat->waits = false;
		wake(seat);
	}
}

static struct weir_flight_seat *find_heir(struct weir_flight *flight)
{
	for (struct weir_list *at = flight->waiters.next; at != &flight->waiters; at = at->next) {
		struct weir_flight_seat *seat = WEIR_CONTAINER_OF(at, struct weir_flight_seat, link);

		if (seat->req->method != WEIR_HEAD)
			return seat;
	}
	return NULL;
}

void weir_flight_hand_over(struct weir_flight_seat *seat)
{
	struct weir_flight *flight = seat->flight;
	struct weir_flight_seat *heir;

	if (!seat->leads || flight->leaders > 1)
		return;
	heir = find_heir(flight);
	if (!heir)
		return;
	stop_waiting(heir);
	heir->leads = true;
	flight->leaders++;
	wake(heir);
}

static void drop_seat(struct weir_flight *flight)
{
	if (--flight->seats > 0)
		return;
	weir_blob_drop(flight->result);
	free(flight);
}

struct weir_flight *weir_flight_land(struct weir_flight_seat *seat, struct weir_blob *result, bool hold)
{
	struct weir_flight *flight = seat->flight;

	if (!flight || !flight->open)
		return NULL;
	flight->result = weir_blob_take(result);
	close_flight(flight);
	if (!hold) {
		forget(flight);
		return NULL;
	}
	flight->seats++;
	return flight;
}

void weir_flight_release(struct weir_flight *held)
{
	if (!held)
		return;
	forget(held);
	drop_seat(held);
}

void weir_flight_leave(struct weir_flight_seat *seat)
{
	struct weir_flight *flight = seat->flight;

	if (!flight)
		return;
	part(seat);
	if (seat->waits)
		stop_waiting(seat);
	if (seat->leads && --flight->leaders == 0 && flight->open) {
		close_flight(flight);
		forget(flight);
	}
	seat->flight = NULL;
	seat->leads = false;
	drop_seat(flight);
}
