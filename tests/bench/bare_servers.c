/* SPDX-License-Identifier: Apache-2.0
 *
 * Redis by hiredis, with all requests on their way before the first answer is read, and memcached by libmemcached.
 */
#include <hiredis/hiredis.h>
#include <libmemcached/memcached.h>
#include <stdio.h>
#include <string.h>

#include "bare_client.h"

#define SLOTS_TRIED 1000u /* of a cluster of three, each refuses two thirds */

struct redis {
	redisContext *context;
	unsigned count;
	unsigned group;
};

/* What is in braces decides which node of a cluster has a key: the same for all, so that one node has them. */
#define REDIS_KEY "bare{%u}%u"

static bool redis_takes(const struct redis *redis, unsigned number)
{
	redisReply *reply = redisCommand(redis->context, "SET " REDIS_KEY " %b", redis->group, number, bare_value, sizeof(bare_value));
	const bool taken = reply && reply->type == REDIS_REPLY_STATUS;

	freeReplyObject(reply);
	return taken;
}

static void *redis_store(const char *address, unsigned count)
{
	static struct redis only;
	struct redis *redis = &only;
	char host[64];
	int port;

	if (sscanf(address, "%63[0-9.]:%d", host, &port) == 2)
		redis->context = redisConnect(host, port);
	else
		redis->context = redisConnectUnix(address);
	bare_need(redis->context && redis->context->err == 0, "redis: not connected");
	redis->count = count;
	while (!redis_takes(redis, 0))
		bare_need(++redis->group < SLOTS_TRIED, "redis: not taken");
	for (unsigned i = 1; i < count; i++)
		bare_need(redis_takes(redis, i), "redis: not taken");
	return redis;
}

static void redis_get(void *self)
{
	const struct redis *redis = self;
	void *next;

	for (unsigned i = 0; i < redis->count; i++)
		redisAppendCommand(redis->context, "GET " REDIS_KEY, redis->group, i);
	for (unsigned i = 0; i < redis->count; i++) {
		const redisReply *reply;

		bare_need(redisGetReply(redis->context, &next) == REDIS_OK, "redis: no answer");
		reply = next;
		bare_need(reply->type == REDIS_REPLY_STRING && reply->len == BARE_VALUE_LEN, "redis: not there");
		freeReplyObject(next);
	}
}

const struct bare_kind bare_redis = { .name = "redis", .store = redis_store, .get = redis_get };

struct memcached {
	memcached_st *client;
	size_t count;
	char keys[BARE_COUNT_MAX][16];
	const char *list[BARE_COUNT_MAX];
	size_t lens[BARE_COUNT_MAX];
};

static void *memcached_store(const char *address, unsigned count)
{
	static struct memcached only;
	struct memcached *memcached = &only;

	memcached->client = memcached_create(NULL);
	bare_need(memcached->client, "memory");
	memcached_server_add_unix_socket(memcached->client, address);
	for (unsigned i = 0; i < count; i++) {
		memcached->lens[i] = (size_t)snprintf(memcached->keys[i], sizeof(memcached->keys[i]), "bare%u", i);
		memcached->list[i] = memcached->keys[i];
		bare_need(memcached_set(memcached->client, memcached->keys[i], memcached->lens[i], bare_value, sizeof(bare_value), 0, 0) ==
				  MEMCACHED_SUCCESS,
			  "memcached: not taken");
	}
	memcached->count = count;
	return memcached;
}

static void memcached_get_all(void *self)
{
	struct memcached *memcached = self;
	memcached_result_st result;
	memcached_return_t status;
	size_t got = 0;

	bare_need(memcached_mget(memcached->client, memcached->list, memcached->lens, memcached->count) == MEMCACHED_SUCCESS,
		  "memcached: not asked");
	memcached_result_create(memcached->client, &result);
	while (memcached_fetch_result(memcached->client, &result, &status) && memcached_result_length(&result) == BARE_VALUE_LEN)
		got++;
	memcached_result_free(&result);
	bare_need(got == memcached->count, "memcached: not there");
}

const struct bare_kind bare_memcached = { .name = "memcached", .store = memcached_store, .get = memcached_get_all };
