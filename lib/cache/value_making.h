/* SPDX-License-Identifier: Apache-2.0
 *
 * A value in the making for a call by C code, and the steps it is made of: value.c is the way of every call, value_make.c has the steps,
 * value_behind.c what goes on in the background.
 *
 * Everything here blocks where the backend has to be asked. A status is that of a value: OK, MISS, or negative for none.
 */
#ifndef WEIR_CACHE_VALUE_MAKING_H
#define WEIR_CACHE_VALUE_MAKING_H

#include "cache/call.h"
#include "cache/value_flight.h"

struct weir_making {
	struct weir_call *call;
	void *value; /* room for it, zeroed */
	struct weir_value_seat seat;
	struct weir_job lease; /* the last one that was asked for */
	char *lease_name;
	bool holds;  /* that lease */
	bool sent;   /* another thread makes the value, for this one */
	bool stays;  /* that was in vain: it does not send again */
	bool behind; /* it is that thread: nobody is given what is made here but through cache and flight */
};

/* -- The way of all (value.c) ---------------------------------------------------------------------------------------------- */

/* Leads the flight: makes the value as soon as nobody else does in any process, as leader.c has it. */
enum weir_status weir_making_lead(struct weir_making *making, enum weir_lease_rank rank);

/* -- Steps (value_make.c) -------------------------------------------------------------------------------------------------- */

/* Asks the backend for the entry, and what decides whether it is good. */
void weir_making_look(struct weir_making *making);

/* The same for an entry that has come in another way. */
void weir_making_settle_doubt(struct weir_making *making);

/* The value of the entry that was found; negative when there is none that can be decoded. */
WEIR_MUST_CHECK enum weir_status weir_making_take_hit(struct weir_making *making);

/* What there was before, if it may be seen until then (wall clock): negative when there is nothing, or it may not. */
WEIR_MUST_CHECK enum weir_status weir_making_take_old(struct weir_making *making, int64_t until_ms);

/* The value of an entry that was set aside for this making, which may be NULL. */
WEIR_MUST_CHECK enum weir_status weir_making_take_aside(struct weir_making *making, struct weir_blob *entry);

/* Asks for the lease, and behind that for the entry once more: a holder stores before it gives the lease back. Says how the first went. */
WEIR_MUST_CHECK enum weir_status weir_making_ask(struct weir_making *making, enum weir_lease_rank rank);
void weir_making_give_back(struct weir_making *making); /* if it has it */

/* The entry that was found is for those too who wait in this flight. */
void weir_making_share(struct weir_making *making);

/* Runs the function, keeps and shares its value. When it fails the old value may do. */
enum weir_status weir_making_run(struct weir_making *making);

/* What is left when it has failed: the old value, if the rule lets it be seen then, or that failure. For a moment nobody tries again where
 * there is an old one. */
WEIR_MUST_CHECK enum weir_status weir_making_fall_back(struct weir_making *making, enum weir_status failure);

#endif
