/* SPDX-License-Identifier: Apache-2.0
 *
 * Flights by themselves, on a host that only writes down whom it was told to run: who is woken, with what, and when a flight is forgotten.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "cache/flight.h"
#include "exchange/exchange.h"

#define PASSENGERS 6

struct passenger {
	struct weir_exchange exchange;
	struct weir_flight_seat seat;
	int woken;
	int posted;
};

struct airport {
	struct weir_host host;
	struct passenger passengers[PASSENGERS];
	struct weir_blob *blob;
};

static const struct weir_slice key = { "key", 3 };

static void count_ready(struct weir_host *host, struct weir_exchange *exchange)
{
	(void)host;
	WEIR_CONTAINER_OF(exchange, struct passenger, exchange)->woken++;
}

/* A message is late: whom it is for may be over when it comes. */
static void count_post(struct weir_host *host, struct weir_message *message)
{
	struct weir_exchange *exchange = WEIR_CONTAINER_OF(message, struct weir_exchange, resumed);

	(void)host;
	WEIR_CONTAINER_OF(exchange, struct passenger, exchange)->posted++;
}

static void no_timer(struct weir_timer *timer)
{
	(void)timer;
	fail();
}

static const struct weir_host_ops host_ops = { .ready = count_ready, .post = count_post };

static int setup(void **state)
{
	struct airport *airport = calloc(1, sizeof(*airport));

	if (!airport)
		return -1;
	weir_host_init(&airport->host, &host_ops, weir_clock_system());
	for (size_t i = 0; i < PASSENGERS; i++) {
		struct weir_exchange *exchange = &airport->passengers[i].exchange;

		exchange->host = &airport->host;
		exchange->req.exchange = exchange;
		exchange->parked = WEIR_PARKED_WAIT;
		weir_timer_init(&exchange->wait_timer, no_timer, exchange);
	}
	airport->blob = weir_blob_create(1);
	*state = airport;
	return airport->blob ? 0 : -1;
}

static int teardown(void **state)
{
	struct airport *airport = *state;

	weir_blob_drop(airport->blob);
	weir_host_finish(&airport->host);
	free(airport);
	return 0;
}

static struct weir_flight *find(struct airport *airport)
{
	return weir_flight_find(&airport->host, key);
}

static struct weir_flight_seat *seat(struct airport *airport, size_t passenger)
{
	return &airport->passengers[passenger].seat;
}

static void lead_at(struct airport *airport, size_t passenger, uint64_t clock)
{
	struct passenger *leader = &airport->passengers[passenger];

	assert_int_equal(weir_flight_lead(&airport->host, key, clock, &leader->exchange.req, &leader->seat), WEIR_OK);
}

static void lead(struct airport *airport, size_t passenger)
{
	lead_at(airport, passenger, 1);
}

static void wait_for(struct airport *airport, struct weir_flight *flight, size_t passenger)
{
	assert_non_null(flight);
	weir_flight_wait(flight, &airport->passengers[passenger].exchange.req, seat(airport, passenger));
}

static void expect_woken(struct airport *airport, size_t passenger, int times)
{
	assert_int_equal(airport->passengers[passenger].woken, times);
	assert_int_equal(airport->passengers[passenger].posted, 0);
}

static unsigned references(const struct airport *airport)
{
	return atomic_load(&airport->blob->references);
}

static void test_flight_is_found_by_its_key_while_open(void **state)
{
	struct airport *airport = *state;

	assert_null(find(airport));
	lead(airport, 0);
	assert_non_null(find(airport));
	assert_null(weir_flight_find(&airport->host, WEIR_SLICE_LITERAL("kez")));
	assert_null(weir_flight_find(&airport->host, WEIR_SLICE_LITERAL("ke")));
	assert_true(weir_flight_is_open(seat(airport, 0)));
	assert_null(weir_flight_result(seat(airport, 0)));
	weir_flight_leave(seat(airport, 0));
	assert_null(find(airport));
}

