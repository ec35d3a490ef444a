/* SPDX-License-Identifier: Apache-2.0
 *
 * From an URL to a backend: what is accepted, what is refused and in which words, and what must never be repeated in a message.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include <weir/backend_driver.h>
#include <weir/pool.h>
#include <weir/query.h>

#include "cache/backend.h"

static const struct weir_backend_env env;

static void assert_opens(const char *url, uint64_t bytes)
{
	struct weir_backend *backend = NULL;
	struct weir_backend_stats stats;
	char why[200] = "untouched";

	assert_int_equal(weir_backend_open(url, &env, why, sizeof(why), &backend), WEIR_OK);
	assert_non_null(backend);
	assert_string_equal(weir_backend_ops(backend)->scheme, "memory");
	assert_true(weir_backend_is_local(backend));
	assert_int_equal(weir_backend_attach(backend), WEIR_OK);
	weir_backend_ops(backend)->stats(weir_backend_self(backend), &stats);
	assert_int_equal(stats.bytes_limit, bytes);
	weir_backend_close(backend);
}

static void assert_refused(const char *url, const char *expected)
{
	struct weir_backend *backend = (void *)&backend;
	char why[200] = "untouched";

	assert_int_equal(weir_backend_open(url, &env, why, sizeof(why), &backend), WEIR_ERR_CONFIG);
	assert_null(backend);
	assert_string_equal(why, expected);
}

static void test_backend_url_opens_memory(void **state)
{
	(void)state;
	assert_opens("memory:", 64 * 1024 * 1024);
	assert_opens("memory:?", 64 * 1024 * 1024);
	assert_opens("MEMORY:", 64 * 1024 * 1024);
	assert_opens("memory:?size=1024k", 1024 * 1024);
	assert_opens("memory:?size=2M", 2 * 1024 * 1024);
	assert_opens("memory:?size=1048577", 1048577);
	assert_opens("memory:?entry_size=64", 64 * 1024 * 1024);
	assert_opens("memory:?size=2m&entry_size=1m", 2 * 1024 * 1024);
	assert_opens("memory:?%73ize=%31m", 1024 * 1024);
}

static void test_backend_url_names_the_schemes_it_knows(void **state)
{
	(void)state;
	assert_refused("nosuch:", "cache backend: no driver for the scheme \"nosuch\"; known: memory, shm");
	assert_refused("memor:?size=1m", "cache backend: no driver for the scheme \"memor\"; known: memory, shm");
	assert_refused("memory2:", "cache backend: no driver for the scheme \"memory2\"; known: memory, shm");
	assert_refused(":", "cache backend: no driver for the scheme \"\"; known: memory, shm");
}

static void test_backend_url_without_scheme_is_refused(void **state)
{
	(void)state;
	assert_refused("", "cache backend: not an URL, it begins with a scheme and ':', such as memory:?size=64m");
	assert_refused("memory", "cache backend: not an URL, it begins with a scheme and ':', such as memory:?size=64m");
	assert_refused(NULL, "cache backend: not an URL, it begins with a scheme and ':', such as memory:?size=64m");
}

static void test_backend_url_names_the_options_it_knows(void **state)
{
	(void)state;
	assert_refused("memory:?sizes=1m", "cache backend memory: no option \"sizes\"; known: size, entry_size");
	assert_refused("memory:?size=1m&ttl=3", "cache backend memory: no option \"ttl\"; known: size, entry_size");
	assert_refused("memory:?Size=1m", "cache backend memory: no option (not shown); known: size, entry_size");
	assert_refused("memory:?=1m", "cache backend memory: no option \"\"; known: size, entry_size");
	assert_refused("memory:?size=1m&size=1m", "cache backend memory: option \"size\" is given more than once");
	assert_refused("memory:?size=%4", "cache backend memory: a broken % escape in the options");
}

static void test_backend_url_wrong_size_is_named_with_what_is_allowed(void **state)
{
	static const char *const values[] = { "",
					      "0",
					      "1048575",
					      "1023k",
					      "-1",
					      "1x",
					      "64 m",
					      "m",
					      "64mb",
					      "65g",
					      "68719476737",
					      "99999999999999999999",
					      "18014398509481984k" };
	char url[100], expected[200];

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		for (const char *const *scheme = (const char *const[]){ "memory:", "shm:/nowhere/x", NULL }; *scheme; scheme++) {
			(void)snprintf(url, sizeof(url), "%s?size=%s", *scheme, values[i]);
			(void)snprintf(expected, sizeof(expected),
				       "%.*s: option size is \"%s\"; allowed: bytes, with k, m or g, from 1m to 64g",
				       (int)strcspn(*scheme, ":"), *scheme, values[i]);
			assert_refused(url, expected);
		}
	}
}

static void test_backend_url_wrong_entry_size_is_named_with_what_is_allowed(void **state)
{
	static const char *const values[] = { "", "0", "63", "1048577", "2m", "1k1", "average" };
	char url[100], expected[200];

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		(void)snprintf(url, sizeof(url), "memory:?entry_size=%s", values[i]);
		(void)snprintf(expected, sizeof(expected),
			       "memory: option entry_size is \"%s\"; allowed: bytes, with k or m, from 64 to 1m", values[i]);
		assert_refused(url, expected);
	}
}

static void test_backend_url_memory_has_no_path(void **state)
{
	(void)state;
	assert_refused("memory:64m", "memory: takes no path, only options: memory:?size=64m");
	assert_refused("memory://?size=64m", "memory: takes no path, only options: memory:?size=64m");
}

/* Everything that is not plainly a name or a path: another host's store would be something else. */
static void test_backend_url_shm_has_a_name_or_a_path(void **state)
{
	static const char *const wrong[] = {
		"shm:",        "shm:name",      "shm:./name",      "shm:~/name",   "shm:/",        "shm:/folder/",
		"shm://",      "shm://name",    "shm://host/name", "shm:///",      "shm:///.name", "shm:///a/b",
		"shm:///../x", "shm:////tmp/x", "shm:///n%41me",   "shm:///na me", "shm:///näme",
	};
	char url[300] = "shm:///";

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_refused(wrong[i], "shm: wants shm:///NAME, with letters, digits, '.', '_' and '-', or shm:/path/to/file");
	memset(url + strlen(url), 'n', 201);
	assert_refused(url, "shm: wants shm:///NAME, with letters, digits, '.', '_' and '-', or shm:/path/to/file");
}

