/* SPDX-License-Identifier: Apache-2.0
 *
 * Cached hits over the loopback transport, without sockets, threads or a web server: a program for callgrind, whose count of instructions
 * is the same at each run.
 *
 *     loopback_bench MIDDLEWARES ROUTES small|large|revalidate REQUESTS
 *
 * What one request costs is the difference between two runs divided by the difference of their REQUESTS.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <weir/testing.h>

struct kind {
	const char *name;
	size_t body_len;
	int status;                           /* of the hits */
	const struct weir_test_field *fields; /* of the requests */
};

static const struct weir_test_field any_etag[] = { { "If-None-Match", "*" }, { 0 } };

static const struct kind kinds[] = {
	{ .name = "small", .body_len = 1024, .status = 200 },
	{ .name = "large", .body_len = 30 * 1024, .status = 200 },
	{ .name = "revalidate", .body_len = 30 * 1024, .status = 304, .fields = any_etag },
	{ 0 },
};

static char filler[30 * 1024];
static size_t enters;

static enum weir_flow pass_enter(struct weir_middleware *self, struct weir_request *req, struct weir_response *res)
{
	(void)self;
	(void)req;
	(void)res;
	enters++;
	return WEIR_FLOW_NEXT;
}

static void pass_leave(struct weir_middleware *self, struct weir_request *req, struct weir_response *res)
{
	(void)self;
	(void)req;
	(void)res;
}

static void pass_done(struct weir_middleware *self, struct weir_request *req, struct weir_response *res, const struct weir_outcome *outcome)
{
	(void)self;
	(void)req;
	(void)res;
	(void)outcome;
}

static void pass_destroy(struct weir_middleware *self)
{
	free(self);
}

static const struct weir_middleware_ops pass_ops = {
	.name = "pass", .enter = pass_enter, .leave = pass_leave, .done = pass_done, .destroy = pass_destroy
};

static enum weir_status use_middlewares(struct weir_app *app, void *user_data)
{
	enum weir_status st = WEIR_OK;

	for (int i = 0; i < *(const int *)user_data && st == WEIR_OK; i++) {
		struct weir_middleware *pass = calloc(1, sizeof(*pass));

		if (!pass)
			return WEIR_ERR_MEMORY;
		pass->ops = &pass_ops;
		st = weir_app_use(app, pass);
	}
	return st;
}

static enum weir_status show(struct weir_request *req, struct weir_response *res)
{
	const struct kind *kind = weir_request_user_data(req);

	return weir_response_borrowed(res, "text/plain", weir_slice(filler, kind->body_len), NULL, NULL);
}

static void add_routes(struct weir_app *app, int count, struct kind *kind)
{
	static const struct weir_cache_rule kept = { .expire_s = WEIR_EXPIRE_NEVER };
	char path[64];

	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "/things%d/{id}", i);
		if (weir_app_route(app, &(struct weir_route){ .path = path, .handler = show, .user_data = kind, .cache = &kept }) !=
		    WEIR_OK)
			exit(1);
	}
}

static void expect(struct weir_test *test, const struct weir_test_request *request, int status, const char *cache)
{
	const struct weir_test_response *res = weir_test_send(test, request);
	const char *header = weir_test_field(test, res, "X-Weir-Cache");

	if (res->status != status || !header || strcmp(header, cache) != 0) {
		fprintf(stderr, "loopback_bench: %d %s for %s\n", res->status, header ? header : "-", request->target);
		exit(1);
	}
}

static void run(int middlewares, int routes, struct kind *kind, size_t requests)
{
	const struct weir_app_options options = { .name = "bench", .setup = use_middlewares, .user_data = &middlewares };
	struct weir_test *test = weir_test_create(&options);
	struct weir_test_request request = { .fields = NULL };
	char target[64];

	add_routes(weir_test_app(test), routes, kind);
	snprintf(target, sizeof(target), "/things%d/7", routes / 2);
	request.target = target;
	expect(test, &request, 200, "MISS");
	request.fields = kind->fields;
	for (size_t i = 0; i < requests; i++)
		expect(test, &request, kind->status, "HIT");
	weir_test_destroy(test);
	if (enters != (requests + 1) * (size_t)middlewares) {
		fprintf(stderr, "loopback_bench: the middlewares were entered %zu times\n", enters);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	struct kind kind = { 0 };

	if (argc != 5)
		return 2;
	for (size_t i = 0; kinds[i].name; i++)
		if (strcmp(kinds[i].name, argv[3]) == 0)
			kind = kinds[i];
	if (!kind.name)
		return 2;
	memset(filler, 'x', sizeof(filler));
	run(atoi(argv[1]), atoi(argv[2]), &kind, strtoul(argv[4], NULL, 10));
	return 0;
}
