/* SPDX-License-Identifier: Apache-2.0
 *
 * What may lie under a store's name when it is opened: stores that are used, files that are refused, files that are replaced.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "backends/shm/file.h"
#include "backends/shm/machine.h"
#include "support/store_file.h"

/* -- What is there is used ------------------------------------------------------------------------------------------------- */

static void test_shm_file_is_made_private_and_whole(void **state)
{
	struct weir_store_file *f = *state;
	mode_t before = umask(0);

	weir_store_file_leave(f);
	(void)umask(before);
	weir_store_file_expect_sound(f);
}

static void test_shm_file_is_found_again(void **state)
{
	struct weir_store_file *f = *state;
	struct weir_shm *shm;
	ino_t inode;

	weir_store_file_leave(f);
	inode = weir_store_file_info(f->path).st_ino;
	shm = weir_store_file_open(f);
	assert_true(weir_store_file_has(shm, "key", "value"));
	assert_true(weir_store_file_info(f->path).st_ino == inode);
	assert_string_equal(f->line, "");
	weir_shm_close(shm);
}

static void test_shm_file_goes_before_the_size_that_was_asked_for(void **state)
{
	struct weir_store_file *f = *state;
	struct weir_shm_stats stats;
	struct weir_shm *shm;

	weir_store_file_leave(f);
	f->options.size = 2 * WEIR_STORE_FILE_SIZE;
	shm = weir_store_file_open(f);
	assert_true(weir_store_file_has(shm, "key", "value"));
	weir_shm_stats(shm, &stats);
	assert_int_equal(stats.size, WEIR_STORE_FILE_SIZE);
	assert_non_null(strstr(f->line, "size 1048576 "));
	assert_non_null(strstr(f->line, "2097152"));
	weir_shm_close(shm);
	weir_store_file_expect_sound(f);
}

static void test_shm_file_has_its_holes_filled(void **state)
{
	struct weir_store_file *f = *state;
	int fd;

	weir_store_file_leave(f);
	fd = open(f->path, O_WRONLY);
	assert_int_equal(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, WEIR_STORE_FILE_SIZE / 2, WEIR_STORE_FILE_SIZE / 4), 0);
	assert_int_equal(close(fd), 0);
	assert_true(weir_store_file_info(f->path).st_blocks * 512 < (blkcnt_t)WEIR_STORE_FILE_SIZE);
	weir_shm_close(weir_store_file_open(f));
	weir_store_file_expect_sound(f);
}

/* -- What is refused ------------------------------------------------------------------------------------------------------- */

static void test_shm_file_symbolic_link_is_refused(void **state)
{
	struct weir_store_file *f = *state;
	const char *target = weir_scratch_file(&f->scratch, "precious");

	weir_store_file_write(target, 0, "precious", 8);
	assert_int_equal(symlink(target, f->path), 0);
	weir_store_file_expect_refusal(f, WEIR_ERR_CONFIG, f->path, "symbolic link");
	assert_int_equal(unlink(f->path), 0);
	assert_int_equal(symlink(target, f->beside), 0);
	weir_store_file_expect_refusal(f, WEIR_ERR_CONFIG, f->beside, "symbolic link");
	assert_int_equal(weir_store_file_info(target).st_size, 8);
}

/* A name of another file of this user: what is made in its place must not be made in it. */
static void test_shm_file_hard_link_is_refused(void **state)
{
	struct weir_store_file *f = *state;
	const char *target = weir_scratch_file(&f->scratch, "precious");

	weir_store_file_write(target, 0, "precious", 8);
	assert_int_equal(link(target, f->beside), 0);
	weir_store_file_expect_refusal(f, WEIR_ERR_CONFIG, f->beside, "2 names");
	assert_int_equal(weir_store_file_info(target).st_size, 8);
}

static void test_shm_file_open_to_others_is_refused(void **state)
{
	struct weir_store_file *f = *state;
	const mode_t modes[] = { 0604, 0602, 0640, 0620, 0610, 0666, 0777 };
	char words[32];

	weir_store_file_leave(f);
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		assert_int_equal(chmod(f->path, modes[i]), 0);
		(void)snprintf(words, sizeof(words), "mode %04o", (unsigned)modes[i]);
		weir_store_file_expect_refusal(f, WEIR_ERR_CONFIG, f->path, words);
	}
	assert_int_equal(chmod(f->path, 0600), 0);
	weir_shm_close(weir_store_file_open(f));
}

