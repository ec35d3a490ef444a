/* SPDX-License-Identifier: Apache-2.0
 *
 * Decimals: that a text is one, and the way to and from scaled integers such as cents.
 */
#include <weir/temporal.h>

#include <inttypes.h>

#define MAX_EXPONENT 999999999
#define MAX_PLACES 100

/* What a text says: the digits before and behind the point, and where that belongs. */
struct parts {
	bool negative;
	struct weir_slice whole;
	struct weir_slice fraction;
	int64_t exponent;
};

static struct weir_slice take_digits(struct weir_slice *text)
{
	struct weir_slice digits = { text->data, 0 };

	while (digits.len < text->len && text->data[digits.len] >= '0' && text->data[digits.len] <= '9')
		digits.len++;
	*text = weir_slice_from(*text, digits.len);
	return digits;
}

static bool take_either(struct weir_slice *text, char byte, char other)
{
	if (text->len == 0 || (text->data[0] != byte && text->data[0] != other))
		return false;
	*text = weir_slice_from(*text, 1);
	return true;
}

/* "", or e, a sign and up to nine digits. */
static bool take_exponent(struct weir_slice *text, int64_t *exponent)
{
	struct weir_slice digits;
	bool negative;
	uint64_t number;

	*exponent = 0;
	if (!take_either(text, 'e', 'E'))
		return true;
	negative = take_either(text, '-', '-');
	if (!negative)
		(void)take_either(text, '+', '+');
	digits = take_digits(text);
	if (digits.len > 9 || weir_slice_to_u64(digits, MAX_EXPONENT, &number) != WEIR_OK)
		return false;
	*exponent = negative ? -(int64_t)number : (int64_t)number;
	return true;
}

/* The grammar of JSON's numbers (RFC 8259 section 6). */
static bool parse(struct weir_slice text, struct parts *parts)
{
	*parts = (struct parts){ .negative = false };
	if (text.len > WEIR_DECIMAL_MAX)
		return false;
	parts->negative = take_either(&text, '-', '-');
	parts->whole = take_digits(&text);
	if (parts->whole.len == 0 || (parts->whole.len > 1 && parts->whole.data[0] == '0'))
		return false;
	if (take_either(&text, '.', '.')) {
		parts->fraction = take_digits(&text);
		if (parts->fraction.len == 0)
			return false;
	}
	return take_exponent(&text, &parts->exponent) && text.len == 0;
}

bool weir_decimal_valid(const struct weir_decimal *decimal)
{
	struct parts parts;

	return parse(weir_slice_text(decimal->text), &parts);
}

enum weir_status weir_decimal_read(struct weir_pool *pool, struct weir_slice text, struct weir_decimal *decimal)
{
	struct parts parts;
	const char *copy;

	if (!parse(text, &parts))
		return WEIR_ERR_INVALID;
	copy = weir_pool_dup(pool, text).data;
	if (!copy)
		return WEIR_ERR_MEMORY;
	decimal->text = copy;
	return WEIR_OK;
}

/* -- Scaled integers ------------------------------------------------------------------------------------------------------- */

enum weir_status weir_decimal_from_scaled(struct weir_pool *pool, int64_t scaled, unsigned places, struct weir_decimal *decimal)
{
	uint64_t amount = scaled < 0 ? 0 - (uint64_t)scaled : (uint64_t)scaled;
	const char *digits, *text;
	size_t len;

	if (places > MAX_PLACES)
		return WEIR_ERR_LIMIT;
	digits = weir_pool_printf(pool, "%0*" PRIu64, (int)places + 1, amount);
	if (!digits)
		return WEIR_ERR_MEMORY;
	len = strlen(digits) - places;
	text = weir_pool_printf(pool, "%s%.*s%s%s", scaled < 0 ? "-" : "", (int)len, digits, places > 0 ? "." : "", digits + len);
	if (!text)
		return WEIR_ERR_MEMORY;
	decimal->text = text;
	return WEIR_OK;
}

static char digit_at(const struct parts *parts, size_t i)
{
	return i < parts->whole.len ? parts->whole.data[i] : parts->fraction.data[i - parts->whole.len];
}

static bool add_digit(uint64_t *number, unsigned digit)
{
	return !__builtin_mul_overflow(*number, 10, number) && !__builtin_add_overflow(*number, digit, number);
}

enum weir_status weir_decimal_to_scaled(const struct weir_decimal *decimal, unsigned places, int64_t *scaled)
{
	struct parts parts;
	size_t count;
	int64_t zeros;
	uint64_t number = 0, limit;

	if (!parse(weir_slice_text(decimal->text), &parts))
		return WEIR_ERR_INVALID;
	count = parts.whole.len + parts.fraction.len;
	zeros = parts.exponent + places - (int64_t)parts.fraction.len;
	for (; count > 0 && digit_at(&parts, count - 1) == '0'; count--)
		zeros++;
	if (count > 0 && zeros < 0)
		return WEIR_ERR_INVALID;
	for (size_t i = 0; i < count; i++)
		if (!add_digit(&number, (unsigned)(digit_at(&parts, i) - '0')))
			return WEIR_ERR_LIMIT;
	for (; number > 0 && zeros > 0; zeros--)
		if (!add_digit(&number, 0))
			return WEIR_ERR_LIMIT;
	limit = (uint64_t)INT64_MAX + parts.negative;
	if (number > limit)
		return WEIR_ERR_LIMIT;
	*scaled = (int64_t)(parts.negative ? 0 - number : number);
	return WEIR_OK;
}
