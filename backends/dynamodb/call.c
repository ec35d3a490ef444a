/* SPDX-License-Identifier: Apache-2.0
 *
 * From a list of calls to a list of replies: sign, send, judge what came, and send again what was throttled or lost on the way.
 */
#include "call.h"

#include <json-c/json.h>
#include <stdio.h>

#include <weir/json.h>

#include "reply.h"
#include "table.h"

/* 16 MB is what one answer holds at most, before its values become base64. */
#define REPLY_MAX ((size_t)32 * 1024 * 1024)

#define MESSAGE_MAX 150

void weir_dynamodb_call_init(struct weir_dynamodb_call *call, const char *operation)
{
	*call = (struct weir_dynamodb_call){ .operation = operation };
	weir_buffer_init(&call->body, 0);
}

void weir_dynamodb_calls_finish(struct weir_dynamodb_call *calls, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		weir_buffer_finish(&calls[i].body);
		json_object_put(calls[i].reply);
		calls[i].reply = NULL;
	}
}

/* -- What an answer means -------------------------------------------------------------------------------------------------- */

static const struct known_error {
	const char *name;
	enum weir_dynamodb_verdict verdict;
	const char *hint; /* for people; NULL: none */
} known_errors[] = {
	{ "ConditionalCheckFailedException", WEIR_DYNAMODB_REFUSED, NULL },
	{ "ResourceInUseException", WEIR_DYNAMODB_REFUSED, NULL },
	{ "ResourceNotFoundException", WEIR_DYNAMODB_NO_TABLE, "there is no such table; create=true makes one" },
	{ "ExpiredTokenException", WEIR_DYNAMODB_EXPIRED, "the credentials have expired" },
	{ "ProvisionedThroughputExceededException", WEIR_DYNAMODB_AGAIN, "throttled" },
	{ "ThrottlingException", WEIR_DYNAMODB_AGAIN, "throttled" },
	{ "RequestLimitExceeded", WEIR_DYNAMODB_AGAIN, "throttled" },
	{ "LimitExceededException", WEIR_DYNAMODB_AGAIN, "throttled" },
	{ "UnrecognizedClientException", WEIR_DYNAMODB_FAILED, "the access key is not known" },
	{ "InvalidSignatureException", WEIR_DYNAMODB_FAILED, "the secret key, or this machine's clock, is wrong" },
	{ "AccessDeniedException", WEIR_DYNAMODB_FAILED, "not with these credentials" },
};

static const struct known_error *find_error(const char *name)
{
	for (size_t i = 0; i < sizeof(known_errors) / sizeof(known_errors[0]); i++)
		if (strcmp(name, known_errors[i].name) == 0)
			return &known_errors[i];
	return NULL;
}

enum weir_dynamodb_verdict weir_dynamodb_judge(long code, const char *error_name)
{
	const struct known_error *known = find_error(error_name);

	if (known)
		return known->verdict;
	return code >= 500 || code == 429 ? WEIR_DYNAMODB_AGAIN : WEIR_DYNAMODB_FAILED;
}

/* A validation's message is told, it speaks of what the driver has asked; others may repeat what was signed, session token included. */
static void note_error(struct weir_dynamodb_client *client, const char *operation, long code, struct json_object *reply)
{
	struct weir_slice message = weir_dynamodb_error_message(reply);
	char name[WEIR_DYNAMODB_ERROR_MAX];
	const struct known_error *known;

	weir_dynamodb_error_name(reply, name);
	known = find_error(name);
	if (known && known->hint)
		weir_dynamodb_note(client, "%s: %s: %s", operation, name, known->hint);
	else if (strcmp(name, "ValidationException") == 0 && message.len > 0)
		weir_dynamodb_note(client, "%s: %s: %.*s", operation, name, (int)(message.len < MESSAGE_MAX ? message.len : MESSAGE_MAX),
				   message.data);
	else
		weir_dynamodb_note(client, "%s: status %ld%s%s", operation, code, name[0] ? ", " : "", name);
}

/* -- A run of calls -------------------------------------------------------------------------------------------------------- */

