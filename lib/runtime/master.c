/* SPDX-License-Identifier: Apache-2.0
 *
 * Two halves of places, one for the workers that serve and one for those that are to take over from them, and a loop that sleeps in
 * sigtimedwait(): every event is a signal or a deadline. SIGCHLD also says that a worker is up, or that weir_master_stop() was called: it
 * means no more than "look".
 */
#include "runtime/master.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "runtime/obituary.h"

/* A worker that ends sooner is replaced later and later … */
#define SHORT_LIFE_MS 1000
#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 10000
/* … until one has lived for so long. */
#define GOOD_LIFE_MS 10000

/* How often a place may fail when no worker has ever come up. */
#define TRIES 3

/* What a draining worker gets beyond the drain deadline, which it keeps itself and needs a moment to act on. */
#define DRAIN_MARGIN_MS 5000

#define NEVER INT64_MAX

enum state {
	VACANT,
	DUE, /* a worker is to be forked at `due_ms` */
	STARTING,
	UP,
	STOPPING, /* to be killed at `due_ms` */
};

struct place {
	enum state state;
	pid_t pid;
	int64_t started_ms;
	int64_t due_ms;
	int64_t backoff_ms;
	int tries; /* that never came up */
};

struct weir_master {
	struct weir_master_options options;
	struct weir_scoreboard *board;
	pid_t pid;
	pthread_t thread;
	atomic_bool stop_asked;
	struct sigaction child_before;
	size_t own;        /* a worker's place */
	size_t serving;    /* the first place of the half that serves */
	bool reload_asked; /* not begun yet */
	bool reloading;    /* the other half is starting */
	bool stopping;
	bool any_was_up;
	enum weir_status status;
	struct place places[2 * WEIR_PROCESSES_MAX];
};

static int64_t now_ms(void)
{
	return weir_clock_monotonic_ms(weir_clock_system());
}

static size_t place_count(const struct weir_master *master)
{
	return 2 * master->options.processes;
}

static size_t other_half(const struct weir_master *master)
{
	return master->options.processes - master->serving;
}

static bool is_in_half(const struct weir_master *master, size_t half, size_t at)
{
	return at >= half && at < half + master->options.processes;
}

static bool is_all(const struct weir_master *master, size_t half, enum state state)
{
	for (size_t i = half; i < half + master->options.processes; i++)
		if (master->places[i].state != state)
			return false;
	return true;
}

/* "process 2 of 4 is up pid=4711"; `why` may be NULL. */
static void tell(const struct weir_master *master, enum weir_log_level level, size_t at, const char *text, const struct weir_obituary *why)
{
	char pid[16];
	struct weir_log_field fields[3] = { 0 };

	snprintf(pid, sizeof(pid), "%d", (int)master->places[at].pid);
	fields[0] = (struct weir_log_field){ "pid", weir_slice_text(pid) };
	if (why)
		fields[1] = (struct weir_log_field){ why->name, weir_slice_text(why->value) };
	weir_log_event(master->options.log, level, fields, "process %zu of %zu %s", at % master->options.processes + 1,
		       master->options.processes, text);
}

/* -- Stopping workers ------------------------------------------------------------------------------------------------------ */

static void stop_place(struct weir_master *master, struct place *place)
{
	int64_t drain_ms = master->options.drain_ms;

	if (place->state == DUE)
		place->state = VACANT;
	if (place->state != STARTING && place->state != UP)
		return;
	kill(place->pid, SIGTERM);
	place->state = STOPPING;
	place->due_ms = drain_ms < 0 ? NEVER : now_ms() + drain_ms + DRAIN_MARGIN_MS;
}

static void stop_half(struct weir_master *master, size_t half)
{
	for (size_t i = half; i < half + master->options.processes; i++)
		stop_place(master, &master->places[i]);
}

static void begin_stop(struct weir_master *master, enum weir_status status)
{
	if (master->stopping)
		return;
	master->stopping = true;
	master->status = status;
	weir_listener_unlink(master->options.listener); /* before it is closed: later it might be a successor's */
	close(master->options.listener->fd);
	master->options.listener->fd = -1;
	stop_half(master, 0);
	stop_half(master, master->options.processes);
}

static void kill_overdue(struct weir_master *master)
{
	for (size_t i = 0; i < place_count(master); i++) {
		struct place *place = &master->places[i];

		if (place->state != STOPPING || place->due_ms > now_ms())
			continue;
		tell(master, WEIR_LOG_ERROR, i, "has not drained in time and is killed", NULL);
		kill(place->pid, SIGKILL);
		place->due_ms = NEVER;
	}
}

/* -- Workers that have ended ----------------------------------------------------------------------------------------------- */

