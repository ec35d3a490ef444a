/* SPDX-License-Identifier: Apache-2.0
 *
 * Commands that are sent together, each as bytes of the Redis protocol, so that any of them may be sent again elsewhere, and their replies.
 *
 *     at = weir_redis_batch_add(&batch, 2, slot);
 *     weir_redis_batch_word(&batch, WEIR_SLICE_LITERAL("GET"));
 *     weir_redis_batch_word(&batch, name);
 *     … weir_redis_run() …
 *     reply = batch.commands[at].reply;
 *
 * When memory is out the batch has *failed*; the mark is sticky, and weir_redis_run() returns it. Words are copied.
 */
#ifndef WEIR_REDIS_BATCH_H
#define WEIR_REDIS_BATCH_H

#include <hiredis/hiredis.h>

#include <weir/buffer.h>

#include "script.h"

struct weir_redis_node;

enum weir_redis_progress {
	WEIR_REDIS_PENDING, /* to be sent, maybe once more */
	WEIR_REDIS_SENT,
	WEIR_REDIS_DONE,
};

struct weir_redis_command {
	/* The status when DONE. OK: `reply` is there, and not an error. MISS: the key is of another type. Else a failure, and no reply. */
	enum weir_status status;
	redisReply *reply;            /* freed with the batch, unless it is taken */
	struct weir_redis_node *node; /* who answered */

	/* For those who make it; zero by default. */
	struct weir_redis_node *prefer; /* is tried first, whoever has the slot */
	bool only_preferred;            /* … and nobody else: not for a slot, but for the node */
	size_t tenure_at;               /* where in its bytes the node's tenure is to be put in; 0: nowhere */

	/* For batch and run. */
	const struct weir_redis_script *script;
	unsigned slot;
	unsigned words;
	size_t offset, len; /* of its bytes in the batch; of a script without its beginning, which says how it is called */
	enum weir_redis_progress progress;
	bool asking;  /* `node` is to be asked, out of turn */
	bool by_text; /* the node does not know the script by name */
	bool lost;    /* was sent on a connection that broke */
};

struct weir_redis_batch {
	struct weir_buffer bytes;
	struct weir_redis_command *commands;
	size_t count, capacity;
	bool failed;
};

/* A zeroed batch is empty. */
void weir_redis_batch_finish(struct weir_redis_batch *batch);

/* Forgets commands and replies, keeps memory, unless it is much. */
void weir_redis_batch_clear(struct weir_redis_batch *batch);

/* Begins a command of so many words; returns its index. `slot`: of its keys. */
size_t weir_redis_batch_add(struct weir_redis_batch *batch, unsigned words, unsigned slot);
void weir_redis_batch_word(struct weir_redis_batch *batch, struct weir_slice word);
void weir_redis_batch_number(struct weir_redis_batch *batch, int64_t number);

/* Begins a call of a script with `keys` keys and `args` arguments, which are the words to follow. */
size_t weir_redis_batch_add_script(struct weir_redis_batch *batch, const struct weir_redis_script *script, unsigned keys, unsigned args,
				   unsigned slot);

/* A word of several parts, which follow by weir_redis_batch_part(), and its end. */
void weir_redis_batch_begin_word(struct weir_redis_batch *batch, size_t len);
void weir_redis_batch_part(struct weir_redis_batch *batch, struct weir_slice part);
void weir_redis_batch_end_word(struct weir_redis_batch *batch);

/* The bytes of the last command so far. */
size_t weir_redis_batch_used(const struct weir_redis_batch *batch);

#endif
