/* SPDX-License-Identifier: Apache-2.0
 *
 * Log lines. Much of what is logged comes from clients, so every value passes through one function that lets a character stand or escapes
 * it, and a line is one event whatever was sent. The line is built on the stack and written by one write(2), at most 4 KiB, which a pipe
 * takes whole: threads and processes that share a log need no lock. A line that is cut says so in a last field, `cut`, and a JSON line is
 * valid all the same, because the bytes that close it are kept free until the end.
 */
#include <weir/log.h>

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/utf8.h"

enum {
	LINE_SIZE = 4096,
	/* Closes the open string, says that the line was cut, and ends it. */
	TAIL_SIZE = sizeof("\",\"cut\":true}\n") - 1,
};

struct weir_log {
	struct weir_log_options options;
};

struct line {
	bool json;
	bool cut; /* something did not fit; nothing more is taken in */
	size_t len;
	char bytes[LINE_SIZE];
};

static const char *const level_names[] = {
	[WEIR_LOG_DEBUG] = "debug", [WEIR_LOG_INFO] = "info", [WEIR_LOG_WARN] = "warn", [WEIR_LOG_ERROR] = "error", [WEIR_LOG_OFF] = "off",
};

/* All of it or nothing: what is put at once is never split. */
static void put(struct line *line, struct weir_slice bytes)
{
	if (line->cut || line->len + bytes.len > LINE_SIZE - TAIL_SIZE) {
		line->cut = true;
		return;
	}
	memcpy(line->bytes + line->len, bytes.data, bytes.len);
	line->len += bytes.len;
}

static void put_text(struct line *line, const char *text)
{
	put(line, weir_slice_text(text));
}

/* Into the bytes that put() leaves free. */
static void put_tail(struct line *line, const char *text)
{
	size_t len = strlen(text);

	memcpy(line->bytes + line->len, text, len);
	line->len += len;
}

/* Control characters, C1 included, and what Unicode calls line and paragraph separators. */
static bool is_control(uint32_t code)
{
	return code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029;
}

static void put_escape(struct line *line, uint32_t code)
{
	char escape[16];

	switch (code) {
	case '"':
		put_text(line, "\\\"");
		break;
	case '\\':
		put_text(line, "\\\\");
		break;
	case '\n':
		put_text(line, "\\n");
		break;
	case '\r':
		put_text(line, "\\r");
		break;
	case '\t':
		put_text(line, "\\t");
		break;
	default:
		(void)snprintf(escape, sizeof(escape), "\\u%04x", code);
		put_text(line, escape);
	}
}

/* JSON has no escape for a byte; its readers find the text that the other format shows. */
static void put_stray_byte(struct line *line, char byte)
{
	char escape[16];

	(void)snprintf(escape, sizeof(escape), "%s\\x%02x", line->json ? "\\" : "", (unsigned int)(unsigned char)byte);
	put_text(line, escape);
}

static void put_escaped(struct line *line, struct weir_slice value, bool quoted)
{
	while (value.len > 0 && !line->cut) {
		uint32_t code = 0;
		size_t len = weir_utf8_decode(value, &code);

		if (len == 0)
			put_stray_byte(line, value.data[0]);
		else if (is_control(code) || code == '\\' || (quoted && code == '"'))
			put_escape(line, code);
		else
			put(line, weir_slice(value.data, len));
		value = weir_slice_from(value, len > 0 ? len : 1);
	}
}

/* Whether a value can stand in a text line without quotes. */
static bool is_plain(struct weir_slice value)
{
	if (value.len == 0)
		return false;
	while (value.len > 0) {
		uint32_t code = 0;
		size_t len = weir_utf8_decode(value, &code);

		if (len == 0 || is_control(code) || code == ' ' || code == '"' || code == '\\')
			return false;
		value = weir_slice_from(value, len);
	}
	return true;
}

