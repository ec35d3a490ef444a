/* SPDX-License-Identifier: Apache-2.0
 *
 * The built-in handlers: what answers when no route does, so that middleware sees these requests like any other.
 */
#include "exchange/exchange.h"

/* "GET, HEAD, OPTIONS" (RFC 9110 section 10.2.1). */
static void set_allow(struct weir_exchange *x)
{
	static const struct {
		unsigned method;
		const char *name;
	} names[] = {
		{ WEIR_GET, "GET" },       { WEIR_HEAD, "HEAD" },   { WEIR_POST, "POST" },       { WEIR_PUT, "PUT" },
		{ WEIR_DELETE, "DELETE" }, { WEIR_PATCH, "PATCH" }, { WEIR_OPTIONS, "OPTIONS" },
	};
	const char *allow = "";

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && allow; i++)
		if (x->allowed & names[i].method)
			allow = weir_pool_printf(&x->pool, "%s%s%s", allow, allow[0] ? ", " : "", names[i].name);
	weir_response_set_field(&x->res, "Allow", allow);
}

enum weir_status weir_refusal_answer(struct weir_exchange *exchange)
{
	struct weir_response *res = &exchange->res;

	weir_response_reset(res);
	if (exchange->allowed && (exchange->refusal == 405 || exchange->refusal == 204))
		set_allow(exchange);
	if (exchange->refusal == 503)
		weir_response_set_field(res, "Retry-After", "1");
	if (exchange->refusal == 204)
		return weir_response_empty(res, 204);
	return weir_response_error(res, exchange->refusal, exchange->refusal_detail);
}
