/* SPDX-License-Identifier: Apache-2.0
 *
 * Entity tags. The expected digests come from the shared library, printed high half first, as its xxhsum tool does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <weir/etag.h>

static void test_etag_is_the_quoted_xxh3_128(void **state)
{
	char tag[WEIR_ETAG_SIZE];

	(void)state;
	weir_etag_make(WEIR_SLICE_LITERAL("weir"), tag);
	assert_string_equal(tag, "\"58611f8d7be1fe2c3921234764190df9\"");
	weir_etag_make(WEIR_SLICE_LITERAL(""), tag);
	assert_string_equal(tag, "\"99aa06d3014798d86001c324468d497f\"");
	weir_etag_make(WEIR_SLICE_NONE, tag);
	assert_string_equal(tag, "\"99aa06d3014798d86001c324468d497f\"");
	assert_true(weir_etag_valid(weir_slice_text(tag)));
}

/* All lengths through the boundaries at which XXH3 changes its method (16, 128, 240, 256 bytes, 1 KiB), each cut in two. */
static void test_etag_of_pieces_is_that_of_the_whole(void **state)
{
	struct weir_pool *pool = weir_pool_create(0);
	char bytes[1500], whole[WEIR_ETAG_SIZE], pieces[WEIR_ETAG_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (char)(i * 7 + i / 256);
	for (size_t len = 0; len <= sizeof(bytes); len++) {
		struct weir_etag_state *etag = weir_etag_begin(pool);
		size_t cut = len * 5 / 8;

		weir_etag_update(etag, weir_slice(bytes, cut));
		weir_etag_update(etag, WEIR_SLICE_NONE);
		weir_etag_digest(etag, pieces);
		weir_etag_make(weir_slice(bytes, cut), whole);
		assert_string_equal(pieces, whole);
		weir_etag_update(etag, weir_slice(bytes + cut, len - cut));
		weir_etag_digest(etag, pieces);
		weir_etag_make(weir_slice(bytes, len), whole);
		assert_string_equal(pieces, whole);
	}
	weir_pool_destroy(pool);
}

static void test_etag_begin_in_a_full_pool_is_null(void **state)
{
	struct weir_pool *pool = weir_pool_create(100);

	(void)state;
	assert_null(weir_etag_begin(pool));
	weir_pool_destroy(pool);
}

static const struct {
	const char *text;
	bool valid;
} valid_cases[] = {
	{ "\"\"", true },      { "\"a\"", true },        { "W/\"a\"", true },   { "W/\"\"", true },    { "\"a,b\"", true },
	{ "\"\\\"", true },    { "\"\xc3\xbc\"", true }, { "\"!#~\"", true },   { "", false },         { "\"", false },
	{ "a", false },        { "\"a", false },         { "a\"", false },      { "w/\"a\"", false },  { "W\"a\"", false },
	{ "W/", false },       { "W/\"", false },        { "W/a", false },      { "W/ \"a\"", false }, { "\"a b\"", false },
	{ "\"a\"b\"", false }, { "\"a\"\"b\"", false },  { "\"\x7f\"", false }, { "\"\t\"", false },   { " \"a\"", false },
	{ "*", false },        { NULL, false },
};

static void test_etag_valid_knows_the_grammar(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(valid_cases) / sizeof(*valid_cases); i++)
		assert_int_equal(weir_etag_valid(weir_slice_text(valid_cases[i].text)), valid_cases[i].valid);
}

static const struct {
	const char *list;
	const char *etag;
	bool weak;
	bool strong;
} match_cases[] = {
	/* RFC 9110 section 8.8.3.2 */
	{ "W/\"1\"", "W/\"1\"", true, false },
	{ "W/\"1\"", "W/\"2\"", false, false },
	{ "W/\"1\"", "\"1\"", true, false },
	{ "\"1\"", "W/\"1\"", true, false },
	{ "\"1\"", "\"1\"", true, true },
	/* lists */
	{ "\"1\", \"2\", \"3\"", "\"1\"", true, true },
	{ "\"1\", \"2\", \"3\"", "\"2\"", true, true },
	{ "\"1\", \"2\", \"3\"", "\"3\"", true, true },
	{ "\"1\",\"2\"", "\"2\"", true, true },
	{ " ,, \"1\"\t, ", "\"1\"", true, true },
	{ "W/\"1\", \"1\"", "\"1\"", true, true },
	{ "\"1\", W/\"2\"", "\"2\"", true, false },
	{ "\"12\"", "\"1\"", false, false },
	{ "\"\"", "\"\"", true, true },
	{ "", "\"1\"", false, false },
	{ NULL, "\"1\"", false, false },
	/* quotes protect commas, a backslash protects nothing */
	{ "\"a,b\"", "\"a,b\"", true, true },
	{ "\"a,b\"", "\"a\"", false, false },
	{ "\"x,\\\", \"y\"", "\"y\"", true, true },
	{ "\"a, \"1\", b\"", "\"1\"", false, false },
	/* malformed members are ignored */
	{ "1", "\"1\"", false, false },
	{ "abc, \"1\"", "\"1\"", true, true },
	{ "w/\"1\"", "\"1\"", false, false },
	{ "W\"1\"", "\"1\"", false, false },
	{ "W/ \"1\"", "\"1\"", false, false },
	{ "\"1\" x, \"2\"", "\"1\"", false, false },
	{ "\"1\" x, \"2\"", "\"2\"", true, true },
	{ "\"1", "\"1\"", false, false },
	{ "\"1\"; \"2\"", "\"1\"", false, false },
	{ "'1'", "\"1\"", false, false },
	{ "\"a b\"", "\"a b\"", false, false },
	/* any */
	{ "*", "\"1\"", true, true },
	{ " * ", "W/\"1\"", true, true },
	{ "*", NULL, true, true },
	{ "*", "1", true, true },
	{ "\"*\"", "\"1\"", false, false },
	{ "*, \"2\"", "\"1\"", false, false },
	{ "**", "\"1\"", false, false },
	/* a representation without a proper tag */
	{ "\"1\"", NULL, false, false },
	{ "abc", "abc", false, false },
	{ "\"abc\"", "abc", false, false },
	{ "", "", false, false },
};

static void test_etag_list_matches(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(match_cases) / sizeof(*match_cases); i++) {
		struct weir_slice list = weir_slice_text(match_cases[i].list), etag = weir_slice_text(match_cases[i].etag);

		assert_int_equal(weir_etag_list_matches(list, etag, WEIR_ETAG_WEAK), match_cases[i].weak);
		assert_int_equal(weir_etag_list_matches(list, etag, WEIR_ETAG_STRONG), match_cases[i].strong);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_etag_is_the_quoted_xxh3_128),
		cmocka_unit_test(test_etag_of_pieces_is_that_of_the_whole),
		cmocka_unit_test(test_etag_begin_in_a_full_pool_is_null),
		cmocka_unit_test(test_etag_valid_knows_the_grammar),
		cmocka_unit_test(test_etag_list_matches),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
