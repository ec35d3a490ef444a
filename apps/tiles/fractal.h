/* SPDX-License-Identifier: Apache-2.0
 *
 * The Mandelbrot set as a map: tiles of 256 by 256 pixels that cover a square of the plane, one at zoom level 0, four times as many with
 * each level. What is to be computed is how long each point takes to escape; that is expensive, and depends on nothing but where it is.
 */
#ifndef TILES_FRACTAL_H
#define TILES_FRACTAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRACTAL_SIDE 256
#define FRACTAL_PIXELS ((size_t)FRACTAL_SIDE * FRACTAL_SIDE)

/* A point that has not escaped by then is taken for one of the set. */
#define FRACTAL_MOST 1000

/* Deeper, and neighbours become the same number. */
#define FRACTAL_ZOOM 32

/* Where a tile is: `x` counts from the west, `y` from the north. */
struct position {
	int64_t z;
	int64_t x;
	int64_t y;
};

/* Whether there is such a tile; the zoom level is in range. */
bool fractal_has(const struct position *at);

/* Steps until escape, row by row, for FRACTAL_PIXELS points; FRACTAL_MOST inside of the set. */
void fractal_count(const struct position *at, uint16_t *steps);

#endif
