/* SPDX-License-Identifier: Apache-2.0
 *
 * The page that shows the map: page.html, which embed.py has made an array of.
 */
#ifndef TILES_PAGE_H
#define TILES_PAGE_H

#include <stddef.h>

extern const char tiles_page[];
extern const size_t tiles_page_len;

#endif
