/* SPDX-License-Identifier: Apache-2.0
 *
 * The tokens of a JSON text, each checked by RFC 8259 to the last byte; their order is not looked at. json-c knows the grammar of values,
 * but takes liberties inside of tokens: with this in front of it none is left.
 */
#ifndef WEIR_HTTP_JSON_SCAN_H
#define WEIR_HTTP_JSON_SCAN_H

#include <weir/slice.h>

enum weir_json_token_kind {
	WEIR_JSON_OPEN,  /* '[' or '{' */
	WEIR_JSON_CLOSE, /* ']' or '}' */
	WEIR_JSON_MARK,  /* ',' or ':' */
	WEIR_JSON_STRING,
	WEIR_JSON_NAME, /* a string before a ':' */
	WEIR_JSON_INTEGER,
	WEIR_JSON_DOUBLE, /* a number with fraction or exponent */
	WEIR_JSON_WORD,   /* true, false, null */
};

struct weir_json_token {
	enum weir_json_token_kind kind;
	struct weir_slice text; /* quotes included */
};

/* Starts as `{ .text = … }`. */
struct weir_json_scan {
	struct weir_slice text;
	size_t at;          /* of the next token; after a failure, of the wrong byte */
	const char *reason; /* of the failure, else NULL; static storage */
};

/* False at the end of the text and for a token that is wrong; `scan->reason` tells which. */
bool weir_json_scan_next(struct weir_json_scan *scan, struct weir_json_token *token);

#endif
