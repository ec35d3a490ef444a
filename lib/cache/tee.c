/* SPDX-License-Identifier: Apache-2.0
 *
 * Bodies that stream past: a copy is taken of every piece on its way to the client, to be stored at the end. When the client of a flight's
 * leader leaves, the body is pulled to its end all the same, for those who wait and for the entry; but not when a piece is just on its way
 * out, for the source's bytes are in use then, nor once it is too large to be kept.
 */
#include <weir/etag.h>

#include "cache/call.h"

static enum weir_status tee_next(void *state, struct weir_slice *chunk)
{
	struct weir_tee *tee = state;
	enum weir_status status;

	if (tee->too_large && weir_request_cancelled(tee->req)) /* the client has left what nobody else can have */
		return WEIR_ERR_CANCELLED;
	status = tee->inner.next(tee->inner.state, chunk);
	if (status == WEIR_OK) {
		if (!tee->too_large)
			weir_buffer_append_slice(&tee->copy, *chunk);
		if (tee->copy.overflowed) {
			tee->too_large = true;
			weir_buffer_finish(&tee->copy);
		}
		if (tee->digest && !tee->too_large)
			weir_etag_update(tee->digest, *chunk);
		tee->passed += chunk->len;
	}
	/* A source that has said how long it is is not asked again after its last byte. */
	tee->complete = status == WEIR_END || (status == WEIR_OK && tee->inner.has_length && tee->passed == tee->inner.length);
	return status;
}

static void tee_close(void *state)
{
	struct weir_tee *tee = state;

	if (tee->inner.close)
		tee->inner.close(tee->inner.state);
	weir_buffer_finish(&tee->copy);
}

void weir_call_tee(struct weir_call *call, struct weir_response *res)
{
	struct weir_source source = res->source;

	call->tee = weir_pool_zalloc(res->pool, sizeof(*call->tee));
	if (!call->tee)
		return;
	call->tee->req = call->req;
	call->entry.status = res->status; /* as it is now: who comes later in the chain may change it */
	weir_buffer_init(&call->tee->copy, call->cache->max_entry);
	if (!weir_fields_get(&res->fields, WEIR_SLICE_LITERAL("ETag")).data)
		call->tee->digest = weir_etag_begin(res->pool);
	source.next = tee_next;
	source.close = tee_close;
	source.state = call->tee;
	weir_response_wrap_source(res, &source, &call->tee->inner);
}
