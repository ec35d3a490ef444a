/* SPDX-License-Identifier: Apache-2.0
 *
 * Field lists, list-based values and hop-by-hop fields.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <weir/fields.h>

#define S(text) WEIR_SLICE_LITERAL(text)

struct fixture {
	struct weir_pool *pool;
	struct weir_fields fields;
};

static int begin(void **state)
{
	static struct fixture fixture;

	fixture.pool = weir_pool_create(0);
	weir_fields_init(&fixture.fields, fixture.pool);
	*state = &fixture;
	return fixture.pool ? 0 : -1;
}

static int end(void **state)
{
	struct fixture *fixture = *state;

	weir_pool_destroy(fixture->pool);
	return 0;
}

static void assert_slice(struct weir_slice slice, const char *text)
{
	assert_non_null(slice.data);
	assert_int_equal(slice.len, strlen(text));
	assert_memory_equal(slice.data, text, slice.len);
}

/* The whole list as "name: value|name: value|". */
static void assert_lines(struct fixture *fixture, const char *expected)
{
	const struct weir_field_line *line;
	const char *text = "";
	size_t at = 0;

	while ((line = weir_fields_next(&fixture->fields, WEIR_SLICE_NONE, &at)))
		text = weir_pool_printf(fixture->pool, "%s%.*s: %.*s|", text, (int)line->name.len, line->name.data, (int)line->value.len,
					line->value.data);
	assert_string_equal(text, expected);
}

static void test_fields_start_empty(void **state)
{
	struct fixture *f = *state;

	assert_null(weir_fields_get(&f->fields, S("Date")).data);
	assert_null(weir_fields_join(&f->fields, S("Date"), f->pool).data);
	assert_int_equal(weir_fields_count(&f->fields, S("Date")), 0);
	assert_int_equal(weir_fields_remove(&f->fields, S("Date")), 0);
	assert_lines(f, "");
}

static void test_fields_get_ignores_case_and_gives_the_first(void **state)
{
	struct fixture *f = *state;

	weir_fields_add(&f->fields, S("Content-Type"), S("text/plain"));
	weir_fields_add(&f->fields, S("Vary"), S("Accept"));
	weir_fields_add(&f->fields, S("vary"), S("Cookie"));
	assert_slice(weir_fields_get(&f->fields, S("content-TYPE")), "text/plain");
	assert_slice(weir_fields_get(&f->fields, S("VARY")), "Accept");
	assert_null(weir_fields_get(&f->fields, S("Content-Typ")).data);
	assert_null(weir_fields_get(&f->fields, S("Content-Type2")).data);
	assert_int_equal(weir_fields_count(&f->fields, S("Vary")), 2);
}

static void test_fields_keep_their_order(void **state)
{
	struct fixture *f = *state;
	const struct weir_field_line *line;
	size_t at = 0;

	weir_fields_add(&f->fields, S("A"), S("1"));
	weir_fields_add(&f->fields, S("B"), S("2"));
	weir_fields_add(&f->fields, S("a"), S("3"));
	assert_lines(f, "A: 1|B: 2|a: 3|");
	line = weir_fields_next(&f->fields, S("a"), &at);
	assert_slice(line->value, "1");
	line = weir_fields_next(&f->fields, S("a"), &at);
	assert_slice(line->value, "3");
	assert_null(weir_fields_next(&f->fields, S("a"), &at));
}

static void test_fields_set_replaces_all_in_the_first_place(void **state)
{
	struct fixture *f = *state;

	weir_fields_add(&f->fields, S("A"), S("1"));
	weir_fields_add(&f->fields, S("B"), S("2"));
	weir_fields_add(&f->fields, S("a"), S("3"));
	weir_fields_add(&f->fields, S("C"), S("4"));
	weir_fields_set(&f->fields, S("a"), S("5"));
	assert_lines(f, "a: 5|B: 2|C: 4|");
	weir_fields_set(&f->fields, S("D"), S("6"));
	assert_lines(f, "a: 5|B: 2|C: 4|D: 6|");
	weir_fields_set(&f->fields, weir_fields_next(&f->fields, WEIR_SLICE_NONE, &(size_t){ 1 })->name,
			weir_fields_get(&f->fields, S("A")));
	assert_lines(f, "a: 5|B: 5|C: 4|D: 6|");
}

static void test_fields_remove_takes_all_of_a_name(void **state)
{
	struct fixture *f = *state;

	weir_fields_add(&f->fields, S("A"), S("1"));
	weir_fields_add(&f->fields, S("B"), S("2"));
	weir_fields_add(&f->fields, S("a"), S("3"));
	assert_int_equal(weir_fields_remove(&f->fields, S("A")), 2);
	assert_lines(f, "B: 2|");
	assert_int_equal(weir_fields_remove(&f->fields, S("A")), 0);
}

