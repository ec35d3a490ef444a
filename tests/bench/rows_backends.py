# SPDX-License-Identifier: Apache-2.0
"""Hits from each backend: what the way to a server costs, and what is won by going there for many requests at once."""
import json

import programs
from remote_servers import Cluster, Dynalite, Memcached, Redis, app_on, start
from rows import measures
from rows_hits import cpu, per_second
from rows_load import ask
from rows_store import tell
from stage import PROGRAMS, Stage, load
from stats import Failure, NoBar, alternate, at_least, median, ratio

THEME = "backends"


def backend(app):
    """What the app's backend was asked for so far."""
    return json.loads(ask(app, "/backend"))


def batches(before, after):
    """How many reads went to the server together on average."""
    return (after["reads"] - before["reads"]) / (after["calls"] - before["calls"])


def last_words(app):
    return " | ".join(app.log().splitlines()[-4:])


def check_hits(app, before, after):
    if after["misses"] != before["misses"]:
        raise Failure(f"not only hits: {before} before, {after} after; {last_words(app)}")


PEERS = {"redis": Redis, "memcached": Memcached}


def pipelining_rows(name):
    return ((f"H11 {name}", f"requests/s of hits from {name}:, against memory:", at_least(0.75)),
            (f"H11 {name} client", f"the same, against handlers with a blocking client of {name} in each thread", at_least(1.4)))


@measures(*pipelining_rows("redis"), *pipelining_rows("memcached"), theme=THEME)
def measure_pipelining(settings):
    """Through nginx. What handlers fetch is the value alone; weir asks for the clear clock and cells with it."""
    with Stage() as stage:
        servers = {name: start(stage, kind) for name, kind in PEERS.items()}
        client = stage.client_app(**servers)
        apps = {"memory": stage.app(), **{name: app_on(stage, server) for name, server in servers.items()}}
        nginx = stage.nginx(client, *apps.values())
        sides = {**{name: (app, "/hit") for name, app in apps.items()}, **{f"{name} client": (client, f"/{name}") for name in servers}}
        for side in sides.values():
            nginx.load(*side, seconds=1)
        before = {name: backend(app) for name, app in apps.items()}
        seen = alternate(settings.rounds, {name: lambda side=side: nginx.load(*side, settings.seconds) for name, side in sides.items()})
        after = {name: backend(app) for name, app in apps.items()}
        for name, app in apps.items():
            check_hits(app, before[name], after[name])
    for name in servers:
        own = f"{per_second(seen[name])} {cpu(seen[name])}"
        yield (f"H11 {name}", ratio(seen[name], seen["memory"], "rate"),
               f"{own} : {per_second(seen['memory'])} {cpu(seen['memory'])}; "
               f"batches of {batches(before[name], after[name]):.1f}, the largest {after[name]['largest_call']}")
        peer = seen[f"{name} client"]
        yield f"H11 {name} client", ratio(seen[name], peer, "rate"), f"{own} : {per_second(peer)} {cpu(peer)}"


CLIENTS = 32


def hits(app, path, clients, settings):
    """load() on what is in the cache, and how many reads went to the backend together."""
    before = backend(app)
    seen = load(app, path, clients, settings.seconds)
    after = backend(app)
    check_hits(app, before, after)
    seen["batch"] = batches(before, after) if after["calls"] > before["calls"] else 0
    return seen


def rate_words(seen):
    return f"{per_second(seen)} {latency_words(seen)}"


def latency_words(seen):
    return f"p50 {median(seen, 'p50_us'):.0f} p99 {median(seen, 'p99_us'):.0f} µs"


def clear_something(app):
    with app.connect() as peer:
        if peer.ask("POST", "/clear-something").status != 200:
            raise Failure(f"could not clear; {last_words(app)}")


def local_rows(name):
    return ((f"{name} rate", f"hits/s from {name}:, {CLIENTS} clients straight to the socket, against the floor", NoBar()),
            (f"{name} latency", "median latency of a hit for one client, against the floor", NoBar()))


