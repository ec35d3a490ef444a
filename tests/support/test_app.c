/* SPDX-License-Identifier: Apache-2.0
 *
 * The app behind the integration tests, written as a user would write one. Its routes show what reached a handler, take and give bodies of
 * any size, and do on purpose what handlers do by accident: fail, hang, ignore their body, crash. It counts what it does, and GET /counts
 * tells.
 *
 * Deadlines (milliseconds) and limits come from the environment, so that tests need neither wait long nor send much: TEST_HEAD_MS,
 * TEST_BODY_MS, TEST_SEND_MS, TEST_IDLE_MS, TEST_DRAIN_MS, TEST_PARAMS, TEST_QUEUE. Uploads are saved in TEST_SAVE_IN.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>

#include <weir/weir.h>

#define PERIOD 251 /* byte i of every large body is i % PERIOD: whatever is lost, doubled or moved shows */

enum count {
	COUNT_ADMIN,
	COUNT_CACHED,
	COUNT_HERD,
	COUNT_FAILING,
	COUNT_STUCK,
	COUNT_SOURCES_OPENED,
	COUNT_SOURCES_CLOSED,
	COUNT_UPLOADS_BROKEN,
	COUNT_KINDS,
};

static const char *const count_names[COUNT_KINDS] = {
	"admin", "cached", "herd", "failing", "stuck", "sources_opened", "sources_closed", "uploads_broken",
};

static atomic_int counts[COUNT_KINDS];
static char pattern[PERIOD * 256];

static int count(enum count kind)
{
	return atomic_fetch_add(&counts[kind], 1) + 1;
}

static void sleep_ms(uint64_t ms)
{
	struct timespec time = { .tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000 };

	nanosleep(&time, NULL);
}

static uint64_t number(const struct weir_request *req, const char *name, uint64_t otherwise)
{
	uint64_t value;

	return weir_slice_to_u64(weir_slice_text(weir_request_query(req, name)), UINT64_MAX, &value) < 0 ? otherwise : value;
}

static enum weir_status show_counts(struct weir_request *req, struct weir_response *res)
{
	struct weir_buffer *body = weir_response_body(res);

	(void)req;
	weir_response_set_field(res, "Content-Type", "text/plain");
	weir_buffer_printf(body, "pid %d\n", (int)getpid());
	for (int i = 0; i < COUNT_KINDS; i++)
		weir_buffer_printf(body, "%s %d\n", count_names[i], atomic_load(&counts[i]));
	return WEIR_OK;
}

/* Where injected requests go; nobody else does. */
static enum weir_status admin(struct weir_request *req, struct weir_response *res)
{
	const char *user = weir_request_variable(req, "REMOTE_USER");

	return weir_response_text(res, "text/plain", "admin %s %d\n", user ? user : "-", count(COUNT_ADMIN));
}

/* -- What reached the handler ----------------------------------------------------------------------------------------------- */

/* One line: words, where only the last may hold any byte, percent-encoded. */
static void append_line(struct weir_buffer *body, const char *what, struct weir_slice name, struct weir_slice value)
{
	weir_buffer_append_text(body, what);
	if (name.data)
		weir_buffer_printf(body, " %.*s", (int)name.len, name.data);
	weir_buffer_append_byte(body, ' ');
	for (size_t i = 0; i < value.len; i++) {
		unsigned char byte = (unsigned char)value.data[i];

		weir_buffer_printf(body, byte > ' ' && byte < 0x7f && byte != '%' ? "%c" : "%%%02X", byte);
	}
	weir_buffer_append_byte(body, '\n');
}

static void append_field(void *state, struct weir_slice name, struct weir_slice value)
{
	append_line(state, "field", name, value);
}

static enum weir_status echo(struct weir_request *req, struct weir_response *res)
{
	const struct weir_query *query = weir_request_queries(req);
	struct weir_buffer *body = weir_response_body(res);

