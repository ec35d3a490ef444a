/* SPDX-License-Identifier: Apache-2.0
 *
 * The scoreboard across real processes, and the words for an end. What signals and exit statuses become of a whole server is tested with
 * --processes itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "exchange/router.h"
#include "runtime/obituary.h"

enum {
	SLOT = 1, /* of 3: the slots beside it must stay as they are */
	SEATS = 4,
};

static enum weir_status handle(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	(void)res;
	return WEIR_OK;
}

struct board {
	struct weir_router *router;
	struct weir_scoreboard *board;
	const struct weir_route *routes[3];
	size_t count;
	void (*prepare)(void); /* in the other process, before it enters */
};

/* What a sanitizer has taken is not for this test. */
static void give_back_faults(void)
{
	static const int faults[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT };

	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		signal(faults[i], SIG_DFL);
}

static void remember_route(void *state, const struct weir_route *route)
{
	struct board *b = state;

	b->routes[b->count++] = route;
}

static int setup(void **state)
{
	static const char *const paths[] = { "/a", "/b/{x}", "/c" };
	struct board *b = test_calloc(1, sizeof(*b));
	char why[256];

	b->router = weir_router_create();
	b->board = weir_scoreboard_create(3, SEATS);
	assert_non_null(b->router);
	assert_non_null(b->board);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(weir_router_add(b->router, &(struct weir_route){ .path = paths[i], .handler = handle }, why, sizeof(why)),
				 0);
	weir_router_each(b->router, remember_route, b);
	b->prepare = give_back_faults;
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct board *b = *state;

	weir_scoreboard_destroy(b->board);
	weir_router_destroy(b->router);
	test_free(b);
	return 0;
}

/* A process in the slot that does `act`. */
static pid_t start(struct board *b, void (*act)(struct board *b))
{
	pid_t pid;

	weir_scoreboard_clear(b->board, SLOT);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		b->prepare();
		weir_scoreboard_enter(b->board, SLOT);
		act(b);
		_exit(0);
	}
	return pid;
}

static int wait_for(pid_t pid)
{
	int how;

	assert_int_equal(waitpid(pid, &how, 0), pid);
	return how;
}

static int run(struct board *b, void (*act)(struct board *b))
{
	return wait_for(start(b, act));
}

static void note(struct board *b, const struct weir_route *route)
{
	_Atomic(const struct weir_route *) *seat = weir_scoreboard_sit(b->board);

	if (!seat)
		_exit(99);
	atomic_store(seat, route);
}

static void assert_tells(struct board *b, int how, const char *cause, const char *name, const char *value)
{
	struct weir_obituary obituary;

	weir_obituary_write(&obituary, how, b->board, SLOT, b->router);
	assert_string_equal(obituary.cause, cause);
	assert_string_equal(obituary.name, name);
	assert_string_equal(obituary.value, value);
}

/* -- Without a crash ------------------------------------------------------------------------------------------------------- */

static void *sit_elsewhere(void *state)
{
	struct board *b = state;

	note(b, b->routes[0]);
	return NULL;
}

static void sit_on_all_seats(struct board *b)
{
	pthread_t threads[SEATS - 1];

	note(b, b->routes[2]);
	for (size_t i = 0; i < SEATS - 1; i++)
		pthread_create(&threads[i], NULL, sit_elsewhere, b);
	for (size_t i = 0; i < SEATS - 1; i++)
		pthread_join(threads[i], NULL);
	kill(getpid(), SIGKILL);
}

static void test_scoreboard_tells_what_all_threads_were_with(void **state)
{
	struct board *b = *state;
	int how = run(b, sit_on_all_seats);

	assert_tells(b, how, "was ended by SIGKILL", "running", "/a (3), /c");
	assert_int_equal(weir_scoreboard_count(b->board, SLOT - 1, b->routes[0]), 0);
	assert_int_equal(weir_scoreboard_count(b->board, SLOT + 1, b->routes[0]), 0);
}

static void *find_no_seat(void *state)
{
	struct board *b = state;

	return weir_scoreboard_sit(b->board);
}

static void sit_on_more_than_all_seats(struct board *b)
{
	pthread_t thread;
	void *seat = NULL;

	for (int i = 0; i < SEATS; i++) {
		pthread_create(&thread, NULL, find_no_seat, b);
		pthread_join(thread, &seat);
		if (!seat)
			_exit(1);
	}
	pthread_create(&thread, NULL, find_no_seat, b);
	pthread_join(thread, &seat);
	_exit(seat ? 2 : 5);
}

static void test_scoreboard_has_as_many_seats_as_were_asked_for(void **state)
{
	struct board *b = *state;

	assert_tells(b, run(b, sit_on_more_than_all_seats), "ended with exit status 5", "running", "nothing");
}

static void sit_twice(struct board *b)
{
	_Atomic(const struct weir_route *) *seat = weir_scoreboard_sit(b->board);

	_exit(weir_scoreboard_sit(b->board) == seat ? 0 : 1);
}

static void test_scoreboard_gives_a_thread_one_seat(void **state)
{
	assert_int_equal(run(*state, sit_twice), 0);
}

static void come_up_and_fail(struct board *b)
{
	weir_scoreboard_set_up(b->board);
	weir_scoreboard_set_failure(b->board, WEIR_ERR_CONFIG);
	note(b, b->routes[0]);
}

