/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks every option before anything else happens, so that a wrong URL is a line at the start and not a failure under load.
 */
#include "options.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>

#include "credentials.h"

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

#define TABLE_MIN 3
#define TIMEOUT_MAX_MS 600000

const char *const weir_dynamodb_option_names[] = {
	"region",          "profile",          "endpoint",    "create", "consistent", "ttl_attribute", "connect_timeout_ms",
	"read_timeout_ms", "total_timeout_ms", "connections", NULL,
};

struct parse {
	const struct weir_backend_url *url;
	char *why;
	size_t why_size;
	struct weir_dynamodb_options *options;
};

WEIR_PRINTF(2, 3)
static enum weir_status refuse(const struct parse *parse, const char *format, ...)
{
	char text[300];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	(void)snprintf(parse->why, parse->why_size, "dynamodb: %s", text);
	return WEIR_ERR_CONFIG;
}

static bool is_made_of(const char *text, const char *allowed, size_t min, size_t max)
{
	size_t len = strlen(text);

	return len >= min && len <= max && strspn(text, allowed) == len;
}

/* The option, else the first of the environment's variables that is set and not empty, else NULL. */
static const char *find_setting(const struct parse *parse, const char *option, const char *const *variables)
{
	const char *value = weir_backend_url_option(parse->url, option);

	for (; !value && *variables; variables++) {
		value = secure_getenv(*variables);
		if (value && value[0] == '\0')
			value = NULL;
	}
	return value;
}

static enum weir_status parse_table(const struct parse *parse)
{
	const char *path = parse->url->path;

	if (strncmp(path, "//", 2) != 0 || !is_made_of(path + 2, LETTERS DIGITS "_.-", TABLE_MIN, WEIR_DYNAMODB_TABLE_MAX))
		return refuse(parse, "wants dynamodb://TABLE, the table's name: 3 to 255 letters, digits, '_', '-' and '.'");
	(void)snprintf(parse->options->table, sizeof(parse->options->table), "%s", path + 2);
	return WEIR_OK;
}

/* Behind a given endpoint any region will do. */
static enum weir_status parse_region(const struct parse *parse)
{
	static const char *const variables[] = { "AWS_REGION", "AWS_DEFAULT_REGION", NULL };
	const char *given = find_setting(parse, "region", variables);
	char *region = parse->options->region;

	if (given && !is_made_of(given, LETTERS DIGITS "-", 1, WEIR_DYNAMODB_REGION_MAX))
		return refuse(parse, "the region is made of letters, digits and '-', such as eu-west-1");
	if (given)
		(void)snprintf(region, WEIR_DYNAMODB_REGION_MAX + 1, "%s", given);
	else
		weir_dynamodb_region_of_profile(parse->options->profile, region);
	if (is_made_of(region, LETTERS DIGITS "-", 1, WEIR_DYNAMODB_REGION_MAX))
		return WEIR_OK;
	if (parse->options->endpoint[0] == '\0')
		return refuse(parse, "no region: neither option region, nor AWS_REGION, nor one in the profile");
	(void)snprintf(region, WEIR_DYNAMODB_REGION_MAX + 1, "us-east-1");
	return WEIR_OK;
}

/* Where nothing else was said. */
static enum weir_status choose_endpoint(const struct parse *parse)
{
	struct weir_dynamodb_options *options = parse->options;

	if (options->endpoint[0] == '\0')
		(void)snprintf(options->endpoint, sizeof(options->endpoint), "https://dynamodb.%s.amazonaws.com%s", options->region,
			       strncmp(options->region, "cn-", 3) == 0 ? ".cn" : "");
	return WEIR_OK;
}

static enum weir_status parse_profile(const struct parse *parse)
{
	static const char *const variables[] = { "AWS_PROFILE", "AWS_DEFAULT_PROFILE", NULL };
	const char *profile = find_setting(parse, "profile", variables);

	if (!profile)
		profile = "default";
	if (!is_made_of(profile, LETTERS DIGITS "_.-@+/: ", 1, WEIR_DYNAMODB_PROFILE_MAX))
		return refuse(parse, "the profile's name has 1 to 64 letters, digits, spaces and any of _.-@+/:");
	(void)snprintf(parse->options->profile, sizeof(parse->options->profile), "%s", profile);
	return WEIR_OK;
}

