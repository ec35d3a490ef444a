/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as what a Redis server says: hiredis makes replies of them, and whatever they are, all that the driver reads out of replies
 * and records is within its bounds.
 */
#include <string.h>

#include <weir/backend_driver.h>

#include "backends/redis/reply.h"
#include "backends/redis/slot.h"
#include "insist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_endpoint(const struct weir_redis_endpoint *endpoint)
{
	INSIST(memchr(endpoint->host, '\0', sizeof(endpoint->host)));
	INSIST(endpoint->port >= 1 && endpoint->port <= 65535);
}

static void check_range(void *state, const struct weir_redis_slot_range *range)
{
	unsigned *count = state;

	(*count)++;
	INSIST(range->first <= range->last && range->last < WEIR_REDIS_SLOTS);
	check_endpoint(&range->master);
}

static void check_record(struct weir_slice bytes)
{
	struct weir_redis_record record;

	if (!weir_redis_record_parse(bytes, &record))
		return;
	INSIST(record.key.len >= 1 && record.key.len <= WEIR_KEY_MAX);
	INSIST(record.tenure.len == WEIR_REDIS_TENURE_LEN);
	INSIST(WEIR_REDIS_RECORD_HEAD + record.key.len + record.value.len == bytes.len);
	INSIST(record.value.data + record.value.len == bytes.data + bytes.len);
}

static void check_reply(const redisReply *reply)
{
	char tenure[WEIR_REDIS_TENURE_LEN + 1];
	struct weir_redis_verdict verdict;
	unsigned ranges = 0;

	weir_redis_judge(reply, &verdict);
	INSIST((verdict.kind == WEIR_REDIS_ANSWER) == (reply->type != REDIS_REPLY_ERROR));
	INSIST(verdict.kind != WEIR_REDIS_REFUSED || verdict.complaint);
	if (verdict.kind == WEIR_REDIS_MOVED || verdict.kind == WEIR_REDIS_ASK) {
		INSIST(verdict.slot < WEIR_REDIS_SLOTS);
		check_endpoint(&verdict.endpoint);
	}
	if (weir_redis_parse_slots(reply, check_range, &ranges))
		INSIST(reply->type == REDIS_REPLY_ARRAY && ranges == reply->elements);
	if (weir_redis_parse_tenure(reply, tenure))
		INSIST(strlen(tenure) <= WEIR_REDIS_TENURE_LEN);
	(void)weir_redis_parse_config(reply, 0);
	(void)weir_redis_parse_stamp(weir_redis_text(reply));
	check_record(weir_redis_text(reply));
}

/* hiredis makes room for as many elements as are announced. That is its business, and the memory is only reserved. */
static bool announces_much(struct weir_slice bytes)
{
	size_t digits = 0;

	for (size_t i = 0; i < bytes.len && digits < 6; i++)
		digits = bytes.data[i] >= '0' && bytes.data[i] <= '9' ? digits + 1 : 0;
	return digits >= 6 && memchr(bytes.data, '*', bytes.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_slice bytes = weir_slice((const char *)data, size);
	redisReader *reader;
	void *reply = NULL;

	check_record(bytes);
	if (announces_much(bytes))
		return 0;
	reader = redisReaderCreate();
	INSIST(reader);
	(void)redisReaderFeed(reader, (const char *)data, size);
	while (redisReaderGetReply(reader, &reply) == REDIS_OK && reply) {
		check_reply(reply);
		freeReplyObject(reply);
	}
	redisReaderFree(reader);
	return 0;
}
