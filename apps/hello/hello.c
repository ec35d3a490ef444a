/* SPDX-License-Identifier: Apache-2.0
 *
 * The smallest app worth having: one handler that runs at every request, and one whose answer is kept for a minute.
 *
 *     hello --listen unix:hello.sock        behind a web server, see nginx.conf and apache.conf
 */
#include <weir/weir.h>

static enum weir_status greet(struct weir_request *req, struct weir_response *res)
{
	return weir_response_text(res, "text/plain; charset=utf-8", "Hello, %s!\n", weir_request_param(req, "name"));
}

/* The number of primes below `limit`, the slow way: what one would rather not compute twice. */
static int64_t count_primes(int64_t limit)
{
	int64_t primes = 0;

	for (int64_t n = 2; n < limit; n++) {
		int64_t divisor = 2;

		while (divisor * divisor <= n && n % divisor != 0)
			divisor++;
		if (divisor * divisor > n)
			primes++;
	}
	return primes;
}

static enum weir_status primes_below(struct weir_request *req, struct weir_response *res)
{
	uint64_t limit;

	if (weir_slice_to_u64(weir_slice_text(weir_request_param(req, "limit")), 1000000, &limit) < 0)
		return weir_response_error(res, 400, "the limit is a number up to 1000000");
	return weir_response_text(res, "text/plain", "%lld\n", (long long)count_primes((int64_t)limit));
}

static const struct weir_route routes[] = {
	{ .path = "/hello/{name}", .handler = greet },
	{ .path = "/primes/{limit}", .handler = primes_below, .cache = &(const struct weir_cache_rule){ .expire_s = 60 } },
	{ 0 },
};

const struct weir_app_options hello = { .name = "hello", .routes = routes };

int main(int argc, char **argv)
{
	return weir_main(argc, argv, &hello);
}
