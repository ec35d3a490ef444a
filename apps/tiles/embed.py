# SPDX-License-Identifier: Apache-2.0
"""Makes page.c of page.html: the page as an array, so that the program needs no other file when it runs.

usage: embed.py page.html page.c
"""
import pathlib
import sys

page = [byte - 256 if byte > 127 else byte for byte in pathlib.Path(sys.argv[1]).read_bytes()]
rows = ["\t" + " ".join(f"{byte}," for byte in page[at:at + 24]) for at in range(0, len(page), 24)]
lines = ['#include "page.h"', "", "const char tiles_page[] = {", *rows, "};", "", "const size_t tiles_page_len = sizeof(tiles_page);", ""]
pathlib.Path(sys.argv[2]).write_text("\n".join(lines), encoding="ascii")
