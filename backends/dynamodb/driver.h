/* SPDX-License-Identifier: Apache-2.0
 *
 * The cache driver for Amazon DynamoDB:
 *
 *     dynamodb://TABLE?region=eu-west-1&create=true
 *
 * Options: region, profile, endpoint; create (false); consistent (false); ttl_attribute ("ttl"); connect_timeout_ms (500), read_timeout_ms
 * (1000), total_timeout_ms (2000); connections (32). options.h says what they mean, credentials.h where keys are found.
 *
 * The clear clock, cells and leases are always read and written strongly consistent. Values are when `consistent` is true; otherwise, at
 * half the price, a value may be missed for a moment after it was stored, and seen for a moment after it was removed or replaced; what was
 * cleared is never served.
 *
 * What it costs: each batch of lookups reads the clock and every cell that one of them names (1 read unit each), and the values (half a
 * unit for 4 KB, or one). The clock is one item, and one item gives 3,000 batches a second.
 */
#ifndef WEIR_DYNAMODB_DRIVER_H
#define WEIR_DYNAMODB_DRIVER_H

#include <weir/backend_driver.h>

extern const struct weir_backend_ops weir_backend_dynamodb;

#endif