/* When the next one is forked, and how long the one after that will have to wait. */
static int64_t next_delay_ms(struct place *place, int64_t lived_ms)
{
	int64_t delay_ms = place->backoff_ms;

	if (lived_ms >= GOOD_LIFE_MS)
		place->backoff_ms = 0;
	if (lived_ms >= SHORT_LIFE_MS)
		return 0;
	place->backoff_ms = delay_ms ? delay_ms * 2 : BACKOFF_MIN_MS;
	if (place->backoff_ms > BACKOFF_MAX_MS)
		place->backoff_ms = BACKOFF_MAX_MS;
	return delay_ms;
}

static void schedule(struct weir_master *master, size_t at)
{
	struct place *place = &master->places[at];
	int64_t delay_ms = next_delay_ms(place, now_ms() - place->started_ms);

	place->state = DUE;
	place->due_ms = now_ms() + delay_ms;
	if (delay_ms > 0)
		weir_log_warn(master->options.log, "process %zu of %zu starts again in %lld ms", at % master->options.processes + 1,
			      master->options.processes, (long long)delay_ms);
}

/* A worker ended, or could not be forked, before it was up. */
static void did_not_come_up(struct weir_master *master, size_t at, enum weir_status status)
{
	struct place *place = &master->places[at];

	if (master->reloading && is_in_half(master, other_half(master), at)) {
		weir_log_error(master->options.log, "the reload is given up: the processes that are there go on");
		master->reloading = false;
		place->state = VACANT;
		stop_half(master, other_half(master));
	} else if (++place->tries >= TRIES && !master->any_was_up) {
		weir_log_error(master->options.log, "gives up: no process has come up");
		place->state = VACANT;
		begin_stop(master, status < 0 ? status : WEIR_ERR_CANCELLED);
	} else {
		schedule(master, at);
	}
}

static void has_ended(struct weir_master *master, size_t at, int how)
{
	struct place *place = &master->places[at];
	enum state was = place->state;
	bool well = WIFEXITED(how) && WEXITSTATUS(how) == 0;
	struct weir_obituary why;

	weir_obituary_write(&why, how, master->board, at, master->options.router);
	if (well)
		tell(master, WEIR_LOG_INFO, at, "has ended", NULL);
	else
		tell(master, WEIR_LOG_ERROR, at, why.cause, &why);
	place->pid = 0;
	if (was == STOPPING) {
		place->state = VACANT;
		if (!well && master->stopping && master->status == WEIR_OK)
			master->status = WEIR_ERR_CANCELLED;
	} else if (was == STARTING) {
		did_not_come_up(master, at, weir_scoreboard_failure(master->board, at));
	} else {
		schedule(master, at);
	}
}

static void look_at_workers(struct weir_master *master)
{
	for (size_t i = 0; i < place_count(master); i++) {
		struct place *place = &master->places[i];
		int how;

		if (place->state == STARTING && weir_scoreboard_is_up(master->board, i)) {
			place->state = UP;
			place->tries = 0;
			master->any_was_up = true;
		}
		if (place->pid && waitpid(place->pid, &how, WNOHANG) == place->pid)
			has_ended(master, i, how);
	}
}

/* -- Forking --------------------------------------------------------------------------------------------------------------- */

static void take_no_notice(int number)
{
	(void)number;
}

/* SIGHUP is for the master, but a terminal that goes away sends it to all. Not ignored: programs that a handler runs would inherit that. */
static void become_worker(struct weir_master *master, size_t at)
{
	struct sigaction no_notice = { .sa_handler = take_no_notice, .sa_flags = SA_RESTART };

	sigemptyset(&no_notice.sa_mask);
	sigaction(SIGHUP, &no_notice, NULL);
	sigaction(SIGCHLD, &master->child_before, NULL);
	master->own = at;
	master->places[at].pid = getpid();
	master->options.listener->path[0] = '\0';
	weir_scoreboard_enter(master->board, at);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != master->pid)
		raise(SIGTERM); /* the master had died before: what prctl asks for is not coming */
}

/* True in the worker. */
static bool fork_worker(struct weir_master *master, size_t at)
{
	struct place *place = &master->places[at];
	pid_t pid;

	weir_scoreboard_clear(master->board, at);
	fflush(NULL); /* else what is still in there would be written by both */
	place->started_ms = now_ms();
	pid = fork();
	if (pid == 0) {
		become_worker(master, at);
		return true;
	}
	if (pid > 0) {
		place->state = STARTING;
		place->pid = pid;
		return false;
	}
	weir_log_error(master->options.log, "a process could not be forked: %s", strerror(errno));
	did_not_come_up(master, at, WEIR_ERR_MEMORY);
	return false;
}

/* True in a worker. */
static bool fork_due(struct weir_master *master)
{
	for (size_t i = 0; i < place_count(master); i++)
		if (master->places[i].state == DUE && master->places[i].due_ms <= now_ms() && fork_worker(master, i))
			return true;
	return false;
}

