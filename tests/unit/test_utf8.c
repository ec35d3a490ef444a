/* SPDX-License-Identifier: Apache-2.0
 *
 * What is a character and what only looks like one: every code point both ways, and the malformed forms by name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/utf8.h"

/* RFC 3629 section 3, written down the other way round. */
static size_t encode(uint32_t code, char *out)
{
	if (code < 0x80) {
		out[0] = (char)code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = (char)(0xc0 | code >> 6);
		out[1] = (char)(0x80 | (code & 0x3f));
		return 2;
	}
	if (code < 0x10000) {
		out[0] = (char)(0xe0 | code >> 12);
		out[1] = (char)(0x80 | (code >> 6 & 0x3f));
		out[2] = (char)(0x80 | (code & 0x3f));
		return 3;
	}
	out[0] = (char)(0xf0 | code >> 18);
	out[1] = (char)(0x80 | (code >> 12 & 0x3f));
	out[2] = (char)(0x80 | (code >> 6 & 0x3f));
	out[3] = (char)(0x80 | (code & 0x3f));
	return 4;
}

static void test_utf8_decodes_every_code_point_and_refuses_surrogates(void **state)
{
	(void)state;
	for (uint32_t code = 0; code <= 0x1fffff; code++) {
		bool valid = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
		uint32_t decoded = UINT32_MAX;
		char bytes[5];
		size_t len = encode(code, bytes);

		bytes[len] = 'x';
		assert_int_equal(weir_utf8_decode(weir_slice(bytes, len + 1), &decoded), valid ? len : 0);
		assert_int_equal(decoded, valid ? code : UINT32_MAX);
	}
}

static void test_utf8_refuses_what_is_malformed(void **state)
{
	static const struct weir_slice malformed[] = {
		{ NULL, 0 },
		{ "", 0 },
		{ "\x80", 1 },     /* a continuation alone */
		{ "\xc0\xaf", 2 }, /* overlong slash */
		{ "\xc1\xbf", 2 },
		{ "\xe0\x80\xaf", 3 },
		{ "\xe0\x9f\xbf", 3 },
		{ "\xf0\x80\x80\xaf", 4 },
		{ "\xf0\x8f\xbf\xbf", 4 },
		{ "\xf5\x80\x80\x80", 4 }, /* leads that no character has */
		{ "\xfe", 1 },
		{ "\xff", 1 },
		{ "\xc3(", 2 }, /* another byte where a continuation has to be */
		{ "\xe2\x82(", 3 },
		{ "\xf0\x9f\x98\xc3", 4 },
		{ "\xe2\x82", 2 }, /* ends too early */
		{ "\xf0\x9f\x98", 3 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++) {
		uint32_t code = 7;

		assert_int_equal(weir_utf8_decode(malformed[i], &code), 0);
		assert_int_equal(code, 7);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_utf8_decodes_every_code_point_and_refuses_surrogates),
		cmocka_unit_test(test_utf8_refuses_what_is_malformed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
