/* SPDX-License-Identifier: Apache-2.0
 *
 * The web server's side of FastCGI, for tests: makes what it sends, reads what it gets.
 *
 * Written from the specification, without the codec in lib/runtime, so that each of them checks the other. Everything is appended to
 * buffers of the caller, whose overflow mark tells of lack of memory.
 */
#ifndef WEIR_TESTS_FCGI_CLIENT_H
#define WEIR_TESTS_FCGI_CLIENT_H

#include <weir/buffer.h>

enum fcgi_client_type {
	FCGI_CLIENT_BEGIN = 1,
	FCGI_CLIENT_ABORT,
	FCGI_CLIENT_END,
	FCGI_CLIENT_PARAMS,
	FCGI_CLIENT_STDIN,
	FCGI_CLIENT_STDOUT,
	FCGI_CLIENT_STDERR,
	FCGI_CLIENT_DATA,
	FCGI_CLIENT_GET_VALUES,
	FCGI_CLIENT_GET_VALUES_RESULT,
	FCGI_CLIENT_UNKNOWN_TYPE
};

/* How streams are cut into records. Zeroed: as long as can be, no padding. */
struct fcgi_client_cut {
	uint16_t record_max; /* longest content; 0 means 65,535 */
	uint8_t padding;     /* bytes of padding on every record */
	bool bare_end;       /* no padding on the empty record that ends a stream */
	uint32_t seed;       /* when not 0: lengths from 1 to record_max, padding from 0 to `padding`; moves on with every use */
};

struct fcgi_client_param {
	struct weir_slice name;
	struct weir_slice value;
};

struct fcgi_client_request {
	uint16_t id;
	bool keep;
	const struct fcgi_client_param *params;
	size_t param_count;
	struct weir_slice body;
};

/* A number in 1..max from a seed that is not 0. */
uint32_t fcgi_client_random(uint32_t *seed, uint32_t max);

/* One record; its content has at most 65,535 bytes. */
void fcgi_client_record(struct weir_buffer *out, uint8_t type, uint16_t id, struct weir_slice content, uint8_t padding);

/* A BEGIN_REQUEST; role 1 is the responder's. */
void fcgi_client_begin(struct weir_buffer *out, uint16_t id, uint16_t role, bool keep);

/* A name-value pair: content for PARAMS and GET_VALUES. */
void fcgi_client_pair(struct weir_buffer *out, struct weir_slice name, struct weir_slice value);

/* A whole stream: records and the empty one at its end. */
void fcgi_client_stream(struct weir_buffer *out, uint8_t type, uint16_t id, struct weir_slice bytes, struct fcgi_client_cut *cut);

/* A whole request for a responder: BEGIN_REQUEST, PARAMS, STDIN. */
void fcgi_client_request(struct weir_buffer *out, const struct fcgi_client_request *request, struct fcgi_client_cut *cut);

/* What came back. Zeroed before; the buffers are the caller's to finish. */
struct fcgi_client_response {
	uint16_t id;
	struct weir_buffer out; /* FCGI_STDOUT */
	struct weir_buffer err; /* FCGI_STDERR */
	uint32_t app_status;
	uint8_t protocol_status;
	size_t records;
};

/* Takes one whole response off the front of `input`. OK: here it is. MISS: it has not ended yet, `input` is unchanged, and so is the
 * response. ERR_INVALID: not what an application may send to a request. */
WEIR_MUST_CHECK enum weir_status fcgi_client_response_read(struct fcgi_client_response *response, struct weir_slice *input);

void fcgi_client_response_finish(struct fcgi_client_response *response);

#endif
