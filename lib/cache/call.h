/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of a call, of a route's handler or of a function: its context, and how far its lookup is.
 */
#ifndef WEIR_CACHE_CALL_H
#define WEIR_CACHE_CALL_H

#include <weir/call.h>

#include "cache/cache.h"
#include "cache/entry.h"
#include "cache/flight.h"
#include "cache/lease.h"
#include "cache/tags.h"
#include "exchange/exchange.h"

enum weir_call_state {
	WEIR_CALL_NEW,
	WEIR_CALL_BEHIND,   /* in the background, and made by another call: it knows its key, and leads */
	WEIR_CALL_READING,  /* a job is out */
	WEIR_CALL_WAITING,  /* in a flight, for its leader */
	WEIR_CALL_BOARDING, /* the flight has landed; a job is out */
	WEIR_CALL_LEASING,  /* leads a flight; jobs are out */
	WEIR_CALL_WATCHING, /* leads a flight, while another process or host makes the value */
	WEIR_CALL_FOUND,
	WEIR_CALL_RUNNING, /* the handler is to run, or has */
	WEIR_CALL_PASSED,
};

/* A body that is stored while it streams past. */
struct weir_tee {
	struct weir_request *req;
	struct weir_source inner;
	struct weir_buffer copy;
	struct weir_etag_state *digest; /* NULL: the handler has made an ETag of its own */
	uint64_t passed;                /* bytes */
	bool complete;
	bool too_large; /* to be kept */
};

/* The cells that every lookup reads: of clears of everything, of the namespace and of the key, and of any soft purge. */
enum {
	WEIR_CALL_CELL_ALL,
	WEIR_CALL_CELL_NAMESPACE,
	WEIR_CALL_CELL_KEY,
	WEIR_CALL_CELL_SOFT,
	WEIR_CALL_CELLS,
};

/* An entry that is no longer good, but may be served where the rule says so. Its bytes live as long as the call's pool. */
struct weir_old {
	bool is_there;
	struct weir_entry entry;
};

/* Why a call is answered from it. */
enum weir_stale {
	WEIR_STALE_NOT,
	WEIR_STALE_AT_ONCE, /* before anything was tried */
	WEIR_STALE_FAILURE, /* making a new one has failed */
	WEIR_STALE_TIMEOUT, /* making a new one takes too long */
};

struct weir_cells;

struct weir_call {
	struct weir_cache *cache; /* NULL before the lookup */
	struct weir_pool *pool;
	struct weir_request *req; /* of a function: the one that it is called in; NULL: none */
	const struct weir_cache_rule *rule;
	enum weir_call_state state;

	/* Of a function. */
	const struct weir_function *function; /* NULL: the call is of a route's handler */
	const void *arguments;
	struct weir_arguments *taken; /* from the request of a route (arguments.h); NULL: not yet */
	struct weir_call *parent;     /* whose tags grow with this one's */

	bool refreshes;  /* in the background: no client waits for it */
	int64_t seen_ms; /* of a refresh: when the value was made that it is to replace */
	bool sent;       /* another makes the value in the background, for this one */
	bool aside;      /* that could not be shared, so it is for this one alone */

	/* The context. */
	const char *ns;
	weir_key_fn key_fn;
	void *key_user_data;
	bool with_lock;
	int64_t lock_timeout_ms;
	int64_t expire_s;     /* 0: the cache's */
	bool expire_was_set;  /* by the call itself: before what the rule says of single statuses */
	bool expires_at_once; /* 0 s was asked for */
	bool do_not_store;
	int64_t revalidate_s; /* stale_while_revalidate_s, stale_if_error_s */
	int64_t error_s;
	struct weir_tags tags;

	/* What the backend says. */
	bool hit;       /* it had an entry that is valid and fresh */
	bool in_doubt;  /* it had one, and more cells have to be asked whether it is */
	bool key_begun; /* what decides the key is decided */
	bool reloads;   /* no-cache: the lookup is skipped, the result stored */
	bool collapsed; /* answered from another's flight */
	bool waited_again;
	struct weir_slice key;
	uint64_t coder_id; /* that the entry must have been written by; 0: none */
	struct weir_backend_cell cells[WEIR_CALL_CELLS];
	struct weir_cells *more; /* that decide over the entry in doubt; NULL: it is in none */
	struct weir_backend_get get;
	struct weir_job job;
	bool clock_known; /* the backend has answered: what is made now may be stored */
	uint64_t clock;   /* the clear clock when the making began */
	struct weir_flight_seat seat;
	struct weir_lease *lease; /* asked for or held */
	enum weir_lease_rank rank;
	uint64_t generation; /* the lease's */
	unsigned jobs_out;
	int64_t wait_until_ms;  /* monotonic; 0: has not waited */
	int64_t waits_since_ms; /* the first time */
	int64_t pause_ms;       /* between two looks; 0: has not watched */

