/* SPDX-License-Identifier: Apache-2.0
 *
 * How much a request may take. Every limit has a default, and passing one is answered, logged and nobody else's trouble.
 */
#ifndef WEIR_LIMITS_H
#define WEIR_LIMITS_H

#include <stddef.h>

/* Bytes, if nothing else is said. 0 means the default in the comment. */
struct weir_limits {
	size_t params;      /* all params of a request: 256 KiB; over it 431 */
	size_t fields;      /* number of request fields: 200; over it 431 */
	size_t queries;     /* number of query or form pairs: 1,000; over it 400, or no form */
	size_t body;        /* request body: 1 MiB, a route may say otherwise; over it 413 */
	size_t response;    /* buffered response body: 64 MiB; over it 500 */
	size_t memory;      /* pool of one exchange: 16 MiB; over it 500 */
	size_t queue;       /* requests waiting for a handler thread: 8,192; beyond it 503 with Retry-After */
	size_t background;  /* values made in the background at a time, in each process: 64; beyond it see cache_rule.h */
	size_t connections; /* open connections: 0 means as many as RLIMIT_NOFILE allows */
};

#endif
