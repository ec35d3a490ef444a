/* SPDX-License-Identifier: Apache-2.0
 *
 * What the cache means, as a test suite that is run on every backend: tests/contract/test_semantics_<driver>.c describes the driver as it
 * does for contract.h, and calls weir_semantics_main().
 *
 * Where contract.h asks the driver, this asks whole apps that have the driver's store behind them: requests in, answers out. Its tests are
 * the rows of one table, what fastapi-cache2 and CppCMS do, what they get wrong, and what their users miss; each is named after its row. A
 * file is a section: semantics_setup.c (options of the cache), _rules.c (a rule's fields), _steps.c (one call, step by step), _coders.c,
 * _backends.c, _mistakes.c (of fastapi-cache2), _cppcms.c, _missed.c (what is missed in both). That options come from the environment too
 * is in tests/unit/test_cache_environment.c: it is the same for all backends.
 *
 * Two apps on two handles of one store are two hosts. Time is the test's; what a server does by its own clock has no part in it.
 */
#ifndef WEIR_TESTS_SEMANTICS_H
#define WEIR_TESTS_SEMANTICS_H

#include "contract.h"

/* Runs the suite; for main() to return. Of `driver`, `open`, `close` and `advance_ms` count, with their defaults. `join` is another handle
 * on the store that was opened last, attached, as another host has one; NULL: there are no others, and two apps share the one handle. */
int weir_semantics_main(const struct weir_contract_driver *driver, struct weir_backend *(*join)(const struct weir_backend_env *env));

#endif
