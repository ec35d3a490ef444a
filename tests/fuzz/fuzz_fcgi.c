/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes into the FastCGI decoder. The first byte of an input chooses when the application answers, the second how the rest is cut.
 * fcgi_trace aborts when an event is out of order or out of bounds; here whole and cut input must give the same events, and the
 * bytes are read as name-value pairs too.
 */
#include <stdio.h>
#include <stdlib.h>

#include "runtime/fcgi.h"
#include "support/fcgi_trace.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void insist(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fuzz_fcgi: %s\n", what);
	abort();
}

/* Answers at once after the events whose bits are set, never in the middle of data, which depends on the cut. */
static unsigned finish_after(uint8_t bits)
{
	return (bits & 1u) << WEIR_FCGI_BEGIN | (bits >> 1 & 1u) << WEIR_FCGI_PARAMS_END | (bits >> 2 & 1u) << WEIR_FCGI_STDIN_END |
	       (bits >> 3 & 1u) << WEIR_FCGI_ABORT;
}

static void compare_cuts(struct weir_slice bytes, const struct fcgi_trace *start, size_t cut)
{
	struct fcgi_trace whole = *start, pieces = *start;

	fcgi_trace_feed(&whole, bytes);
	fcgi_trace_feed(&pieces, weir_slice(bytes.data, 0));
	while (bytes.len > 0) {
		size_t len = cut < bytes.len ? cut : bytes.len;

		fcgi_trace_feed(&pieces, weir_slice(bytes.data, len));
		bytes = weir_slice_from(bytes, len);
	}
	insist(strcmp(whole.text.data, pieces.text.data) == 0, "events depend on the cut");
	fcgi_trace_finish(&whole);
	fcgi_trace_finish(&pieces);
}

static void read_pairs(struct weir_slice rest)
{
	const char *end = rest.data + rest.len;
	struct weir_slice name, value, before = rest;
	enum weir_status st;

	while ((st = weir_fcgi_pairs_next(&rest, &name, &value)) == WEIR_OK) {
		insist(name.data > before.data && name.data + name.len == value.data && value.data + value.len == rest.data,
		       "pair out of place");
		insist(rest.data + rest.len == end, "end of the pairs has moved");
		before = rest;
	}
	insist(st == (rest.len == 0 ? WEIR_END : WEIR_ERR_INVALID), "pairs stop in the middle");
	insist(rest.data == before.data && rest.len == before.len, "pairs changed at their end");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fcgi_trace start = { .decoder = { .max_conns = 1000, .max_reqs = 4294967295 } };

	if (size < 2)
		return 0;
	start.finish_after = finish_after(data[0]);
	compare_cuts(weir_slice(data + 2, size - 2), &start, 1 + data[1] % 64u);
	read_pairs(weir_slice(data + 2, size - 2));
	return 0;
}
