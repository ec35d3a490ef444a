/* SPDX-License-Identifier: Apache-2.0
 *
 * Drivers in modules: which file an URL means, what is refused and in which words. The modules are those that tests/support/meson.build
 * makes of module_nothing.c, in the folder that TEST_MODULES names.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <weir/backend_driver.h>

#include "support/scratch.h"

static char folder[1000]; /* that WEIR_BACKENDS names */

static int use_modules(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "%s", getenv("TEST_MODULES"));
	return setenv("WEIR_BACKENDS", folder, 1);
}

static void assert_opens(const char *url, const char *scheme)
{
	struct weir_backend *backend = NULL;
	char why[400] = "";

	if (weir_backend_open(url, NULL, why, sizeof(why), &backend) != WEIR_OK)
		fail_msg("%s", why);
	assert_string_equal(weir_backend_ops(backend)->scheme, scheme);
	weir_backend_close(backend);
}

/* The reason is `expected` with the folder for its '%s', if it has one. */
static void assert_refused(const char *url, const char *expected)
{
	struct weir_backend *backend = (void *)&backend;
	const char *place = strstr(expected, "%s");
	char why[1400] = "", whole[1400];

	if (place)
		(void)snprintf(whole, sizeof(whole), "%.*s%s%s", (int)(place - expected), expected, folder, place + 2);
	else
		(void)snprintf(whole, sizeof(whole), "%s", expected);
	assert_int_equal(weir_backend_open(url, NULL, why, sizeof(why), &backend), WEIR_ERR_CONFIG);
	assert_null(backend);
	assert_string_equal(why, whole);
}

static void test_backend_module_is_loaded_by_its_scheme(void **state)
{
	(void)state;
	assert_opens("nothing:", "nothing");
	assert_opens("NOTHING:?how=well", "nothing");
	assert_opens("nothing+at+all:", "nothing+at+all");
	assert_opens("nothing:", "nothing");
}

static void test_backend_module_gives_its_reasons(void **state)
{
	(void)state;
	assert_refused("nothing:path", "nothing: takes no path");
	assert_refused("nothing:?what=1", "cache backend nothing: no option \"what\"; known: how");
}

static void test_backend_module_without_the_scheme_names_its_own(void **state)
{
	(void)state;
	assert_refused("nothing+more:",
		       "cache backend: the module has no driver for the scheme \"nothing+more\"; known: nothing, nothing+at+all");
}

static void test_backend_module_of_another_version_is_refused(void **state)
{
	(void)state;
	assert_refused("old:",
		       "cache backend: %s/weir-backend-old.so is made for version 1000 of the drivers' interface, this is version 1");
}

static void test_backend_module_without_its_object_is_refused(void **state)
{
	(void)state;
	assert_refused("empty:", "cache backend: %s/weir-backend-empty.so is no module of weir: it has no object weir_backend_module");
}

static void test_backend_module_unknown_scheme_lists_what_is_there(void **state)
{
	(void)state;
	assert_refused("other:", "cache backend: no driver for the scheme \"other\"; known: memory, shm, empty, nothing, old");
}

static void test_backend_module_that_cannot_be_loaded_is_an_error(void **state)
{
	struct weir_scratch scratch;
	struct weir_backend *backend;
	char why[1000] = "";
	FILE *file;

	(void)state;
	weir_scratch_init(&scratch);
	file = fopen(weir_scratch_file(&scratch, "weir-backend-broken.so"), "w");
	assert_non_null(file);
	fputs("no library at all", file);
	fclose(file);
	(void)snprintf(folder, sizeof(folder), "%s", weir_scratch_file(&scratch, ""));
	setenv("WEIR_BACKENDS", folder, 1);
	assert_int_equal(weir_backend_open("broken:", NULL, why, sizeof(why), &backend), WEIR_ERR_CONFIG);
	assert_non_null(strstr(why, "cache backend: cannot load a module: "));
	assert_non_null(strstr(why, "weir-backend-broken.so"));
	weir_scratch_finish(&scratch);
}

