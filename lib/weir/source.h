/* SPDX-License-Identifier: Apache-2.0
 *
 * A body that is pulled piece by piece, so an answer of any size passes through flat memory.
 *
 * weir calls `next` until it says WEIR_END, never twice at the same time, and `close` exactly once, also when the client left or nothing
 * was pulled. `next` runs on a handler thread and may block, unless `.nonblocking` says that it never does: then it runs on the loop.
 */
#ifndef WEIR_SOURCE_H
#define WEIR_SOURCE_H

#include <weir/slice.h>

struct weir_source {
	/* WEIR_OK: `chunk` is the next piece, valid until the following call. WEIR_END: the body is complete. WEIR_PARKED (on the loop
	 * only): nothing yet, weir_request_resume() will be called. Negative: the body is broken off, and the client will see that it is.
	 */
	enum weir_status (*next)(void *state, struct weir_slice *chunk);
	void (*close)(void *state); /* may be NULL */
	void *state;
	/* Bytes in all, sent as Content-Length. After the last of them `next` is not called again; a chunk that goes beyond, or an end that
	 * comes before, breaks the body off. */
	uint64_t length;
	bool has_length;
	bool nonblocking;
};

#endif