static void test_backend_url_too_long_is_refused(void **state)
{
	char url[9000] = "memory:?size=";

	(void)state;
	memset(url + strlen(url), '1', sizeof(url) - 1 - strlen("memory:?size="));
	url[sizeof(url) - 1] = '\0';
	assert_refused(url, "cache backend: the URL is longer than 8192 bytes");
}

/* Wherever a password stands, also by mistake. */
static void test_backend_url_messages_hold_no_secret(void **state)
{
	static const char *const urls[] = {
		"memory://user:Hunter2!@host/",
		"shm://user:Hunter2!@host/",
		"redis://user:Hunter2!@host/0?x=Hunter2!",
		"Hunter2!",
		"Hunter2!:x",
		"memory:?Hunter2!",
		"memory:?pass=Hunter2!",
		"memory:?Hunter2!=1m&Hunter2!=2m",
		"memory:?size=1m&pass=Hunter2!%",
	};
	struct weir_backend *backend;
	char why[200];

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		assert_int_equal(weir_backend_open(urls[i], &env, why, sizeof(why), &backend), WEIR_ERR_CONFIG);
		assert_true(why[0] != '\0');
		assert_null(strstr(why, "Hunter2"));
		assert_null(strchr(why, '\n'));
	}
}

static void test_backend_url_reason_fits_any_buffer(void **state)
{
	char why[10] = "123456789";
	struct weir_backend *backend;

	(void)state;
	assert_int_equal(weir_backend_open("nosuch:", &env, why, 5, &backend), WEIR_ERR_CONFIG);
	assert_string_equal(why, "cach");
	assert_int_equal(why[5], '6');
	assert_int_equal(weir_backend_open("nosuch:", NULL, NULL, 0, &backend), WEIR_ERR_CONFIG);
}