struct shot {
	struct weir_dynamodb_call *call;
	struct weir_dynamodb_transfer transfer;
	const char *headers[4];
	char target[64];
	struct weir_buffer reply;
};

struct run {
	struct weir_dynamodb_client *client;
	struct shot *shots;
	size_t count;
	struct weir_dynamodb_transfer **pending; /* of those that are still to be done */
	size_t left;
	bool wants_table;
	bool renews, renewed; /* new credentials, or a new table: are asked for; were asked for, which is done once */
	struct weir_dynamodb_backoff backoff;
};

/* The transfer is a part of its shot. */
static struct shot *shot_of(struct weir_dynamodb_transfer *transfer)
{
	return (struct shot *)(void *)((char *)transfer - offsetof(struct shot, transfer));
}

/* True: it is to be sent again. */
static bool take_error(struct run *run, struct weir_dynamodb_call *call, long code, struct json_object *reply)
{
	char name[WEIR_DYNAMODB_ERROR_MAX];
	bool renews = false;

	weir_dynamodb_error_name(reply, name);
	call->status = WEIR_ERR_BACKEND;
	switch (weir_dynamodb_judge(code, name)) {
	case WEIR_DYNAMODB_REFUSED:
		call->status = WEIR_BUSY;
		return false;
	case WEIR_DYNAMODB_EXPIRED:
		weir_dynamodb_credentials_forget(run->client->credentials);
		renews = true;
		break;
	case WEIR_DYNAMODB_NO_TABLE:
		run->client->table_ready = false;
		call->status = run->wants_table ? WEIR_ERR_BACKEND : WEIR_MISS;
		renews = run->wants_table && run->client->options.create;
		break;
	case WEIR_DYNAMODB_AGAIN:
		note_error(run->client, call->operation, code, reply);
		return true;
	case WEIR_DYNAMODB_FAILED:
		break;
	}
	note_error(run->client, call->operation, code, reply);
	run->renews = run->renews || renews;
	return renews && !run->renewed;
}

static bool take_reply(struct run *run, struct shot *shot)
{
	long code = shot->transfer.code;
	struct json_object *reply = NULL;
	bool is_json = weir_json_parse(weir_buffer_slice(&shot->reply), WEIR_JSON_DEPTH, &reply, NULL) == WEIR_OK, again = false;

	if (code == 200 && is_json) {
		shot->call->status = WEIR_OK;
		shot->call->reply = reply;
		return false;
	}
	if (code == 200) {
		weir_dynamodb_note(run->client, "%s: the answer is no JSON", shot->call->operation);
		shot->call->status = WEIR_ERR_BACKEND;
	} else {
		again = take_error(run, shot->call, code, reply);
	}
	json_object_put(reply);
	return again;
}

static bool take_result(struct run *run, struct shot *shot)
{
	struct weir_dynamodb_client *client = run->client;
	const struct weir_dynamodb_transfer *transfer = &shot->transfer;

	if (transfer->status != WEIR_OK) {
		weir_dynamodb_note(client, "%s: %s", shot->call->operation, transfer->failure);
		/* What was throttled until the time was over did not time out: the server is there. */
		if (transfer->status != WEIR_ERR_TIMEOUT || shot->call->status != WEIR_ERR_BACKEND)
			shot->call->status = transfer->status;
		return transfer->broken || transfer->status == WEIR_ERR_TIMEOUT;
	}
	if (transfer->sighting.date_s > 0)
		client->skew_ms = weir_dynamodb_skew_learn(client->skew_ms, &transfer->sighting);
	return take_reply(run, shot);
}

/* Takes the results of all that were sent; keeps those that are to be sent again. */
static void take_results(struct run *run)
{
	size_t sent = run->left;

	run->left = 0;
	for (size_t i = 0; i < sent; i++) {
		struct weir_dynamodb_transfer *transfer = run->pending[i];

		if (take_result(run, shot_of(transfer)))
			run->pending[run->left++] = transfer;
		weir_buffer_finish(transfer->reply);
	}
	run->renewed = run->renews;
}

