/* SPDX-License-Identifier: Apache-2.0
 *
 * Decimal numbers into text without printf, which costs more than a cached answer can spare.
 */
#ifndef WEIR_BASE_DIGITS_H
#define WEIR_BASE_DIGITS_H

#include <stdint.h>

/* The longest is 18446744073709551615. */
#define WEIR_DIGITS_MAX 20

/* Writes the digits, at most WEIR_DIGITS_MAX of them and no terminator; returns their end. */
static inline char *weir_put_u64(char *at, uint64_t number)
{
	char digits[WEIR_DIGITS_MAX];
	int count = 0;

	do {
		digits[count++] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	while (count > 0)
		*at++ = digits[--count];
	return at;
}

#endif
