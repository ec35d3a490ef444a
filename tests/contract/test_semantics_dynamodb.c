/* SPDX-License-Identifier: Apache-2.0
 *
 * The cache's semantics on the dynamodb: driver. An empty store is a table of its own, which the driver makes.
 */
#include <stdio.h>
#include <unistd.h>

#include "semantics.h"
#include "support/dynalite.h"

static struct weir_dynalite dynalite;
static char table[64];

static struct weir_backend *join_table(const struct weir_backend_env *env)
{
	struct weir_backend_env own = *env;
	struct weir_backend *backend;
	char url[512], why[300];

	own.drivers = &weir_backend_module;
	(void)snprintf(url, sizeof(url), "dynamodb://%s?create=true&total_timeout_ms=20000&read_timeout_ms=10000&endpoint=%s", table,
		       dynalite.endpoint);
	if (weir_backend_open(url, &own, why, sizeof(why), &backend) == WEIR_OK &&
	    weir_backend_ops(backend)->check(weir_backend_self(backend), why, sizeof(why)) == WEIR_OK)
		return backend;
	(void)fprintf(stderr, "%s\n", why);
	return NULL;
}

static struct weir_backend *open_table(const struct weir_backend_env *env, uint64_t size)
{
	static unsigned opened;

	(void)size;
	(void)snprintf(table, sizeof(table), "weir-semantics-%d-%u", (int)getpid(), ++opened);
	return join_table(env);
}

int main(void)
{
	int failed;

	if (!weir_dynalite_is_there())
		return 0;
	weir_dynalite_start(&dynalite, "/dev/null");
	failed = weir_semantics_main(&(struct weir_contract_driver){ .name = "semantics_dynamodb", .open = open_table }, join_table);
	weir_dynalite_stop(&dynalite);
	return failed;
}
