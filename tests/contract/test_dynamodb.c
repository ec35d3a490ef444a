/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract for the dynamodb: driver, on a server of its own. Every test has a table of its own, which the driver makes.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "contract.h"
#include "support/dynalite.h"

/* An item has 400 KB; about 80 bytes of that are not the value's when the key is short. */
#define VALUE_FITS ((size_t)400 * 1024 - 128)

static struct weir_dynalite dynalite;
static unsigned tables;

/* One thread at a time may call the driver. */
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

static struct weir_backend *open_table(const struct weir_backend_env *env, uint64_t size)
{
	struct weir_backend_env own = *env;
	struct weir_backend *backend;
	char url[512], why[300] = "";

	(void)size;
	own.drivers = &weir_backend_module;
	(void)snprintf(url, sizeof(url),
		       "dynamodb://weir-contract-%d-%u?create=true&total_timeout_ms=20000&read_timeout_ms=10000&endpoint=%s", (int)getpid(),
		       ++tables, dynalite.endpoint);
	if (weir_backend_open(url, &own, why, sizeof(why), &backend) == WEIR_OK &&
	    weir_backend_ops(backend)->check(weir_backend_self(backend), why, sizeof(why)) == WEIR_OK)
		return backend;
	(void)fprintf(stderr, "%s\n", why);
	return NULL;
}

static void run_in_turn(struct weir_backend *backend, struct weir_job *jobs)
{
	pthread_mutex_lock(&turn);
	weir_jobs_execute(backend, jobs);
	pthread_mutex_unlock(&turn);
}

int main(void)
{
	int failed;

	if (!weir_dynalite_is_there())
		return 0;
	weir_dynalite_start(&dynalite, "/dev/null");
	failed = weir_contract_main(&(struct weir_contract_driver){
		.name = "dynamodb",
		.open = open_table,
		.run = run_in_turn,
		.value_fits = VALUE_FITS,
		.value_refused = VALUE_FITS + 128,
	});
	weir_dynalite_stop(&dynalite);
	return failed;
}
