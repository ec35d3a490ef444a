/* SPDX-License-Identifier: Apache-2.0
 *
 * Flights of values by themselves: who leads, who waits, what ends a wait, and that no circle of threads waits for itself. Real threads;
 * where a test has to know that one of them waits it asks the flight.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "cache/call.h"
#include "cache/value_flight.h"

#define LONG_MS 20000 /* a test that really waits for so long has failed */

static struct weir_cache cache, other_cache;

static struct weir_call call_of(const char *key)
{
	return (struct weir_call){ .cache = &cache, .key = weir_slice_text(key) };
}

static void board(const char *key, struct weir_value_seat *seat)
{
	struct weir_call call = call_of(key);

	assert_int_equal(weir_value_board(&call, seat), WEIR_OK);
}

static struct weir_blob *blob_of(char byte)
{
	struct weir_blob *blob = weir_blob_create(1);

	assert_non_null(blob);
	blob->data[0] = byte;
	return blob;
}

/* -- One thread that waits --------------------------------------------------------------------------------------------------- */

static atomic_int boarded; /* threads that have their seats */

struct waiter {
	pthread_t thread;
	bool leads; /* beside others */
	struct weir_value_seat seat;
	enum weir_value_wake wake;
	char byte; /* of the result */
};

static void *wait_for_flight(void *state)
{
	struct waiter *waiter = state;
	struct weir_call call = call_of("a");

	if (waiter->leads)
		assert_int_equal(weir_value_lead(&call, &waiter->seat), WEIR_OK);
	else
		board("a", &waiter->seat);
	assert_int_equal(waiter->seat.leads, waiter->leads);
	atomic_fetch_add(&boarded, 1);
	waiter->wake = weir_value_wait(&waiter->seat, LONG_MS);
	if (waiter->wake == WEIR_VALUE_LANDED)
		waiter->byte = weir_value_result(&waiter->seat)->data[0];
	weir_value_leave(&waiter->seat);
	return NULL;
}

static void start(struct waiter *waiters, size_t count, bool lead)
{
	atomic_store(&boarded, 0);
	for (size_t i = 0; i < count; i++) {
		waiters[i] = (struct waiter){ .leads = lead };
		assert_int_equal(pthread_create(&waiters[i].thread, NULL, wait_for_flight, &waiters[i]), 0);
	}
	while (atomic_load(&boarded) < (int)count)
		sched_yield();
}

static void expect_end(struct waiter *waiters, size_t count, enum weir_value_wake wake)
{
	for (size_t i = 0; i < count; i++) {
		pthread_join(waiters[i].thread, NULL);
		assert_int_equal(waiters[i].wake, wake);
		if (wake == WEIR_VALUE_LANDED)
			assert_int_equal(waiters[i].byte, 'x');
	}
}

static void until_awaited(const struct weir_value_seat *seat)
{
	while (!weir_value_is_awaited(seat))
		sched_yield();
}

/* -- Tests ------------------------------------------------------------------------------------------------------------------- */

static void test_value_flight_is_of_one_cache_and_key(void **state)
{
	struct weir_call calls[] = { call_of("a"), call_of("b"), call_of("a"), call_of("a") };
	struct weir_value_seat seats[4];

	(void)state;
	calls[2].cache = &other_cache;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(weir_value_board(&calls[i], &seats[i]), WEIR_OK);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(seats[i].leads, i != 3);
	assert_ptr_equal(seats[3].flight, seats[0].flight);
	for (size_t i = 0; i < 4; i++)
		weir_value_leave(&seats[i]);
	weir_value_leave(&seats[0]); /* none is nothing to leave */
}

static void test_value_flight_carries_its_result_to_all(void **state)
{
	struct weir_value_seat seat;
	struct weir_blob *blob = blob_of('x'), *late = blob_of('y');
	struct waiter waiters[8];

	(void)state;
	board("a", &seat);
	start(waiters, 8, false);
	weir_value_land(&seat, blob, 0);
	weir_value_land(&seat, late, 0); /* the first counts */
	weir_blob_drop(blob);
	weir_blob_drop(late);
	expect_end(waiters, 8, WEIR_VALUE_LANDED);
	weir_value_leave(&seat);
}

static void expect_all_free(bool was_made, enum weir_value_wake wake)
{
	struct weir_value_seat seat;
	struct waiter waiters[8];

	board("a", &seat);
	start(waiters, 8, false);
	until_awaited(&seat);
	if (was_made)
		weir_value_set_aside(&seat, WEIR_ERR_IO, NULL);
	weir_value_leave(&seat);
	expect_end(waiters, 8, wake);
}