	weir_response_set_field(res, "Content-Type", "text/plain");
	append_line(body, "method", WEIR_SLICE_NONE, weir_slice_text(weir_request_method_name(req)));
	append_line(body, "mount", WEIR_SLICE_NONE, weir_slice_text(weir_request_mount(req)));
	append_line(body, "path", WEIR_SLICE_NONE, weir_slice_text(weir_request_path(req)));
	append_line(body, "query", WEIR_SLICE_NONE, weir_slice_text(weir_request_query_string(req)));
	append_line(body, "host", WEIR_SLICE_NONE, weir_slice_text(weir_request_host(req)));
	append_line(body, "param", WEIR_SLICE_NONE, weir_slice_text(weir_request_param(req, "rest")));
	append_line(body, "joined", WEIR_SLICE_NONE, weir_slice_text(weir_request_field(req, "X-Repeated")));
	for (size_t i = 0; i < query->count; i++) {
		append_line(body, "name", WEIR_SLICE_NONE, query->pairs[i].name);
		append_line(body, "value", WEIR_SLICE_NONE, query->pairs[i].value);
	}
	weir_request_each_field(req, NULL, append_field, body);
	weir_buffer_printf(body, "length %zu\n", weir_request_body(req).len);
	return WEIR_OK;
}

static enum weir_status mirror(struct weir_request *req, struct weir_response *res)
{
	return weir_response_bytes(res, "application/octet-stream", weir_request_body(req));
}

static enum weir_status mirror_json(struct weir_request *req, struct weir_response *res)
{
	struct json_object *value;
	const char *why = NULL;
	enum weir_status st = weir_request_json(req, &value, &why);

	if (st == WEIR_ERR_INVALID)
		return weir_response_error(res, 400, why);
	return st < 0 ? st : weir_response_json(res, json_object_get(value));
}

static enum weir_status many_fields(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	weir_response_set_cookie(res, &(struct weir_set_cookie){ .name = "first", .value = "1", .path = "/", .http_only = true });
	weir_response_set_cookie(res, &(struct weir_set_cookie){ .name = "second", .value = "2", .secure = true });
	weir_response_add_field(res, "X-Repeated", "one");
	weir_response_add_field(res, "X-Repeated", "two, three");
	weir_response_add_field(res, "X-Repeated", "one");
	weir_response_set_field(res, "X-Accel-Redirect", "/etc/passwd"); /* refused by weir */
	return weir_response_text(res, "text/plain", "fields\n");
}

static enum weir_status hello(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	return weir_response_text(res, "text/plain", "hello\n");
}

static enum weir_status fail(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	(void)res;
	return WEIR_ERR_HANDLER;
}

static enum weir_status slow(struct weir_request *req, struct weir_response *res)
{
	sleep_ms(number(req, "ms", 0));
	return weir_response_text(res, "text/plain", "slow\n");
}

/* -- Ends of a process ------------------------------------------------------------------------------------------------------ */

/* A fault without undefined behaviour, which a sanitizer would report first. */
static void touch_forbidden_page(void)
{
	char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (page != MAP_FAILED)
		*(volatile char *)page = 1;
}

/* Would end after a gigabyte of stack. */
static int use_up_stack(int depth) // NOLINT(misc-no-recursion)
{
	volatile char frame[4096];

	frame[0] = (char)depth;
	return depth == 1 << 18 ? 0 : use_up_stack(depth + 1) + frame[0];
}

/* /crash/{how}; the same as /crash/loop/{how} on the loop. */
static enum weir_status crash(struct weir_request *req, struct weir_response *res)
{
	struct weir_slice how = weir_slice_text(weir_request_param(req, "how"));

	if (weir_slice_equal(how, weir_slice_text("fault")))
		touch_forbidden_page();
	else if (weir_slice_equal(how, weir_slice_text("abort")))
		abort();
	else if (weir_slice_equal(how, weir_slice_text("exit")))
		_exit(3);
	else if (weir_slice_equal(how, weir_slice_text("stack")))
		return weir_response_text(res, "text/plain", "%d\n", use_up_stack(0));
	else if (weir_slice_equal(how, weir_slice_text("stop")))
		weir_app_stop(weir_request_app(req));
	return weir_response_text(res, "text/plain", "still here\n");
}

/* -- Large bodies ----------------------------------------------------------------------------------------------------------- */

