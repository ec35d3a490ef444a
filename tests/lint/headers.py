# SPDX-License-Identifier: Apache-2.0
"""Checks that every header of the product compiles alone and twice; public ones without any macro of ours.

usage: headers.py [SOURCE-DIR]
"""
import concurrent.futures
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
COMPILER = os.environ.get("CC", "cc").split()
FLAGS = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-x", "c"]
DEPENDENCIES = ["libuv", "json-c", "libmd"]


def package_flags():
    command = ["pkg-config", "--cflags", *DEPENDENCIES]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.split()


def check(header, packages):
    """Returns the compiler's words, empty when it has none."""
    public = header.parent == ROOT / "lib/weir"
    flags = ["-I", ROOT / "lib"] + ([] if public else ["-D_GNU_SOURCE", *packages])
    twice = f'#include "{header}"\n#include "{header}"\n'
    ended = subprocess.run([*COMPILER, *FLAGS, *flags, "-"], input=twice, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                           check=False)
    return ended.stdout if ended.returncode == 0 else ended.stdout or f"{header}: does not compile"


def main():
    headers = [path for folder in ("lib", "middleware", "backends", "apps") for path in sorted((ROOT / folder).rglob("*.h"))]
    packages = package_flags()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        problems = [words for words in pool.map(lambda header: check(header, packages), headers) if words]
    print("\n".join(problems) or f"{len(headers)} headers compile alone")
    return 1 if problems or not headers else 0


if __name__ == "__main__":
    sys.exit(main())