def measure_local(settings, name, url):
    with Stage() as stage:
        app, floor = stage.app(env={"WEIR_CACHE_BACKEND": url}), stage.floor()
        load(app, "/hit", CLIENTS, seconds=1)
        seen = alternate(settings.rounds, {
            "many": lambda: hits(app, "/hit", CLIENTS, settings), "one": lambda: hits(app, "/hit", 1, settings),
            "floor many": lambda: load(floor, "/hit", CLIENTS, settings.seconds),
            "floor one": lambda: load(floor, "/hit", 1, settings.seconds)})
    yield (f"{name} rate", ratio(seen["many"], seen["floor many"], "rate"),
           f"{rate_words(seen['many'])} : {rate_words(seen['floor many'])}; CPU {cpu(seen['many'])} : {cpu(seen['floor many'])}")
    yield (f"{name} latency", ratio(seen["one"], seen["floor one"], "p50_us"),
           f"{latency_words(seen['one'])} : {latency_words(seen['floor one'])}")


@measures(*local_rows("memory"), theme=THEME)
def measure_memory(settings):
    return measure_local(settings, "memory", "memory:")


@measures(*local_rows("shm"), theme=THEME)
def measure_shm(settings):
    with programs.store() as (url, _):
        yield from measure_local(settings, "shm", url)


def remote_rows(name, library):
    return ((f"{name} rate", f"hits/s, {CLIENTS} clients straight to the socket, against {library}, {CLIENTS} values at once", NoBar()),
            (f"{name} latency", f"median latency of a hit for one client, against {library}, one value", NoBar()),
            (f"{name} tags", "the same of a hit with four tags after something else was cleared, against one without", NoBar()))


def measure_remote(settings, name, kind):
    with Stage() as stage:
        server = start(stage, kind)
        app = app_on(stage, server)

        def bare(count):
            return tell(PROGRAMS / "bare_client", server.BARE, server.bare_address, count, settings.seconds)

        for path in ("/hit", "/hit-tagged"):
            load(app, path, CLIENTS, seconds=1)
        uncleared = hits(app, "/hit-tagged", 1, settings)
        clear_something(app)
        seen = alternate(settings.rounds, {
            "many": lambda: hits(app, "/hit", CLIENTS, settings), "bare many": lambda: bare(CLIENTS),
            "one": lambda: hits(app, "/hit", 1, settings), "bare one": lambda: bare(1),
            "tagged": lambda: hits(app, "/hit-tagged", 1, settings), "tagged many": lambda: hits(app, "/hit-tagged", CLIENTS, settings)})
    yield (f"{name} rate", ratio(seen["many"], seen["bare many"], "rate"),
           f"{rate_words(seen['many'])} : {rate_words(seen['bare many'])}; "
           f"CPU {cpu(seen['many'])}, batches of {median(seen['many'], 'batch'):.1f}")
    yield (f"{name} latency", ratio(seen["one"], seen["bare one"], "p50_us"),
           f"{latency_words(seen['one'])} : {latency_words(seen['bare one'])}")
    yield (f"{name} tags", ratio(seen["tagged"], seen["one"], "p50_us"),
           f"{latency_words(seen['tagged'])} : {latency_words(seen['one'])}; before the clear {latency_words([uncleared])}; "
           f"{CLIENTS} clients {per_second(seen['tagged many'])} : {per_second(seen['many'])}")


@measures(*remote_rows("redis", "hiredis"), theme=THEME)
def measure_redis(settings):
    return measure_remote(settings, "redis", Redis)


@measures(*remote_rows("cluster", "hiredis at one of three masters"), theme=THEME)
def measure_cluster(settings):
    return measure_remote(settings, "cluster", Cluster)


@measures(*remote_rows("memcached", "libmemcached"), theme=THEME)
def measure_memcached(settings):
    return measure_remote(settings, "memcached", Memcached)


@measures(*remote_rows("dynamodb", "libcurl's BatchGetItem (dynalite is most of both)"), theme=THEME)
def measure_dynamodb(settings):
    """Dynalite takes nearly all of the time, and all requests in one thread."""
    return measure_remote(settings, "dynamodb", Dynalite)
