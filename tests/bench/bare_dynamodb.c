/* SPDX-License-Identifier: Apache-2.0
 *
 * DynamoDB by libcurl, which also signs: one connection, one request after the other. What comes back is measured, not parsed.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <weir/buffer.h>

#include "bare_client.h"

struct dynamodb {
	CURL *curl;
	char table[32];
	unsigned count;
	struct weir_buffer request, answer;
};

static size_t take(char *data, size_t size, size_t count, void *answer)
{
	weir_buffer_append(answer, data, size * count);
	return size * count;
}

/* `request` is the body; afterwards `answer` is what came. */
static void perform(struct dynamodb *dynamodb, const char *operation)
{
	char target[64];
	struct curl_slist *fields = curl_slist_append(NULL, "Content-Type: application/x-amz-json-1.0");
	long status = 0;

	snprintf(target, sizeof(target), "X-Amz-Target: DynamoDB_20120810.%s", operation);
	fields = curl_slist_append(fields, target);
	weir_buffer_clear(&dynamodb->answer);
	curl_easy_setopt(dynamodb->curl, CURLOPT_HTTPHEADER, fields);
	curl_easy_setopt(dynamodb->curl, CURLOPT_POSTFIELDS, dynamodb->request.data);
	curl_easy_setopt(dynamodb->curl, CURLOPT_POSTFIELDSIZE, (long)dynamodb->request.len);
	bare_need(curl_easy_perform(dynamodb->curl) == CURLE_OK, "dynamodb: no answer");
	curl_easy_getinfo(dynamodb->curl, CURLINFO_RESPONSE_CODE, &status);
	bare_need(status == 200, operation);
	curl_slist_free_all(fields);
}

/* A new one, which is there when it says that it is active. */
static void create_table(struct dynamodb *dynamodb)
{
	weir_buffer_printf(&dynamodb->request,
			   "{\"TableName\":\"%s\",\"BillingMode\":\"PAY_PER_REQUEST\","
			   "\"AttributeDefinitions\":[{\"AttributeName\":\"k\",\"AttributeType\":\"S\"}],"
			   "\"KeySchema\":[{\"AttributeName\":\"k\",\"KeyType\":\"HASH\"}]}",
			   dynamodb->table);
	perform(dynamodb, "CreateTable");
	weir_buffer_clear(&dynamodb->request);
	weir_buffer_printf(&dynamodb->request, "{\"TableName\":\"%s\"}", dynamodb->table);
	do
		perform(dynamodb, "DescribeTable");
	while (!memmem(dynamodb->answer.data, dynamodb->answer.len, "ACTIVE", strlen("ACTIVE")));
}

static void put(struct dynamodb *dynamodb, unsigned number)
{
	weir_buffer_clear(&dynamodb->request);
	weir_buffer_printf(&dynamodb->request, "{\"TableName\":\"%s\",\"Item\":{\"k\":{\"S\":\"%u\"},\"v\":{\"S\":\"%.*s\"}}}",
			   dynamodb->table, number, (int)sizeof(bare_value), bare_value);
	perform(dynamodb, "PutItem");
}

static void name_all(struct dynamodb *dynamodb)
{
	weir_buffer_clear(&dynamodb->request);
	weir_buffer_printf(&dynamodb->request, "{\"RequestItems\":{\"%s\":{\"Keys\":[", dynamodb->table);
	for (unsigned i = 0; i < dynamodb->count; i++)
		weir_buffer_printf(&dynamodb->request, "%s{\"k\":{\"S\":\"%u\"}}", i > 0 ? "," : "", i);
	weir_buffer_append_text(&dynamodb->request, "]}}}");
}

static void *store(const char *address, unsigned count)
{
	static struct dynamodb only;
	struct dynamodb *dynamodb = &only;

	dynamodb->curl = curl_easy_init();
	bare_need(dynamodb->curl, "memory");
	weir_buffer_init(&dynamodb->request, 0);
	weir_buffer_init(&dynamodb->answer, 0);
	snprintf(dynamodb->table, sizeof(dynamodb->table), "bare-%d", (int)getpid());
	dynamodb->count = count;
	curl_easy_setopt(dynamodb->curl, CURLOPT_URL, address);
	curl_easy_setopt(dynamodb->curl, CURLOPT_AWS_SIGV4, "aws:amz:eu-west-1:dynamodb");
	curl_easy_setopt(dynamodb->curl, CURLOPT_USERPWD, "test:secret");
	curl_easy_setopt(dynamodb->curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(dynamodb->curl, CURLOPT_WRITEDATA, &dynamodb->answer);
	create_table(dynamodb);
	for (unsigned i = 0; i < count; i++)
		put(dynamodb, i);
	name_all(dynamodb);
	return dynamodb;
}

static void get(void *self)
{
	struct dynamodb *dynamodb = self;

	perform(dynamodb, "BatchGetItem");
	bare_need(dynamodb->answer.len > (size_t)dynamodb->count * sizeof(bare_value), "dynamodb: not there");
}

const struct bare_kind bare_dynamodb = { .name = "dynamodb", .store = store, .get = get };
