/* SPDX-License-Identifier: Apache-2.0
 *
 * The file of a store: opened, checked, made, replaced; or the anonymous mapping that stands in for one.
 *
 * A file is opened without following links, and must be a regular file of this user, with one name, that nobody else may touch. Under its
 * name there is always a complete store, or none: a new one is made beside it, as PATH.new, and renamed over it; the old one, if anybody
 * can still have it mapped, is marked `superseded`. Who makes one holds an open file description lock (fcntl(2), F_OFD_SETLK) on PATH.new
 * until it is renamed or gone, so there is one maker at a time; what one that died has left there is used by the next. Opening a store that
 * is there takes no lock and waits for nobody.
 *
 * All bytes of a file are allocated before it is mapped: no write to the mapping can fail for want of space later (SIGBUS). Against those
 * who truncate it there is guard.h.
 */
#ifndef WEIR_SHM_FILE_H
#define WEIR_SHM_FILE_H

#include <sys/stat.h>

#include "layout.h"

/* For people: what went wrong, one line. */
struct weir_shm_why {
	char *text;
	size_t size;
};

/* How long opening waits for another process that makes the store. */
#define WEIR_SHM_FILE_WAIT_MS 5000

/* The errors of weir_shm_open(), with their line. `path` has the layout's suffix already; NULL: anonymous. On success `*map` is on the
 * heap. */
WEIR_MUST_CHECK enum weir_status weir_shm_file_map(const char *path, const struct weir_shm_options *options, const struct weir_shm_why *why,
						   struct weir_shm_map **map);

/* The same for who cannot wait so long: ERR_TIMEOUT after `wait_ms`. 0: tries once. */
WEIR_MUST_CHECK enum weir_status weir_shm_file_map_within(const char *path, const struct weir_shm_options *options, int wait_ms,
							  const struct weir_shm_why *why, struct weir_shm_map **map);

void weir_shm_file_unmap(struct weir_shm_map *map);

/* True when the map's file is not the one at `path` any more. Of a relative path nobody knows what it means by now: false. */
bool weir_shm_file_is_gone(const struct weir_shm_map *map, const char *path);

/* Whether a file of which the system says this may be a store at all: ERR_CONFIG. */
WEIR_MUST_CHECK enum weir_status weir_shm_file_check(const char *path, const struct stat *info, const struct weir_shm_why *why);

#endif
