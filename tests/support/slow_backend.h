/* SPDX-License-Identifier: Apache-2.0
 *
 * A remote backend for tests: another backend behind a door that the test opens and closes.
 *
 * It is not local, so weir must give it an I/O thread, and it counts what weir must not do to it. A call that is held waits on a condition
 * until the test lets it go on: nothing here sleeps. The controls may be used from any thread; `check`, `stats` and `close` of the driver
 * pass always and are not counted.
 */
#ifndef WEIR_TESTS_SLOW_BACKEND_H
#define WEIR_TESTS_SLOW_BACKEND_H

#include <weir/backend_driver.h>

struct weir_slow_backend;

struct weir_slow_counts {
	size_t calls;      /* of the driver, failed ones too */
	size_t overlapped; /* calls made while another was inside: must stay 0 */
	size_t get_calls;  /* get_many */
	size_t reads;      /* reads in them, and the most in one */
	size_t most_reads;
	size_t set_calls; /* set_many */
	size_t sets;      /* sets in them, and the most in one */
	size_t most_sets;
	size_t lease_calls; /* lease_many */
	size_t leases;      /* leases in them, and the most in one */
	size_t most_leases;
};

/* Takes `inner` over: closing `*backend` closes it and ends the slow backend. NULL when memory is out. */
struct weir_slow_backend *weir_slow_backend_create(struct weir_backend *inner, struct weir_backend **backend);

/* From now on calls wait. */
void weir_slow_backend_hold(struct weir_slow_backend *slow);

/* Lets the next `count` calls pass although calls are held. */
void weir_slow_backend_let(struct weir_slow_backend *slow, size_t count);

/* Ends holding and freezing. */
void weir_slow_backend_resume(struct weir_slow_backend *slow);

/* From now on calls wait, and then fail with ERR_TIMEOUT: a server that does not answer, and a driver whose time limit the test decides. */
void weir_slow_backend_freeze(struct weir_slow_backend *slow);

/* While it is down, calls and the check fail with ERR_IO: a server that is not there. */
void weir_slow_backend_down(struct weir_slow_backend *slow, bool down);

/* The next `count` calls that pass do nothing and return `status`. */
void weir_slow_backend_fail(struct weir_slow_backend *slow, size_t count, enum weir_status status);

/* Returns when a call waits at the door. */
void weir_slow_backend_wait_held(struct weir_slow_backend *slow);

void weir_slow_backend_counts(struct weir_slow_backend *slow, struct weir_slow_counts *counts);

#endif
