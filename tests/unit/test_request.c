/* SPDX-License-Identifier: Apache-2.0
 *
 * From CGI variables to a request: the target in all its forms, the mount point, the query, fields, and what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/pool.h"
#include "exchange/request.h"

static struct weir_pool pool;
static struct weir_request req;
static const char *why;

#define MAX_FIELDS 5
#define MAX_QUERIES 3

static int setup(void **state)
{
	(void)state;
	weir_pool_init(&pool, 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	weir_pool_finish(&pool);
	return 0;
}

static enum weir_status add_bytes(const char *name, struct weir_slice value)
{
	return weir_request_add_variable(&req, weir_slice_text(weir_pool_dup_text(&pool, name)), weir_pool_dup(&pool, value), MAX_FIELDS);
}

static enum weir_status add(const char *name, const char *value)
{
	return add_bytes(name, weir_slice_text(value));
}

static void begin(void)
{
	memset(&req, 0, sizeof(req));
	weir_request_begin(&req, NULL, &pool);
	why = NULL;
}

/* A request with these variables: names and values in turn, up to NULL, and REQUEST_METHOD unless it is there. */
static enum weir_status head(const char *const *variables)
{
	bool has_method = false;
	enum weir_status status;

	begin();
	for (; *variables; variables += 2) {
		has_method = has_method || strcmp(variables[0], "REQUEST_METHOD") == 0;
		assert_int_equal(add(variables[0], variables[1]), WEIR_OK);
	}
	if (!has_method)
		assert_int_equal(add("REQUEST_METHOD", "GET"), WEIR_OK);
	status = weir_request_head(&req, MAX_QUERIES, &why);
	assert_true((status < 0) == (why != NULL));
	return status;
}

#define HEAD(...) head((const char *const[]){ __VA_ARGS__, NULL })

static void expect_path(const char *mount, const char *path)
{
	assert_string_equal(weir_request_mount(&req), mount);
	assert_string_equal(weir_request_path(&req), path);
	assert_int_equal(req.path_len, strlen(path));
}

/* -- Methods --------------------------------------------------------------------------------------------------------------- */

static void test_request_knows_methods(void **state)
{
	static const struct {
		const char *name;
		enum weir_method method;
	} methods[] = {
		{ "GET", WEIR_GET },          { "HEAD", WEIR_HEAD },   { "POST", WEIR_POST },       { "PUT", WEIR_PUT },
		{ "DELETE", WEIR_DELETE },    { "PATCH", WEIR_PATCH }, { "OPTIONS", WEIR_OPTIONS }, { "PROPFIND", WEIR_METHOD_OTHER },
		{ "get", WEIR_METHOD_OTHER }, /* methods have a case (RFC 9110 section 9.1) */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		assert_int_equal(HEAD("REQUEST_METHOD", methods[i].name, "REQUEST_URI", "/"), WEIR_OK);
		assert_int_equal(weir_request_method(&req), methods[i].method);
		assert_string_equal(weir_request_method_name(&req), methods[i].name);
	}
	assert_int_equal(HEAD("REQUEST_METHOD", "", "REQUEST_URI", "/"), WEIR_ERR_INVALID);
	assert_int_equal(HEAD("REQUEST_METHOD", "G T", "REQUEST_URI", "/"), WEIR_ERR_INVALID);
	begin();
	assert_int_equal(add("REQUEST_URI", "/"), WEIR_OK);
	assert_int_equal(weir_request_head(&req, MAX_QUERIES, &why), WEIR_ERR_INVALID);
}

/* -- Targets --------------------------------------------------------------------------------------------------------------- */

