/* SPDX-License-Identifier: Apache-2.0
 *
 * Multipart forms. What a parser has seen is written down as a few lines of text; every form must give the same text as a whole, cut in two
 * at every place, and byte by byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <weir/buffer.h>
#include <weir/multipart.h>

#define TYPE(boundary) WEIR_MULTIPART_MEDIA_TYPE "; boundary=" boundary
#define SEVENTY "0123456789'()+_,-./:=?abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"
#define CHROME "----WebKitFormBoundary7MA4YWxkTrZu0gW"
#define FIREFOX "---------------------------9051914041544843365972754266"
#define CURL "------------------------d74496d66958873e"
#define NAMED "Content-Disposition: form-data; name="
#define N NAMED "\"n\"\r\n\r\n"

struct sample {
	const char *type;
	struct weir_slice body;
	const char *seen; /* name, [file name], (content type): contents; each part in its line */
};

#define SAMPLE(type, body, seen) \
	{ \
		type, { body, sizeof(body) - 1 }, seen \
	}

static const struct sample good[] = {
	/* Chrome: a text with a line break, a file, a file input where none was chosen */
	SAMPLE(TYPE(CHROME),
	       "--" CHROME "\r\n" NAMED "\"title\"\r\n\r\n"
	       "two\r\nlines"
	       "\r\n--" CHROME "\r\n" NAMED "\"photo\"; filename=\"Gr\xc3\xbc\xc3\x9f %22Ulm%22.png\"\r\nContent-Type: image/png\r\n\r\n"
	       "\x89PNG\r\n\x1a\n\0\0"
	       "\r\n--" CHROME "\r\n" NAMED "\"none\"; filename=\"\"\r\nContent-Type: application/octet-stream\r\n\r\n"
	       "\r\n--" CHROME "--\r\n",
	       "title: two\r\nlines\n"
	       "photo [Gr\xc3\xbc\xc3\x9f \"Ulm\".png] (image/png): \x89PNG\r\n\x1a\n00\n"
	       "none [] (application/octet-stream): \n"),
	/* Firefox */
	SAMPLE(TYPE(FIREFOX),
	       "--" FIREFOX "\r\n" NAMED "\"a%0D%0Ab\"\r\n\r\n"
	       "1"
	       "\r\n--" FIREFOX "\r\n" NAMED "\"f\"; filename=\"C:\\dir\\x.txt\"\r\nContent-Type: text/plain\r\n\r\n"
	       "100%\n"
	       "\r\n--" FIREFOX "--\r\n",
	       "a\r\nb: 1\nf [C:\\dir\\x.txt] (text/plain): 100%\n\n"),
	/* curl: backslashes; a field of its own; no line end at the end */
	SAMPLE(TYPE(CURL),
	       "--" CURL "\r\n"
	       "Content-Disposition: form-data; name=\"a\\\"b\"; filename=\"c\\\\d%41.txt\"\r\nX-Own: \r\ncontent-type:\ttext/x \r\n\r\nx"
	       "\r\n--" CURL "--",
	       "a\"b [c\\d%41.txt] (text/x): x\n"),
	/* what looks like the boundary and is none; one that is inside a line */
	SAMPLE(TYPE("abc"),
	       "--abc\r\n" N "\r\n--ab\r\n\r\n--\r\r\r\n-abc --abc\n--abc\r\r\n--ab"
	       "\r\n--abc--",
	       "n: \r\n--ab\r\n\r\n--\r\r\r\n-abc --abc\n--abc\r\r\n--ab\n"),
	SAMPLE(TYPE("--"),
	       "----\r\n" N "-\r\n-\r\n--\r\n---"
	       "\r\n------",
	       "n: -\r\n-\r\n--\r\n---\n"),
	/* preamble, epilogue, blanks behind boundaries, a quoted boundary with a blank, other parameters */
	SAMPLE("Multipart/Form-Data ; charset=utf-8; Boundary=\"a b\"",
	       "what\r\n--a c\r\n--a b \t\r\n" N "v"
	       "\r\n--a b-- \r\n--a b\r\nmore",
	       "n: v\n"),
	/* no contents, with and without the empty line's own end; line ends as contents; the same name again */
	SAMPLE(TYPE("b"),
	       "--b\r\n" N "\r\n--b\r\n" N "--b\r\n" N "\r\n\r\n--b\r\n" NAMED "\"m\"\r\n\r\n"
	       "-"
	       "\r\n--b--",
	       "n: \nn: \nn: \r\n\nm: -\n"),
	SAMPLE(TYPE("b"), "--b--\r\n", ""),
	SAMPLE(TYPE("\"" SEVENTY "\""),
	       "--" SEVENTY "\r\n" N "\r\n--"
	       "0123456789'()+_,-./:=?abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTU"
	       "\r\n--" SEVENTY "--",
	       "n: \r\n--0123456789'()+_,-./:=?abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTU\n"),
	/* filename* has no say; unquoted values; an empty name */
	SAMPLE(TYPE("b"), "--b\r\nCONTENT-DISPOSITION: Form-Data; NAME=n; filename*=UTF-8''%e2%82%ac; filename=f%22.x ;\r\n\r\nv\r\n--b--",
	       "n [f%22.x]: v\n"),
	SAMPLE(TYPE("b"),
	       "--b\r\n" NAMED "\"\"\r\n\r\n"
	       "v\r\n--b--",
	       ": v\n"),
};

