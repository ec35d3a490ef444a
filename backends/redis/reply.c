/* SPDX-License-Identifier: Apache-2.0
 *
 * Reads what servers say in words. Error texts are matched by their first word, which is what Redis promises to keep.
 */
#include "reply.h"

#include "slot.h"

struct weir_slice weir_redis_text(const redisReply *reply)
{
	if (!reply || (reply->type != REDIS_REPLY_STRING && reply->type != REDIS_REPLY_STATUS && reply->type != REDIS_REPLY_ERROR))
		return WEIR_SLICE_NONE;
	return weir_slice(reply->str, (size_t)reply->len);
}

/* -- Errors ---------------------------------------------------------------------------------------------------------------- */

/* "3999 127.0.0.1:6381": the last ':' parts host and port, for IPv6 addresses come bare. */
static bool parse_place(struct weir_slice rest, struct weir_redis_verdict *verdict)
{
	struct weir_slice slot = weir_slice_cut(&rest, ' '), place = rest.data ? weir_slice_cut(&rest, ' ') : WEIR_SLICE_NONE;
	size_t colon = place.len;
	uint64_t number, port;

	while (colon > 0 && place.data[colon - 1] != ':')
		colon--;
	if (colon == 0 || weir_slice_to_u64(slot, WEIR_REDIS_SLOTS - 1, &number) != WEIR_OK ||
	    weir_slice_to_u64(weir_slice_from(place, colon), 65535, &port) != WEIR_OK || port == 0 ||
	    colon > sizeof(verdict->endpoint.host))
		return false;
	memcpy(verdict->endpoint.host, place.data, colon - 1);
	verdict->endpoint.host[colon - 1] = '\0';
	verdict->endpoint.port = (unsigned)port;
	verdict->slot = (unsigned)number;
	return true;
}

struct complaint {
	const char *word, *text;
	bool elsewhere;
};

static const struct complaint complaints[] = {
	{ "NOAUTH", "wants a password", false },
	{ "WRONGPASS", "refuses user or password", false },
	{ "NOPERM", "does not permit the user what is needed (commands, or names that begin with the prefix)", false },
	{ "OOM", "its memory is full", false },
	{ "MISCONF", "takes no writes, since it cannot save its data", false },
	{ "NOREPLICAS", "takes no writes, since it has too few replicas", false },
	{ "READONLY", "is a replica of another server", true },
	{ "MASTERDOWN", "is a replica without its master", true },
	{ "CLUSTERDOWN", "the cluster is down", true },
	{ "LOADING", "is still loading its data", false },
	{ "BUSY", "is busy with somebody's script", false },
};

static const struct complaint *find_complaint(struct weir_slice word)
{
	static const struct complaint any = { "", "answers with an error", false };

	for (size_t i = 0; i < sizeof(complaints) / sizeof(complaints[0]); i++)
		if (weir_slice_equal(word, weir_slice_text(complaints[i].word)))
			return &complaints[i];
	return &any;
}

static enum weir_redis_verdict_kind judge_error(struct weir_slice text, struct weir_redis_verdict *verdict)
{
	struct weir_slice rest = text, word = weir_slice_cut(&rest, ' ');
	const struct complaint *complaint = find_complaint(word);

	verdict->complaint = complaint->text;
	verdict->elsewhere = complaint->elsewhere;
	verdict->full = weir_slice_equal(word, WEIR_SLICE_LITERAL("OOM"));
	if (weir_slice_equal(word, WEIR_SLICE_LITERAL("MOVED")))
		return parse_place(rest, verdict) ? WEIR_REDIS_MOVED : WEIR_REDIS_REFUSED;
	if (weir_slice_equal(word, WEIR_SLICE_LITERAL("ASK")))
		return parse_place(rest, verdict) ? WEIR_REDIS_ASK : WEIR_REDIS_REFUSED;
	if (weir_slice_equal(word, WEIR_SLICE_LITERAL("TRYAGAIN")))
		return WEIR_REDIS_TRYAGAIN;
	if (weir_slice_equal(word, WEIR_SLICE_LITERAL("NOSCRIPT")))
		return WEIR_REDIS_NOSCRIPT;
	return weir_slice_equal(word, WEIR_SLICE_LITERAL("WRONGTYPE")) ? WEIR_REDIS_ALIEN : WEIR_REDIS_REFUSED;
}

void weir_redis_judge(const redisReply *reply, struct weir_redis_verdict *verdict)
{
	*verdict = (struct weir_redis_verdict){ .kind = WEIR_REDIS_REFUSED, .complaint = "answers with nothing" };
	if (reply && reply->type != REDIS_REPLY_ERROR)
		verdict->kind = WEIR_REDIS_ANSWER;
	else if (reply)
		verdict->kind = judge_error(weir_redis_text(reply), verdict);
}

