/* SPDX-License-Identifier: Apache-2.0
 *
 * The witness between a cache and its driver: writes down what is asked for, in the letters of semantics_hosts.h, and refuses some of it.
 * What it lets through is the driver's own answer. One thread.
 */
#ifndef WEIR_TESTS_SEMANTICS_WITNESS_H
#define WEIR_TESTS_SEMANTICS_WITNESS_H

#include <weir/backend_driver.h>

struct semantics_notes {
	char calls[4096]; /* a text; what does not fit is left out */
	size_t len;
	const char *refused; /* letters */
};

/* Caller's storage; must stay where it is while `*backend` is used. */
struct semantics_witness {
	struct weir_backend_ops ops;
	struct weir_backend *backend; /* the driver's; the witness closes nothing */
	struct semantics_notes *notes;
};

void semantics_notes_add(struct semantics_notes *notes, char call);

/* A backend in front of `backend`. NULL when memory is out. */
struct weir_backend *semantics_witness_init(struct semantics_witness *witness, struct weir_backend *backend, struct semantics_notes *notes);

#endif
