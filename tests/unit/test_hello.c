/* SPDX-License-Identifier: Apache-2.0
 *
 * The smallest app, as its reader will try it: one route that always runs, one that is answered from the cache.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <weir/testing.h>

extern const struct weir_app_options hello;

static int setup(void **state)
{
	*state = weir_test_create(&hello);
	return 0;
}

static int teardown(void **state)
{
	weir_test_destroy(*state);
	return 0;
}

/* `cache` is the value of the HIT/MISS field, NULL when there is to be none. */
static void expect(struct weir_test *test, const char *target, int status, const char *body, const char *cache)
{
	const struct weir_test_response *res = weir_test_get(test, target);
	const char *field = weir_test_field(test, res, "X-Weir-Cache");

	assert_true(res->complete);
	assert_int_equal(res->status, status);
	if (body)
		assert_true(weir_slice_equal(res->body, weir_slice_text(body)));
	if (cache) {
		assert_non_null(field);
		assert_string_equal(field, cache);
	} else {
		assert_null(field);
	}
}

static void test_hello_greets_whom_the_path_names(void **state)
{
	expect(*state, "/hello/world", 200, "Hello, world!\n", NULL);
	expect(*state, "/hello/J%C3%BCrgen%20%2F%20100%25", 200, "Hello, J\xc3\xbcrgen / 100%!\n", NULL);
	expect(*state, "/hello", 404, NULL, NULL);
}

static void test_hello_keeps_primes_for_a_minute(void **state)
{
	expect(*state, "/primes/100", 200, "25\n", "MISS");
	weir_test_advance_ms(*state, 59000);
	expect(*state, "/primes/100", 200, "25\n", "HIT");
	weir_test_advance_ms(*state, 1000);
	expect(*state, "/primes/100", 200, "25\n", "MISS");
}

static void test_hello_tells_numbers_apart(void **state)
{
	expect(*state, "/primes/0", 200, "0\n", "MISS");
	expect(*state, "/primes/3", 200, "1\n", "MISS");
	expect(*state, "/primes/1000", 200, "168\n", "MISS");
	expect(*state, "/primes/3", 200, "1\n", "HIT");
}

static void test_hello_refuses_what_is_no_number(void **state)
{
	static const char *const targets[] = { "/primes/ten", "/primes/-1", "/primes/1000001", "/primes/99999999999999999999" };

	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++)
		assert_int_equal(weir_test_get(*state, targets[i])->status, 400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_hello_greets_whom_the_path_names, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hello_keeps_primes_for_a_minute, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hello_tells_numbers_apart, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hello_refuses_what_is_no_number, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