static void test_fields_add_copies_and_add_borrowed_does_not(void **state)
{
	struct fixture *f = *state;
	char name[] = "Name", value[] = "value";

	weir_fields_add(&f->fields, weir_slice_text(name), weir_slice_text(value));
	weir_fields_add_borrowed(&f->fields, weir_slice_text(name), weir_slice_text(value));
	name[0] = 'L';
	value[0] = 'V';
	assert_lines(f, "Name: value|Lame: Value|");
	assert_int_equal(weir_fields_get(&f->fields, S("Name")).data[5], '\0');
}

static void test_fields_trim_values(void **state)
{
	struct fixture *f = *state;

	weir_fields_add(&f->fields, S("A"), S(" \t1 2\t "));
	weir_fields_add_borrowed(&f->fields, S("B"), S("  "));
	weir_fields_set(&f->fields, S("C"), WEIR_SLICE_NONE);
	weir_fields_add_borrowed(&f->fields, S("D"), WEIR_SLICE_NONE);
	assert_lines(f, "A: 1 2|B: |C: |D: |");
	assert_non_null(weir_fields_get(&f->fields, S("C")).data);
	assert_non_null(weir_fields_get(&f->fields, S("D")).data);
}

static void test_fields_join_makes_one_list(void **state)
{
	struct fixture *f = *state;

	weir_fields_add(&f->fields, S("Vary"), S("Accept"));
	assert_ptr_equal(weir_fields_join(&f->fields, S("vary"), f->pool).data, weir_fields_get(&f->fields, S("Vary")).data);
	weir_fields_add(&f->fields, S("Date"), S("x"));
	weir_fields_add(&f->fields, S("VARY"), S(""));
	weir_fields_add(&f->fields, S("vary"), S("Cookie, Accept-Language"));
	assert_slice(weir_fields_join(&f->fields, S("Vary"), f->pool), "Accept, , Cookie, Accept-Language");
}

static const struct {
	struct weir_slice name;
	struct weir_slice value;
} bad_lines[] = {
	{ { "", 0 }, { "x", 1 } },         { { NULL, 0 }, { "x", 1 } },
	{ { "A B", 3 }, { "x", 1 } },      { { "A:", 2 }, { "x", 1 } },
	{ { "A\r\nB", 4 }, { "x", 1 } },   { { "A\0", 2 }, { "x", 1 } },
	{ { "\xc3\xa9", 2 }, { "x", 1 } }, { { "A", 1 }, { "x\r\nSet-Cookie: a=b", 18 } },
	{ { "A", 1 }, { "x\n", 2 } },      { { "A", 1 }, { "x\r", 2 } },
	{ { "A", 1 }, { "\nx", 2 } },      { { "A", 1 }, { "x\0y", 3 } },
};

static void test_fields_refuse_lines_that_would_split_the_response(void **state)
{
	struct fixture *f = *state;
	void (*const ways[])(struct weir_fields *, struct weir_slice, struct weir_slice) = {
		weir_fields_add,
		weir_fields_add_borrowed,
		weir_fields_set,
	};

	for (size_t i = 0; i < sizeof(bad_lines) / sizeof(*bad_lines) * 3; i++) {
		weir_fields_init(&f->fields, f->pool);
		weir_fields_add(&f->fields, S("A"), S("good"));
		assert_false(f->fields.invalid);
		ways[i % 3](&f->fields, bad_lines[i / 3].name, bad_lines[i / 3].value);
		assert_true(f->fields.invalid);
		assert_lines(f, "A: good|");
		weir_fields_set(&f->fields, S("A"), S("better"));
		assert_true(f->fields.invalid);
	}
}

static void test_fields_take_what_may_stand_in_a_value(void **state)
{
	struct fixture *f = *state;

	weir_fields_add(&f->fields, S("!#$%&'*+-.^_`|~09azAZ"), S("tab\there, caf\xc3\xa9 \xff \"q\" \x01"));
	assert_false(f->fields.invalid);
	assert_int_equal(f->fields.count, 1);
}

static void test_fields_grow(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 1000; i++)
		weir_fields_add(&f->fields, weir_slice_text(weir_pool_printf(f->pool, "X-%d", i)), S("v"));
	assert_int_equal(f->fields.count, 1000);
	assert_slice(weir_fields_get(&f->fields, S("x-0")), "v");
	assert_slice(weir_fields_get(&f->fields, S("x-999")), "v");
	assert_int_equal(weir_fields_count(&f->fields, S("X-500")), 1);
}

static void test_fields_in_a_full_pool_drop_the_line(void **state)
{
	struct weir_pool *pool = weir_pool_create(600);
	struct weir_fields fields;

	(void)state;
	weir_fields_init(&fields, pool);
	weir_fields_add(&fields, S("A"), S("1"));
	weir_fields_add(&fields, S("A"), S("2"));
	assert_false(weir_pool_overflowed(pool));
	while (!weir_pool_overflowed(pool))
		weir_fields_add(&fields, S("B"), S("0123456789"));
	assert_slice(fields.lines[fields.count - 1].value, "0123456789");
	weir_fields_set(&fields, S("A"), S("this does not fit any more, whatever is left of the pool may be smaller than this text"));
	assert_int_equal(weir_fields_count(&fields, S("A")), 2);
	assert_slice(weir_fields_get(&fields, S("A")), "1");
	assert_false(fields.invalid);
	weir_pool_destroy(pool);
}

