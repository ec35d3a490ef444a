/* SPDX-License-Identifier: Apache-2.0
 *
 * Key builders, from the outside: which requests share an answer, and that no client makes two different ones meet.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "cache/key.h"
#include "support/cache_app.h"

static const struct weir_test_response *send(struct weir_test *test, const char *method, const struct weir_test_field *fields,
					     struct weir_slice body)
{
	return weir_test_send(test,
			      &(const struct weir_test_request){ .method = method, .target = "/page", .fields = fields, .body = body });
}

/* -- Which parameters count ------------------------------------------------------------------------------------------------ */

static void test_key_builders_query_without_ignored_names(void **state)
{
	static const char *const ignored[] = { "utm_*", "ref", NULL };
	static const struct weir_cache_rule rule = { .expire_s = 60, .ignored_query = ignored };
	struct weir_test *test = cache_app(&rule);

	(void)state;
	expect_get(test, "/page?a=1&utm_source=x", "MISS", "run 1");
	expect_get(test, "/page?utm_=y&a=1&ref=7", "HIT", "run 1");
	expect_get(test, "/page?a=1", "HIT", "run 1");
	expect_get(test, "/page?a=1&%75tm_campaign=z", "HIT", "run 1");
	expect_get(test, "/page?a=1&utm=x", "MISS", "run 2");
	expect_get(test, "/page?a=1&refs=x", "MISS", "run 3");
	expect_get(test, "/page?a=1&UTM_x=1", "MISS", "run 4");
	expect_get(test, "/page?utm_source=x", "MISS", "run 5");
	expect_get(test, "/page", "HIT", "run 5");
	weir_test_destroy(test);
}

static void test_key_builders_query_of_chosen_names(void **state)
{
	static const char *const chosen[] = { "page", "filter_*", NULL };
	static const char *const ignored[] = { "filter_debug", NULL };
	static const struct weir_cache_rule rule = { .expire_s = 60, .key_query = chosen, .ignored_query = ignored };
	struct weir_test *test = cache_app(&rule);

	(void)state;
	expect_get(test, "/page?page=2&session=x", "MISS", "run 1");
	expect_get(test, "/page?page=2", "HIT", "run 1");
	expect_get(test, "/page?page=2&filter_a=1", "MISS", "run 2");
	expect_get(test, "/page?filter_a=1&filter_debug=1&page=2", "HIT", "run 2");
	expect_get(test, "/page?page=2&page=3", "MISS", "run 3");
	expect_get(test, "/page?page=3&page=2", "MISS", "run 4");
	expect_get(test, "/page?other=1", "MISS", "run 5");
	expect_get(test, "/page", "HIT", "run 5");
	weir_test_destroy(test);
}

static void test_key_builders_query_of_no_names_is_none(void **state)
{
	static const char *const nothing[] = { NULL };
	static const struct weir_cache_rule rule = { .expire_s = 60, .key_query = nothing };
	struct weir_test *test = cache_app(&rule);

	(void)state;
	expect_get(test, "/page?a=1", "MISS", "run 1");
	expect_get(test, "/page?b=2", "HIT", "run 1");
	weir_test_destroy(test);
}

/* -- Builders alone -------------------------------------------------------------------------------------------------------- */

static void test_key_builders_path_alone(void **state)
{
	static const struct weir_cache_rule rule = { .expire_s = 60, .key = weir_key_path };
	struct weir_test *test = cache_app(&rule);

	(void)state;
	expect_get(test, "/page/a?x=1", "MISS", "run 1");
	expect_get(test, "/page/./%61?x=2", "HIT", "run 1");
	expect_answer(test, cache_app_get(test, "/page/a", FIELDS("Host", "example.org")), "HIT", "run 1");
	expect_get(test, "/page/b", "MISS", "run 2");
	weir_test_destroy(test);
}

