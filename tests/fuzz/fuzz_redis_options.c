/* SPDX-License-Identifier: Apache-2.0
 *
 * Any text as the URL of a Redis backend: what is taken keeps to its bounds, and what is refused is refused with a reason.
 */
#include <string.h>

#include <weir/pool.h>
#include <weir/query.h>

#include "backends/redis/options.h"
#include "insist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct weir_redis_options *options)
{
	INSIST(options->seed_count >= 1 && options->seed_count <= (options->cluster ? WEIR_REDIS_SEEDS_MAX : 1));
	for (size_t i = 0; i < options->seed_count; i++)
		INSIST(options->seeds[i].host[0] != '\0' && options->seeds[i].port <= 65535);
	INSIST(weir_redis_prefix_valid(options->prefix));
	INSIST(options->user[0] == '\0' || options->password[0] != '\0');
	INSIST(!options->cluster || (options->db == 0 && options->reader.host[0] == '\0'));
	INSIST(options->connect_timeout_ms > 0 && options->read_timeout_ms > 0 && options->total_timeout_ms > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const schemes[] = { "redis", "redis+unix", "redis+cluster" };
	struct weir_slice rest = weir_slice((const char *)data, size), path;
	struct weir_pool *pool = weir_pool_create(0);
	struct weir_redis_options options;
	struct weir_query query;
	char why[200] = "";

	if (size == 0 || memchr(data, '\0', size) || !pool)
		goto out;
	rest = weir_slice_from(rest, 1);
	path = weir_slice_cut(&rest, '?');
	if (weir_query_parse(pool, rest, 0, &query) == WEIR_OK) {
		struct weir_backend_url url = { schemes[data[0] % 3], weir_pool_dup(pool, path).data, &query };
		enum weir_status status = weir_redis_options_parse(&url, &options, why, sizeof(why));

		INSIST(status == WEIR_OK || (status == WEIR_ERR_CONFIG && why[0] != '\0'));
		if (status == WEIR_OK)
			check(&options);
	}
out:
	weir_pool_destroy(pool);
	return 0;
}
