/* SPDX-License-Identifier: Apache-2.0
 *
 * FastCGI 1.0 records: bytes to events, and answers to bytes.
 *
 * Pure: no sockets, no clock, no allocation, nothing shared. Decoding is incremental (the input may be cut anywhere), bounded (the
 * decoder is all the memory there is) and without copies (data events point into the input). Everything that arrives is untrusted: an
 * input either gives events in the order BEGIN, PARAMS*, PARAMS_END, STDIN*, STDIN_END, or BROKEN.
 *
 * One request at a time on a connection (FCGI_MPXS_CONNS is 0), and only the role of a responder. What the specification leaves open:
 *
 *   - Records of a request that is not active are skipped, as it demands; so is what still arrives of a request that was answered
 *     early or aborted.
 *   - For the active request, anything but PARAMS, STDIN, DATA (skipped: not for responders) and ABORT breaks the connection, and so does
 *     data out of order: STDIN before the end of PARAMS, either of them after its own end, a second BEGIN.
 *   - Management records (id 0) of unknown type are answered with UNKNOWN_TYPE. Types that exist but have no business there, from a web
 *     server and with id 0, break the connection. So does a GET_VALUES whose pairs do not fit its record.
 */
#ifndef WEIR_RUNTIME_FCGI_H
#define WEIR_RUNTIME_FCGI_H

#include <weir/slice.h>

/* Why a request is refused: protocolStatus in END_REQUEST. */
enum weir_fcgi_refusal {
	WEIR_FCGI_CANT_MPX_CONN = 1,
	WEIR_FCGI_OVERLOADED = 2,
	WEIR_FCGI_UNKNOWN_ROLE = 3
};

/* The longest reply the decoder makes: GET_VALUES_RESULT with the three values a web server may ask for. */
#define WEIR_FCGI_REPLY_MAX 80

#define WEIR_FCGI_HEADER_LEN 8
#define WEIR_FCGI_REFUSAL_LEN 16
#define WEIR_FCGI_END_LEN 24

enum weir_fcgi_event_type {
	WEIR_FCGI_NEED_MORE,  /* the input is used up */
	WEIR_FCGI_BEGIN,      /* a request begins: `id`, `keep` */
	WEIR_FCGI_PARAMS,     /* `data`: the next bytes of the name-value pairs; pairs cross records, so join them before reading them */
	WEIR_FCGI_PARAMS_END, /* the pairs are complete */
	WEIR_FCGI_STDIN,      /* `data`: the next bytes of the body */
	WEIR_FCGI_STDIN_END,  /* the body is complete */
	WEIR_FCGI_ABORT,      /* the web server no longer wants the answer; the active request gives no more events, but has to be ended */
	WEIR_FCGI_REPLY,      /* `data`: to be sent to the web server, between records; `keep` false: then close */
	WEIR_FCGI_BROKEN      /* not FastCGI, or out of order: close. `why` says it for the log; the decoder says the same from now on */
};

struct weir_fcgi_event {
	enum weir_fcgi_event_type type;
	/* Of the request in BEGIN to ABORT, of the refused one in REPLY; else 0. */
	uint16_t id;
	/* In BEGIN and REPLY: the connection outlives the answer (FCGI_KEEP_CONN). */
	bool keep;
	/* Into the input for PARAMS and STDIN, never empty; into `reply` for REPLY, so it does not survive a copy of the event. */
	struct weir_slice data;
	const char *why; /* static storage; NULL unless BROKEN */
	uint8_t reply[WEIR_FCGI_REPLY_MAX];
};

/* One per connection. Zeroed is ready; then the owner may fill in the two limits. Everything else is the codec's own. */
struct weir_fcgi_decoder {
	/* What GET_VALUES is told; a limit of 0 is not told. */
	uint32_t max_conns;
	uint32_t max_reqs;

	const char *why;    /* the connection is broken when not NULL */
	uint32_t content;   /* the current record: bytes of content still to come, */
	uint8_t padding;    /* of padding, */
	uint8_t type;       /* its type, */
	uint16_t record_id; /* and its id */
	uint16_t active;    /* id of the active request, unless phase says there is none */
	uint8_t phase;      /* how far the active request is */
	uint8_t step;       /* what the next byte is */
	uint16_t name_len;  /* the current pair of GET_VALUES */
	uint16_t value_len;
	uint8_t asked;    /* the values GET_VALUES has asked for so far, one bit each */
	uint8_t held_len; /* bytes in `held`: of something that must be seen whole and has been cut */
	uint8_t held[16];
};

/* Takes bytes off the front of `input` and says what they mean. Pull until NEED_MORE, then feed more. Stopping earlier is fine: go on
 * later with the rest of the input. A peer can provoke any number of REPLY events, so do not pull while its replies pile up. */
void weir_fcgi_decode(struct weir_fcgi_decoder *decoder, struct weir_slice *input, struct weir_fcgi_event *event);

/* The active request has been ended (weir_fcgi_end, weir_fcgi_refuse): its id may be used again, the rest of its records is skipped.
 * Does nothing when no request is active. */
void weir_fcgi_decoder_finished(struct weir_fcgi_decoder *decoder);

/* True when the next byte begins a record. */
bool weir_fcgi_decoder_is_between_records(const struct weir_fcgi_decoder *decoder);

/* Takes the next name-value pair off the front of `pairs`; name and value point into it and may be empty. END when none is left;
 * ERR_INVALID when a length is cut off or exceeds what is left, `pairs` is then unchanged. */
WEIR_MUST_CHECK enum weir_status weir_fcgi_pairs_next(struct weir_slice *pairs, struct weir_slice *name, struct weir_slice *value);

/* An END_REQUEST record that refuses request `id`. Only for a request of which nothing was answered yet. */
void weir_fcgi_refuse(uint8_t out[WEIR_FCGI_REFUSAL_LEN], uint16_t id, enum weir_fcgi_refusal why);

/* The header of an FCGI_STDOUT record of `length` bytes, which follow without padding. A length of 0 ends the answer. */
void weir_fcgi_stdout_header(uint8_t out[WEIR_FCGI_HEADER_LEN], uint16_t id, uint16_t length);

/* The end of an answer: an empty FCGI_STDOUT record and END_REQUEST, request complete. */
void weir_fcgi_end(uint8_t out[WEIR_FCGI_END_LEN], uint16_t id, uint32_t app_status);

#endif
