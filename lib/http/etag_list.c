/* SPDX-License-Identifier: Apache-2.0
 *
 * If-None-Match and If-Match. These lists are not like others: in an entity tag a backslash is a byte like any other.
 */
#include <weir/etag.h>

struct tag {
	struct weir_slice opaque; /* with its quotes */
	bool weak;
};

/* etagc, RFC 9110 section 8.8.3 */
static bool may_stand_in_tag(char byte)
{
	unsigned char c = (unsigned char)byte;

	return c > 0x20 && c != '"' && c != 0x7f;
}

static bool read_tag(struct weir_slice text, struct tag *tag)
{
	tag->weak = weir_slice_starts_with(text, WEIR_SLICE_LITERAL("W/"));
	tag->opaque = weir_slice_from(text, tag->weak ? 2 : 0);
	if (tag->opaque.len < 2 || tag->opaque.data[0] != '"' || tag->opaque.data[tag->opaque.len - 1] != '"')
		return false;
	for (size_t i = 1; i < tag->opaque.len - 1; i++)
		if (!may_stand_in_tag(tag->opaque.data[i]))
			return false;
	return true;
}

/* Up to the next comma outside quotes. */
static struct weir_slice cut_member(struct weir_slice *rest)
{
	struct weir_slice member = *rest;
	bool quoted = false;
	size_t at = 0;

	while (at < rest->len && (quoted || rest->data[at] != ','))
		quoted ^= rest->data[at++] == '"';
	member.len = at;
	*rest = weir_slice_from(*rest, at + 1);
	return weir_slice_trim(member);
}

bool weir_etag_valid(struct weir_slice etag)
{
	struct tag tag;

	return read_tag(etag, &tag);
}

bool weir_etag_list_matches(struct weir_slice list, struct weir_slice etag, enum weir_etag_comparison how)
{
	struct tag ours, theirs;

	if (weir_slice_equal(weir_slice_trim(list), WEIR_SLICE_LITERAL("*")))
		return true;
	if (!read_tag(etag, &ours) || (how == WEIR_ETAG_STRONG && ours.weak))
		return false;
	while (list.len > 0) {
		if (!read_tag(cut_member(&list), &theirs) || (how == WEIR_ETAG_STRONG && theirs.weak))
			continue;
		if (weir_slice_equal(theirs.opaque, ours.opaque))
			return true;
	}
	return false;
}
