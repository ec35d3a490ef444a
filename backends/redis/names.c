/* SPDX-License-Identifier: Apache-2.0
 *
 * Puts prefix, kind and printable key together. Nothing in a name needs escaping in a pattern, so there is nothing to forget.
 */
#include "names.h"

#include <assert.h>
#include <stdio.h>

#include <weir/backend_driver.h>

/* Of the part after prefix and kind. */
#define KEY_NAME_MAX ((size_t)240)

static_assert(WEIR_REDIS_PREFIX_MAX + sizeof("v:") + KEY_NAME_MAX + sizeof("*") <= WEIR_REDIS_NAME_MAX, "room for the longest name");

bool weir_redis_prefix_valid(const char *prefix)
{
	char name[WEIR_REDIS_NAME_MAX];
	struct weir_slice text = weir_slice_text(prefix);

	if (text.len < 1 || text.len > WEIR_REDIS_PREFIX_MAX)
		return false;
	return weir_slice_equal(weir_slice(name, weir_backend_name(text, KEY_NAME_MAX, name)), text);
}

static void begin(const char *prefix, enum weir_redis_kind kind, struct weir_redis_name *name)
{
	static const char *const marks[] = { "v:", "l:", "c", ":" };

	name->len = (size_t)snprintf(name->text, sizeof(name->text), "%s%s", kind == WEIR_REDIS_CELL ? "" : prefix, marks[kind]);
}

void weir_redis_name(const char *prefix, enum weir_redis_kind kind, struct weir_slice key, struct weir_redis_name *name)
{
	begin(prefix, kind, name);
	if (kind != WEIR_REDIS_CLEARS)
		name->len += weir_backend_name(key, KEY_NAME_MAX, name->text + name->len);
}

void weir_redis_name_pattern(const char *prefix, struct weir_slice prefix_of_key, struct weir_redis_name *pattern)
{
	begin(prefix, WEIR_REDIS_VALUE, pattern);
	pattern->len += weir_backend_name_prefix(prefix_of_key, KEY_NAME_MAX, pattern->text + pattern->len);
	pattern->text[pattern->len++] = '*';
}
