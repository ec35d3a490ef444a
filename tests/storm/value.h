/* SPDX-License-Identifier: Apache-2.0
 *
 * Values that verify themselves: a head that says whose they are, and bytes that follow from it, under a checksum.
 */
#ifndef WEIR_TESTS_STORM_VALUE_H
#define WEIR_TESTS_STORM_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct storm_value {
	uint64_t checksum; /* of everything behind it */
	uint64_t len;      /* head included */
	uint64_t key;
	uint64_t version; /* what wrote it: see history.h */
	uint64_t stamp;   /* the store's clear clock before it was written */
	int64_t expires_ms;
};

#define STORM_VALUE_MIN sizeof(struct storm_value)

/* xorshift64*: `state` is not 0. */
uint64_t storm_draw(uint64_t *state);

/* Fills value->len bytes, at least STORM_VALUE_MIN. */
void storm_value_write(char *bytes, struct storm_value *value);

/* False when these bytes were not written by the above, all of them, for `key`. */
bool storm_value_read(const char *bytes, size_t len, uint64_t key, struct storm_value *value);

#endif
