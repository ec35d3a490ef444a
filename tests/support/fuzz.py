# SPDX-License-Identifier: Apache-2.0
"""Runs libFuzzer programs, as many at once as there are processors.

usage: fuzz.py BUILD-DIR SECONDS [TARGET…]

What a run finds worth keeping stays in BUILD-DIR/corpus/TARGET, an input that breaks something in BUILD-DIR/crashes. Ends with
`N passed, N failed`.
"""
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

SEEDS = pathlib.Path(__file__).resolve().parent.parent / "fuzz/corpus"


def run(program, build, seconds):
    """Returns the libFuzzer process, its output in .stdout."""
    name = program.name.removeprefix("fuzz_")
    corpus = build / "corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    (build / "crashes").mkdir(exist_ok=True)
    folders = [corpus] + [SEEDS / name] * (SEEDS / name).is_dir()
    command = [program, f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1",
               f"-artifact_prefix={build}/crashes/{name}-", *folders]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", check=False)


def report(program, ended):
    runs = re.search(r"number_of_executed_units:\s*(\d+)", ended.stdout)
    verdict = "ok" if ended.returncode == 0 else "FAILED"
    print(f"{program.name}: {runs.group(1) if runs else 'no'} runs, {verdict}", flush=True)
    if ended.returncode != 0:
        print("\n".join(ended.stdout.splitlines()[-60:]), flush=True)


def main():
    build, seconds = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    programs = sorted(path for path in (build / "tests/fuzz").glob("fuzz_*") if path.is_file() and os.access(path, os.X_OK))
    if len(sys.argv) > 3:
        programs = [program for program in programs if program.name.removeprefix("fuzz_") in sys.argv[3:]]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = {pool.submit(run, program, build, seconds): program for program in programs}
        for future in concurrent.futures.as_completed(runs):
            report(runs[future], future.result())
            failed += future.result().returncode != 0
    print(f"{len(programs) - failed} passed, {failed} failed")
    return 1 if failed or not programs else 0


if __name__ == "__main__":
    sys.exit(main())
