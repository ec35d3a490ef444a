# SPDX-License-Identifier: Apache-2.0
"""Runs clang-tidy over the C files of a build, and only over those that changed since it last found nothing.

usage: tidy.py BUILD-DIR

What makes a file the same is its own text, what the preprocessor makes of it, and the .clang-tidy files above it.
"""
import concurrent.futures
import hashlib
import json
import os
import pathlib
import shlex
import subprocess
import sys

BUILD = pathlib.Path(sys.argv[1]).resolve()
CLEAN = BUILD / "tidy-clean"   # one empty file named by the digest of each clean source


def configuration(source):
    return b"".join((folder / ".clang-tidy").read_bytes() for folder in source.parents if (folder / ".clang-tidy").is_file())


def compiler(entry):
    """The entry's command without its file and without what it writes."""
    command = shlex.split(entry["command"])
    for option in ("-MF", "-MQ", "-o"):
        if option in command:
            at = command.index(option)
            del command[at:at + 2]
    return [word for word in command if word not in ("-MD", "-c", entry["file"])]


def preprocessed(entry):
    command = [*compiler(entry), "-E", "-o", "-", entry["file"]]
    return subprocess.run(command, cwd=entry["directory"], stdout=subprocess.PIPE, check=True).stdout


def digest(entry, source):
    state = hashlib.sha256()
    for part in (entry["command"].encode(), configuration(source), source.read_bytes(), preprocessed(entry)):
        state.update(len(part).to_bytes(8, "little") + part)
    return state.hexdigest()


def check(entry):
    """Returns clang-tidy's words, empty when the file is clean."""
    source = pathlib.Path(entry["directory"], entry["file"]).resolve()
    clean = CLEAN / digest(entry, source)
    if clean.exists():
        return ""
    # Not by "-p": a file that is compiled twice would be looked at twice in one go, of which the checks' memory is not clean (va_list).
    ended = subprocess.run(["clang-tidy", "--quiet", source, "--", *compiler(entry)[1:]], cwd=entry["directory"],
                           stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if ended.returncode == 0 and not ended.stdout:
        clean.touch()
        return ""
    return ended.stdout or ended.stderr or f"{source}: clang-tidy failed"


def is_ours(entry):
    """Written by people: C, and not in the folder of what is built."""
    source = pathlib.Path(entry["directory"], entry["file"]).resolve()
    return source.suffix == ".c" and not source.is_relative_to(BUILD.resolve())


def main():
    entries = json.loads((BUILD / "compile_commands.json").read_text(encoding="utf-8"))
    entries = list({entry["file"]: entry for entry in entries if is_ours(entry)}.values())
    CLEAN.mkdir(exist_ok=True)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        problems = [words for words in pool.map(check, entries) if words]
    print("\n".join(problems) or f"{len(entries)} files are clean")
    return 1 if problems or not entries else 0


if __name__ == "__main__":
    sys.exit(main())
