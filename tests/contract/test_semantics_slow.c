/* SPDX-License-Identifier: Apache-2.0
 *
 * The cache's semantics on a driver that is not local, without a server: the same memory, asked by jobs.
 */
#include <stdio.h>

#include "semantics.h"
#include "support/slow_backend.h"

static struct weir_backend *open_slow(const struct weir_backend_env *env, uint64_t size)
{
	struct weir_backend *memory, *backend;
	char url[64], why[200];

	(void)snprintf(url, sizeof(url), "memory:?size=%llu", (unsigned long long)size);
	if (weir_backend_open(url, env, why, sizeof(why), &memory) != WEIR_OK)
		return NULL;
	return weir_slow_backend_create(memory, &backend) ? backend : NULL;
}

int main(void)
{
	return weir_semantics_main(&(struct weir_contract_driver){ .name = "semantics_slow", .open = open_slow }, NULL);
}
