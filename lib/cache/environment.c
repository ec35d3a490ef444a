/* SPDX-License-Identifier: Apache-2.0
 *
 * What an operator says about the cache without a compiler: environment variables over the options of the code.
 */
#include "cache/cache.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <weir/fields.h>

/* Empty means unset. Not from a set-user-ID program's caller. */
static const char *variable(const char *name)
{
	const char *value = secure_getenv(name);

	return value && value[0] ? value : NULL;
}

/* The URL in the file that WEIR_CACHE_BACKEND_FILE names: for URLs that hold a secret. */
static enum weir_status read_file(const char *path, struct weir_cache_environment *storage, char *why, size_t why_size)
{
	FILE *file = fopen(path, "re");
	size_t len;

	if (!file) {
		snprintf(why, why_size, "WEIR_CACHE_BACKEND_FILE=%s: %s", path, strerror(errno));
		return WEIR_ERR_CONFIG;
	}
	len = fread(storage->backend, 1, sizeof(storage->backend) - 1, file);
	storage->backend[len] = '\0';
	storage->backend[strcspn(storage->backend, "\r\n")] = '\0';
	fclose(file);
	if (storage->backend[0] && len < sizeof(storage->backend) - 1)
		return WEIR_OK;
	snprintf(why, why_size, "WEIR_CACHE_BACKEND_FILE=%s: the file's first line must be a backend's URL of less than 4 KiB", path);
	return WEIR_ERR_CONFIG;
}

static bool parse_expire(const char *text, int64_t *expire_s)
{
	uint64_t seconds;

	if (strcmp(text, "never") == 0) {
		*expire_s = WEIR_EXPIRE_NEVER;
		return true;
	}
	if (weir_slice_to_u64(weir_slice_text(text), INT32_MAX, &seconds) != WEIR_OK || seconds == 0)
		return false;
	*expire_s = (int64_t)seconds;
	return true;
}

static bool parse_bool(const char *text, bool *value)
{
	*value = strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
	return *value || strcmp(text, "false") == 0 || strcmp(text, "0") == 0;
}

static enum weir_status refuse(char *why, size_t why_size, const char *name, const char *value, const char *allowed)
{
	snprintf(why, why_size, "%s=%s: allowed is %s", name, value, allowed);
	return WEIR_ERR_CONFIG;
}

static enum weir_status read_backend(struct weir_cache_options *options, struct weir_cache_environment *storage, char *why, size_t why_size)
{
	const char *file = variable("WEIR_CACHE_BACKEND_FILE");
	enum weir_status status;

	if (options->instance)
		return WEIR_OK;
	if (variable("WEIR_CACHE_BACKEND")) {
		options->backend = variable("WEIR_CACHE_BACKEND");
		storage->backend_from = "WEIR_CACHE_BACKEND";
	}
	if (!file)
		return WEIR_OK;
	storage->backend_from = "WEIR_CACHE_BACKEND_FILE";
	status = read_file(file, storage, why, why_size);
	options->backend = storage->backend;
	return status;
}

enum weir_status weir_cache_read_environment(struct weir_cache_options *options, struct weir_cache_environment *storage, char *why,
					     size_t why_size)
{
	const char *expire = variable("WEIR_CACHE_EXPIRE");
	const char *enable = variable("WEIR_CACHE_ENABLE");
	const char *header = variable("WEIR_CACHE_STATUS_HEADER");
	bool enabled = !options->disabled;

	if (variable("WEIR_CACHE_PREFIX"))
		options->prefix = variable("WEIR_CACHE_PREFIX");
	if (expire && !parse_expire(expire, &options->expire_s))
		return refuse(why, why_size, "WEIR_CACHE_EXPIRE", expire, "a number of seconds from 1 to 2147483647, or never");
	if (enable && !parse_bool(enable, &enabled))
		return refuse(why, why_size, "WEIR_CACHE_ENABLE", enable, "true or false");
	if (header && !weir_field_name_valid(weir_slice_text(header)))
		return refuse(why, why_size, "WEIR_CACHE_STATUS_HEADER", header, "the name of a field");
	if (header)
		options->status_header = header;
	options->disabled = !enabled;
	return read_backend(options, storage, why, why_size);
}
