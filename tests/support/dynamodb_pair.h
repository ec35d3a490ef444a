/* SPDX-License-Identifier: Apache-2.0
 *
 * Two hosts of the dynamodb driver that share a server, and a look at the items behind their backs. A test has a table of its own; the
 * hosts' first call makes it. For one test program: the pair is its own.
 */
#ifndef WEIR_TESTS_DYNAMODB_PAIR_H
#define WEIR_TESTS_DYNAMODB_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <json-c/json.h>
#include <unistd.h>

#include "backends/dynamodb/call.h"
#include "backends/dynamodb/names.h"
#include "backends/dynamodb/reply.h"
#include "support/dynalite.h"
#include "support/dynamodb_host.h"

#define WEIR_DYNAMODB_OPTIONS "create=true&total_timeout_ms=5000&read_timeout_ms=3000"

struct weir_dynamodb_pair {
	struct weir_dynalite dynalite;
	char table[32];
	struct weir_dynamodb_host *a, *b;
};

static struct weir_dynamodb_pair weir_dynamodb_pair;

static inline int weir_dynamodb_pair_open(void **state)
{
	static unsigned tables;

	(void)snprintf(weir_dynamodb_pair.table, sizeof(weir_dynamodb_pair.table), "weir-%d-%u", (int)getpid(), ++tables);
	weir_dynamodb_pair.a =
		weir_dynamodb_host_open(weir_dynamodb_pair.table, WEIR_DYNAMODB_OPTIONS, weir_dynamodb_pair.dynalite.endpoint);
	weir_dynamodb_pair.b =
		weir_dynamodb_host_open(weir_dynamodb_pair.table, WEIR_DYNAMODB_OPTIONS, weir_dynamodb_pair.dynalite.endpoint);
	*state = &weir_dynamodb_pair;
	return 0;
}

static inline int weir_dynamodb_pair_close(void **state)
{
	(void)state;
	weir_dynamodb_host_close(weir_dynamodb_pair.a);
	weir_dynamodb_host_close(weir_dynamodb_pair.b);
	return 0;
}

static inline bool weir_dynamodb_has(struct weir_dynamodb_host *host, struct weir_slice key)
{
	struct weir_backend_get get = { .key = key };

	assert_int_equal(weir_dynamodb_host_read(host, &get, NULL, NULL), WEIR_OK);
	if (get.release)
		get.release(get.owner);
	return get.status == WEIR_OK;
}

static inline uint64_t weir_dynamodb_cell(struct weir_dynamodb_host *host, const char *name, uint64_t *clock)
{
	struct weir_backend_cell cell = { .name = weir_slice_text(name), .create = true };

	assert_int_equal(weir_dynamodb_host_read(host, NULL, &cell, clock), WEIR_OK);
	return cell.stamp;
}

/* One call of the API with a body of the test's own: from the first %s on, which is the table's name. The reply is the caller's. */
WEIR_PRINTF(3, 4)
static inline struct json_object *weir_dynamodb_call_api(struct weir_dynamodb_host *host, const char *operation, const char *body, ...)
{
	struct weir_dynamodb_call call;
	struct json_object *reply;
	va_list args;

	weir_dynamodb_call_init(&call, operation);
	va_start(args, body);
	weir_buffer_vprintf(&call.body, body, args);
	va_end(args);
	assert_int_equal(weir_dynamodb_run(host->client, &call, 1, weir_dynamodb_deadline_ms(host->client)), WEIR_OK);
	reply = json_object_get(call.reply);
	weir_dynamodb_calls_finish(&call, 1);
	return reply;
}

/* Puts an item of that name with these other attributes. */
static inline void weir_dynamodb_put_item(struct weir_dynamodb_host *host, const char *name, const char *attributes)
{
	char bucket = weir_dynamodb_bucket(weir_slice_text(name));

	json_object_put(weir_dynamodb_call_api(host, "PutItem",
					       "{\"TableName\":\"%s\",\"Item\":{\"pk\":{\"S\":\"%c\"},\"sk\":{\"S\":\"%s\"}%s}}",
					       weir_dynamodb_pair.table, bucket, name, attributes));
}

/* A number of the item of that name; 0: not there. */
static inline uint64_t weir_dynamodb_number_of(struct weir_dynamodb_host *host, const char *name, const char *attribute)
{
	char bucket = weir_dynamodb_bucket(weir_slice_text(name));
	struct json_object *reply =
		weir_dynamodb_call_api(host, "GetItem", "{\"TableName\":\"%s\",\"Key\":{\"pk\":{\"S\":\"%c\"},\"sk\":{\"S\":\"%s\"}}}",
				       weir_dynamodb_pair.table, bucket, name);
	uint64_t number = 0;

	(void)weir_dynamodb_number(weir_dynamodb_member(reply, "Item"), attribute, &number);
	json_object_put(reply);
	return number;
}

static inline int weir_dynamodb_pair_start(void **state)
{
	(void)state;
	weir_dynalite_start(&weir_dynamodb_pair.dynalite, "/dev/null");
	return 0;
}

static inline int weir_dynamodb_pair_stop(void **state)
{
	(void)state;
	weir_dynalite_stop(&weir_dynamodb_pair.dynalite);
	return 0;
}

#endif
