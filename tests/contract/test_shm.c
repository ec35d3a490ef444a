/* SPDX-License-Identifier: Apache-2.0
 *
 * The contract for the shm: driver, called directly, on a file of its own.
 */
#include <stdio.h>

#include "contract.h"
#include "support/scratch.h"

static struct weir_scratch scratch;

static struct weir_backend *open_shm(const struct weir_backend_env *env, uint64_t size)
{
	struct weir_backend *backend;
	char url[200], why[300];

	(void)unlink(weir_scratch_file(&scratch, "store.weir1"));
	(void)snprintf(url, sizeof(url), "shm:%s?size=%llu", weir_scratch_file(&scratch, "store"), (unsigned long long)size);
	if (weir_backend_open(url, env, why, sizeof(why), &backend) == WEIR_OK)
		return backend;
	(void)fprintf(stderr, "%s\n", why);
	return NULL;
}

int main(void)
{
	int failed;

	weir_scratch_init(&scratch);
	failed = weir_contract_main(&(struct weir_contract_driver){
		.name = "shm",
		.flags = WEIR_CONTRACT_BOUNDED | WEIR_CONTRACT_COUNTS,
		.open = open_shm,
		.value_fits = WEIR_CONTRACT_SIZE / 4,
		.value_refused = WEIR_CONTRACT_SIZE / 4 + 1,
	});
	weir_scratch_finish(&scratch);
	return failed;
}
