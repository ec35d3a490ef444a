/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a multipart form: the first line is the boundary, the second says where to cut, the rest is the body. In pieces it must be
 * read as it is as a whole, and what is in its parts must lie in it, in order.
 */
#include <weir/buffer.h>
#include <weir/multipart.h>

#include "insist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct weir_multipart_options limits = { .parts = 8, .head = 300, .part = 400, .total = 3000 };

static void note(struct weir_buffer *seen, char what, struct weir_slice bytes)
{
	weir_buffer_printf(seen, "\n%c%zu", bytes.data ? what : '-', bytes.len);
	weir_buffer_append_slice(seen, bytes);
}

static void note_part(struct weir_buffer *seen, const struct weir_multipart_part *part)
{
	note(seen, 'n', part->name);
	note(seen, 'f', part->filename);
	note(seen, 't', part->content_type);
	note(seen, 'x', weir_multipart_field(part, "X"));
}

/* Feeds one piece, in memory of its own size. */
static enum weir_multipart_event feed(struct weir_multipart *parser, struct weir_slice piece, struct weir_buffer *seen)
{
	char *copy = malloc(piece.len + (piece.len == 0));
	struct weir_slice input = weir_slice(copy, piece.len), data;
	enum weir_multipart_event event;

	memcpy(copy, piece.data, piece.len);
	do {
		event = weir_multipart_next(parser, &input, &data);
		INSIST((event == WEIR_MULTIPART_DATA) == (data.len > 0));
		if (event == WEIR_MULTIPART_PART)
			note_part(seen, weir_multipart_part(parser));
		else if (event == WEIR_MULTIPART_DATA)
			weir_buffer_append_slice(seen, data);
		else if (event == WEIR_MULTIPART_PART_END)
			weir_buffer_append_text(seen, "\nend");
	} while (event >= WEIR_MULTIPART_PART && event <= WEIR_MULTIPART_PART_END);
	INSIST(event != WEIR_MULTIPART_MORE || input.len == 0);
	free(copy);
	return event;
}

/* Each byte of `cuts` is the length of a piece, again and again; none: all at once. */
static void parse(struct weir_slice type, struct weir_slice body, struct weir_slice cuts, struct weir_buffer *seen)
{
	struct weir_pool *pool = weir_pool_create(0);
	enum weir_multipart_event event = WEIR_MULTIPART_MORE;
	struct weir_multipart *parser;
	const char *why;

	INSIST(weir_multipart_create(pool, type, &limits, &parser, &why) == WEIR_OK);
	for (size_t i = 0; body.len > 0 && event == WEIR_MULTIPART_MORE; i++) {
		size_t len = cuts.len > 0 ? (unsigned char)cuts.data[i % cuts.len] : body.len;

		len = len < body.len ? len : body.len;
		event = feed(parser, weir_slice(body.data, len + (len == 0)), seen);
		body = weir_slice_from(body, len + (len == 0));
	}
	event = weir_multipart_end(parser);
	if (event == WEIR_MULTIPART_FAULT)
		weir_buffer_printf(seen, "\nfault %d", (int)weir_multipart_fault(parser, &why));
	if (event == WEIR_MULTIPART_FAULT)
		note(seen, 'w', weir_slice_text(why));
	weir_pool_destroy(pool);
}

/* The form in memory is what the parser has seen. */
static void check_form(struct weir_slice type, struct weir_slice body, const struct weir_buffer *seen)
{
	struct weir_pool *pool = weir_pool_create(0);
	const char *before = body.data;
	struct weir_multipart_form form;
	struct weir_buffer again;

	weir_buffer_init(&again, 0);
	if (weir_multipart_parse(pool, type, body, &limits, &form) == WEIR_OK) {
		for (size_t i = 0; i < form.count; i++) {
			struct weir_slice contents = form.parts[i].contents;

			INSIST(contents.len == 0 || (contents.data >= before && contents.data + contents.len <= body.data + body.len));
			before = contents.len > 0 ? contents.data + contents.len : before;
			note_part(&again, &form.parts[i]);
			weir_buffer_append_slice(&again, contents);
			weir_buffer_append_text(&again, "\nend");
		}
		INSIST(weir_slice_equal(weir_buffer_slice(&again), weir_buffer_slice(seen)));
	} else {
		size_t len = strlen(form.why);

		INSIST(len > 0 && form.count == 0);
		INSIST(seen->len > len && memcmp(seen->data + seen->len - len, form.why, len) == 0);
	}
	weir_buffer_finish(&again);
	weir_pool_destroy(pool);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_slice body = weir_slice(data, size), boundary, cuts, type;
	struct weir_buffer whole, pieces;
	struct weir_multipart *parser;
	struct weir_pool *pool;
	const char *why;

	if (size == 0 || size > 4096)
		return 0;
	boundary = weir_slice_cut(&body, '\n');
	cuts = weir_slice_cut(&body, '\n');
	if (!body.data)
		return 0;
	pool = weir_pool_create(0);
	type = weir_slice_text(weir_pool_printf(pool, WEIR_MULTIPART_MEDIA_TYPE ";boundary=%.*s", (int)boundary.len, boundary.data));
	if (weir_multipart_create(pool, type, NULL, &parser, &why) == WEIR_OK) {
		weir_buffer_init(&whole, 0);
		weir_buffer_init(&pieces, 0);
		parse(type, body, WEIR_SLICE_NONE, &whole);
		parse(type, body, cuts, &pieces);
		INSIST(weir_slice_equal(weir_buffer_slice(&whole), weir_buffer_slice(&pieces)));
		check_form(type, body, &whole);
		weir_buffer_finish(&whole);
		weir_buffer_finish(&pieces);
	}
	weir_pool_destroy(pool);
	return 0;
}
