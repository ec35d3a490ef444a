/* SPDX-License-Identifier: Apache-2.0
 *
 * What a decoder of lib/runtime/fcgi.h says, written down as text, one event a line:
 *
 *	begin 1 keep
 *	params 1 \x03\x01FOOx
 *	params-end 1
 *
 * Neighbouring data events are one line, so that the text does not depend on how the input was cut. While it pulls, the trace insists on
 * what the header promises whatever the input is: events in legal order, data inside the input, no event at a standstill, nothing left
 * behind at NEED_MORE, BROKEN for good. It aborts the program otherwise.
 */
#ifndef WEIR_TESTS_FCGI_TRACE_H
#define WEIR_TESTS_FCGI_TRACE_H

#include <weir/buffer.h>

#include "runtime/fcgi.h"

struct fcgi_trace {
	struct weir_fcgi_decoder decoder; /* zeroed, or with limits set, before the first feed */
	unsigned finish_after;            /* 1u << type for each type of event that the application answers at once (no data events) */
	struct weir_buffer text;          /* terminated */

	/* The trace's own. */
	bool open; /* a request is active */
	enum weir_fcgi_event_type last;
	uint16_t last_id;
	bool interrupted; /* by a reply */
};

/* Decodes all of `input`, from a copy that ends where its memory ends. */
void fcgi_trace_feed(struct fcgi_trace *trace, struct weir_slice input);

void fcgi_trace_finish(struct fcgi_trace *trace);

#endif