static void prepare(struct run *run, const struct weir_dynamodb_signer *signer, const char *session)
{
	for (size_t i = 0; i < run->left; i++) {
		struct shot *shot = shot_of(run->pending[i]);

		shot->headers[0] = "Content-Type: application/x-amz-json-1.0";
		shot->headers[1] = shot->target;
		shot->headers[2] = session;
		shot->transfer = (struct weir_dynamodb_transfer){
			.url = run->client->options.endpoint,
			.headers = shot->headers,
			.body = weir_buffer_slice(&shot->call->body),
			.signer = signer,
			.reply = &shot->reply,
		};
	}
}

/* One attempt at all that are left. A failure here is one for all of them. */
static enum weir_status attempt(struct run *run)
{
	struct weir_dynamodb_client *client = run->client;
	int64_t deadline_ms = run->backoff.deadline_ms;
	struct weir_dynamodb_signer signer = { .region = client->options.region };
	const struct weir_dynamodb_found *found;
	const char *session = NULL, *why;
	enum weir_status status = WEIR_OK;

	if (run->wants_table && client->options.create && !client->table_ready)
		status = weir_dynamodb_table_make(client, deadline_ms);
	if (status != WEIR_OK)
		return status;
	status = weir_dynamodb_credentials_get(client->credentials, client->http, deadline_ms, &found, &why);
	if (status != WEIR_OK) {
		weir_dynamodb_note(client, "%s", why);
		return status;
	}
	signer.secret = &found->secret;
	if (found->secret.session_token)
		session = weir_pool_printf(client->pool, "X-Amz-Security-Token: %s", found->secret.session_token);
	if (weir_pool_overflowed(client->pool))
		return WEIR_ERR_MEMORY;
	prepare(run, &signer, session);
	weir_dynamodb_http_run(client->http, run->pending, run->left, deadline_ms);
	take_results(run);
	return WEIR_OK;
}

static bool begin(struct run *run, struct weir_dynamodb_call *calls)
{
	struct weir_pool *pool = run->client->pool;

	run->shots = weir_pool_zalloc(pool, run->count * sizeof(run->shots[0]));
	run->pending = weir_pool_alloc(pool, run->count * sizeof(struct weir_dynamodb_transfer *));
	if (!run->shots || !run->pending)
		return false;
	for (; run->left < run->count; run->left++) {
		struct shot *shot = &run->shots[run->left];

		shot->call = &calls[run->left];
		weir_buffer_init(&shot->reply, REPLY_MAX);
		(void)snprintf(shot->target, sizeof(shot->target), "X-Amz-Target: DynamoDB_20120810.%s", shot->call->operation);
		run->pending[run->left] = &shot->transfer;
		if (shot->call->body.overflowed)
			return false;
	}
	return true;
}

static enum weir_status perform(struct run *run, struct weir_dynamodb_call *calls)
{
	enum weir_status status = WEIR_OK;

	if (!begin(run, calls)) {
		for (size_t i = 0; i < run->count; i++)
			calls[i].status = WEIR_ERR_MEMORY;
		return WEIR_ERR_MEMORY;
	}
	while (status == WEIR_OK && run->left > 0) {
		status = attempt(run);
		if (status == WEIR_OK && run->left > 0 && !weir_dynamodb_backoff_wait(&run->backoff))
			break;
	}
	for (size_t i = 0; status != WEIR_OK && i < run->left; i++)
		shot_of(run->pending[i])->call->status = status;
	for (size_t i = 0; i < run->count && status == WEIR_OK; i++)
		if (calls[i].status < 0)
			status = calls[i].status;
	return status;
}

enum weir_status weir_dynamodb_run(struct weir_dynamodb_client *client, struct weir_dynamodb_call *calls, size_t count, int64_t deadline_ms)
{
	struct run run = { .client = client, .count = count, .wants_table = true, .backoff = { .deadline_ms = deadline_ms } };
	enum weir_status status = perform(&run, calls);

	weir_dynamodb_report(client, status < 0);
	return status;
}

enum weir_status weir_dynamodb_run_on_table(struct weir_dynamodb_client *client, struct weir_dynamodb_call *call, int64_t deadline_ms)
{
	struct run run = { .client = client, .count = 1, .backoff = { .deadline_ms = deadline_ms } };

	return perform(&run, call);
}
