/* SPDX-License-Identifier: Apache-2.0
 *
 * A DynamoDB for tests: dynalite, a real server with Amazon's API, started by the test program; or the one that WEIR_TEST_DYNAMODB_URL
 * names, such as Amazon's own for download, or a proxy before dynalite.
 */
#ifndef WEIR_TESTS_DYNALITE_H
#define WEIR_TESTS_DYNALITE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/server.h"

#define WEIR_DYNALITE_START_MS 20000

struct weir_dynalite {
	struct weir_server server;
	char address[32];
	char endpoint[256]; /* "http://127.0.0.1:PORT" */
};

/* Whether there is a server to test with; otherwise the reason is printed, for the test program to end. */
static inline bool weir_dynalite_is_there(void)
{
	if (getenv("WEIR_TEST_DYNAMODB_URL") || getenv("WEIR_DYNALITE"))
		return true;
	printf("1..0 # SKIP WEIR_DYNALITE is not set\n");
	return false;
}

/* At `address`: for the first time, or again, with empty tables. */
static inline void weir_dynalite_run(struct weir_dynalite *dynalite, const char *log)
{
	const char *port = strchr(dynalite->address, ':') + 1;
	const char *const argv[] = { "node", getenv("WEIR_DYNALITE"), "--host", "127.0.0.1",       "--port", port, "--createTableMs",
				     "0",    "--deleteTableMs",       "0",      "--updateTableMs", "0",      NULL };

	weir_server_start(&dynalite->server, argv, log);
	if (!weir_server_wait(&dynalite->server, dynalite->address, WEIR_DYNALITE_START_MS))
		abort();
}

/* Keys for signing, which dynalite does not check, are put into the environment. */
static inline void weir_dynalite_start(struct weir_dynalite *dynalite, const char *log)
{
	const char *url = getenv("WEIR_TEST_DYNAMODB_URL");

	*dynalite = (struct weir_dynalite){ .server = { 0 } };
	if (setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 0) != 0 || setenv("AWS_SECRET_ACCESS_KEY", "secret", 0) != 0 ||
	    setenv("no_proxy", "*", 1) != 0)
		abort();
	if (url) {
		(void)snprintf(dynalite->endpoint, sizeof(dynalite->endpoint), "%s", url);
		return;
	}
	weir_server_address(dynalite->address, sizeof(dynalite->address), weir_server_free_port());
	(void)snprintf(dynalite->endpoint, sizeof(dynalite->endpoint), "http://%s", dynalite->address);
	weir_dynalite_run(dynalite, log);
}

static inline void weir_dynalite_stop(struct weir_dynalite *dynalite)
{
	weir_server_stop(&dynalite->server);
}

#endif
