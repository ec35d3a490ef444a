/* SPDX-License-Identifier: Apache-2.0
 *
 * Mappings, and whole stores, whose file was cut off under them. The handler is installed once in the life of a process, on top of what was
 * there before, so every test is a child of its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/shm/guard.h"
#include "backends/shm/layout.h"
#include "support/scratch.h"

#define PAGE ((size_t)4096)
#define PAGES 16

/* A file of PAGES pages full of 'x', mapped: a header is what lies in the first. */
struct mapped {
	int fd;
	volatile char *base;
};

static void map_file(struct mapped *mapped)
{
	char page[PAGE];
	char path[] = "/tmp/weir-guard-XXXXXX";
	void *base;

	memset(page, 'x', sizeof(page));
	memset(page + offsetof(struct weir_shm_header, superseded), 0, 4);
	mapped->fd = mkstemp(path);
	WEIR_INSIST(mapped->fd >= 0 && unlink(path) == 0);
	for (size_t i = 0; i < PAGES; i++)
		WEIR_INSIST(write(mapped->fd, page, PAGE) == (ssize_t)PAGE);
	base = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, mapped->fd, 0);
	WEIR_INSIST(base != MAP_FAILED);
	mapped->base = base;
}

static void map_guarded(struct mapped *mapped)
{
	map_file(mapped);
	WEIR_INSIST(weir_shm_guard_add((void *)(uintptr_t)mapped->base, PAGES * PAGE) == WEIR_OK);
}

static uint32_t is_superseded(const struct mapped *mapped)
{
	return ((const volatile struct weir_shm_header *)(uintptr_t)mapped->base)->superseded;
}

static void cut(const struct mapped *mapped, size_t pages)
{
	WEIR_INSIST(ftruncate(mapped->fd, (off_t)(pages * PAGE)) == 0);
}

static bool all_zero(const struct mapped *mapped, size_t from_page)
{
	for (size_t i = from_page * PAGE; i < PAGES * PAGE; i++)
		if (mapped->base[i] != 0)
			return false;
	return true;
}

/* What was there before, in a build with AddressSanitizer, is its own handler. */
static void use_default_action(void)
{
	WEIR_INSIST(signal(SIGBUS, SIG_DFL) != SIG_ERR);
}

static int play_cut_behind(void *state)
{
	struct mapped mapped;
	char first;

	(void)state;
	map_guarded(&mapped);
	cut(&mapped, 4);
	WEIR_INSIST(mapped.base[3 * PAGE] == 'x' && is_superseded(&mapped) == 0);
	WEIR_INSIST(mapped.base[9 * PAGE + 17] == 0);
	WEIR_INSIST(is_superseded(&mapped) == 1);
	WEIR_INSIST(all_zero(&mapped, 9));
	mapped.base[9 * PAGE] = 'y';
	WEIR_INSIST(all_zero(&mapped, 10) && mapped.base[9 * PAGE] == 'y');
	WEIR_INSIST(mapped.base[3 * PAGE] == 'x' && mapped.base[0] == 'x');
	mapped.base[5 * PAGE] = 'z'; /* by writing; takes what is behind once more */
	WEIR_INSIST(mapped.base[5 * PAGE] == 'z' && mapped.base[9 * PAGE] == 0);
	/* The mark is for the other users too. */
	WEIR_INSIST(pread(mapped.fd, &first, 1, offsetof(struct weir_shm_header, superseded)) == 1 && first == 1);
	return 0;
}

static int play_cut_to_nothing(void *state)
{
	struct mapped mapped;

	(void)state;
	map_guarded(&mapped);
	cut(&mapped, 0);
	WEIR_INSIST(mapped.base[9 * PAGE] == 0);
	WEIR_INSIST(all_zero(&mapped, 0));
	return 0;
}

