/* SPDX-License-Identifier: Apache-2.0
 *
 * The kill -9 storm: processes that work on one store are killed at random and at labelled instants, and nothing may come of it but lost
 * items. Afterwards the same is done to a store with a planted fault, to see that the storm would have noticed.
 *
 * usage: storm SECONDS
 *
 * A line for each kind of store, for the labels and for each planted fault; `N passed, N failed` at the end.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "backends/shm/points.h"
#include "storm/storm.h"

/* One store is stormed for so long at most, before the next one's turn. */
#define TURN_MS 10000

/* A planted fault is to be noticed within. */
#define PLANTED_MS 60000

#define MIB ((uint64_t)1024 * 1024)

enum profile {
	SMALL,
	STRADDLING,
	LARGE,
	IN_PLACE,
	TINY,
	STOPPED,
	PROFILES,
};

static const struct storm_profile profiles[PROFILES] = {
	[SMALL] = { .name = "small", .size = 4 * MIB, .entry_size = 256, .keys = 16000, .value_max = 300, .large_value_max = 900 },
	[STRADDLING] = { .name = "straddling",
			 .in_file = true,
			 .size = 8 * MIB,
			 .entry_size = 4096,
			 .keys = 1500,
			 .value_max = 8000,
			 .large_value_max = 16000 },
	[LARGE] = { .name = "large", .size = 16 * MIB, .entry_size = 4096, .keys = 300, .value_max = 20000, .large_value_max = 1000000 },
	[IN_PLACE] = { .name = "in place",
		       .in_file = true,
		       .fixed = true,
		       .size = 2 * MIB,
		       .entry_size = 1024,
		       .keys = 400,
		       .value_max = 3500 },
	[TINY] = { .name = "tiny",
		   .size = WEIR_SHM_SIZE_MIN,
		   .entry_size = 1024,
		   .keys = 1000,
		   .value_max = 6000,
		   .large_value_max = 300000 },
	[STOPPED] = { .name = "stopped",
		      .in_file = true,
		      .stops = true,
		      .size = 4 * MIB,
		      .entry_size = 1024,
		      .keys = 4000,
		      .value_max = 3000,
		      .large_value_max = 60000 },
};

static const char *const count_names[STORM_COUNTS] = {
	[STORM_OPERATIONS] = "operations",
	[STORM_HITS] = "hits",
	[STORM_TIMEOUTS] = "lock timeouts",
	[STORM_BAD_READS] = "bad reads",
	[STORM_STALE_READS] = "stale reads",
	[STORM_LOST_CLEARS] = "lost clears",
	[STORM_SHARED_LEASES] = "shared leases",
	[STORM_LONG_WAITS] = "waits over 1 s",
	[STORM_ODD_STATUSES] = "odd statuses",
	[STORM_FAULTS] = "check faults",
	[STORM_CRASHES] = "crashes",
};

struct tally {
	uint64_t kills, resets, stops;
	uint64_t counts[STORM_COUNTS];
	uint64_t point_kills[STORM_POINTS_MAX];
	uint64_t wrong[PROFILES];
	int64_t spent_ms;
	unsigned passed, failed;
};

static void judge(struct tally *tally, bool passed)
{
	if (passed)
		tally->passed++;
	else
		tally->failed++;
}

static void print_counts(const uint64_t *counts, unsigned first, const char *before)
{
	for (unsigned what = first; what < STORM_COUNTS; what++) {
		if (counts[what] == 0 && first > 0 && what != STORM_BAD_READS && what != STORM_FAULTS && what != STORM_LONG_WAITS)
			continue;
		printf("%s%" PRIu64 " %s", before, counts[what], count_names[what]);
		before = ", ";
	}
}

static void print_turn(const struct storm *storm)
{
	uint64_t counts[STORM_COUNTS];

	for (unsigned what = 0; what < STORM_COUNTS; what++)
		counts[what] = storm_count(storm, what);
	print_counts(counts, STORM_TIMEOUTS, "");
}

/* -- A turn ---------------------------------------------------------------------------------------------------------------- */

/* One store from its beginning to its end. False when it could not be had. */
static bool take_turn(struct storm *storm, int64_t ms, bool until_wrong)
{
	bool done;

	for (unsigned what = 0; what < STORM_COUNTS; what++)
		atomic_store(&storm->shared->counts[what], 0);
	for (unsigned i = 0; i < STORM_LEASES; i++)
		atomic_store(&storm->shared->holders[i], 0);
	if (!storm_open(storm, true))
		return false;
	done = storm_rage(storm, storm_now_ms() + ms, until_wrong);
	weir_shm_close(storm->shm);
	return done;
}

static void add_up(struct tally *tally, const struct storm *storm, unsigned profile)
{
	for (unsigned what = 0; what < STORM_COUNTS; what++)
		tally->counts[what] += storm_count(storm, what);
	for (unsigned point = 0; point < STORM_POINTS_MAX; point++)
		tally->point_kills[point] += storm->point_kills[point];
	tally->kills += storm->kills;
	tally->resets += storm->resets;
	tally->stops += storm->stops;
	tally->wrong[profile] += storm_wrong(storm);
}