/* A field whose value does not fit is cut; one whose name does not fit is left out. */
static void put_field(struct line *line, const struct weir_log_field *field)
{
	bool quoted = line->json || !is_plain(field->value);
	size_t before = line->len;

	put_text(line, line->json ? ",\"" : " ");
	put_escaped(line, weir_slice_text(field->name), line->json);
	put_text(line, line->json ? "\":" : "=");
	if (quoted)
		put_text(line, "\"");
	if (line->cut) {
		line->len = before;
		return;
	}
	put_escaped(line, field->value, quoted);
	if (quoted)
		put_tail(line, "\"");
}

static void put_time(struct line *line, int64_t wall_ms)
{
	const int64_t last_ms = INT64_C(253402300799999); /* 9999-12-31T23:59:59.999Z: the format has four digits for the year */
	int64_t ms = wall_ms < 0 ? 0 : wall_ms < last_ms ? wall_ms : last_ms;
	time_t seconds = (time_t)(ms / 1000);
	struct tm utc = { 0 };
	char text[96];

	(void)gmtime_r(&seconds, &utc);
	(void)snprintf(text, sizeof(text), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday,
		       utc.tm_hour, utc.tm_min, utc.tm_sec, (int)(ms % 1000));
	put_text(line, text);
}

static void put_head(struct line *line, int64_t wall_ms, enum weir_log_level level, struct weir_slice message)
{
	put_text(line, line->json ? "{\"time\":\"" : "");
	put_time(line, wall_ms);
	put_text(line, line->json ? "\",\"level\":\"" : " ");
	put_text(line, level_names[level]);
	put_text(line, line->json ? "\",\"message\":\"" : " ");
	put_escaped(line, message, line->json);
	if (line->json)
		put_tail(line, "\"");
}

static void put_end(struct line *line)
{
	if (line->cut)
		put_tail(line, line->json ? ",\"cut\":true" : " cut=true");
	put_tail(line, line->json ? "}\n" : "\n");
}

/* A line that cannot be written is lost: there is nowhere to say so. */
static void write_to_stderr(void *state, const char *line, size_t len)
{
	ssize_t written;

	(void)state;
	do
		written = write(STDERR_FILENO, line, len);
	while (written < 0 && errno == EINTR);
}

struct weir_log *weir_log_create(const struct weir_log_options *options)
{
	struct weir_log *log = malloc(sizeof(*log));

	if (!log)
		return NULL;
	log->options = *options;
	if (!log->options.clock)
		log->options.clock = weir_clock_system();
	if (!log->options.write)
		log->options.write = write_to_stderr;
	return log;
}

void weir_log_destroy(struct weir_log *log)
{
	free(log);
}

bool weir_log_enabled(const struct weir_log *log, enum weir_log_level level)
{
	return log && level >= log->options.level && level < WEIR_LOG_OFF;
}

void weir_log_event(struct weir_log *log, enum weir_log_level level, const struct weir_log_field *fields, const char *format, ...)
{
	/* What this cannot hold would not fit into the line either. */
	char message[LINE_SIZE];
	/* Left as it was: a caller that logs an error often looks at it next. */
	int error = errno;
	struct line line;
	va_list args;
	int len;

	if (!weir_log_enabled(log, level))
		return;
	va_start(args, format);
	len = vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	if (len < 0)
		(void)snprintf(message, sizeof(message), "(a message that cannot be formatted)");
	line.json = log->options.format == WEIR_LOG_JSON;
	line.cut = false;
	line.len = 0;
	put_head(&line, weir_clock_wall_ms(log->options.clock), level, weir_slice_text(message));
	for (; fields && fields->name; fields++)
		if (fields->value.data)
			put_field(&line, fields);
	put_end(&line);
	log->options.write(log->options.state, line.bytes, line.len);
	errno = error;
}

enum weir_status weir_log_level_parse(const char *text, enum weir_log_level *level)
{
	for (size_t i = 0; text && i < sizeof(level_names) / sizeof(level_names[0]); i++) {
		if (strcmp(text, level_names[i]) != 0)
			continue;
		*level = (enum weir_log_level)i;
		return WEIR_OK;
	}
	return WEIR_ERR_INVALID;
}
