/* SPDX-License-Identifier: Apache-2.0
 *
 * The master of `--processes M`: a process with one thread that forks M workers and watches over them. It serves nothing itself.
 *
 * The listening socket is made before and belongs to the master: workers accept from it, the master alone unlinks it. A worker that ends
 * is replaced, with a line in the log that says what it ended with and on which route: at once, or after a while that grows from 100 ms to
 * 10 s when workers keep ending within a second of their start. If none has ever come up and one place has failed three times, the master
 * gives up.
 *
 * SIGTERM, SIGINT: the socket is closed and unlinked, the workers get SIGTERM and drain; those that are still there well past the drain
 * deadline are killed. SIGHUP: as many new workers are forked, and when all of them are up the old ones drain; until then nothing has
 * changed, and when a new one does not come up nothing will. When the master dies, the workers get SIGTERM from the kernel.
 */
#ifndef WEIR_RUNTIME_MASTER_H
#define WEIR_RUNTIME_MASTER_H

#include <weir/app.h>

#include "runtime/listener.h"
#include "runtime/scoreboard.h"

#define WEIR_PROCESSES_MAX 64

struct weir_master;
struct weir_router;

struct weir_master_options {
	size_t processes; /* 1 to WEIR_PROCESSES_MAX */
	size_t threads;   /* of a process that run handlers, the loop's not among them */
	int64_t drain_ms; /* negative: for ever */
	struct weir_log *log;
	const struct weir_router *router;
	struct weir_listener *listener; /* open */
};

/* ERR_MEMORY. */
WEIR_MUST_CHECK enum weir_status weir_master_create(const struct weir_master_options *options, struct weir_master **master);

/* In every process. Takes NULL. */
void weir_master_destroy(struct weir_master *master);

/* Forks, and returns as fork does, in several processes: true in each worker, which is to serve now, and in the end false in the master,
 * with how it went: OK, ERR_CANCELLED when a worker did not end well, or what the workers failed with when it gave up.
 *
 * The caller is the only thread and has SIGTERM, SIGINT and SIGHUP blocked, and so has each worker: it lets them through when it is ready
 * to drain. SIGCHLD is blocked afterwards as well. In a worker the listener has forgotten its path. */
bool weir_master_run(struct weir_master *master, enum weir_status *status);

/* Any thread of the master's process, and signal handlers: as SIGTERM does. */
void weir_master_stop(struct weir_master *master);

/* -- In a worker ----------------------------------------------------------------------------------------------------------- */

struct weir_scoreboard *weir_master_board(struct weir_master *master);

/* It accepts connections. */
void weir_master_worker_is_up(struct weir_master *master);

/* It ends without having been up. */
void weir_master_worker_failed(struct weir_master *master, enum weir_status status);

#endif
