/* SPDX-License-Identifier: Apache-2.0
 *
 * Readers of one hot key: two threads against one, and one thread while a writer that holds the lock of that key's shard is stopped.
 *
 *     store_readers
 *
 * Prints JSON: gets a second of one thread and of two together, where the time that a thread waits for a processor because others have them
 * does not count, but that which it sleeps does; and the 99th percentile of nanoseconds a get takes beside nobody and beside the writer.
 * Sides take turns, medians.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/shm/hash.h"
#include "backends/shm/store.h"
#include "store_load.h"

#define NOW_MS 1000 /* nothing expires */
#define HOT_KEY WEIR_SLICE_LITERAL("page:/the/hot/one")
#define TURNS 9U
#define TURN_US 40000U
#define TIMED_GETS 100000U
#define SLOWEST_NS 65536U

struct reader {
	pthread_t thread;
	struct weir_shm *shm;
	atomic_bool *over;
	double rate; /* gets a second */
};

static void get(struct weir_shm *shm)
{
	char buffer[STORE_VALUE_SIZE];
	size_t len;

	store_need(weir_shm_get(shm, HOT_KEY, NOW_MS, weir_shm_buffer(buffer, sizeof(buffer)), &len) == WEIR_OK,
		   "the hot key is not there");
	__asm__ volatile("" : : "r"(buffer) : "memory");
}

/* Nanoseconds that the calling thread could have run but for others on the machine. Sleeping is not among them. */
static int64_t waited_ns(void)
{
	FILE *file = fopen("/proc/thread-self/schedstat", "r");
	long long ran, waited = 0;

	store_need(file && fscanf(file, "%lld %lld", &ran, &waited) == 2, "no schedstat");
	fclose(file);
	return waited;
}

static void *read_on(void *arg)
{
	struct reader *reader = arg;
	const int64_t waited = waited_ns(), begin = store_now_ns();
	double gets = 0;

	while (!atomic_load_explicit(reader->over, memory_order_relaxed)) {
		for (int i = 0; i < 256; i++)
			get(reader->shm);
		gets += 256;
	}
	const int64_t took = store_now_ns() - begin;

	reader->rate = gets / (double)(took - (waited_ns() - waited)) * 1e9;
	return NULL;
}

static double rate_of(struct weir_shm *shm, unsigned threads)
{
	struct reader readers[2];
	atomic_bool over = false;
	double rate = 0;

	for (unsigned i = 0; i < threads; i++) {
		readers[i] = (struct reader){ .shm = shm, .over = &over };
		store_need(pthread_create(&readers[i].thread, NULL, read_on, &readers[i]) == 0, "no thread");
	}
	usleep(TURN_US);
	over = true;
	for (unsigned i = 0; i < threads; i++) {
		pthread_join(readers[i].thread, NULL);
		rate += readers[i].rate;
	}
	return rate;
}

static void compare_threads(struct weir_shm *shm)
{
	double one[TURNS], two[TURNS], ratios[TURNS];

	for (unsigned turn = 0; turn < TURNS; turn++) {
		one[turn] = rate_of(shm, 1);
		two[turn] = rate_of(shm, 2);
		ratios[turn] = two[turn] / one[turn];
	}
	printf("{\"one_rate\": %.0f, \"two_rate\": %.0f, ", store_median(one, TURNS), store_median(two, TURNS));
	printf("\"scaling\": %.4f, ", store_median(ratios, TURNS));
}

static double p99_of(struct weir_shm *shm)
{
	static uint32_t counts[SLOWEST_NS];
	uint32_t above = 0, ns = SLOWEST_NS;

	memset(counts, 0, sizeof(counts));
	for (uint32_t i = 0; i < TIMED_GETS; i++) {
		const int64_t begin = store_now_ns();

		get(shm);
		const int64_t took = store_now_ns() - begin;

		counts[took < SLOWEST_NS ? took : SLOWEST_NS - 1]++;
	}
	while (above <= TIMED_GETS / 100)
		above += counts[--ns];
	return ns;
}

/* A process that stops with the lock in its hand. */
static pid_t stop_a_writer(struct weir_shm *shm)
{
	struct weir_shm_map *map = weir_shm_current(shm);
	const uint32_t shard = weir_shm_shard_of(map, weir_shm_hash(map, HOT_KEY));
	const pid_t pid = fork();
	int status;

	store_need(pid >= 0, "no process");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!weir_shm_enter(shm, map, shard))
			_exit(1);
		raise(SIGSTOP);
		weir_shm_leave(map, shard);
		_exit(0);
	}
	store_need(waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status), "the writer did not get the lock");
	return pid;
}

static void end_writer(pid_t pid)
{
	int status;

	kill(pid, SIGCONT);
	store_need(waitpid(pid, &status, 0) == pid && status == 0, "the writer did not go on");
}

static void compare_p99(struct weir_shm *shm)
{
	double alone[TURNS], beside[TURNS], ratios[TURNS];

	for (unsigned turn = 0; turn < TURNS; turn++) {
		alone[turn] = p99_of(shm);
		const pid_t writer = stop_a_writer(shm);

		beside[turn] = p99_of(shm);
		end_writer(writer);
		ratios[turn] = beside[turn] / alone[turn];
	}
	printf("\"alone_p99_ns\": %.0f, \"beside_p99_ns\": %.0f, ", store_median(alone, TURNS), store_median(beside, TURNS));
	printf("\"beside\": %.4f}\n", store_median(ratios, TURNS));
}

int main(void)
{
	const struct weir_shm_options options = { .entry_size = STORE_VALUE_SIZE };
	static char value[STORE_VALUE_SIZE];
	const struct weir_shm_item item = { HOT_KEY, weir_slice(value, sizeof(value)), WEIR_SHM_NEVER };
	char why[256] = "";
	struct weir_shm *shm;

	store_need(weir_shm_open(&options, why, sizeof(why), &shm) == WEIR_OK, why);
	store_need(weir_shm_set(shm, &item, NOW_MS) == WEIR_OK, "the hot key was not taken");
	compare_threads(shm);
	compare_p99(shm);
	weir_shm_close(shm);
	return 0;
}
