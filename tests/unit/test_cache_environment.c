/* SPDX-License-Identifier: Apache-2.0
 *
 * What the environment may say about a cache, over what the code says, and the words in which it is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cache/cache.h"

static const char *const variables[] = { "WEIR_CACHE_BACKEND", "WEIR_CACHE_BACKEND_FILE",  "WEIR_CACHE_PREFIX",
					 "WEIR_CACHE_EXPIRE",  "WEIR_CACHE_STATUS_HEADER", "WEIR_CACHE_ENABLE" };

static struct weir_cache_environment storage;
static char why[300];

static int unset_all(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++)
		unsetenv(variables[i]);
	why[0] = '\0';
	return 0;
}

static enum weir_status read_into(struct weir_cache_options *options)
{
	return weir_cache_read_environment(options, &storage, why, sizeof(why));
}

static struct weir_cache_options read_with(const char *name, const char *value)
{
	struct weir_cache_options options = { .backend = "memory:?size=1m", .prefix = "code", .expire_s = 5, .status_header = "X-Code" };

	setenv(name, value, 1);
	assert_int_equal(read_into(&options), WEIR_OK);
	unsetenv(name);
	return options;
}

static void expect_refused(const char *name, const char *value, const char *words)
{
	struct weir_cache_options options = { 0 };

	setenv(name, value, 1);
	assert_int_equal(read_into(&options), WEIR_ERR_CONFIG);
	assert_string_equal(why, words);
	unsetenv(name);
}

static void test_cache_environment_goes_before_the_code(void **state)
{
	(void)state;
	assert_string_equal(read_with("WEIR_CACHE_PREFIX", "theirs").prefix, "theirs");
	assert_string_equal(read_with("WEIR_CACHE_BACKEND", "memory:?size=2m").backend, "memory:?size=2m");
	assert_string_equal(read_with("WEIR_CACHE_STATUS_HEADER", "X-Theirs").status_header, "X-Theirs");
	assert_int_equal(read_with("WEIR_CACHE_EXPIRE", "7").expire_s, 7);
	assert_int_equal(read_with("WEIR_CACHE_EXPIRE", "2147483647").expire_s, 2147483647);
	assert_int_equal(read_with("WEIR_CACHE_EXPIRE", "never").expire_s, WEIR_EXPIRE_NEVER);
	assert_true(read_with("WEIR_CACHE_ENABLE", "false").disabled);
	assert_true(read_with("WEIR_CACHE_ENABLE", "0").disabled);
	assert_false(read_with("WEIR_CACHE_ENABLE", "true").disabled);
}

static void test_cache_environment_can_enable_what_the_code_disables(void **state)
{
	struct weir_cache_options options = { .disabled = true };

	(void)state;
	assert_int_equal(read_into(&options), WEIR_OK);
	assert_true(options.disabled);
	setenv("WEIR_CACHE_ENABLE", "1", 1);
	assert_int_equal(read_into(&options), WEIR_OK);
	assert_false(options.disabled);
}

static void test_cache_environment_empty_means_unset(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(variables) / sizeof(*variables); i++) {
		struct weir_cache_options options = read_with(variables[i], "");

		assert_string_equal(options.backend, "memory:?size=1m");
		assert_string_equal(options.prefix, "code");
		assert_string_equal(options.status_header, "X-Code");
		assert_int_equal(options.expire_s, 5);
		assert_false(options.disabled);
	}
}

static void test_cache_environment_refuses_what_it_does_not_understand(void **state)
{
	static const char seconds[] = "a number of seconds from 1 to 2147483647, or never";
	static const char *const no_seconds[] = { "0", "-1", "2147483648", "1.5", "7s", " 7", "Never", "99999999999999999999" };
	char words[200];

	(void)state;
	for (size_t i = 0; i < sizeof(no_seconds) / sizeof(*no_seconds); i++) {
		snprintf(words, sizeof(words), "WEIR_CACHE_EXPIRE=%s: allowed is %s", no_seconds[i], seconds);
		expect_refused("WEIR_CACHE_EXPIRE", no_seconds[i], words);
	}
	expect_refused("WEIR_CACHE_ENABLE", "maybe", "WEIR_CACHE_ENABLE=maybe: allowed is true or false");
	expect_refused("WEIR_CACHE_ENABLE", "truely", "WEIR_CACHE_ENABLE=truely: allowed is true or false");
	expect_refused("WEIR_CACHE_STATUS_HEADER", "X Y", "WEIR_CACHE_STATUS_HEADER=X Y: allowed is the name of a field");
}

/* -- The file -------------------------------------------------------------------------------------------------------------- */

