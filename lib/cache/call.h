/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of a call: the context of one request, and how far its lookup is.
 */
#ifndef WEIR_CACHE_CALL_H
#define WEIR_CACHE_CALL_H

#include <weir/call.h>

#include "cache/cache.h"
#include "cache/entry.h"
#include "cache/flight.h"
#include "cache/lease.h"
#include "exchange/exchange.h"

enum weir_call_state {
	WEIR_CALL_NEW,
	WEIR_CALL_READING,  /* a job is out */
	WEIR_CALL_WAITING,  /* in a flight, for its leader */
	WEIR_CALL_LEASING,  /* leads a flight; jobs are out */
	WEIR_CALL_WATCHING, /* leads a flight, while another process or host makes the value */
	WEIR_CALL_FOUND,
	WEIR_CALL_RUNNING, /* the handler is to run, or has */
	WEIR_CALL_PASSED,
};

/* A body that is stored while it streams past. */
struct weir_tee {
	struct weir_source inner;
	struct weir_buffer copy;
	struct weir_etag_state *digest; /* NULL: the handler has made an ETag of its own */
	uint64_t passed;                /* bytes */
	bool complete;
	bool too_large; /* to be kept */
};

struct weir_call {
	struct weir_cache *cache; /* NULL before the lookup */
	struct weir_request *req;
	const struct weir_cache_rule *rule;
	enum weir_call_state state;

	const char *ns;
	weir_key_fn key_fn;
	void *key_user_data;
	bool with_lock;
	int64_t lock_timeout_ms;
	int64_t expire_s;     /* 0: the cache's */
	bool expires_at_once; /* 0 s was asked for */
	bool do_not_store;

	bool hit;       /* the backend had an entry that is valid */
	bool key_begun; /* what decides the key is decided */
	bool reloads;   /* no-cache: the lookup is skipped, the result stored */
	bool collapsed; /* answered from another's flight */
	bool waited_again;
	struct weir_slice key;
	struct weir_backend_cell cells[3]; /* of everything, of the namespace, of the key */
	struct weir_backend_get get;
	struct weir_job job;
	bool clock_known; /* the backend has answered: what is made now may be stored */
	uint64_t clock;   /* the clear clock when the making began */
	struct weir_flight_seat seat;
	struct weir_lease *lease; /* asked for or held */
	enum weir_lease_rank rank;
	uint64_t generation; /* the lease's */
	unsigned jobs_out;
	int64_t wait_until_ms; /* monotonic; 0: has not waited */
	int64_t pause_ms;      /* between two looks; 0: has not watched */

	struct weir_entry entry;   /* found; of a body that streams past the status */
	struct weir_fields fields; /* the entry's; or those of the response that are stored */
	int64_t lifetime_s;        /* of what is stored */
	struct weir_tee *tee;

	/* Taken from the request, so that the handler answers whole. */
	const char *if_none_match;
	const char *if_match;
	const char *if_modified_since;
};

static inline struct weir_host *weir_call_host(const struct weir_call *call)
{
	return weir_exchange_of(call->req)->host;
}

static inline const char *weir_call_status_header(const struct weir_call *call)
{
	return call->rule->status_header ? call->rule->status_header : call->cache->status_header;
}

/* Cache-Control with this lifetime and what the handler said besides, ETag untouched. (headers.c) */
void weir_call_set_cache_control(struct weir_response *res, int64_t max_age_s);

/* HIT or MISS, and Cache-Status (RFC 9211). `ttl_s` negative: not known. */
void weir_call_set_status_fields(const struct weir_call *call, struct weir_response *res, bool hit, bool stored, int64_t ttl_s);

/* Lets go of its place in the flight and of the lease, if it has them: what was stored must be on its way. (leader.c) */
void weir_call_leave_flight(struct weir_call *call);

/* Stores fields (call->fields) and body, lands the flight. True when the backend has taken the entry, or it is on its way. */
bool weir_call_keep(struct weir_call *call, int status, struct weir_slice body);

#endif
