/* SPDX-License-Identifier: Apache-2.0
 *
 * The dynamodb driver and a server that is difficult, but in order: it checks signatures, throttles, does half of what it is asked, is
 * slow, has a clock of its own, lends keys for a while. tests/support/dynamodb_front.py stands before a real server and is all that.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "support/dynamodb_front.h"

#define SECRET WEIR_DYNAMODB_FRONT_SECRET
#define TOKEN "FwoGZXIvYXdzE/session+token=="

/* So many things in one call; the library asks for as many. */
#define READS 64

/* Keys that are nowhere on this machine. */
static void forget_keys(void)
{
	(void)unsetenv("AWS_ACCESS_KEY_ID");
	(void)unsetenv("AWS_SECRET_ACCESS_KEY");
}

/* -- What is asked --------------------------------------------------------------------------------------------------------- */

/* Reads of one value and three cells each, all different. */
struct reads {
	size_t count;
	char keys[READS][16];
	struct weir_backend_get gets[READS];
	struct weir_backend_cell cells[READS][3];
	char names[READS][3][32];
	struct weir_backend_read reads[READS];
	struct weir_backend_read *list[READS];
};

static void fill_reads(struct reads *reads, size_t count)
{
	reads->count = count;
	for (size_t i = 0; i < reads->count; i++) {
		(void)snprintf(reads->keys[i], sizeof(reads->keys[i]), "key%u", (unsigned)i);
		reads->gets[i] = (struct weir_backend_get){ .key = weir_slice_text(reads->keys[i]) };
		for (size_t k = 0; k < 3; k++) {
			(void)snprintf(reads->names[i][k], sizeof(reads->names[i][k]), "cell%u-%u", (unsigned)i, (unsigned)k);
			reads->cells[i][k] = (struct weir_backend_cell){ .name = weir_slice_text(reads->names[i][k]) };
		}
		reads->reads[i] = (struct weir_backend_read){ &reads->gets[i], 1, reads->cells[i], 3, 0, WEIR_OK };
		reads->list[i] = &reads->reads[i];
	}
}

static void set_all(struct weir_dynamodb_host *host, const struct reads *reads)
{
	struct weir_backend_set sets[READS];

	for (size_t i = 0; i < reads->count; i++)
		sets[i] = (struct weir_backend_set){ .key = reads->gets[i].key,
						     .value = reads->gets[i].key,
						     .expires_ms = WEIR_EXPIRES_NEVER };
	assert_int_equal(weir_backend_dynamodb.set_many(host->client, sets, reads->count), WEIR_OK);
	for (size_t i = 0; i < reads->count; i++)
		assert_int_equal(sets[i].status, WEIR_OK);
}

static void get_all(struct weir_dynamodb_host *host, struct reads *reads)
{
	assert_int_equal(weir_backend_dynamodb.get_many(host->client, reads->list, reads->count), WEIR_OK);
	for (size_t i = 0; i < reads->count; i++) {
		assert_int_equal(reads->gets[i].status, WEIR_OK);
		assert_true(weir_slice_equal(reads->gets[i].value, reads->gets[i].key));
		reads->gets[i].release(reads->gets[i].owner);
	}
}

static void lease_all(struct weir_dynamodb_host *host, const struct reads *reads, enum weir_lease_verb verb)
{
	struct weir_backend_lease leases[READS];

	for (size_t i = 0; i < reads->count; i++)
		leases[i] = (struct weir_backend_lease){ .verb = verb, .key = reads->gets[i].key, .token = i + 1, .ttl_ms = 60000 };
	assert_int_equal(weir_backend_dynamodb.lease_many(host->client, leases, reads->count), WEIR_OK);
	for (size_t i = 0; i < reads->count; i++)
		assert_int_equal(leases[i].status, WEIR_OK);
}

static bool count_visit(void *state, struct weir_slice key, struct weir_slice value)
{
	assert_true(weir_slice_equal(key, value));
	*(size_t *)state += key.data != NULL;
	return true;
}

