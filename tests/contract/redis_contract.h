/* SPDX-License-Identifier: Apache-2.0
 *
 * What the contract's programs for Redis have in common: the driver is linked in, and called by one thread at a time. Those for one server
 * differ in the URL that leads to it.
 */
#ifndef WEIR_TESTS_REDIS_CONTRACT_H
#define WEIR_TESTS_REDIS_CONTRACT_H

#include <pthread.h>
#include <stdio.h>

#include "contract.h"
#include "support/redis_server.h"

/* Nothing in here is about time limits, and the machine may be busy. */
#define WEIR_REDIS_CONTRACT_PATIENCE "connect_timeout_ms=10000&read_timeout_ms=10000&total_timeout_ms=20000"

static inline struct weir_backend *weir_redis_contract_open(const struct weir_backend_env *env, const char *url)
{
	struct weir_backend_env own = *env;
	struct weir_backend *backend;
	char why[200];

	own.drivers = &weir_backend_module;
	if (weir_backend_open(url, &own, why, sizeof(why), &backend) == WEIR_OK)
		return backend;
	(void)fprintf(stderr, "%s\n", why);
	return NULL;
}

static inline void weir_redis_contract_run(struct weir_backend *backend, struct weir_job *jobs)
{
	static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

	pthread_mutex_lock(&turn);
	weir_jobs_execute(backend, jobs);
	pthread_mutex_unlock(&turn);
}

/* -- One server, and its database 3 ---------------------------------------------------------------------------------------- */

#define WEIR_REDIS_CONTRACT_OPTIONS "db=3&" WEIR_REDIS_CONTRACT_PATIENCE

struct weir_redis_contract {
	struct weir_redis_servers servers;
	char url[600];
};

/* Of the program. */
static struct weir_redis_contract weir_redis_contract;

static inline struct weir_backend *weir_redis_contract_open_one(const struct weir_backend_env *env, uint64_t size)
{
	(void)size;
	weir_redis_servers_flush(&weir_redis_contract.servers);
	return weir_redis_contract_open(env, weir_redis_contract.url);
}

static inline void weir_redis_contract_advance_ms(int64_t ms)
{
	weir_redis_servers_advance_ms(&weir_redis_contract.servers, 3, ms);
}

/* The whole program, once the server is started, with --proto-max-bulk-len 1mb, and the URL written. */
static inline int weir_redis_contract_main(const char *name)
{
	int failed = weir_contract_main(&(struct weir_contract_driver){
		.name = name,
		.open = weir_redis_contract_open_one,
		.run = weir_redis_contract_run,
		.advance_ms = weir_redis_contract_advance_ms,
		.granularity_ms = 1000,
		.value_fits = 1024 * 1024 - 512,
		.value_refused = 1024 * 1024 + 1,
	});

	weir_redis_servers_stop(&weir_redis_contract.servers);
	return failed;
}

#endif
