/* SPDX-License-Identifier: Apache-2.0
 *
 * An app as people write it who have Redis or memcached and no cache in front of their handlers: each thread has a client of its own, which
 * waits for the server, and answers with the value that it gets.
 *
 * BENCH_REDIS and BENCH_MEMCACHED in the environment are the servers' unix sockets. Both have the value when the app is up.
 */
#include <hiredis/hiredis.h>
#include <libmemcached/memcached.h>
#include <stdlib.h>

#include <weir/weir.h>

#define KEY "page"
#define VALUE_LEN 1024

static _Thread_local redisContext *own_redis; /* of handler threads, which end with the process */
static _Thread_local memcached_st *own_memcached;

static redisContext *thread_redis(void)
{
	if (!own_redis)
		own_redis = redisConnectUnix(getenv("BENCH_REDIS"));
	return own_redis;
}

static memcached_st *thread_memcached(void)
{
	if (!own_memcached) {
		own_memcached = memcached_create(NULL);
		memcached_server_add_unix_socket(own_memcached, getenv("BENCH_MEMCACHED"));
	}
	return own_memcached;
}

static enum weir_status page_of_redis(struct weir_request *req, struct weir_response *res)
{
	redisReply *reply = redisCommand(thread_redis(), "GET " KEY);

	(void)req;
	if (!reply || reply->type != REDIS_REPLY_STRING || reply->len != VALUE_LEN) {
		freeReplyObject(reply);
		return weir_response_error(res, 502, "not there");
	}
	return weir_response_borrowed(res, "text/plain", weir_slice(reply->str, VALUE_LEN), freeReplyObject, reply);
}

static enum weir_status page_of_memcached(struct weir_request *req, struct weir_response *res)
{
	memcached_return_t status;
	uint32_t flags;
	size_t len;
	char *value = memcached_get(thread_memcached(), KEY, strlen(KEY), &len, &flags, &status);

	(void)req;
	if (!value || len != VALUE_LEN) {
		free(value);
		return weir_response_error(res, 502, "not there");
	}
	return weir_response_borrowed(res, "text/plain", weir_slice(value, VALUE_LEN), free, value);
}

static enum weir_status store_pages(struct weir_app *app, void *user_data)
{
	char value[VALUE_LEN];
	redisReply *reply;
	memcached_return_t status;

	(void)app;
	(void)user_data;
	memset(value, 'x', sizeof(value));
	reply = redisCommand(thread_redis(), "SET " KEY " %b", value, sizeof(value));
	status = memcached_set(thread_memcached(), KEY, strlen(KEY), value, sizeof(value), 0, 0);
	if (!reply || reply->type != REDIS_REPLY_STATUS || status != MEMCACHED_SUCCESS)
		return WEIR_ERR_CONFIG;
	freeReplyObject(reply);
	return WEIR_OK;
}

static const struct weir_route routes[] = {
	{ .path = "/redis", .handler = page_of_redis },
	{ .path = "/memcached", .handler = page_of_memcached },
	{ 0 },
};

int main(int argc, char **argv)
{
	return weir_main(argc, argv, &(struct weir_app_options){ .name = "client", .routes = routes, .setup = store_pages });
}
