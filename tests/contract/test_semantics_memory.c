/* SPDX-License-Identifier: Apache-2.0
 *
 * The cache's semantics on the memory: driver.
 */
#include <stdio.h>

#include "semantics.h"

static struct weir_backend *open_memory(const struct weir_backend_env *env, uint64_t size)
{
	struct weir_backend *backend;
	char url[64], why[200];

	(void)snprintf(url, sizeof(url), "memory:?size=%llu", (unsigned long long)size);
	if (weir_backend_open(url, env, why, sizeof(why), &backend) == WEIR_OK)
		return backend;
	(void)fprintf(stderr, "%s\n", why);
	return NULL;
}

int main(void)
{
	return weir_semantics_main(&(struct weir_contract_driver){ .name = "semantics_memory", .open = open_memory }, NULL);
}