static void test_request_takes_the_path_of_the_target(void **state)
{
	static const char *const targets[][2] = {
		{ "/", "/" },
		{ "/a/b", "/a/b" },
		{ "/a/b?c/d", "/a/b" },
		{ "/a%2fb", "/a%2Fb" },
		{ "/%61%7e", "/a~" },
		{ "/a/./b/../c", "/a/c" },
		{ "/a//b/", "/a//b/" },
		{ "/a b", "/a%20b" },
		{ "/\xc3\xbc", "/%C3%BC" },
		{ "/a:b://c", "/a:b://c" },
		{ "http://example.org/a/b?c", "/a/b" },
		{ "http://example.org", "/" },
		{ "http://example.org?/a", "/" },
		{ "http://user@[::1]:80/a", "/a" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		assert_int_equal(HEAD("REQUEST_URI", targets[i][0]), WEIR_OK);
		expect_path("", targets[i][1]);
	}
}

static void test_request_refuses_other_targets(void **state)
{
	static const char *const targets[] = { "a",   "*",          "example.org:80", "://a/b", "a/b://c/d", "?a=b",
					       "/..", "/a/../../b", "/%2e%2e/a",      "/%",     "/%4",       "/%4g",
					       "/%00" };

	(void)state;
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		assert_int_equal(HEAD("REQUEST_URI", targets[i]), WEIR_ERR_INVALID);
		assert_string_equal(why, "the path is malformed");
	}
	assert_int_equal(HEAD("SERVER_NAME", "localhost"), WEIR_ERR_INVALID);
}

static void test_request_is_mounted_where_path_info_begins(void **state)
{
	(void)state;
	assert_int_equal(HEAD("REQUEST_URI", "/app/a%2Fb", "SCRIPT_NAME", "/app", "PATH_INFO", "/a/b"), WEIR_OK);
	expect_path("/app", "/a%2Fb");
	assert_int_equal(HEAD("REQUEST_URI", "/app/", "SCRIPT_NAME", "/app", "PATH_INFO", "/"), WEIR_OK);
	expect_path("/app", "/");
	assert_int_equal(HEAD("REQUEST_URI", "/an%20app/x", "SCRIPT_NAME", "/an app", "PATH_INFO", "/x"), WEIR_OK);
	expect_path("/an%20app", "/x");
	assert_int_equal(HEAD("REQUEST_URI", "/a%2525b/x", "SCRIPT_NAME", "/a%25b", "PATH_INFO", "/x"), WEIR_OK);
	expect_path("/a%2525b", "/x");
	assert_int_equal(HEAD("REQUEST_URI", "/x", "SCRIPT_NAME", "", "PATH_INFO", "/x"), WEIR_OK);
	expect_path("", "/x");
	assert_int_equal(HEAD("REQUEST_URI", "/x", "SCRIPT_NAME", "/", "PATH_INFO", "/x"), WEIR_OK);
	expect_path("", "/x");
}

/* nginx and Apache's mod_proxy_fcgi send the whole path as SCRIPT_NAME when there is no mount. */
static void test_request_is_not_mounted_without_path_info(void **state)
{
	(void)state;
	assert_int_equal(HEAD("REQUEST_URI", "/a/b", "SCRIPT_NAME", "/a/b"), WEIR_OK);
	expect_path("", "/a/b");
	assert_int_equal(HEAD("REQUEST_URI", "/a/b", "SCRIPT_NAME", "/a/b", "PATH_INFO", ""), WEIR_OK);
	expect_path("", "/a/b");
}

static void test_request_keeps_the_target_that_was_rewritten(void **state)
{
	(void)state;
	assert_int_equal(HEAD("REQUEST_URI", "/apple/x", "SCRIPT_NAME", "/app", "PATH_INFO", "/le/x"), WEIR_OK);
	expect_path("", "/apple/x");
	assert_int_equal(HEAD("REQUEST_URI", "/x", "SCRIPT_NAME", "/app.cgi", "PATH_INFO", "/x"), WEIR_OK);
	expect_path("", "/x");
}

static void test_request_makes_the_target_of_cgi_variables(void **state)
{
	(void)state;
	assert_int_equal(HEAD("SCRIPT_NAME", "/app", "PATH_INFO", "/a b?c%41/\xc3\xbc", "QUERY_STRING", "d=e"), WEIR_OK);
	expect_path("/app", "/a%20b%3Fc%2541/%C3%BC");
	assert_string_equal(weir_request_query(&req, "d"), "e");
	assert_int_equal(HEAD("SCRIPT_NAME", "/app"), WEIR_OK);
	expect_path("", "/app");
	assert_int_equal(HEAD("PATH_INFO", "/x"), WEIR_OK);
	expect_path("", "/x");
	assert_int_equal(HEAD("PATH_INFO", "x"), WEIR_ERR_INVALID);
}

