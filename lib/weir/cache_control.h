/* SPDX-License-Identifier: Apache-2.0
 *
 * What a Cache-Control value says (RFC 9111 section 5.2, RFC 5861, RFC 8246), of requests and responses alike.
 *
 * Reading never fails. What is unclear is read as the more careful of its meanings, so that a mistake in a field costs a cache hit and
 * never serves what must not be served:
 *  - names without regard to case, the first of two equal directives counts, unknown ones are ignored;
 *  - a number may stand in double quotes; one that is missing, negative or no number is 0; one above 2^31 is 2^31;
 *  - no-cache and private with a list of fields and again without one, or with a second list, or with a list that cannot be read, mean
 *    the whole response;
 *  - spaces round '=' make what follows unreadable.
 */
#ifndef WEIR_CACHE_CONTROL_H
#define WEIR_CACHE_CONTROL_H

#include <weir/fields.h>

enum weir_cache_directive {
	WEIR_CC_MAX_AGE = 1 << 0,
	WEIR_CC_S_MAXAGE = 1 << 1,
	WEIR_CC_NO_CACHE = 1 << 2, /* with or without a list, see no_cache_fields */
	WEIR_CC_NO_STORE = 1 << 3,
	WEIR_CC_PRIVATE = 1 << 4, /* with or without a list, see private_fields */
	WEIR_CC_PUBLIC = 1 << 5,
	WEIR_CC_MUST_REVALIDATE = 1 << 6,
	WEIR_CC_PROXY_REVALIDATE = 1 << 7,
	WEIR_CC_MUST_UNDERSTAND = 1 << 8,
	WEIR_CC_NO_TRANSFORM = 1 << 9,
	WEIR_CC_ONLY_IF_CACHED = 1 << 10,
	WEIR_CC_MAX_STALE = 1 << 11,
	WEIR_CC_MIN_FRESH = 1 << 12,
	WEIR_CC_STALE_WHILE_REVALIDATE = 1 << 13,
	WEIR_CC_STALE_IF_ERROR = 1 << 14,
	WEIR_CC_IMMUTABLE = 1 << 15,
};

/* The largest number of seconds (RFC 9111 section 1.2.2), and max-stale without a value: however stale. */
#define WEIR_CC_MAX_S UINT32_C(2147483648)

struct weir_cache_control {
	unsigned present; /* WEIR_CC_… bits */
	/* Seconds; 0 when the directive is absent. */
	uint32_t max_age_s;
	uint32_t s_maxage_s;
	uint32_t max_stale_s;
	uint32_t min_fresh_s;
	uint32_t stale_while_revalidate_s;
	uint32_t stale_if_error_s;
	/* The list of no-cache="…" and private="…", without quotes, to be walked with weir_field_list_next(); it points into the value.
	 * Absent when the directive concerns the whole response. */
	struct weir_slice no_cache_fields;
	struct weir_slice private_fields;
};

static inline bool weir_cache_control_has(const struct weir_cache_control *self, enum weir_cache_directive directive)
{
	return (self->present & (unsigned)directive) != 0;
}

/* `value` is the field's whole value, lines joined; the absent slice gives a zeroed result. */
WEIR_API void weir_cache_control_parse(struct weir_slice value, struct weir_cache_control *out);

/* The same for the fields of a request, where `Pragma: no-cache` means no-cache if there is no Cache-Control (RFC 9111 section 5.4). Joined
 * lines live in `pool`. */
WEIR_API void weir_cache_control_of_request(const struct weir_fields *fields, struct weir_pool *pool, struct weir_cache_control *out);

#endif
