/* SPDX-License-Identifier: Apache-2.0
 *
 * One script does all three verbs: taking must look at who holds the lease, so that the same token may take it again, and the others must
 * not touch one that has passed on.
 */
#include "lease.h"

#include <inttypes.h>
#include <stdio.h>

#include "redis.h"

static void add_lease(struct weir_redis *redis, const struct weir_backend_lease *lease)
{
	static const char *const verbs[] = {
		[WEIR_LEASE_TAKE] = "take",
		[WEIR_LEASE_RENEW] = "renew",
		[WEIR_LEASE_RELEASE] = "release",
	};
	struct weir_redis_batch *batch = &redis->batch;
	struct weir_redis_name name;
	char token[24];

	weir_redis_name(redis->setup.options.prefix, WEIR_REDIS_LEASE, lease->key, &name);
	(void)weir_redis_batch_add_script(batch, &redis->scripts[WEIR_REDIS_SCRIPT_LEASE], 1, 3,
					  weir_redis_slot(weir_redis_name_slice(&name)));
	weir_redis_batch_word(batch, weir_redis_name_slice(&name));
	weir_redis_batch_word(batch, weir_slice_text(verbs[lease->verb]));
	weir_redis_batch_word(batch, weir_slice(token, (size_t)snprintf(token, sizeof(token), "%016" PRIx64, lease->token)));
	weir_redis_batch_number(batch, lease->ttl_ms > 0 ? lease->ttl_ms : 1);
}

static enum weir_status outcome(const struct weir_redis_command *command, enum weir_lease_verb verb)
{
	bool done = command->reply && command->reply->type == REDIS_REPLY_INTEGER && command->reply->integer == 1;

	if (command->status != WEIR_OK)
		return command->status;
	if (done || verb == WEIR_LEASE_RELEASE)
		return WEIR_OK;
	return verb == WEIR_LEASE_TAKE ? WEIR_BUSY : WEIR_MISS;
}

enum weir_status weir_redis_lease_many(void *self, struct weir_backend_lease *leases, size_t count)
{
	struct weir_redis *redis = self;
	enum weir_status status;

	weir_redis_begin(redis);
	for (size_t i = 0; i < count; i++)
		add_lease(redis, &leases[i]);
	status = weir_redis_run(redis, &redis->batch);
	for (size_t i = 0; i < count && status == WEIR_OK; i++)
		leases[i].status = outcome(&redis->batch.commands[i], leases[i].verb);
	return status;
}
