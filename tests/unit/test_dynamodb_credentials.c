/* SPDX-License-Identifier: Apache-2.0
 *
 * Keys for signing: from the environment, from files in the format of Amazon's tools, and from the document that agents answer with. Agents
 * themselves are tests/integration/test_dynamodb.py's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "backends/dynamodb/credentials.h"
#include "backends/dynamodb/ini.h"
#include "support/scratch.h"

struct fixture {
	struct weir_scratch scratch;
	struct weir_dynamodb_options options;
	struct weir_dynamodb_search search;
	struct weir_dynamodb_found found;
};

static int open_fixture(void **state)
{
	static const char *const names[] = { "AWS_ACCESS_KEY_ID",
					     "AWS_SECRET_ACCESS_KEY",
					     "AWS_SESSION_TOKEN",
					     "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
					     "AWS_CONTAINER_CREDENTIALS_FULL_URI",
					     "AWS_CONTAINER_AUTHORIZATION_TOKEN",
					     "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE" };
	struct fixture *fixture = calloc(1, sizeof(*fixture));

	if (!fixture)
		return -1;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unsetenv(names[i]);
	(void)setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
	weir_scratch_init(&fixture->scratch);
	(void)setenv("AWS_SHARED_CREDENTIALS_FILE", weir_scratch_file(&fixture->scratch, "credentials"), 1);
	(void)setenv("AWS_CONFIG_FILE", weir_scratch_file(&fixture->scratch, "config"), 1);
	(void)snprintf(fixture->options.profile, sizeof(fixture->options.profile), "default");
	fixture->options.connections = 1;
	fixture->search = (struct weir_dynamodb_search){ .options = &fixture->options, .pool = weir_pool_create(0) };
	*state = fixture;
	return 0;
}

static int close_fixture(void **state)
{
	struct fixture *fixture = *state;

	weir_pool_destroy(fixture->search.pool);
	weir_scratch_finish(&fixture->scratch);
	free(fixture);
	return 0;
}

static void write_file(struct fixture *fixture, const char *name, const char *text)
{
	FILE *file = fopen(weir_scratch_file(&fixture->scratch, name), "w");

	assert_non_null(file);
	(void)fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void assert_secret(const struct weir_dynamodb_found *found, const char *access_key, const char *secret_key,
			  const char *session_token)
{
	assert_string_equal(found->secret.access_key, access_key);
	assert_string_equal(found->secret.secret_key, secret_key);
	if (session_token)
		assert_string_equal(found->secret.session_token, session_token);
	else
		assert_null(found->secret.session_token);
}

/* -- The environment ------------------------------------------------------------------------------------------------------- */

static void test_dynamodb_credentials_come_from_the_environment(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(weir_dynamodb_credentials_of_environment(&fixture->search, &fixture->found), WEIR_MISS);
	(void)setenv("AWS_ACCESS_KEY_ID", "AKID", 1);
	assert_int_equal(weir_dynamodb_credentials_of_environment(&fixture->search, &fixture->found), WEIR_ERR_CONFIG);
	(void)setenv("AWS_SECRET_ACCESS_KEY", "a/b+c:d=", 1);
	assert_int_equal(weir_dynamodb_credentials_of_environment(&fixture->search, &fixture->found), WEIR_OK);
	assert_secret(&fixture->found, "AKID", "a/b+c:d=", NULL);
	(void)setenv("AWS_SESSION_TOKEN", "token==", 1);
	assert_int_equal(weir_dynamodb_credentials_of_environment(&fixture->search, &fixture->found), WEIR_OK);
	assert_secret(&fixture->found, "AKID", "a/b+c:d=", "token==");
	assert_true(fixture->found.expires_ms == WEIR_DYNAMODB_EXPIRES_NEVER);
}

static void test_dynamodb_credentials_that_would_break_a_header_are_refused(void **state)
{
	struct fixture *fixture = *state;

	(void)setenv("AWS_ACCESS_KEY_ID", "AKID", 1);
	(void)setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
	(void)setenv("AWS_SESSION_TOKEN", "token\r\nX-Evil: 1", 1);
	assert_int_equal(weir_dynamodb_credentials_of_environment(&fixture->search, &fixture->found), WEIR_ERR_CONFIG);
	assert_null(strstr(fixture->search.why, "token\r"));
}

/* -- Files ----------------------------------------------------------------------------------------------------------------- */

static void assert_value(const char *text, const char *section, const char *name, const char *expected)
{
	struct weir_slice value = weir_dynamodb_ini_get(weir_slice_text(text), weir_slice_text(section), name);

	if (expected)
		assert_true(value.data && weir_slice_equal(value, weir_slice_text(expected)));
	else
		assert_null(value.data);
}

