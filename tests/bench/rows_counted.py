# SPDX-License-Identifier: Apache-2.0
"""Figures that are counted and therefore the same at each run: instructions and allocations; and the start of a CGI program."""
import re
import struct
import subprocess

import programs
from rows import measures
from stage import PROGRAMS, Stage
from stats import Failure, at_most, exactly


def run(command):
    try:
        return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=120)
    except subprocess.TimeoutExpired:
        raise Failure(f"does not end: {command[0]}") from None


def instructions(middlewares, routes, kind):
    """Of one request over the loopback transport: the difference of two runs, so that the start-up cancels out."""
    few, many = 500, 2500
    return (count_run(middlewares, routes, kind, many) - count_run(middlewares, routes, kind, few)) / (many - few)


def count_run(middlewares, routes, kind, requests):
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", PROGRAMS / "loopback_bench", middlewares, routes, kind,
               requests]
    done = run(command)
    total = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or not total:
        raise Failure(f"loopback_bench under callgrind: {done.stderr[-500:]}")
    return int(total[1])


def compare(above, below):
    return above / below, f"{above:.0f} : {below:.0f} instructions"


@measures(("H8", "instructions of a hit with five middlewares more", at_most(1.03)))
def measure_chain(_):
    yield "H8", *compare(instructions(5, 10, "small"), instructions(0, 10, "small"))


@measures(("H9", "instructions of a 304 against a 200 of 30 KB", at_most(0.9)))
def measure_revalidation(_):
    yield "H9", *compare(instructions(0, 10, "revalidate"), instructions(0, 10, "large"))


@measures(("H10", "instructions of a hit with 1,000 routes against 10", at_most(1.05)))
def measure_router(_):
    yield "H10", *compare(instructions(0, 1000, "small"), instructions(0, 10, "small"))


@measures(("H12", "heap allocations on a hit", exactly(0)))
def measure_allocations(_):
    hits = 10000
    with Stage() as stage:
        counter = stage.enter_context(programs.folder()) / "allocations"
        counter.write_bytes(bytes(8))
        app = stage.app(env={"LD_PRELOAD": str(PROGRAMS / "libcount_allocations.so"), "BENCH_ALLOCATIONS": str(counter)})
        peer = stage.enter_context(app.connect())

        def allocations_of(count):
            before = struct.unpack("Q", counter.read_bytes())[0]
            for _ in range(count):
                if peer.ask(target="/hit", keep=True).status != 200:
                    raise Failure("/hit was not answered with 200")
            return struct.unpack("Q", counter.read_bytes())[0] - before

        if allocations_of(1000) == 0:
            raise Failure("not even the first hits allocated anything: the counter does not count")
        made = allocations_of(hits)
    yield "H12", made / hits, f"{made} in {hits} hits"


def insist_on_hit(program, path, env):
    """The first answer is stored; then there is a HIT."""
    answers = [subprocess.run([program], env=programs.cgi_environment("GET", path, **env), stdin=subprocess.DEVNULL, capture_output=True,
                              check=False, timeout=30).stdout for _ in range(2)]
    if b"X-Weir-Cache: HIT" not in answers[1]:
        raise Failure(f"{path} is no HIT as a CGI program: {answers[1][:300]}")


@measures(("H17", "CGI: start to end with a hit in shared memory, against an empty program", at_most(1.5)))
def measure_cgi(settings):
    runs = 60 * settings.rounds
    with Stage() as stage:
        url, _ = stage.enter_context(programs.store())
        insist_on_hit(PROGRAMS / "bench_app", "/hit", {"WEIR_CACHE_BACKEND": url, "HTTP_HOST": "bench"})
        done = run([PROGRAMS / "cgi_timer", runs, "/hit", PROGRAMS / "bench_app", PROGRAMS / "empty_cgi", f"WEIR_CACHE_BACKEND={url}"])
    if done.returncode != 0:
        raise Failure(done.stderr.strip())
    weir, empty = map(float, done.stdout.split())
    yield "H17", weir / empty, f"{weir:.0f} µs : {empty:.0f} µs"
