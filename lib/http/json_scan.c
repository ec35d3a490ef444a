/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks JSON token by token. A token's functions return its length, or 0 after having said at which byte what is wrong.
 */
#include "http/json_scan.h"

#include "base/utf8.h"
#include "http/chars.h"

/* What is wrong, at `offset` behind the start of the token. */
static size_t fail(struct weir_json_scan *scan, size_t offset, const char *reason)
{
	scan->at += offset;
	scan->reason = reason;
	return 0;
}

static size_t count_digits(struct weir_slice text, size_t from)
{
	size_t at = from;

	while (at < text.len && text.data[at] >= '0' && text.data[at] <= '9')
		at++;
	return at - from;
}

static bool has_byte(struct weir_slice text, size_t at, char byte)
{
	return at < text.len && text.data[at] == byte;
}

/* -- Strings --------------------------------------------------------------------------------------------------------------- */

/* The code unit of "\uXXXX" at `at`, else -1. */
static int code_unit(struct weir_slice text, size_t at)
{
	int unit = 0;

	if (text.len < at + 6 || text.data[at] != '\\' || text.data[at + 1] != 'u')
		return -1;
	for (size_t i = at + 2; i < at + 6; i++) {
		int digit = weir_char_hex(text.data[i]);

		if (digit < 0)
			return -1;
		unit = unit << 4 | digit;
	}
	return unit;
}

static size_t escape_len(struct weir_json_scan *scan, struct weir_slice text, size_t at)
{
	int unit, low;

	if (at + 1 < text.len && text.data[at + 1] != '\0' && strchr("\"\\/bfnrt", text.data[at + 1]))
		return 2;
	unit = code_unit(text, at);
	if (unit < 0)
		return fail(scan, at, "broken escape in a string");
	if (unit < 0xd800 || unit > 0xdfff)
		return 6;
	low = code_unit(text, at + 6);
	if (unit > 0xdbff || low < 0xdc00 || low > 0xdfff)
		return fail(scan, at, "half of a surrogate pair");
	return 12;
}

/* Of one character in a string, escaped or not. */
static size_t character_len(struct weir_json_scan *scan, struct weir_slice text, size_t at)
{
	unsigned char byte = (unsigned char)text.data[at];
	uint32_t code;
	size_t len;

	if (byte == '\\')
		return escape_len(scan, text, at);
	if (byte < 0x20)
		return fail(scan, at, "control character in a string");
	len = weir_utf8_decode(weir_slice_from(text, at), &code);
	return len > 0 ? len : fail(scan, at, "not UTF-8");
}

static bool is_before_colon(struct weir_slice text, size_t at)
{
	while (at < text.len && text.data[at] != '\0' && strchr(" \t\r\n", text.data[at]))
		at++;
	return has_byte(text, at, ':');
}

static size_t string_len(struct weir_json_scan *scan, struct weir_slice text, enum weir_json_token_kind *kind)
{
	size_t at = 1, nul_at = 0;

	while (at < text.len && text.data[at] != '"') {
		size_t len = character_len(scan, text, at);

		if (len == 0)
			return 0;
		if (len == 6 && code_unit(text, at) == 0)
			nul_at = at;
		at += len;
	}
	if (at == text.len)
		return fail(scan, at, "string without end");
	*kind = is_before_colon(text, at + 1) ? WEIR_JSON_NAME : WEIR_JSON_STRING;
	if (*kind == WEIR_JSON_NAME && nul_at > 0)
		return fail(scan, nul_at, "name that holds U+0000");
	return at + 1;
}

/* -- Numbers and words ------------------------------------------------------------------------------------------------------ */

/* Whether the value fits: json-c would take the nearest one that does. */
static size_t integer_len(struct weir_json_scan *scan, struct weir_slice integer)
{
	bool negative = integer.data[0] == '-';
	uint64_t value;

	if (weir_slice_to_u64(weir_slice_from(integer, negative), negative ? UINT64_C(1) << 63 : UINT64_MAX, &value) != WEIR_OK)
		return fail(scan, 0, "integer beyond 64 bits");
	return integer.len;
}

static size_t number_len(struct weir_json_scan *scan, struct weir_slice text, enum weir_json_token_kind *kind)
{
	size_t at = has_byte(text, 0, '-');
	size_t digits = count_digits(text, at);

	if (digits == 0 || (digits > 1 && text.data[at] == '0'))
		return fail(scan, at, digits == 0 ? "number without digits" : "number with a leading zero");
	at += digits;
	*kind = WEIR_JSON_INTEGER;
	if (has_byte(text, at, '.')) {
		*kind = WEIR_JSON_DOUBLE;
		digits = count_digits(text, at + 1);
		if (digits == 0)
			return fail(scan, at, "decimal point without digits");
		at += digits + 1;
	}
	if (has_byte(text, at, 'e') || has_byte(text, at, 'E')) {
		size_t sign = has_byte(text, at + 1, '+') || has_byte(text, at + 1, '-');

		*kind = WEIR_JSON_DOUBLE;
		digits = count_digits(text, at + 1 + sign);
		if (digits == 0)
			return fail(scan, at, "exponent without digits");
		at += digits + 1 + sign;
	}
	return *kind == WEIR_JSON_INTEGER ? integer_len(scan, weir_slice(text.data, at)) : at;
}

static size_t word_len(struct weir_json_scan *scan, struct weir_slice text)
{
	static const char *const words[] = { "true", "false", "null" };

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (weir_slice_starts_with(text, weir_slice_text(words[i])))
			return strlen(words[i]);
	return fail(scan, 0, "unexpected character");
}

static size_t token_len(struct weir_json_scan *scan, struct weir_slice text, enum weir_json_token_kind *kind)
{
	switch (text.data[0]) {
	case '[':
	case '{':
		*kind = WEIR_JSON_OPEN;
		return 1;
	case ']':
	case '}':
		*kind = WEIR_JSON_CLOSE;
		return 1;
	case ',':
	case ':':
		*kind = WEIR_JSON_MARK;
		return 1;
	case '"':
		return string_len(scan, text, kind);
	case '-':
		return number_len(scan, text, kind);
	default:
		if (text.data[0] >= '0' && text.data[0] <= '9')
			return number_len(scan, text, kind);
		*kind = WEIR_JSON_WORD;
		return word_len(scan, text);
	}
}

bool weir_json_scan_next(struct weir_json_scan *scan, struct weir_json_token *token)
{
	size_t len;

	while (scan->at < scan->text.len && scan->text.data[scan->at] != '\0' && strchr(" \t\r\n", scan->text.data[scan->at]))
		scan->at++;
	if (scan->reason || scan->at == scan->text.len)
		return false;
	token->text = weir_slice_from(scan->text, scan->at);
	len = token_len(scan, token->text, &token->kind);
	if (len == 0)
		return false;
	token->text.len = len;
	scan->at += len;
	return true;
}