/* Every operation, with several things at once. */
static void do_all(struct weir_dynamodb_host *host)
{
	const size_t count = 30;
	static struct reads reads;
	struct weir_slice keys[2] = { WEIR_SLICE_LITERAL("key1"), WEIR_SLICE_LITERAL("none") };
	size_t removed, visits = 0;
	uint64_t clock;

	fill_reads(&reads, count);
	set_all(host, &reads);
	assert_int_equal(weir_dynamodb_host_clear(host, weir_slice_text(reads.names[5][2]), 0, &clock), WEIR_OK);
	get_all(host, &reads);
	assert_true(reads.cells[5][2].stamp == clock && reads.reads[5].clock == clock);
	lease_all(host, &reads, WEIR_LEASE_TAKE);
	lease_all(host, &reads, WEIR_LEASE_RENEW);
	lease_all(host, &reads, WEIR_LEASE_RELEASE);
	assert_int_equal(weir_backend_dynamodb.remove(host->client, keys, 2, &removed), WEIR_OK);
	assert_int_equal(removed, 1);
	assert_int_equal(weir_backend_dynamodb.walk(host->client, WEIR_SLICE_LITERAL("key"), true, count_visit, &visits), WEIR_OK);
	assert_int_equal(visits, count - 1);
	visits = 0;
	assert_int_equal(weir_backend_dynamodb.walk(host->client, WEIR_SLICE_NONE, false, count_visit, &visits), WEIR_OK);
	assert_int_equal(visits, 0);
}

/* -- Signatures ------------------------------------------------------------------------------------------------------------ */

static void test_dynamodb_signatures_are_right(void **state)
{
	struct weir_dynamodb_host *host = weir_dynamodb_front_open((const char *const[]){ NULL }, "");

	(void)state;
	do_all(host);
	assert_string_equal(host->client->why, "UpdateTimeToLive: status 400, UnknownOperationException");
	weir_dynamodb_front_close(host);
}

static void test_dynamodb_signatures_cover_the_session_token(void **state)
{
	struct weir_dynamodb_host *host = weir_dynamodb_front_open((const char *const[]){ "--token", TOKEN, NULL }, "");
	char why[300];

	(void)state;
	assert_int_equal(weir_dynamodb_host_check(host, why), WEIR_ERR_BACKEND);
	(void)setenv("AWS_SESSION_TOKEN", TOKEN, 1);
	weir_dynamodb_credentials_forget(host->client->credentials);
	assert_int_equal(weir_dynamodb_host_check(host, why), WEIR_OK);
	assert_int_equal(weir_dynamodb_host_lease(host, WEIR_LEASE_TAKE, "key", 1), WEIR_OK);
	weir_dynamodb_front_close(host);
}

static void assert_refused(struct weir_dynamodb_host *host, const char *expected)
{
	struct weir_backend_get get = { .key = WEIR_SLICE_LITERAL("key") };
	char why[300];

	assert_int_equal(weir_dynamodb_host_check(host, why), WEIR_ERR_BACKEND);
	assert_non_null(strstr(why, expected));
	assert_int_equal(weir_dynamodb_host_read(host, &get, NULL, NULL), WEIR_ERR_BACKEND);
	assert_non_null(strstr(host->log, expected));
	assert_null(strstr(why, TOKEN));
	assert_null(strstr(host->log, TOKEN));
	assert_null(strstr(host->log, "wrong-secret"));
}

/* The server's message repeats the token; we do not. */
static void test_dynamodb_wrong_keys_are_told_without_them(void **state)
{
	struct weir_dynamodb_host *host = weir_dynamodb_front_open((const char *const[]){ "--token", TOKEN, NULL }, "");

	(void)state;
	(void)setenv("AWS_SECRET_ACCESS_KEY", "wrong-secret", 1);
	(void)setenv("AWS_SESSION_TOKEN", TOKEN, 1);
	assert_refused(host, "InvalidSignatureException: the secret key, or this machine's clock, is wrong");
	weir_dynamodb_front_close(host);
	host = weir_dynamodb_front_open((const char *const[]){ "--access-key", "ANOTHER", "--token", TOKEN, NULL }, "");
	assert_refused(host, "UnrecognizedClientException: the access key is not known");
	weir_dynamodb_front_close(host);
}

/* -- Where keys are lent --------------------------------------------------------------------------------------------------- */

