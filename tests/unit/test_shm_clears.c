/* SPDX-License-Identifier: Apache-2.0
 *
 * Clear cells: exact while there is room, and to the safe side in whatever comes then. Most tests leave the table one set only, so that
 * everybody meets in it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <weir/backend_driver.h>

#include "backends/shm/clears.h"

#define COUNT_MASK ((UINT64_C(1) << 40) - 1)
#define EPOCH_MASK (~COUNT_MASK)
#define CELLS WEIR_SHM_CLEAR_CELLS
#define NAMES 12        /* that share a set of seven cells */
#define MANY_NAMES 3000 /* for 64 sets */
#define CLEARS 20000
#define ADDERS 3
#define READERS 2
#define KILLS 300

/* The newest stamp of a clear of each name that has ended, in shared memory. */
struct ended {
	_Atomic uint64_t stamps[NAMES];
	_Atomic unsigned wrong;
	_Atomic bool stop;
};

struct table {
	struct weir_shm_map map;
	struct weir_shm_clear_set *sets;
	struct ended *ended;
};

static void *map_shared(size_t size)
{
	void *mapping = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(mapping != MAP_FAILED);
	return mapping;
}

/* The seed is always the same, and so is the place of every name. */
static int make_table(void **state)
{
	static struct table table;
	struct weir_shm_geometry geometry;

	assert_true(weir_shm_geometry_make(WEIR_SHM_SIZE_MIN, 1024, &geometry));
	weir_shm_map_init(&table.map, &geometry, map_shared(geometry.size));
	assert_int_equal(weir_shm_map_format(&table.map, "boot"), WEIR_OK);
	table.map.seed = 1;
	table.sets = (void *)(table.map.base + geometry.clears_at);
	table.ended = map_shared(sizeof(*table.ended));
	*state = &table;
	return 0;
}

static int make_set(void **state)
{
	int made = make_table(state);
	struct table *table = *state;

	table->map.geometry.clear_sets = 1;
	return made;
}

static int drop_table(void **state)
{
	struct table *table = *state;

	return munmap(table->ended, sizeof(*table->ended)) + munmap(table->map.base, table->map.geometry.size);
}

struct name {
	char text[16];
};

static struct weir_slice name_of(struct name *name, unsigned number)
{
	return weir_slice(name->text, (size_t)snprintf(name->text, sizeof(name->text), "name %u", number));
}

static uint64_t add(struct table *table, unsigned number)
{
	struct name name;

	return weir_shm_clears_add(&table->map, name_of(&name, number));
}

static uint64_t cell(struct table *table, unsigned number)
{
	struct name name;

	return weir_shm_clears_cell(&table->map, name_of(&name, number));
}

/* fork() whose child dies with this process: a test that fails leaves nobody behind. */
static pid_t fork_mortal(void)
{
	pid_t pid = fork();

	if (pid == 0)
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	return pid;
}