/* -- Lists ----------------------------------------------------------------------------------------------------------------- */

static const struct {
	const char *list;
	const char *members; /* joined by '|' */
} list_cases[] = {
	{ "", "" },
	{ ",", "" },
	{ " , ,, ", "" },
	{ "a", "a|" },
	{ "a,b", "a|b|" },
	{ " a , b\t,", "a|b|" },
	{ ",a,,b", "a|b|" },
	{ "a=\"x, y\", b", "a=\"x, y\"|b|" },
	{ "a=\"x\\\", y\", b", "a=\"x\\\", y\"|b|" },
	{ "a=\"x\\\\\", b", "a=\"x\\\\\"|b|" },
	{ "a=\"x, b", "a=\"x, b|" },
	{ "a=\"x\\", "a=\"x\\|" },
	{ "a\\,b", "a\\|b|" },
	{ "'a,b'", "'a|b'|" },
};

static void test_field_list_is_cut_at_commas_outside_quotes(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(list_cases) / sizeof(*list_cases); i++) {
		struct weir_slice rest = weir_slice_text(list_cases[i].list), member;
		const char *text = "";

		while (weir_field_list_next(&rest, &member))
			text = weir_pool_printf(f->pool, "%s%.*s|", text, (int)member.len, member.data);
		assert_string_equal(text, list_cases[i].members);
	}
	assert_false(weir_field_list_next(&(struct weir_slice){ NULL, 0 }, &(struct weir_slice){ NULL, 0 }));
}

static void test_field_list_has_a_token(void **state)
{
	(void)state;
	assert_true(weir_field_list_has(S("keep-alive, Upgrade"), S("upgrade")));
	assert_true(weir_field_list_has(S("close"), S("Close")));
	assert_false(weir_field_list_has(S("closed"), S("close")));
	assert_false(weir_field_list_has(S("\"close\""), S("close")));
	assert_false(weir_field_list_has(S(""), S("close")));
	assert_false(weir_field_list_has(WEIR_SLICE_NONE, S("close")));
}

static void test_field_is_hop_by_hop(void **state)
{
	struct fixture *f = *state;

	weir_fields_add(&f->fields, S("Connection"), S("close, X-Private"));
	weir_fields_add(&f->fields, S("connection"), S("x-other"));
	assert_true(weir_field_is_hop_by_hop(S("connection"), NULL));
	assert_true(weir_field_is_hop_by_hop(S("transfer-ENCODING"), NULL));
	assert_true(weir_field_is_hop_by_hop(S("TE"), &f->fields));
	assert_true(weir_field_is_hop_by_hop(S("Proxy-Authorization"), NULL));
	assert_true(weir_field_is_hop_by_hop(S("x-private"), &f->fields));
	assert_true(weir_field_is_hop_by_hop(S("X-Other"), &f->fields));
	assert_false(weir_field_is_hop_by_hop(S("x-private"), NULL));
	assert_false(weir_field_is_hop_by_hop(S("X-Priv"), &f->fields));
	assert_false(weir_field_is_hop_by_hop(S("Content-Type"), &f->fields));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_fields_start_empty, begin, end),
		cmocka_unit_test_setup_teardown(test_fields_get_ignores_case_and_gives_the_first, begin, end),
		cmocka_unit_test_setup_teardown(test_fields_keep_their_order, begin, end),
		cmocka_unit_test_setup_teardown(test_fields_set_replaces_all_in_the_first_place, begin, end),
		cmocka_unit_test_setup_teardown(test_fields_remove_takes_all_of_a_name, begin, end),
		cmocka_unit_test_setup_teardown(test_fields_add_copies_and_add_borrowed_does_not, begin, end),
		cmocka_unit_test_setup_teardown(test_fields_trim_values, begin, end),
		cmocka_unit_test_setup_teardown(test_fields_join_makes_one_list, begin, end),
		cmocka_unit_test_setup_teardown(test_fields_refuse_lines_that_would_split_the_response, begin, end),
		cmocka_unit_test_setup_teardown(test_fields_take_what_may_stand_in_a_value, begin, end),
		cmocka_unit_test_setup_teardown(test_fields_grow, begin, end),
		cmocka_unit_test(test_fields_in_a_full_pool_drop_the_line),
		cmocka_unit_test_setup_teardown(test_field_list_is_cut_at_commas_outside_quotes, begin, end),
		cmocka_unit_test(test_field_list_has_a_token),
		cmocka_unit_test_setup_teardown(test_field_is_hop_by_hop, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
