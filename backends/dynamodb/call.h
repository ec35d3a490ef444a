/* SPDX-License-Identifier: Apache-2.0
 *
 * Calls of DynamoDB's API: signed, several at a time, tried again while that may help.
 *
 * Any call may reach the server twice: after a timeout, and because libcurl repeats a request on a connection that turns out to be dead.
 * All that the driver sends bears it: conditions also hold for what the call itself would write, and a clear clock that moves twice is only
 * further on.
 */
#ifndef WEIR_DYNAMODB_CALL_H
#define WEIR_DYNAMODB_CALL_H

#include "client.h"

struct json_object;

struct weir_dynamodb_call {
	const char *operation;   /* such as "GetItem" */
	struct weir_buffer body; /* the caller's to fill between init and run */
	/* Set by run, whatever that returns. OK with `reply`; BUSY: the condition did not hold, or the table is there already; MISS: there
	 * is no such table; or a failure. */
	enum weir_status status;
	struct json_object *reply;
};

void weir_dynamodb_call_init(struct weir_dynamodb_call *call, const char *operation);
void weir_dynamodb_calls_finish(struct weir_dynamodb_call *calls, size_t count);

/* Performs them all, in no order. Throttled and lost ones are sent again until the deadline. Returns the first status that is a failure,
 * else OK. With the option create the table is made before, when it is not there. */
WEIR_MUST_CHECK enum weir_status weir_dynamodb_run(struct weir_dynamodb_client *client, struct weir_dynamodb_call *calls, size_t count,
						   int64_t deadline_ms);

/* The same for calls that are about the table itself: it need not be there, and a failure is only noted. */
WEIR_MUST_CHECK enum weir_status weir_dynamodb_run_on_table(struct weir_dynamodb_client *client, struct weir_dynamodb_call *call,
							    int64_t deadline_ms);

/* What an answer that is not 200 means. */
enum weir_dynamodb_verdict {
	WEIR_DYNAMODB_FAILED,
	WEIR_DYNAMODB_AGAIN,   /* try again */
	WEIR_DYNAMODB_EXPIRED, /* the credentials have */
	WEIR_DYNAMODB_NO_TABLE,
	WEIR_DYNAMODB_REFUSED, /* the condition did not hold */
};

enum weir_dynamodb_verdict weir_dynamodb_judge(long code, const char *error_name);

#endif
