# SPDX-License-Identifier: Apache-2.0
"""A server that does not answer: what it costs once that is known, and how soon it is of use again."""
import time

import programs
from remote_servers import Memcached, Redis, app_on, start
from rows import measures
from rows_backends import THEME, backend
from stage import Stage, load
from stats import alternate, at_most, median, ratio

PATH = "/block-kept/1"  # a handler that takes a millisecond, cached
CLIENTS = 8


def await_hit(app):
    def is_hit():
        with app.connect() as peer:
            return peer.ask(target=f"{PATH}/0").field("X-Weir-Cache") == "HIT"
    programs.eventually(is_hit, "a hit")


def freeze(server, app):
    """Returns when the app has found out."""
    server.freeze()

    def has_found_out():
        with app.connect() as peer:
            peer.ask(target=f"{PATH}/0")
        return backend(app)["is_cut_off"]
    programs.eventually(has_found_out, "cut off")


def time_return(server, app):
    """Seconds from a server's recovery to the first hit."""
    freeze(server, app)
    server.thaw()
    start_s = time.monotonic()
    await_hit(app)
    return time.monotonic() - start_s


def fault_rows(name):
    return ((f"F1 {name} open", f"median latency of a 1 ms handler while {name} is frozen and cut off, against no cache", at_most(1.1)),
            (f"F1 {name} CPU", "CPU of such a request, against no cache", at_most(1.1)),
            (f"F1 {name} back", "seconds from its recovery to the first hit", at_most(2)))


def measure_frozen(settings, name, kind):
    with Stage() as stage:
        server = start(stage, kind)
        app, plain = app_on(stage, server), stage.app(env={"WEIR_CACHE_ENABLE": "false"})
        sides = {"open": app, "plain": plain}
        await_hit(app)
        freeze(server, app)
        seen = alternate(settings.rounds, {
            side: lambda which=which: load(which, PATH, CLIENTS, settings.seconds) for side, which in sides.items()})
        assert backend(app)["is_cut_off"], "not cut off any more"
        server.thaw()
        await_hit(app)
        times = [time_return(server, app) for _ in range(settings.rounds)]
    opened, plain = seen["open"], seen["plain"]
    yield (f"F1 {name} open", ratio(opened, plain, "p50_us"),
           f"p50 {median(opened, 'p50_us'):.0f} : {median(plain, 'p50_us'):.0f} µs, "
           f"p99 {median(opened, 'p99_us'):.0f} : {median(plain, 'p99_us'):.0f} µs")
    yield (f"F1 {name} CPU", ratio(opened, plain, "cpu_us"), f"{median(opened, 'cpu_us'):.1f} : {median(plain, 'cpu_us'):.1f} µs")
    yield f"F1 {name} back", max(times), f"worst of {settings.rounds}: {' '.join(f'{seconds:.2f}' for seconds in times)}"


@measures(*fault_rows("redis"), theme=THEME)
def measure_redis(settings):
    return measure_frozen(settings, "redis", Redis)


@measures(*fault_rows("memcached"), theme=THEME)
def measure_memcached(settings):
    return measure_frozen(settings, "memcached", Memcached)