/* The members that are those of one turn. */
static void begin_turn(struct storm *storm, const struct storm_profile *profile)
{
	storm->profile = profile;
	storm->kills = storm->resets = storm->stops = 0;
	for (unsigned point = 0; point < STORM_POINTS_MAX; point++)
		storm->point_kills[point] = 0;
}

static bool storm_all(struct storm *storm, struct tally *tally, unsigned seconds)
{
	int64_t turn_ms = (int64_t)seconds * 1000 / PROFILES, begin_ms = storm_now_ms();
	unsigned rounds = (unsigned)(turn_ms / TURN_MS) + 1;

	for (unsigned turn = 0; turn < rounds * PROFILES; turn++) {
		begin_turn(storm, &profiles[turn % PROFILES]);
		if (!take_turn(storm, turn_ms / rounds, false))
			return false;
		add_up(tally, storm, turn % PROFILES);
		printf("%-10s  %" PRIu64 " kills, %" PRIu64 " in a critical section: ", storm->profile->name, storm->kills, storm->resets);
		print_turn(storm);
		printf("\n");
	}
	tally->spent_ms = storm_now_ms() - begin_ms;
	return true;
}

/* -- What came of it ------------------------------------------------------------------------------------------------------- */

static void judge_labels(struct tally *tally)
{
	unsigned missed = 0;

	printf("ended itself at");
	for (unsigned point = 0; point < storm_points(); point++) {
		printf("%s %s: %" PRIu64, point ? "," : "", storm_point_name(point), tally->point_kills[point]);
		missed += tally->point_kills[point] == 0;
	}
	printf("\n");
	if (missed > 0 || storm_points() == 0)
		printf("FAILED: at %u of %u labels nobody was killed\n", missed, storm_points());
	judge(tally, missed == 0 && storm_points() > 0);
}

/* A storm that hardly ever meets a critical section proves nothing. */
static void judge_bite(struct tally *tally)
{
	bool bites = tally->resets * 10 >= tally->kills && tally->kills > 0 && tally->counts[STORM_HITS] > tally->kills;

	if (!bites)
		printf("FAILED: fewer than a tenth of the kills met a critical section, or hardly anything was read\n");
	judge(tally, bites);
}

static bool storm_planted(struct storm *storm, struct tally *tally, enum weir_shm_planted_fault fault, const char *name)
{
	int64_t begin_ms = storm_now_ms();
	uint64_t found;

	begin_turn(storm, &profiles[TINY]);
	weir_shm_planted = fault;
	if (!take_turn(storm, PLANTED_MS, true))
		return false;
	weir_shm_planted = WEIR_SHM_NO_FAULT;
	found = storm_count(storm, STORM_BAD_READS) + storm_count(storm, STORM_STALE_READS) + storm_count(storm, STORM_FAULTS);
	printf("planted: %s: %s after %.1f s and %" PRIu64 " kills: ", name, found ? "caught" : "FAILED, not caught",
	       (double)(storm_now_ms() - begin_ms) / 1000, storm->kills);
	print_turn(storm);
	printf("\n");
	judge(tally, found > 0);
	return true;
}

static bool run(struct storm *storm, unsigned seconds)
{
	struct tally tally = { 0 };

	if (!storm_all(storm, &tally, seconds))
		return false;
	for (unsigned i = 0; i < PROFILES; i++)
		judge(&tally, tally.wrong[i] == 0);
	judge_labels(&tally);
	judge_bite(&tally);
	if (!storm_planted(storm, &tally, WEIR_SHM_NO_BUMP, "versions are not raised") ||
	    !storm_planted(storm, &tally, WEIR_SHM_NO_RESET, "shards are not reset"))
		return false;
	printf("storm of %.0f s: %" PRIu64 " kills, %" PRIu64 " in a critical section, %" PRIu64 " stops; ", (double)tally.spent_ms / 1000,
	       tally.kills, tally.resets, tally.stops);
	print_counts(tally.counts, 0, "");
	printf("\n%u passed, %u failed\n", tally.passed, tally.failed);
	return tally.failed == 0;
}

int main(int argc, char **argv)
{
	char folder[] = "/dev/shm/weir-storm-XXXXXX", path[64], file[80];
	struct storm storm = { .path = path, .seed = 1 };
	uint64_t seconds = 0;
	bool passed;

	if (argc != 2 || weir_slice_to_u64(weir_slice_text(argv[1]), 1000000, &seconds) != WEIR_OK || seconds == 0) {
		(void)fprintf(stderr, "usage: storm SECONDS\n");
		return 2;
	}
	storm.shared = mmap(NULL, sizeof(*storm.shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	storm.history = storm_history_create();
	if ((void *)storm.shared == MAP_FAILED || !storm.history || !mkdtemp(folder)) {
		perror("storm");
		return 1;
	}
	(void)snprintf(path, sizeof(path), "%s/store", folder);
	(void)snprintf(file, sizeof(file), "%s.weir1", path);
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	passed = run(&storm, (unsigned)seconds);
	(void)unlink(file);
	(void)rmdir(folder);
	return passed ? 0 : 1;
}
