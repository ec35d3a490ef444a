/* SPDX-License-Identifier: Apache-2.0
 *
 * The fields of a part of a multipart form, and the parameters in them: `form-data; name="photo"; filename="a \"b\".png"`.
 */
#include "http/multipart.h"

#include <weir/fields.h>
#include <weir/form.h>

#include "http/chars.h"

/* -- Parameters ------------------------------------------------------------------------------------------------------------ */

struct param {
	struct weir_slice name;
	struct weir_slice value; /* without the quotes, still escaped */
	bool quoted;
};

/* Where the quoted string whose inside `text` begins with ends; text.len when it does not. */
static size_t find_quote(struct weir_slice text)
{
	size_t at = 0;

	while (at < text.len && text.data[at] != '"')
		at += text.data[at] == '\\' && at + 1 < text.len ? 2 : 1;
	return at;
}

/* Cuts the value, behind '=', off `rest`, up to the next ';'. */
static bool cut_value(struct weir_slice *rest, struct param *param)
{
	size_t end;

	param->quoted = rest->len > 0 && rest->data[0] == '"';
	if (!param->quoted) {
		param->value = weir_slice_trim(weir_slice_cut(rest, ';'));
		return param->value.len > 0 && weir_slice_find(param->value, '"') == param->value.len;
	}
	*rest = weir_slice_from(*rest, 1);
	end = find_quote(*rest);
	if (end == rest->len)
		return false;
	param->value = weir_slice(rest->data, end);
	*rest = weir_slice_from(*rest, end + 1);
	return weir_slice_trim(weir_slice_cut(rest, ';')).len == 0;
}

/* Cuts the next parameter off `rest`, which stands behind a ';'. OK, WEIR_END, or ERR_INVALID. */
static enum weir_status next_param(struct weir_slice *rest, struct param *param)
{
	size_t equals;

	*rest = weir_slice_trim(*rest);
	if (rest->len == 0)
		return WEIR_END;
	equals = weir_slice_find(*rest, '=');
	param->name = weir_slice(rest->data, equals);
	if (equals == rest->len || !weir_field_name_valid(param->name))
		return WEIR_ERR_INVALID;
	*rest = weir_slice_from(*rest, equals + 1);
	return cut_value(rest, param) ? WEIR_OK : WEIR_ERR_INVALID;
}

static bool is_boundary(struct weir_slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];
		bool alnum = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');

		if (!alnum && (c == '\0' || !strchr("'()+_,-./:=? ", c)))
			return false;
	}
	return text.len > 0 && text.len <= WEIR_MULTIPART_BOUNDARY_MAX && text.data[text.len - 1] != ' ';
}

enum weir_status weir_multipart_boundary(struct weir_slice content_type, struct weir_slice *boundary, const char **why)
{
	struct weir_slice rest = content_type;
	enum weir_status status;
	struct param param;

	*boundary = WEIR_SLICE_NONE;
	*why = "Content-Type is not " WEIR_MULTIPART_MEDIA_TYPE;
	if (!weir_media_type_is(content_type, WEIR_MULTIPART_MEDIA_TYPE))
		return WEIR_ERR_UNSUPPORTED;
	*why = "the parameters of Content-Type are malformed";
	weir_slice_cut(&rest, ';');
	while ((status = next_param(&rest, &param)) == WEIR_OK) {
		if (!weir_slice_equal_nocase(param.name, WEIR_SLICE_LITERAL("boundary")))
			continue;
		if (boundary->data)
			return WEIR_ERR_INVALID;
		*boundary = param.value;
	}
	if (status < 0)
		return status;
	*why = boundary->data ? "the boundary in Content-Type is not 1 to 70 of the allowed characters" : "Content-Type names no boundary";
	return boundary->data && is_boundary(*boundary) ? WEIR_OK : WEIR_ERR_INVALID;
}

/* -- Content-Disposition --------------------------------------------------------------------------------------------------- */

/* The length of an escape at `at`, and what it stands for; 0 when there is none. */
static size_t escape(struct weir_slice text, size_t at, char *byte)
{
	size_t left = text.len - at;
	int code;

	if (text.data[at] == '\\' && left >= 2 && (text.data[at + 1] == '"' || text.data[at + 1] == '\\')) {
		*byte = text.data[at + 1];
		return 2;
	}
	if (text.data[at] != '%' || left < 3 || weir_char_hex(text.data[at + 1]) < 0 || weir_char_hex(text.data[at + 2]) < 0)
		return 0;
	code = weir_char_hex(text.data[at + 1]) * 16 + weir_char_hex(text.data[at + 2]);
	if (code != '"' && code != '\r' && code != '\n')
		return 0;
	*byte = (char)code;
	return 3;
}