/* http or https, a host, and nothing that would have to be signed or kept secret. */
static bool is_endpoint(const char *text)
{
	static const CURLUPart unwanted[] = { CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_QUERY, CURLUPART_FRAGMENT };
	CURLU *url = curl_url();
	char *part = NULL;
	bool fits =
		url && curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK && curl_url_get(url, CURLUPART_SCHEME, &part, 0) == CURLUE_OK;

	fits = fits && (strcmp(part, "http") == 0 || strcmp(part, "https") == 0);
	curl_free(part);
	for (size_t i = 0; fits && i < sizeof(unwanted) / sizeof(unwanted[0]); i++) {
		part = NULL;
		fits = curl_url_get(url, unwanted[i], &part, 0) != CURLUE_OK;
		curl_free(part);
	}
	curl_url_cleanup(url);
	return fits && strlen(text) <= WEIR_DYNAMODB_ENDPOINT_MAX;
}

static enum weir_status parse_endpoint(const struct parse *parse)
{
	static const char *const variables[] = { "AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL", NULL };
	const char *endpoint = find_setting(parse, "endpoint", variables);

	if (!endpoint)
		return WEIR_OK;
	if (!is_endpoint(endpoint))
		return refuse(parse, "the endpoint is http://HOST:PORT or https://HOST, without user, password or query");
	(void)snprintf(parse->options->endpoint, sizeof(parse->options->endpoint), "%s", endpoint);
	return WEIR_OK;
}

static enum weir_status parse_ttl_attribute(const struct parse *parse)
{
	static const char *const own[] = { "pk", "sk", "k", "v", "e", "s", "t", NULL };
	const char *name = weir_backend_url_option(parse->url, "ttl_attribute");

	if (!name)
		name = "ttl";
	for (const char *const *taken = own; *taken; taken++)
		if (strcmp(name, *taken) == 0)
			return refuse(parse, "option ttl_attribute must not be one of pk, sk, k, v, e, s and t, which have another use");
	if (!is_made_of(name, LETTERS DIGITS "_.-", 1, WEIR_DYNAMODB_TABLE_MAX))
		return refuse(parse, "option ttl_attribute has 1 to 255 letters, digits, '_', '-' and '.'");
	(void)snprintf(parse->options->ttl_attribute, sizeof(parse->options->ttl_attribute), "%s", name);
	return WEIR_OK;
}

static enum weir_status parse_flag(const struct parse *parse, const char *name, bool *flag)
{
	const char *value = weir_backend_url_option(parse->url, name);

	*flag = value && strcmp(value, "true") == 0;
	if (value && !*flag && strcmp(value, "false") != 0)
		return refuse(parse, "option %s is \"%.40s\"; allowed: true, false", name, value);
	return WEIR_OK;
}

/* `*number` holds the default. */
static enum weir_status parse_number(const struct parse *parse, const char *name, long max, long *number)
{
	const char *value = weir_backend_url_option(parse->url, name);
	uint64_t parsed = 0;

	if (!value)
		return WEIR_OK;
	if (weir_slice_to_u64(weir_slice_text(value), (uint64_t)max, &parsed) != WEIR_OK || parsed == 0)
		return refuse(parse, "option %s is \"%.40s\"; allowed: 1 to %ld", name, value, max);
	*number = (long)parsed;
	return WEIR_OK;
}

static enum weir_status parse_numbers(const struct parse *parse)
{
	struct weir_dynamodb_options *options = parse->options;
	enum weir_status status;

	status = parse_number(parse, "connect_timeout_ms", TIMEOUT_MAX_MS, &options->connect_timeout_ms);
	if (status == WEIR_OK)
		status = parse_number(parse, "read_timeout_ms", TIMEOUT_MAX_MS, &options->read_timeout_ms);
	if (status == WEIR_OK)
		status = parse_number(parse, "total_timeout_ms", TIMEOUT_MAX_MS, &options->total_timeout_ms);
	if (status == WEIR_OK)
		status = parse_number(parse, "connections", WEIR_DYNAMODB_CONNECTIONS_MAX, &options->connections);
	return status;
}

enum weir_status weir_dynamodb_options_parse(const struct weir_backend_url *url, char *why, size_t why_size,
					     struct weir_dynamodb_options *options)
{
	static enum weir_status (*const steps[])(const struct parse *parse) = {
		parse_table, parse_profile, parse_endpoint, parse_region, choose_endpoint, parse_ttl_attribute, parse_numbers,
	};
	const struct parse parse = { url, why, why_size, options };
	enum weir_status status;

	*options = (struct weir_dynamodb_options){
		.connect_timeout_ms = 500,
		.read_timeout_ms = 1000,
		.total_timeout_ms = 2000,
		.connections = 32,
	};
	status = parse_flag(&parse, "create", &options->create);
	if (status == WEIR_OK)
		status = parse_flag(&parse, "consistent", &options->consistent);
	for (size_t i = 0; status == WEIR_OK && i < sizeof(steps) / sizeof(steps[0]); i++)
		status = steps[i](&parse);
	return status;
}
