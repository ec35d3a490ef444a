/* SPDX-License-Identifier: Apache-2.0
 *
 * Stores that are truncated while they are mapped: another process of the same user can do that to a file at any time (`> file`, a full
 * clean-up of /dev/shm), and touching a page that is gone then raises SIGBUS, which would end the process.
 *
 * For mappings that are registered here a handler puts pages full of zeros in the place of the page that was touched and all behind it, and
 * marks the store `superseded`: to this process it looks empty from there on, whoever is inside goes on with bounds-checked nonsense, and
 * the next call moves to a fresh file. What a read found while this happened is not to be believed: it looks at `superseded` when it has
 * copied.
 *
 * The handler is the only signal handler that weir's library installs. It comes with the first store in a file, never for anonymous ones,
 * and stays. A SIGBUS of any other address, or one that was sent, goes to the handler that was there before, called as the kernel would
 * have, or does what it would have done by default, with the same core. A program that installs a handler for SIGBUS of its own is to do so
 * before it opens a store, or to pass on what it does not know.
 *
 * Any thread may add and remove; the handler only loads. Nothing here is undone by fork(), and nothing has to be.
 */
#ifndef WEIR_SHM_GUARD_H
#define WEIR_SHM_GUARD_H

#include <stddef.h>

#include <weir/status.h>

/* `base`: the header of a store, at the begin of its mapping of `size` bytes. ERR_MEMORY. */
WEIR_MUST_CHECK enum weir_status weir_shm_guard_add(void *base, size_t size);

/* Before it is unmapped. Does nothing when it was not added. */
void weir_shm_guard_remove(const void *base);

#endif
