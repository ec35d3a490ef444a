/* SPDX-License-Identifier: Apache-2.0
 *
 * What a reply says of itself: errors, redirections, and the few replies whose text is looked into. Replies come from outside: any of these
 * takes any reply, also NULL.
 */
#ifndef WEIR_REDIS_REPLY_H
#define WEIR_REDIS_REPLY_H

#include <hiredis/hiredis.h>

#include "options.h"
#include "record.h"

enum weir_redis_verdict_kind {
	WEIR_REDIS_ANSWER,   /* no error */
	WEIR_REDIS_ALIEN,    /* the key is of a type that is not ours */
	WEIR_REDIS_MOVED,    /* `slot` is at `endpoint` now */
	WEIR_REDIS_ASK,      /* this key, this once, is at `endpoint` */
	WEIR_REDIS_TRYAGAIN, /* some keys are here, some there: in a moment they will be together */
	WEIR_REDIS_NOSCRIPT,
	WEIR_REDIS_REFUSED, /* see `complaint` */
};

struct weir_redis_verdict {
	enum weir_redis_verdict_kind kind;
	unsigned slot;
	struct weir_redis_endpoint endpoint; /* host "": the node that has answered */
	const char *complaint;               /* for people, without anything that the server made up; static */
	bool elsewhere;                      /* REFUSED: another node, or the same name looked up again, may do better */
	bool full;                           /* REFUSED: for want of memory */
};

/* A NULL reply is REFUSED. */
void weir_redis_judge(const redisReply *reply, struct weir_redis_verdict *verdict);

/* The text of a string or status reply, absent for any other. */
struct weir_slice weir_redis_text(const redisReply *reply);

/* The tenure (record.h) in a reply to INFO replication. False when there is none; "" for a replica, whose word does not count. */
bool weir_redis_parse_tenure(const redisReply *reply, char tenure[WEIR_REDIS_TENURE_LEN + 1]);

/* The value in a reply to CONFIG GET; `otherwise` when it is refused or is no number. */
uint64_t weir_redis_parse_config(const redisReply *reply, uint64_t otherwise);

/* A stamp of 16 hexadecimal digits; 0 for anything else. */
uint64_t weir_redis_parse_stamp(struct weir_slice text);

/* One line of CLUSTER SLOTS. `host` "": the node that has answered. */
struct weir_redis_slot_range {
	unsigned first, last;
	struct weir_redis_endpoint master;
};

/* Calls `take` for each range, in order, false when the reply is not well-formed; ranges before the fault have been taken. */
bool weir_redis_parse_slots(const redisReply *reply, void (*take)(void *state, const struct weir_redis_slot_range *range), void *state);

#endif
