# SPDX-License-Identifier: Apache-2.0
"""What clients notice while others are many, slow or rude, and what those cost. Straight to the socket unless it says otherwise."""
import time

import procs
from rows import measures
from stage import Stage
from stats import alternate, at_most, exactly, median, ratio

HIT_WARM_UP = {"rate": 2000, "seconds": 1}


def compare_p99(settings, disturb, **app):
    """The p99 of a hit, idle and while `disturb(stage, server)` has done its work; a fresh app each time. (ratio, raw)."""
    def measure(disturbance):
        with Stage() as stage:
            server = stage.app(*app.get("options", ()), env=app.get("env"))
            stage.probe(server, **HIT_WARM_UP)
            if disturbance:
                disturbance(stage, server)
            return stage.probe(server, seconds=3)
    seen = alternate(settings.rounds, {"idle": lambda: measure(None), "loaded": lambda: measure(disturb)})
    return ratio(seen["loaded"], seen["idle"], "p99_us"), p99s(seen)


def p99s(seen):
    return f"p99 {median(seen['loaded'], 'p99_us'):.0f} µs : {median(seen['idle'], 'p99_us'):.0f} µs"


@measures(("H14", "p99 of a hit while another route blocks every handler thread, against idle", at_most(1.5)))
def measure_blocked_threads(settings):
    threads = 32

    def disturb(stage, server):
        stage.herd(server.target, "request", threads, "/block/5000").wait_until_ready()

    yield "H14", *compare_p99(settings, disturb, options=("--threads", threads))


@measures(("L4", "p99 of a hit beside 5,000 idle connections and 200 half-sent requests, against none", at_most(1.5)))
def measure_idle_connections(settings):
    def disturb(stage, server):
        for kind, count in (("keep", 5000), ("half", 200)):
            stage.herd(server.target, kind, count, "/hit").wait_until_ready()

    yield "L4", *compare_p99(settings, disturb)


DEADLINE_S = 4
DRIPPING = {"drip-begin": "/hit", "drip-params": "/hit", "drip-body": "/take", "drip-answer": "/hit-large"}


@measures(("F4 others", "p99 of a hit beside 200 peers that drip a byte a second, against none", at_most(2)),
          ("F4 left", "dripping peers that were not cut", exactly(0)),
          ("F4 cut", f"seconds until the last was cut, deadline {DEADLINE_S} s after the first byte", at_most(DEADLINE_S + 2)))
def measure_dripping(settings):
    fates = []

    def disturb(stage, server):
        ask(server, "/hit-large")  # from here on it comes from the cache, and the peers' slowness is all there is
        start = time.monotonic()
        herds = {kind: stage.herd(server.target, kind, 50, path) for kind, path in DRIPPING.items()}
        for herd in herds.values():
            herd.wait_until_ready()
        stage.callback(lambda: fates.append(await_cut(herds, start)))
        time.sleep(0.5)  # that fifty of them asked for 1 MB at once is over now

    value, raw = compare_p99(settings, disturb, env={"BENCH_DEADLINE_MS": str(DEADLINE_S * 1000)})
    yield "F4 others", value, raw
    worst = max((left for left, _ in fates), key=lambda left: sum(left.values()))
    yield "F4 left", sum(worst.values()), f"of 200, worst of {settings.rounds} rounds" + (f" {worst}" if worst else "")
    yield "F4 cut", max(latest for _, latest in fates), "latest of all"


def await_cut(herds, start):
    """Dismisses the herds (by kind) well after the deadline: how many of which were still there, and when the last had to go (seconds)."""
    time.sleep(max(0, start + DEADLINE_S + 3 - time.monotonic()))
    seen = {kind: herd.result(dismiss=True) for kind, herd in herds.items()}
    left = {kind: herd["waiting"] + herd["answered"] for kind, herd in seen.items()}
    return {kind: count for kind, count in left.items() if count}, max(herd["max_us"] for herd in seen.values()) / 1e6


SLOW_MS = 2000


def ask(server, path):
    with server.connect() as peer:
        return peer.ask(target=path).body


def slow_herd(stage, target, count, key):
    return stage.herd(target, "request", count, f"/slow/{SLOW_MS}/{key}")


def one_herd(stage, server, target, count, key):
    """A herd on a key that nobody has asked for yet, and what became of it."""
    before = int(ask(server, "/slow-runs"))
    seen = slow_herd(stage, target, count, key).result()
    runs = int(ask(server, "/slow-runs")) - before
    return {"runs": runs, "unanswered": seen["count"] - seen["answered"], "seconds": seen["wall_ms"] / 1000}


def herd_rows(words, count):
    return ((f"L1 {words} runs", f"handler runs for {count:,} clients at once on one key", exactly(1)),
            (f"L1 {words} unanswered", "clients not answered", exactly(0)),
            (f"L1 {words} time", f"seconds until all were, handler takes {SLOW_MS / 1000:g}", at_most(2.5)))


def herd_results(words, seen, rounds):
    yield f"L1 {words} runs", max(sample["runs"] for sample in seen), f"worst of {rounds} rounds"
    yield f"L1 {words} unanswered", max(sample["unanswered"] for sample in seen), f"worst of {rounds} rounds"
    yield f"L1 {words} time", median(seen, "seconds"), f"worst {max(sample['seconds'] for sample in seen):.2f} s"