static void test_dynamodb_ini_reads_the_format_of_amazons_tools(void **state)
{
	static const char text[] = "stray = 1\n"
				   "[default]\r\n"
				   "a=1\r\n"
				   "# a = 2\n"
				   "; a = 3\n"
				   "B  =  two words # not this\n"
				   "c = no#comment;here\n"
				   "s3 =\n"
				   "  a = nested\n"
				   "\ta = nested\n"
				   "no value\n"
				   "[ other ] # comment\n"
				   "a = 4\n"
				   "[default]\n"
				   "d = a = b\n"
				   "empty =\n"
				   "[broken\n"
				   "e = last";

	(void)state;
	assert_value(text, "default", "a", "1");
	assert_value(text, "default", "b", "two words");
	assert_value(text, "default", "c", "no#comment;here");
	assert_value(text, "default", "d", "a = b");
	assert_value(text, "default", "empty", "");
	assert_value(text, "default", "e", "last");
	assert_value(text, "default", "no value", NULL);
	assert_value(text, "default", "stray", NULL);
	assert_value(text, "other", "a", "4");
	assert_value(text, "other", "b", NULL);
	assert_value(text, "none", "a", NULL);
	assert_value("", "default", "a", NULL);
	assert_value("[default]\na=1\na=2\n", "default", "a", "2");
}

static void test_dynamodb_credentials_come_from_the_profile(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(weir_dynamodb_credentials_of_profile(&fixture->search, &fixture->found), WEIR_MISS);
	write_file(fixture, "config",
		   "[default]\naws_access_key_id=C\naws_secret_access_key=c\n"
		   "[profile web]\naws_access_key_id=W\naws_secret_access_key=w\naws_session_token=t\n");
	assert_int_equal(weir_dynamodb_credentials_of_profile(&fixture->search, &fixture->found), WEIR_OK);
	assert_secret(&fixture->found, "C", "c", NULL);
	write_file(fixture, "credentials", "[default]\naws_access_key_id=D\naws_secret_access_key=d\n[half]\naws_access_key_id=H\n");
	assert_int_equal(weir_dynamodb_credentials_of_profile(&fixture->search, &fixture->found), WEIR_OK);
	assert_secret(&fixture->found, "D", "d", NULL);
	(void)snprintf(fixture->options.profile, sizeof(fixture->options.profile), "web");
	assert_int_equal(weir_dynamodb_credentials_of_profile(&fixture->search, &fixture->found), WEIR_OK);
	assert_secret(&fixture->found, "W", "w", "t");
	(void)snprintf(fixture->options.profile, sizeof(fixture->options.profile), "half");
	assert_int_equal(weir_dynamodb_credentials_of_profile(&fixture->search, &fixture->found), WEIR_ERR_CONFIG);
	(void)snprintf(fixture->options.profile, sizeof(fixture->options.profile), "none");
	assert_int_equal(weir_dynamodb_credentials_of_profile(&fixture->search, &fixture->found), WEIR_MISS);
}

/* -- The chain ------------------------------------------------------------------------------------------------------------- */

static const struct weir_dynamodb_found *get(struct weir_dynamodb_credentials *credentials, enum weir_status expected)
{
	const struct weir_dynamodb_found *found = NULL;
	const char *why = NULL;

	assert_int_equal(weir_dynamodb_credentials_get(credentials, NULL, weir_dynamodb_now_ms() + 1000, &found, &why), expected);
	assert_true(expected == WEIR_OK ? found != NULL : why != NULL);
	return found;
}

static void test_dynamodb_credentials_are_kept_until_they_are_forgotten(void **state)
{
	struct fixture *fixture = *state;
	struct weir_dynamodb_credentials *credentials = weir_dynamodb_credentials_create(&fixture->options);

	assert_non_null(credentials);
	write_file(fixture, "credentials", "[default]\naws_access_key_id=D\naws_secret_access_key=d\n");
	assert_secret(get(credentials, WEIR_OK), "D", "d", NULL);
	write_file(fixture, "credentials", "[default]\naws_access_key_id=E\naws_secret_access_key=e\n");
	assert_secret(get(credentials, WEIR_OK), "D", "d", NULL);
	weir_dynamodb_credentials_forget(credentials);
	assert_secret(get(credentials, WEIR_OK), "E", "e", NULL);
	(void)setenv("AWS_ACCESS_KEY_ID", "AKID", 1);
	(void)setenv("AWS_SECRET_ACCESS_KEY", "secret", 1);
	weir_dynamodb_credentials_forget(credentials);
	assert_secret(get(credentials, WEIR_OK), "AKID", "secret", NULL);
	weir_dynamodb_credentials_destroy(credentials);
}