/* Unescapes in place: `value` lies in `head`, which may be written to. */
static struct weir_slice unescape(char *head, struct weir_slice fields, const struct param *param)
{
	size_t begin = (size_t)(param->value.data - fields.data), end = begin;

	if (!param->quoted)
		return param->value;
	for (size_t at = 0; at < param->value.len;) {
		char byte = param->value.data[at];
		size_t len = escape(param->value, at, &byte);

		head[end++] = byte;
		at += len ? len : 1;
	}
	return weir_slice(head + begin, end - begin);
}

static const char *read_disposition(char *head, struct weir_slice fields, struct weir_slice value, struct weir_multipart_part *part)
{
	struct weir_slice type = weir_slice_trim(weir_slice_cut(&value, ';'));
	enum weir_status status;
	struct param param;

	if (!weir_slice_equal_nocase(type, WEIR_SLICE_LITERAL("form-data")))
		return "Content-Disposition is not form-data";
	while ((status = next_param(&value, &param)) == WEIR_OK) {
		bool is_name = weir_slice_equal_nocase(param.name, WEIR_SLICE_LITERAL("name"));
		struct weir_slice *place = is_name ? &part->name : &part->filename;

		if (!is_name && !weir_slice_equal_nocase(param.name, WEIR_SLICE_LITERAL("filename")))
			continue;
		if (place->data)
			return is_name ? "Content-Disposition has two names" : "Content-Disposition has two file names";
		*place = unescape(head, fields, &param);
	}
	if (status < 0)
		return "the parameters of Content-Disposition are malformed";
	return part->name.data ? NULL : "Content-Disposition has no name";
}

/* -- Fields ---------------------------------------------------------------------------------------------------------------- */

/* Cuts a line off `rest`. */
static void next_line(struct weir_slice *rest, struct weir_slice *name, struct weir_slice *value)
{
	struct weir_slice line = weir_slice_cut(rest, '\n');
	size_t colon;

	line.len -= line.len > 0;
	colon = weir_slice_find(line, ':');
	*name = weir_slice(line.data, colon);
	*value = colon < line.len ? weir_slice_trim(weir_slice_from(line, colon + 1)) : WEIR_SLICE_NONE;
}

static bool is_printable(struct weir_slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (((unsigned char)text.data[i] < ' ' && text.data[i] != '\t') || text.data[i] == 0x7f)
			return false;
	return true;
}

/* Keeps the value of a field of the wanted name. False when there is one already. */
static bool set_once(struct weir_slice *place, struct weir_slice name, struct weir_slice wanted, struct weir_slice value)
{
	if (!weir_slice_equal_nocase(name, wanted))
		return true;
	if (place->data)
		return false;
	*place = value;
	return true;
}

const char *weir_multipart_read_head(char *head, size_t len, struct weir_multipart_part *part)
{
	struct weir_slice fields = weir_slice(head, len), rest = fields, name, value, disposition = WEIR_SLICE_NONE;

	*part = (struct weir_multipart_part){ .head = fields };
	if (!head)
		return "no fields";
	while (rest.len > 0) {
		next_line(&rest, &name, &value);
		if (!value.data || !weir_field_name_valid(name))
			return "a line among the fields is none";
		if (!is_printable(value))
			return "a field holds a control character";
		if (!set_once(&disposition, name, WEIR_SLICE_LITERAL("Content-Disposition"), value))
			return "two Content-Disposition fields";
		if (!set_once(&part->content_type, name, WEIR_SLICE_LITERAL("Content-Type"), value))
			return "two Content-Type fields";
	}
	return disposition.data ? read_disposition(head, fields, disposition, part) : "no Content-Disposition";
}

struct weir_slice weir_multipart_field(const struct weir_multipart_part *part, const char *name)
{
	struct weir_slice rest = part->head, line_name, value;

	while (rest.len > 0) {
		next_line(&rest, &line_name, &value);
		if (weir_slice_equal_nocase(line_name, weir_slice_text(name)))
			return value;
	}
	return WEIR_SLICE_NONE;
}
