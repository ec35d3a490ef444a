/* SPDX-License-Identifier: Apache-2.0
 *
 * Several processes and one store's file: exchanged or removed under those who use it, made by many at once, not made by one that was
 * stopped, or for want of room.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "backends/shm/file.h"
#include "support/store_file.h"

/* -- Exchanged, removed ---------------------------------------------------------------------------------------------------- */

static void test_shm_file_users_move_when_it_is_replaced(void **state)
{
	struct weir_store_file *f = *state;
	struct weir_shm *old = weir_store_file_open(f), *fresh;

	assert_int_equal(weir_store_file_put(old, "key", "value"), WEIR_OK);
	weir_store_file_write(f->path, offsetof(struct weir_shm_header, boot_id), "another", 7);
	assert_true(weir_store_file_has(old, "key", "value")); /* nobody has seen it yet */
	fresh = weir_store_file_open(f);
	weir_store_file_expect_empty(fresh);
	assert_false(weir_store_file_has(old, "key", "value"));
	assert_true(weir_store_file_has(old, "other", "one"));
	assert_int_equal(weir_store_file_put(old, "from the old", "two"), WEIR_OK);
	assert_true(weir_store_file_has(fresh, "from the old", "two"));
	assert_non_null(strstr(f->line, "replaced"));
	weir_shm_close(old);
	weir_shm_close(fresh);
	weir_store_file_expect_sound(f);
}

/* Who has it goes on with it, who comes gets a new one: nothing fails. */
static void test_shm_file_users_may_be_removed_while_it_is_used(void **state)
{
	struct weir_store_file *f = *state;
	struct weir_shm *old = weir_store_file_open(f), *fresh;

	assert_int_equal(weir_store_file_put(old, "key", "value"), WEIR_OK);
	assert_int_equal(unlink(f->path), 0);
	assert_true(weir_store_file_has(old, "key", "value"));
	fresh = weir_store_file_open(f);
	weir_store_file_expect_empty(fresh);
	assert_true(weir_store_file_has(old, "key", "value"));
	weir_shm_close(old);
	weir_shm_close(fresh);
	weir_store_file_expect_sound(f);
}

/* -- Several at once ------------------------------------------------------------------------------------------------------- */

#define STARTERS 8
#define STARTS 100

struct start {
	struct weir_store_file *f;
	int go[2];    /* closed at the other end: go */
	int ready[2]; /* a byte from each */
	int look[2];
	int number;
};

static void wait_for_end(int fd)
{
	char byte;

	WEIR_INSIST(read(fd, &byte, 1) == 0);
}

/* Opens, says hello under its own key, and when all have, looks for everybody. */
static int play_start(void *state)
{
	struct start *start = state;
	struct weir_shm *shm;
	char key[32], why[300];

	close(start->go[1]);
	close(start->look[1]);
	wait_for_end(start->go[0]);
	if (weir_shm_open(&start->f->options, why, sizeof(why), &shm) != WEIR_OK)
		weir_scratch_fail(__FILE__, __LINE__, why);
	(void)snprintf(key, sizeof(key), "hello %d", start->number);
	WEIR_INSIST(weir_store_file_put(shm, key, key) == WEIR_OK);
	WEIR_INSIST(write(start->ready[1], "r", 1) == 1);
	wait_for_end(start->look[0]);
	for (int i = 0; i < STARTERS; i++) {
		(void)snprintf(key, sizeof(key), "hello %d", i);
		WEIR_INSIST(weir_store_file_has(shm, key, key));
	}
	weir_shm_close(shm);
	return 0;
}

static void start_together(struct weir_store_file *f)
{
	struct start start = { .f = f };
	pid_t children[STARTERS];
	int status, failed = 0;
	char byte;

	assert_int_equal(pipe(start.go) + pipe(start.ready) + pipe(start.look), 0);
	for (start.number = 0; start.number < STARTERS; start.number++) {
		children[start.number] = fork();
		assert_true(children[start.number] >= 0);
		if (children[start.number] == 0)
			_exit(play_start(&start));
	}
	close(start.go[0]);
	close(start.look[0]);
	close(start.ready[1]);
	close(start.go[1]);
	for (int i = 0; i < STARTERS; i++)
		failed += read(start.ready[0], &byte, 1) != 1;
	close(start.look[1]);
	for (int i = 0; i < STARTERS; i++) {
		assert_int_equal(waitpid(children[i], &status, 0), children[i]);
		failed += status != 0;
	}
	close(start.ready[0]);
	assert_int_equal(failed, 0);
}

static void test_shm_file_users_made_by_many_at_once_is_one(void **state)
{
	struct weir_store_file *f = *state;

	for (int i = 0; i < STARTS; i++) {
		start_together(f);
		weir_store_file_expect_sound(f);
		assert_int_equal(unlink(f->path), 0);
	}
}

static void test_shm_file_users_replaced_by_many_at_once_is_one(void **state)
{
	struct weir_store_file *f = *state;

	for (int i = 0; i < STARTS; i++) {
		weir_store_file_leave(f);
		weir_store_file_write(f->path, offsetof(struct weir_shm_header, boot_id), "another", 7);
		start_together(f);
		weir_store_file_expect_sound(f);
	}
}

