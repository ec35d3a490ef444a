/* SPDX-License-Identifier: Apache-2.0
 *
 * For tests of the dynamodb driver behind dynamodb_front.py, which stands before a real server and is as difficult as it is told to be. One
 * server for all tests of a program, a front for each. TEST_DYNAMODB_FRONT is the script.
 */
#ifndef WEIR_TESTS_DYNAMODB_FRONT_H
#define WEIR_TESTS_DYNAMODB_FRONT_H

#include <unistd.h>

#include "support/dynalite.h"
#include "support/dynamodb_host.h"

/* The keys that it knows. */
#define WEIR_DYNAMODB_FRONT_KEY "AKIDEXAMPLE"
#define WEIR_DYNAMODB_FRONT_SECRET "wJalrXUtnFEMI/K7MDENG+bPx:RfiCY=EXAMPLE"

#define WEIR_DYNAMODB_FRONT_OPTIONS "create=true&region=eu-west-1&total_timeout_ms=20000&read_timeout_ms=10000"

struct weir_dynamodb_front {
	struct weir_dynalite dynalite;
	struct weir_server server;
	char address[32];
};

/* Of the program. */
static struct weir_dynamodb_front weir_dynamodb_front;

/* Behind a front with these options of its own, and with more of the URL's. The host's table is its own. */
static inline struct weir_dynamodb_host *weir_dynamodb_front_open(const char *const options[], const char *more)
{
	static unsigned tables;
	struct weir_dynamodb_front *front = &weir_dynamodb_front;
	const char *argv[24] = { "python3",  getenv("TEST_DYNAMODB_FRONT"), "--upstream", front->dynalite.address,
				 "--secret", WEIR_DYNAMODB_FRONT_SECRET };
	char table[32], url_options[300], endpoint[64];
	size_t count = 6;

	weir_server_address(front->address, sizeof(front->address), weir_server_free_port());
	argv[count++] = "--port";
	argv[count++] = strchr(front->address, ':') + 1;
	for (; *options; options++)
		argv[count++] = *options;
	weir_server_start(&front->server, argv, "/dev/null");
	if (!weir_server_wait(&front->server, front->address, WEIR_DYNALITE_START_MS))
		abort();
	(void)snprintf(table, sizeof(table), "front-%d-%u", (int)getpid(), ++tables);
	(void)snprintf(url_options, sizeof(url_options), WEIR_DYNAMODB_FRONT_OPTIONS "%s", more);
	(void)snprintf(endpoint, sizeof(endpoint), "http://%s", front->address);
	return weir_dynamodb_host_open(table, url_options, endpoint);
}

static inline void weir_dynamodb_front_close(struct weir_dynamodb_host *host)
{
	weir_dynamodb_host_close(host);
	weir_server_stop(&weir_dynamodb_front.server);
}

/* Before each test: the keys are in the environment, and nowhere else. */
static inline int weir_dynamodb_front_set_keys(void **state)
{
	(void)state;
	(void)unsetenv("AWS_SESSION_TOKEN");
	(void)unsetenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
	(void)unsetenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
	(void)setenv("AWS_EC2_METADATA_DISABLED", "true", 1);
	(void)setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null", 1);
	(void)setenv("AWS_CONFIG_FILE", "/dev/null", 1);
	return setenv("AWS_ACCESS_KEY_ID", WEIR_DYNAMODB_FRONT_KEY, 1) + setenv("AWS_SECRET_ACCESS_KEY", WEIR_DYNAMODB_FRONT_SECRET, 1);
}

static inline int weir_dynamodb_front_begin(void **state)
{
	(void)state;
	weir_dynalite_start(&weir_dynamodb_front.dynalite, "/dev/null");
	return 0;
}

static inline int weir_dynamodb_front_end(void **state)
{
	(void)state;
	weir_server_stop(&weir_dynamodb_front.server);
	weir_dynalite_stop(&weir_dynamodb_front.dynalite);
	return 0;
}

#define WEIR_DYNAMODB_FRONT_TEST(function) cmocka_unit_test_setup(function, weir_dynamodb_front_set_keys)

/* The whole program. The front is before a server of our own, whatever the environment names. */
#define WEIR_DYNAMODB_FRONT_RUN(tests) \
	((void)unsetenv("WEIR_TEST_DYNAMODB_URL"), \
	 weir_dynalite_is_there() ? cmocka_run_group_tests(tests, weir_dynamodb_front_begin, weir_dynamodb_front_end) : 0)

#endif