static void test_value_flight_without_a_result_sets_all_free(void **state)
{
	(void)state;
	expect_all_free(true, WEIR_VALUE_ENDED);
}

static void test_value_flight_that_was_left_is_another_matter(void **state)
{
	(void)state;
	expect_all_free(false, WEIR_VALUE_LEFT);
}

/* -- Handed on --------------------------------------------------------------------------------------------------------------- */

static void test_value_flight_handed_on_has_another_leader(void **state)
{
	struct weir_value_seat seat, errand = { 0 };
	struct weir_blob *blob = blob_of('x');
	struct waiter waiter;

	(void)state;
	board("a", &seat);
	weir_value_hand_on(&seat, &errand);
	assert_false(seat.leads);
	assert_true(errand.leads);
	start(&waiter, 1, false); /* the one it is handed to has not come: that it waits for nobody is known all the same */
	until_awaited(&errand);
	weir_value_land(&errand, blob, 0);
	weir_value_leave(&errand);
	assert_int_equal(weir_value_wait(&seat, LONG_MS), WEIR_VALUE_LANDED);
	expect_end(&waiter, 1, WEIR_VALUE_LANDED);
	weir_value_leave(&seat);
	weir_blob_drop(blob);
}

static void expect_aside(const struct weir_value_seat *seat, enum weir_status status, struct weir_blob *entry)
{
	enum weir_status found_status = WEIR_OK;
	struct weir_blob *found = NULL;

	assert_true(weir_value_get_aside(seat, &found_status, &found));
	assert_int_equal(found_status, status);
	assert_ptr_equal(found, entry);
}

/* Each has what has come of the making that it has sent: the first that of the first, who has taken over that of the second. */
static void test_value_flight_sets_aside_for_who_has_handed_on(void **state)
{
	struct weir_value_seat first, second, beside, errands[2] = { { 0 } };
	enum weir_status status = WEIR_OK;
	struct weir_blob *blob = blob_of('x');
	struct weir_call call = call_of("a");

	(void)state;
	board("a", &first);
	weir_value_hand_on(&first, &errands[0]);
	board("a", &second);
	assert_true(weir_value_take_over(&second));
	weir_value_hand_on(&second, &errands[1]);
	assert_int_equal(weir_value_lead(&call, &beside), WEIR_OK);
	assert_false(weir_value_get_aside(&first, &status, &blob));
	weir_value_set_aside(&beside, WEIR_ERR_TIMEOUT, NULL); /* nobody has sent that one */
	assert_false(weir_value_get_aside(&first, &status, &blob));
	assert_int_equal(status, WEIR_OK);
	weir_value_set_aside(&errands[1], WEIR_OK, blob);
	weir_value_set_aside(&errands[0], WEIR_ERR_IO, NULL);
	expect_aside(&first, WEIR_ERR_IO, NULL);
	expect_aside(&second, WEIR_OK, blob);
	weir_value_leave(&beside);
	for (size_t i = 0; i < 2; i++)
		weir_value_leave(&errands[i]);
	assert_int_equal(weir_value_wait(&first, LONG_MS), WEIR_VALUE_ENDED);
	weir_value_leave(&first);
	weir_value_leave(&second);
	weir_blob_drop(blob);
}

static void *arrive_and_wait(void *state)
{
	struct weir_value_seat *errand = state, next;
	enum weir_value_wake wake;

	weir_value_arrive(errand);
	board("b", &next);
	wake = weir_value_wait(&next, LONG_MS);
	weir_value_leave(&next);
	weir_value_leave(errand);
	return wake == WEIR_VALUE_CIRCLE ? errand : NULL;
}

/* Leads b, has a made by another thread, waits for that; and that one wants b. */
static void test_value_flight_sees_circles_through_what_was_handed_on(void **state)
{
	struct weir_value_seat own, next, errand = { 0 };
	enum weir_value_wake wake;
	pthread_t thread;
	void *saw;

	(void)state;
	board("b", &own);
	board("a", &next);
	weir_value_hand_on(&next, &errand);
	assert_int_equal(pthread_create(&thread, NULL, arrive_and_wait, &errand), 0);
	wake = weir_value_wait(&next, LONG_MS);
	pthread_join(thread, &saw);
	assert_true(saw ? wake == WEIR_VALUE_LEFT : wake == WEIR_VALUE_CIRCLE);
	weir_value_leave(&next);
	weir_value_leave(&own);
}

/* -- The end ----------------------------------------------------------------------------------------------------------------- */

