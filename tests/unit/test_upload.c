/* SPDX-License-Identifier: Apache-2.0
 *
 * Uploads over the loopback transport: what handlers can do with the parts of a form, in which order, and what is left of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include <weir/testing.h>
#include <weir/upload.h>

#include "support/scratch.h"

#define PART(name) "--b\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n"

static const char three[] = PART("a") "first\r\n" PART("b") "second\r\n" PART("c") "\r\n--b--";
static struct weir_scratch scratch;

/* -- Handlers -------------------------------------------------------------------------------------------------------------- */

static enum weir_status name_parts(struct weir_request *req, struct weir_response *res)
{
	const struct weir_multipart_form *form;
	enum weir_status st = weir_request_multipart(req, NULL, &form);

	if (st < 0)
		return weir_upload_refuse(req, res, st);
	return weir_response_bytes(res, "text/plain", weir_multipart_get(form, "b")->contents);
}

/* Each part's name, and of "b" the contents; the others are skipped. */
static enum weir_status walk(struct weir_request *req, struct weir_response *res)
{
	struct weir_buffer *body = weir_response_body(res);
	const struct weir_multipart_part *part;
	struct weir_upload *upload;
	struct weir_slice value;
	enum weir_status st = weir_upload_open(req, NULL, &upload);

	while (st >= 0 && (st = weir_upload_next(upload, &part)) == WEIR_OK) {
		weir_buffer_append_slice(body, part->name);
		if (part->name.data[0] != 'b')
			continue;
		st = weir_upload_value(upload, 6, &value);
		if (st == WEIR_OK)
			weir_buffer_printf(body, "=%s ", value.data);
	}
	return st == WEIR_END ? WEIR_OK : weir_upload_refuse(req, res, st);
}

/* Everything in the wrong order, and what it says. */
static enum weir_status blunder(struct weir_request *req, struct weir_response *res)
{
	const struct weir_multipart_part *part;
	const struct weir_multipart_form *form;
	struct weir_upload *upload, *other;
	struct weir_slice bytes;

	assert_int_equal(weir_request_multipart(req, NULL, &form), WEIR_ERR_STATE);
	assert_int_equal(weir_upload_open(req, NULL, &upload), WEIR_OK);
	assert_int_equal(weir_upload_open(req, NULL, &other), WEIR_ERR_STATE);
	assert_null(other);
	assert_int_equal(weir_upload_read(upload, &bytes), WEIR_ERR_STATE);
	assert_int_equal(weir_upload_next(upload, &part), WEIR_OK);
	assert_int_equal(weir_upload_read(upload, &bytes), WEIR_OK);
	assert_true(weir_slice_equal(bytes, WEIR_SLICE_LITERAL("first")));
	assert_int_equal(weir_upload_read(upload, &bytes), WEIR_END);
	assert_int_equal(weir_upload_read(upload, &bytes), WEIR_END);
	assert_int_equal(weir_upload_next(upload, &part), WEIR_OK);
	assert_true(weir_slice_equal(part->name, WEIR_SLICE_LITERAL("b")));
	assert_int_equal(weir_upload_value(upload, 5, &bytes), WEIR_ERR_LIMIT);
	assert_int_equal(weir_upload_next(upload, &part), WEIR_ERR_LIMIT);
	assert_int_equal(weir_upload_read(upload, &bytes), WEIR_ERR_LIMIT);
	return weir_upload_refuse(req, res, WEIR_ERR_LIMIT);
}

static enum weir_status open_on_loop(struct weir_request *req, struct weir_response *res)
{
	struct weir_upload *upload;

	assert_int_equal(weir_upload_open(req, NULL, &upload), WEIR_ERR_STATE);
	return weir_upload_refuse(req, res, WEIR_ERR_LIMIT); /* nothing of an upload has failed: not its answer */
}

static int saved_fd;

/* Saves the parts: "a" is kept, "b" too, under the same name, "c" is not. */
static enum weir_status save(struct weir_request *req, struct weir_response *res)
{
	const struct weir_multipart_part *part;
	struct weir_upload_file *file;
	struct weir_upload *upload;
	char bytes[8];
	enum weir_status st = weir_upload_open(req, NULL, &upload);

	for (size_t i = 0; st >= 0 && (st = weir_upload_next(upload, &part)) == WEIR_OK; i++) {
		st = weir_upload_save(upload, weir_request_query(req, "in") ? "/nowhere/at/all" : scratch.folder, &file);
		if (st < 0)
			break;
		assert_int_equal(weir_scratch_count(&scratch), i > 0);
		assert_int_equal(read(file->fd, bytes, sizeof(bytes)), file->size);
		saved_fd = file->fd;
		if (i < 2)
			assert_int_equal(weir_upload_keep(upload, file, weir_scratch_file(&scratch, "kept")), i == 0 ? WEIR_OK : WEIR_BUSY);
		if (i == 0)
			assert_int_equal(weir_upload_keep(upload, file, "/nowhere/at/all"), WEIR_ERR_IO);
	}
	return st == WEIR_END ? weir_response_text(res, "text/plain", "saved") : weir_upload_refuse(req, res, st);
}