static void test_shm_file_that_is_no_file_is_refused(void **state)
{
	struct weir_store_file *f = *state;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_int_equal(mkfifo(f->path, 0600), 0);
	weir_store_file_expect_refusal(f, WEIR_ERR_CONFIG, f->path, "not a regular file");
	assert_int_equal(unlink(f->path), 0);
	assert_int_equal(mkdir(f->path, 0700), 0);
	weir_store_file_expect_refusal(f, WEIR_ERR_CONFIG, f->path, "not a regular file");
	assert_int_equal(rmdir(f->path), 0);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", f->path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	weir_store_file_expect_refusal(f, WEIR_ERR_CONFIG, f->path, "not a regular file");
	assert_int_equal(unlink(f->path), 0);
	assert_int_equal(mkfifo(f->beside, 0600), 0);
	weir_store_file_expect_refusal(f, WEIR_ERR_CONFIG, f->beside, "not a regular file");
	assert_int_equal(close(fd), 0);
}

/* As the kernel would tell of a file of somebody else; and where we may make one, a real one. */
static void test_shm_file_of_another_user_is_refused(void **state)
{
	struct weir_store_file *f = *state;
	struct stat info;
	char why[300];

	weir_store_file_leave(f);
	info = weir_store_file_info(f->path);
	assert_int_equal(weir_shm_file_check(f->path, &info, &(struct weir_shm_why){ why, sizeof(why) }), WEIR_OK);
	info.st_uid++;
	assert_int_equal(weir_shm_file_check(f->path, &info, &(struct weir_shm_why){ why, sizeof(why) }), WEIR_ERR_CONFIG);
	assert_non_null(strstr(why, "belongs to user"));
	assert_non_null(strstr(why, f->path));
	if (geteuid() == 0) {
		assert_int_equal(chown(f->path, 12345, 0), 0);
		weir_store_file_expect_refusal(f, WEIR_ERR_CONFIG, f->path, "belongs to user 12345");
	}
}

static void test_shm_file_without_folder_is_refused(void **state)
{
	struct weir_store_file *f = *state;

	(void)snprintf(f->base, sizeof(f->base), "%s", weir_scratch_file(&f->scratch, "nowhere/store"));
	weir_store_file_expect_refusal(f, WEIR_ERR_IO, "nowhere/store.weir1", "No such file or directory");
	weir_store_file_write(weir_scratch_file(&f->scratch, "nowhere"), 0, "x", 1);
	weir_store_file_expect_refusal(f, WEIR_ERR_IO, "nowhere/store.weir1", "Not a directory");
}

static void test_shm_file_size_out_of_bounds_is_refused(void **state)
{
	struct weir_store_file *f = *state;
	const uint64_t sizes[] = { 1, 4096, WEIR_SHM_SIZE_MIN - 1, WEIR_SHM_SIZE_MAX + 1, UINT64_MAX };
	uint64_t memory = weir_shm_machine_memory();

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		f->options.size = sizes[i];
		weir_store_file_expect_refusal(f, WEIR_ERR_CONFIG, "no store of", "1 MiB to 64 GiB");
	}
	assert_true(memory > WEIR_STORE_FILE_SIZE);
	if (memory < WEIR_SHM_SIZE_MAX) {
		f->options.size = memory + 1;
		weir_store_file_expect_refusal(f, WEIR_ERR_CONFIG, "no store of", "bytes of memory");
		f->options.path = NULL;
		weir_store_file_expect_refusal(f, WEIR_ERR_CONFIG, "no store of", "bytes of memory");
	}
	f->options = (struct weir_shm_options){ .path = f->base, .size = WEIR_STORE_FILE_SIZE, .entry_size = 63 };
	weir_store_file_expect_refusal(f, WEIR_ERR_CONFIG, "no store of", "entries of 63");
}

/* -- What is replaced ------------------------------------------------------------------------------------------------------ */

