/* SPDX-License-Identifier: Apache-2.0
 *
 * A doubly linked list whose links live in its elements.
 *
 * The same struct is the list's head and the link inside an element; head.next is the first element's link, head.prev the last one's,
 * and an empty list points at itself. Nothing is allocated and nothing can fail. Every head and every link is initialised before use. A
 * link is on one list at a time; off every list it points at itself, so removing it once more is harmless. One thread at a time.
 *
 *     for (struct weir_list *at = list->next; at != list; at = at->next)
 *             use(WEIR_CONTAINER_OF(at, struct waiter, link));
 */
#ifndef WEIR_BASE_LIST_H
#define WEIR_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct weir_list {
	struct weir_list *next;
	struct weir_list *prev;
};

/* The struct of `type` whose `member` is at `pointer`. */
#define WEIR_CONTAINER_OF(pointer, type, member) ((type *)(void *)(((char *)(pointer)) - offsetof(type, member)))

/* For a head: an empty list. For a link: on no list. */
static inline void weir_list_init(struct weir_list *list)
{
	list->next = list;
	list->prev = list;
}

/* For a head: nothing on the list. For a link: on no list. */
static inline bool weir_list_is_empty(const struct weir_list *list)
{
	return list->next == list;
}

/* `link` must be on no list. */
static inline void weir_list_push_front(struct weir_list *list, struct weir_list *link)
{
	link->next = list->next;
	link->prev = list;
	list->next->prev = link;
	list->next = link;
}

/* `link` must be on no list. */
static inline void weir_list_push_back(struct weir_list *list, struct weir_list *link)
{
	weir_list_push_front(list->prev, link);
}

static inline void weir_list_remove(struct weir_list *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	weir_list_init(link);
}

/* Removes the first element and returns its link; NULL when there is none. */
static inline struct weir_list *weir_list_pop_front(struct weir_list *list)
{
	struct weir_list *first = list->next;

	if (first == list)
		return NULL;
	weir_list_remove(first);
	return first;
}

#endif
