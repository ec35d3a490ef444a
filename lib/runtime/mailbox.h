/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages from any thread to one: a list that is pushed without a lock and taken whole.
 */
#ifndef WEIR_RUNTIME_MAILBOX_H
#define WEIR_RUNTIME_MAILBOX_H

#include <stdatomic.h>

#include "exchange/host.h"

/* Zeroed is empty. */
struct weir_mailbox {
	_Atomic(struct weir_message *) newest;
};

/* Any thread. */
static inline void weir_mailbox_post(struct weir_mailbox *mailbox, struct weir_message *message)
{
	message->next = atomic_load_explicit(&mailbox->newest, memory_order_relaxed);
	while (!atomic_compare_exchange_weak_explicit(&mailbox->newest, &message->next, message, memory_order_release,
						      memory_order_relaxed))
		;
}

/* The receiving thread: delivers what is there, in the order of posting; false when there was nothing. */
static inline bool weir_mailbox_deliver(struct weir_mailbox *mailbox)
{
	struct weir_message *newest = atomic_exchange_explicit(&mailbox->newest, NULL, memory_order_acquire);
	struct weir_message *oldest = NULL;
	bool any = newest != NULL;

	while (newest) {
		struct weir_message *next = newest->next;

		newest->next = oldest;
		oldest = newest;
		newest = next;
	}
	while (oldest) {
		struct weir_message *next = oldest->next;

		oldest->deliver(oldest);
		oldest = next;
	}
	return any;
}

#endif