static void test_key_builders_host_alone(void **state)
{
	static const struct weir_cache_rule rule = { .expire_s = 60, .key = weir_key_host };
	struct weir_test *test = cache_app(&rule);

	(void)state;
	expect_answer(test, cache_app_get(test, "/page/a", FIELDS("Host", "example.org")), "MISS", "run 1");
	expect_answer(test, cache_app_get(test, "/page/b?x=1", FIELDS("Host", "EXAMPLE.org")), "HIT", "run 1");
	expect_answer(test, cache_app_get(test, "/page/a", FIELDS("Host", "example.net")), "MISS", "run 2");
	weir_test_destroy(test);
}

static void test_key_builders_body_alone(void **state)
{
	static const struct weir_cache_rule rule = { .expire_s = 60, .key = weir_key_body, .methods = WEIR_POST };
	struct weir_test *test = cache_app(&rule);
	const struct weir_test_field *json = FIELDS("Content-Type", "application/json");
	struct weir_slice body = WEIR_SLICE_LITERAL("{\"secret\":1}");

	(void)state;
	expect_answer(test, send(test, "POST", json, body), "MISS", "run 1");
	expect_answer(test, send(test, "POST", json, body), "HIT", "run 1");
	expect_answer(test, send(test, "POST", NULL, body), "MISS", "run 2");
	expect_answer(test, send(test, "POST", json, WEIR_SLICE_LITERAL("{}")), "MISS", "run 3");
	expect_answer(test, send(test, "POST", json, WEIR_SLICE_NONE), "MISS", "run 4");
	expect_answer(test, send(test, "POST", NULL, WEIR_SLICE_NONE), "HIT", "run 4");
	weir_test_destroy(test);
}

static void test_key_builders_ask_for_a_request(void **state)
{
	static const weir_key_fn builders[] = { weir_key_host, weir_key_path, weir_key_query, weir_key_body, weir_key_request };
	struct weir_pool *pool = weir_pool_create(0);
	struct weir_key key;

	(void)state;
	weir_key_begin(&key, pool, "p", "");
	for (size_t i = 0; i < sizeof(builders) / sizeof(builders[0]); i++)
		assert_int_equal(builders[i](&key, NULL, NULL), WEIR_ERR_STATE);
	weir_pool_destroy(pool);
}

/* -- Builders of one's own ------------------------------------------------------------------------------------------------- */

/* By language, whatever else the field says, and by path and query. */
static enum weir_status by_language(struct weir_key *key, struct weir_request *req, void *user_data)
{
	const char *accepted = weir_request_field(req, "Accept-Language");
	enum weir_status status;

	(void)user_data;
	weir_key_add_text(key, accepted && strncmp(accepted, "de", 2) == 0 ? "de" : "en");
	status = weir_key_path(key, req, NULL);
	return status == WEIR_OK ? weir_key_query(key, req, NULL) : status;
}

static void test_key_builders_of_ones_own_by_language(void **state)
{
	static const char *const ignored[] = { "utm_*", NULL };
	static const struct weir_cache_rule rule = { .expire_s = 60, .key = by_language, .ignored_query = ignored };
	struct weir_test *test = cache_app(&rule);

	(void)state;
	expect_answer(test, cache_app_get(test, "/page?a=1", FIELDS("Accept-Language", "de, en;q=0.5")), "MISS", "run 1");
	expect_answer(test, cache_app_get(test, "/page?utm_x=2&a=1", FIELDS("Accept-Language", "de-AT")), "HIT", "run 1");
	expect_answer(test, cache_app_get(test, "/page?a=1", FIELDS("Accept-Language", "fr")), "MISS", "run 2");
	expect_get(test, "/page?a=1", "HIT", "run 2");
	weir_test_destroy(test);
}

/* What the user is, as the app knows it: two shops on one host, told apart by user data. */
static enum weir_status by_shop(struct weir_key *key, struct weir_request *req, void *user_data)
{
	weir_key_add_text(key, user_data);
	weir_key_add_secret(key, weir_slice_text(weir_request_field(req, "X-Session")));
	return WEIR_OK;
}

