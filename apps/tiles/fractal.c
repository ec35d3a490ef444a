/* SPDX-License-Identifier: Apache-2.0
 *
 * The expensive part. It knows nothing of requests and caches.
 */
#include "fractal.h"

/* The square that the map shows. */
#define WEST (-2.5)
#define NORTH 2.0
#define WIDTH 4.0

static uint16_t steps_until_escape(double re, double im)
{
	double x = 0, y = 0;
	uint16_t steps = 0;

	for (; steps < FRACTAL_MOST && x * x + y * y <= 4; steps++) {
		double next = x * x - y * y + re;

		y = 2 * x * y + im;
		x = next;
	}
	return steps;
}

bool fractal_has(const struct position *at)
{
	int64_t across = INT64_C(1) << at->z;

	return at->x >= 0 && at->x < across && at->y >= 0 && at->y < across;
}

void fractal_count(const struct position *at, uint16_t *steps)
{
	double tile = WIDTH / (double)(INT64_C(1) << at->z);
	double west = WEST + (double)at->x * tile;
	double north = NORTH - (double)at->y * tile;

	for (int row = 0; row < FRACTAL_SIDE; row++)
		for (int column = 0; column < FRACTAL_SIDE; column++)
			*steps++ =
				steps_until_escape(west + (column + 0.5) * tile / FRACTAL_SIDE, north - (row + 0.5) * tile / FRACTAL_SIDE);
}
