/* SPDX-License-Identifier: Apache-2.0
 *
 * What the contract's programs for Redis have in common: the driver is linked in, and called by one thread at a time.
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

#endif