@measures(*herd_rows("socket", 10000), *herd_rows("nginx", 2000))
def measure_herds(settings):
    with Stage() as stage:
        server = stage.app("--threads", 4)
        host, port = stage.nginx(server).addresses[server]
        for words, target, count in (("socket", server.target, 10000), ("nginx", f"tcp:{host}:{port}", 2000)):
            seen = [one_herd(stage, server, target, count, f"{words}{number}") for number in range(settings.rounds)]
            yield from herd_results(words, seen, settings.rounds)


@measures(("L2 ratio", "p99 of a hit while 10,000 wait for another key and are answered, against idle", at_most(3)),
          ("L2 ms", "the same in milliseconds", at_most(1)))
def measure_beside_herd(settings):
    """From when all have sent their requests. What is noticed of 10,000 connections that are made within a moment stands beside, and the
    floor's figure for that."""
    def measure(server_of, herd, arriving):
        with Stage() as stage:
            server = server_of(stage)
            stage.probe(server, **HIT_WARM_UP)
            probe = stage.start_probe(server, seconds=3) if arriving else None
            if herd:
                slow_herd(stage, server.target, 10000, "key").wait_until_ready()
                ask(server, "/hit")  # whoever came before us has been let in
            return (probe or stage.start_probe(server, seconds=3)).result()

    def app(stage):
        return stage.app("--threads", 4)

    seen = alternate(settings.rounds, {
        "idle": lambda: measure(app, herd=False, arriving=False), "loaded": lambda: measure(app, herd=True, arriving=False),
        "arriving": lambda: measure(app, herd=True, arriving=True), "floor": lambda: measure(Stage.floor, herd=True, arriving=True)})
    yield "L2 ratio", ratio(seen["loaded"], seen["idle"], "p99_us"), p99s(seen)
    yield ("L2 ms", median(seen["loaded"], "p99_us") / 1000, f"while they arrive {median(seen['arriving'], 'p99_us') / 1000:.1f} ms, "
           f"floor {median(seen['floor'], 'p99_us') / 1000:.1f} ms")


HOT_SECONDS = 6
HOT_RATE = 5000


def hot_key(path):
    """A key that lives for a second, asked for at a steady pace: runs of its handler that somebody waited for (nobody waits for others, as
    there is no lock), those in the background, and the longest wait."""
    def runs(server):
        return [int(count) for count in ask(server, "/refreshes").split()]

    with Stage() as stage:
        server = stage.app()
        stage.probe(server, path=path, rate=100, seconds=0.2)
        before = runs(server)
        seen = stage.probe(server, path=path, rate=HOT_RATE, seconds=HOT_SECONDS)
        refreshes, waited = (after - first for after, first in zip(runs(server), before))
    return {"waited": waited, "refreshes": refreshes, "max_us": seen["max_us"], "count": seen["answered"]}


@measures(("L5", f"requests that waited for the handler of a hot key that ends each second, {HOT_RATE:,} a second, stale-while-revalidate",
           exactly(0)),
          ("L5 runs", "runs of that handler for each end of the key", at_most(1)),
          ("L5 early", "requests that waited, without anything stale: early refresh", exactly(0)))
def measure_hot_key(settings):
    making_ms = 100
    stale, early = ([hot_key(f"/{kind}/{making_ms}") for _ in range(settings.rounds)] for kind in ("revalidated", "early"))
    yield ("L5", max(sample["waited"] for sample in stale),
           f"of {stale[0]['count']:,}, longest wait {max(sample['max_us'] for sample in stale) / 1000:.1f} ms, making takes {making_ms}")
    yield "L5 runs", max(sample["refreshes"] for sample in stale) / HOT_SECONDS, f"{median(stale, 'refreshes'):.0f} in {HOT_SECONDS} s"
    longest_ms = max(sample["max_us"] for sample in early) / 1000
    yield ("L5 early", max(sample["waited"] for sample in early),
           f"longest wait {longest_ms:.1f} ms, {median(early, 'refreshes'):.0f} runs in {HOT_SECONDS} s")


@measures(("L8 idle", "bytes of memory for an idle connection", at_most(1024)),
          ("L8 parked", "bytes of memory for a parked exchange, its connection included", at_most(8192)),
          ("L8 wake-ups", "wake-ups a second when nobody asks", exactly(0)))
def measure_resting(_):
    count = 5000
    for row, kind, path in (("L8 idle", "keep", "/hit"), ("L8 parked", "request", "/slow/5000/key")):
        with Stage() as stage:
            server = stage.app()
            stage.probe(server, **HIT_WARM_UP)
            before = server.memory_bytes()
            stage.herd(server.target, kind, count, path).wait_until_ready()
            time.sleep(1)
            grown = server.memory_bytes() - before
            yield row, grown / count, f"{grown / 1e6:.1f} MB for {count}"
            if kind == "keep":
                yield "L8 wake-ups", wake_ups_a_second(server, seconds=3), f"over 3 s, with {count} idle connections"


def wake_ups_a_second(server, seconds):
    before = procs.wake_ups(server.pid)
    time.sleep(seconds)
    return (procs.wake_ups(server.pid) - before) / seconds
