/* SPDX-License-Identifier: Apache-2.0
 *
 * Structs in handlers: a JSON body that becomes one, the answer to a body that does not, and a struct as the answer.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <weir/testing.h>

struct item {
	const char *name;
	double price;
	bool has_tax;
	double tax;
};

static const struct weir_field item_fields[] = {
	WEIR_TEXT(struct item, name, WEIR_LENGTH(1, 80)),
	WEIR_DOUBLE_BETWEEN(struct item, price, 0, 1e6),
	WEIR_DOUBLE(struct item, tax, WEIR_OPTIONAL(struct item, has_tax)),
	{ 0 },
};

struct order {
	struct item *items;
	size_t item_count;
};

static const struct weir_field order_fields[] = { WEIR_STRUCT_LIST(struct order, items, item_count, item_fields), { 0 } };

/* Answers with the last item. */
static enum weir_status take_order(struct weir_request *req, struct weir_response *res)
{
	struct weir_faults faults;
	struct order order;
	enum weir_status status = weir_request_struct(req, order_fields, &order, &faults);

	if (status == WEIR_ERR_INVALID || status == WEIR_ERR_LIMIT)
		return weir_response_faults(res, &faults);
	if (status < 0)
		return status;
	return weir_response_struct(res, item_fields, &order.items[order.item_count - 1]);
}

static enum weir_status answer_wrongly(struct weir_request *req, struct weir_response *res)
{
	(void)req;
	return weir_response_struct(res, item_fields, &(struct item){ .name = "" });
}

static const struct weir_route routes[] = {
	{ .path = "/orders", .methods = WEIR_POST, .handler = take_order },
	{ .path = "/wrong", .handler = answer_wrongly },
	{ 0 },
};

static struct weir_test *test;

static int setup(void **state)
{
	(void)state;
	test = weir_test_create(&(struct weir_app_options){ .name = "struct", .routes = routes });
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	weir_test_destroy(test);
	return 0;
}

static const struct weir_test_response *expect(const char *type, const char *body, int status, const char *answer)
{
	const struct weir_test_field fields[] = { { "Content-Type", type }, { 0 } };
	const struct weir_test_response *res = weir_test_send(
		test,
		&(struct weir_test_request){ .method = "POST", .target = "/orders", .fields = fields, .body = weir_slice_text(body) });

	assert_int_equal(res->status, status);
	assert_int_equal(res->body.len, strlen(answer));
	assert_memory_equal(res->body.data, answer, res->body.len);
	assert_string_equal(weir_test_field(test, res, "Content-Type"), status == 200 ? "application/json" : "application/problem+json");
	return res;
}

#define PROBLEM "{\"type\":\"about:blank\",\"title\":\"Unprocessable Content\",\"status\":422,\"errors\":"

static void test_struct_request_becomes_a_struct(void **state)
{
	(void)state;
	expect("application/json", "{\"items\":[{\"name\":\"a\",\"price\":1},{\"name\":\"b\",\"price\":10.5}]}", 200,
	       "{\"name\":\"b\",\"price\":10.5,\"tax\":null}");
}

static void test_struct_request_tells_all_faults(void **state)
{
	(void)state;
	expect("application/json", "{\"items\":[{\"name\":\"a\",\"price\":1},{\"name\":\"\",\"price\":\"10\"}]}", 422,
	       PROBLEM "[{\"path\":\"items[1].name\",\"problem\":\"expected text of 1 to 80 characters\"},"
		       "{\"path\":\"items[1].price\",\"problem\":\"expected number from 0.0 to 1000000.0\"}]}");
}

static void test_struct_request_tells_what_is_no_json(void **state)
{
	(void)state;
	expect("application/json", "{\"items\":[}", 422,
	       PROBLEM "[{\"path\":\"\",\"problem\":\"JSON at byte 10: unexpected character\"}]}");
	expect("text/plain", "{\"items\":[]}", 422, PROBLEM "[{\"path\":\"\",\"problem\":\"Content-Type is not application/json\"}]}");
}

static void test_struct_response_refuses_what_breaks_the_table(void **state)
{
	(void)state;
	assert_int_equal(weir_test_get(test, "/wrong")->status, 500);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_struct_request_becomes_a_struct, setup, teardown),
		cmocka_unit_test_setup_teardown(test_struct_request_tells_all_faults, setup, teardown),
		cmocka_unit_test_setup_teardown(test_struct_request_tells_what_is_no_json, setup, teardown),
		cmocka_unit_test_setup_teardown(test_struct_response_refuses_what_breaks_the_table, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