static void test_dynamodb_keys_are_lent_to_containers(void **state)
{
	struct weir_dynamodb_host *host = weir_dynamodb_front_open((const char *const[]){ "--token", TOKEN, NULL }, "");
	char url[64], why[300];

	(void)state;
	forget_keys();
	assert_int_equal(weir_dynamodb_host_check(host, why), WEIR_ERR_CONFIG);
	assert_non_null(strstr(why, "no credentials in the environment, in the profile, of a container or of the machine"));
	(void)snprintf(url, sizeof(url), "http://%s/container", weir_dynamodb_front.address);
	(void)setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
	(void)setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "wrong", 1);
	weir_dynamodb_credentials_forget(host->client->credentials);
	assert_int_equal(weir_dynamodb_host_check(host, why), WEIR_ERR_IO);
	assert_non_null(strstr(why, "the container's agent gives no credentials"));
	(void)setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "agent token", 1);
	weir_dynamodb_credentials_forget(host->client->credentials);
	assert_int_equal(weir_dynamodb_host_check(host, why), WEIR_OK);
	weir_dynamodb_front_close(host);
}

static void test_dynamodb_keys_are_lent_to_machines(void **state)
{
	struct weir_dynamodb_host *host = weir_dynamodb_front_open((const char *const[]){ "--token", TOKEN, NULL }, "");
	char url[64], why[300];

	(void)state;
	forget_keys();
	(void)snprintf(url, sizeof(url), "http://%s", weir_dynamodb_front.address);
	(void)setenv("AWS_EC2_METADATA_DISABLED", "false", 1);
	(void)setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url, 1);
	assert_int_equal(weir_dynamodb_host_check(host, why), WEIR_OK);
	assert_int_equal(weir_dynamodb_host_lease(host, WEIR_LEASE_TAKE, "key", 1), WEIR_OK);
	weir_dynamodb_front_close(host);
}

/* Those that last are used to the end, also when there are no others yet; those that do not are not. */
static void test_dynamodb_keys_are_lent_for_a_while(void **state)
{
	static const struct {
		const char *seconds;
		enum weir_status expected;
	} loans[] = { { "60", WEIR_OK }, { "-1", WEIR_ERR_CONFIG } };
	char url[64], why[300];

	(void)state;
	forget_keys();
	for (size_t i = 0; i < 2; i++) {
		struct weir_dynamodb_host *host = weir_dynamodb_front_open((const char *const[]){ "--lend-s", loans[i].seconds, NULL }, "");

		(void)snprintf(url, sizeof(url), "http://%s/container", weir_dynamodb_front.address);
		(void)setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", url, 1);
		(void)setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", "agent token", 1);
		assert_int_equal(weir_dynamodb_host_check(host, why), loans[i].expected);
		if (loans[i].expected != WEIR_OK)
			assert_non_null(strstr(why, "the credentials that were found have expired"));
		weir_dynamodb_front_close(host);
	}
}

/* The first ones, which are in hand, are told to have expired; those that are there now are right. */
static void test_dynamodb_expired_keys_are_looked_for_again(void **state)
{
	struct weir_dynamodb_host *host = weir_dynamodb_front_open((const char *const[]){ "--expired", "1", NULL }, "");
	const struct weir_dynamodb_found *found;
	const char *reason;
	char why[300];

	(void)state;
	(void)setenv("AWS_SECRET_ACCESS_KEY", "old-secret", 1);
	assert_int_equal(weir_dynamodb_credentials_get(host->client->credentials, host->client->http, 0, &found, &reason), WEIR_OK);
	(void)setenv("AWS_SECRET_ACCESS_KEY", SECRET, 1);
	assert_int_equal(weir_dynamodb_host_check(host, why), WEIR_OK);
	weir_dynamodb_front_close(host);
	host = weir_dynamodb_front_open((const char *const[]){ "--expired", "1000", NULL }, "");
	assert_refused(host, "ExpiredTokenException: the credentials have expired");
	weir_dynamodb_front_close(host);
}

/* -- Haste ----------------------------------------------------------------------------------------------------------------- */

static void test_dynamodb_throttled_requests_are_repeated(void **state)
{
	struct weir_dynamodb_host *host = weir_dynamodb_front_open((const char *const[]){ "--throttle", "2", NULL }, "");

	(void)state;
	do_all(host);
	assert_null(strstr(host->log, "throttled"));
	weir_dynamodb_front_close(host);
}

