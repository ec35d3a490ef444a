/* SPDX-License-Identifier: Apache-2.0
 *
 * One line per event, on standard error: a time, a level, words, and named values.
 *
 *     2026-11-22T19:36:34.120Z warn cache backend failed: connection refused backend=redis route=/items/{id}
 *     {"time":"2026-11-22T19:36:34.120Z","level":"warn","message":"cache backend failed: …","backend":"redis","route":"/items/{id}"}
 *
 * A line is made whole before it is written, by one write(2); control characters and bytes that are not UTF-8 are escaped, so what a
 * client sends cannot forge a line. Lines are cut at 4 KiB. Any thread may log. Secrets are the caller's care: nothing is masked here.
 */
#ifndef WEIR_LOG_H
#define WEIR_LOG_H

#include <weir/clock.h>
#include <weir/slice.h>

enum weir_log_level {
	WEIR_LOG_DEBUG,
	WEIR_LOG_INFO,
	WEIR_LOG_WARN,
	WEIR_LOG_ERROR,
	WEIR_LOG_OFF,
};

enum weir_log_format {
	WEIR_LOG_TEXT,
	WEIR_LOG_JSON,
};

struct weir_log_field {
	const char *name;
	struct weir_slice value;
};

struct weir_log_options {
	enum weir_log_level level; /* lines below it are dropped; zero is DEBUG, see WEIR_LOG_DEFAULT */
	enum weir_log_format format;
	const struct weir_clock *clock; /* NULL: the machine's */
	/* Where lines go, newline included; NULL: standard error. Called from any thread, one call a line. */
	void (*write)(void *state, const char *line, size_t len);
	void *state;
};

/* Level INFO, text, standard error. */
#define WEIR_LOG_DEFAULT ((struct weir_log_options){ .level = WEIR_LOG_INFO })

struct weir_log;

/* The options are copied. NULL when memory is out. */
WEIR_API struct weir_log *weir_log_create(const struct weir_log_options *options);
WEIR_API void weir_log_destroy(struct weir_log *log);

/* A NULL log is silent everywhere below. */
WEIR_API bool weir_log_enabled(const struct weir_log *log, enum weir_log_level level);

/* `fields` ends with an entry whose name is NULL; NULL means none. */
WEIR_API void weir_log_event(struct weir_log *log, enum weir_log_level level, const struct weir_log_field *fields, const char *format, ...)
	WEIR_PRINTF(4, 5);

#define weir_log_debug(log, ...) weir_log_event((log), WEIR_LOG_DEBUG, NULL, __VA_ARGS__)
#define weir_log_info(log, ...) weir_log_event((log), WEIR_LOG_INFO, NULL, __VA_ARGS__)
#define weir_log_warn(log, ...) weir_log_event((log), WEIR_LOG_WARN, NULL, __VA_ARGS__)
#define weir_log_error(log, ...) weir_log_event((log), WEIR_LOG_ERROR, NULL, __VA_ARGS__)

/* "debug", "info", "warn", "error", "off"; ERR_INVALID for anything else. */
WEIR_API WEIR_MUST_CHECK enum weir_status weir_log_level_parse(const char *text, enum weir_log_level *level);

#endif
