/* SPDX-License-Identifier: Apache-2.0
 *
 * What a backend gives back is not believed: entries that are damaged, forged, outdated or of another store are misses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/endian.h"
#include "cache/cache.h"
#include "support/cache_app.h"

static const struct weir_cache_rule minute = { .expire_s = 60 };

static char stored_key[512], stored_value[1024];
static size_t key_len, value_len;

static bool copy_one(void *state, struct weir_slice key, struct weir_slice value)
{
	(void)state;
	assert_true(key.len <= sizeof(stored_key) && value.len <= sizeof(stored_value));
	memcpy(stored_key, key.data, key_len = key.len);
	memcpy(stored_value, value.data, value_len = value.len);
	return false;
}

static void take_out(void)
{
	key_len = 0;
	assert_int_equal(
		weir_backend_ops(cache_app_store)->walk(weir_backend_self(cache_app_store), WEIR_SLICE_NONE, false, copy_one, NULL),
		WEIR_OK);
	assert_int_not_equal(key_len, 0);
}

static void put_back(void)
{
	struct weir_backend_set set = {
		.key = weir_slice(stored_key, key_len),
		.value = weir_slice(stored_value, value_len),
		.expires_ms = WEIR_EXPIRES_NEVER,
	};

	assert_int_equal(weir_backend_ops(cache_app_store)->set_many(weir_backend_self(cache_app_store), &set, 1), WEIR_OK);
	assert_int_equal(set.status, WEIR_OK);
}

static void seal(void)
{
	size_t lists_len = weir_load_le32(stored_value + 60) + weir_load_le32(stored_value + 68);

	weir_store_le64(stored_value + 96, XXH3_64bits(stored_value, 96) ^ XXH3_64bits_withSeed(stored_value + 104, lists_len, 1));
}

static void test_cache_entry_that_is_damaged_is_a_miss(void **state)
{
	struct weir_test *test = cache_app_remote(&minute);
	const size_t places[] = { 0, 5, 20, 70 };

	(void)state;
	expect_get(test, "/page", "MISS", "run 1");
	for (int i = 0; i < 5; i++) {
		char body[16];

		take_out();
		stored_value[i < 4 ? places[i] : value_len - 1] ^= 1; /* the last: the body */
		put_back();
		snprintf(body, sizeof(body), "run %d", i + 2);
		expect_get(test, "/page", "MISS", body);
		assert_int_equal(cache_app_lines(), 1);
		assert_non_null(strstr(cache_app_line, "damaged"));
		expect_get(test, "/page", "HIT", body);
		cache_app_advance_ms(test, 1000); /* for the next line */
	}
	assert_int_equal(cache_app_stats(test).errors, 5);
	weir_test_destroy(test);
}

/* A store in a file is called directly, as memory: is, but anybody of the same user can write to it. */
static void test_cache_entry_that_is_damaged_in_a_file_is_a_miss(void **state)
{
	char path[] = "/tmp/weir-entry-XXXXXX", url[64], file[64];
	struct weir_cache_options options = { 0 };
	struct weir_test *test;

	(void)state;
	assert_non_null(mkdtemp(path));
	(void)snprintf(file, sizeof(file), "%s/store.weir1", path);
	(void)snprintf(url, sizeof(url), "shm:%s/store?size=1m", path);
	options.backend = url;
	test = cache_app_with(&options, &minute);
	cache_app_store = weir_cache_backend(weir_app_cache(weir_test_app(test)));
	expect_get(test, "/page", "MISS", "run 1");
	expect_get(test, "/page", "HIT", "run 1");
	take_out();
	stored_value[value_len - 1] ^= 1;
	put_back();
	expect_get(test, "/page", "MISS", "run 2");
	expect_get(test, "/page", "HIT", "run 2");
	weir_test_destroy(test);
	assert_int_equal(unlink(file), 0);
	assert_int_equal(rmdir(path), 0);
}

static void test_cache_entry_with_sound_sums_and_wrong_fields_is_a_miss(void **state)
{
	struct weir_test *test = cache_app_remote(&minute);

	(void)state;
	expect_get(test, "/page", "MISS", "run 1");
	take_out();
	stored_value[112] = '\n'; /* in the first field's name */
	seal();
	put_back();
	expect_get(test, "/page", "MISS", "run 2");
	weir_test_destroy(test);
}

static void test_cache_entry_of_another_epoch_is_a_miss(void **state)
{
	struct weir_test *test = cache_app_remote(&minute);

	(void)state;
	expect_get(test, "/page", "MISS", "run 1");
	take_out();
	weir_store_le64(stored_value + 40, weir_load_le64(stored_value + 40) ^ UINT64_C(1) << 50);
	seal();
	put_back();
	expect_get(test, "/page", "MISS", "run 2");
	assert_int_equal(cache_app_lines(), 0);
	weir_test_destroy(test);
}

/* The store may have no expiry, or a clock of its own: the entry's own counts. */
static void test_cache_entry_expires_by_itself(void **state)
{
	struct weir_test *test = cache_app_remote(&minute);

	(void)state;
	expect_get(test, "/page", "MISS", "run 1");
	take_out();
	put_back();
	cache_app_advance_ms(test, 59999);
	expect_get(test, "/page", "HIT", "run 1");
	cache_app_advance_ms(test, 1);
	expect_get(test, "/page", "MISS", "run 2");
	weir_test_destroy(test);
}

static bool holds(const char *bytes, size_t len, const char *text)
{
	return memmem(bytes, len, text, strlen(text)) != NULL;
}

static void test_cache_entry_keys_show_no_secrets(void **state)
{
	static const char *const fields[] = { "Authorization", NULL };
	static const char *const cookies[] = { "session", NULL };
	static const struct weir_cache_rule keyed = { .expire_s = 60, .key_fields = fields, .key_cookies = cookies };
	struct weir_test *test = cache_app_remote(&keyed);

	(void)state;
	(void)cache_app_get(test, "/page?visible", FIELDS("Authorization", "Basic c2VjcmV0", "Cookie", "session=hidden; x=unkeyed"));
	take_out();
	assert_true(holds(stored_key, key_len, "visible"));
	assert_false(holds(stored_key, key_len, "c2VjcmV0"));
	assert_false(holds(stored_key, key_len, "hidden"));
	assert_false(holds(stored_key, key_len, "unkeyed"));
	weir_test_destroy(test);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cache_entry_that_is_damaged_is_a_miss),
		cmocka_unit_test(test_cache_entry_that_is_damaged_in_a_file_is_a_miss),
		cmocka_unit_test(test_cache_entry_with_sound_sums_and_wrong_fields_is_a_miss),
		cmocka_unit_test(test_cache_entry_of_another_epoch_is_a_miss),
		cmocka_unit_test(test_cache_entry_expires_by_itself),
		cmocka_unit_test(test_cache_entry_keys_show_no_secrets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
