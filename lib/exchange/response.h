/* SPDX-License-Identifier: Apache-2.0
 *
 * The inside of a response, and what the steps do with it: settle what the handler left, write the head.
 */
#ifndef WEIR_EXCHANGE_RESPONSE_H
#define WEIR_EXCHANGE_RESPONSE_H

#include <weir/response.h>

struct weir_response {
	struct weir_pool *pool;
	struct weir_log *log;
	struct weir_fields fields;
	int status;
	bool failed;  /* became a 500, or was never made */
	bool mistake; /* a setter was given what cannot be sent */
	bool no_body; /* HEAD: lengths count, bytes do not go out */
	bool is_stream;
	struct weir_source source;
	struct weir_slice borrowed; /* instead of `body` */
	bool is_borrowed;
	struct weir_buffer body;
};

/* `res` is zeroed. */
void weir_response_begin(struct weir_response *res, struct weir_pool *pool, struct weir_log *log, size_t body_limit);

/* Closes the source and frees what is not in the pool. */
void weir_response_finish(struct weir_response *res);

/* After the handler: a failed status, an overflow, a setter's mistake or a status that is none make it a 500, and the
 * reason is returned for the log; NULL when all is well. */
const char *weir_response_settle(struct weir_response *res, enum weir_status handler);

/* The 500 itself, which needs no memory but the pool's reserve. */
void weir_response_fail(struct weir_response *res);

/* Makes the source of the whole body known in advance, if it is: false for a source without length. */
bool weir_response_length(const struct weir_response *res, uint64_t *length);

/* True for a status that never has a body (RFC 9110 section 6.4.1). */
bool weir_status_has_no_body(int status);

/* The head as CGI has it: Status, the fields, Content-Length when known, an empty line. The absent slice when memory is out. */
struct weir_slice weir_response_head(struct weir_response *res);

/* "Not Found"; "Unknown" for codes that nobody has registered. */
const char *weir_reason_phrase(int status);

#endif