static bool follows_pattern(const char *bytes, size_t len, uint64_t at)
{
	while (len) {
		size_t offset = (size_t)(at % PERIOD);
		size_t part = len < sizeof(pattern) - offset ? len : sizeof(pattern) - offset;

		if (memcmp(bytes, pattern + offset, part) != 0)
			return false;
		bytes += part;
		at += part;
		len -= part;
	}
	return true;
}

struct upload {
	uint64_t bytes;
	bool wrong;
};

/* Reads what is there. WEIR_END when it was all. */
static enum weir_status take(struct weir_request *req, struct upload *upload)
{
	char piece[16384];
	enum weir_status st;
	size_t len;

	while ((st = weir_request_read(req, piece, sizeof(piece), &len)) == WEIR_OK) {
		upload->wrong |= !follows_pattern(piece, len, upload->bytes);
		upload->bytes += len;
	}
	if (st < 0)
		count(COUNT_UPLOADS_BROKEN);
	return st;
}

static enum weir_status tell(struct weir_response *res, const struct upload *upload)
{
	return weir_response_text(res, "text/plain", "%llu %s\n", (unsigned long long)upload->bytes, upload->wrong ? "wrong" : "right");
}

static enum weir_status take_upload(struct weir_request *req, struct weir_response *res)
{
	struct upload upload = { 0 };
	enum weir_status st = take(req, &upload);

	return st == WEIR_END ? tell(res, &upload) : st;
}

/* The same on the loop. Between its calls a handler has no memory of its own, so this one takes one upload at a time. */
static enum weir_status take_on_loop(struct weir_request *req, struct weir_response *res)
{
	static struct upload upload;
	enum weir_status st;

	if (weir_request_wake(req) == WEIR_WAKE_NONE)
		upload = (struct upload){ 0 };
	st = take(req, &upload);
	return st == WEIR_END ? tell(res, &upload) : st;
}

/* -- Forms with files ------------------------------------------------------------------------------------------------------- */

static const struct weir_multipart_options form_limits = { .parts = 3, .head = 1000, .part = (uint64_t)64 << 20 };

static enum weir_status take_form(struct weir_request *req, struct weir_response *res)
{
	struct weir_buffer *body = weir_response_body(res);
	const struct weir_multipart_form *form;
	enum weir_status st = weir_request_multipart(req, &form_limits, &form);

	if (st < 0)
		return weir_upload_refuse(req, res, st);
	for (size_t i = 0; i < form->count; i++)
		append_line(body, "part", form->parts[i].filename, form->parts[i].contents);
	return WEIR_OK;
}

/* What is called "note" is kept in memory, all else in files; with ?keep=NAME the last one of these for good, with ?fail it all fails. */
static enum weir_status save_form(struct weir_request *req, struct weir_response *res)
{
	const char *folder = getenv("TEST_SAVE_IN"), *keep = weir_request_query(req, "keep");
	struct weir_buffer *body = weir_response_body(res);
	const struct weir_multipart_part *part;
	struct weir_upload_file *file = NULL;
	struct weir_upload *upload;
	struct weir_slice note;
	enum weir_status st = weir_upload_open(req, &form_limits, &upload);

	while (st >= 0 && (st = weir_upload_next(upload, &part)) == WEIR_OK) {
		bool is_note = weir_slice_equal(part->name, WEIR_SLICE_LITERAL("note"));

		st = is_note ? weir_upload_value(upload, 100, &note) : weir_upload_save(upload, folder, &file);
		if (st == WEIR_OK && is_note)
			append_line(body, "note", WEIR_SLICE_NONE, note);
		else if (st == WEIR_OK)
			weir_buffer_printf(body, "file %llu\n", (unsigned long long)file->size);
	}
	if (st < 0)
		return weir_upload_refuse(req, res, st);
	if (weir_request_query(req, "fail"))
		return WEIR_ERR_HANDLER;
	st = keep && file ? weir_upload_keep(upload, file, weir_pool_printf(weir_request_pool(req), "%s/%s", folder, keep)) : WEIR_OK;
	return st == WEIR_BUSY ? weir_response_error(res, 409, "there is one of that name") : st;
}

struct download {
	uint64_t at, bytes, fail_at;
};

static enum weir_status next_piece(void *state, struct weir_slice *chunk)
{
	struct download *download = state;
	size_t offset = (size_t)(download->at % PERIOD);
	uint64_t end = download->bytes < download->fail_at ? download->bytes : download->fail_at;
	size_t len = sizeof(pattern) - offset;

