/* SPDX-License-Identifier: Apache-2.0
 *
 * Sizes as people write them in options: "64m".
 */
#include <weir/backend.h>

static unsigned suffix_bits(char suffix)
{
	switch (suffix) {
	case 'k':
	case 'K':
		return 10;
	case 'm':
	case 'M':
		return 20;
	case 'g':
	case 'G':
		return 30;
	default:
		return 0;
	}
}

enum weir_status weir_size_parse(struct weir_slice text, uint64_t *bytes)
{
	unsigned bits = text.len > 0 ? suffix_bits(text.data[text.len - 1]) : 0;
	uint64_t number;

	if (bits > 0)
		text.len--;
	if (weir_slice_to_u64(text, UINT64_MAX >> bits, &number) != WEIR_OK)
		return WEIR_ERR_INVALID;
	*bytes = number << bits;
	return WEIR_OK;
}
