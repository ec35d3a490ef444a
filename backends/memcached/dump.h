/* SPDX-License-Identifier: Apache-2.0
 *
 * The names of all items of a server: "lru_crawler metadump all", on a connection of its own, since the answer may be long and what is
 * found is looked up meanwhile.
 *
 * A name may come twice, when the server moves its item from one list to another meanwhile, and an item that is stored meanwhile may not
 * come. A server makes one such list at a time; while it is busy with another's we ask again, for as long as a call may take.
 */
#ifndef WEIR_MEMCACHED_DUMP_H
#define WEIR_MEMCACHED_DUMP_H

#include "node.h"

struct weir_memcached_dump {
	struct weir_memcached_node node; /* for its address and its socket alone */
	const struct weir_memcached_options *options;
	char lines[16 * 1024];
	size_t start, end;
	bool ended;
};

/* One line of the list, without its end. */
enum weir_memcached_dump_line {
	WEIR_MEMCACHED_DUMP_NAME,
	WEIR_MEMCACHED_DUMP_END,
	WEIR_MEMCACHED_DUMP_BUSY,
	WEIR_MEMCACHED_DUMP_OTHER, /* nothing of the kind */
};

/* NAME: the item's name, decoded, goes to `name`, of NAME_MAX bytes, and its length to `len`. */
enum weir_memcached_dump_line weir_memcached_dump_parse(struct weir_slice line, char *name, size_t *len);

/* Connects and asks; ERR_UNSUPPORTED from a server that makes no such list. After a failure, of this or of the next function,
 * `dump->node.why` says why. Finish it in any case. */
enum weir_status weir_memcached_dump_start(struct weir_memcached_dump *dump, const struct weir_memcached_options *options,
					   const struct weir_memcached_server *server);
void weir_memcached_dump_finish(struct weir_memcached_dump *dump);

/* The next name. BUSY: none yet, so that the caller may think about going on; END after the last. Waits for the server up to the read time
 * limit. */
enum weir_status weir_memcached_dump_next(struct weir_memcached_dump *dump, char *name, size_t *len);

#endif