static void test_key_builders_of_ones_own_with_user_data(void **state)
{
	static char shop[] = "books";
	static const struct weir_cache_rule rule = { .expire_s = 60, .key = by_shop, .key_user_data = shop };
	struct weir_test *test = cache_app(&rule);

	(void)state;
	expect_answer(test, cache_app_get(test, "/page", FIELDS("X-Session", "a")), "MISS", "run 1");
	expect_answer(test, cache_app_get(test, "/page?x=1", FIELDS("X-Session", "a")), "HIT", "run 1");
	expect_answer(test, cache_app_get(test, "/page", FIELDS("X-Session", "b")), "MISS", "run 2");
	expect_get(test, "/page", "MISS", "run 3");
	shop[0] = 'c';
	expect_answer(test, cache_app_get(test, "/page", FIELDS("X-Session", "a")), "MISS", "run 4");
	weir_test_destroy(test);
}

static enum weir_status only_of_friends(struct weir_key *key, struct weir_request *req, void *user_data)
{
	(void)user_data;
	if (!weir_request_field(req, "X-Friend"))
		return WEIR_ERR_INVALID;
	return weir_key_request(key, req, NULL);
}

static void test_key_builders_may_refuse(void **state)
{
	static const struct weir_cache_rule rule = { .expire_s = 60, .key = only_of_friends };
	struct weir_test *test = cache_app(&rule);

	(void)state;
	(void)cache_app_lines();
	expect_get(test, "/page", NULL, "run 1");
	expect_get(test, "/page", NULL, "run 2");
	assert_int_equal(cache_app_lines(), 2);
	expect_answer(test, cache_app_get(test, "/page", FIELDS("X-Friend", "yes")), "MISS", "run 3");
	expect_answer(test, cache_app_get(test, "/page", FIELDS("X-Friend", "yes")), "HIT", "run 3");
	weir_test_destroy(test);
}

/* -- Clients that try ------------------------------------------------------------------------------------------------------ */

static void test_key_builders_query_means_what_it_says(void **state)
{
	static const struct weir_cache_rule rule = { .expire_s = 60 };
	/* Each is another request than all others. */
	static const char *const targets[] = {
		"/page",         "/page?a",         "/page?=a",    "/page?a=1&a=2",  "/page?a=2&a=1", "/page?a=1%26a=2", "/page?a%3D1=2",
		"/page?a=1%3D2", "/page?a=%2B",     "/page?a=+",   "/page?a=%2500",  "/page?a=%252B", "/page?A",         "/page?a=1;a=2",
		"/page?a=1%00x", "/page?a=/page&b", "/page?a=%3F", "/page?%C3%A9=1", "/page?%E9=1",   "/page?a=&b=",     "/page?ab=",
	};
	static const char *const same[][2] = {
		{ "/page?", "/page" },
		{ "/page?&&", "/page" },
		{ "/page?a=", "/page?a" },
		{ "/page?a=%20", "/page?a=+" },
		{ "/page?b=&a=", "/page?a=&b=" },
		{ "/page?%61", "/page?a" },
		{ "/page?%c3%a9=1", "/page?%C3%A9=1" },
	};
	size_t count = sizeof(targets) / sizeof(targets[0]), made = 0;
	struct weir_test *test = cache_app(&rule);
	char body[24];

	(void)state;
	for (size_t i = 0; i < count; i++) {
		const struct weir_test_response *res = weir_test_get(test, targets[i]);

		if (strstr(targets[i], "%00")) {
			assert_int_equal(res->status, 400); /* no key at all */
			continue;
		}
		snprintf(body, sizeof(body), "run %zu", ++made);
		expect_answer(test, res, "MISS", body);
	}
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		const struct weir_test_response *one = weir_test_get(test, same[i][0]);
		const struct weir_test_response *other = weir_test_get(test, same[i][1]);

		expect_field(test, one, "X-Weir-Cache", "HIT");
		assert_true(weir_slice_equal(one->body, other->body));
	}
	weir_test_destroy(test);
}

