/* SPDX-License-Identifier: Apache-2.0
 *
 * A place in the table holds a spare buffer or NULL, and changes by one atomic exchange that takes all of it: there is no list, so nothing
 * can be taken twice. A thread begins its search where no other is likely to.
 */
#include "copies.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define PLACES_MAX 64U

struct class
{
	size_t size; /* of the allocation */
	unsigned places;
	_Atomic(struct weir_shm_copy *) spare[PLACES_MAX];
};

/* A body of a megabyte fits the last with its fields. */
static struct class classes[] = {
	{ .size = 4 * 1024, .places = 64 },
	{ .size = 16 * 1024, .places = 16 },
	{ .size = 64 * 1024, .places = 8 },
	{ .size = 256 * 1024, .places = 4 },
	{ .size = 1024 * 1024 + 64 * 1024, .places = 2 },
};

#define CLASSES (sizeof(classes) / sizeof(classes[0]))

/* Another number for another thread, most of the time: threads' variables are far apart. */
static unsigned begin_at(void)
{
	static _Thread_local char here;

	return (unsigned)(((uintptr_t)&here >> 12) * 0x9e3779b1U >> 16);
}

static struct weir_shm_copy *take_spare(struct class *class)
{
	unsigned begin = begin_at();

	for (unsigned i = 0; i < class->places; i++) {
		_Atomic(struct weir_shm_copy *) *place = &class->spare[(begin + i) % class->places];
		struct weir_shm_copy *copy = NULL;

		if (atomic_load_explicit(place, memory_order_relaxed))
			copy = atomic_exchange_explicit(place, NULL, memory_order_acquire);
		if (copy)
			return copy;
	}
	return NULL;
}

static struct weir_shm_copy *allocate(size_t class, size_t size)
{
	struct weir_shm_copy *copy = malloc(size);

	if (copy)
		*copy = (struct weir_shm_copy){ .size = size - offsetof(struct weir_shm_copy, bytes), .class = class };
	return copy;
}

struct weir_shm_copy *weir_shm_copy_take(size_t size)
{
	size_t total = size + offsetof(struct weir_shm_copy, bytes);
	struct weir_shm_copy *copy;
	size_t class = 0;

	while (class < CLASSES && total > classes[class].size)
		class ++;
	if (class == CLASSES)
		return allocate(class, total);
	copy = take_spare(&classes[class]);
	return copy ? copy : allocate(class, classes[class].size);
}

static bool put_spare(struct class *class, struct weir_shm_copy *copy)
{
	unsigned begin = begin_at();

	for (unsigned i = 0; i < class->places; i++) {
		struct weir_shm_copy *empty = NULL;

		if (atomic_compare_exchange_strong_explicit(&class->spare[(begin + i) % class->places], &empty, copy, memory_order_release,
							    memory_order_relaxed))
			return true;
	}
	return false;
}

void weir_shm_copy_release(void *copy)
{
	struct weir_shm_copy *released = copy;

	if (released && (released->class == CLASSES || !put_spare(&classes[released->class], released)))
		free(released);
}