static int play_removed(void *state)
{
	struct mapped mapped, other;

	(void)state;
	use_default_action();
	map_guarded(&mapped);
	map_guarded(&other);
	weir_shm_guard_remove((void *)(uintptr_t)mapped.base);
	weir_shm_guard_remove((void *)(uintptr_t)mapped.base);
	cut(&other, 1);
	WEIR_INSIST(other.base[2 * PAGE] == 0);
	cut(&mapped, 1);
	return mapped.base[2 * PAGE];
}

/* A place in the table is used again, for a range of another size. */
static int play_reused(void *state)
{
	struct mapped first, second;

	(void)state;
	use_default_action();
	map_guarded(&first);
	map_file(&second);
	for (int i = 0; i < 1000; i++) {
		weir_shm_guard_remove((void *)(uintptr_t)second.base);
		WEIR_INSIST(weir_shm_guard_add((void *)(uintptr_t)second.base, (size_t)(i % PAGES + 1) * PAGE) == WEIR_OK);
	}
	weir_shm_guard_remove((void *)(uintptr_t)second.base);
	WEIR_INSIST(weir_shm_guard_add((void *)(uintptr_t)second.base, 4 * PAGE) == WEIR_OK);
	cut(&first, 1);
	cut(&second, 1);
	WEIR_INSIST(first.base[15 * PAGE] == 0 && second.base[3 * PAGE] == 0);
	return second.base[4 * PAGE]; /* not guarded */
}

static volatile sig_atomic_t seen_number, seen_masked, seen_other_masked;
static void *volatile seen_address;
static sigjmp_buf after_fault;

static void look_at_mask(void)
{
	sigset_t blocked;

	WEIR_INSIST(pthread_sigmask(SIG_SETMASK, NULL, &blocked) == 0);
	seen_masked = sigismember(&blocked, SIGBUS);
	seen_other_masked = sigismember(&blocked, SIGUSR1);
}

static void on_fault(int number, siginfo_t *info, void *context)
{
	(void)context;
	seen_number = number;
	seen_address = info->si_addr;
	look_at_mask();
	siglongjmp(after_fault, 1);
}

/* A foreign file, cut off: the app's own handler gets the fault, each time, as the kernel would have called it. */
static int play_foreign_fault(void *state)
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	struct mapped guarded, foreign;

	(void)state;
	sigaddset(&action.sa_mask, SIGUSR1);
	WEIR_INSIST(sigaction(SIGBUS, &action, NULL) == 0);
	map_guarded(&guarded);
	map_file(&foreign);
	cut(&foreign, 1);
	cut(&guarded, 1);
	for (size_t i = 2; i < 6; i++) {
		seen_number = 0;
		if (sigsetjmp(after_fault, 1) == 0) {
			foreign.base[i * PAGE + 5] = 'y';
			WEIR_INSIST(false);
		}
		WEIR_INSIST(seen_number == SIGBUS && seen_address == (const void *)(uintptr_t)&foreign.base[i * PAGE + 5]);
		WEIR_INSIST(seen_masked == 1 && seen_other_masked == 1);
	}
	look_at_mask();
	WEIR_INSIST(seen_masked == 0 && seen_other_masked == 0);
	WEIR_INSIST(guarded.base[2 * PAGE] == 0);
	return 0;
}

static void on_signal(int number)
{
	seen_number = number;
	look_at_mask();
}

/* Sent by hand, to a handler of the plain kind that wants to be entered twice. */
static int play_sent(void *state)
{
	struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_NODEFER };
	struct mapped guarded;

	(void)state;
	WEIR_INSIST(sigaction(SIGBUS, &action, NULL) == 0);
	map_guarded(&guarded);
	WEIR_INSIST(raise(SIGBUS) == 0);
	WEIR_INSIST(seen_number == SIGBUS && seen_masked == 0);
	return 0;
}

static int play_ignored(void *state)
{
	struct mapped guarded, foreign;

	(void)state;
	WEIR_INSIST(signal(SIGBUS, SIG_IGN) != SIG_ERR);
	map_guarded(&guarded);
	map_file(&foreign);
	WEIR_INSIST(raise(SIGBUS) == 0);
	cut(&guarded, 1);
	WEIR_INSIST(guarded.base[2 * PAGE] == 0);
	cut(&foreign, 1);
	return foreign.base[2 * PAGE]; /* cannot be ignored */
}