static void test_flight_lands_for_all_who_wait(void **state)
{
	struct airport *airport = *state;

	lead(airport, 0);
	wait_for(airport, find(airport), 1);
	wait_for(airport, find(airport), 2);
	expect_woken(airport, 1, 0);
	assert_null(weir_flight_land(seat(airport, 0), airport->blob, false));
	assert_null(find(airport));
	for (size_t i = 1; i <= 2; i++) {
		expect_woken(airport, i, 1);
		assert_ptr_equal(weir_flight_result(seat(airport, i)), airport->blob);
		assert_false(weir_flight_is_open(seat(airport, i)));
	}
	expect_woken(airport, 0, 0);
	assert_int_equal(references(airport), 2);
	for (size_t i = 0; i <= 2; i++)
		weir_flight_leave(seat(airport, i));
	assert_int_equal(references(airport), 1);
}

static void test_flight_without_a_result_sets_all_free(void **state)
{
	struct airport *airport = *state;

	lead(airport, 0);
	wait_for(airport, find(airport), 1);
	weir_flight_leave(seat(airport, 0));
	expect_woken(airport, 1, 1);
	assert_null(weir_flight_result(seat(airport, 1)));
	assert_false(weir_flight_is_open(seat(airport, 1)));
	assert_null(find(airport));
	weir_flight_leave(seat(airport, 1));
}

static void test_flight_does_not_wake_who_has_left(void **state)
{
	struct airport *airport = *state;

	lead(airport, 0);
	wait_for(airport, find(airport), 1);
	wait_for(airport, find(airport), 2);
	weir_flight_leave(seat(airport, 1));
	weir_flight_leave(seat(airport, 1)); /* nothing is left to leave */
	weir_flight_leave(seat(airport, 0));
	expect_woken(airport, 1, 0);
	expect_woken(airport, 2, 1);
	weir_flight_leave(seat(airport, 2));
}

/* A timeout, or a client that left, came first in the same round: a second event would reach an exchange that may be over by then. */
static void test_flight_does_not_wake_who_is_awake(void **state)
{
	struct airport *airport = *state;

	lead(airport, 0);
	wait_for(airport, find(airport), 1);
	airport->passengers[1].exchange.parked = WEIR_PARKED_READY;
	weir_flight_land(seat(airport, 0), airport->blob, false);
	expect_woken(airport, 1, 0);
	assert_ptr_equal(weir_flight_result(seat(airport, 1)), airport->blob);
	weir_flight_leave(seat(airport, 1));
	weir_flight_leave(seat(airport, 0));
}

static void test_flight_that_is_held_serves_who_comes_late(void **state)
{
	struct airport *airport = *state;
	struct weir_flight *held;

	lead(airport, 0);
	held = weir_flight_land(seat(airport, 0), airport->blob, true);
	weir_flight_leave(seat(airport, 0));
	assert_non_null(held);
	assert_ptr_equal(find(airport), held);
	wait_for(airport, held, 1);
	assert_ptr_equal(weir_flight_result(seat(airport, 1)), airport->blob);
	weir_flight_release(held);
	assert_null(find(airport));
	assert_ptr_equal(weir_flight_result(seat(airport, 1)), airport->blob);
	weir_flight_leave(seat(airport, 1));
	assert_int_equal(references(airport), 1);
	weir_flight_release(NULL);
}

static void test_flight_is_taken_over_by_one_only(void **state)
{
	struct airport *airport = *state;

	lead(airport, 0);
	wait_for(airport, find(airport), 1);
	wait_for(airport, find(airport), 2);
	assert_true(weir_flight_take_over(seat(airport, 1)));
	assert_false(weir_flight_take_over(seat(airport, 2)));
	weir_flight_leave(seat(airport, 0)); /* the first leader fails; the second works on */
	assert_true(weir_flight_is_open(seat(airport, 2)));
	expect_woken(airport, 2, 0);
	weir_flight_land(seat(airport, 1), airport->blob, false);
	expect_woken(airport, 1, 0);
	expect_woken(airport, 2, 1);
	weir_flight_leave(seat(airport, 1));
	weir_flight_leave(seat(airport, 2));
}