static const struct sample bad[] = {
	SAMPLE(TYPE("b"), "", "no boundary in 0 bytes"),
	SAMPLE(TYPE("b"), "-b--\r\n --b--", "no boundary in 12 bytes"),
	SAMPLE(TYPE("b"), "--b\r\n" N "v\r\n--b-", "the form ends at byte 56 without its closing boundary (parts begun: 1)"),
	SAMPLE(TYPE("b"), "--b\n" N "v\n--b--\n", "byte 3: a line begins with the boundary and goes on"),
	SAMPLE(TYPE("b"), "--b\r\n" N "v\r\n--bc\r\n--b--", "byte 55: a line begins with the boundary and goes on"),
	SAMPLE(TYPE("b"), "--b -\r\n", "byte 4: a line begins with the boundary and goes on"),
	SAMPLE(TYPE("b"), "--b\r \n", "byte 4: a line begins with the boundary and goes on"),
	SAMPLE(TYPE("b"), "--b\rx", "byte 4: a line begins with the boundary and goes on"),
	SAMPLE(TYPE("b"), "--b-\r\n", "byte 4: a line begins with the boundary and goes on"),
	SAMPLE(TYPE("b"), "--b\r\n\r\nv\r\n--b--", "part 1, which begins at byte 5: no Content-Disposition"),
	SAMPLE(TYPE("b"), "--b\r\n" N "\r\n--b\r\nContent-Type: text/plain\r\n\r\nv\r\n--b--",
	       "part 2, which begins at byte 56: no Content-Disposition"),
	SAMPLE(TYPE("b"), "--b\r\nContent-Disposition: form-data; name=n\nX: y\r\n\r\n",
	       "part 1, which begins at byte 5: a line among the fields does not end with CRLF"),
	SAMPLE(TYPE("b"), "--b\r\n\n", "part 1, which begins at byte 5: a line among the fields does not end with CRLF"),
	SAMPLE(TYPE("b"), "--b\r\nContent-Disposition: form-data;\r\n name=n\r\n\r\n",
	       "part 1, which begins at byte 5: a line among the fields is none"),
	SAMPLE(TYPE("b"), "--b\r\nnothing\r\n\r\n", "part 1, which begins at byte 5: a line among the fields is none"),
	SAMPLE(TYPE("b"), "--b\r\nX : y\r\n\r\n", "part 1, which begins at byte 5: a line among the fields is none"),
	SAMPLE(TYPE("b"),
	       "--b\r\n"
	       "Content-Disposition: form-data; name=\"a\0b\"\r\n\r\n",
	       "part 1, which begins at byte 5: a field holds a control character"),
	SAMPLE(TYPE("b"), "--b\r\nX: a\rb\r\n\r\n", "part 1, which begins at byte 5: a field holds a control character"),
	SAMPLE(TYPE("b"), "--b\r\nX: a\x7f\r\n\r\n", "part 1, which begins at byte 5: a field holds a control character"),
	SAMPLE(TYPE("b"), "--b\r\nContent-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=a\r\n\r\n",
	       "part 1, which begins at byte 5: two Content-Disposition fields"),
	SAMPLE(TYPE("b"), "--b\r\nContent-Type: a/b\r\nContent-Type: a/b\r\n\r\n",
	       "part 1, which begins at byte 5: two Content-Type fields"),
	SAMPLE(TYPE("b"), "--b\r\nContent-Disposition: attachment; name=a\r\n\r\n",
	       "part 1, which begins at byte 5: Content-Disposition is not form-data"),
	SAMPLE(TYPE("b"), "--b\r\nContent-Disposition:\r\n\r\n", "part 1, which begins at byte 5: Content-Disposition is not form-data"),
	SAMPLE(TYPE("b"), "--b\r\nContent-Disposition: form-data; filename=a\r\n\r\n",
	       "part 1, which begins at byte 5: Content-Disposition has no name"),
	SAMPLE(TYPE("b"), "--b\r\nContent-Disposition: form-data; name=a; name=b\r\n\r\n",
	       "part 1, which begins at byte 5: Content-Disposition has two names"),
	SAMPLE(TYPE("b"), "--b\r\nContent-Disposition: form-data; name=a; filename=b; FileName=\"\"\r\n\r\n",
	       "part 1, which begins at byte 5: Content-Disposition has two file names"),
#define MALFORMED(params) \
	SAMPLE(TYPE("b"), "--b\r\nContent-Disposition: form-data; " params "\r\n\r\n", \
	       "part 1, which begins at byte 5: the parameters of Content-Disposition are malformed")
	MALFORMED("name"),
	MALFORMED("name=\"a"),
	MALFORMED("name=\"a\\\""),
	MALFORMED("name=\"a\"b"),
	MALFORMED("name="),
	MALFORMED("name=a\"b\""),
	MALFORMED("=a"),
	MALFORMED("na me=a"),
	MALFORMED("name = a"),
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* -- What was seen --------------------------------------------------------------------------------------------------------- */

/* Zeros show as '0', so that it is text. */
static void note(struct weir_buffer *seen, const char *format, struct weir_slice bytes)
{
	const char *at = strchr(format, '*');

	weir_buffer_append(seen, format, (size_t)(at - format));
	for (size_t i = 0; i < bytes.len; i++)
		weir_buffer_append_byte(seen, bytes.data[i] ? bytes.data[i] : '0');
	weir_buffer_append_text(seen, at + 1);
}

static void note_part(struct weir_buffer *seen, const struct weir_multipart_part *part)
{
	note(seen, "*", part->name);
	if (part->filename.data)
		note(seen, " [*]", part->filename);
	if (part->content_type.data)
		note(seen, " (*)", part->content_type);
	weir_buffer_append_text(seen, ": ");
}

/* Hands the parser one piece, in memory of its own size so that a byte too far is noticed. */
static enum weir_multipart_event feed(struct weir_multipart *parser, struct weir_slice piece, struct weir_buffer *seen)
{
	char *copy = test_malloc(piece.len + 1);
	struct weir_slice input = weir_slice(copy, piece.len), data;
	enum weir_multipart_event event;

	memcpy(copy, piece.data, piece.len);
	do {
		event = weir_multipart_next(parser, &input, &data);
		if (event == WEIR_MULTIPART_PART)
			note_part(seen, weir_multipart_part(parser));
		else if (event == WEIR_MULTIPART_DATA)
			note(seen, "*", data);
		else if (event == WEIR_MULTIPART_PART_END)
			weir_buffer_append_byte(seen, '\n');
		assert_true(data.len > 0 || event != WEIR_MULTIPART_DATA);
	} while (event != WEIR_MULTIPART_MORE && event != WEIR_MULTIPART_END && event != WEIR_MULTIPART_FAULT);
	assert_true(event != WEIR_MULTIPART_MORE || input.len == 0);
	test_free(copy);
	return event;
}

/* The body in pieces of `first`, `second` and then `rest` bytes. What was seen, or the fault, is in `seen`. */
static enum weir_status parse(const struct sample *sample, const struct weir_multipart_options *options, const size_t sizes[3],
			      struct weir_buffer *seen)
{
	struct weir_pool *pool = weir_pool_create(0);
	struct weir_slice body = sample->body;
	enum weir_status status = WEIR_OK;
	struct weir_multipart *parser;
	const char *why;

	weir_buffer_clear(seen);
	assert_int_equal(weir_multipart_create(pool, weir_slice_text(sample->type), options, &parser, &why), WEIR_OK);
	for (size_t i = 0; body.len > 0; i += i < 2) {
		size_t len = sizes[i] < body.len ? sizes[i] : body.len;

		(void)feed(parser, weir_slice(body.data, len), seen);
		body = weir_slice_from(body, len);
	}
	if (weir_multipart_end(parser) == WEIR_MULTIPART_FAULT) {
		weir_buffer_clear(seen);
		status = weir_multipart_fault(parser, &why);
		weir_buffer_append_text(seen, why);
	}
	weir_buffer_append_byte(seen, '\0');
	weir_pool_destroy(pool);
	return status;
}

/* As a whole, byte by byte, in two at every place, and with a piece of up to three bytes at every place. */
static void expect(const struct sample *sample, const struct weir_multipart_options *options, enum weir_status status)
{
	struct weir_buffer seen;

	weir_buffer_init(&seen, 0);
	for (size_t first = 1; first <= sample->body.len + 1; first++)
		for (size_t second = 1; second <= 4; second++) {
			size_t rest = first == 1 && second == 1 ? 1 : SIZE_MAX;

			assert_int_equal(parse(sample, options, (size_t[]){ first, second < 4 ? second : SIZE_MAX, rest }, &seen), status);
			assert_string_equal(seen.data, sample->seen);
		}
	weir_buffer_finish(&seen);
}

static void test_multipart_reads_forms_however_they_are_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		expect(&good[i], NULL, WEIR_OK);
}

