/* SPDX-License-Identifier: Apache-2.0
 *
 * What others are asked for the same: an embedded store, and two servers beside.
 *
 *     store_peers lmdb FOLDER
 *     store_peers memcached SOCKET
 *     store_peers redis SOCKET
 *
 * Prints JSON: nanoseconds of a get among few keys and among all. LMDB has its file in FOLDER, without syncing, and copies like the others;
 * its read transaction, which sees nothing that was set after it began, is renewed before each get, since no other side gives back what
 * was set over before. The servers are asked over a unix socket by a client that waits for each answer.
 */
#include <hiredis/hiredis.h>
#include <libmemcached/memcached.h>
#include <lmdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store_load.h"

static void print_gets(store_step_fn get, void *side, const struct store_load *load, uint32_t steps)
{
	printf("{\"hot_ns\": %.2f, ", store_time(get, side, load, STORE_HOT_KEYS, steps));
	printf("\"random_ns\": %.2f}\n", store_time(get, side, load, STORE_KEYS, steps));
}

/* -- LMDB -------------------------------------------------------------------------------------------------------------------- */

struct lmdb_side {
	MDB_env *env;
	MDB_txn *txn;
	MDB_dbi dbi;
};

static void must(int status)
{
	store_need(status == 0, mdb_strerror(status));
}

static MDB_val lmdb_value(const void *data, size_t len)
{
	MDB_val value = { .mv_size = len };

	memcpy(&value.mv_data, &data, sizeof(data)); /* LMDB does not write through it, and has no const */
	return value;
}

static void step_lmdb(void *side, const struct store_load *load, uint32_t number)
{
	struct lmdb_side *self = side;
	MDB_val key = lmdb_value(load->keys[number], STORE_KEY_LEN), value;
	char buffer[STORE_VALUE_SIZE];

	mdb_txn_reset(self->txn);
	must(mdb_txn_renew(self->txn));
	must(mdb_get(self->txn, self->dbi, &key, &value));
	memcpy(buffer, value.mv_data, value.mv_size);
	__asm__ volatile("" : : "r"(buffer) : "memory");
}

static void run_lmdb(const struct store_load *load, const char *folder)
{
	struct lmdb_side side = { 0 };

	must(mdb_env_create(&side.env));
	must(mdb_env_set_mapsize(side.env, 4 * STORE_SIZE));
	must(mdb_env_open(side.env, folder, MDB_NOSYNC, 0600));
	must(mdb_txn_begin(side.env, NULL, 0, &side.txn));
	must(mdb_dbi_open(side.txn, NULL, 0, &side.dbi));
	for (uint32_t i = 0; i < STORE_KEYS; i++) {
		MDB_val key = lmdb_value(load->keys[i], STORE_KEY_LEN), value = lmdb_value(load->value, STORE_VALUE_SIZE);

		must(mdb_put(side.txn, side.dbi, &key, &value, 0));
	}
	must(mdb_txn_commit(side.txn));
	must(mdb_txn_begin(side.env, NULL, MDB_RDONLY, &side.txn));
	print_gets(step_lmdb, &side, load, 1 << 11);
	mdb_txn_abort(side.txn);
	mdb_env_close(side.env);
}

/* -- memcached --------------------------------------------------------------------------------------------------------------- */

static void step_memcached(void *side, const struct store_load *load, uint32_t key)
{
	memcached_return_t status;
	uint32_t flags;
	size_t len;
	char *value = memcached_get(side, load->keys[key], STORE_KEY_LEN, &len, &flags, &status);

	store_need(value && len == STORE_VALUE_SIZE, "memcached: not there");
	free(value);
}

static void run_memcached(const struct store_load *load, const char *path)
{
	memcached_st *memcached = memcached_create(NULL);

	store_need(memcached && memcached_server_add_unix_socket(memcached, path) == MEMCACHED_SUCCESS, "memcached: no client");
	memcached_behavior_set(memcached, MEMCACHED_BEHAVIOR_NOREPLY, 1);
	for (uint32_t i = 0; i < STORE_KEYS; i++)
		store_need(memcached_set(memcached, load->keys[i], STORE_KEY_LEN, load->value, STORE_VALUE_SIZE, 0, 0) == MEMCACHED_SUCCESS,
			   "memcached: not taken");
	memcached_behavior_set(memcached, MEMCACHED_BEHAVIOR_NOREPLY, 0);
	print_gets(step_memcached, memcached, load, 50);
	memcached_free(memcached);
}

/* -- Redis ------------------------------------------------------------------------------------------------------------------- */

static void step_redis(void *side, const struct store_load *load, uint32_t key)
{
	redisReply *reply = redisCommand(side, "GET %b", load->keys[key], (size_t)STORE_KEY_LEN);

	store_need(reply && reply->type == REDIS_REPLY_STRING && reply->len == STORE_VALUE_SIZE, "redis: not there");
	freeReplyObject(reply);
}

static void run_redis(const struct store_load *load, const char *path)
{
	redisContext *redis = redisConnectUnix(path);
	void *reply;

	store_need(redis && redis->err == 0, "redis: no client");
	for (uint32_t i = 0; i < STORE_KEYS; i++)
		redisAppendCommand(redis, "SET %b %b", load->keys[i], (size_t)STORE_KEY_LEN, load->value, (size_t)STORE_VALUE_SIZE);
	for (uint32_t i = 0; i < STORE_KEYS; i++) {
		store_need(redisGetReply(redis, &reply) == REDIS_OK, "redis: not taken");
		freeReplyObject(reply);
	}
	print_gets(step_redis, redis, load, 50);
	redisFree(redis);
}

int main(int argc, char **argv)
{
	const struct store_load *load = store_load_make();

	if (argc == 3 && strcmp(argv[1], "lmdb") == 0)
		run_lmdb(load, argv[2]);
	else if (argc == 3 && strcmp(argv[1], "memcached") == 0)
		run_memcached(load, argv[2]);
	else if (argc == 3 && strcmp(argv[1], "redis") == 0)
		run_redis(load, argv[2]);
	else
		return 2;
	return 0;
}
