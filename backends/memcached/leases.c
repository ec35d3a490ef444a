/* SPDX-License-Identifier: Apache-2.0
 *
 * Leases: an item with the holder's token, made by "add", which only one can do. What only its holder may do is a "cas" on what was seen
 * there. A lease ends by memcached's own clock, so it is up to two seconds longer than asked for, and never shorter.
 *
 * One round trip for those taken anew or held by somebody else; a second for those that are renewed, released, or taken again by their
 * holder. While servers come and go a lease can be held twice, by hosts that differ on who is in service: then a value is made twice.
 */
#include "memcached.h"
#include "record.h"

struct attempt {
	struct weir_backend_lease *lease;
	struct weir_slice name;
	struct weir_memcached_op *add, *seen, *change; /* as far as there are such */
};

static struct weir_memcached_op *queue_record(struct weir_memcached *store, const struct attempt *attempt,
					      struct weir_memcached_command command)
{
	char *text = weir_pool_bytes(store->pool, WEIR_MEMCACHED_LEASE_LEN + 1);

	if (text) {
		weir_memcached_lease_write(text, attempt->lease->token);
		command.head = weir_slice(text, WEIR_MEMCACHED_LEASE_LEN);
	}
	command.name = attempt->name;
	return weir_memcached_queue(store, weir_memcached_node_of(store, attempt->name), &command);
}

static void ask(struct weir_memcached *store, struct attempt *attempt)
{
	struct weir_backend_lease *lease = attempt->lease;

	lease->status = WEIR_OK;
	if (lease->verb == WEIR_LEASE_TAKE)
		attempt->add = queue_record(store, attempt,
					    (struct weir_memcached_command){ .verb = WEIR_MEMCACHED_ADD,
									     .lifetime_s = weir_memcached_lifetime(lease->ttl_ms) });
	attempt->seen = weir_memcached_queue_get(store, weir_memcached_node_of(store, attempt->name), attempt->name);
}

static bool is_answered(const struct weir_memcached_op *op)
{
	return op->result == WEIR_MEMCACHED_YES || op->result == WEIR_MEMCACHED_NO;
}

/* Queues what only the holder may do. */
static void change(struct weir_memcached *store, struct attempt *attempt)
{
	const struct weir_backend_lease *lease = attempt->lease;
	struct weir_memcached_command command = { .verb = WEIR_MEMCACHED_CAS, .cas = attempt->seen->number };

	command.lifetime_s = lease->verb == WEIR_LEASE_RELEASE ? WEIR_MEMCACHED_LIFETIME_OVER : weir_memcached_lifetime(lease->ttl_ms);
	attempt->change = queue_record(store, attempt, command);
}

/* After the first round trip: decides, or queues a change. */
static void look(struct weir_memcached *store, struct attempt *attempt)
{
	struct weir_backend_lease *lease = attempt->lease;
	uint64_t holder = weir_memcached_lease_read(weir_memcached_found(attempt->seen));

	if (!is_answered(attempt->seen) || (attempt->add && !is_answered(attempt->add)))
		lease->status = weir_memcached_failure(weir_memcached_node_of(store, attempt->name));
	else if (attempt->add && attempt->add->result == WEIR_MEMCACHED_YES)
		lease->status = WEIR_OK;
	else if (holder == lease->token)
		change(store, attempt);
	else if (attempt->add && holder == 0 && attempt->seen->result == WEIR_MEMCACHED_YES)
		change(store, attempt); /* something there is no lease: whoever replaces it holds it */
	else if (lease->verb != WEIR_LEASE_RELEASE)
		lease->status = attempt->add ? WEIR_BUSY : WEIR_MISS;
}

/* After the second: somebody else may have been faster. */
static void conclude(struct weir_memcached *store, struct attempt *attempt)
{
	struct weir_backend_lease *lease = attempt->lease;

	if (!attempt->change)
		return;
	if (!is_answered(attempt->change))
		lease->status = weir_memcached_failure(weir_memcached_node_of(store, attempt->name));
	else if (attempt->change->result == WEIR_MEMCACHED_NO && lease->verb != WEIR_LEASE_RELEASE)
		lease->status = lease->verb == WEIR_LEASE_TAKE ? WEIR_BUSY : WEIR_MISS;
}

static bool is_among(const struct attempt *attempts, size_t count, struct weir_slice name)
{
	for (size_t i = 0; i < count; i++)
		if (weir_slice_equal(attempts[i].name, name))
			return true;
	return false;
}

/* Asks for the first of them that are about different keys, so that their order does not matter; returns how many. */
static size_t ask_some(struct weir_memcached *store, struct attempt *attempts, struct weir_backend_lease *leases, size_t count)
{
	size_t asked = 0;

	for (; asked < count; asked++) {
		struct weir_slice name = weir_memcached_name(store, 'l', leases[asked].key);

		if (is_among(attempts, asked, name))
			break;
		attempts[asked] = (struct attempt){ .lease = &leases[asked], .name = name };
		ask(store, &attempts[asked]);
	}
	return asked;
}

/* An exchange that did not take place is a failure of each lease that it was for, and of no other. */
static void run_some(struct weir_memcached *store, struct attempt *attempts, size_t count)
{
	enum weir_status status = weir_memcached_exchange(store);
	bool any = false;

	for (size_t i = 0; i < count; i++) {
		if (status == WEIR_OK)
			look(store, &attempts[i]);
		else
			attempts[i].lease->status = status;
		any = any || attempts[i].change;
	}
	if (!any)
		return;
	status = weir_memcached_exchange(store);
	for (size_t i = 0; i < count; i++) {
		if (status == WEIR_OK)
			conclude(store, &attempts[i]);
		else if (attempts[i].change)
			attempts[i].lease->status = status;
	}
}

enum weir_status weir_memcached_lease_many(void *self, struct weir_backend_lease *leases, size_t count)
{
	struct weir_memcached *store = self;
	struct attempt *attempts;

	weir_memcached_begin(store);
	attempts = weir_pool_zalloc(store->pool, count * sizeof(*attempts));
	for (size_t done = 0, asked; attempts && done < count; done += asked) {
		asked = ask_some(store, attempts, leases + done, count - done);
		run_some(store, attempts, asked);
	}
	weir_memcached_end(store);
	return attempts ? WEIR_OK : WEIR_ERR_MEMORY;
}
