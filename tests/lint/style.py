# SPDX-License-Identifier: Apache-2.0
"""Checks the house rules that no formatter knows: licence line, lengths, words that admit something unfinished.

usage: style.py [SOURCE-DIR]
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
FOLDERS = ("lib", "middleware", "backends", "apps", "tests", ".ci")
TOP_LEVEL = ("dev", "meson.build", "meson_options.txt")
SUFFIXES = (".c", ".h", ".py", ".sh", ".build", ".conf")

LICENCE = "SPDX-License-Identifier: Apache-2.0"
FILE_LINES = 500
FUNCTION_LINES = 60
COLUMNS = 140
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|X" r"XX|HA" r"CK)\b")
TYPEDEF_STRUCT = re.compile(r"^\s*typedef\s+(struct|enum|union)\b[^(]*$")


def check_lines(lines):
    """Yields (line number, what is wrong) for rules that hold in every file."""
    first = 1 if lines and lines[0].startswith("#!") else 0
    if LICENCE not in "".join(lines[first:first + 1]):
        yield first + 1, f"the first line says {LICENCE}"
    if len(lines) > FILE_LINES:
        yield len(lines), f"a file has at most {FILE_LINES} lines"
    for number, line in enumerate(lines, 1):
        if line != line.rstrip():
            yield number, "space at the end of the line"
        if len(line.expandtabs(8)) > COLUMNS:
            yield number, f"a line has at most {COLUMNS} columns"
        if UNFINISHED.search(line):
            yield number, "what is unfinished is finished, or an issue"


def check_c(lines):
    """Yields (line number, what is wrong) for rules that hold in C."""
    start = 0
    for number, line in enumerate(lines, 1):
        if TYPEDEF_STRUCT.match(line):
            yield number, "structs, enums and unions keep their tag and have no typedef"
        if line.startswith("{"):
            start = number
        elif line.startswith("}"):
            if start and number - start - 1 > FUNCTION_LINES:
                yield start, f"a function has at most {FUNCTION_LINES} lines"
            start = 0


def check(path):
    text = path.read_text(encoding="utf-8")
    lines = text.split("\n")
    if lines.pop() != "":
        yield len(lines) + 1, "the last line has an end"
    if "\r" in text:
        yield 1, "carriage return"
    yield from check_lines(lines)
    if path.suffix in (".c", ".h"):
        yield from check_c(lines)


def main():
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.suffix in SUFFIXES or path.parent.name == ".ci"]
    files = sorted(path for path in files if path.is_file()) + [ROOT / name for name in TOP_LEVEL if (ROOT / name).is_file()]
    problems = [f"{path.relative_to(ROOT)}:{number}: {wrong}" for path in files for number, wrong in check(path)]
    print("\n".join(problems) or f"{len(files)} files keep the house rules")
    return 1 if problems or not files else 0


if __name__ == "__main__":
    sys.exit(main())