/* Only [a-z0-9]+ reaches the file system: an URL stays in the folder, and names of other files name no module. */
static void test_backend_module_names_are_letters_and_digits(void **state)
{
	static const char *const schemes[] = { "../nothing", "./nothing", "nothing/../nothing", "noth_ing", "noth ing", "+nothing", "" };
	static const char *const files[] = { "weir-backend-.so", "weir-backend-UP.so", "weir-backend-a.so.0", "weir-backend-no.thing.so",
					     "weir-backend-no_thing.so" };
	struct weir_scratch scratch;
	char url[100], expected[200], module[1100];

	(void)state;
	weir_scratch_init(&scratch);
	(void)snprintf(folder, sizeof(folder), "%s", getenv("TEST_MODULES"));
	(void)snprintf(module, sizeof(module), "%s/weir-backend-nothing.so", folder);
	setenv("WEIR_BACKENDS", folder, 1);
	for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
		bool shown = !strpbrk(schemes[i], "./ ");

		(void)snprintf(url, sizeof(url), "%s:", schemes[i]);
		(void)snprintf(expected, sizeof(expected),
			       "cache backend: no driver for the scheme %s%s%s; known: memory, shm, empty, nothing, old",
			       shown ? "\"" : "(", shown ? schemes[i] : "not shown", shown ? "\"" : ")");
		assert_refused(url, expected);
	}
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		assert_int_equal(symlink(module, weir_scratch_file(&scratch, files[i])), 0);
	setenv("WEIR_BACKENDS", weir_scratch_file(&scratch, ""), 1);
	assert_refused("up:", "cache backend: no driver for the scheme \"up\"; known: memory, shm");
	assert_refused("no.thing:", "cache backend: no driver for the scheme (not shown); known: memory, shm");
	assert_refused("no_thing:", "cache backend: no driver for the scheme \"no_thing\"; known: memory, shm");
	weir_scratch_finish(&scratch);
}

static void test_backend_module_folder_that_is_not_there_has_none(void **state)
{
	(void)state;
	setenv("WEIR_BACKENDS", "/dev/null", 1);
	assert_refused("nothing:", "cache backend: no driver for the scheme \"nothing\"; known: memory, shm");
}

/* A driver that the program brings itself comes first, and needs no file. */
static void test_backend_module_of_the_program_comes_first(void **state)
{
	static const char *const no_options[] = { NULL };
	static const struct weir_backend_ops mine = { .scheme = "memory", .options = no_options }, more = { .scheme = "more" };
	static const struct weir_backend_ops *const drivers[] = { &mine, &more, NULL };
	static const struct weir_backend_module module = { WEIR_BACKEND_MODULE_VERSION, drivers };
	const struct weir_backend_env env = { .drivers = &module };
	struct weir_backend *backend;
	char why[300] = "";

	(void)state;
	assert_int_equal(weir_backend_open("nosuch:", &env, why, sizeof(why), &backend), WEIR_ERR_CONFIG);
	assert_string_equal(why,
			    "cache backend: no driver for the scheme \"nosuch\"; known: memory, more, memory, shm, empty, nothing, old");
	assert_int_equal(weir_backend_open("memory:?size=1m", &env, why, sizeof(why), &backend), WEIR_ERR_CONFIG);
	assert_string_equal(why, "cache backend memory: no option \"size\"; known: none");
}

#define module_test(function) cmocka_unit_test_setup(function, use_modules)

int main(void)
{
	const struct CMUnitTest tests[] = {
		module_test(test_backend_module_is_loaded_by_its_scheme),
		module_test(test_backend_module_gives_its_reasons),
		module_test(test_backend_module_without_the_scheme_names_its_own),
		module_test(test_backend_module_of_another_version_is_refused),
		module_test(test_backend_module_without_its_object_is_refused),
		module_test(test_backend_module_unknown_scheme_lists_what_is_there),
		module_test(test_backend_module_that_cannot_be_loaded_is_an_error),
		module_test(test_backend_module_names_are_letters_and_digits),
		module_test(test_backend_module_folder_that_is_not_there_has_none),
		module_test(test_backend_module_of_the_program_comes_first),
	};

	if (!getenv("TEST_MODULES")) {
		fputs("test_backend_module: TEST_MODULES names no folder\n", stderr);
		return 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