static void test_flight_with_two_leaders_ends_with_the_first_result(void **state)
{
	struct airport *airport = *state;
	struct weir_blob *late = weir_blob_create(1);

	assert_non_null(late);
	lead(airport, 0);
	wait_for(airport, find(airport), 1);
	wait_for(airport, find(airport), 2);
	assert_true(weir_flight_take_over(seat(airport, 1)));
	weir_flight_land(seat(airport, 0), airport->blob, false);
	weir_flight_leave(seat(airport, 0));
	assert_null(weir_flight_land(seat(airport, 1), late, true));
	assert_ptr_equal(weir_flight_result(seat(airport, 2)), airport->blob);
	weir_flight_leave(seat(airport, 1));
	expect_woken(airport, 2, 1);
	weir_flight_leave(seat(airport, 2));
	assert_int_equal(atomic_load(&late->references), 1);
	weir_blob_drop(late);
}

static void test_flight_with_two_leaders_who_fail_sets_all_free_once(void **state)
{
	struct airport *airport = *state;

	lead(airport, 0);
	wait_for(airport, find(airport), 1);
	wait_for(airport, find(airport), 2);
	assert_true(weir_flight_take_over(seat(airport, 1)));
	weir_flight_leave(seat(airport, 1));
	assert_non_null(find(airport));
	weir_flight_leave(seat(airport, 0));
	assert_null(find(airport));
	expect_woken(airport, 2, 1);
	weir_flight_leave(seat(airport, 2));
}

static void test_flight_that_has_landed_is_not_taken_over(void **state)
{
	struct airport *airport = *state;

	lead(airport, 0);
	wait_for(airport, find(airport), 1);
	weir_flight_land(seat(airport, 0), airport->blob, false);
	assert_false(weir_flight_take_over(seat(airport, 1)));
	weir_flight_leave(seat(airport, 0));
	weir_flight_leave(seat(airport, 1));
}

static void test_flight_of_a_later_clock_is_found_first(void **state)
{
	struct airport *airport = *state;

	lead_at(airport, 0, 5);
	wait_for(airport, find(airport), 1);
	lead_at(airport, 2, 6);
	assert_true(weir_flight_clock(find(airport)) == 6);
	wait_for(airport, find(airport), 3);
	weir_flight_land(seat(airport, 0), airport->blob, false);
	expect_woken(airport, 1, 1);
	expect_woken(airport, 3, 0);
	assert_true(weir_flight_clock(find(airport)) == 6);
	weir_flight_leave(seat(airport, 2));
	expect_woken(airport, 3, 1);
	assert_null(find(airport));
	for (size_t i = 0; i <= 3; i++)
		weir_flight_leave(seat(airport, i));
}

static void test_flight_is_handed_over_to_one_who_waits(void **state)
{
	struct airport *airport = *state;

	lead(airport, 0);
	assert_false(weir_flight_is_awaited(seat(airport, 0)));
	for (size_t i = 1; i <= 3; i++)
		wait_for(airport, find(airport), i);
	airport->passengers[1].exchange.req.method = WEIR_HEAD;
	assert_true(weir_flight_is_awaited(seat(airport, 0)));
	weir_flight_hand_over(seat(airport, 0));
	weir_flight_leave(seat(airport, 0));
	assert_true(seat(airport, 2)->leads);
	expect_woken(airport, 1, 0);
	expect_woken(airport, 2, 1);
	expect_woken(airport, 3, 0);
	weir_flight_land(seat(airport, 2), airport->blob, false);
	expect_woken(airport, 1, 1);
	expect_woken(airport, 2, 1);
	expect_woken(airport, 3, 1);
	for (size_t i = 1; i <= 3; i++)
		weir_flight_leave(seat(airport, i));
}