static int play_default_sent(void *state)
{
	struct mapped guarded;

	(void)state;
	use_default_action();
	map_guarded(&guarded);
	WEIR_INSIST(raise(SIGBUS) == 0);
	return 0;
}

static int play_errno_stays(void *state)
{
	struct mapped guarded;
	volatile int *error = &errno; /* the compiler does not know that reading memory calls a handler */

	(void)state;
	map_guarded(&guarded);
	cut(&guarded, 0);
	*error = 12345;
	WEIR_INSIST(guarded.base[2 * PAGE] == 0);
	WEIR_INSIST(*error == 12345);
	return 0;
}

static void *cut_again_and_again(void *state)
{
	(void)state;
	for (int i = 0; i < 300; i++) {
		struct mapped mapped;

		map_guarded(&mapped);
		cut(&mapped, (size_t)i % 3);
		WEIR_INSIST(mapped.base[(size_t)(3 + i % 10) * PAGE] == 0);
		weir_shm_guard_remove((void *)(uintptr_t)mapped.base);
		WEIR_INSIST(munmap((void *)(uintptr_t)mapped.base, PAGES * PAGE) == 0 && close(mapped.fd) == 0);
	}
	return NULL;
}

static int play_threads(void *state)
{
	pthread_t threads[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		WEIR_INSIST(pthread_create(&threads[i], NULL, cut_again_and_again, NULL) == 0);
	for (int i = 0; i < 4; i++)
		WEIR_INSIST(pthread_join(threads[i], NULL) == 0);
	return 0;
}

#define ITEMS 4000

struct cut {
	off_t length;
	int first; /* which call is the first to find out */
};

static struct weir_slice make_value(char value[64], int i)
{
	(void)snprintf(value, 64, "value of key %d, 60 bytes with its zeros ", i);
	return weir_slice(value, 60);
}

static void fill(struct weir_shm *shm)
{
	char key[32], value[64] = "";

	for (int i = 0; i < ITEMS; i++) {
		struct weir_shm_item item = { .expires_ms = WEIR_SHM_NEVER };

		item.value = make_value(value, i);
		item.key = weir_slice(key, (size_t)snprintf(key, sizeof(key), "key %d", i));
		WEIR_INSIST(weir_shm_set(shm, &item, 0) == WEIR_OK);
	}
}

/* How many are there; what is there is whole. */
static int count_whole(struct weir_shm *shm, int step)
{
	char key[32], value[64] = "", got[64];
	int count = 0;
	size_t len;

	for (int i = 0; i < ITEMS; i += step) {
		struct weir_slice name = { key, (size_t)snprintf(key, sizeof(key), "key %d", i) };

		if (weir_shm_get(shm, name, 0, weir_shm_buffer(got, sizeof(got)), &len) != WEIR_OK)
			continue;
		WEIR_INSIST(weir_slice_equal(weir_slice(got, len), make_value(value, i)));
		count++;
	}
	return count;
}

static bool visit_item(void *state, const struct weir_shm_seen *seen)
{
	char value[64] = "";

	(void)state;
	WEIR_INSIST(weir_slice_equal(seen->item.value, make_value(value, (int)strtol(seen->item.key.data + 4, NULL, 10))));
	return true;
}

static void find_out(struct weir_shm *shm, int first)
{
	if (first == 0)
		(void)count_whole(shm, 1);
	else if (first == 1)
		fill(shm);
	else if (first == 2)
		WEIR_INSIST(weir_shm_walk(shm, WEIR_SLICE_LITERAL(""), 0, visit_item, NULL) == WEIR_OK);
	else if (first == 3)
		WEIR_INSIST(weir_shm_clear(shm, WEIR_SLICE_LITERAL("ns")) != 0);
	else
		(void)weir_shm_check(shm, NULL, NULL);
}

/* Wherever it is cut, whoever comes to what is gone gets nothing wrong, and after that all goes on in a fresh file. */
static int play_store(void *state)
{
	const struct cut *cut = state;
	struct weir_scratch scratch;
	struct weir_shm_options options = { .size = WEIR_SHM_SIZE_MIN, .entry_size = 64 };
	struct weir_shm *shm;
	char base[128], why[300];
	int kept;

	weir_scratch_init(&scratch);
	(void)snprintf(base, sizeof(base), "%s", weir_scratch_file(&scratch, "store"));
	options.path = base;
	WEIR_INSIST(weir_shm_open(&options, why, sizeof(why), &shm) == WEIR_OK);
	fill(shm);
	WEIR_INSIST(truncate(weir_scratch_file(&scratch, "store.weir1"), cut->length) == 0);
	find_out(shm, cut->first);
	fill(shm);
	fill(shm);
	kept = count_whole(shm, 1);
	WEIR_INSIST(kept > ITEMS / 2);
	weir_shm_close(shm);
	WEIR_INSIST(weir_shm_open(&options, why, sizeof(why), &shm) == WEIR_OK);
	WEIR_INSIST(count_whole(shm, 1) == kept && weir_shm_check(shm, NULL, NULL) == 0);
	weir_shm_close(shm);
	weir_scratch_finish(&scratch);
	return 0;
}

static void assert_plays_with(int (*play)(void *state), void *with)
{
	int status = weir_scratch_play(play, with);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void assert_plays(int (*play)(void *state))
{
	assert_plays_with(play, NULL);
}

static void assert_dies_of_sigbus(int (*play)(void *state))
{
	int status = weir_scratch_play(play, NULL);

	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGBUS);
}

static void test_shm_guard_gives_zeros_from_the_page_on_and_marks_the_store(void **state)
{
	(void)state;
	assert_plays(play_cut_behind);
}

static void test_shm_guard_stands_the_loss_of_the_header(void **state)
{
	(void)state;
	assert_plays(play_cut_to_nothing);
}

static void test_shm_guard_protects_only_what_is_added(void **state)
{
	(void)state;
	assert_dies_of_sigbus(play_removed);
	assert_dies_of_sigbus(play_reused);
}

static void test_shm_guard_passes_foreign_faults_on(void **state)
{
	(void)state;
	assert_plays(play_foreign_fault);
}

static void test_shm_guard_passes_sent_signals_on(void **state)
{
	(void)state;
	assert_plays(play_sent);
	assert_dies_of_sigbus(play_default_sent);
}

static void test_shm_guard_ignores_what_was_ignored(void **state)
{
	(void)state;
	assert_dies_of_sigbus(play_ignored);
}

static void test_shm_guard_leaves_errno_alone(void **state)
{
	(void)state;
	assert_plays(play_errno_stays);
}

static void test_shm_guard_serves_all_threads(void **state)
{
	(void)state;
	assert_plays(play_threads);
}

static void test_shm_guard_store_goes_on_in_a_fresh_file(void **state)
{
	static const off_t lengths[] = { 0, 100, 4096, 4096 * 17, WEIR_SHM_SIZE_MIN / 2, WEIR_SHM_SIZE_MIN / 2 + 4096 };

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		for (int first = 0; first < 5; first++)
			assert_plays_with(play_store, &(struct cut){ lengths[i], first });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_shm_guard_gives_zeros_from_the_page_on_and_marks_the_store),
		cmocka_unit_test(test_shm_guard_stands_the_loss_of_the_header),
		cmocka_unit_test(test_shm_guard_protects_only_what_is_added),
		cmocka_unit_test(test_shm_guard_passes_foreign_faults_on),
		cmocka_unit_test(test_shm_guard_passes_sent_signals_on),
		cmocka_unit_test(test_shm_guard_ignores_what_was_ignored),
		cmocka_unit_test(test_shm_guard_leaves_errno_alone),
		cmocka_unit_test(test_shm_guard_serves_all_threads),
		cmocka_unit_test(test_shm_guard_store_goes_on_in_a_fresh_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
