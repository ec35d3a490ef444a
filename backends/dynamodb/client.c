/* SPDX-License-Identifier: Apache-2.0
 *
 * The parts of a handle that every operation uses.
 */
#include "client.h"

#include <stdio.h>
#include <stdlib.h>

/* A server that comes and goes is told of once in a while. */
#define TELL_MS 10000

struct weir_dynamodb_client *weir_dynamodb_client_create(const struct weir_dynamodb_options *options, const struct weir_backend_env *env)
{
	struct weir_dynamodb_client *client = calloc(1, sizeof(*client));

	if (!client)
		return NULL;
	client->options = *options;
	client->clock = env->clock ? env->clock : weir_clock_system();
	client->log = env->log;
	client->pool = weir_pool_create(0);
	client->credentials = weir_dynamodb_credentials_create(&client->options);
	if (client->pool && client->credentials)
		return client;
	weir_dynamodb_client_destroy(client);
	return NULL;
}

void weir_dynamodb_client_destroy(struct weir_dynamodb_client *client)
{
	if (!client)
		return;
	weir_dynamodb_http_destroy(client->http);
	weir_dynamodb_credentials_destroy(client->credentials);
	weir_pool_destroy(client->pool);
	free(client);
}

void weir_dynamodb_note(struct weir_dynamodb_client *client, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(client->why, sizeof(client->why), format, args);
	va_end(args);
	for (char *c = client->why; *c; c++)
		if (*c < ' ' || *c >= 0x7f)
			*c = '?';
}

void weir_dynamodb_report(struct weir_dynamodb_client *client, bool failing)
{
	int64_t now_ms = weir_dynamodb_now_ms();

	if (failing && !client->told && now_ms >= client->tell_ms) {
		weir_log_warn(client->log, "dynamodb: table %s: %s", client->options.table, client->why);
		client->told = true;
		client->tell_ms = now_ms + TELL_MS;
	}
	if (!failing && client->told) {
		weir_log_info(client->log, "dynamodb: table %s answers again", client->options.table);
		client->told = false;
	}
}

int64_t weir_dynamodb_deadline_ms(const struct weir_dynamodb_client *client)
{
	return weir_dynamodb_now_ms() + client->options.total_timeout_ms;
}

int64_t weir_dynamodb_time_ms(const struct weir_dynamodb_client *client)
{
	return weir_clock_wall_ms(client->clock) + client->skew_ms;
}

int64_t weir_dynamodb_ttl_s(const struct weir_dynamodb_client *client, int64_t ttl_ms)
{
	return (weir_clock_wall_ms(weir_clock_system()) + client->skew_ms + ttl_ms) / 1000 + 1;
}