/* A body that is not there takes the same room in the key as one that is: what follows it cannot stand in its place. */
static enum weir_status body_then_fields(struct weir_key *key, struct weir_request *req, void *user_data)
{
	enum weir_status status = weir_key_body(key, req, NULL);

	(void)user_data;
	if (weir_request_field(req, "X-Type"))
		weir_key_add_text(key, weir_request_field(req, "X-Type"));
	if (weir_request_field(req, "X-Secret"))
		weir_key_add_secret(key, weir_slice_text(weir_request_field(req, "X-Secret")));
	return status;
}

static void test_key_builders_body_has_its_own_place(void **state)
{
	static const struct weir_cache_rule rule = { .expire_s = 60, .key = body_then_fields, .methods = WEIR_POST };
	struct weir_test *test = cache_app(&rule);

	(void)state;
	expect_answer(test, send(test, "POST", FIELDS("Content-Type", "a/b"), WEIR_SLICE_LITERAL("x")), "MISS", "run 1");
	expect_answer(test, send(test, "POST", FIELDS("X-Type", "a/b", "X-Secret", "x"), WEIR_SLICE_NONE), "MISS", "run 2");
	weir_test_destroy(test);
}

/* -- At random ------------------------------------------------------------------------------------------------------------- */

struct pair {
	const char *name, *value;
};

#define PAIRS 4
#define MEANING 200

/* A pair in one of the many ways of writing it. */
static void write_text(struct weir_buffer *target, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz0123456789_";

	for (; *text; text++) {
		if (*text == ' ' && rand() % 2)
			weir_buffer_append_byte(target, '+');
		else if (strchr(plain, *text) && rand() % 4)
			weir_buffer_append_byte(target, *text);
		else
			weir_buffer_printf(target, rand() % 2 ? "%%%02x" : "%%%02X", (unsigned)(unsigned char)*text);
	}
}

static void write_target(struct weir_buffer *target, const struct pair *pairs, size_t count)
{
	weir_buffer_append_text(target, "/page?");
	for (size_t i = 0; i < count; i++) {
		write_text(target, pairs[i].name);
		if (*pairs[i].value || rand() % 2)
			weir_buffer_append_byte(target, '=');
		write_text(target, pairs[i].value);
		weir_buffer_append_text(target, rand() % 4 ? "&" : "&&");
	}
	weir_buffer_append_byte(target, '\0');
}

static bool counts(const char *name)
{
	return strncmp(name, "utm_", 4) != 0;
}

/* The pairs that count, those of one name in their order, names in theirs: what decides the answer. */
static void meaning_of(const struct pair *pairs, size_t count, char out[MEANING])
{
	static const char *const names[] = { "a", "a b", "ab", "b&", "utm" };
	size_t len = (size_t)snprintf(out, MEANING, "pairs:");

	for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
		for (size_t i = 0; i < count; i++)
			if (strcmp(pairs[i].name, names[k]) == 0 && counts(pairs[i].name))
				len += (size_t)snprintf(out + len, MEANING - len, " <%s>=<%s>", pairs[i].name, pairs[i].value);
}

/* The handler's answer is made from what it was sent: if two requests of different meaning met, one would get the other's. */
static enum weir_status answer_meaning(struct weir_request *req, struct weir_response *res)
{
	const struct weir_query *query = weir_request_queries(req);
	struct pair pairs[PAIRS];
	char meaning[MEANING];

	assert_in_range(query->count, 0, PAIRS);
	for (size_t i = 0; i < query->count; i++)
		pairs[i] = (struct pair){ query->pairs[i].name.data, query->pairs[i].value.data };
	meaning_of(pairs, query->count, meaning);
	return weir_response_text(res, "text/plain", "%s", meaning);
}

