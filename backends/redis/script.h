/* SPDX-License-Identifier: Apache-2.0
 *
 * What must happen at once in the server, in Lua: the clear clock, leases, and a walk's steps.
 *
 * The clear clock and the cells are the fields of one hash, so that nothing but the whole of it can be lost:
 *
 *     clock     TENURE STAMP FLOOR
 *     :NAME     STAMP, or STAMP END     a cell, and when it may be forgotten, by the server's clock in ms
 *     sweep     a cursor of HSCAN: where to look next for cells to be forgotten
 *
 * Tenure, stamp and floor are 16 hexadecimal digits each; 6 of a stamp are the epoch and 10 the count. A clock of another tenure (record.h)
 * may have missed clears, and is replaced, with all cells, by a new one with another epoch. The scripts ask the server itself for its
 * tenure, so no answer of theirs is ever out of date.
 *
 * A clear forgets cells whose end has come, some at a time, in a round that goes on with the next clear. Beyond so many cells it also
 * forgets the oldest, and then the floor is the newest stamp among them: what a cell that is not there reads as.
 */
#ifndef WEIR_REDIS_SCRIPT_H
#define WEIR_REDIS_SCRIPT_H

struct weir_redis_script {
	const char *text;
	char sha[41]; /* SHA-1 of the text, hexadecimal: its name in the server */
};

enum weir_redis_script_id {
	/* Key: the hash. Arguments: a new clock, fields of cells. Makes a clock when there is none of this tenure. Returns the clock's
	 * text, then each cell's, nil for one that is missing. */
	WEIR_REDIS_SCRIPT_LOOK,
	/* Key: the hash. Arguments: a new clock, milliseconds to keep the cells (0: no end), at least: one that was to stay longer does;
	 * how many cells there may be; fields of cells. Returns the clock's stamp afterwards. */
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
