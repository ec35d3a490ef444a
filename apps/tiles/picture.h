/* SPDX-License-Identifier: Apache-2.0
 *
 * Tiles as pictures.
 */
#ifndef TILES_PICTURE_H
#define TILES_PICTURE_H

#include <weir/pool.h>

enum style {
	STYLE_FIRE,
	STYLE_ICE,
	STYLE_INK,
};

/* A PNG of so many steps (fractal.h), in the pool. ERR_MEMORY. */
enum weir_status picture_draw(struct weir_pool *pool, const uint16_t *steps, enum style style, struct weir_slice *png);

#endif
