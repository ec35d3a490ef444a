/* SPDX-License-Identifier: Apache-2.0
 *
 * Credentials that are lent: by the agent of a container, or by the metadata service of a machine.
 */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <weir/json.h>

#include "credentials.h"
#include "reply.h"

#define REPLY_MAX ((size_t)64 * 1024)
#define TOKEN_MAX ((size_t)8 * 1024)

#define CONTAINER_HOST "http://169.254.170.2"
#define MACHINE_HOST "http://169.254.169.254"
#define ROLES "/latest/meta-data/iam/security-credentials/"

/* -- What is answered ------------------------------------------------------------------------------------------------------ */

static char *dup_token(struct weir_pool *pool, struct weir_slice text)
{
	return weir_dynamodb_is_token(text) ? weir_pool_printf(pool, "%.*s", (int)text.len, text.data) : NULL;
}

/* "2026-11-22T19:36:34Z"; what cannot be read is taken for an hour, which the shortest ones last. */
static int64_t parse_expiration(struct weir_slice text)
{
	char terminated[32];
	struct tm tm = { 0 };
	const char *end;

	(void)snprintf(terminated, sizeof(terminated), "%.*s", (int)text.len, text.len > 0 ? text.data : "");
	end = strptime(terminated, "%Y-%m-%dT%H:%M:%S", &tm);
	if (!end || (*end != 'Z' && *end != '.'))
		return weir_clock_wall_ms(weir_clock_system()) + (int64_t)3600 * 1000;
	return (int64_t)timegm(&tm) * 1000;
}

static enum weir_status take_document(struct weir_pool *pool, struct json_object *document, struct weir_dynamodb_found *found)
{
	struct weir_slice token = weir_dynamodb_string(weir_dynamodb_member(document, "Token"));

	*found = (struct weir_dynamodb_found){ .expires_ms = WEIR_DYNAMODB_EXPIRES_NEVER };
	found->secret.access_key = dup_token(pool, weir_dynamodb_string(weir_dynamodb_member(document, "AccessKeyId")));
	found->secret.secret_key = dup_token(pool, weir_dynamodb_string(weir_dynamodb_member(document, "SecretAccessKey")));
	found->secret.session_token = dup_token(pool, token);
	found->expires_ms = parse_expiration(weir_dynamodb_string(weir_dynamodb_member(document, "Expiration")));
	if (!found->secret.access_key || !found->secret.secret_key || (token.len > 0 && !found->secret.session_token))
		return weir_pool_overflowed(pool) ? WEIR_ERR_MEMORY : WEIR_ERR_INVALID;
	return WEIR_OK;
}

enum weir_status weir_dynamodb_credentials_parse(struct weir_pool *pool, struct weir_slice json, struct weir_dynamodb_found *found)
{
	struct json_object *document = NULL;
	enum weir_status status = weir_json_parse(json, 8, &document, NULL);

	if (status == WEIR_OK)
		status = take_document(pool, document, found);
	json_object_put(document);
	return status == WEIR_OK || status == WEIR_ERR_MEMORY ? status : WEIR_ERR_INVALID;
}

/* -- Asking ---------------------------------------------------------------------------------------------------------------- */

struct question {
	const char *url;
	const char *method;
	const char *header; /* NULL: none */
};

/* OK only for a reply with status 200, whose body is then in `reply`. */
static enum weir_status ask(const struct weir_dynamodb_search *search, const struct question *question, struct weir_buffer *reply)
{
	const char *headers[] = { question->header, NULL };
	struct weir_dynamodb_transfer transfer = { .url = question->url, .method = question->method, .headers = headers, .reply = reply };

	weir_dynamodb_http_run(search->http, &(struct weir_dynamodb_transfer *){ &transfer }, 1, search->deadline_ms);
	if (transfer.status != WEIR_OK)
		return transfer.status;
	return transfer.code == 200 ? WEIR_OK : WEIR_ERR_IO;
}

static enum weir_status ask_for_document(const struct weir_dynamodb_search *search, const struct question *question,
					 struct weir_dynamodb_found *found)
{
	struct weir_buffer reply;
	enum weir_status status;

	weir_buffer_init(&reply, REPLY_MAX);
	status = ask(search, question, &reply);
	if (status == WEIR_OK)
		status = weir_dynamodb_credentials_parse(search->pool, weir_buffer_slice(&reply), found);
	weir_buffer_finish(&reply);
	return status;
}

/* The first line of a reply, as long as it may stand in a header field; NULL otherwise. */
static const char *ask_for_line(const struct weir_dynamodb_search *search, const struct question *question)
{
	struct weir_slice rest;
	struct weir_buffer reply;
	const char *line = NULL;

	weir_buffer_init(&reply, TOKEN_MAX);
	if (ask(search, question, &reply) == WEIR_OK) {
		rest = weir_buffer_slice(&reply);
		line = dup_token(search->pool, weir_slice_trim(weir_slice_cut(&rest, '\n')));
	}
	weir_buffer_finish(&reply);
	return line;
}

