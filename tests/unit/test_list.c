/* SPDX-License-Identifier: Apache-2.0
 *
 * The intrusive list, read in both directions after every change.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/list.h"

struct item {
	char name;
	struct weir_list link;
};

static struct item item(char name)
{
	return (struct item){ .name = name };
}

static char name_of(struct weir_list *link)
{
	return WEIR_CONTAINER_OF(link, struct item, link)->name;
}

static void assert_items(struct weir_list *list, const char *names)
{
	size_t len = strlen(names);
	size_t seen = 0;

	assert_int_equal(weir_list_is_empty(list), len == 0);
	for (struct weir_list *at = list->next; at != list; at = at->next) {
		assert_true(seen < len);
		assert_int_equal(name_of(at), names[seen++]);
	}
	assert_int_equal(seen, len);
	for (struct weir_list *at = list->prev; at != list; at = at->prev)
		assert_int_equal(name_of(at), names[--seen]);
	assert_int_equal(seen, 0);
}

static void test_list_pushes_at_both_ends(void **state)
{
	struct item a = item('a'), b = item('b'), c = item('c');
	struct weir_list list;

	(void)state;
	weir_list_init(&list);
	assert_items(&list, "");
	weir_list_push_back(&list, &a.link);
	assert_items(&list, "a");
	weir_list_push_front(&list, &b.link);
	assert_items(&list, "ba");
	weir_list_push_back(&list, &c.link);
	assert_items(&list, "bac");
}

static void test_list_removes_anywhere_and_twice(void **state)
{
	struct item a = item('a'), b = item('b'), c = item('c');
	struct weir_list list;

	(void)state;
	weir_list_init(&list);
	weir_list_push_back(&list, &a.link);
	weir_list_push_back(&list, &b.link);
	weir_list_push_back(&list, &c.link);
	weir_list_remove(&b.link);
	assert_items(&list, "ac");
	assert_true(weir_list_is_empty(&b.link));
	weir_list_remove(&b.link);
	assert_items(&list, "ac");
	weir_list_remove(&c.link);
	weir_list_push_front(&list, &b.link);
	assert_items(&list, "ba");
	weir_list_remove(&b.link);
	weir_list_remove(&a.link);
	assert_items(&list, "");
}

static void test_list_pops_in_order_until_empty(void **state)
{
	struct item a = item('a'), b = item('b');
	struct weir_list list;

	(void)state;
	weir_list_init(&list);
	weir_list_push_back(&list, &a.link);
	weir_list_push_back(&list, &b.link);
	assert_ptr_equal(weir_list_pop_front(&list), &a.link);
	assert_true(weir_list_is_empty(&a.link));
	assert_items(&list, "b");
	assert_ptr_equal(weir_list_pop_front(&list), &b.link);
	assert_null(weir_list_pop_front(&list));
	assert_items(&list, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_list_pushes_at_both_ends),
		cmocka_unit_test(test_list_removes_anywhere_and_twice),
		cmocka_unit_test(test_list_pops_in_order_until_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
