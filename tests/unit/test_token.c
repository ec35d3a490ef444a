/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens: none comes twice, in this process or in those that are forked from it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cache/token.h"

#define MANY 10000
#define CHILDREN 4

static int compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void expect_distinct(uint64_t *tokens, size_t count)
{
	qsort(tokens, count, sizeof(*tokens), compare);
	assert_true(tokens[0] != 0);
	for (size_t i = 1; i < count; i++)
		assert_true(tokens[i - 1] != tokens[i]);
}

static void test_token_comes_once(void **state)
{
	static uint64_t tokens[MANY];

	(void)state;
	for (size_t i = 0; i < MANY; i++)
		tokens[i] = weir_token_draw();
	expect_distinct(tokens, MANY);
}

/* The child writes its first tokens and leaves. */
static void draw_in_child(uint64_t *tokens)
{
	int ends[2], how;
	pid_t child;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		for (int i = 0; i < 2; i++)
			tokens[i] = weir_token_draw();
		_exit(write(ends[1], tokens, 2 * sizeof(*tokens)) == (ssize_t)(2 * sizeof(*tokens)) ? 0 : 1);
	}
	close(ends[1]);
	assert_int_equal(read(ends[0], tokens, 2 * sizeof(*tokens)), 2 * sizeof(*tokens));
	close(ends[0]);
	assert_int_equal(waitpid(child, &how, 0), child);
	assert_int_equal(how, 0);
}

static void test_token_of_a_child_is_its_own(void **state)
{
	uint64_t tokens[2 * CHILDREN + 3];

	(void)state;
	tokens[2 * CHILDREN] = weir_token_draw();
	for (size_t i = 0; i < CHILDREN; i++)
		draw_in_child(&tokens[2 * i]);
	tokens[2 * CHILDREN + 1] = weir_token_draw();
	tokens[2 * CHILDREN + 2] = weir_token_draw();
	expect_distinct(tokens, 2 * CHILDREN + 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_token_comes_once),
		cmocka_unit_test(test_token_of_a_child_is_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
