/* SPDX-License-Identifier: Apache-2.0
 *
 * Multipart forms that are in memory as a whole: the same parser, fed once, so the contents of each part lie in one piece in the body.
 */
#include <weir/multipart.h>

/* Room for one part more: twice as much whenever it is used up. */
static struct weir_multipart_part *add_part(struct weir_pool *pool, struct weir_multipart_form *form)
{
	size_t count = form->count;
	struct weir_multipart_part *grown;

	if ((count & (count - 1)) == 0) {
		grown = weir_pool_alloc(pool, (count ? 2 * count : 1) * sizeof(*grown));
		if (!grown)
			return NULL;
		if (count > 0)
			memcpy(grown, form->parts, count * sizeof(*grown));
		form->parts = grown;
	}
	return &form->parts[form->count++];
}

/* The parser's part with slices of its own: all of them lie in the head. */
static enum weir_status keep_part(struct weir_pool *pool, const struct weir_multipart_part *seen, struct weir_multipart_form *form)
{
	struct weir_multipart_part *part = add_part(pool, form);
	struct weir_slice head = weir_pool_dup(pool, seen->head);

	if (!part || !head.data)
		return WEIR_ERR_MEMORY;
	*part = *seen;
	part->head = head;
	part->name.data = head.data + (seen->name.data - seen->head.data);
	if (seen->filename.data)
		part->filename.data = head.data + (seen->filename.data - seen->head.data);
	if (seen->content_type.data)
		part->content_type.data = head.data + (seen->content_type.data - seen->head.data);
	part->contents = WEIR_SLICE_LITERAL("");
	return WEIR_OK;
}

/* OK at the end of the form. */
static enum weir_status read_parts(struct weir_pool *pool, struct weir_multipart *parser, struct weir_slice body,
				   struct weir_multipart_form *form)
{
	enum weir_multipart_event event = WEIR_MULTIPART_MORE;
	struct weir_slice data;

	while (event != WEIR_MULTIPART_END) {
		event = weir_multipart_next(parser, &body, &data);
		if (event == WEIR_MULTIPART_MORE)
			event = weir_multipart_end(parser);
		if (event == WEIR_MULTIPART_FAULT)
			return WEIR_ERR_INVALID;
		if (event == WEIR_MULTIPART_DATA)
			form->parts[form->count - 1].contents = data; /* all of it, as the input is one piece */
		else if (event == WEIR_MULTIPART_PART && keep_part(pool, weir_multipart_part(parser), form) < 0)
			return WEIR_ERR_MEMORY;
	}
	return WEIR_OK;
}

enum weir_status weir_multipart_parse(struct weir_pool *pool, struct weir_slice content_type, struct weir_slice body,
				      const struct weir_multipart_options *options, struct weir_multipart_form *form)
{
	struct weir_multipart *parser;
	enum weir_status status;

	*form = (struct weir_multipart_form){ 0 };
	status = weir_multipart_create(pool, content_type, options, &parser, &form->why);
	if (status < 0)
		return status;
	status = read_parts(pool, parser, body, form);
	if (status < 0)
		form->count = 0;
	form->why = status < 0 ? weir_status_text(status) : NULL;
	return status == WEIR_ERR_INVALID ? weir_multipart_fault(parser, &form->why) : status;
}

const struct weir_multipart_part *weir_multipart_next_of(const struct weir_multipart_form *form, const char *name, size_t *position)
{
	while (*position < form->count) {
		const struct weir_multipart_part *part = &form->parts[(*position)++];

		if (weir_slice_equal(part->name, weir_slice_text(name)))
			return part;
	}
	return NULL;
}

const struct weir_multipart_part *weir_multipart_get(const struct weir_multipart_form *form, const char *name)
{
	size_t position = 0;

	return weir_multipart_next_of(form, name, &position);
}
