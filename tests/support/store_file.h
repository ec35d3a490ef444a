/* SPDX-License-Identifier: Apache-2.0
 *
 * A folder with, perhaps, the file of a store in it: for tests of what may lie there and who may use it.
 */
#ifndef WEIR_TESTS_STORE_FILE_H
#define WEIR_TESTS_STORE_FILE_H

#include <sys/stat.h>

#include <weir/backend_shm.h>

#include "support/scratch.h"

#define WEIR_STORE_FILE_SIZE WEIR_SHM_SIZE_MIN
#define WEIR_STORE_FILE_NOW INT64_C(1767225600000)

struct weir_store_file {
	struct weir_scratch scratch;
	char base[128];   /* what is given to weir_shm_open() */
	char path[128];   /* the file that it makes of that */
	char beside[128]; /* while it is made */
	char line[512];   /* the last log line */
	struct weir_log *log;
	struct weir_shm_options options; /* for the next one that is opened */
};

/* For cmocka: the state is a struct weir_store_file in an empty folder. */
int weir_store_file_set_up(void **state);
int weir_store_file_tear_down(void **state);

/* NULL, with a line, when it fails. */
struct weir_shm *weir_store_file_open(const struct weir_store_file *file);

enum weir_status weir_store_file_put(struct weir_shm *shm, const char *key, const char *value);
bool weir_store_file_has(struct weir_shm *shm, const char *key, const char *value);

/* Makes a store with "value" under "key" in it, or puts that into the one that is there, and closes it. */
void weir_store_file_leave(const struct weir_store_file *file);

/* Opening fails, with a line that has the path and the words, and leaves no file behind. */
void weir_store_file_expect_refusal(struct weir_store_file *f, enum weir_status expected, const char *path, const char *words);

/* There is no "key", but all else works. */
void weir_store_file_expect_empty(struct weir_shm *shm);

/* There is one file in the folder: the store, of its size, private, without holes. */
void weir_store_file_expect_sound(struct weir_store_file *file);

struct stat weir_store_file_info(const char *path);

/* Writes into a file, which is made if need be. */
void weir_store_file_write(const char *path, size_t at, const void *bytes, size_t len);

#define weir_store_file_test(function) cmocka_unit_test_setup_teardown(function, weir_store_file_set_up, weir_store_file_tear_down)

#endif