static void test_backend_url_option_is_decoded(void **state)
{
	struct weir_pool *pool = weir_pool_create(0);
	struct weir_query options;
	struct weir_backend_url url = { .scheme = "x", .path = "", .options = &options };

	(void)state;
	assert_int_equal(weir_query_parse(pool, WEIR_SLICE_LITERAL("a=p%40ss+w&b=&c"), 0, &options), WEIR_OK);
	assert_string_equal(weir_backend_url_option(&url, "a"), "p@ss w");
	assert_string_equal(weir_backend_url_option(&url, "b"), "");
	assert_string_equal(weir_backend_url_option(&url, "c"), "");
	assert_null(weir_backend_url_option(&url, "d"));
	weir_pool_destroy(pool);
}

static void count_close(void *self)
{
	++*(int *)self;
}

static void test_backend_url_wrapped_backend_is_closed_once(void **state)
{
	static const struct weir_backend_ops ops = { .scheme = "mine", .close = count_close };
	int closed = 0;
	struct weir_backend *backend = weir_backend_wrap(&ops, &closed);

	(void)state;
	assert_ptr_equal(weir_backend_ops(backend), &ops);
	assert_ptr_equal(weir_backend_self(backend), &closed);
	assert_false(weir_backend_is_local(backend));
	assert_int_equal(weir_backend_attach(backend), WEIR_OK);
	weir_backend_close(backend);
	assert_int_equal(closed, 1);
	weir_backend_close(NULL);
}

static void test_backend_url_sizes(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} sizes[] = {
		{ "0", 0 },
		{ "4096", 4096 },
		{ "1k", 1024 },
		{ "64m", 64 << 20 },
		{ "64M", 64 << 20 },
		{ "2g", UINT64_C(2) << 30 },
		{ "2G", UINT64_C(2) << 30 },
		{ "18446744073709551615", UINT64_MAX },
		{ "17179869183g", UINT64_C(17179869183) << 30 },
	};
	static const char *const wrong[] = {
		"", "k", "1kk", "k1", "1.5m", " 1", "1 ", "+1", "-1", "1t", "0x10", "17179869184g", "18446744073709551616"
	};
	uint64_t bytes;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_int_equal(weir_size_parse(weir_slice_text(sizes[i].text), &bytes), WEIR_OK);
		assert_true(bytes == sizes[i].bytes);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(weir_size_parse(weir_slice_text(wrong[i]), &bytes), WEIR_ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_backend_url_opens_memory),
		cmocka_unit_test(test_backend_url_names_the_schemes_it_knows),
		cmocka_unit_test(test_backend_url_without_scheme_is_refused),
		cmocka_unit_test(test_backend_url_names_the_options_it_knows),
		cmocka_unit_test(test_backend_url_wrong_size_is_named_with_what_is_allowed),
		cmocka_unit_test(test_backend_url_wrong_entry_size_is_named_with_what_is_allowed),
		cmocka_unit_test(test_backend_url_memory_has_no_path),
		cmocka_unit_test(test_backend_url_shm_has_a_name_or_a_path),
		cmocka_unit_test(test_backend_url_too_long_is_refused),
		cmocka_unit_test(test_backend_url_messages_hold_no_secret),
		cmocka_unit_test(test_backend_url_reason_fits_any_buffer),
		cmocka_unit_test(test_backend_url_option_is_decoded),
		cmocka_unit_test(test_backend_url_wrapped_backend_is_closed_once),
		cmocka_unit_test(test_backend_url_sizes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