static void test_dynamodb_failed_requests_are_repeated(void **state)
{
	struct weir_dynamodb_host *host = weir_dynamodb_front_open((const char *const[]){ "--fail", "3", NULL }, "");

	(void)state;
	do_all(host);
	weir_dynamodb_front_close(host);
}

static void test_dynamodb_halves_of_batches_are_asked_for_again(void **state)
{
	struct weir_dynamodb_host *host = weir_dynamodb_front_open((const char *const[]){ "--partial", NULL }, "");

	(void)state;
	do_all(host);
	weir_dynamodb_front_close(host);
}

/* Long beside what a busy machine needs to pass 64 requests on. */
#define DELAY_MS 1000

static void assert_one_round_trip(int64_t begun_ms)
{
	assert_in_range(weir_dynamodb_now_ms() - begun_ms, DELAY_MS, 2 * DELAY_MS - 1);
}

/* Every request takes a while on its way; what is asked for in one call is on its way at the same time. */
static void test_dynamodb_batches_take_one_round_trip(void **state)
{
	struct weir_dynamodb_host *host = weir_dynamodb_front_open((const char *const[]){ "--delay-ms", "1000", NULL }, "&connections=64");
	static struct reads reads;
	int64_t begun_ms;
	char why[300];

	(void)state;
	assert_int_equal(weir_dynamodb_host_check(host, why), WEIR_OK);
	fill_reads(&reads, READS);
	begun_ms = weir_dynamodb_now_ms();
	set_all(host, &reads);
	assert_one_round_trip(begun_ms);
	assert_int_equal(weir_dynamodb_host_read(host, NULL, NULL, NULL), WEIR_OK); /* makes the clock */
	begun_ms = weir_dynamodb_now_ms();
	get_all(host, &reads);
	assert_one_round_trip(begun_ms);
	begun_ms = weir_dynamodb_now_ms();
	lease_all(host, &reads, WEIR_LEASE_TAKE);
	assert_one_round_trip(begun_ms);
	weir_dynamodb_front_close(host);
}

/* -- Time ------------------------------------------------------------------------------------------------------------------ */

/* Whoever's clock is wrong: all hosts write the server's time, as far as a Date tells it. */
static void test_dynamodb_expiries_are_in_the_servers_time(void **state)
{
	struct weir_dynamodb_host *host = weir_dynamodb_front_open((const char *const[]){ "--date-shift-s", "120", NULL }, "");
	char why[300];

	(void)state;
	assert_int_equal(weir_dynamodb_host_check(host, why), WEIR_OK);
	assert_in_range(host->client->skew_ms, 117000, 120000);
	assert_int_equal(weir_dynamodb_time_ms(host->client), weir_clock_wall_ms(&host->clock.clock) + host->client->skew_ms);
	do_all(host);
	weir_dynamodb_front_close(host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WEIR_DYNAMODB_FRONT_TEST(test_dynamodb_signatures_are_right),
		WEIR_DYNAMODB_FRONT_TEST(test_dynamodb_signatures_cover_the_session_token),
		WEIR_DYNAMODB_FRONT_TEST(test_dynamodb_wrong_keys_are_told_without_them),
		WEIR_DYNAMODB_FRONT_TEST(test_dynamodb_keys_are_lent_to_containers),
		WEIR_DYNAMODB_FRONT_TEST(test_dynamodb_keys_are_lent_to_machines),
		WEIR_DYNAMODB_FRONT_TEST(test_dynamodb_keys_are_lent_for_a_while),
		WEIR_DYNAMODB_FRONT_TEST(test_dynamodb_expired_keys_are_looked_for_again),
		WEIR_DYNAMODB_FRONT_TEST(test_dynamodb_throttled_requests_are_repeated),
		WEIR_DYNAMODB_FRONT_TEST(test_dynamodb_failed_requests_are_repeated),
		WEIR_DYNAMODB_FRONT_TEST(test_dynamodb_halves_of_batches_are_asked_for_again),
		WEIR_DYNAMODB_FRONT_TEST(test_dynamodb_batches_take_one_round_trip),
		WEIR_DYNAMODB_FRONT_TEST(test_dynamodb_expiries_are_in_the_servers_time),
	};

	return WEIR_DYNAMODB_FRONT_RUN(tests);
}
