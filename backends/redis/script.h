/* SPDX-License-Identifier: Apache-2.0
 *
 * What must happen at once in the server, in Lua: the clear clock, leases, and a walk's steps.
 *
 * The clock's value is "TENURE STAMP", a cell's "STAMP": 16 hexadecimal digits each, 6 of a stamp are the epoch and 10 the count. A clock
 * of another tenure (record.h) may have missed clears, and is replaced by a new one with another epoch. The scripts ask the server itself
 * for its tenure, so no answer of theirs is ever out of date.
 */
#ifndef WEIR_REDIS_SCRIPT_H
#define WEIR_REDIS_SCRIPT_H

struct weir_redis_script {
	const char *text;
	char sha[41]; /* SHA-1 of the text, hexadecimal: its name in the server */
};

enum weir_redis_script_id {
	/* Keys: clock, cells. Arguments: a new clock, milliseconds for new cells to live, and "1" or "0" for each cell, whether it is to be
	 * created when it is missing. Returns the clock's stamp, then each cell's, nil for one that is missing. */
	WEIR_REDIS_SCRIPT_LOOK,
	/* Keys: clock, cells. Arguments: a new clock, milliseconds to keep the cells (0: no end), at least: one that was to
	 * stay longer does. Returns the clock's stamp afterwards. */
	WEIR_REDIS_SCRIPT_CLEAR,
	/* Key: lease. Arguments: "take", "renew" or "release", token (16 hexadecimal digits), milliseconds. Returns 1, or 0 when it is not
	 * so. */
	WEIR_REDIS_SCRIPT_LEASE,
	/* No key; for the node that it is sent to. Arguments: cursor, pattern, count. Returns the next cursor, then names and values in
	 * turn. */
	WEIR_REDIS_SCRIPT_SCAN,
	WEIR_REDIS_SCRIPTS
};

/* Fills in the names. */
void weir_redis_scripts_init(struct weir_redis_script scripts[WEIR_REDIS_SCRIPTS]);

#endif
