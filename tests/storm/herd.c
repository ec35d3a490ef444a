/* SPDX-License-Identifier: Apache-2.0
 *
 * The parent of the workers. It is small and has one thread, so that starting a worker is only a fork(); every process that it starts ends
 * when it does.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "storm/storm.h"

/* Between two kills, on average; some workers end themselves besides. */
#define PAUSE_US 1000

/* Between two looks at the store, for which all workers are killed. */
#define LOOK_MS 1000

/* A worker that is stopped goes on after so long: longer than others wait for a lock. */
#define STOP_MS 60

/* Faults of one look that are printed. */
#define FAULTS_SHOWN 4

struct sheep {
	pid_t pid;         /* 0: none */
	int64_t resume_ms; /* stopped until then; 0: it is not */
	int64_t resumed_ms;
	bool dying;
};

struct herd {
	struct storm *storm;
	struct sheep sheep[STORM_WORKERS];
	uint64_t seed;
	unsigned faults_shown;
};

bool storm_open(struct storm *storm, bool fresh)
{
	const struct storm_profile *profile = storm->profile;
	struct weir_shm_options options = { .size = profile->size, .entry_size = profile->entry_size };
	enum weir_status status = WEIR_ERR_TIMEOUT;
	char name[256], why[256] = "";

	(void)snprintf(name, sizeof(name), "%s.weir1", storm->path);
	if (profile->in_file)
		options.path = storm->path;
	if (fresh)
		(void)unlink(name);
	while (status == WEIR_ERR_TIMEOUT) /* who was making it or looking at it was stopped */
		status = weir_shm_open(&options, why, sizeof(why), &storm->shm);
	if (status != WEIR_OK)
		(void)fprintf(stderr, "storm: %s\n", why);
	return status == WEIR_OK;
}

/* -- A worker, inside ----------------------------------------------------------------------------------------------------- */

/* A process that was stopped meanwhile has not waited. */
static void step(struct storm_work *work)
{
	uint32_t stops = atomic_load(&work->self->stops);
	int64_t began_ms = storm_now_ms();

	atomic_store(&work->self->began_ms, began_ms);
	storm_step(work);
	atomic_store(&work->self->began_ms, 0);
	if (storm_now_ms() - began_ms > STORM_WAIT_MS && atomic_load(&work->self->stops) == stops)
		storm_note(work->storm, STORM_LONG_WAITS);
	storm_note(work->storm, STORM_OPERATIONS);
}

/* Half of the workers are killed from outside, at any instant, the others at one of the points unless that comes first. */
static _Noreturn void work(struct storm *storm, struct storm_worker *self)
{
	static char written[STORM_VALUE_MAX], read[STORM_VALUE_MAX];
	struct storm_work work = { .storm = storm, .self = self, .seed = storm->seed, .written = written, .read = read };

	if (storm->profile->in_file && !storm_open(storm, false))
		_exit(1);
	if (storm_draw(&work.seed) % 2)
		storm_doom(self, (unsigned)(storm_draw(&work.seed) % storm_points()), 1U << storm_draw(&work.seed) % 9);
	for (;;)
		step(&work);
}

/* -- A worker, from outside ------------------------------------------------------------------------------------------------ */

static bool start(struct herd *herd, unsigned number)
{
	static uint64_t lives;
	struct storm_worker *worker = &herd->storm->shared->workers[number];
	pid_t parent = getpid(), pid;

	atomic_store(&worker->life, ++lives);
	atomic_store(&worker->began_ms, 0);
	atomic_store(&worker->point, 0);
	herd->storm->seed = storm_draw(&herd->seed) | 1;
	pid = fork();
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		work(herd->storm, worker);
	}
	herd->sheep[number] = (struct sheep){ .pid = pid > 0 ? pid : 0 };
	return pid > 0;
}

/* Notes how it ended. */
static void bury(struct herd *herd, unsigned number, int status)
{
	struct storm *storm = herd->storm;
	uint32_t point = atomic_load(&storm->shared->workers[number].point);

	herd->sheep[number].pid = 0;
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
		storm_note(storm, STORM_CRASHES);
		return;
	}
	storm->kills++;
	if (point > 0)
		storm->point_kills[point - 1]++;
}