static void test_scoreboard_clear_forgets(void **state)
{
	struct board *b = *state;
	const struct weir_route *route;

	run(b, come_up_and_fail);
	assert_true(weir_scoreboard_is_up(b->board, SLOT));
	assert_int_equal(weir_scoreboard_failure(b->board, SLOT), WEIR_ERR_CONFIG);
	weir_scoreboard_clear(b->board, SLOT);
	assert_false(weir_scoreboard_is_up(b->board, SLOT));
	assert_int_equal(weir_scoreboard_failure(b->board, SLOT), WEIR_OK);
	assert_int_equal(weir_scoreboard_count(b->board, SLOT, b->routes[0]), 0);
	assert_false(weir_scoreboard_crashed(b->board, SLOT, &route));
}

/* -- Faults ---------------------------------------------------------------------------------------------------------------- */

static void touch_forbidden_page(struct board *b)
{
	char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	note(b, b->routes[1]);
	*(volatile char *)page = 1;
}

static void test_scoreboard_names_the_route_of_a_fault(void **state)
{
	assert_tells(*state, run(*state, touch_forbidden_page), "was ended by SIGSEGV", "route", "/b/{x}");
}

static void note_and_abort(struct board *b)
{
	note(b, b->routes[1]);
	abort();
}

static void test_scoreboard_names_the_route_of_an_abort(void **state)
{
	assert_tells(*state, run(*state, note_and_abort), "was ended by SIGABRT", "route", "/b/{x}");
}

static void *fault_without_seat(void *state)
{
	(void)state;
	raise(SIGFPE);
	return NULL;
}

static void fault_elsewhere(struct board *b)
{
	pthread_t thread;

	note(b, b->routes[1]);
	pthread_create(&thread, NULL, fault_without_seat, NULL);
	pthread_join(thread, NULL);
}

static void test_scoreboard_blames_no_route_for_another_thread(void **state)
{
	assert_tells(*state, run(*state, fault_elsewhere), "was ended by SIGFPE", "route", "none");
}

static void wait_for_parent(struct board *b)
{
	note(b, b->routes[1]);
	weir_scoreboard_set_up(b->board);
	pause();
}

/* Sent from outside, at a moment that says nothing. */
static void test_scoreboard_blames_no_route_for_a_signal_from_outside(void **state)
{
	struct board *b = *state;
	pid_t pid = start(b, wait_for_parent);

	while (!weir_scoreboard_is_up(b->board, SLOT))
		sched_yield();
	kill(pid, SIGSEGV);
	assert_tells(b, wait_for(pid), "was ended by SIGSEGV", "running", "/b/{x}");
}

static void end_with_7(int number)
{
	(void)number;
	_exit(7);
}

static void take_sigill(void)
{
	signal(SIGILL, end_with_7);
}

static void raise_sigill(struct board *b)
{
	note(b, b->routes[1]);
	raise(SIGILL);
}

static void test_scoreboard_leaves_a_handler_of_the_app(void **state)
{
	struct board *b = *state;

	b->prepare = take_sigill;
	assert_tells(b, run(b, raise_sigill), "ended with exit status 7", "running", "/b/{x}");
}

static void write_nonsense(struct board *b)
{
	note(b, (const struct weir_route *)(uintptr_t)0x1234);
	abort();
}

static void test_scoreboard_nonsense_on_it_is_not_followed(void **state)
{
	assert_tells(*state, run(*state, write_nonsense), "was ended by SIGABRT", "route", "none");
}

static void end_by_an_uncommon_signal(struct board *b)
{
	(void)b;
	kill(getpid(), SIGRTMIN + 1);
}

static void test_scoreboard_signals_without_a_name_have_a_number(void **state)
{
	struct board *b = *state;
	char cause[48];

	snprintf(cause, sizeof(cause), "was ended by signal %d", SIGRTMIN + 1);
	assert_tells(b, run(b, end_by_an_uncommon_signal), cause, "running", "nothing");
}

static void destroy_and_fault(struct board *b)
{
	note(b, b->routes[1]);
	weir_scoreboard_destroy(b->board);
	abort();
}

static void test_scoreboard_is_not_used_once_destroyed(void **state)
{
	assert_tells(*state, run(*state, destroy_and_fault), "was ended by SIGABRT", "running", "/b/{x}");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_scoreboard_tells_what_all_threads_were_with, setup, teardown),
		cmocka_unit_test_setup_teardown(test_scoreboard_has_as_many_seats_as_were_asked_for, setup, teardown),
		cmocka_unit_test_setup_teardown(test_scoreboard_gives_a_thread_one_seat, setup, teardown),
		cmocka_unit_test_setup_teardown(test_scoreboard_clear_forgets, setup, teardown),
		cmocka_unit_test_setup_teardown(test_scoreboard_names_the_route_of_a_fault, setup, teardown),
		cmocka_unit_test_setup_teardown(test_scoreboard_names_the_route_of_an_abort, setup, teardown),
		cmocka_unit_test_setup_teardown(test_scoreboard_blames_no_route_for_another_thread, setup, teardown),
		cmocka_unit_test_setup_teardown(test_scoreboard_blames_no_route_for_a_signal_from_outside, setup, teardown),
		cmocka_unit_test_setup_teardown(test_scoreboard_leaves_a_handler_of_the_app, setup, teardown),
		cmocka_unit_test_setup_teardown(test_scoreboard_nonsense_on_it_is_not_followed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_scoreboard_signals_without_a_name_have_a_number, setup, teardown),
		cmocka_unit_test_setup_teardown(test_scoreboard_is_not_used_once_destroyed, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
