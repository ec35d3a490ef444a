/* SPDX-License-Identifier: Apache-2.0
 *
 * The pipe between the loop, which receives a body, and the thread that reads it: a buffer with a lock and a condition.
 */
#include "exchange/body_pipe.h"

#include <pthread.h>
#include <stdlib.h>

#include <weir/buffer.h>

struct weir_body_pipe {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	struct weir_buffer bytes;
	size_t at;            /* what lies before it has been read */
	enum weir_status end; /* WEIR_OK while more may come */
	bool full;            /* the writer was told BUSY and waits */
	bool drained;
	bool discarding;
};

struct weir_body_pipe *weir_body_pipe_create(void)
{
	struct weir_body_pipe *pipe = calloc(1, sizeof(*pipe));

	if (!pipe)
		return NULL;
	pthread_mutex_init(&pipe->lock, NULL);
	pthread_cond_init(&pipe->moved, NULL);
	weir_buffer_init(&pipe->bytes, 0);
	return pipe;
}

void weir_body_pipe_destroy(struct weir_body_pipe *pipe)
{
	if (!pipe)
		return;
	weir_buffer_finish(&pipe->bytes);
	pthread_cond_destroy(&pipe->moved);
	pthread_mutex_destroy(&pipe->lock);
	free(pipe);
}

enum weir_status weir_body_pipe_write(struct weir_body_pipe *pipe, struct weir_slice bytes)
{
	enum weir_status status = WEIR_OK;

	pthread_mutex_lock(&pipe->lock);
	if (!pipe->discarding) {
		if (pipe->at >= pipe->bytes.len / 2) {
			weir_buffer_consume(&pipe->bytes, pipe->at);
			pipe->at = 0;
		}
		weir_buffer_append_slice(&pipe->bytes, bytes);
		/* Once full, full until a read says otherwise: the writer waits for that. */
		pipe->full = pipe->full || pipe->bytes.len - pipe->at >= WEIR_BODY_PIPE_SIZE;
		if (pipe->bytes.overflowed)
			status = WEIR_ERR_MEMORY;
		else if (pipe->full)
			status = WEIR_BUSY;
		pthread_cond_signal(&pipe->moved);
	}
	pthread_mutex_unlock(&pipe->lock);
	return status;
}

void weir_body_pipe_end(struct weir_body_pipe *pipe, enum weir_status how)
{
	pthread_mutex_lock(&pipe->lock);
	pipe->end = how;
	pthread_cond_signal(&pipe->moved);
	pthread_mutex_unlock(&pipe->lock);
}

void weir_body_pipe_discard(struct weir_body_pipe *pipe)
{
	pthread_mutex_lock(&pipe->lock);
	pipe->discarding = true;
	pipe->drained = pipe->full;
	pipe->full = false;
	pipe->at = 0;
	weir_buffer_finish(&pipe->bytes);
	pthread_mutex_unlock(&pipe->lock);
}

enum weir_status weir_body_pipe_read(struct weir_body_pipe *pipe, bool wait, void *out, size_t capacity, size_t *len)
{
	enum weir_status status = WEIR_OK;
	size_t left;

	pthread_mutex_lock(&pipe->lock);
	while (wait && pipe->bytes.len == pipe->at && pipe->end == WEIR_OK)
		pthread_cond_wait(&pipe->moved, &pipe->lock);
	left = pipe->bytes.len - pipe->at;
	*len = left < capacity ? left : capacity;
	if (left > 0) {
		memcpy(out, pipe->bytes.data + pipe->at, *len);
		pipe->at += *len;
		if (pipe->full && left - *len < WEIR_BODY_PIPE_SIZE / 2) {
			pipe->full = false;
			pipe->drained = true;
		}
	} else {
		status = pipe->end == WEIR_OK ? WEIR_PARKED : pipe->end;
	}
	pthread_mutex_unlock(&pipe->lock);
	return status;
}

bool weir_body_pipe_has_drained(struct weir_body_pipe *pipe)
{
	bool drained;

	pthread_mutex_lock(&pipe->lock);
	drained = pipe->drained;
	pipe->drained = false;
	pthread_mutex_unlock(&pipe->lock);
	return drained;
}