static bool is_new(char (*seen)[MEANING], size_t count, const char *meaning)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(seen[i], meaning) == 0)
			return false;
	return true;
}

/* Queries in any order, written in any way, with ignored names among them: one answer for each meaning, made once. */
static void test_key_builders_random_queries_meet_when_they_mean_the_same(void **state)
{
	static const char *const names[] = { "a", "a b", "ab", "b&", "utm", "utm_x", "utm_" };
	static const char *const values[] = { "", "1", "a=1", "&", "1 2", "+", "%00" };
	static const char *const ignored[] = { "utm_*", NULL };
	static const struct weir_cache_rule rule = { .expire_s = 60, .ignored_query = ignored };
	static char seen[3000][MEANING];
	struct weir_test *test = cache_app(&rule);
	size_t met = 0;

	(void)state;
	srand(3);
	cache_app_handler = answer_meaning;
	for (int i = 0; i < 3000; i++) {
		struct pair pairs[PAIRS];
		size_t count = (size_t)rand() % (i % 2 ? 3 : PAIRS + 1);
		struct weir_buffer target;
		char meaning[MEANING];

		for (size_t k = 0; k < count; k++)
			pairs[k] = (struct pair){ names[rand() % 7], values[rand() % 7] };
		meaning_of(pairs, count, meaning);
		weir_buffer_init(&target, 0);
		write_target(&target, pairs, count);
		expect_answer(test, weir_test_get(test, target.data), is_new(seen, met, meaning) ? "MISS" : "HIT", meaning);
		if (is_new(seen, met, meaning))
			memcpy(seen[met++], meaning, MEANING);
		weir_buffer_finish(&target);
	}
	assert_in_range(met, 200, 2500); /* that there was something to meet */
	assert_int_equal(cache_app_runs, met);
	weir_test_destroy(test);
}

/* Parts that look like lengths, like absent ones, and like two. */
static void test_key_builders_random_parts_never_collide(void **state)
{
	static const char *const words[] = { NULL, "", "a", "1:a", "-:", ":", "0:", "a1:b", "-", "1" };
	enum {
		LISTS = 1500
	};
	static struct weir_slice keys[LISTS];
	static unsigned lists[LISTS];
	struct weir_pool *pool = weir_pool_create(0);

	(void)state;
	srand(9);
	for (size_t i = 0; i < LISTS; i++) {
		struct weir_key key;

		lists[i] = 1;
		weir_key_begin(&key, pool, "p", "ns");
		for (int count = rand() % 5; count > 0; count--) {
			unsigned word = (unsigned)rand() % 10;

			lists[i] = lists[i] * 10 + word;
			weir_key_add_text(&key, words[word]);
		}
		keys[i] = weir_key_finish(&key);
		for (size_t k = 0; k < i; k++)
			assert_int_equal(weir_slice_equal(keys[i], keys[k]), lists[i] == lists[k]);
	}
	weir_pool_destroy(pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_key_builders_query_without_ignored_names),
		cmocka_unit_test(test_key_builders_query_of_chosen_names),
		cmocka_unit_test(test_key_builders_query_of_no_names_is_none),
		cmocka_unit_test(test_key_builders_path_alone),
		cmocka_unit_test(test_key_builders_host_alone),
		cmocka_unit_test(test_key_builders_body_alone),
		cmocka_unit_test(test_key_builders_ask_for_a_request),
		cmocka_unit_test(test_key_builders_of_ones_own_by_language),
		cmocka_unit_test(test_key_builders_of_ones_own_with_user_data),
		cmocka_unit_test(test_key_builders_may_refuse),
		cmocka_unit_test(test_key_builders_query_means_what_it_says),
		cmocka_unit_test(test_key_builders_body_has_its_own_place),
		cmocka_unit_test(test_key_builders_random_queries_meet_when_they_mean_the_same),
		cmocka_unit_test(test_key_builders_random_parts_never_collide),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
