/* SPDX-License-Identifier: Apache-2.0
 *
 * A backend at work: attached, checked, counted, and cut off while it fails.
 */
#include "cache/backend.h"

#include <stdio.h>
#include <stdlib.h>

#include "cache/cache.h"

const struct weir_backend_ops *weir_backend_ops(const struct weir_backend *backend)
{
	return backend->ops;
}

void *weir_backend_self(const struct weir_backend *backend)
{
	return backend->self;
}

bool weir_backend_is_local(const struct weir_backend *backend)
{
	return backend->ops->flags & WEIR_BACKEND_LOCAL;
}

void weir_backend_log_to(struct weir_backend *backend, struct weir_log *log)
{
	if (!backend->env.log)
		backend->env.log = log;
}

enum weir_status weir_backend_attach(struct weir_backend *backend)
{
	return backend->ops->attach ? backend->ops->attach(backend->self) : WEIR_OK;
}

enum weir_status weir_backend_open_second(struct weir_backend *backend, struct weir_backend **second)
{
	enum weir_status status = WEIR_MISS;
	char why[1];

	*second = NULL;
	if (backend->url)
		status = weir_backend_open(backend->url, &backend->env, why, sizeof(why), second);
	if (status != WEIR_OK)
		return status;
	(*second)->first = backend;
	status = weir_backend_attach(*second);
	if (status < 0) {
		weir_backend_close(*second);
		*second = NULL;
	}
	return status;
}

/* -- Cutting off ----------------------------------------------------------------------------------------------------------- */

static void cut_off(struct weir_backend *backend)
{
	atomic_store(&backend->cut_off, true);
	atomic_fetch_add(&backend->meter.cut_offs, 1);
}

/* For a driver without `check`: a read of nothing, which still has to ask for the clock. */
static enum weir_status read_nothing(struct weir_backend *backend, char *why, size_t why_size)
{
	struct weir_backend_read read = { .status = WEIR_ERR_STATE }, *reads[] = { &read };
	enum weir_status status = backend->ops->get_many(backend->self, reads, 1);

	if (status == WEIR_OK)
		status = read.status;
	if (status < 0)
		(void)snprintf(why, why_size, "%s: %s", backend->ops->scheme, weir_status_text(status));
	return status;
}

enum weir_status weir_backend_check(struct weir_backend *backend, char *why, size_t why_size)
{
	enum weir_status status = WEIR_OK;

	if (why_size > 0)
		why[0] = '\0';
	if (backend->ops->check)
		status = backend->ops->check(backend->self, why, why_size);
	else if (!weir_backend_is_local(backend))
		status = read_nothing(backend, why, why_size);
	return status;
}

void weir_backend_start(struct weir_backend *backend)
{
	enum weir_status status;
	char why[512];

	if (backend->first)
		return;
	status = weir_backend_check(backend, why, sizeof(why));
	if (status >= 0)
		return;
	weir_log_error(backend->env.log, "cache backend %s: nothing is cached until it answers: %s", backend->ops->scheme,
		       why[0] ? why : weir_status_text(status));
	weir_breaker_open(&backend->breaker, weir_clock_monotonic_ms(backend->clock));
	cut_off(backend);
}

bool weir_backend_lets(const struct weir_backend *backend)
{
	return backend->first || weir_breaker_lets(&backend->breaker, weir_clock_monotonic_ms(backend->clock));
}

void weir_backend_count_refused(struct weir_backend *backend, enum weir_status why, uint64_t operations)
{
	struct weir_backend_meter *meter = backend->first ? &backend->first->meter : &backend->meter;

	atomic_fetch_add_explicit(why == WEIR_ERR_LIMIT ? &meter->refused_full : &meter->refused_cut_off, operations, memory_order_relaxed);
}

int64_t weir_backend_retry_ms(const struct weir_backend *backend)
{
	return backend->breaker.open ? backend->breaker.retry_ms : INT64_MAX;
}

void weir_backend_note(struct weir_backend *backend, const struct weir_backend_call *call)
{
	struct weir_backend *counted = backend->first ? backend->first : backend;

	weir_backend_meter_count(&counted->meter, call);
	if (backend->first)
		return;
	switch (weir_breaker_note(&backend->breaker, call->status, weir_clock_monotonic_ms(backend->clock))) {
	case WEIR_BREAKER_OPENS:
		cut_off(backend);
		weir_log_error(backend->env.log, "cache backend %s: cut off, nothing is cached until it answers: a %s failed: %s",
			       backend->ops->scheme, weir_backend_operation_name(call->what), weir_status_text(call->status));
		break;
	case WEIR_BREAKER_CLOSES:
		atomic_store(&backend->cut_off, false);
		weir_log_info(backend->env.log, "cache backend %s: answers again", backend->ops->scheme);
		break;
	case WEIR_BREAKER_STAYS:
		break;
	}
}

/* -- What was counted ------------------------------------------------------------------------------------------------------ */

void weir_backend_metrics(struct weir_backend *backend, struct weir_backend_metrics *metrics)
{
	weir_backend_meter_read(&backend->meter, metrics);
	metrics->is_cut_off = weir_backend_is_cut_off(backend);
}

void weir_cache_backend_metrics(struct weir_cache *cache, struct weir_backend_metrics *metrics)
{
	weir_backend_metrics(cache->backend, metrics);
}