static void fill_half(struct weir_master *master, size_t half)
{
	for (size_t i = half; i < half + master->options.processes; i++)
		master->places[i] = (struct place){ .state = DUE, .due_ms = now_ms() };
}

/* -- Reloading ------------------------------------------------------------------------------------------------------------- */

static void reload(struct weir_master *master)
{
	if (master->reloading && is_all(master, other_half(master), UP)) {
		weir_log_info(master->options.log, "reload: %zu new processes are up, the old ones end", master->options.processes);
		stop_half(master, master->serving);
		master->serving = other_half(master);
		master->reloading = false;
	}
	/* One after the other: the half that is to be filled may still drain. */
	if (!master->reload_asked || master->stopping || master->reloading || !is_all(master, other_half(master), VACANT))
		return;
	master->reload_asked = false;
	master->reloading = true;
	fill_half(master, other_half(master));
}

/* -- The loop -------------------------------------------------------------------------------------------------------------- */

static bool is_over(const struct weir_master *master)
{
	return master->stopping && is_all(master, 0, VACANT) && is_all(master, master->options.processes, VACANT);
}

static int64_t next_due_ms(const struct weir_master *master)
{
	int64_t due_ms = NEVER;

	for (size_t i = 0; i < place_count(master); i++) {
		const struct place *place = &master->places[i];

		if ((place->state == DUE || place->state == STOPPING) && place->due_ms < due_ms)
			due_ms = place->due_ms;
	}
	return due_ms;
}

/* Sleeps until a signal comes or something is due; the signal, or -1. */
static int wait_for_signal(const struct weir_master *master)
{
	int64_t due_ms = next_due_ms(master);
	int64_t left_ms = due_ms == NEVER ? NEVER : due_ms - now_ms();
	struct timespec left = { 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGCHLD);
	if (left_ms == NEVER)
		return sigwaitinfo(&set, NULL);
	if (left_ms > 0)
		left = (struct timespec){ .tv_sec = (time_t)(left_ms / 1000), .tv_nsec = (long)(left_ms % 1000) * 1000000 };
	return sigtimedwait(&set, NULL, &left);
}

/* Whoever was stopped by a signal is on its way out: another changes nothing. */
static void on_end_signal(struct weir_master *master)
{
	static const int numbers[] = { SIGTERM, SIGINT, SIGHUP };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		signal(numbers[i], SIG_IGN);
	begin_stop(master, WEIR_OK);
}

static void act(struct weir_master *master, int number)
{
	if (number == SIGTERM || number == SIGINT)
		on_end_signal(master);
	else if (number == SIGHUP)
		master->reload_asked = true;
	if (atomic_load(&master->stop_asked))
		begin_stop(master, WEIR_OK);
	look_at_workers(master);
	kill_overdue(master);
	reload(master);
}

bool weir_master_run(struct weir_master *master, enum weir_status *status)
{
	struct sigaction standard = { .sa_handler = SIG_DFL };
	sigset_t child;

	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigemptyset(&standard.sa_mask);
	pthread_sigmask(SIG_BLOCK, &child, NULL);
	sigaction(SIGCHLD, &standard, &master->child_before);
	fill_half(master, 0);
	act(master, 0);
	while (!is_over(master)) {
		if (fork_due(master))
			return true;
		act(master, wait_for_signal(master));
	}
	sigaction(SIGCHLD, &master->child_before, NULL);
	*status = master->status;
	return false;
}

void weir_master_stop(struct weir_master *master)
{
	atomic_store(&master->stop_asked, true);
	pthread_kill(master->thread, SIGCHLD);
}

/* -- The worker's side ----------------------------------------------------------------------------------------------------- */

struct weir_scoreboard *weir_master_board(struct weir_master *master)
{
	return master->board;
}

void weir_master_worker_is_up(struct weir_master *master)
{
	tell(master, WEIR_LOG_INFO, master->own, "is up", NULL);
	weir_scoreboard_set_up(master->board);
	kill(master->pid, SIGCHLD);
}

void weir_master_worker_failed(struct weir_master *master, enum weir_status status)
{
	weir_scoreboard_set_failure(master->board, status);
}

/* -- Lifecycle ------------------------------------------------------------------------------------------------------------- */

enum weir_status weir_master_create(const struct weir_master_options *options, struct weir_master **master)
{
	struct weir_master *made = calloc(1, sizeof(*made));

	if (!made)
		return WEIR_ERR_MEMORY;
	made->options = *options;
	made->pid = getpid();
	made->thread = pthread_self();
	made->board = weir_scoreboard_create(2 * options->processes, options->threads + 1);
	if (!made->board) {
		free(made);
		return WEIR_ERR_MEMORY;
	}
	*master = made;
	return WEIR_OK;
}

void weir_master_destroy(struct weir_master *master)
{
	if (!master)
		return;
	weir_scoreboard_destroy(master->board);
	free(master);
}