static void test_multipart_says_what_is_malformed_and_where(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		expect(&bad[i], NULL, WEIR_ERR_INVALID);
}

/* A form is not taken for complete before its closing boundary. */
static void test_multipart_notices_every_truncation(void **state)
{
	struct weir_buffer seen;

	(void)state;
	weir_buffer_init(&seen, 0);
	for (size_t i = 0; i < COUNT(good); i++) {
		struct sample cut = good[i];
		size_t end = cut.body.len;

		while (end > 0 && memcmp(cut.body.data + end - 2, "--", 2) != 0)
			end--;
		if (i == 5)
			continue; /* its epilogue holds a boundary */
		for (cut.body.len = 0; cut.body.len < end; cut.body.len++)
			assert_int_equal(parse(&cut, NULL, (size_t[]){ SIZE_MAX, 1, 1 }, &seen), WEIR_ERR_INVALID);
		assert_int_equal(parse(&cut, NULL, (size_t[]){ SIZE_MAX, 1, 1 }, &seen), WEIR_OK);
	}
	weir_buffer_finish(&seen);
}

/* -- Limits ---------------------------------------------------------------------------------------------------------------- */

static void test_multipart_keeps_its_limits(void **state)
{
	static const char two[] = "--b\r\n" N "12345\r\n--b\r\n" NAMED "\"m\"\r\n\r\n"
				  "123\r\n--b--";
	static const struct {
		struct weir_multipart_options options;
		enum weir_status status;
		const char *seen;
	} cases[] = {
		{ { .parts = 2, .head = 44, .part = 5, .total = sizeof(two) - 1 }, WEIR_OK, "n: 12345\nm: 123\n" },
		{ { .parts = 1 }, WEIR_ERR_LIMIT, "too many parts (limit 1): the next begins at byte 61" },
		{ { .head = 43 }, WEIR_ERR_LIMIT, "part 1, which begins at byte 5: its fields are longer than 43 bytes" },
		{ { .part = 4 }, WEIR_ERR_LIMIT, "part 1, which begins at byte 5: its contents are longer than 4 bytes" },
		{ { .total = sizeof(two) - 2 }, WEIR_ERR_LIMIT, "the form is longer than 114 bytes" },
		{ { .total = 1 }, WEIR_ERR_LIMIT, "the form is longer than 1 bytes" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		struct sample sample = SAMPLE(TYPE("b"), two, cases[i].seen);

		sample.body.len = sizeof(two) - 1;
		expect(&sample, &cases[i].options, cases[i].status);
	}
}

static void test_multipart_hands_on_no_byte_over_the_limit(void **state)
{
	static const char body[] = "--b\r\n" N "1234\r\n--b--";
	struct weir_pool *pool = weir_pool_create(0);
	struct weir_slice input, data;
	struct weir_multipart *parser;
	const char *why;

	(void)state;
	assert_int_equal(
		weir_multipart_create(pool, weir_slice_text(TYPE("b")), &(struct weir_multipart_options){ .part = 3 }, &parser, &why),
		WEIR_OK);
	input = weir_slice(body, sizeof(body) - 1);
	assert_int_equal(weir_multipart_next(parser, &input, &data), WEIR_MULTIPART_PART);
	assert_int_equal(weir_multipart_next(parser, &input, &data), WEIR_MULTIPART_DATA);
	assert_true(weir_slice_equal(data, WEIR_SLICE_LITERAL("123")));
	assert_int_equal(weir_multipart_next(parser, &input, &data), WEIR_MULTIPART_FAULT);
	assert_int_equal(weir_multipart_next(parser, &input, &data), WEIR_MULTIPART_FAULT);
	assert_int_equal(weir_multipart_fault(parser, &why), WEIR_ERR_LIMIT);
	weir_pool_destroy(pool);
}

static void test_multipart_skips_what_comes_after_the_end(void **state)
{
	const struct weir_multipart_options options = { .total = 5 };
	struct weir_slice input = WEIR_SLICE_LITERAL("--b--\r\n--b\r\n"), data;
	struct weir_pool *pool = weir_pool_create(0);
	struct weir_multipart *parser;
	const char *why;

	(void)state;
	assert_int_equal(weir_multipart_create(pool, weir_slice_text(TYPE("b")), &options, &parser, &why), WEIR_OK);
	assert_int_equal(weir_multipart_next(parser, &input, &data), WEIR_MULTIPART_END);
	assert_int_equal(input.len, 7);
	assert_int_equal(weir_multipart_next(parser, &input, &data), WEIR_MULTIPART_END);
	assert_int_equal(input.len, 0);
	assert_int_equal(weir_multipart_end(parser), WEIR_MULTIPART_END);
	weir_pool_destroy(pool);
}

static void test_multipart_needs_a_content_type_with_a_boundary(void **state)
{
	static const struct {
		const char *type;
		enum weir_status status;
	} cases[] = {
		{ NULL, WEIR_ERR_UNSUPPORTED },
		{ "application/x-www-form-urlencoded", WEIR_ERR_UNSUPPORTED },
		{ "multipart/mixed; boundary=b", WEIR_ERR_UNSUPPORTED },
		{ "multipart/form-data", WEIR_ERR_INVALID },
		{ TYPE(""), WEIR_ERR_INVALID },
		{ TYPE("\"\""), WEIR_ERR_INVALID },
		{ TYPE("\"a \""), WEIR_ERR_INVALID },
		{ TYPE("a\"b"), WEIR_ERR_INVALID },
		{ TYPE("\"a\\b\""), WEIR_ERR_INVALID },
		{ TYPE("a@b"), WEIR_ERR_INVALID },
		{ TYPE("a; boundary=b"), WEIR_ERR_INVALID },
		{ TYPE("\"" SEVENTY "W\""), WEIR_ERR_INVALID },
		{ TYPE("a;"), WEIR_OK },
	};
	struct weir_pool *pool = weir_pool_create(0);
	struct weir_multipart *parser;
	const char *why;

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		assert_int_equal(weir_multipart_create(pool, weir_slice_text(cases[i].type), NULL, &parser, &why), cases[i].status);
		assert_true((why == NULL) == (parser != NULL));
	}
	weir_pool_destroy(pool);
}

