/* SPDX-License-Identifier: Apache-2.0
 *
 * The params of a FastCGI request: collected in the exchange's pool, then taken apart where they lie.
 */
#include "runtime/connection.h"

void weir_fcgi_call_add_params(struct weir_fcgi_call *call, struct weir_slice bytes)
{
	struct weir_exchange *x = &call->exchange;
	size_t needed = call->params_len + bytes.len + 1; /* a terminator for the last value */
	char *grown;

	if (x->refusal)
		return;
	if (needed > x->service->limits.params) {
		weir_exchange_refuse(x, 431, "the request's head is too large");
		return;
	}
	if (needed > call->params_capacity) {
		size_t capacity = call->params_len ? needed * 2 : needed;

		grown = weir_pool_bytes(&x->pool, capacity);
		if (!grown) {
			weir_exchange_refuse(x, 431, "the request's head is too large");
			return;
		}
		if (call->params_len > 0)
			memcpy(grown, call->params, call->params_len);
		call->params = grown;
		call->params_capacity = capacity;
	}
	memcpy(call->params + call->params_len, bytes.data, bytes.len);
	call->params_len += bytes.len;
}

/* Pairs lie back to back: the byte behind a value is the next pair's length, free to become the terminator once that has been read. */
void weir_fcgi_call_read_params(struct weir_fcgi_call *call)
{
	struct weir_exchange *x = &call->exchange;
	struct weir_slice rest = weir_slice(call->params, call->params_len);
	struct weir_slice name;
	struct weir_slice value;
	struct weir_slice next_name;
	struct weir_slice next_value;
	enum weir_status status;

	if (x->refusal)
		return;
	status = weir_fcgi_pairs_next(&rest, &name, &value);
	while (status == WEIR_OK) {
		status = weir_fcgi_pairs_next(&rest, &next_name, &next_value);
		call->params[(size_t)(value.data - call->params) + value.len] = '\0';
		weir_exchange_add_variable(x, name, value);
		name = next_name;
		value = next_value;
	}
	if (status < 0)
		weir_exchange_refuse(x, 400, "the params are malformed");
}
