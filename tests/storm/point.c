/* SPDX-License-Identifier: Apache-2.0
 *
 * The labelled instants of backends/shm (points.h): a worker that is doomed to end at one of them does so when it comes by.
 */
#include <signal.h>
#include <unistd.h>

#include "backends/shm/points.h"
#include "storm/storm.h"

/* The linker's names for the two ends of WEIR_SHM_POINT_SECTION. */
extern const char *const __start_weir_shm_points[]; // NOLINT(bugprone-reserved-identifier)
extern const char *const __stop_weir_shm_points[];  // NOLINT(bugprone-reserved-identifier)

enum weir_shm_planted_fault weir_shm_planted;

static struct {
	struct storm_worker *worker;
	const char *name; /* NULL: not doomed */
	unsigned point;
	unsigned passes;
} doom;

unsigned storm_points(void)
{
	size_t points = (size_t)(__stop_weir_shm_points - __start_weir_shm_points);

	return points < STORM_POINTS_MAX ? (unsigned)points : STORM_POINTS_MAX;
}

const char *storm_point_name(unsigned point)
{
	return __start_weir_shm_points[point];
}

void storm_doom(struct storm_worker *worker, unsigned point, unsigned passes)
{
	doom.worker = worker;
	doom.name = storm_point_name(point);
	doom.point = point;
	doom.passes = passes;
}

void weir_shm_point(const char *name)
{
	if (name != doom.name || --doom.passes > 0)
		return;
	atomic_store(&doom.worker->point, doom.point + 1);
	(void)kill(getpid(), SIGKILL);
}