/* -- Forms in memory ------------------------------------------------------------------------------------------------------- */

static void test_multipart_form_lies_in_its_body(void **state)
{
	struct weir_buffer seen;

	(void)state;
	weir_buffer_init(&seen, 0);
	for (size_t i = 0; i < COUNT(good); i++) {
		struct weir_pool *pool = weir_pool_create(0);
		struct weir_slice body = good[i].body;
		struct weir_multipart_form form;

		weir_buffer_clear(&seen);
		assert_int_equal(weir_multipart_parse(pool, weir_slice_text(good[i].type), body, NULL, &form), WEIR_OK);
		assert_null(form.why);
		for (size_t k = 0; k < form.count; k++) {
			struct weir_slice contents = form.parts[k].contents;

			assert_true(contents.len == 0 ||
				    (contents.data > body.data && contents.data + contents.len < body.data + body.len));
			note_part(&seen, &form.parts[k]);
			note(&seen, "*\n", contents);
		}
		weir_buffer_append_byte(&seen, '\0');
		assert_string_equal(seen.data, good[i].seen);
		weir_pool_destroy(pool);
	}
	weir_buffer_finish(&seen);
}

static void test_multipart_form_finds_parts_and_fields(void **state)
{
	static const char body[] = "--b\r\n" N "1\r\n--b\r\nContent-Transfer-Encoding: binary\r\nX: y\r\n" NAMED "\"m\"\r\n\r\n"
				   "2\r\n--b\r\n" N "3\r\n--b--";
	struct weir_pool *pool = weir_pool_create(0);
	const struct weir_multipart_part *part;
	struct weir_multipart_form form;
	size_t at = 0;

	(void)state;
	assert_int_equal(weir_multipart_parse(pool, weir_slice_text(TYPE("b")), weir_slice(body, sizeof(body) - 1), NULL, &form), WEIR_OK);
	assert_ptr_equal(weir_multipart_next_of(&form, "n", &at), &form.parts[0]);
	assert_ptr_equal(weir_multipart_next_of(&form, "n", &at), &form.parts[2]);
	assert_null(weir_multipart_next_of(&form, "n", &at));
	assert_null(weir_multipart_get(&form, "N"));
	part = weir_multipart_get(&form, "m");
	assert_ptr_equal(part, &form.parts[1]);
	assert_true(weir_slice_equal(weir_multipart_field(part, "content-transfer-encoding"), WEIR_SLICE_LITERAL("binary")));
	assert_true(weir_slice_equal(weir_multipart_field(part, "X"), WEIR_SLICE_LITERAL("y")));
	assert_null(weir_multipart_field(part, "Y").data);
	weir_pool_destroy(pool);
}