	struct weir_entry entry;   /* found; of a body that streams past the status */
	struct weir_fields fields; /* the entry's; or those of the response that are stored */
	struct weir_old old;
	bool answers_old; /* it is what the call is answered with at once */
	enum weir_stale stale;
	int failed_status;   /* of the handler, when an old value is served for it */
	int64_t began_ms;    /* monotonic: when the making began */
	int64_t lifetime_ms; /* of what is stored; negative: for ever */
	struct weir_tee *tee;
	struct weir_slice value; /* of a route's function: encoded, to be kept; absent: not to be */
	int value_status;        /* 200, or 404 when there is none */
	struct weir_slice shown; /* and what the client sees of an entry */

	/* Taken from the request, so that the handler answers whole. */
	const char *if_none_match;
	const char *if_match;
	const char *if_modified_since;
};

/* For a zeroed call: takes over what the rule says. */
void weir_call_init(struct weir_call *call, const struct weir_cache_rule *rule, struct weir_pool *pool);

/* Into an initialised call of the same rule: key, context, and what the backend said of clears; not the arguments. Without memory its pool
 * has overflowed. (call_copy.c) */
void weir_call_copy(struct weir_call *copy, const struct weir_call *call);

/* For logs: the request as weir_exchange_what() has it, or the function's name. */
const char *weir_call_what(const struct weir_call *call);

/* The tags that the rule gives to every entry, to this call and those around it. (store.c) */
void weir_call_add_rules_tags(struct weir_call *call);

/* What its result with this status is kept for, jitter not counted: seconds, 0 for not at all, WEIR_EXPIRE_NEVER. */
int64_t weir_call_expire_of_status_s(const struct weir_call *call, int status);

/* Builds call->key and names call->cells, from what is decided now. (call_key.c) */
WEIR_MUST_CHECK enum weir_status weir_call_make_key(struct weir_call *call);

/* The same after the rule's `prepare`. False, and logged, when the call cannot be cached. */
bool weir_call_decide_key(struct weir_call *call);

/* True for the call that a request itself is, and not one that is made in it. */
static inline bool weir_call_is_of_request(const struct weir_call *call)
{
	return call->req && call->req->call == call;
}

static inline struct weir_host *weir_call_host(const struct weir_call *call)
{
	return weir_exchange_of(call->req)->host;
}

static inline const char *weir_call_status_header(const struct weir_call *call)
{
	return call->rule->status_header ? call->rule->status_header : call->cache->status_header;
}

/* Cache-Control with this lifetime and what the handler said besides, ETag untouched. Negative: for ever. (headers.c) */
void weir_call_set_cache_control(struct weir_response *res, int64_t max_age_s);

/* HIT or MISS, and Cache-Status (RFC 9211). `ttl_s` negative: for ever. */
void weir_call_set_status_fields(const struct weir_call *call, struct weir_response *res, bool hit, bool stored, int64_t ttl_s);

/* Of a body that is no stream, unless there is one. (store.c) */
void weir_call_set_etag(struct weir_response *res);

/* From now on a copy is taken of what streams past: call->tee, which stays NULL when memory is out. (tee.c) */
void weir_call_tee(struct weir_call *call, struct weir_response *res);

/* Lets go of its place in the flight and of the lease, if it has them: what was stored must be on its way. (leader.c) */
void weir_call_leave_flight(struct weir_call *call);

/* Stores fields (call->fields) and body, which was encoded by the call's coder if it has one, lands the flight. True when the backend has
 * taken the entry, or it is on its way. */
bool weir_call_keep(struct weir_call *call, int status, struct weir_slice body);

/* The backend has said which clears came before the making, and will know of those that came since. */
bool weir_call_may_store(const struct weir_call *call);

/* An entry of a function's value, 200 or 404, with its bytes, and until when a backend has it. NULL when it is not to be kept nor shared,
 * when it has too many tags, or memory is out. */
struct weir_blob *weir_call_value_entry(struct weir_call *call, int status, struct weir_slice bytes, int64_t *until_ms);

/* The same for the call that has had it made, and for nobody else; not to be stored. NULL without memory. */
struct weir_blob *weir_call_value_aside(struct weir_call *call, int status, struct weir_slice bytes);

#endif
