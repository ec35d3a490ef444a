/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract for a driver that is not local, by way of weir_jobs_execute(). The rule for such a driver is that one thread at a time calls
 * it; a lock keeps it here.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "contract.h"
#include "support/slow_backend.h"

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static struct weir_backend *open_slow(const struct weir_backend_env *env, uint64_t size)
{
	struct weir_backend *memory, *backend;
	char url[64], why[200];

	(void)snprintf(url, sizeof(url), "memory:?size=%llu", (unsigned long long)size);
	if (weir_backend_open(url, env, why, sizeof(why), &memory) != WEIR_OK)
		return NULL;
	return weir_slow_backend_create(memory, &backend) ? backend : NULL;
}

static void run_in_turn(struct weir_backend *backend, struct weir_job *jobs)
{
	pthread_mutex_lock(&turn);
	weir_jobs_execute(backend, jobs);
	pthread_mutex_unlock(&turn);
}

int main(void)
{
	return weir_contract_main(&(struct weir_contract_driver){
		.name = "slow_direct",
		.flags = WEIR_CONTRACT_BOUNDED | WEIR_CONTRACT_COUNTS,
		.open = open_slow,
		.run = run_in_turn,
		.value_fits = WEIR_CONTRACT_SIZE / 4,
		.value_refused = WEIR_CONTRACT_SIZE / 4 + 1,
	});
}
