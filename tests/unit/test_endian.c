/* SPDX-License-Identifier: Apache-2.0
 *
 * Loads and stores in both byte orders, at addresses of no alignment.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/endian.h"

static const unsigned char bytes[] = { 0xff, 0x81, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x98, 0xff };

static void test_endian_loads_little(void **state)
{
	(void)state;
	assert_int_equal(weir_load_le16(bytes + 1), 0x0281);
	assert_int_equal(weir_load_le32(bytes + 1), 0x04030281);
	assert_true(weir_load_le64(bytes + 1) == UINT64_C(0x9807060504030281));
}

static void test_endian_loads_big(void **state)
{
	(void)state;
	assert_int_equal(weir_load_be16(bytes + 1), 0x8102);
	assert_true(weir_load_be32(bytes + 1) == UINT32_C(0x81020304));
	assert_true(weir_load_be64(bytes + 1) == UINT64_C(0x8102030405060798));
}

static void assert_stored(const unsigned char *out, const unsigned char *expected, size_t len)
{
	assert_int_equal(out[0], 0xee);
	assert_memory_equal(out + 1, expected, len);
	assert_int_equal(out[len + 1], 0xee);
}

static void test_endian_stores_little(void **state)
{
	unsigned char out[10];

	(void)state;
	memset(out, 0xee, sizeof(out));
	weir_store_le16(out + 1, 0x0281);
	assert_stored(out, bytes + 1, 2);
	weir_store_le32(out + 1, 0x04030281);
	assert_stored(out, bytes + 1, 4);
	weir_store_le64(out + 1, UINT64_C(0x9807060504030281));
	assert_stored(out, bytes + 1, 8);
}

static void test_endian_stores_big(void **state)
{
	unsigned char out[10];

	(void)state;
	memset(out, 0xee, sizeof(out));
	weir_store_be16(out + 1, 0x8102);
	assert_stored(out, bytes + 1, 2);
	weir_store_be32(out + 1, UINT32_C(0x81020304));
	assert_stored(out, bytes + 1, 4);
	weir_store_be64(out + 1, UINT64_C(0x8102030405060798));
	assert_stored(out, bytes + 1, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_endian_loads_little),
		cmocka_unit_test(test_endian_loads_big),
		cmocka_unit_test(test_endian_stores_little),
		cmocka_unit_test(test_endian_stores_big),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