/* -- Query and length ------------------------------------------------------------------------------------------------------ */

static void test_request_reads_the_query(void **state)
{
	(void)state;
	assert_int_equal(HEAD("REQUEST_URI", "/?a=1%202&b&a=3", "QUERY_STRING", "ignored=1"), WEIR_OK);
	assert_string_equal(weir_request_query_string(&req), "a=1%202&b&a=3");
	assert_string_equal(weir_request_query(&req, "a"), "1 2");
	assert_string_equal(weir_request_query(&req, "b"), "");
	assert_null(weir_request_query(&req, "c"));
	assert_int_equal(weir_request_queries(&req)->count, 3);
	assert_int_equal(HEAD("REQUEST_URI", "/", "QUERY_STRING", "a=1"), WEIR_OK);
	assert_string_equal(weir_request_query(&req, "a"), "1");
	assert_int_equal(HEAD("REQUEST_URI", "/?", "QUERY_STRING", ""), WEIR_OK);
	assert_string_equal(weir_request_query_string(&req), "");
	assert_int_equal(HEAD("REQUEST_URI", "/?a=%4"), WEIR_ERR_INVALID);
	assert_int_equal(HEAD("REQUEST_URI", "/?a&b&c&d"), WEIR_ERR_INVALID);
	assert_string_equal(why, "the query has too many parameters");
}

static void test_request_reads_the_length(void **state)
{
	static const char *const wrong[] = { "-1", "+1", "1 ", "0x1", "1,1", "18446744073709551615", "99999999999999999999" };

	(void)state;
	assert_int_equal(HEAD("REQUEST_URI", "/"), WEIR_OK);
	assert_true(weir_request_content_length(&req) == UINT64_MAX);
	assert_int_equal(HEAD("REQUEST_URI", "/", "CONTENT_LENGTH", ""), WEIR_OK);
	assert_true(weir_request_content_length(&req) == UINT64_MAX);
	assert_int_equal(HEAD("REQUEST_URI", "/", "CONTENT_LENGTH", "007"), WEIR_OK);
	assert_true(weir_request_content_length(&req) == 7);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(HEAD("REQUEST_URI", "/", "CONTENT_LENGTH", wrong[i]), WEIR_ERR_INVALID);
}

/* -- Fields ---------------------------------------------------------------------------------------------------------------- */

static void test_request_makes_fields_of_variables(void **state)
{
	(void)state;
	assert_int_equal(
		HEAD("REQUEST_URI", "/", "HTTP_ACCEPT_LANGUAGE", "de", "CONTENT_TYPE", "text/plain", "REMOTE_ADDR", "::1", "HTTP_", "x"),
		WEIR_OK);
	assert_string_equal(weir_request_field(&req, "accept-language"), "de");
	assert_string_equal(weir_request_field(&req, "Content-Type"), "text/plain");
	assert_string_equal(weir_request_variable(&req, "HTTP_ACCEPT_LANGUAGE"), "de");
	assert_string_equal(weir_request_variable(&req, "REMOTE_ADDR"), "::1");
	assert_null(weir_request_field(&req, "Remote-Addr"));
	assert_null(weir_request_field(&req, "Accept"));
	assert_null(weir_request_variable(&req, "HTTP_ACCEPT"));
}

static void test_request_joins_repeated_fields(void **state)
{
	(void)state;
	assert_int_equal(HEAD("REQUEST_URI", "/", "HTTP_ACCEPT", "a", "HTTP_COOKIE", "c=1", "HTTP_ACCEPT", "b", "HTTP_COOKIE", "d=2"),
			 WEIR_OK);
	assert_string_equal(weir_request_field(&req, "Accept"), "a, b");
	assert_string_equal(weir_request_field(&req, "Cookie"), "c=1; d=2");
	assert_string_equal(weir_request_cookie(&req, "d"), "2");
	assert_null(weir_request_cookie(&req, "e"));
}