static void test_value_flight_is_gone_when_it_has_landed(void **state)
{
	struct weir_value_seat seat, next;
	struct weir_blob *blob = blob_of('x');

	(void)state;
	board("a", &seat);
	weir_value_land(&seat, blob, 0);
	board("a", &next);
	assert_true(next.leads);
	assert_null(weir_value_result(&next));
	assert_ptr_equal(weir_value_result(&seat), blob);
	weir_value_leave(&seat);
	weir_value_leave(&next);
	weir_blob_drop(blob);
}

struct successor {
	pthread_t thread;
	pthread_barrier_t step; /* of this thread and the test's */
	enum weir_value_wake wake;
	bool leads;
};

static void *take_over(void *state)
{
	struct successor *successor = state;
	struct weir_value_seat seat;

	board("a", &seat);
	successor->wake = weir_value_wait(&seat, 0);
	successor->leads = weir_value_take_over(&seat);
	pthread_barrier_wait(&successor->step);
	pthread_barrier_wait(&successor->step);
	weir_value_leave(&seat);
	return NULL;
}

static void begin_to_take_over(struct successor *successor)
{
	assert_int_equal(pthread_barrier_init(&successor->step, NULL, 2), 0);
	assert_int_equal(pthread_create(&successor->thread, NULL, take_over, successor), 0);
	pthread_barrier_wait(&successor->step);
	assert_int_equal(successor->wake, WEIR_VALUE_TIMEOUT);
}

static void end_successor(struct successor *successor)
{
	pthread_barrier_wait(&successor->step);
	pthread_join(successor->thread, NULL);
	pthread_barrier_destroy(&successor->step);
}

static void test_value_flight_is_taken_over_by_one(void **state)
{
	struct weir_value_seat seat;
	struct successor first, second;
	struct waiter waiter;

	(void)state;
	board("a", &seat);
	begin_to_take_over(&first);
	begin_to_take_over(&second);
	assert_true(first.leads);
	assert_false(second.leads);
	end_successor(&second);
	start(&waiter, 1, false);
	weir_value_leave(&seat);
	board("a", &seat);
	assert_false(seat.leads); /* the one who took over goes on */
	until_awaited(&seat);
	weir_value_leave(&seat);
	end_successor(&first);
	expect_end(&waiter, 1, WEIR_VALUE_LEFT);
}

static void test_value_flight_is_not_for_those_behind_a_clear(void **state)
{
	const uint64_t epoch = UINT64_C(5) << 40;
	struct weir_call before = call_of("a"), after = call_of("a"), unknowing = call_of("a");
	struct weir_value_seat seats[3];

	(void)state;
	before.clock_known = after.clock_known = true;
	before.clock = epoch + 1;
	after.clock = after.cells[WEIR_CALL_CELL_NAMESPACE].stamp = epoch + 2;
	assert_int_equal(weir_value_board(&before, &seats[0]), WEIR_OK);
	assert_int_equal(weir_value_board(&after, &seats[1]), WEIR_OK);
	assert_true(seats[1].leads);
	assert_ptr_not_equal(seats[1].flight, seats[0].flight);
	assert_int_equal(weir_value_board(&unknowing, &seats[2]), WEIR_OK);
	assert_ptr_equal(seats[2].flight, seats[1].flight); /* the newest */
	for (size_t i = 0; i < 3; i++)
		weir_value_leave(&seats[i]);
}

/* Two lead, one before and one behind a clear, and only one can have the lease: when that is the first, the other waits for it. */
static void test_value_flight_that_was_renewed_is_for_those_behind_a_clear(void **state)
{
	const uint64_t epoch = UINT64_C(5) << 40;
	struct weir_call before = call_of("a"), after = call_of("a");
	struct weir_value_seat first, second, third;
	struct weir_blob *blob = blob_of('x');

	(void)state;
	before.clock_known = after.clock_known = true;
	before.clock = epoch + 1;
	after.clock = after.cells[WEIR_CALL_CELL_NAMESPACE].stamp = epoch + 2;
	assert_int_equal(weir_value_board(&before, &first), WEIR_OK);
	assert_int_equal(weir_value_board(&after, &second), WEIR_OK);
	assert_int_equal(weir_value_board(&after, &third), WEIR_OK);
	assert_false(weir_value_move(&after, &second)); /* the first is of no use to it */
	assert_true(second.leads);
	weir_value_renew(&first, epoch + 2);
	assert_true(weir_value_move(&after, &second));
	assert_false(second.leads);
	assert_ptr_equal(second.flight, first.flight);
	assert_int_equal(weir_value_wait(&third, LONG_MS), WEIR_VALUE_LEFT);
	assert_false(weir_value_move(&after, &first)); /* there is no other than its own */
	weir_value_land(&first, blob, epoch + 1);      /* begun before the clear */
	assert_null(weir_value_result(&second));
	weir_value_land(&first, blob, epoch + 2);
	assert_int_equal(weir_value_wait(&second, LONG_MS), WEIR_VALUE_LANDED);
	weir_value_leave(&first);
	weir_value_leave(&second);
	weir_value_leave(&third);
	weir_blob_drop(blob);
}

