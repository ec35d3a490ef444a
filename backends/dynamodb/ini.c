/* SPDX-License-Identifier: Apache-2.0
 *
 * One pass over the text for each value that is asked for: the files are short, and read once in a while.
 */
#include "ini.h"

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool begins_comment(char c)
{
	return c == '#' || c == ';';
}

static struct weir_slice without_comment(struct weir_slice line)
{
	for (size_t i = 0; i < line.len; i++)
		if (begins_comment(line.data[i]) && (i == 0 || is_blank(line.data[i - 1])))
			return weir_slice(line.data, i);
	return line;
}

/* The … in "[…]"; absent when the line is no head of a section. */
static struct weir_slice section_of(struct weir_slice line)
{
	size_t end = weir_slice_find(line, ']');

	if (line.len == 0 || line.data[0] != '[' || end == line.len)
		return WEIR_SLICE_NONE;
	return weir_slice_trim(weir_slice(line.data + 1, end - 1));
}

static struct weir_slice next_line(struct weir_slice *rest)
{
	struct weir_slice line = weir_slice_cut(rest, '\n');

	if (line.len > 0 && line.data[line.len - 1] == '\r')
		line.len--;
	return without_comment(line);
}

struct weir_slice weir_dynamodb_ini_get(struct weir_slice file, struct weir_slice section, const char *name)
{
	struct weir_slice rest = file, found = WEIR_SLICE_NONE;
	bool inside = false;

	while (rest.data) {
		struct weir_slice line = next_line(&rest), head = section_of(line), left;

		if (head.data)
			inside = weir_slice_equal(head, section);
		if (!inside || head.data || line.len == 0 || is_blank(line.data[0]))
			continue;
		left = weir_slice_trim(weir_slice_cut(&line, '='));
		if (line.data && weir_slice_equal_nocase(left, weir_slice_text(name)))
			found = weir_slice_trim(line);
	}
	return found;
}
