/* SPDX-License-Identifier: Apache-2.0
 *
 * The table of leases, looked through from end to end: it is small, and a lease stands for work that takes a thousand times as long.
 *
 * Whether a holder lives is asked only when somebody waits for it, or when there is no room. What cannot be found out (another pid
 * namespace, no /proc) counts as living: then the deadline decides.
 */
#include "leases.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "points.h"

/* -- Processes ------------------------------------------------------------------------------------------------------------- */

/* As a lease names it. */
struct process {
	uint64_t started;
	uint64_t pid_namespace;
	uint32_t pid; /* 0: not looked up yet */
};

/* What /proc/PID/stat says. */
struct sight {
	int pid;
	char state;
	long threads;
	uint64_t started;
};

static _Thread_local struct process self;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool fork_is_watched;

/* Where field `number` begins, counted as proc(5) does; `at`: the end of the second, which may contain anything. */
static const char *field(const char *at, int number)
{
	for (int i = 2; i < number && at; i++) {
		at = strchr(at, ' ');
		at = at ? at + 1 : NULL;
	}
	return at;
}

static bool look_at(const char *path, struct sight *sight)
{
	char line[1024];
	const char *name_end, *last;
	ssize_t size;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	size = read(fd, line, sizeof(line) - 1);
	(void)close(fd);
	if (size <= 0)
		return false;
	line[size] = '\0';
	name_end = strrchr(line, ')');
	last = name_end ? field(name_end, 22) : NULL;
	if (!last)
		return false;
	sight->pid = (int)strtol(line, NULL, 10);
	sight->state = *field(name_end, 3);
	sight->threads = strtol(field(name_end, 20), NULL, 10);
	sight->started = strtoull(last, NULL, 10);
	return true;
}

/* In the child, which has one thread. */
static void forget_self(void)
{
	self.pid = 0;
}

static void watch_fork(void)
{
	fork_is_watched = pthread_atfork(NULL, NULL, forget_self) == 0;
}

/* A /proc that shows the processes of another namespace is as good as none. */
static const struct process *look_up_self(void)
{
	struct sight sight;
	struct stat pid_namespace;

	(void)pthread_once(&once, watch_fork);
	if (self.pid != 0 && fork_is_watched)
		return &self;
	self = (struct process){ .pid = (uint32_t)getpid() };
	if (look_at("/proc/self/stat", &sight) && sight.pid == getpid() && stat("/proc/self/ns/pid", &pid_namespace) == 0) {
		self.started = sight.started;
		self.pid_namespace = pid_namespace.st_ino;
	}
	return &self;
}

/* A zombie has ended, unless only its first thread has. */
static bool has_ended(const struct sight *sight)
{
	return sight->state == 'X' || (sight->state == 'Z' && sight->threads <= 1);
}

static bool has_died(const struct weir_shm_lease *lease)
{
	const struct process *me = look_up_self();
	struct sight sight;
	char path[32];

	if (me->pid_namespace == 0 || lease->pid_namespace != me->pid_namespace)
		return false;
	if (lease->pid == me->pid)
		return lease->started != me->started;
	if (lease->pid == 0 || lease->pid > INT32_MAX || (kill((pid_t)lease->pid, 0) != 0 && errno == ESRCH))
		return true;
	(void)snprintf(path, sizeof(path), "/proc/%" PRIu32 "/stat", lease->pid);
	return look_at(path, &sight) && (sight.started != lease->started || has_ended(&sight));
}

static bool is_of_same_process(const struct weir_shm_lease *a, const struct weir_shm_lease *b)
{
	return a->pid == b->pid && a->started == b->started && a->pid_namespace == b->pid_namespace;
}

/* -- The table ------------------------------------------------------------------------------------------------------------- */

/* 0 stands for a free place. */
static uint64_t name_of(uint64_t hash)
{
	return hash != 0 ? hash : 1;
}

static bool bears(const struct weir_shm_lease *lease, uint64_t name)
{
	return atomic_load_explicit(&lease->hash, memory_order_relaxed) == name;
}

