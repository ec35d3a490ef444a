/* SPDX-License-Identifier: Apache-2.0
 *
 * The driver's walk: in each bucket the names that begin like the prefix's, page by page.
 *
 * DynamoDB charges what a page holds (strongly consistent, 1 unit for 4 KB), and half a unit at least for each of the 16 buckets. The total
 * timeout is for one page and its removals.
 */
#ifndef WEIR_DYNAMODB_WALK_H
#define WEIR_DYNAMODB_WALK_H

#include "client.h"

WEIR_MUST_CHECK enum weir_status weir_dynamodb_walk(struct weir_dynamodb_client *client, struct weir_slice prefix, bool remove,
						    weir_backend_visit_fn visit, void *state);

#endif
