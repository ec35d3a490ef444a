/* SPDX-License-Identifier: Apache-2.0
 *
 * What a function that can fail returns.
 *
 * Zero is success. A positive status is an outcome that the caller handles on the spot (a miss, the end of a body). A negative status is
 * a failure to pass on. The function that finds a failure logs or describes it, once; those that pass it on do not.
 */
#ifndef WEIR_STATUS_H
#define WEIR_STATUS_H

#include <stdbool.h>

#if defined(__GNUC__)
#define WEIR_MUST_CHECK __attribute__((warn_unused_result))
#define WEIR_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#define WEIR_API __attribute__((visibility("default")))
#else
#define WEIR_MUST_CHECK
#define WEIR_PRINTF(fmt, first)
#define WEIR_API
#endif

#define WEIR_STATUS_TABLE(X) \
	X(WEIR_OK, 0, "ok") \
	X(WEIR_MISS, 1, "nothing there") \
	X(WEIR_PARKED, 2, "waits, and will be resumed") \
	X(WEIR_END, 3, "no more data") \
	X(WEIR_BUSY, 4, "held by somebody else") \
	X(WEIR_ERR_MEMORY, -1, "out of memory") \
	X(WEIR_ERR_INVALID, -2, "invalid input") \
	X(WEIR_ERR_LIMIT, -3, "over a limit") \
	X(WEIR_ERR_IO, -4, "input/output error") \
	X(WEIR_ERR_TIMEOUT, -5, "timed out") \
	X(WEIR_ERR_CANCELLED, -6, "cancelled") \
	X(WEIR_ERR_STATE, -7, "called at the wrong time") \
	X(WEIR_ERR_UNSUPPORTED, -8, "not supported") \
	X(WEIR_ERR_CORRUPT, -9, "damaged data") \
	X(WEIR_ERR_BACKEND, -10, "cache backend failed") \
	X(WEIR_ERR_CONFIG, -11, "wrong configuration") \
	X(WEIR_ERR_HANDLER, -12, "handler failed")

enum weir_status {
#define X(name, value, text) name = value,
	WEIR_STATUS_TABLE(X)
#undef X
};

/* A few words for people; static storage. A value outside the enumeration gives "unknown status". */
WEIR_API const char *weir_status_text(enum weir_status status);

/* The enumerator's name, such as "WEIR_MISS"; static storage. */
WEIR_API const char *weir_status_name(enum weir_status status);

#endif
