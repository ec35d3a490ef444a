/* SPDX-License-Identifier: Apache-2.0
 *
 * The lines of memcached's text protocol, as bytes. What a server sends is untrusted: anything that is no line of the protocol is UNKNOWN.
 *
 * Why not the client library: libmemcached sends one command and waits for its answer, so that a batch of stores takes as many round trips
 * as there are values, or goes without answers; and its time limits are for each wait, not for a call. It gives us the ring (ring.h).
 */
#ifndef WEIR_MEMCACHED_WIRE_H
#define WEIR_MEMCACHED_WIRE_H

#include <weir/backend_driver.h>
#include <weir/buffer.h>

/* The longest name that a server takes, and the longest line that it sends in answer to ours. */
#define WEIR_MEMCACHED_NAME_MAX ((size_t)250)
#define WEIR_MEMCACHED_LINE_MAX ((size_t)1024)

/* Items of ours carry these flags. */
#define WEIR_MEMCACHED_FLAGS UINT32_C(0x77656972)

enum weir_memcached_verb {
	WEIR_MEMCACHED_GET,
	WEIR_MEMCACHED_SET,
	WEIR_MEMCACHED_ADD,
	WEIR_MEMCACHED_CAS,
	WEIR_MEMCACHED_INCREMENT,
	WEIR_MEMCACHED_DELETE,
	WEIR_MEMCACHED_VERSION,
};

struct weir_memcached_command {
	enum weir_memcached_verb verb;
	struct weir_slice name;
	struct weir_slice head, body; /* what is stored, in two parts */
	int64_t lifetime_s;           /* as the server takes it: see weir_memcached_lifetime() */
	uint64_t cas;                 /* CAS: what GET has said */
	bool quiet;                   /* no answer is wanted */
};

/* Appends the command. Not for GET: those go several to a line, "gets" and " NAME" for each. */
void weir_memcached_command_write(struct weir_buffer *out, const struct weir_memcached_command *command);

/* What the server takes for `ms` from now: seconds, rounded up so that nothing ends early. 0, which is for ever, beyond 30 days: from there
 * on a server takes the number for a date, by a clock that may not be ours. */
int64_t weir_memcached_lifetime(int64_t ms);

/* The lifetime of what is to be gone at once. A date long ago: the protocol's negative numbers are refused by some servers. */
#define WEIR_MEMCACHED_LIFETIME_OVER ((int64_t)30 * 24 * 3600 + 1)

enum weir_memcached_answer {
	WEIR_MEMCACHED_ANSWER_UNKNOWN,
	WEIR_MEMCACHED_ANSWER_VALUE, /* `len` bytes and "\r\n" follow */
	WEIR_MEMCACHED_ANSWER_END,
	WEIR_MEMCACHED_ANSWER_YES, /* STORED, DELETED, VERSION … */
	WEIR_MEMCACHED_ANSWER_NO,  /* NOT_STORED, EXISTS, NOT_FOUND */
	WEIR_MEMCACHED_ANSWER_NUMBER,
	WEIR_MEMCACHED_ANSWER_TOO_LARGE,
	WEIR_MEMCACHED_ANSWER_ERROR, /* SERVER_ERROR: the connection goes on */
	WEIR_MEMCACHED_ANSWER_WRONG, /* CLIENT_ERROR: so it does, but something was not as the server likes it */
};

struct weir_memcached_line {
	enum weir_memcached_answer answer;
	struct weir_slice name; /* VALUE */
	uint32_t flags;         /* VALUE */
	size_t len;             /* VALUE, up to WEIR_MEMCACHED_VALUE_MAX */
	uint64_t number;        /* NUMBER; VALUE: for CAS */
};

#define WEIR_MEMCACHED_VALUE_MAX ((size_t)128 * 1024 * 1024)

/* `line` without its end. */
void weir_memcached_line_parse(struct weir_slice line, struct weir_memcached_line *parsed);

#endif