static char path[] = "/tmp/weir-environment-XXXXXX";

static void write_file(const char *text, size_t len)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static int make_file(void **state)
{
	int fd;

	memcpy(path + sizeof(path) - 7, "XXXXXX", 6);
	fd = mkstemp(path);
	if (fd < 0)
		return -1;
	close(fd);
	return unset_all(state);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static void expect_backend(const char *text, const char *url)
{
	write_file(text, strlen(text));
	assert_string_equal(read_with("WEIR_CACHE_BACKEND_FILE", path).backend, url);
}

static void test_cache_environment_file_has_the_url_in_its_first_line(void **state)
{
	(void)state;
	expect_backend("memory:?size=3m", "memory:?size=3m");
	expect_backend("memory:?size=3m\n", "memory:?size=3m");
	expect_backend("memory:?size=3m\r\nmemory:?size=4m\n", "memory:?size=3m");
	setenv("WEIR_CACHE_BACKEND", "memory:?size=2m", 1);
	expect_backend("memory:?size=3m", "memory:?size=3m");
}

static void test_cache_environment_file_must_have_one(void **state)
{
	char words[300], large[5000];

	(void)state;
	snprintf(words, sizeof(words), "WEIR_CACHE_BACKEND_FILE=%s: the file's first line must be a backend's URL of less than 4 KiB",
		 path);
	write_file("", 0);
	expect_refused("WEIR_CACHE_BACKEND_FILE", path, words);
	write_file("\nmemory:\n", 9);
	expect_refused("WEIR_CACHE_BACKEND_FILE", path, words);
	memset(large, 'x', sizeof(large));
	write_file(large, sizeof(large));
	expect_refused("WEIR_CACHE_BACKEND_FILE", path, words);
	expect_refused("WEIR_CACHE_BACKEND_FILE", "/nonexistent/file",
		       "WEIR_CACHE_BACKEND_FILE=/nonexistent/file: No such file or directory");
}

/* What stands in the file is a secret. */
static void test_cache_environment_file_is_not_shown_in_errors(void **state)
{
	static const char url[] = "redis://:hunter2@localhost";
	struct weir_cache *cache;

	(void)state;
	write_file(url, strlen(url));
	setenv("WEIR_CACHE_BACKEND_FILE", path, 1);
	assert_int_equal(weir_cache_create(&(struct weir_cache_options){ 0 }, why, sizeof(why), &cache), WEIR_ERR_CONFIG);
	assert_null(strstr(why, "hunter2"));
	assert_non_null(strstr(why, "redis"));
}

/* -- Making a cache -------------------------------------------------------------------------------------------------------- */

static struct weir_cache *create(const struct weir_cache_options *options)
{
	struct weir_cache *cache = NULL;

	assert_int_equal(weir_cache_create(options, why, sizeof(why), &cache), WEIR_OK);
	return cache;
}

static void test_cache_environment_has_no_say_over_what_is_locked(void **state)
{
	struct weir_cache *cache;

	(void)state;
	setenv("WEIR_CACHE_ENABLE", "false", 1);
	setenv("WEIR_CACHE_EXPIRE", "nonsense", 1);
	cache = create(&(struct weir_cache_options){ .locked = true });
	assert_true(weir_cache_enabled(cache));
	weir_cache_destroy(cache);
}

static void test_cache_environment_makes_the_cache(void **state)
{
	struct weir_cache *cache;
	struct weir_backend_stats stats;

	(void)state;
	setenv("WEIR_CACHE_BACKEND", "memory:?size=2m", 1);
	setenv("WEIR_CACHE_EXPIRE", "never", 1);
	cache = create(&(struct weir_cache_options){ .expire_s = 7 });
	weir_backend_ops(weir_cache_backend(cache))->stats(weir_backend_self(weir_cache_backend(cache)), &stats);
	assert_int_equal(stats.bytes_limit, 2 * 1024 * 1024);
	assert_true(cache->expire_s == WEIR_EXPIRE_NEVER);
	weir_cache_destroy(cache);
}

static int closed;

static void count_close(void *self)
{
	(void)self;
	closed++;
}

/* Ready made backends belong to the cache from then on, also when there is none. */
static void test_cache_takes_its_backend_over(void **state)
{
	static const struct weir_backend_ops ops = { .scheme = "none", .close = count_close };
	struct weir_cache *cache;

	(void)state;
	closed = 0;
	setenv("WEIR_CACHE_BACKEND", "memory:", 1);
	weir_cache_destroy(create(&(struct weir_cache_options){ .instance = weir_backend_wrap(&ops, NULL) }));
	assert_int_equal(closed, 1);
	assert_int_equal(weir_cache_create(&(struct weir_cache_options){ .instance = weir_backend_wrap(&ops, NULL), .expire_s = -2 }, why,
					   sizeof(why), &cache),
			 WEIR_ERR_CONFIG);
	assert_int_equal(closed, 2);
	setenv("WEIR_CACHE_EXPIRE", "x", 1);
	assert_int_equal(
		weir_cache_create(&(struct weir_cache_options){ .instance = weir_backend_wrap(&ops, NULL) }, why, sizeof(why), &cache),
		WEIR_ERR_CONFIG);
	assert_int_equal(closed, 3);
	weir_cache_destroy(NULL);
}

static void expect_no_cache(const struct weir_cache_options *options, const char *words)
{
	struct weir_cache *cache;

	assert_int_equal(weir_cache_create(options, why, sizeof(why), &cache), WEIR_ERR_CONFIG);
	assert_string_equal(why, words);
}

static void test_cache_options_are_checked(void **state)
{
	(void)state;
	setenv("WEIR_CACHE_BACKEND", "memory:", 1); /* which is not at fault */
	expect_no_cache(&(struct weir_cache_options){ .expire_s = -2 }, "cache: expire_s -2: allowed are seconds, 0 and WEIR_EXPIRE_NEVER");
	expect_no_cache(&(struct weir_cache_options){ .status_header = "X:" }, "cache: status_header \"X:\" is no name of a field");
	setenv("WEIR_CACHE_BACKEND", "nothing:", 1);
	expect_no_cache(&(struct weir_cache_options){ 0 },
			"WEIR_CACHE_BACKEND: cache backend: no driver for the scheme \"nothing\"; known: memory, shm");
	unsetenv("WEIR_CACHE_BACKEND");
	expect_no_cache(&(struct weir_cache_options){ .backend = "nothing:" },
			"cache backend: no driver for the scheme \"nothing\"; known: memory, shm");
}

#define TEST(name) cmocka_unit_test_setup(name, unset_all)
#define FILE_TEST(name) cmocka_unit_test_setup_teardown(name, make_file, remove_file)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_cache_environment_goes_before_the_code),
		TEST(test_cache_environment_can_enable_what_the_code_disables),
		TEST(test_cache_environment_empty_means_unset),
		TEST(test_cache_environment_refuses_what_it_does_not_understand),
		FILE_TEST(test_cache_environment_file_has_the_url_in_its_first_line),
		FILE_TEST(test_cache_environment_file_must_have_one),
		FILE_TEST(test_cache_environment_file_is_not_shown_in_errors),
		TEST(test_cache_environment_has_no_say_over_what_is_locked),
		TEST(test_cache_environment_makes_the_cache),
		TEST(test_cache_takes_its_backend_over),
		TEST(test_cache_options_are_checked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
