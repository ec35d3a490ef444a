# SPDX-License-Identifier: Apache-2.0
"""Compiles every ```c block of README.md, and runs `--check` on those that are whole programs.

A block with a main() is compiled and linked as it stands. Any other is a piece: what it needs and does not show stands before it in a
comment that readers do not see, `<!-- c` on a line of its own, C, and `-->`. Where that C opens braces, the test closes them behind the
block, so a block may be the inside of a function.
"""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ["WEIR_SOURCE_DIR"])
BUILD = pathlib.Path(os.environ["WEIR_BUILD_DIR"])
COMPILER = os.environ["WEIR_CC"].split()
SANITIZE = os.environ["WEIR_SANITIZE"]
FLAGS = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-Wno-unused-function", "-Wno-unused-const-variable", "-I",
         SOURCE / "lib"]

BLOCK = re.compile(r"(?:^<!-- c\n(?P<before>.*?)^-->\n+)?^```c\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
MAIN = re.compile(r"^int main\(", re.MULTILINE)


def blocks():
    """Yields (line number, hidden C, shown C)."""
    text = (SOURCE / "README.md").read_text(encoding="utf-8")
    for found in BLOCK.finditer(text):
        yield text.count("\n", 0, found.start("code")) + 1, found["before"] or "", found["code"]


class Readme(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-readme-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def compile(self, line, source, *options):
        text = self.folder / "block.c"
        text.write_text(source, encoding="utf-8")
        ended = subprocess.run([*COMPILER, *FLAGS, text, *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               check=False, timeout=60)
        self.assertEqual(ended.returncode, 0, f"README.md:{line}: {ended.stdout}")

    def test_readme_programs_build_and_pass_their_check(self):
        programs = [(line, code) for line, _, code in blocks() if MAIN.search(code)]
        self.assertTrue(programs, "README.md shows no whole program")
        sanitize = [] if SANITIZE == "none" else [f"-fsanitize={SANITIZE}"]
        for line, code in programs:
            with self.subTest(line=line):
                program = self.folder / "program"
                self.compile(line, code, *sanitize, "-o", program, "-L", BUILD, "-lweir", f"-Wl,-rpath,{BUILD}")
                ended = subprocess.run([program, "--check"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                                       timeout=60)
                self.assertEqual(ended.returncode, 0, ended.stdout)

    def test_readme_pieces_compile(self):
        pieces = [block for block in blocks() if not MAIN.search(block[2])]
        for line, before, code in pieces:
            with self.subTest(line=line):
                closing = "}" * (before.count("{") - before.count("}"))
                self.compile(line, f"{before}{code}{closing}\n", "-c", "-o", self.folder / "block.o")