/* Some web servers send it under both names. */
static void test_request_has_one_content_type(void **state)
{
	(void)state;
	assert_int_equal(
		HEAD("REQUEST_URI", "/", "HTTP_CONTENT_TYPE", "text/plain", "CONTENT_TYPE", "text/plain", "HTTP_CONTENT_LENGTH", "3"),
		WEIR_OK);
	assert_string_equal(weir_request_field(&req, "Content-Type"), "text/plain");
	assert_null(weir_request_field(&req, "Content-Length"));
}

/* httpoxy: a client's Proxy field would be taken for the library setting HTTP_PROXY. */
static void test_request_hides_proxy(void **state)
{
	(void)state;
	assert_int_equal(HEAD("REQUEST_URI", "/", "HTTP_PROXY", "http://evil.example"), WEIR_OK);
	assert_null(weir_request_field(&req, "Proxy"));
	assert_null(weir_request_variable(&req, "HTTP_PROXY"));
}

static void test_request_knows_the_host(void **state)
{
	(void)state;
	assert_int_equal(HEAD("REQUEST_URI", "/", "HTTP_HOST", "Example.ORG:8080", "SERVER_NAME", "other"), WEIR_OK);
	assert_string_equal(weir_request_host(&req), "example.org:8080");
	assert_int_equal(HEAD("REQUEST_URI", "/", "SERVER_NAME", "Other"), WEIR_OK);
	assert_string_equal(weir_request_host(&req), "other");
	assert_int_equal(HEAD("REQUEST_URI", "/"), WEIR_OK);
	assert_string_equal(weir_request_host(&req), "");
}

static void test_request_refuses_fields(void **state)
{
	(void)state;
	begin();
	assert_int_equal(add("HTTP_X_A", "a\nb"), WEIR_ERR_INVALID);
	begin();
	assert_int_equal(add_bytes("HTTP_X_A", WEIR_SLICE_LITERAL("a\0b")), WEIR_ERR_INVALID);
	begin();
	assert_int_equal(add_bytes("QUERY_STRING", WEIR_SLICE_LITERAL("a\0b")), WEIR_ERR_INVALID);
	begin();
	assert_int_equal(add("HTTP_X A", "a"), WEIR_ERR_INVALID);
	begin();
	for (int i = 0; i < MAX_FIELDS; i++)
		assert_int_equal(add("HTTP_X_A", "a"), WEIR_OK);
	assert_int_equal(add("HTTP_X_A", "a"), WEIR_ERR_LIMIT);
}

/* -- Routes ---------------------------------------------------------------------------------------------------------------- */

static void test_request_decodes_parameters(void **state)
{
	static const char *const names[] = { "one", "two" };
	const struct weir_route route = { .path = "/{one}/{two...}", .user_data = &pool };
	const struct weir_router_match match = {
		.route = &route,
		.names = names,
		.count = 2,
		.values = { WEIR_SLICE_LITERAL("a%2Fb+c"), { "x/%C3%BC?", 8 } },
	};

	(void)state;
	assert_int_equal(HEAD("REQUEST_URI", "/"), WEIR_OK);
	assert_null(weir_request_param(&req, "one"));
	assert_int_equal(weir_request_matched(&req, &match), WEIR_OK);
	assert_string_equal(weir_request_param(&req, "one"), "a/b+c");
	assert_string_equal(weir_request_param(&req, "two"), "x/\xc3\xbc");
	assert_null(weir_request_param(&req, "three"));
	assert_ptr_equal(weir_request_route(&req), &route);
	assert_ptr_equal(weir_request_user_data(&req), &pool);
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_request_##name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(knows_methods),
		TEST(takes_the_path_of_the_target),
		TEST(refuses_other_targets),
		TEST(is_mounted_where_path_info_begins),
		TEST(is_not_mounted_without_path_info),
		TEST(keeps_the_target_that_was_rewritten),
		TEST(makes_the_target_of_cgi_variables),
		TEST(reads_the_query),
		TEST(reads_the_length),
		TEST(makes_fields_of_variables),
		TEST(joins_repeated_fields),
		TEST(has_one_content_type),
		TEST(hides_proxy),
		TEST(knows_the_host),
		TEST(refuses_fields),
		TEST(decodes_parameters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
