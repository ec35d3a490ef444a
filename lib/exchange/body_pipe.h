/* SPDX-License-Identifier: Apache-2.0
 *
 * A request body on its way from the loop to the handler's thread: a bounded pipe with its own lock, the one thing of an exchange that two
 * threads touch at once.
 *
 * The loop writes and stops reading the connection when the pipe is full; the handler reads, waits when it is empty, and what it takes
 * lets the loop go on. Bytes come in whole reads, so the pipe may pass its size by one of them.
 */
#ifndef WEIR_EXCHANGE_BODY_PIPE_H
#define WEIR_EXCHANGE_BODY_PIPE_H

#include <weir/slice.h>

#define WEIR_BODY_PIPE_SIZE ((size_t)256 * 1024)

struct weir_body_pipe;

/* NULL when memory is out. Takes NULL when destroying. */
struct weir_body_pipe *weir_body_pipe_create(void);
void weir_body_pipe_destroy(struct weir_body_pipe *pipe);

/* -- The loop's side ------------------------------------------------------------------------------------------------------- */

/* BUSY: taken, and full now. ERR_MEMORY: not taken. */
WEIR_MUST_CHECK enum weir_status weir_body_pipe_write(struct weir_body_pipe *pipe, struct weir_slice bytes);

/* No more will come. WEIR_END: the body is complete; negative: it is not, and reads say so once what came is used up. */
void weir_body_pipe_end(struct weir_body_pipe *pipe, enum weir_status how);

/* Nobody will read any more: what is there and what comes is dropped, and the pipe is never full. */
void weir_body_pipe_discard(struct weir_body_pipe *pipe);

/* -- The handler's side ---------------------------------------------------------------------------------------------------- */

/* OK with at least one byte, WEIR_END, or the negative end. When there is nothing yet: waits, or gives WEIR_PARKED without `wait`. */
WEIR_MUST_CHECK enum weir_status weir_body_pipe_read(struct weir_body_pipe *pipe, bool wait, void *out, size_t capacity, size_t *len);

/* True once after a read has made room in a pipe that was full: the loop is to read on. */
bool weir_body_pipe_has_drained(struct weir_body_pipe *pipe);

#endif
