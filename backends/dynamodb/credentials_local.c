/* SPDX-License-Identifier: Apache-2.0
 *
 * Credentials that are on this machine: in the environment, or in the files of a profile.
 */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "credentials.h"
#include "ini.h"

#define FILE_MAX ((size_t)128 * 1024)

bool weir_dynamodb_is_token(struct weir_slice text)
{
	for (size_t i = 0; text.data && i < text.len; i++)
		if (text.data[i] <= ' ' || text.data[i] >= 0x7f)
			return false;
	return text.len > 0;
}

/* Empty is as good as not set. */
static struct weir_slice variable(const char *name)
{
	const char *value = secure_getenv(name);

	return value && value[0] ? weir_slice_text(value) : WEIR_SLICE_NONE;
}

static enum weir_status take(struct weir_dynamodb_search *search, const struct weir_slice texts[3], struct weir_dynamodb_found *found)
{
	if (!texts[0].data && !texts[1].data)
		return WEIR_MISS;
	if (!weir_dynamodb_is_token(texts[0]) || !weir_dynamodb_is_token(texts[1]) ||
	    (texts[2].len > 0 && !weir_dynamodb_is_token(texts[2]))) {
		search->why = "one of the two keys is missing, or has characters that no key has";
		return WEIR_ERR_CONFIG;
	}
	/* Copies end with a zero byte. */
	*found = (struct weir_dynamodb_found){ .expires_ms = WEIR_DYNAMODB_EXPIRES_NEVER };
	found->secret.access_key = weir_pool_printf(search->pool, "%.*s", (int)texts[0].len, texts[0].data);
	found->secret.secret_key = weir_pool_printf(search->pool, "%.*s", (int)texts[1].len, texts[1].data);
	if (texts[2].len > 0)
		found->secret.session_token = weir_pool_printf(search->pool, "%.*s", (int)texts[2].len, texts[2].data);
	return weir_pool_overflowed(search->pool) ? WEIR_ERR_MEMORY : WEIR_OK;
}

enum weir_status weir_dynamodb_credentials_of_environment(struct weir_dynamodb_search *search, struct weir_dynamodb_found *found)
{
	const struct weir_slice texts[] = {
		variable("AWS_ACCESS_KEY_ID"),
		variable("AWS_SECRET_ACCESS_KEY"),
		variable("AWS_SESSION_TOKEN"),
	};

	return take(search, texts, found);
}

/* -- Profiles -------------------------------------------------------------------------------------------------------------- */

/* The two files' texts, and what the profile's sections are called in them. */
struct files {
	struct weir_pool *pool;
	struct weir_slice credentials, config;
	struct weir_slice name, config_name;
};

static const char *home(void)
{
	const char *home = secure_getenv("HOME");
	const struct passwd *user;

	if (home && home[0] == '/')
		return home;
	user = getpwuid(geteuid());
	return user ? user->pw_dir : "/";
}

/* The file that the variable names, or the one of that name in ~/.aws; the absent slice when it cannot be read. */
static struct weir_slice read_file(struct weir_pool *pool, const char *path_variable, const char *name)
{
	const char *path = variable(path_variable).data;
	struct weir_slice text = WEIR_SLICE_NONE;
	char *bytes;
	FILE *file;

	if (!path)
		path = weir_pool_printf(pool, "%s/.aws/%s", home(), name);
	file = path ? fopen(path, "re") : NULL;
	if (!file)
		return text;
	bytes = weir_pool_bytes(pool, FILE_MAX);
	if (bytes)
		text = weir_slice(bytes, fread(bytes, 1, FILE_MAX, file));
	(void)fclose(file);
	return text;
}

/* False when memory is out. */
static bool open_files(struct files *files, const char *profile)
{
	struct weir_pool *pool = weir_pool_create(0);

	*files = (struct files){ .pool = pool };
	if (!pool)
		return false;
	files->credentials = read_file(pool, "AWS_SHARED_CREDENTIALS_FILE", "credentials");
	files->config = read_file(pool, "AWS_CONFIG_FILE", "config");
	files->name = files->config_name = weir_slice_text(profile);
	if (strcmp(profile, "default") != 0)
		files->config_name = weir_slice_text(weir_pool_printf(pool, "profile %s", profile));
	return !weir_pool_overflowed(pool);
}

static enum weir_status take_section(struct weir_dynamodb_search *search, struct weir_slice file, struct weir_slice section,
				     struct weir_dynamodb_found *found)
{
	const struct weir_slice texts[] = {
		weir_dynamodb_ini_get(file, section, "aws_access_key_id"),
		weir_dynamodb_ini_get(file, section, "aws_secret_access_key"),
		weir_dynamodb_ini_get(file, section, "aws_session_token"),
	};

	return take(search, texts, found);
}

enum weir_status weir_dynamodb_credentials_of_profile(struct weir_dynamodb_search *search, struct weir_dynamodb_found *found)
{
	enum weir_status status = WEIR_ERR_MEMORY;
	struct files files;

	if (open_files(&files, search->options->profile)) {
		status = take_section(search, files.credentials, files.name, found);
		if (status == WEIR_MISS)
			status = take_section(search, files.config, files.config_name, found);
	}
	weir_pool_destroy(files.pool);
	return status;
}

void weir_dynamodb_region_of_profile(const char *profile, char region[WEIR_DYNAMODB_REGION_MAX + 1])
{
	struct weir_slice text = WEIR_SLICE_NONE;
	struct files files;

	if (open_files(&files, profile)) {
		text = weir_dynamodb_ini_get(files.credentials, files.name, "region");
		if (!text.data)
			text = weir_dynamodb_ini_get(files.config, files.config_name, "region");
	}
	region[0] = '\0';
	if (text.len > 0 && text.len <= WEIR_DYNAMODB_REGION_MAX)
		(void)snprintf(region, WEIR_DYNAMODB_REGION_MAX + 1, "%.*s", (int)text.len, text.data);
	weir_pool_destroy(files.pool);
}
