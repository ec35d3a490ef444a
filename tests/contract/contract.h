/* SPDX-License-Identifier: Apache-2.0
 *
 * What every cache driver must do, as a test suite: tests/contract/test_<driver>.c describes the driver and calls weir_contract_main().
 *
 * The suite speaks to the driver in jobs, so that one description runs it called directly and another one through a job queue. It opens one
 * backend at a time and asks for nothing that backend_driver.h does not promise; what is only promised by some is asked of those whose
 * description says so.
 */
#ifndef WEIR_TESTS_CONTRACT_H
#define WEIR_TESTS_CONTRACT_H

#include <weir/backend_driver.h>

#include "cache/job.h"

enum weir_contract_flag {
	WEIR_CONTRACT_BOUNDED = 1, /* keeps to the size that it is opened with, and tells its bytes */
	WEIR_CONTRACT_COUNTS = 2   /* counts items, hits, misses and sets exactly, expirations when it finds them */
};

struct weir_contract_driver {
	const char *name;
	unsigned flags;
	/* An attached backend with nothing in it, which keeps `env`. `size` in bytes: see WEIR_CONTRACT_BOUNDED. NULL fails
	 * the test. */
	struct weir_backend *(*open)(const struct weir_backend_env *env, uint64_t size);
	/* NULL: weir_backend_close() */
	void (*close)(struct weir_backend *backend);
	/* Returns when all jobs of the list have their status. Any thread. NULL: weir_jobs_execute() */
	void (*run)(struct weir_backend *backend, struct weir_job *jobs);
	/* Turns on the clock of a server that does not go by `env->clock`, which is turned before. May be NULL. */
	void (*advance_ms)(int64_t ms);
	int64_t granularity_ms; /* an expiry is rounded up to a multiple; 0: exact */
	size_t value_fits;      /* a value of that size is stored, with a short key, in a store of WEIR_CONTRACT_SIZE … */
	size_t value_refused;   /* … and one of that size is not; 0: there is no such size */
};

/* What stores are opened with, but for the tests of eviction, which want the smallest. */
#define WEIR_CONTRACT_SIZE ((uint64_t)4 * 1024 * 1024)
#define WEIR_CONTRACT_SIZE_MIN ((uint64_t)1024 * 1024)

/* Runs the suite; for main() to return. */
int weir_contract_main(const struct weir_contract_driver *driver);

#endif
