/* SPDX-License-Identifier: Apache-2.0
 *
 * Jobs, done before the call returns.
 */
#ifndef WEIR_CACHE_EXECUTE_H
#define WEIR_CACHE_EXECUTE_H

#include "cache/cache.h"

/* A list of jobs, in order; each has its status then, and that of the first is returned. Sets `done`, `anywhere` and `owner`. Any thread;
 * but that of a loop must not wait for a remote backend: then all are ERR_STATE. Those that an app's stop overtakes may be ERR_CANCELLED,
 * and all are from then on if that app could not be ended. */
enum weir_status weir_cache_execute(struct weir_cache *cache, struct weir_job *jobs);

/* False where weir_cache_execute() would be ERR_STATE. */
bool weir_cache_can_execute(struct weir_cache *cache);

#endif