/* -- INFO, CONFIG, stamps -------------------------------------------------------------------------------------------------- */

/* What follows "\nNAME:" up to the end of the line; absent when there is none. */
static struct weir_slice find_field(struct weir_slice text, const char *name)
{
	struct weir_slice wanted = weir_slice_text(name);

	while (text.data) {
		struct weir_slice line = weir_slice_cut(&text, '\n'), value = line, field = weir_slice_cut(&value, ':');

		if (value.data && weir_slice_equal(field, wanted))
			return weir_slice(value.data, weir_slice_find(value, '\r'));
	}
	return WEIR_SLICE_NONE;
}

bool weir_redis_parse_tenure(const redisReply *reply, char tenure[WEIR_REDIS_TENURE_LEN + 1])
{
	struct weir_slice info = reply && reply->type == REDIS_REPLY_STRING ? weir_redis_text(reply) : WEIR_SLICE_NONE;
	struct weir_slice role = find_field(info, "role"), id = find_field(info, "master_replid");

	tenure[0] = '\0';
	if (!role.data || id.len < WEIR_REDIS_TENURE_LEN)
		return false;
	if (!weir_slice_equal(role, WEIR_SLICE_LITERAL("master")))
		return true;
	memcpy(tenure, id.data, WEIR_REDIS_TENURE_LEN);
	tenure[WEIR_REDIS_TENURE_LEN] = '\0';
	return true;
}

uint64_t weir_redis_parse_config(const redisReply *reply, uint64_t otherwise)
{
	uint64_t number;

	if (!reply || reply->type != REDIS_REPLY_ARRAY || reply->elements != 2 ||
	    weir_slice_to_u64(weir_redis_text(reply->element[1]), UINT64_MAX, &number) != WEIR_OK)
		return otherwise;
	return number;
}

uint64_t weir_redis_parse_stamp(struct weir_slice text)
{
	uint64_t stamp = 0;

	if (text.len != 16)
		return 0;
	for (size_t i = 0; i < text.len; i++) {
		char digit = text.data[i];

		if (digit >= '0' && digit <= '9')
			stamp = stamp << 4 | (uint64_t)(digit - '0');
		else if (digit >= 'a' && digit <= 'f')
			stamp = stamp << 4 | (uint64_t)(digit - 'a' + 10);
		else
			return 0;
	}
	return stamp;
}

/* -- CLUSTER SLOTS --------------------------------------------------------------------------------------------------------- */

static bool parse_number(const redisReply *reply, long long max, unsigned *number)
{
	if (reply->type != REDIS_REPLY_INTEGER || reply->integer < 0 || reply->integer > max)
		return false;
	*number = (unsigned)reply->integer;
	return true;
}

/* [host, port, …]. A host that is empty or nil means whom one has asked; "?" means that nobody knows it. */
static bool parse_node(const redisReply *reply, struct weir_redis_endpoint *endpoint)
{
	struct weir_slice host;

	if (reply->type != REDIS_REPLY_ARRAY || reply->elements < 2 || !parse_number(reply->element[1], 65535, &endpoint->port))
		return false;
	host = weir_redis_text(reply->element[0]);
	if (reply->element[0]->type != REDIS_REPLY_NIL && !host.data)
		return false;
	if (host.len >= sizeof(endpoint->host) || memchr(host.data ? host.data : "", '\0', host.len) ||
	    weir_slice_equal(host, WEIR_SLICE_LITERAL("?")))
		return false;
	if (host.len > 0)
		memcpy(endpoint->host, host.data, host.len);
	endpoint->host[host.len] = '\0';
	return endpoint->port != 0;
}

static bool parse_range(const redisReply *reply, struct weir_redis_slot_range *range)
{
	return reply->type == REDIS_REPLY_ARRAY && reply->elements >= 3 &&
	       parse_number(reply->element[0], WEIR_REDIS_SLOTS - 1, &range->first) &&
	       parse_number(reply->element[1], WEIR_REDIS_SLOTS - 1, &range->last) && range->first <= range->last &&
	       parse_node(reply->element[2], &range->master);
}

bool weir_redis_parse_slots(const redisReply *reply, void (*take)(void *state, const struct weir_redis_slot_range *range), void *state)
{
	if (!reply || reply->type != REDIS_REPLY_ARRAY)
		return false;
	for (size_t i = 0; i < reply->elements; i++) {
		struct weir_redis_slot_range range;

		if (!parse_range(reply->element[i], &range))
			return false;
		take(state, &range);
	}
	return true;
}
