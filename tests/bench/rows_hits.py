# SPDX-License-Identifier: Apache-2.0
"""Requests through nginx under full load: what weir costs against the least, and against the usual."""
import os
import subprocess

from rows import measures
from stage import PROGRAMS, Stage
from stats import alternate, at_least, at_most, median, ratio


def per_second(samples):
    return f"{median(samples, 'rate') / 1000:.1f} k/s"


def cpu(samples):
    return f"{median(samples, 'cpu_us'):.2f} µs"


def take_turns(settings, nginx, sides, **how):
    """`sides`: name → (server, path). Each is warmed up for a second; then they take turns."""
    for server, path in sides.values():
        nginx.load(server, path, seconds=1)
    return alternate(settings.rounds, {
        name: lambda side=side: nginx.load(*side, seconds=settings.seconds, **how) for name, side in sides.items()})


def measure_floor(settings):
    """The floor against nginx's own cache: ratio and raw figures."""
    with Stage() as stage:
        floor = stage.floor()
        nginx = stage.nginx(floor)
        seen = take_turns(settings, nginx, {"floor": (floor, "/hit"), "cache": (floor, "/nginx-cache/hit")})
    return ratio(seen["floor"], seen["cache"], "rate"), f"{per_second(seen['floor'])} : {per_second(seen['cache'])}"


@measures(("H1", "CPU of a hit, against the floor", at_most(1.20)),
          ("H2", "requests/s of hits, against the floor", at_least(0.92)),
          ("H3", "requests/s of hits, against classic libfcgi threads", at_least(1.6)),
          ("H16 pool", "requests/s of a trivial handler in the pool, against classic", at_least(1.0)),
          ("H16 loop", "requests/s of a trivial .nonblocking handler, against classic", at_least(1.6)),
          needs_floor=True)
def measure_hits(settings):
    with Stage() as stage:
        floor, classic, app = stage.floor(), stage.classic(), stage.app()
        nginx = stage.nginx(floor, classic, app)
        seen = take_turns(settings, nginx, {
            "floor": (floor, "/hit"), "hit": (app, "/hit"), "classic": (classic, "/hit"), "pool": (app, "/pool"), "loop": (app, "/loop")})
    yield "H1", ratio(seen["hit"], seen["floor"], "cpu_us"), f"{cpu(seen['hit'])} : {cpu(seen['floor'])}"
    yield "H2", ratio(seen["hit"], seen["floor"], "rate"), f"{per_second(seen['hit'])} : {per_second(seen['floor'])}"
    for name, side in (("H3", "hit"), ("H16 pool", "pool"), ("H16 loop", "loop")):
        yield (name, ratio(seen[side], seen["classic"], "rate"),
               f"{per_second(seen[side])} {cpu(seen[side])} : {per_second(seen['classic'])} {cpu(seen['classic'])}")


@measures(("H7", "bytes/s of a 1 MB body from the cache, against the floor", at_least(0.90)), needs_floor=True)
def measure_large_hits(settings):
    with Stage() as stage:
        floor, app = stage.floor(1024 * 1024), stage.app()
        nginx = stage.nginx(floor, app)
        seen = take_turns(settings, nginx, {"floor": (floor, "/"), "hit": (app, "/hit-large")})
    rates = [f"{median(seen[side], 'bytes_rate') / 1e9:.2f} GB/s {median(seen[side], 'cpu_us'):.0f} µs" for side in ("hit", "floor")]
    yield "H7", ratio(seen["hit"], seen["floor"], "bytes_rate"), " : ".join(rates)


THREADS = 64


def sleep_only(settings):
    """Threads that only sleep: what they make a second, and the CPU microseconds of a sleep."""
    output = subprocess.run([PROGRAMS / "sleepers", str(THREADS), str(settings.seconds)], capture_output=True, text=True, check=True).stdout
    rate, cpu_us = map(float, output.split())
    return {"rate": rate, "cpu_us": cpu_us}


@measures(("H13", f"requests/s of handlers that block 1 ms, {THREADS} threads, against the ideal", at_least(0.85)), needs_floor=True)
def measure_blocking(settings):
    """The ideal is the smaller of two: what the threads make when they do nothing but sleep, and what the processors carry when a request
    costs no more than the floor's way through nginx and one such sleep. Classic threads, a connection for each, stand beside."""
    with Stage() as stage:
        floor, app, classic = stage.floor(), stage.app("--threads", THREADS), stage.classic(THREADS, sleep_ms=1)
        nginx = stage.nginx(floor, app, classic)
        for server in (floor, app, classic):
            nginx.load(server, "/block/1", seconds=1)
        seen = alternate(settings.rounds, {
            "app": lambda: nginx.load(app, "/block/1", settings.seconds, connections=2 * THREADS),
            "classic": lambda: nginx.load(classic, "/block/1", settings.seconds, connections=THREADS),
            "floor": lambda: nginx.load(floor, "/block/1", settings.seconds, connections=2 * THREADS),
            "sleep": lambda: sleep_only(settings)})
    for app_sample, floor_sample, sleep in zip(seen["app"], seen["floor"], seen["sleep"]):
        carried = os.cpu_count() * 1e6 / (floor_sample["machine_cpu_us"] + sleep["cpu_us"])
        app_sample["ideal"] = min(sleep["rate"], carried)
        app_sample["of_ideal"] = app_sample["rate"] / app_sample["ideal"]
    yield ("H13", median(seen["app"], "of_ideal"),
           f"{per_second(seen['app'])} {cpu(seen['app'])} : {median(seen['app'], 'ideal') / 1000:.1f} k/s; "
           f"asleep only {per_second(seen['sleep'])}, classic {per_second(seen['classic'])} {cpu(seen['classic'])}")
