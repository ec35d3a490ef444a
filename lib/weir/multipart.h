/* SPDX-License-Identifier: Apache-2.0
 *
 * multipart/form-data (RFC 7578): forms with files. A parser that takes its input in pieces of any size, and whole forms in memory.
 *
 * It is strict where two readers could understand the same bytes differently. Lines end with CRLF. A line that begins with the boundary is
 * one: if it goes on in any other way than RFC 2046 section 5.1.1 allows, the form is malformed. Each part has exactly one
 * Content-Disposition, `form-data` with a name; a second name, file name, Content-Type or boundary, folded lines and control characters are
 * errors. What stands before the first boundary and after the last is skipped.
 *
 * Names and file names are bytes, UTF-8 in all browsers. In quotes, \" and \\ lose their backslash, any other backslash stands for itself,
 * and %22, %0D and %0A, which is how browsers write a quote and line breaks, are decoded. `filename*` is ignored, as RFC 7578 section 4.2
 * demands. A file name is what the client says: data to be shown with care, never a path. Contents are passed on as they are;
 * Content-Transfer-Encoding is obsolete (section 4.7) and not undone.
 */
#ifndef WEIR_MULTIPART_H
#define WEIR_MULTIPART_H

#include <weir/pool.h>
#include <weir/slice.h>

#define WEIR_MULTIPART_MEDIA_TYPE "multipart/form-data"

/* 0 means the default in the comment. Over a limit: ERR_LIMIT. */
struct weir_multipart_options {
	size_t parts;   /* number of parts: 100 */
	size_t head;    /* bytes of the fields of one part: 8 KiB, taken from the pool at once */
	uint64_t part;  /* bytes of the contents of one part: no limit but the total */
	uint64_t total; /* bytes up to the closing boundary: no limit but that of the request's body */
};

struct weir_multipart_part {
	struct weir_slice name;
	struct weir_slice filename;     /* absent for a part that is no file; empty for a file input where none was chosen */
	struct weir_slice content_type; /* absent when not sent: text/plain (RFC 7578 section 4.4) */
	struct weir_slice head;         /* its fields: for weir_multipart_field() */
	struct weir_slice contents;     /* of a form in memory; else absent */
};

/* The first field of that name, without regard to case; the absent slice when there is none. Not for Content-Disposition, where unescaping
 * has been at work. */
WEIR_API struct weir_slice weir_multipart_field(const struct weir_multipart_part *part, const char *name);

/* -- Forms in memory ------------------------------------------------------------------------------------------------------- */

/* The parts in the order sent. */
struct weir_multipart_form {
	struct weir_multipart_part *parts;
	size_t count;
	const char *why; /* NULL, or in one line what is wrong and where; static or in the pool */
};

/* Parses a whole body. Contents are slices of `body`, all else is in the pool. ERR_UNSUPPORTED when `content_type` is not this media type,
 * ERR_INVALID for a malformed form or boundary, ERR_LIMIT, ERR_MEMORY; the form is then empty but for `why`. `options` may be NULL. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_multipart_parse(struct weir_pool *pool, struct weir_slice content_type,
							       struct weir_slice body, const struct weir_multipart_options *options,
							       struct weir_multipart_form *form);

/* The first part of that name; NULL when there is none. Names are compared byte by byte. */
WEIR_API const struct weir_multipart_part *weir_multipart_get(const struct weir_multipart_form *form, const char *name);

/* The next part of that name, NULL after the last. `*position` is 0 at the start.
 * Loop: `size_t at = 0; while ((part = weir_multipart_next_of(form, "photo", &at))) …`. */
WEIR_API const struct weir_multipart_part *weir_multipart_next_of(const struct weir_multipart_form *form, const char *name,
								  size_t *position);

/* -- Piece by piece -------------------------------------------------------------------------------------------------------- */

struct weir_multipart;

enum weir_multipart_event {
	WEIR_MULTIPART_MORE,     /* the input is used up: call again with what comes next */
	WEIR_MULTIPART_PART,     /* a part begins */
	WEIR_MULTIPART_DATA,     /* bytes of it, at least one; any number of times */
	WEIR_MULTIPART_PART_END, /* and it is complete */
	WEIR_MULTIPART_END,      /* the closing boundary; from now on the input is skipped and this is all that comes */
	WEIR_MULTIPART_FAULT,    /* the same */
};

/* A parser in the pool, which it does not touch again: a few hundred bytes and the room for the fields of one part. Errors as for
 * weir_multipart_parse(), and `*why` as its form's. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_multipart_create(struct weir_pool *pool, struct weir_slice content_type,
								const struct weir_multipart_options *options,
								struct weir_multipart **parser, const char **why);

/* Cuts what it has understood off the front of `input`, and says what that was. `*data` is set for DATA: a slice of the input, or of the
 * parser, if what looked like the beginning of a boundary at the end of an earlier piece was none; valid until the next call. */
WEIR_API enum weir_multipart_event weir_multipart_next(struct weir_multipart *parser, struct weir_slice *input, struct weir_slice *data);

/* No more input will come: END, or FAULT when the closing boundary is missing. */
WEIR_API enum weir_multipart_event weir_multipart_end(struct weir_multipart *parser);

/* The part that began last; its slices are valid until the next one begins. */
WEIR_API const struct weir_multipart_part *weir_multipart_part(const struct weir_multipart *parser);

/* After FAULT: ERR_INVALID or ERR_LIMIT, and in one line what is wrong and where, in the parser. */
WEIR_API enum weir_status weir_multipart_fault(const struct weir_multipart *parser, const char **why);

#endif