static void test_value_flight_wakes_leaders_who_watch(void **state)
{
	struct weir_value_seat seat;
	struct weir_blob *blob = blob_of('x');
	struct waiter leaders[2];

	(void)state;
	board("a", &seat);
	start(leaders, 2, true);
	assert_false(weir_value_is_awaited(&seat)); /* by nobody who would not make it himself */
	weir_value_land(&seat, blob, 0);
	weir_blob_drop(blob);
	expect_end(leaders, 2, WEIR_VALUE_LANDED);
	weir_value_leave(&seat);
}

/* -- Circles ----------------------------------------------------------------------------------------------------------------- */

static void test_value_flight_nobody_waits_for_himself(void **state)
{
	struct weir_value_seat seat, again;

	(void)state;
	board("a", &seat);
	board("a", &again);
	assert_false(again.leads);
	assert_int_equal(weir_value_wait(&again, LONG_MS), WEIR_VALUE_CIRCLE);
	weir_value_leave(&again);
	weir_value_leave(&seat);
	board("a", &again);
	assert_true(again.leads);
	weir_value_leave(&again);
}

#define RING 8

static pthread_barrier_t all_lead;

struct link {
	pthread_t thread;
	char own[2], next[2]; /* keys */
	enum weir_value_wake wake;
};

static void *wait_for_next(void *state)
{
	struct link *link = state;
	struct weir_value_seat own, next;

	board(link->own, &own);
	pthread_barrier_wait(&all_lead);
	board(link->next, &next);
	link->wake = WEIR_VALUE_LEFT; /* it was over already */
	if (!next.leads)
		link->wake = weir_value_wait(&next, LONG_MS);
	weir_value_leave(&next);
	weir_value_leave(&own);
	return NULL;
}

/* Each leads a flight and waits for that of the next: the last to wait would close the circle. */
static void test_value_flight_circles_are_broken_by_one(void **state)
{
	(void)state;
	assert_int_equal(pthread_barrier_init(&all_lead, NULL, RING), 0);
	for (int round = 0; round < 100; round++) {
		struct link links[RING];
		int circles = 0;

		for (int i = 0; i < RING; i++) {
			links[i] = (struct link){ .own = { (char)('a' + i) }, .next = { (char)('a' + (i + 1) % RING) } };
			assert_int_equal(pthread_create(&links[i].thread, NULL, wait_for_next, &links[i]), 0);
		}
		for (int i = 0; i < RING; i++) {
			pthread_join(links[i].thread, NULL);
			assert_true(links[i].wake == WEIR_VALUE_CIRCLE || links[i].wake == WEIR_VALUE_LEFT);
			circles += links[i].wake == WEIR_VALUE_CIRCLE;
		}
		assert_int_equal(circles, 1);
	}
	pthread_barrier_destroy(&all_lead);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_value_flight_is_of_one_cache_and_key),
		cmocka_unit_test(test_value_flight_carries_its_result_to_all),
		cmocka_unit_test(test_value_flight_without_a_result_sets_all_free),
		cmocka_unit_test(test_value_flight_that_was_left_is_another_matter),
		cmocka_unit_test(test_value_flight_handed_on_has_another_leader),
		cmocka_unit_test(test_value_flight_sets_aside_for_who_has_handed_on),
		cmocka_unit_test(test_value_flight_sees_circles_through_what_was_handed_on),
		cmocka_unit_test(test_value_flight_is_gone_when_it_has_landed),
		cmocka_unit_test(test_value_flight_is_taken_over_by_one),
		cmocka_unit_test(test_value_flight_is_not_for_those_behind_a_clear),
		cmocka_unit_test(test_value_flight_that_was_renewed_is_for_those_behind_a_clear),
		cmocka_unit_test(test_value_flight_wakes_leaders_who_watch),
		cmocka_unit_test(test_value_flight_nobody_waits_for_himself),
		cmocka_unit_test(test_value_flight_circles_are_broken_by_one),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
