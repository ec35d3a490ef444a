/* SPDX-License-Identifier: Apache-2.0
 *
 * The table: string keys `pk` and `sk`, paid by request, and a TTL attribute by which DynamoDB deletes what has expired, within two days.
 */
#ifndef WEIR_DYNAMODB_TABLE_H
#define WEIR_DYNAMODB_TABLE_H

#include "client.h"

/* Makes it unless it is there, and waits until it can be used; Amazon takes some seconds, so this may end with ERR_TIMEOUT first, and goes
 * on with the next call. Turns the expiry on where the endpoint can do it. Failures are noted. */
WEIR_MUST_CHECK enum weir_status weir_dynamodb_table_make(struct weir_dynamodb_client *client, int64_t deadline_ms);

/* OK when it is there, can be used with these credentials, and has the right keys. Otherwise what is wrong is noted. */
WEIR_MUST_CHECK enum weir_status weir_dynamodb_table_check(struct weir_dynamodb_client *client, int64_t deadline_ms);

#endif
