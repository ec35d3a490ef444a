/* SPDX-License-Identifier: Apache-2.0
 *
 * Cache backends, for the library itself: which drivers it knows without being told, and how a backend is put to use.
 */
#ifndef WEIR_CACHE_BACKEND_H
#define WEIR_CACHE_BACKEND_H

#include <weir/backend_driver.h>

/* The drivers that are linked in; ends with NULL. It stands in lib/runtime/builtin_backends.c: this layer knows no driver by name. */
extern const struct weir_backend_ops *const weir_builtin_backends[];

/* Calls the driver's `attach`, if it has one: once, in the process that will use the backend, before anything but close. */
WEIR_MUST_CHECK enum weir_status weir_backend_attach(struct weir_backend *backend);

/* True when any thread may call the driver at any time; false when it needs a job queue. */
bool weir_backend_is_local(const struct weir_backend *backend);

#endif
