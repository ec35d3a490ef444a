/* SPDX-License-Identifier: Apache-2.0
 *
 * Named instants of the writing paths, where the kill -9 storm (tests/storm) ends a process, and the faults that it plants to see whether
 * it would notice. Both are nothing in any other build.
 */
#ifndef WEIR_SHM_POINTS_H
#define WEIR_SHM_POINTS_H

enum weir_shm_planted_fault {
	WEIR_SHM_NO_FAULT,
	WEIR_SHM_NO_BUMP,  /* slots are replaced without raising the bucket's version */
	WEIR_SHM_NO_RESET, /* a shard that a process died in is used as it is */
};

#ifdef WEIR_SHM_STORM

/* All names are in a section of the program, so that it can tell which were never reached. */
#define WEIR_SHM_POINT_SECTION "weir_shm_points"

extern enum weir_shm_planted_fault weir_shm_planted;

/* Called with the shard's lock held. */
void weir_shm_point(const char *name);

#define WEIR_SHM_POINT(name) \
	do { \
		static const char *const weir_shm_here __attribute__((section(WEIR_SHM_POINT_SECTION), used)) = name; \
		weir_shm_point(weir_shm_here); \
	} while (0)
#define WEIR_SHM_PLANTED(fault) (weir_shm_planted == (fault))

#else

#define WEIR_SHM_POINT(name) ((void)0)
#define WEIR_SHM_PLANTED(fault) 0

#endif

#endif
