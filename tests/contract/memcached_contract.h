/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract for the memcached drivers, for any number of servers. An empty store is one with a prefix of its own; the suite's threads
 * take turns, as the driver is owed.
 */
#ifndef WEIR_TESTS_MEMCACHED_CONTRACT_H
#define WEIR_TESTS_MEMCACHED_CONTRACT_H

#include <pthread.h>
#include <stdio.h>

#include "contract.h"
#include "support/memcached.h"

static struct weir_memcached_servers weir_memcached_tested;

static inline struct weir_backend *weir_memcached_contract_open(const struct weir_backend_env *env, uint64_t size)
{
	static unsigned opened;
	struct weir_backend_env own = *env;
	struct weir_backend *backend;
	char url[600], why[300];

	(void)size;
	own.drivers = &weir_backend_module;
	(void)snprintf(url, sizeof(url), "%s?prefix=store%u:&total_timeout_ms=5000&read_timeout_ms=5000",
		       weir_memcached_servers_url(&weir_memcached_tested), opened++);
	if (weir_backend_open(url, &own, why, sizeof(why), &backend) == WEIR_OK)
		return backend;
	(void)fprintf(stderr, "%s\n", why);
	return NULL;
}

static inline void weir_memcached_contract_run(struct weir_backend *backend, struct weir_job *jobs)
{
	static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

	pthread_mutex_lock(&turn);
	weir_jobs_execute(backend, jobs);
	pthread_mutex_unlock(&turn);
}

static inline void weir_memcached_contract_advance(int64_t ms)
{
	weir_memcached_servers_turn_ms(&weir_memcached_tested, ms);
}

static inline int weir_memcached_contract_main(const char *name, size_t servers)
{
	int failed;

	if (!weir_memcached_is_there())
		return 0;
	weir_memcached_servers_start(&weir_memcached_tested, servers, NULL);
	failed = weir_contract_main(&(struct weir_contract_driver){
		.name = name,
		.open = weir_memcached_contract_open,
		.run = weir_memcached_contract_run,
		.advance_ms = weir_memcached_contract_advance,
		.granularity_ms = 1000,
		.value_fits = (size_t)1000 * 1024,
		.value_refused = (size_t)1024 * 1024,
	});
	weir_memcached_servers_stop(&weir_memcached_tested);
	return failed;
}

#endif
