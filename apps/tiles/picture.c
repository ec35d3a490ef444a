/* SPDX-License-Identifier: Apache-2.0
 *
 * Colours, and PNG by libpng's simplified interface, which needs no setjmp().
 */
#include "picture.h"

#include <png.h>

#include "fractal.h"

#define COLOURS 256

/* The colour of the set itself is the palette's first. From step to step the others go round, ever more slowly. */
static png_byte colour_of(uint16_t steps)
{
	unsigned turn = 0, left = steps;

	if (steps >= FRACTAL_MOST)
		return 0;
	for (; left >= 64; left /= 2)
		turn += 32;
	return (png_byte)(1 + (turn + left) * 3 % (COLOURS - 1));
}

/* Up and down again, so that the end of the palette meets its beginning. */
static png_byte wave(unsigned index, unsigned from, unsigned to)
{
	unsigned distance = index < COLOURS / 2 ? index : COLOURS - 1 - index;
	unsigned level = (to * distance + from * (COLOURS / 2 - distance)) / (COLOURS / 2);

	return (png_byte)level;
}

static void make_palette(enum style style, png_byte palette[COLOURS][3])
{
	static const struct {
		unsigned char from[3], to[3];
	} ends[] = {
		[STYLE_FIRE] = { { 40, 0, 10 }, { 255, 220, 90 } },
		[STYLE_ICE] = { { 0, 12, 60 }, { 225, 250, 255 } },
		[STYLE_INK] = { { 255, 255, 250 }, { 60, 60, 70 } },
	};

	for (unsigned i = 0; i < COLOURS; i++)
		for (unsigned part = 0; part < 3; part++)
			palette[i][part] = i == 0 ? 0 : wave(i, ends[style].from[part], ends[style].to[part]);
}

enum weir_status picture_draw(struct weir_pool *pool, const uint16_t *steps, enum style style, struct weir_slice *png)
{
	png_image image = {
		.version = PNG_IMAGE_VERSION,
		.width = FRACTAL_SIDE,
		.height = FRACTAL_SIDE,
		.format = PNG_FORMAT_RGB_COLORMAP,
		.colormap_entries = COLOURS,
	};
	png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
	png_byte palette[COLOURS][3];
	png_byte *pixels = weir_pool_alloc(pool, FRACTAL_PIXELS);
	char *out = weir_pool_bytes(pool, size);

	if (!pixels || !out)
		return WEIR_ERR_MEMORY;
	for (size_t i = 0; i < FRACTAL_PIXELS; i++)
		pixels[i] = colour_of(steps[i]);
	make_palette(style, palette);
	if (!png_image_write_to_memory(&image, out, &size, 0, pixels, FRACTAL_SIDE, palette))
		return WEIR_ERR_MEMORY;
	*png = weir_slice(out, size);
	return WEIR_OK;
}
