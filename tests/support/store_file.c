/* SPDX-License-Identifier: Apache-2.0
 *
 * Stores of the smallest size below $TMPDIR or /tmp.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>

#include "support/store_file.h"

#define NAME "store.weir1"

static void keep_line(void *state, const char *line, size_t len)
{
	struct weir_store_file *f = state;

	(void)snprintf(f->line, sizeof(f->line), "%.*s", (int)len, line);
}

int weir_store_file_set_up(void **state)
{
	struct weir_store_file *f = calloc(1, sizeof(*f));

	if (!f)
		abort();
	weir_scratch_init(&f->scratch);
	(void)snprintf(f->base, sizeof(f->base), "%s", weir_scratch_file(&f->scratch, "store"));
	(void)snprintf(f->path, sizeof(f->path), "%s", weir_scratch_file(&f->scratch, NAME));
	(void)snprintf(f->beside, sizeof(f->beside), "%s", weir_scratch_file(&f->scratch, NAME ".new"));
	f->log = weir_log_create(&(struct weir_log_options){ .level = WEIR_LOG_INFO, .write = keep_line, .state = f });
	f->options = (struct weir_shm_options){ .path = f->base, .size = WEIR_STORE_FILE_SIZE, .log = f->log };
	*state = f;
	return 0;
}

int weir_store_file_tear_down(void **state)
{
	struct weir_store_file *f = *state;

	weir_scratch_finish(&f->scratch);
	weir_log_destroy(f->log);
	free(f);
	return 0;
}

struct weir_shm *weir_store_file_open(const struct weir_store_file *f)
{
	struct weir_shm *shm = NULL;
	char why[300] = "";

	if (weir_shm_open(&f->options, why, sizeof(why), &shm) != WEIR_OK)
		(void)fprintf(stderr, "%s\n", why);
	return shm;
}

void weir_store_file_expect_refusal(struct weir_store_file *f, enum weir_status expected, const char *path, const char *words)
{
	struct weir_shm *shm;
	char why[300] = "";
	size_t files = weir_scratch_count(&f->scratch);

	assert_int_equal(weir_shm_open(&f->options, why, sizeof(why), &shm), expected);
	if (!strstr(why, path) || !strstr(why, words))
		fail_msg("\"%s\" does not name %s and %s", why, path, words);
	assert_int_equal(weir_scratch_count(&f->scratch), files);
}

enum weir_status weir_store_file_put(struct weir_shm *shm, const char *key, const char *value)
{
	const struct weir_shm_item item = { weir_slice_text(key), weir_slice_text(value), WEIR_SHM_NEVER };

	return weir_shm_set(shm, &item, WEIR_STORE_FILE_NOW);
}

bool weir_store_file_has(struct weir_shm *shm, const char *key, const char *value)
{
	char got[64];
	size_t len;

	return weir_shm_get(shm, weir_slice_text(key), WEIR_STORE_FILE_NOW, weir_shm_buffer(got, sizeof(got)), &len) == WEIR_OK &&
	       weir_slice_equal(weir_slice(got, len), weir_slice_text(value));
}

void weir_store_file_leave(const struct weir_store_file *f)
{
	struct weir_shm *shm = weir_store_file_open(f);

	assert_non_null(shm);
	assert_int_equal(weir_store_file_put(shm, "key", "value"), WEIR_OK);
	assert_true(weir_store_file_has(shm, "key", "value"));
	weir_shm_close(shm);
}

void weir_store_file_expect_empty(struct weir_shm *shm)
{
	assert_non_null(shm);
	assert_false(weir_store_file_has(shm, "key", "value"));
	assert_int_equal(weir_store_file_put(shm, "other", "one"), WEIR_OK);
	assert_true(weir_store_file_has(shm, "other", "one"));
	assert_int_equal(weir_shm_check(shm, NULL, NULL), 0);
}

struct stat weir_store_file_info(const char *path)
{
	struct stat info;

	assert_int_equal(stat(path, &info), 0);
	return info;
}

void weir_store_file_expect_sound(struct weir_store_file *f)
{
	struct stat info = weir_store_file_info(f->path);

	assert_int_equal(weir_scratch_count(&f->scratch), 1);
	assert_int_equal(info.st_size, WEIR_STORE_FILE_SIZE);
	assert_int_equal(info.st_mode & 07777, 0600);
	assert_true(info.st_blocks * 512 >= (blkcnt_t)WEIR_STORE_FILE_SIZE);
}

void weir_store_file_write(const char *path, size_t at, const void *bytes, size_t len)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, len, (off_t)at), len);
	assert_int_equal(close(fd), 0);
}
