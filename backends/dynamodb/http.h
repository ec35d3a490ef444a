/* SPDX-License-Identifier: Apache-2.0
 *
 * HTTP requests, several at the same time over connections that are kept: what is known here of libcurl.
 *
 * One thread at a time. Every wait is bounded: the making of a connection and each request by the options, all together by a deadline.
 */
#ifndef WEIR_DYNAMODB_HTTP_H
#define WEIR_DYNAMODB_HTTP_H

#include <weir/buffer.h>

#include "options.h"
#include "timing.h"

struct weir_dynamodb_http;

struct weir_dynamodb_secret {
	char *access_key;
	char *secret_key;
	char *session_token; /* NULL: none */
};

/* Who signs, and for which region. */
struct weir_dynamodb_signer {
	const struct weir_dynamodb_secret *secret;
	const char *region;
};

struct weir_dynamodb_transfer {
	const char *url;
	const char *method;         /* NULL: POST when there is a signer, else GET */
	const char *const *headers; /* ends with NULL; may be NULL */
	struct weir_slice body;
	const struct weir_dynamodb_signer *signer; /* NULL: not signed, and never through a proxy */
	struct weir_buffer *reply;                 /* the caller's; its limit holds */

	/* Results. */
	enum weir_status status;                /* OK: a reply came, whatever its code; ERR_TIMEOUT, ERR_IO, ERR_MEMORY */
	bool broken;                            /* with ERR_IO: the connection ended before the reply; another attempt may help */
	long code;                              /* HTTP's; 0: none */
	const char *failure;                    /* a few words about ERR_…; static storage */
	struct weir_dynamodb_sighting sighting; /* date_s 0: none */
};

/* The options are kept. NULL when memory is out. */
struct weir_dynamodb_http *weir_dynamodb_http_create(const struct weir_dynamodb_options *options);

/* Takes NULL. */
void weir_dynamodb_http_destroy(struct weir_dynamodb_http *http);

/* Returns when every transfer has its results; at the latest at the deadline (weir_dynamodb_now_ms()). */
void weir_dynamodb_http_run(struct weir_dynamodb_http *http, struct weir_dynamodb_transfer *const *transfers, size_t count,
			    int64_t deadline_ms);

#endif