/* Who has been woken by its timeout or its client finds out by itself. */
static void test_flight_is_handed_over_to_one_who_is_awake(void **state)
{
	struct airport *airport = *state;

	lead(airport, 0);
	wait_for(airport, find(airport), 1);
	airport->passengers[1].exchange.parked = WEIR_PARKED_READY;
	weir_flight_hand_over(seat(airport, 0));
	weir_flight_leave(seat(airport, 0));
	expect_woken(airport, 1, 0);
	assert_true(seat(airport, 1)->leads);
	weir_flight_leave(seat(airport, 1));
	assert_null(find(airport));
}

static void test_flight_is_not_handed_over_while_another_leads(void **state)
{
	struct airport *airport = *state;

	lead(airport, 0);
	wait_for(airport, find(airport), 1);
	wait_for(airport, find(airport), 2);
	assert_true(weir_flight_take_over(seat(airport, 1)));
	weir_flight_hand_over(seat(airport, 0));
	weir_flight_leave(seat(airport, 0));
	assert_false(seat(airport, 2)->leads);
	expect_woken(airport, 2, 0);
	weir_flight_hand_over(seat(airport, 1));
	weir_flight_leave(seat(airport, 1));
	assert_true(seat(airport, 2)->leads);
	weir_flight_hand_over(seat(airport, 2)); /* nobody is left */
	weir_flight_leave(seat(airport, 2));
	assert_null(find(airport));
}

/* Neither one who waits, nor one whose flight has landed, nor one without a seat has anything to hand over. */
static void test_flight_is_handed_over_by_its_leader_only(void **state)
{
	struct airport *airport = *state;

	weir_flight_hand_over(seat(airport, 0));
	lead(airport, 0);
	wait_for(airport, find(airport), 1);
	wait_for(airport, find(airport), 2);
	weir_flight_hand_over(seat(airport, 1));
	assert_false(seat(airport, 2)->leads);
	weir_flight_land(seat(airport, 0), airport->blob, false);
	weir_flight_hand_over(seat(airport, 0));
	for (size_t i = 0; i <= 2; i++)
		weir_flight_leave(seat(airport, i));
	expect_woken(airport, 2, 1);
}

/* More flights than the table has rows, and they end in another order than they began. */
static void test_flight_table_keeps_many_apart(void **state)
{
	enum {
		MANY = 5000
	};
	struct airport *airport = *state;
	struct weir_flight_seat *seats = calloc(MANY, sizeof(*seats));
	char name[16];

	assert_non_null(seats);
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "key %d", i);
		assert_int_equal(weir_flight_lead(&airport->host, weir_slice_text(name), (uint64_t)i, &airport->passengers[0].exchange.req,
						  &seats[i]),
				 WEIR_OK);
	}
	for (int step = 0; step < MANY; step++) {
		int i = step * 7 % MANY;

		snprintf(name, sizeof(name), "key %d", i);
		assert_true(weir_flight_clock(weir_flight_find(&airport->host, weir_slice_text(name))) == (uint64_t)i);
		weir_flight_leave(&seats[i]);
		assert_null(weir_flight_find(&airport->host, weir_slice_text(name)));
	}
	free(seats);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_flight_is_found_by_its_key_while_open),
		TEST(test_flight_lands_for_all_who_wait),
		TEST(test_flight_without_a_result_sets_all_free),
		TEST(test_flight_does_not_wake_who_has_left),
		TEST(test_flight_does_not_wake_who_is_awake),
		TEST(test_flight_that_is_held_serves_who_comes_late),
		TEST(test_flight_is_taken_over_by_one_only),
		TEST(test_flight_with_two_leaders_ends_with_the_first_result),
		TEST(test_flight_with_two_leaders_who_fail_sets_all_free_once),
		TEST(test_flight_that_has_landed_is_not_taken_over),
		TEST(test_flight_of_a_later_clock_is_found_first),
		TEST(test_flight_is_handed_over_to_one_who_waits),
		TEST(test_flight_is_handed_over_to_one_who_is_awake),
		TEST(test_flight_is_not_handed_over_while_another_leads),
		TEST(test_flight_is_handed_over_by_its_leader_only),
		TEST(test_flight_table_keeps_many_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
