/* SPDX-License-Identifier: Apache-2.0
 *
 * How an entry gets to the backend: written on the spot to a local one; to a remote one by jobs, while its exchange goes on.
 */
#include "cache/departure.h"

#include "cache/cells.h"
#include "cache/report.h"

/* An entry on its way to a remote backend, with the cells that it depends on. It outlives its exchange. */
struct departure {
	struct weir_pool *pool; /* that it lives in */
	struct weir_job write, cells;
	unsigned out; /* of these jobs */
	struct weir_cache *cache;
	struct weir_blob *blob;
	struct weir_flight *held;
};

void weir_call_report_stored(struct weir_cache *cache, enum weir_status status)
{
	if (status == WEIR_OK) {
		weir_cache_count(cache, WEIR_COUNT_STORED);
		return;
	}
	weir_cache_report(cache, WEIR_REPORT_STORE, "an entry was not stored: %s", weir_status_text(status));
}

static void on_back(struct weir_job *job)
{
	struct departure *departure = job->owner;

	if (--departure->out > 0)
		return;
	weir_call_report_stored(departure->cache, departure->write.status);
	weir_flight_release(departure->held);
	weir_blob_drop(departure->blob);
	weir_pool_destroy(departure->pool);
}

static struct departure *prepare_departure(struct weir_call *call, struct weir_blob *blob, int64_t until_ms)
{
	struct weir_pool *pool = weir_pool_create(0);
	struct departure *departure = pool ? weir_pool_zalloc(pool, sizeof(*departure)) : NULL;
	struct weir_slice bytes = weir_slice(blob->data, blob->len);

	if (!departure) {
		weir_pool_destroy(pool);
		return NULL;
	}
	departure->pool = pool;
	departure->cache = call->cache;
	departure->write = (struct weir_job){ .kind = WEIR_JOB_WRITE, .done = on_back, .owner = departure };
	departure->write.write = (struct weir_backend_set){ .key = weir_pool_dup(pool, call->key), .value = bytes, .expires_ms = until_ms };
	if (weir_cells_job(call, pool, bytes, &departure->cells)) {
		departure->cells.done = on_back;
		departure->cells.owner = departure;
	}
	departure->blob = weir_blob_take(blob);
	return departure;
}

/* The job is back at once when it cannot be sent. */
static bool send(struct weir_host *host, struct departure *departure, struct weir_job *job)
{
	enum weir_status status = host->ops->submit(host, departure->cache->backend, job);

	if (status == WEIR_OK) /* from here on the job is the I/O thread's */
		return true;
	weir_job_set_status(job, status);
	on_back(job);
	return false;
}

/* True when it is on its way; the flight has landed then. */
static bool send_away(struct weir_call *call, struct weir_blob *blob, int64_t until_ms)
{
	struct weir_host *host = weir_call_host(call);
	struct departure *departure = prepare_departure(call, blob, until_ms);
	bool has_cells;

	if (!departure) {
		weir_call_report_stored(call->cache, WEIR_ERR_MEMORY);
		return false;
	}
	has_cells = departure->cells.done;
	departure->out = has_cells ? 2 : 1;
	departure->held = weir_flight_land(&call->seat, blob, true);
	if (has_cells)
		(void)send(host, departure, &departure->cells);
	return send(host, departure, &departure->write);
}

bool weir_call_send_entry(struct weir_call *call, struct weir_blob *blob, int64_t until_ms)
{
	struct weir_backend_set set = { .key = call->key, .value = weir_slice(blob->data, blob->len), .expires_ms = until_ms };
	struct weir_job write = { .kind = WEIR_JOB_WRITE, .write = set };

	if (!call->cache->local)
		return send_away(call, blob, until_ms);
	weir_jobs_execute(call->cache->backend, &write);
	weir_call_report_stored(call->cache, write.status);
	return write.status == WEIR_OK;
}
