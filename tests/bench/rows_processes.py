# SPDX-License-Identifier: Apache-2.0
"""Several processes: that they run a handler once between them, and what clients notice when one ends."""
import os
import random
import re
import signal

import procs
import programs
from remote_servers import Redis, start
from rows import measures
from rows_load import SLOW_MS, ask, slow_herd
from stage import Stage
from stats import at_most, exactly, median

CLIENTS = 500  # of each of the two


def herd_on_two(stage, servers, key):
    """A herd on each, on one key that nobody has asked for yet, and what became of them."""
    herds = [slow_herd(stage, server.target, CLIENTS, key) for server in servers]
    seen = [herd.result() for herd in herds]
    return {"unanswered": sum(each["count"] - each["answered"] for each in seen), "seconds": max(each["wall_ms"] for each in seen) / 1000}


def slow_runs(servers):
    return sum(int(ask(server, "/slow-runs")) for server in servers)


def pair_rows(words, who):
    return ((f"L3 {words}runs", f"handler runs for {CLIENTS} clients at once on one key at each of two {who}", exactly(1)),
            (f"L3 {words}unanswered", "clients not answered", exactly(0)),
            (f"L3 {words}time", f"seconds until all were, handler takes {SLOW_MS / 1000:g}", at_most(2.5)))


def measure_pair(settings, words, stage, start_one):
    runs, seen = [], []
    servers = [start_one() for _ in range(2)]
    for number in range(settings.rounds):
        before = slow_runs(servers)
        seen.append(herd_on_two(stage, servers, f"two{number}"))
        runs.append(slow_runs(servers) - before)
    yield f"L3 {words}runs", max(runs), f"worst of {settings.rounds} rounds"
    yield f"L3 {words}unanswered", max(sample["unanswered"] for sample in seen), f"worst of {settings.rounds} rounds"
    yield f"L3 {words}time", median(seen, "seconds"), f"worst {max(sample['seconds'] for sample in seen):.2f} s"


@measures(*pair_rows("", "processes"))
def measure_two_processes(settings):
    """Two programs that were started apart, and have a store in shared memory in common."""
    with Stage() as stage:
        url, _ = stage.enter_context(programs.store())
        yield from measure_pair(settings, "", stage, lambda: stage.app("--threads", 4, env={"WEIR_CACHE_BACKEND": url}))


@measures(*pair_rows("redis ", "hosts that share a Redis"))
def measure_two_hosts(settings):
    """Two programs in sessions of their own, which have nothing in common but the server."""
    with Stage() as stage:
        env = {"WEIR_CACHE_BACKEND": start(stage, Redis).url()}
        yield from measure_pair(settings, "redis ", stage, lambda: stage.app("--threads", 4, env=env, elsewhere=True))


PROCESSES = 4
CONNECTIONS = 32
TIMES = 5


def workers(server):
    """The pids of those that have said that they are up."""
    return {int(pid) for pid in re.findall(r"is up pid=(\d+)", server.log())} & set(procs.children(server.pid))


def wait_for_workers(server, without):
    programs.eventually(lambda: len(workers(server) - without) == PROCESSES, "all workers are up")


def reload(server):
    before = workers(server)
    server.process.send_signal(signal.SIGHUP)
    wait_for_workers(server, before)
    programs.eventually(lambda: not before & set(procs.children(server.pid)), "the old workers are gone")


def kill(server):
    victim = random.choice(sorted(workers(server)))
    os.kill(victim, signal.SIGKILL)
    wait_for_workers(server, {victim})


def failures(act):
    """Requests that fail through nginx under full load for each time that `act(server)` is done, and a word on how many there were."""
    with Stage() as stage:
        server = stage.app("--processes", PROCESSES, "--threads", 8)
        nginx = stage.nginx(server)
        wait_for_workers(server, set())
        failed, requests = nginx.count_failures(server, "/block/1", CONNECTIONS, lambda: [act(server) for _ in range(TIMES)])
    return failed / TIMES, f"{failed} of {requests} requests, {TIMES} times"


@measures(("L7 reload", f"requests through nginx that fail at a SIGHUP, {CONNECTIONS} connections under full load", exactly(0)),
          ("L7 kill", f"the same at a kill -9 of one of {PROCESSES} workers; {CONNECTIONS} are under way in all", at_most(CONNECTIONS)))
def measure_ends(_):
    """nginx asks once more when a connection that it has kept ends in the middle of a GET, so that clients notice even less."""
    yield "L7 reload", *failures(reload)
    yield "L7 kill", *failures(kill)