static const struct weir_route routes[] = {
	{ .path = "/whole", .methods = WEIR_POST, .handler = name_parts },
	{ .path = "/walk", .methods = WEIR_POST, .handler = walk },
	{ .path = "/walk/stream", .methods = WEIR_POST, .handler = walk, .stream_body = true },
	{ .path = "/walk/small", .methods = WEIR_POST, .handler = walk, .stream_body = true, .body_limit = 100 },
	{ .path = "/blunder", .methods = WEIR_POST, .handler = blunder, .stream_body = true },
	{ .path = "/loop", .methods = WEIR_POST, .handler = open_on_loop, .stream_body = true, .nonblocking = true },
	{ .path = "/save", .methods = WEIR_POST, .handler = save, .stream_body = true },
	{ 0 },
};

static const struct weir_app_options app = {
	.name = "upload",
	.routes = routes,
	.cache = { .disabled = true },
	.log = &(const struct weir_log_options){ .level = WEIR_LOG_OFF },
};

/* -- Tests ----------------------------------------------------------------------------------------------------------------- */

static int setup(void **state)
{
	weir_scratch_init(&scratch);
	*state = weir_test_create(&app);
	return 0;
}

static int teardown(void **state)
{
	weir_test_destroy(*state);
	weir_scratch_finish(&scratch);
	return 0;
}

/* Sends the first `len` bytes of the form with three parts. */
static void expect(struct weir_test *test, const char *target, size_t len, int status, const char *text)
{
	const struct weir_test_field fields[] = { { "Content-Type", "multipart/form-data; boundary=b" }, { 0 } };
	const struct weir_test_response *res = weir_test_send(
		test, &(struct weir_test_request){ .method = "POST", .target = target, .fields = fields, .body = weir_slice(three, len) });

	assert_true(res->complete);
	assert_int_equal(res->status, status);
	assert_non_null(memmem(res->body.data, res->body.len, text, strlen(text)));
}

#define WHOLE (sizeof(three) - 1)

static void test_upload_gives_whole_forms(void **state)
{
	expect(*state, "/whole", WHOLE, 200, "second");
	expect(*state, "/whole", WHOLE - 3, 400, "without its closing boundary");
}

static void test_upload_walks_over_parts(void **state)
{
	expect(*state, "/walk", WHOLE, 200, "ab=second c");
	expect(*state, "/walk/stream", WHOLE, 200, "ab=second c");
}

static void test_upload_is_refused_with_the_reason(void **state)
{
	const struct weir_test_response *res;

	expect(*state, "/walk", WHOLE - 3, 400, "without its closing boundary");
	expect(*state, "/walk/stream", 60, 400, "the form ends at byte 60");
	res = weir_test_send(*state, &(struct weir_test_request){ .method = "POST", .target = "/walk/stream" });
	assert_int_equal(res->status, 415);
	expect(*state, "/walk/small", WHOLE, 413, "Content Too Large");
}

static void test_upload_notices_what_is_called_at_the_wrong_time(void **state)
{
	expect(*state, "/blunder", WHOLE, 413, "the value of \\\"b\\\" is longer than 5 bytes");
	expect(*state, "/loop", WHOLE, 500, "");
}

static void test_upload_keeps_files_only_when_told(void **state)
{
	expect(*state, "/save", WHOLE, 200, "saved");
	assert_int_equal(weir_scratch_count(&scratch), 1);
	assert_int_equal(lseek(saved_fd, 0, SEEK_CUR), -1); /* closed with the request */
}

static void test_upload_that_cannot_be_saved_is_a_500(void **state)
{
	expect(*state, "/save?in=nowhere", WHOLE, 500, "");
	assert_int_equal(weir_scratch_count(&scratch), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_upload_gives_whole_forms, setup, teardown),
		cmocka_unit_test_setup_teardown(test_upload_walks_over_parts, setup, teardown),
		cmocka_unit_test_setup_teardown(test_upload_is_refused_with_the_reason, setup, teardown),
		cmocka_unit_test_setup_teardown(test_upload_notices_what_is_called_at_the_wrong_time, setup, teardown),
		cmocka_unit_test_setup_teardown(test_upload_keeps_files_only_when_told, setup, teardown),
		cmocka_unit_test_setup_teardown(test_upload_that_cannot_be_saved_is_a_500, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
