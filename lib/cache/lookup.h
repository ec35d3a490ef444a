/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of a lookup: lookup.c is the way of every call, read.c what the backend says, waiting.c the way of those that miss under a
 * lock, leader.c that of those that lead a flight. Each of the functions that return an enum weir_call_next takes the call on to where it
 * waits or its lookup ends.
 */
#ifndef WEIR_CACHE_LOOKUP_H
#define WEIR_CACHE_LOOKUP_H

#include "cache/call.h"
#include "cache/lease.h"

/* -- How a lookup ends (lookup.c) ------------------------------------------------------------------------------------------ */

enum weir_call_next weir_lookup_run(struct weir_call *call);
enum weir_call_next weir_lookup_found(struct weir_call *call);

/* -- Of those who miss under a lock (waiting.c) ---------------------------------------------------------------------------- */

/* The flight for the call's key that began after all clears the call knows of; NULL when there is none. */
struct weir_flight *weir_lookup_flight(const struct weir_call *call);

/* A place in the flight for this key: among those who wait, or as the leader of a new one. Without either the request is on its own. */
void weir_lookup_claim(struct weir_call *call);

/* Goes on from that place. */
enum weir_call_next weir_lookup_join(struct weir_call *call);

/* Waits in the flight, for as long as the lock, the rule's soft and its hard timeout allow. */
enum weir_call_next weir_lookup_wait(struct weir_call *call);

/* Woken in WEIR_CALL_WAITING, and in WEIR_CALL_BOARDING. */
enum weir_call_next weir_lookup_awake(struct weir_call *call);
enum weir_call_next weir_lookup_boarded(struct weir_call *call);

/* The flight has landed: its result answers this request too, unless a clear that the call has learnt of meanwhile is newer; then the call
 * looks for another flight. */
enum weir_call_next weir_lookup_landed(struct weir_call *call);

/* The old value, or 503, or the client has left. If it led, and alone, one of those who wait does now. */
enum weir_call_next weir_lookup_give_up(struct weir_call *call);

/* From now on the call waits for others for as long as its lock may make it. */
static inline void weir_lookup_begin_wait(struct weir_call *call)
{
	call->wait_until_ms = weir_call_host(call)->now_ms + call->lock_timeout_ms;
}

/* -- What the backend says (read.c) ---------------------------------------------------------------------------------------- */

/* Fills call->job, to be run: asks for the value, unless the call reloads, the cells and the clock. */
void weir_lookup_prepare_read(struct weir_call *call, void (*done)(struct weir_job *job));

/* Takes in what that job brought: call->hit, with call->entry and call->fields, call->old, and the clock; or call->in_doubt. */
void weir_lookup_learn(struct weir_call *call);

/* What began at this clear clock began after all clears that this call knows of; without the backend it knows of none. */
bool weir_lookup_is_current(const struct weir_call *call, uint64_t clock);

/* The newest clear that concerns this key: of its leases. */
uint64_t weir_lookup_generation(const struct weir_call *call);

/* Makes call->entry and call->fields, or call->old, of `bytes`, which live as long as the call's pool: sets call->hit or call->in_doubt.
 * Neither for what may not be served: cleared, expired, of another coder, or damaged, which is logged. False when nothing points to
 * `bytes`. */
bool weir_lookup_take_entry(struct weir_call *call, struct weir_slice bytes, bool trusted);

/* An entry with tags, or one made before some soft purge, is in doubt when any clear came after its making: the cells of its tags and of
 * soft purges have to be asked, which takes a second round trip. A local backend is asked at once, and nothing stays in doubt.
 *
 * Sends that job: when `done` has been called, weir_lookup_settle() decides. False: it could not be sent, and the entry is dropped. */
bool weir_lookup_ask_more(struct weir_call *call, void (*done)(struct weir_job *job));
void weir_lookup_prepare_more(struct weir_call *call, void (*done)(struct weir_job *job));
void weir_lookup_settle(struct weir_call *call);

/* -- Of leaders (leader.c) ------------------------------------------------------------------------------------------------- */

/* The call leads its flight. */
enum weir_call_next weir_lookup_lead(struct weir_call *call);

/* The same, in place of a leader who was too slow. */
enum weir_call_next weir_lookup_take_over(struct weir_call *call);

/* Woken in WEIR_CALL_LEASING, and in WEIR_CALL_WATCHING. */
enum weir_call_next weir_lookup_leased(struct weir_call *call);
enum weir_call_next weir_lookup_look_again(struct weir_call *call);

#endif
