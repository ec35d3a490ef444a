/* SPDX-License-Identifier: Apache-2.0
 *
 * The log's way to standard error, which is a pipe here, and several threads that use it at once.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <weir/log.h>

/* What the machine's clock makes looks like this. */
#define TIME "2026-11-22T19:36:34.120Z"

enum {
	LINE_SIZE = 4096,
};

/* Standard error, turned into a pipe for as long as a test needs it. */
struct capture {
	int saved;
	FILE *lines;
};

static struct capture capture_begin(void)
{
	int ends[2];
	struct capture capture = { .saved = dup(STDERR_FILENO) };

	assert_true(capture.saved >= 0);
	assert_int_equal(pipe(ends), 0);
	assert_true(dup2(ends[1], STDERR_FILENO) >= 0);
	close(ends[1]);
	capture.lines = fdopen(ends[0], "r");
	assert_non_null(capture.lines);
	return capture;
}

/* From here on the lines can be read to their end. */
static void capture_end(struct capture *capture)
{
	assert_true(dup2(capture->saved, STDERR_FILENO) >= 0);
	close(capture->saved);
}

static void test_log_writes_to_standard_error(void **state)
{
	struct weir_log *log = weir_log_create(&WEIR_LOG_DEFAULT);
	struct capture capture = capture_begin();
	char line[LINE_SIZE + 1];

	(void)state;
	weir_log_debug(log, "too quiet");
	weir_log_info(log, "heard");
	capture_end(&capture);
	assert_non_null(fgets(line, sizeof(line), capture.lines));
	assert_string_equal(line + sizeof(TIME) - 1, " info heard\n");
	assert_null(fgets(line, sizeof(line), capture.lines));
	fclose(capture.lines);
	weir_log_destroy(log);
}

enum {
	THREADS = 4,
	LINES_EACH = 30,
	FILL = 400,
};

static void *log_many(void *log)
{
	for (int i = 0; i < LINES_EACH; i++)
		weir_log_info(log, "%0*d", FILL, 0);
	return NULL;
}

static void test_log_threads_do_not_mix_their_lines(void **state)
{
	struct weir_log *log = weir_log_create(&WEIR_LOG_DEFAULT);
	struct capture capture = capture_begin();
	pthread_t threads[THREADS];
	char line[LINE_SIZE + 1];
	size_t lines = 0;

	(void)state;
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, log_many, log), 0);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	capture_end(&capture);
	for (; fgets(line, sizeof(line), capture.lines); lines++) {
		assert_int_equal(strlen(line), strlen(TIME " info \n") + FILL);
		assert_int_equal(strspn(line + strlen(TIME " info "), "0"), FILL);
	}
	assert_int_equal(lines, THREADS * LINES_EACH);
	fclose(capture.lines);
	weir_log_destroy(log);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_log_writes_to_standard_error),
		cmocka_unit_test(test_log_threads_do_not_mix_their_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
