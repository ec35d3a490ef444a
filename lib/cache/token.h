/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens of leases: numbers that no two holders have, in whatever processes and hosts they are. Not secrets.
 *
 * A generator for the process, seeded by the system when it is first used and again in every child that is forked: a child that went on
 * with its parent's numbers would hold its siblings' leases. (A system call for each token costs a third of a microsecond, as much as all
 * else that a lease in memory does.)
 */
#ifndef WEIR_CACHE_TOKEN_H
#define WEIR_CACHE_TOKEN_H

#include <stdint.h>

/* Any thread. Never 0. */
uint64_t weir_token_draw(void);

#endif