static uint64_t draw(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* -- Alone ----------------------------------------------------------------------------------------------------------------- */

static void test_shm_clears_nothing_was_cleared_at_first(void **state)
{
	struct table *table = *state;

	for (unsigned i = 0; i < 100; i++)
		assert_true(cell(table, i) == 0);
	assert_true((weir_shm_clears_clock(&table->map) & COUNT_MASK) == 1);
}

static void test_shm_clears_move_the_clock_and_one_cell(void **state)
{
	struct table *table = *state;
	uint64_t clock = weir_shm_clears_clock(&table->map);

	assert_true(add(table, 1) == clock + 1);
	assert_true(add(table, 2) == clock + 2);
	assert_true(weir_shm_clears_clock(&table->map) == clock + 2);
	assert_true(cell(table, 1) == clock + 1);
	assert_true(cell(table, 2) == clock + 2);
	assert_true(cell(table, 3) == 0);
	assert_true(add(table, 1) == clock + 3);
	assert_true(cell(table, 1) == clock + 3);
	assert_true(cell(table, 2) == clock + 2);
}

static void test_shm_clears_take_any_name(void **state)
{
	struct table *table = *state;
	struct weir_slice empty = WEIR_SLICE_NONE, zeros = WEIR_SLICE_LITERAL("\0\0\0");

	assert_true(weir_shm_clears_add(&table->map, empty) == weir_shm_clears_cell(&table->map, empty));
	assert_true(weir_shm_clears_cell(&table->map, zeros) == 0);
	assert_true(weir_shm_clears_add(&table->map, zeros) == weir_shm_clears_cell(&table->map, zeros));
}

static void test_shm_clears_forget_the_oldest(void **state)
{
	struct table *table = *state;
	uint64_t stamps[CELLS + 1];

	for (unsigned i = 0; i < CELLS; i++)
		stamps[i] = add(table, i);
	for (unsigned i = 0; i < CELLS; i++)
		assert_true(cell(table, i) == stamps[i]);
	assert_true(cell(table, CELLS) == 0);
	stamps[0] = add(table, 0);
	stamps[CELLS] = add(table, CELLS);
	for (unsigned i = 0; i <= CELLS; i++)
		assert_true(cell(table, i) == stamps[i]); /* also 1, which was forgotten: the floor is its count */
	assert_true(cell(table, CELLS + 1) == stamps[1]);
	add(table, CELLS + 1);
	assert_true(cell(table, 1) == stamps[2]);
}

/* A clear that took its count and then slept, while others filled the set. */
static void test_shm_clears_that_come_late_are_forgotten_at_once(void **state)
{
	struct table *table = *state;
	uint64_t clock = weir_shm_clears_clock(&table->map), stamp;

	atomic_store(&table->map.header->clock, clock + 10);
	for (unsigned i = 0; i < CELLS; i++)
		add(table, i);
	atomic_store(&table->map.header->clock, clock);
	stamp = add(table, CELLS);
	assert_true(cell(table, CELLS) == stamp);
	for (unsigned i = 0; i < CELLS; i++)
		assert_true(cell(table, i) == clock + 11 + i);
	assert_true(cell(table, CELLS + 1) == stamp);
}

static void test_shm_clears_take_the_later_of_two_cells(void **state)
{
	struct table *table = *state;
	uint64_t first = add(table, 1), second;

	atomic_store(&table->sets[0].cells[CELLS - 1], (table->sets[0].cells[0] & EPOCH_MASK) | ((first + 1) & COUNT_MASK));
	assert_true(cell(table, 1) == first + 1);
	assert_true(add(table, 1) == first + 1);
	second = add(table, 1);
	assert_true(cell(table, 1) == second);
	for (unsigned i = 2; i < 2 + CELLS - 1; i++)
		add(table, i);
	assert_true(cell(table, 1) == second);
	assert_true(cell(table, 100) == first + 1);
}

/* Every name against what a table without limits would say: never older, never after the clock. */
static void test_shm_clears_err_to_the_safe_side(void **state)
{
	static uint64_t model[MANY_NAMES];
	struct table *table = *state;
	uint64_t random = 1;

	for (unsigned i = 0; i < MANY_NAMES; i++)
		model[i] = 0;
	for (unsigned i = 0; i < CLEARS; i++) {
		unsigned cleared = (unsigned)(draw(&random) % MANY_NAMES), other = (unsigned)(draw(&random) % MANY_NAMES);

		model[cleared] = add(table, cleared);
		assert_true(cell(table, cleared) == model[cleared]);
		assert_true(cell(table, other) >= model[other]);
		assert_true(cell(table, other) <= model[cleared]);
	}
	for (unsigned i = 0; i < MANY_NAMES; i++)
		assert_true(cell(table, i) >= model[i]);
}

/* 100 names in 64 sets of seven. */
static void test_shm_clears_are_exact_while_there_is_room(void **state)
{
	struct table *table = *state;
	uint64_t model[100] = { 0 }, random = 1;

	for (unsigned i = 0; i < CLEARS; i++) {
		unsigned cleared = (unsigned)(draw(&random) % 100), other = (unsigned)(draw(&random) % 100);

		model[cleared] = add(table, cleared);
		assert_true(cell(table, other) == model[other]);
	}
	for (unsigned i = 100; i < MANY_NAMES; i++)
		assert_true(cell(table, i) == 0);
}

static void assert_kills(struct table *table, unsigned number, uint64_t stamp)
{
	assert_false(weir_clear_clock_valid(stamp, weir_shm_clears_clock(&table->map), cell(table, number)));
}

static void test_shm_clears_keep_their_epoch_up_to_the_last_count(void **state)
{
	struct table *table = *state;
	uint64_t epoch = weir_shm_clears_clock(&table->map) & EPOCH_MASK;

	atomic_store(&table->map.header->clock, epoch | (COUNT_MASK - 2));
	assert_true(add(table, 1) == (epoch | (COUNT_MASK - 1)));
	assert_true(cell(table, 1) == (epoch | (COUNT_MASK - 1)));
	assert_true(add(table, 2) == (epoch | COUNT_MASK));
	assert_true(cell(table, 2) == (epoch | COUNT_MASK));
}

/* Beyond its last count a store may be of no use, but must not be wrong. */
static void test_shm_clears_are_safe_beyond_the_last_count(void **state)
{
	struct table *table = *state;
	uint64_t random = 1;

	atomic_fetch_or(&table->map.header->clock, COUNT_MASK - 50);
	for (int i = 0; i < 200; i++) {
		unsigned number = (unsigned)(draw(&random) % NAMES);
		uint64_t before = weir_shm_clears_clock(&table->map);

		add(table, number);
		assert_kills(table, number, before);
	}
}

static void test_shm_clears_are_safe_in_any_set(void **state)
{
	struct table *table = *state;
	uint64_t random = 1;

	for (unsigned i = 0; i < CLEARS; i++) {
		uint64_t before = weir_shm_clears_clock(&table->map);

		if (i % 3 == 0)
			atomic_store(&table->sets[0].floor, draw(&random) & draw(&random));
		atomic_store(&table->sets[0].cells[draw(&random) % CELLS], draw(&random));
		add(table, i % NAMES);
		assert_kills(table, i % NAMES, before);
	}
}

/* -- Together -------------------------------------------------------------------------------------------------------------- */

/* Not below what had ended before, nor below what this thread has seen, nor above the clock. */
static void look(struct table *table, unsigned number, uint64_t *seen)
{
	uint64_t ended = atomic_load(&table->ended->stamps[number]);
	uint64_t stamp = cell(table, number);

	if (stamp < ended || stamp < seen[number] || stamp > weir_shm_clears_clock(&table->map))
		table->ended->wrong++;
	seen[number] = stamp;
}

static void clear_and_tell(struct table *table, unsigned number)
{
	uint64_t stamp = add(table, number);
	uint64_t ended = atomic_load(&table->ended->stamps[number]);

	while (ended < stamp && !atomic_compare_exchange_weak(&table->ended->stamps[number], &ended, stamp))
		continue;
}

static void *thread_clears(void *argument)
{
	uint64_t random = (uint64_t)(uintptr_t)&random | 1, seen[NAMES] = { 0 };

	for (int i = 0; i < CLEARS; i++) {
		unsigned number = (unsigned)(draw(&random) % NAMES);

		clear_and_tell(argument, number);
		look(argument, number, seen);
	}
	return NULL;
}

static void *thread_looks(void *argument)
{
	struct table *table = argument;
	uint64_t random = (uint64_t)(uintptr_t)&random | 1, seen[NAMES] = { 0 };

	while (!atomic_load(&table->ended->stop))
		look(table, (unsigned)(draw(&random) % NAMES), seen);
	return NULL;
}

static void test_shm_clears_of_threads_are_seen(void **state)
{
	struct table *table = *state;
	pthread_t threads[ADDERS + READERS];

	for (int i = 0; i < ADDERS + READERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, i < ADDERS ? thread_clears : thread_looks, table), 0);
	for (int i = 0; i < ADDERS + READERS; i++) {
		if (i == ADDERS)
			atomic_store(&table->ended->stop, true);
		assert_int_equal(pthread_join(threads[i], NULL), 0);
	}
	assert_int_equal(table->ended->wrong, 0);
	assert_true((weir_shm_clears_clock(&table->map) & COUNT_MASK) == 1 + ADDERS * CLEARS);
}

