/* SPDX-License-Identifier: Apache-2.0
 *
 * Fields whose value is a comma-separated list, and the fields that such a list, Connection, makes the business of one connection.
 */
#include <weir/fields.h>

/* The end of the member at the start of `text`: the offset of its comma, or the length. */
static size_t member_end(struct weir_slice text)
{
	bool quoted = false;

	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '"')
			quoted = !quoted;
		else if (text.data[i] == '\\' && quoted)
			i++;
		else if (text.data[i] == ',' && !quoted)
			return i;
	}
	return text.len;
}

bool weir_field_list_next(struct weir_slice *rest, struct weir_slice *member)
{
	while (rest->len > 0) {
		struct weir_slice text = *rest;

		text.len = member_end(*rest);
		*rest = weir_slice_from(*rest, text.len + 1);
		*member = weir_slice_trim(text);
		if (member->len > 0)
			return true;
	}
	return false;
}

bool weir_field_list_has(struct weir_slice list, struct weir_slice token)
{
	struct weir_slice member;

	while (weir_field_list_next(&list, &member))
		if (weir_slice_equal_nocase(member, token))
			return true;
	return false;
}

/* Trailer is among them since weir neither takes nor sends trailers. */
static bool is_known_hop_by_hop(struct weir_slice name)
{
	static const char *const names[] = {
		"Connection",
		"Keep-Alive",
		"Proxy-Authenticate",
		"Proxy-Authentication-Info",
		"Proxy-Authorization",
		"Proxy-Connection",
		"TE",
		"Trailer",
		"Transfer-Encoding",
		"Upgrade",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (weir_slice_equal_nocase(name, weir_slice_text(names[i])))
			return true;
	return false;
}

bool weir_field_is_hop_by_hop(struct weir_slice name, const struct weir_fields *fields)
{
	const struct weir_field_line *line;
	size_t at = 0;

	if (is_known_hop_by_hop(name))
		return true;
	if (!fields)
		return false;
	while ((line = weir_fields_next(fields, WEIR_SLICE_LITERAL("Connection"), &at)))
		if (weir_field_list_has(line->value, name))
			return true;
	return false;
}
