/* SPDX-License-Identifier: Apache-2.0
 *
 * Clearing. The clear clock is the item "clock", a cell the item "cell:…": both keep their number in `s`. All are read strongly consistent,
 * and change by UpdateItem, so every host sees a clear that has ended.
 */
#ifndef WEIR_DYNAMODB_CLEAR_H
#define WEIR_DYNAMODB_CLEAR_H

#include "client.h"

/* The driver's clear: the clock is moved by as many as there are cells, and each gets a stamp of its own. A cell that already has a newer
 * one, of a clear that went on at the same time, keeps it. */
WEIR_MUST_CHECK enum weir_status weir_dynamodb_clear(struct weir_dynamodb_client *client, const struct weir_slice *cells, size_t count,
						     int64_t keep_ms, uint64_t *clock);

/* For a table without a clock, or with one that is none: a new one, in an epoch of its own. Another's, when somebody is faster. */
WEIR_MUST_CHECK enum weir_status weir_dynamodb_clock_make(struct weir_dynamodb_client *client, int64_t deadline_ms, uint64_t *clock);

#endif
