/* SPDX-License-Identifier: Apache-2.0
 *
 * The cache's semantics on the shm: driver: two hosts are two users of one file.
 */
#include <stdio.h>

#include "semantics.h"
#include "support/scratch.h"

static struct weir_scratch scratch;

static struct weir_backend *join_shm(const struct weir_backend_env *env)
{
	struct weir_backend *backend;
	char url[200], why[300];

	(void)snprintf(url, sizeof(url), "shm:%s?size=%llu", weir_scratch_file(&scratch, "store"), (unsigned long long)WEIR_CONTRACT_SIZE);
	if (weir_backend_open(url, env, why, sizeof(why), &backend) == WEIR_OK)
		return backend;
	(void)fprintf(stderr, "%s\n", why);
	return NULL;
}

static struct weir_backend *open_shm(const struct weir_backend_env *env, uint64_t size)
{
	(void)size;
	(void)unlink(weir_scratch_file(&scratch, "store.weir1"));
	return join_shm(env);
}

int main(void)
{
	int failed;

	weir_scratch_init(&scratch);
	failed = weir_semantics_main(&(struct weir_contract_driver){ .name = "semantics_shm", .open = open_shm }, join_shm);
	weir_scratch_finish(&scratch);
	return failed;
}