/* Sends it to its end; it is buried when it has got there, since waiting for that would take longer than the pause between two kills. */
static void slay(struct herd *herd, unsigned number)
{
	struct sheep *sheep = &herd->sheep[number];
	int64_t began_ms = atomic_load(&herd->storm->shared->workers[number].began_ms);

	if (sheep->pid == 0 || sheep->dying)
		return;
	if (began_ms != 0 && began_ms < sheep->resumed_ms)
		began_ms = sheep->resumed_ms;
	if (began_ms != 0 && sheep->resume_ms == 0 && storm_now_ms() - began_ms > STORM_WAIT_MS)
		storm_note(herd->storm, STORM_LONG_WAITS);
	(void)kill(sheep->pid, SIGKILL);
	sheep->dying = true;
}

static void stop(struct herd *herd, unsigned number)
{
	struct sheep *sheep = &herd->sheep[number];

	if (sheep->pid == 0 || sheep->resume_ms != 0 || sheep->dying)
		return;
	atomic_fetch_add(&herd->storm->shared->workers[number].stops, 1);
	(void)kill(sheep->pid, SIGSTOP);
	sheep->resume_ms = storm_now_ms() + STOP_MS;
	herd->storm->stops++;
}

/* -- All of them ----------------------------------------------------------------------------------------------------------- */

/* Those whose time it is go on, those who have ended themselves are replaced. */
static bool tend(struct herd *herd)
{
	int64_t now_ms = storm_now_ms();
	int status;

	for (unsigned i = 0; i < STORM_WORKERS; i++) {
		struct sheep *sheep = &herd->sheep[i];

		if (sheep->resume_ms != 0 && now_ms >= sheep->resume_ms) {
			(void)kill(sheep->pid, SIGCONT);
			sheep->resume_ms = 0;
			sheep->resumed_ms = now_ms;
		}
		if (sheep->pid != 0 && waitpid(sheep->pid, &status, WNOHANG) == sheep->pid)
			bury(herd, i, status);
		if (sheep->pid == 0 && !start(herd, i))
			return false;
	}
	return true;
}

static void show_fault(void *state, const char *fault)
{
	struct herd *herd = state;

	storm_note(herd->storm, STORM_FAULTS);
	if (herd->faults_shown++ < FAULTS_SHOWN)
		printf("    %s: %s\n", herd->storm->profile->name, fault);
}

/* With nobody at work: every item is whole, and so is the store. */
static void look(struct herd *herd)
{
	struct storm *storm = herd->storm;
	int status;

	for (unsigned i = 0; i < STORM_WORKERS; i++)
		slay(herd, i);
	for (unsigned i = 0; i < STORM_WORKERS; i++)
		if (herd->sheep[i].pid != 0 && waitpid(herd->sheep[i].pid, &status, 0) == herd->sheep[i].pid)
			bury(herd, i, status);
	if (weir_shm_walk(storm->shm, WEIR_SLICE_NONE, 0, storm_visit, storm) != WEIR_OK)
		storm_note(storm, STORM_ODD_STATUSES);
	herd->faults_shown = 0;
	(void)weir_shm_check(storm->shm, show_fault, herd);
}

static void count_resets(struct storm *storm)
{
	struct weir_shm_stats stats;

	weir_shm_stats(storm->shm, &stats);
	storm->resets += stats.resets;
}

bool storm_rage(struct storm *storm, int64_t until_ms, bool until_wrong)
{
	struct herd herd = { .storm = storm, .seed = storm->seed };
	int64_t look_ms = storm_now_ms() + LOOK_MS;
	bool started = true;

	while (started && storm_now_ms() < until_ms && !(until_wrong && storm_wrong(storm) > 0)) {
		uint64_t drawn = storm_draw(&herd.seed);
		unsigned victim = (unsigned)(drawn >> 32) % STORM_WORKERS;
		struct timespec pause = { .tv_nsec = (long)(drawn % (2 * PAUSE_US)) * 1000 };

		started = tend(&herd);
		(void)nanosleep(&pause, NULL);
		if (storm->profile->stops && drawn >> 60 == 0)
			stop(&herd, victim);
		else if (herd.sheep[victim].resume_ms == 0)
			slay(&herd, victim);
		if (storm_now_ms() < look_ms)
			continue;
		look(&herd);
		look_ms = storm_now_ms() + LOOK_MS;
	}
	look(&herd);
	count_resets(storm);
	storm->seed = herd.seed;
	return started;
}
