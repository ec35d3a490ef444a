/* SPDX-License-Identifier: Apache-2.0
 *
 * Printable names of keys: what they look like, that no two keys share one, and that names of keys with a common prefix have one too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include <weir/backend_driver.h>

#define MAX 250
#define TAIL 44 /* '#' and 43 characters of the digest */

static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/=@+,";

static uint64_t seed = 88172645463325252;

static uint64_t draw(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Plain bytes and others, in runs, so that cuts fall into both. */
static void fill(char *bytes, size_t len)
{
	bool escaped = false;

	for (size_t i = 0; i < len; i++) {
		if (draw() % 8 == 0)
			escaped = !escaped;
		bytes[i] = escaped ? (char)draw() : plain[draw() % (sizeof(plain) - 1)];
	}
}

static void test_backend_name_escapes_what_is_not_plain(void **state)
{
	char name[MAX + 1];

	(void)state;
	assert_int_equal(weir_backend_name(weir_slice_text(plain), MAX, name), sizeof(plain) - 1);
	assert_string_equal(name, plain);
	assert_int_equal(weir_backend_name(weir_slice("a b\0\xff#%*", 8), MAX, name), 20);
	assert_string_equal(name, "a%20b%00%FF%23%25%2A");
	assert_int_equal(weir_backend_name(WEIR_SLICE_NONE, MAX, name), 0);
	assert_string_equal(name, "");
	for (int byte = 0; byte < 256; byte++) {
		char one = (char)byte;

		assert_int_equal(weir_backend_name(weir_slice(&one, 1), MAX, name), one && strchr(plain, one) ? 1 : 3);
		assert_int_equal(name[0], one && strchr(plain, one) ? one : '%');
		assert_int_equal(strspn(name + 1, "0123456789ABCDEF"), strlen(name + 1));
	}
}

static void test_backend_name_fits_exactly_or_is_cut(void **state)
{
	char key[MAX + 2], name[MAX + 1];

	(void)state;
	memset(key, 'x', sizeof(key));
	assert_int_equal(weir_backend_name(weir_slice(key, MAX), MAX, name), MAX);
	assert_null(strchr(name, '#'));
	assert_int_equal(weir_backend_name(weir_slice(key, MAX + 1), MAX, name), MAX);
	assert_int_equal(strchr(name, '#') - name, MAX - TAIL);
	key[MAX - 1] = '%';
	assert_int_equal(weir_backend_name(weir_slice(key, MAX), MAX, name), MAX);
	assert_int_equal(strchr(name, '#') - name, MAX - TAIL);
}

/* The digest by another program: printf 'x%.0s' {1..100} | openssl sha256 -binary | basenc --base64url */
static void test_backend_name_ends_with_the_digest(void **state)
{
	char key[100], name[WEIR_BACKEND_NAME_MIN + 1];

	(void)state;
	memset(key, 'x', sizeof(key));
	assert_int_equal(weir_backend_name(weir_slice(key, sizeof(key)), WEIR_BACKEND_NAME_MIN, name), WEIR_BACKEND_NAME_MIN);
	assert_string_equal(name, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx#Cey268i878cz9vLsRPeRq-7WqZ7fDMMVGWN4mK69Utg");
}

static void test_backend_name_is_never_cut_inside_an_escape(void **state)
{
	char key[MAX], name[MAX + 1];

	(void)state;
	for (size_t before = 0; before < 6; before++) {
		size_t len;

		memset(key, 'x', sizeof(key));
		memset(key + before, ' ', 100);
		len = weir_backend_name(weir_slice(key, sizeof(key)), MAX, name);
		assert_int_equal(len, strlen(name));
		assert_int_equal((size_t)(strchr(name, '#') - name), before + (MAX - TAIL - before) / 3 * 3);
		assert_memory_equal(strchr(name, '#') - 3, "%20", 3);
		len = weir_backend_name_prefix(weir_slice(key, sizeof(key)), MAX, name);
		assert_int_equal(len, before + (MAX - TAIL - before) / 3 * 3);
		assert_int_equal(len, strlen(name));
		assert_memory_equal(name + len - 3, "%20", 3);
	}
}

static void test_backend_name_of_a_long_key_is_bounded(void **state)
{
	char *key = calloc(1, WEIR_KEY_MAX), name[MAX + 1], other[MAX + 1];

	(void)state;
	assert_non_null(key);
	assert_int_equal(weir_backend_name(weir_slice(key, WEIR_KEY_MAX), MAX, name), (MAX - TAIL) / 3 * 3 + TAIL);
	key[WEIR_KEY_MAX - 1] = 1;
	weir_backend_name(weir_slice(key, WEIR_KEY_MAX), MAX, other);
	assert_string_not_equal(name, other);
	free(key);
}

/* A client that knows the names cannot ask for a key whose whole name is the cut name of another. */
static void test_backend_name_of_a_cut_name_is_another(void **state)
{
	char key[MAX * 2], name[MAX + 1], again[MAX + 1];

	(void)state;
	memset(key, 'x', sizeof(key));
	weir_backend_name(weir_slice(key, sizeof(key)), MAX, name);
	weir_backend_name(weir_slice_text(name), MAX, again);
	assert_string_not_equal(name, again);
}

static void test_backend_name_prefix_is_in_front_of_every_name(void **state)
{
	static const size_t maxima[] = { WEIR_BACKEND_NAME_MIN, 81, 82, 100, MAX, 1024 };
	char key[2000], name[1025], prefix[1025];

	(void)state;
	for (int round = 0; round < 20000; round++) {
		size_t max = maxima[draw() % 6], len = 1 + draw() % (draw() % 2 ? 100 : sizeof(key)), prefix_len = draw() % (len + 1);

		fill(key, len);
		assert_true(weir_backend_name(weir_slice(key, len), max, name) <= max);
		prefix_len = weir_backend_name_prefix(weir_slice(key, prefix_len), max, prefix);
		assert_int_equal(prefix_len, strlen(prefix));
		assert_memory_equal(name, prefix, prefix_len);
	}
}

/* What is shorter than the cut tells exactly: other keys have other names. */
static void test_backend_name_prefix_that_is_whole_excludes_others(void **state)
{
	char key[100], other[100], name[MAX + 1], prefix[MAX + 1];

	(void)state;
	for (int round = 0; round < 5000; round++) {
		size_t prefix_len = 1 + draw() % 60;

		fill(key, sizeof(key));
		memcpy(other, key, sizeof(key));
		other[draw() % prefix_len] ^= (char)(1 + draw() % 255);
		weir_backend_name(weir_slice(other, sizeof(other)), MAX, name);
		weir_backend_name_prefix(weir_slice(key, prefix_len), MAX, prefix);
		if (strlen(prefix) <= MAX - TAIL - 3)
			assert_memory_not_equal(name, prefix, strlen(prefix));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_backend_name_escapes_what_is_not_plain),
		cmocka_unit_test(test_backend_name_fits_exactly_or_is_cut),
		cmocka_unit_test(test_backend_name_ends_with_the_digest),
		cmocka_unit_test(test_backend_name_is_never_cut_inside_an_escape),
		cmocka_unit_test(test_backend_name_of_a_long_key_is_bounded),
		cmocka_unit_test(test_backend_name_of_a_cut_name_is_another),
		cmocka_unit_test(test_backend_name_prefix_is_in_front_of_every_name),
		cmocka_unit_test(test_backend_name_prefix_that_is_whole_excludes_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