static pid_t start_clearing(struct table *table, uint64_t random)
{
	pid_t pid = fork_mortal();

	if (pid != 0)
		return pid;
	for (;;)
		clear_and_tell(table, (unsigned)(draw(&random) % NAMES));
}

/* Nobody else is left to make good what the dead one has left half done. */
static void test_shm_clears_survive_kills(void **state)
{
	struct table *table = *state;
	uint64_t random = 1, seen[NAMES] = { 0 };

	for (int i = 0; i < KILLS; i++) {
		pid_t pid = start_clearing(table, draw(&random));
		struct timespec pause = { .tv_nsec = (long)(1000000 + draw(&random) % 1000000) };

		assert_true(pid > 0);
		(void)nanosleep(&pause, NULL);
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		for (unsigned number = 0; number < NAMES; number++)
			look(table, number, seen);
	}
	assert_int_equal(table->ended->wrong, 0);
	assert_true((weir_shm_clears_clock(&table->map) & COUNT_MASK) > KILLS);
}

#define IN_TABLE(test) cmocka_unit_test_setup_teardown(test, make_table, drop_table)
#define IN_SET(test) cmocka_unit_test_setup_teardown(test, make_set, drop_table)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_TABLE(test_shm_clears_nothing_was_cleared_at_first),
		IN_TABLE(test_shm_clears_move_the_clock_and_one_cell),
		IN_TABLE(test_shm_clears_take_any_name),
		IN_SET(test_shm_clears_forget_the_oldest),
		IN_SET(test_shm_clears_that_come_late_are_forgotten_at_once),
		IN_SET(test_shm_clears_take_the_later_of_two_cells),
		IN_TABLE(test_shm_clears_err_to_the_safe_side),
		IN_TABLE(test_shm_clears_are_exact_while_there_is_room),
		IN_TABLE(test_shm_clears_keep_their_epoch_up_to_the_last_count),
		IN_SET(test_shm_clears_are_safe_beyond_the_last_count),
		IN_SET(test_shm_clears_are_safe_in_any_set),
		IN_SET(test_shm_clears_of_threads_are_seen),
		IN_SET(test_shm_clears_survive_kills),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