/* The lease of that name; else NULL, and a free place or NULL in `*free_place`. */
static struct weir_shm_lease *find(struct weir_shm_lease *leases, uint64_t name, struct weir_shm_lease **free_place)
{
	*free_place = NULL;
	for (unsigned i = 0; i < WEIR_SHM_LEASES; i++) {
		if (bears(&leases[i], name))
			return &leases[i];
		if (!*free_place && bears(&leases[i], 0))
			*free_place = &leases[i];
	}
	return NULL;
}

/* A lease in a full table that is none any more; NULL when all are. */
static struct weir_shm_lease *find_stale(struct weir_shm_lease *leases, int64_t now_ms)
{
	const struct weir_shm_lease *living = NULL;

	for (unsigned i = 0; i < WEIR_SHM_LEASES; i++)
		if (leases[i].deadline_ms <= now_ms)
			return &leases[i];
	for (unsigned i = 0; i < WEIR_SHM_LEASES; i++) {
		if (living && is_of_same_process(&leases[i], living))
			continue;
		if (has_died(&leases[i]))
			return &leases[i];
		living = &leases[i];
	}
	return NULL;
}

static int64_t deadline_of(int64_t now_ms, int64_t ttl_ms)
{
	return ttl_ms > INT64_MAX - now_ms ? INT64_MAX : now_ms + ttl_ms;
}

/* Only the compiler could spoil the order: who finds the place after a death sees all that was done before it. */
static void write_lease(struct weir_shm_lease *lease, uint64_t name, uint64_t token, int64_t deadline_ms)
{
	const struct process *me = look_up_self();

	atomic_store_explicit(&lease->hash, 0, memory_order_relaxed);
	atomic_signal_fence(memory_order_seq_cst);
	lease->token = token;
	lease->deadline_ms = deadline_ms;
	lease->started = me->started;
	lease->pid_namespace = me->pid_namespace;
	lease->pid = me->pid;
	WEIR_SHM_POINT("lease");
	atomic_store_explicit(&lease->hash, name, memory_order_release);
}

/* The lease, when `token` has it; ended ones, too. */
static struct weir_shm_lease *find_own(struct weir_shm_lease *leases, uint64_t hash, uint64_t token)
{
	struct weir_shm_lease *free_place;
	struct weir_shm_lease *lease = find(leases, name_of(hash), &free_place);

	return lease && lease->token == token ? lease : NULL;
}

enum weir_status weir_shm_leases_take(struct weir_shm_lease *leases, uint64_t hash, uint64_t token, int64_t now_ms, int64_t ttl_ms)
{
	struct weir_shm_lease *place;
	struct weir_shm_lease *lease = find(leases, name_of(hash), &place);

	if (lease && lease->token != token && lease->deadline_ms > now_ms && !has_died(lease))
		return WEIR_BUSY;
	if (!lease)
		lease = place ? place : find_stale(leases, now_ms);
	if (!lease)
		return WEIR_ERR_LIMIT;
	write_lease(lease, name_of(hash), token, deadline_of(now_ms, ttl_ms));
	return WEIR_OK;
}

enum weir_status weir_shm_leases_renew(struct weir_shm_lease *leases, uint64_t hash, uint64_t token, int64_t now_ms, int64_t ttl_ms)
{
	struct weir_shm_lease *lease = find_own(leases, hash, token);

	if (!lease || lease->deadline_ms <= now_ms)
		return WEIR_MISS;
	lease->deadline_ms = deadline_of(now_ms, ttl_ms);
	return WEIR_OK;
}

enum weir_status weir_shm_leases_release(struct weir_shm_lease *leases, uint64_t hash, uint64_t token, int64_t now_ms)
{
	struct weir_shm_lease *lease = find_own(leases, hash, token);

	if (!lease)
		return WEIR_MISS;
	atomic_store_explicit(&lease->hash, 0, memory_order_release);
	return lease->deadline_ms > now_ms ? WEIR_OK : WEIR_MISS;
}