static void expect_replaced(struct weir_store_file *f)
{
	ino_t before = weir_store_file_info(f->path).st_ino;
	struct weir_shm *shm = weir_store_file_open(f);

	weir_store_file_expect_empty(shm);
	assert_true(weir_store_file_info(f->path).st_ino != before);
	weir_shm_close(shm);
	weir_store_file_expect_sound(f);
}

static void test_shm_file_that_is_no_store_is_replaced(void **state)
{
	struct weir_store_file *f = *state;
	char bytes[8192];

	weir_store_file_write(f->path, 0, "", 0);
	expect_replaced(f);
	assert_int_equal(unlink(f->path), 0);
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 7 + i / 256);
	weir_store_file_write(f->path, 0, bytes, sizeof(bytes));
	expect_replaced(f);
	assert_int_equal(truncate(f->path, 0), 0);
	assert_int_equal(truncate(f->path, WEIR_STORE_FILE_SIZE), 0); /* zeros */
	expect_replaced(f);
}

static void test_shm_file_of_another_length_is_replaced(void **state)
{
	static const off_t lengths[] = {
		0, 1, 100, 4096, WEIR_STORE_FILE_SIZE / 2, WEIR_STORE_FILE_SIZE - 1, WEIR_STORE_FILE_SIZE + 1, 2 * WEIR_STORE_FILE_SIZE
	};
	struct weir_store_file *f = *state;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		weir_store_file_leave(f);
		assert_int_equal(truncate(f->path, lengths[i]), 0);
		expect_replaced(f);
	}
}

#define FIELD(name) \
	{ \
		offsetof(struct weir_shm_header, name), sizeof(((struct weir_shm_header *)NULL)->name) \
	}

/* Any bit of these changes what the file is: another machine's, another version's, another boot's, or rubbish. */
static void test_shm_file_with_another_header_is_replaced(void **state)
{
	static const struct {
		size_t at;
		size_t len;
	} fields[] = {
		FIELD(magic), FIELD(layout), FIELD(byte_order), FIELD(size), FIELD(entry_size), FIELD(boot_id), FIELD(superseded),
	};
	struct weir_store_file *f = *state;
	char byte;
	int fd;

	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		for (size_t at = fields[i].at; at < fields[i].at + fields[i].len; at += 3) {
			weir_store_file_leave(f);
			fd = open(f->path, O_RDWR);
			assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
			byte ^= 0x55;
			assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
			assert_int_equal(close(fd), 0);
			/* Another average entry is another geometry, not a fault, as long as it is one. */
			if (fields[i].at != offsetof(struct weir_shm_header, entry_size) || at > fields[i].at)
				expect_replaced(f);
			assert_int_equal(unlink(f->path), 0);
		}
	}
}

static void test_shm_file_of_a_dead_maker_is_used_up(void **state)
{
	struct weir_store_file *f = *state;

	weir_store_file_write(f->beside, 3 * WEIR_STORE_FILE_SIZE, "rubbish", 7);
	weir_store_file_leave(f);
	weir_store_file_expect_sound(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		weir_store_file_test(test_shm_file_is_made_private_and_whole),
		weir_store_file_test(test_shm_file_is_found_again),
		weir_store_file_test(test_shm_file_goes_before_the_size_that_was_asked_for),
		weir_store_file_test(test_shm_file_has_its_holes_filled),
		weir_store_file_test(test_shm_file_symbolic_link_is_refused),
		weir_store_file_test(test_shm_file_hard_link_is_refused),
		weir_store_file_test(test_shm_file_open_to_others_is_refused),
		weir_store_file_test(test_shm_file_that_is_no_file_is_refused),
		weir_store_file_test(test_shm_file_of_another_user_is_refused),
		weir_store_file_test(test_shm_file_without_folder_is_refused),
		weir_store_file_test(test_shm_file_size_out_of_bounds_is_refused),
		weir_store_file_test(test_shm_file_that_is_no_store_is_replaced),
		weir_store_file_test(test_shm_file_of_another_length_is_replaced),
		weir_store_file_test(test_shm_file_with_another_header_is_replaced),
		weir_store_file_test(test_shm_file_of_a_dead_maker_is_used_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
