/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as operations on a field list, one a piece between 0x1e bytes: what to do, the name, 0x1f, the value. Whatever was tried, no
 * line may be able to break out of itself; and lists of members and entity tags are read from the same values.
 */
#include <weir/etag.h>
#include <weir/fields.h>

#include "insist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void apply(struct weir_fields *fields, char operation, struct weir_slice name, struct weir_slice value)
{
	size_t before = weir_fields_count(fields, name), total = fields->count;
	bool valid = weir_field_name_valid(name) && weir_field_value_valid(value);

	if (operation == 'r') {
		INSIST(weir_fields_remove(fields, name) == before);
		INSIST(weir_fields_count(fields, name) == 0 && fields->count == total - before);
		return;
	}
	if (operation == 's')
		weir_fields_set(fields, name, value);
	else if (operation == 'b')
		weir_fields_add_borrowed(fields, name, value);
	else
		weir_fields_add(fields, name, value);
	INSIST(valid || fields->invalid);
	if (!valid)
		INSIST(fields->count == total);
	else if (operation == 's')
		INSIST(weir_fields_count(fields, name) == 1 && weir_slice_equal(weir_fields_get(fields, name), weir_slice_trim(value)));
	else
		INSIST(weir_fields_count(fields, name) == before + 1 && fields->count == total + 1);
}

/* What members a list has does not depend on how they are spaced. */
static void check_list(struct weir_pool *pool, struct weir_slice list)
{
	struct weir_slice rest = list, member, spaced = WEIR_SLICE_LITERAL(""), other;

	while (weir_field_list_next(&rest, &member)) {
		INSIST(member.len > 0 && weir_slice_equal(member, weir_slice_trim(member)));
		INSIST(weir_field_list_has(list, member));
		spaced = weir_slice_text(
			weir_pool_printf(pool, "%.*s\t, , %.*s", (int)spaced.len, spaced.data, (int)member.len, member.data));
	}
	rest = list;
	while (weir_field_list_next(&rest, &member))
		INSIST(weir_field_list_next(&spaced, &other) && weir_slice_equal(member, other));
	INSIST(!weir_field_list_next(&spaced, &other));
}

static void check_etags(struct weir_pool *pool, struct weir_slice list, struct weir_slice etag)
{
	const char *longer = weir_pool_printf(pool, "%.*s ,%.*s", (int)etag.len, etag.data, (int)list.len, list.data);
	bool weak = weir_etag_list_matches(list, etag, WEIR_ETAG_WEAK);
	bool strong = weir_etag_list_matches(list, etag, WEIR_ETAG_STRONG);

	INSIST(weak || !strong);
	INSIST(weir_etag_valid(etag) || weak == weir_slice_equal(weir_slice_trim(list), WEIR_SLICE_LITERAL("*")));
	if (!weir_etag_valid(etag))
		return;
	INSIST(weir_etag_list_matches(etag, etag, WEIR_ETAG_WEAK));
	INSIST(weir_etag_list_matches(etag, etag, WEIR_ETAG_STRONG) == (etag.data[0] == '"'));
	INSIST(weir_etag_list_matches(weir_slice_text(longer), etag, WEIR_ETAG_WEAK));
}

static void check_lines(struct weir_pool *pool, const struct weir_fields *fields)
{
	const struct weir_field_line *line, *previous = NULL;
	size_t at = 0, lines = 0;

	while ((line = weir_fields_next(fields, WEIR_SLICE_NONE, &at))) {
		struct weir_slice joined = weir_fields_join(fields, line->name, pool);

		INSIST(weir_field_name_valid(line->name) && line->value.data && weir_field_value_valid(line->value));
		INSIST(weir_field_value_valid(joined) && joined.len >= line->value.len);
		(void)weir_field_is_hop_by_hop(line->name, fields);
		check_list(pool, line->value);
		check_list(pool, joined);
		if (previous)
			check_etags(pool, previous->value, line->value);
		previous = line;
		lines++;
	}
	INSIST(lines == fields->count);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_slice rest = weir_slice(data, size);
	struct weir_fields fields;
	struct weir_pool *pool;

	if (size > 1024)
		return 0;
	pool = weir_pool_create(0);
	weir_fields_init(&fields, pool);
	while (rest.data) {
		struct weir_slice value = weir_slice_cut(&rest, 0x1e);
		char operation = value.len > 0 ? value.data[0] : 'a';
		struct weir_slice name;

		value = weir_slice_from(value, 1);
		name = weir_slice_cut(&value, 0x1f);
		apply(&fields, operation, name, value);
	}
	check_lines(pool, &fields);
	weir_pool_destroy(pool);
	return 0;
}