/* Holds the lock of a maker, and is stopped. */
static pid_t stop_maker(const struct weir_store_file *f)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	pid_t child = fork();
	int fd, status;

	assert_true(child >= 0);
	if (child == 0) {
		fd = open(f->beside, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		WEIR_INSIST(fd >= 0 && fcntl(fd, F_OFD_SETLK, &lock) == 0);
		(void)raise(SIGSTOP);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, WUNTRACED), child);
	assert_true(WIFSTOPPED(status));
	return child;
}

static void end_maker(pid_t child)
{
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

static void test_shm_file_users_waits_only_so_long_for_its_maker(void **state)
{
	struct weir_store_file *f = *state;
	pid_t maker = stop_maker(f);
	struct weir_shm_options options = { .size = WEIR_STORE_FILE_SIZE, .entry_size = 1024 };
	struct weir_shm_map *map;
	char why[300] = "";

	assert_int_equal(weir_shm_file_map_within(f->path, &options, 0, &(struct weir_shm_why){ why, sizeof(why) }, &map),
			 WEIR_ERR_TIMEOUT);
	assert_int_equal(weir_shm_file_map_within(f->path, &options, 50, &(struct weir_shm_why){ why, sizeof(why) }, &map),
			 WEIR_ERR_TIMEOUT);
	assert_non_null(strstr(why, f->beside));
	end_maker(maker);
	weir_store_file_leave(f);
	weir_store_file_expect_sound(f);
}

static void test_shm_file_users_that_is_there_waits_for_nobody(void **state)
{
	struct weir_store_file *f = *state;
	struct weir_shm_options options = { .size = WEIR_STORE_FILE_SIZE, .entry_size = 1024 };
	struct weir_shm_map *map;
	char why[300];
	pid_t maker;

	weir_store_file_leave(f);
	maker = stop_maker(f);
	assert_int_equal(weir_shm_file_map_within(f->path, &options, 0, &(struct weir_shm_why){ why, sizeof(why) }, &map), WEIR_OK);
	weir_shm_file_unmap(map);
	end_maker(maker);
}

/* -- No room --------------------------------------------------------------------------------------------------------------- */

static void test_shm_file_users_beyond_the_limit_of_the_process_is_refused(void **state)
{
	struct weir_store_file *f = *state;
	struct rlimit before, low;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	low = (struct rlimit){ WEIR_STORE_FILE_SIZE - 1, before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
	weir_store_file_expect_refusal(f, WEIR_ERR_IO, f->path, "1048576 bytes");
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	weir_store_file_leave(f);
}

static bool write_line(const char *path, const char *line)
{
	FILE *file = fopen(path, "w");

	return file && fputs(line, file) >= 0 && fclose(file) == 0;
}

/* Namespaces of our own, in which we may mount, also as an ordinary user. False where the kernel does not let us. */
static bool leave_home(void)
{
	unsigned user = (unsigned)geteuid(), group = (unsigned)getegid();
	char users[64], groups[64];

	if (user == 0)
		return unshare(CLONE_NEWNS) == 0;
	(void)snprintf(users, sizeof(users), "%u %u 1\n", user, user);
	(void)snprintf(groups, sizeof(groups), "%u %u 1\n", group, group);
	return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && write_line("/proc/self/uid_map", users) &&
	       write_line("/proc/self/setgroups", "deny") && write_line("/proc/self/gid_map", groups);
}

/* On a file system of its own, which has two megabytes; 42 when the kernel does not let us make one. */
static int play_full_disk(void *state)
{
	struct weir_store_file *f = state;
	struct weir_shm *shm;
	char why[300] = "";

	if (!leave_home() || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return 42;
	if (mount("none", f->scratch.folder, "tmpfs", 0, "size=2m") != 0)
		return 42;
	f->options.size = 4 * WEIR_STORE_FILE_SIZE;
	WEIR_INSIST(weir_shm_open(&f->options, why, sizeof(why), &shm) == WEIR_ERR_IO);
	WEIR_INSIST(strstr(why, f->path) && strstr(why, "4194304 bytes") && strstr(why, "No space left"));
	WEIR_INSIST(weir_scratch_count(&f->scratch) == 0);
	f->options.size = WEIR_STORE_FILE_SIZE;
	shm = weir_store_file_open(f);
	WEIR_INSIST(shm && weir_store_file_put(shm, "key", "value") == WEIR_OK && weir_store_file_has(shm, "key", "value"));
	weir_shm_close(shm);
	return 0;
}

static void test_shm_file_users_without_room_leaves_nothing_behind(void **state)
{
	int status = weir_scratch_play(play_full_disk, *state);

	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 42)
		print_message("a file system that is full cannot be made here\n");
	else
		assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		weir_store_file_test(test_shm_file_users_move_when_it_is_replaced),
		weir_store_file_test(test_shm_file_users_may_be_removed_while_it_is_used),
		weir_store_file_test(test_shm_file_users_made_by_many_at_once_is_one),
		weir_store_file_test(test_shm_file_users_replaced_by_many_at_once_is_one),
		weir_store_file_test(test_shm_file_users_waits_only_so_long_for_its_maker),
		weir_store_file_test(test_shm_file_users_that_is_there_waits_for_nobody),
		weir_store_file_test(test_shm_file_users_beyond_the_limit_of_the_process_is_refused),
		weir_store_file_test(test_shm_file_users_without_room_leaves_nothing_behind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
