/* SPDX-License-Identifier: Apache-2.0
 *
 * For the suite's own files: the store under test, single operations on it, and the lists of tests.
 */
#ifndef WEIR_TESTS_CONTRACT_STORE_H
#define WEIR_TESTS_CONTRACT_STORE_H

#include "contract.h"

struct CMUnitTest;
struct weir_fake_clock;

/* Every test gets one, freshly opened, as its state. */
struct weir_contract_store {
	const struct weir_contract_driver *driver;
	struct weir_fake_clock *clock;
	struct weir_backend_env env;
	struct weir_backend *backend;
};

/* Closes the backend and opens an empty one of that size. */
void weir_contract_reopen(struct weir_contract_store *store, uint64_t size);

/* Turns the clock on; the wall clock's reading. */
void weir_contract_advance_ms(struct weir_contract_store *store, int64_t ms);
int64_t weir_contract_now_ms(const struct weir_contract_store *store);

void weir_contract_run(struct weir_contract_store *store, struct weir_job *jobs);

enum weir_status weir_contract_set(struct weir_contract_store *store, struct weir_slice key, struct weir_slice value, int64_t expires_ms);

/* Fails the test unless it is stored; never expires. */
void weir_contract_put(struct weir_contract_store *store, struct weir_slice key, struct weir_slice value);

/* The caller releases it. */
struct weir_backend_get weir_contract_get(struct weir_contract_store *store, struct weir_slice key);
void weir_contract_done(const struct weir_backend_get *get);

bool weir_contract_has(struct weir_contract_store *store, struct weir_slice key);

/* Fails the test unless there is `value` under `key`. */
void weir_contract_expect(struct weir_contract_store *store, struct weir_slice key, struct weir_slice value);

size_t weir_contract_remove(struct weir_contract_store *store, struct weir_slice key);

/* The cell's stamp; the clock goes to `*clock`, which may be NULL. */
uint64_t weir_contract_cell(struct weir_contract_store *store, const char *name, bool create, uint64_t *clock);

/* The clock afterwards. */
uint64_t weir_contract_clear(struct weir_contract_store *store, const char *name);

enum weir_status weir_contract_lease(struct weir_contract_store *store, enum weir_lease_verb verb, const char *key, uint64_t token,
				     int64_t ttl_ms);

struct weir_backend_stats weir_contract_stats(struct weir_contract_store *store);

extern const struct CMUnitTest weir_contract_value_tests[];
extern const size_t weir_contract_value_test_count;
extern const struct CMUnitTest weir_contract_batch_tests[];
extern const size_t weir_contract_batch_test_count;
extern const struct CMUnitTest weir_contract_clear_tests[];
extern const size_t weir_contract_clear_test_count;
extern const struct CMUnitTest weir_contract_lease_tests[];
extern const size_t weir_contract_lease_test_count;
extern const struct CMUnitTest weir_contract_thread_tests[];
extern const size_t weir_contract_thread_test_count;

#endif