static void test_multipart_form_says_what_is_wrong(void **state)
{
	struct weir_pool *pool = weir_pool_create(0);
	struct weir_slice type = weir_slice_text(TYPE("b")), body = WEIR_SLICE_LITERAL("--b\r\n" N "1\r\n--b\r\n\r\n");
	struct weir_multipart_form form;

	(void)state;
	assert_int_equal(weir_multipart_parse(pool, type, body, NULL, &form), WEIR_ERR_INVALID);
	assert_string_equal(form.why, "part 2, which begins at byte 57: no Content-Disposition");
	assert_int_equal(form.count, 0);
	body.len -= sizeof("--b\r\n\r\n") - 1;
	assert_int_equal(weir_multipart_parse(pool, type, body, NULL, &form), WEIR_ERR_INVALID);
	assert_string_equal(form.why, "the form ends at byte 52 without its closing boundary (parts begun: 1)");
	body.len += sizeof("--b\r\n\r\n") - 1;
	assert_int_equal(weir_multipart_parse(pool, type, body, &(struct weir_multipart_options){ .parts = 1 }, &form), WEIR_ERR_LIMIT);
	weir_pool_destroy(pool);
}

static void test_multipart_form_survives_any_full_pool(void **state)
{
	const struct sample *sample = &good[0];
	enum weir_status status = WEIR_ERR_MEMORY;
	struct weir_multipart_form form;
	size_t failed = 0;

	(void)state;
	for (size_t limit = 8; status == WEIR_ERR_MEMORY; limit += 8) {
		struct weir_pool *pool = weir_pool_create(limit);

		status = weir_multipart_parse(pool, weir_slice_text(sample->type), sample->body, NULL, &form);
		if (status < 0) {
			assert_string_equal(form.why, "out of memory");
			assert_int_equal(form.count, 0);
			failed++;
		}
		weir_pool_destroy(pool);
	}
	assert_int_equal(status, WEIR_OK);
	assert_in_range(failed, 8192 / 8, 12000 / 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_multipart_reads_forms_however_they_are_cut),
		cmocka_unit_test(test_multipart_says_what_is_malformed_and_where),
		cmocka_unit_test(test_multipart_notices_every_truncation),
		cmocka_unit_test(test_multipart_keeps_its_limits),
		cmocka_unit_test(test_multipart_hands_on_no_byte_over_the_limit),
		cmocka_unit_test(test_multipart_skips_what_comes_after_the_end),
		cmocka_unit_test(test_multipart_needs_a_content_type_with_a_boundary),
		cmocka_unit_test(test_multipart_form_lies_in_its_body),
		cmocka_unit_test(test_multipart_form_finds_parts_and_fields),
		cmocka_unit_test(test_multipart_form_says_what_is_wrong),
		cmocka_unit_test(test_multipart_form_survives_any_full_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
