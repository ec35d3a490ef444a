/* SPDX-License-Identifier: Apache-2.0
 *
 * Events of the FastCGI decoder as text, checked against what every input must give: see fcgi_trace.h.
 */
#include "support/fcgi_trace.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const names[] = {
	[WEIR_FCGI_NEED_MORE] = "need-more",   [WEIR_FCGI_BEGIN] = "begin", [WEIR_FCGI_PARAMS] = "params",
	[WEIR_FCGI_PARAMS_END] = "params-end", [WEIR_FCGI_STDIN] = "stdin", [WEIR_FCGI_STDIN_END] = "stdin-end",
	[WEIR_FCGI_ABORT] = "abort",           [WEIR_FCGI_REPLY] = "reply", [WEIR_FCGI_BROKEN] = "broken",
};

static void insist(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fcgi_trace: %s\n", what);
	abort();
}

static bool is_data(enum weir_fcgi_event_type type)
{
	return type == WEIR_FCGI_PARAMS || type == WEIR_FCGI_STDIN;
}

/* `last` is the last event of the active request. */
static void check_order(const struct fcgi_trace *trace, const struct weir_fcgi_event *event)
{
	enum weir_fcgi_event_type last = trace->last;

	insist(event->type == WEIR_FCGI_BEGIN ? !trace->open : trace->open && event->id == trace->last_id, "event of another request");
	switch (event->type) {
	case WEIR_FCGI_PARAMS:
	case WEIR_FCGI_PARAMS_END:
		insist(last == WEIR_FCGI_BEGIN || last == WEIR_FCGI_PARAMS, "PARAMS out of order");
		break;
	case WEIR_FCGI_STDIN:
	case WEIR_FCGI_STDIN_END:
		insist(last == WEIR_FCGI_PARAMS_END || last == WEIR_FCGI_STDIN, "STDIN out of order");
		break;
	default:
		insist(last != WEIR_FCGI_ABORT || event->type == WEIR_FCGI_BEGIN, "second ABORT");
	}
}

static void check_event(const struct fcgi_trace *trace, const struct weir_fcgi_event *event, struct weir_slice before,
			struct weir_slice after)
{
	insist(after.len <= before.len && after.data == before.data + (before.len - after.len), "input is not taken from the front");
	insist((event->type == WEIR_FCGI_BROKEN) == (event->why != NULL), "BROKEN without a reason, or the other way round");
	insist((event->data.len > 0) == (is_data(event->type) || event->type == WEIR_FCGI_REPLY), "data missing, or where none belongs");
	if (event->type == WEIR_FCGI_BROKEN)
		return;
	insist(event->type != WEIR_FCGI_NEED_MORE || after.len == 0, "NEED_MORE leaves input behind");
	insist(event->type == WEIR_FCGI_NEED_MORE || after.len < before.len, "event without input");
	if (is_data(event->type))
		insist(event->data.data >= before.data && event->data.data + event->data.len == after.data, "data outside the input");
	if (event->type == WEIR_FCGI_REPLY)
		insist(event->data.data == (const char *)event->reply && event->data.len <= sizeof(event->reply), "reply out of bounds");
	if (event->type != WEIR_FCGI_NEED_MORE && event->type != WEIR_FCGI_REPLY)
		check_order(trace, event);
}

static void write_bytes(struct weir_buffer *text, struct weir_slice bytes)
{
	for (size_t i = 0; i < bytes.len; i++) {
		if (bytes.data[i] > ' ' && bytes.data[i] < 0x7f && bytes.data[i] != '\\')
			weir_buffer_append_byte(text, bytes.data[i]);
		else
			weir_buffer_printf(text, "\\x%02x", (unsigned)(uint8_t)bytes.data[i]);
	}
}

static void write_event(struct weir_buffer *text, const struct weir_fcgi_event *event, bool goes_on)
{
	if (!goes_on) {
		if (text->len > 0)
			weir_buffer_append_byte(text, '\n');
		weir_buffer_append_text(text, names[event->type]);
		if (event->id > 0)
			weir_buffer_printf(text, " %u", (unsigned)event->id);
		if (event->keep)
			weir_buffer_append_text(text, " keep");
		if (event->why)
			weir_buffer_printf(text, " %s", event->why);
		if (event->data.len > 0)
			weir_buffer_append_byte(text, ' ');
	}
	write_bytes(text, event->data);
}

static void note(struct fcgi_trace *trace, const struct weir_fcgi_event *event)
{
	/* A reply between two data events separates them for every cut alike. */
	write_event(&trace->text, event, is_data(event->type) && trace->text.len > 0 && trace->last == event->type && !trace->interrupted);
	trace->interrupted = event->type == WEIR_FCGI_REPLY;
	if (event->type == WEIR_FCGI_REPLY || event->type == WEIR_FCGI_BROKEN)
		return;
	trace->last = event->type;
	trace->last_id = event->id;
	trace->open = true;
	if (trace->finish_after & 1u << event->type) {
		weir_fcgi_decoder_finished(&trace->decoder);
		trace->open = false;
	}
}

static void pull(struct fcgi_trace *trace, struct weir_slice input)
{
	struct weir_fcgi_event event;
	struct weir_slice before;
	bool was_broken = trace->decoder.why != NULL;

	do {
		before = input;
		weir_fcgi_decode(&trace->decoder, &input, &event);
		check_event(trace, &event, before, input);
		insist(!was_broken || event.type == WEIR_FCGI_BROKEN, "alive again after BROKEN");
		if (event.type != WEIR_FCGI_NEED_MORE && !was_broken)
			note(trace, &event);
	} while (event.type != WEIR_FCGI_NEED_MORE && event.type != WEIR_FCGI_BROKEN);
}

void fcgi_trace_feed(struct fcgi_trace *trace, struct weir_slice input)
{
	char *copy = malloc(input.len > 0 ? input.len : 1);

	insist(copy != NULL, "out of memory");
	if (input.len > 0)
		memcpy(copy, input.data, input.len);
	pull(trace, weir_slice(copy, input.len));
	free(copy);
	weir_buffer_append_byte(&trace->text, '\0');
	insist(!trace->text.overflowed, "out of memory");
	trace->text.len--;
}

void fcgi_trace_finish(struct fcgi_trace *trace)
{
	weir_buffer_finish(&trace->text);
}