/* -- Containers ------------------------------------------------------------------------------------------------------------ */

/* By name or address, as the URL has it. */
static bool is_host_of_this_machine(const char *host)
{
	static const char *const hosts[] = { "localhost", "[::1]", "169.254.170.2", "169.254.170.23", "[fd00:ec2::23]" };
	struct in_addr address;

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
		if (strcmp(host, hosts[i]) == 0)
			return true;
	return inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> 24 == IN_LOOPBACKNET;
}

/* Keys do not travel in clear beyond this machine. */
static bool is_safe(const char *text)
{
	CURLU *url = curl_url();
	char *scheme = NULL, *host = NULL;
	bool safe = url && curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
		    curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
		    curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
		    (strcmp(scheme, "https") == 0 || (strcmp(scheme, "http") == 0 && is_host_of_this_machine(host)));

	curl_free(scheme);
	curl_free(host);
	curl_url_cleanup(url);
	return safe;
}

static const char *read_token_file(struct weir_pool *pool, const char *path)
{
	char bytes[TOKEN_MAX];
	FILE *file = fopen(path, "re");
	size_t len;

	if (!file)
		return NULL;
	len = fread(bytes, 1, sizeof(bytes), file);
	(void)fclose(file);
	while (len > 0 && (bytes[len - 1] == '\n' || bytes[len - 1] == '\r'))
		len--;
	return weir_pool_printf(pool, "%.*s", (int)len, bytes);
}

/* The "Authorization: …" line; NULL when there is none. False: there is one that cannot be had, or not be sent. */
static bool find_authorization(struct weir_pool *pool, const char **header)
{
	const char *path = secure_getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
	const char *token = secure_getenv("AWS_CONTAINER_AUTHORIZATION_TOKEN");

	*header = NULL;
	if (path && path[0])
		token = read_token_file(pool, path);
	else if (!token || !token[0])
		return true;
	if (!token || strpbrk(token, "\r\n"))
		return false;
	*header = weir_pool_printf(pool, "Authorization: %s", token);
	return *header != NULL;
}

enum weir_status weir_dynamodb_credentials_of_container(struct weir_dynamodb_search *search, struct weir_dynamodb_found *found)
{
	const char *relative = secure_getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
		   *full = secure_getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI");
	struct question question = { .url = full };
	enum weir_status status;

	if (relative && relative[0])
		question.url = weir_pool_printf(search->pool, CONTAINER_HOST "%s", relative);
	else if (!full || !full[0])
		return WEIR_MISS;
	search->why = "the container's credentials URI is neither https nor of this machine, or its token cannot be read";
	if (!question.url || !is_safe(question.url) || !find_authorization(search->pool, &question.header))
		return WEIR_ERR_CONFIG;
	search->why = "the container's agent gives no credentials";
	status = ask_for_document(search, &question, found);
	return status == WEIR_ERR_INVALID ? WEIR_ERR_BACKEND : status;
}

/* -- Machines -------------------------------------------------------------------------------------------------------------- */

enum weir_status weir_dynamodb_credentials_of_machine(struct weir_dynamodb_search *search, struct weir_dynamodb_found *found)
{
	const char *disabled = secure_getenv("AWS_EC2_METADATA_DISABLED"), *host = secure_getenv("AWS_EC2_METADATA_SERVICE_ENDPOINT");
	struct weir_pool *pool = search->pool;
	const char *token, *role;
	struct question question;

	if (disabled && weir_slice_equal_nocase(weir_slice_text(disabled), WEIR_SLICE_LITERAL("true")))
		return WEIR_MISS;
	if (!host || !host[0])
		host = MACHINE_HOST;
	question = (struct question){ weir_pool_printf(pool, "%s/latest/api/token", host), "PUT",
				      "X-aws-ec2-metadata-token-ttl-seconds: 21600" };
	token = question.url ? ask_for_line(search, &question) : NULL;
	if (!token)
		return WEIR_MISS;
	question = (struct question){ .url = weir_pool_printf(pool, "%s" ROLES, host) };
	question.header = weir_pool_printf(pool, "X-aws-ec2-metadata-token: %s", token);
	role = question.url && question.header ? ask_for_line(search, &question) : NULL;
	if (!role)
		return WEIR_MISS;
	question.url = weir_pool_printf(pool, "%s" ROLES "%s", host, role);
	return question.url && ask_for_document(search, &question, found) == WEIR_OK ? WEIR_OK : WEIR_MISS;
}