	if (download->at == download->fail_at)
		return WEIR_ERR_HANDLER;
	if (download->at == download->bytes)
		return WEIR_END;
	if (len > end - download->at)
		len = (size_t)(end - download->at);
	*chunk = weir_slice(pattern + offset, len);
	download->at += len;
	return WEIR_OK;
}

static void close_download(void *state)
{
	(void)state;
	count(COUNT_SOURCES_CLOSED);
}

/* /download?bytes=N, with &unknown=1 without saying how many, with &fail_at=M broken off after M. User data: runs on the loop. */
static enum weir_status give_download(struct weir_request *req, struct weir_response *res)
{
	struct download *download = weir_pool_zalloc(weir_request_pool(req), sizeof(*download));
	struct weir_source source = { .next = next_piece, .close = close_download, .state = download };

	if (!download)
		return WEIR_ERR_MEMORY;
	download->bytes = number(req, "bytes", 0);
	download->fail_at = number(req, "fail_at", UINT64_MAX);
	source.length = download->bytes;
	source.has_length = !weir_request_query(req, "unknown");
	source.nonblocking = weir_request_user_data(req) != NULL;
	count(COUNT_SOURCES_OPENED);
	return weir_response_stream(res, "application/octet-stream", &source);
}

/* -- Cached ----------------------------------------------------------------------------------------------------------------- */

static enum weir_status cached(struct weir_request *req, struct weir_response *res)
{
	if (weir_request_query(req, "expire"))
		weir_call_set_expire_s(weir_request_call(req), (int64_t)number(req, "expire", 0));
	if (weir_request_query(req, "modified"))
		weir_response_set_field(res, "Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT");
	if (weir_request_query(req, "cookie"))
		weir_response_set_cookie(res, &(struct weir_set_cookie){ .name = "session", .value = "secret" });
	if (weir_request_query(req, "status"))
		weir_response_set_status(res, (int)number(req, "status", 200));
	return weir_response_text(res, "text/plain", "value %d\n", count(COUNT_CACHED));
}

static enum weir_status herd(struct weir_request *req, struct weir_response *res)
{
	int run = count(COUNT_HERD);

	if (weir_request_query(req, "expire"))
		weir_call_set_expire_s(weir_request_call(req), (int64_t)number(req, "expire", 0));
	sleep_ms(number(req, "ms", 0));
	return weir_response_text(res, "text/plain", "run %d\n", run);
}

static enum weir_status failing(struct weir_request *req, struct weir_response *res)
{
	(void)res;
	count(COUNT_FAILING);
	sleep_ms(number(req, "ms", 0));
	return WEIR_ERR_HANDLER;
}

static pthread_mutex_t gate_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_opened = PTHREAD_COND_INITIALIZER;
static bool gate_open;

/* The first one hangs until PUT /release, the others do not. */
static enum weir_status stuck(struct weir_request *req, struct weir_response *res)
{
	int run = count(COUNT_STUCK);

	(void)req;
	pthread_mutex_lock(&gate_lock);
	while (run == 1 && !gate_open)
		pthread_cond_wait(&gate_opened, &gate_lock);
	pthread_mutex_unlock(&gate_lock);
	return weir_response_text(res, "text/plain", "run %d\n", run);
}

static enum weir_status release(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	pthread_mutex_lock(&gate_lock);
	gate_open = true;
	pthread_cond_broadcast(&gate_opened);
	pthread_mutex_unlock(&gate_lock);
	return weir_response_empty(res, 204);
}

static enum weir_status clear(struct weir_request *req, struct weir_response *res)
{
	enum weir_status st = weir_cache_clear_namespace(weir_request_cache(req), "test", NULL);

	return st < 0 ? st : weir_response_empty(res, 204);
}

/* -- The app ---------------------------------------------------------------------------------------------------------------- */

#define ANY_METHOD (WEIR_GET | WEIR_POST | WEIR_PUT | WEIR_DELETE | WEIR_PATCH | WEIR_METHOD_OTHER)
#define STREAMED .stream_body = true, .body_limit = (size_t)1 << 30
#define MEDIUM ((size_t)2 << 20)