static void test_dynamodb_credentials_may_be_nowhere(void **state)
{
	struct fixture *fixture = *state;
	struct weir_dynamodb_credentials *credentials = weir_dynamodb_credentials_create(&fixture->options);

	assert_non_null(credentials);
	(void)get(credentials, WEIR_ERR_CONFIG);
	/* That is not asked again at every call. */
	write_file(fixture, "credentials", "[default]\naws_access_key_id=D\naws_secret_access_key=d\n");
	(void)get(credentials, WEIR_ERR_CONFIG);
	weir_dynamodb_credentials_forget(credentials);
	(void)get(credentials, WEIR_OK);
	weir_dynamodb_credentials_destroy(credentials);
}

static void test_dynamodb_credentials_do_not_travel_in_clear(void **state)
{
	static const char *const unsafe[] = { "http://example.com/creds", "ftp://127.0.0.1/creds", "http://127.0.0.1.example.com/",
					      "nonsense" };
	struct fixture *fixture = *state;

	assert_int_equal(weir_dynamodb_credentials_of_container(&fixture->search, &fixture->found), WEIR_MISS);
	for (size_t i = 0; i < sizeof(unsafe) / sizeof(unsafe[0]); i++) {
		(void)setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", unsafe[i], 1);
		assert_int_equal(weir_dynamodb_credentials_of_container(&fixture->search, &fixture->found), WEIR_ERR_CONFIG);
	}
	(void)setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://127.0.0.1:1/", 1);
	(void)setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "a\r\nb", 1);
	assert_int_equal(weir_dynamodb_credentials_of_container(&fixture->search, &fixture->found), WEIR_ERR_CONFIG);
	(void)setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", "/nowhere/token", 1);
	assert_int_equal(weir_dynamodb_credentials_of_container(&fixture->search, &fixture->found), WEIR_ERR_CONFIG);
}

/* -- Documents ------------------------------------------------------------------------------------------------------------- */

static enum weir_status parse(struct fixture *fixture, const char *json)
{
	return weir_dynamodb_credentials_parse(fixture->search.pool, weir_slice_text(json), &fixture->found);
}

static void test_dynamodb_credentials_come_as_a_document(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(parse(fixture, "{\"Code\":\"Success\",\"AccessKeyId\":\"ASIA\",\"SecretAccessKey\":\"s/+=\",\"Token\":\"t\","
					"\"Expiration\":\"2026-11-22T19:36:34Z\"}"),
			 WEIR_OK);
	assert_secret(&fixture->found, "ASIA", "s/+=", "t");
	assert_true(fixture->found.expires_ms == INT64_C(1795376194000));
	assert_int_equal(parse(fixture, "{\"AccessKeyId\":\"ASIA\",\"SecretAccessKey\":\"s\",\"Expiration\":\"soon\"}"), WEIR_OK);
	assert_null(fixture->found.secret.session_token);
	assert_in_range(fixture->found.expires_ms - weir_clock_wall_ms(weir_clock_system()), 3590000, 3600000);
}

static void test_dynamodb_credentials_documents_may_be_wrong(void **state)
{
	static const char *const wrong[] = { "",
					     "null",
					     "[]",
					     "{}",
					     "{\"AccessKeyId\":\"A\"}",
					     "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":1}",
					     "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"\"}",
					     "{\"AccessKeyId\":\"A\\n\",\"SecretAccessKey\":\"s\"}",
					     "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\\u0000t\"}",
					     "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\",\"Token\":\"a b\"}",
					     "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\"" };

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(parse(*state, wrong[i]), WEIR_ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_dynamodb_credentials_come_from_the_environment, open_fixture, close_fixture),
		cmocka_unit_test_setup_teardown(test_dynamodb_credentials_that_would_break_a_header_are_refused, open_fixture,
						close_fixture),
		cmocka_unit_test(test_dynamodb_ini_reads_the_format_of_amazons_tools),
		cmocka_unit_test_setup_teardown(test_dynamodb_credentials_come_from_the_profile, open_fixture, close_fixture),
		cmocka_unit_test_setup_teardown(test_dynamodb_credentials_are_kept_until_they_are_forgotten, open_fixture, close_fixture),
		cmocka_unit_test_setup_teardown(test_dynamodb_credentials_may_be_nowhere, open_fixture, close_fixture),
		cmocka_unit_test_setup_teardown(test_dynamodb_credentials_do_not_travel_in_clear, open_fixture, close_fixture),
		cmocka_unit_test_setup_teardown(test_dynamodb_credentials_come_as_a_document, open_fixture, close_fixture),
		cmocka_unit_test_setup_teardown(test_dynamodb_credentials_documents_may_be_wrong, open_fixture, close_fixture),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