static const struct weir_cache_rule minute = { .expire_s = 60, .ns = "test" };
static const struct weir_cache_rule app_default = { .ns = "test" };
static const struct weir_cache_rule locked = { .expire_s = 60, .ns = "test", .with_lock = true };
static const struct weir_cache_rule impatient = { .expire_s = 60, .ns = "test", .with_lock = true, .lock_timeout_ms = 300 };
static const struct weir_cache_rule refreshed = { .expire_s = 1, .ns = "test", .stale_while_revalidate_s = 60 };

static const struct weir_route routes[] = {
	{ .path = "/hello", .handler = hello },
	{ .path = "/counts", .handler = show_counts, .nonblocking = true },
	{ .path = "/admin", .methods = ANY_METHOD, .handler = admin },
	{ .path = "/echo", .methods = ANY_METHOD, .handler = echo, .body_limit = MEDIUM },
	{ .path = "/echo/{rest...}", .methods = ANY_METHOD, .handler = echo },
	{ .path = "/mirror", .methods = WEIR_POST | WEIR_PUT | WEIR_PATCH, .handler = mirror, .body_limit = MEDIUM },
	{ .path = "/json", .methods = WEIR_POST, .handler = mirror_json },
	{ .path = "/fields", .handler = many_fields },
	{ .path = "/fail", .handler = fail },
	{ .path = "/slow", .handler = slow },
	{ .path = "/crash/{how}", .handler = crash },
	{ .path = "/crash/loop/{how}", .handler = crash, .nonblocking = true },
	{ .path = "/small", .methods = WEIR_POST, .handler = hello, .body_limit = 1000 },
	{ .path = "/ignore", .methods = WEIR_POST, .handler = hello },
	{ .path = "/ignore/stream", .methods = WEIR_POST, .handler = hello, STREAMED },
	{ .path = "/upload", .methods = WEIR_POST, .handler = take_upload, STREAMED },
	{ .path = "/upload/loop", .methods = WEIR_POST, .handler = take_on_loop, .nonblocking = true, STREAMED },
	{ .path = "/form", .methods = WEIR_POST, .handler = take_form, .body_limit = MEDIUM },
	{ .path = "/form/save", .methods = WEIR_POST, .handler = save_form, STREAMED },
	{ .path = "/form/save/little", .methods = WEIR_POST, .handler = save_form, .stream_body = true, .body_limit = 100000 },
	{ .path = "/download", .handler = give_download },
	{ .path = "/download/loop", .handler = give_download, .user_data = pattern },
	{ .path = "/cached", .methods = WEIR_GET | WEIR_POST, .handler = cached, .cache = &minute },
	{ .path = "/cached/default", .handler = cached, .cache = &app_default },
	{ .path = "/cached/download", .handler = give_download, .cache = &minute },
	{ .path = "/herd", .handler = herd, .cache = &locked },
	{ .path = "/refreshed", .handler = herd, .cache = &refreshed },
	{ .path = "/failing", .handler = failing, .cache = &locked },
	{ .path = "/stuck", .handler = stuck, .cache = &impatient },
	{ .path = "/clear", .methods = WEIR_PUT, .handler = clear },
	{ .path = "/release", .methods = WEIR_PUT, .handler = release, .nonblocking = true },
	{ 0 },
};

/* 0, weir's default, when it is not set. */
static int64_t setting(const char *name)
{
	const char *text = getenv(name);

	return text ? strtoll(text, NULL, 10) : 0;
}

int main(int argc, char **argv)
{
	struct weir_app_options options = { .name = "test-app", .version = "7.8.9", .routes = routes };

	options.deadlines.head_ms = setting("TEST_HEAD_MS");
	options.deadlines.body_ms = setting("TEST_BODY_MS");
	options.deadlines.send_ms = setting("TEST_SEND_MS");
	options.deadlines.idle_ms = setting("TEST_IDLE_MS");
	options.deadlines.drain_ms = setting("TEST_DRAIN_MS");
	options.limits.params = (size_t)setting("TEST_PARAMS");
	options.limits.queue = (size_t)setting("TEST_QUEUE");
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (char)(i % PERIOD);
	return weir_main(argc, argv, &options);
}
