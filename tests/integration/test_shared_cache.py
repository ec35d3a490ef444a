# SPDX-License-Identifier: Apache-2.0
"""One cache for several processes: workers of a master with memory:, and with shm: programs that know nothing of each other, that are
started again, or that serve one request each."""
import concurrent.futures
import contextlib
import itertools
import os
import random
import signal
import subprocess
import time
import unittest

import fastcgi
import http_client
from programs import TEST_APP, App, Nginx, cgi_environment, eventually, folder, parse_counts, store
from workers import Load, Master, worker_of

numbers = itertools.count(1)

# Well below the ten seconds that a lease lasts which is not renewed: whoever held it was seen to be dead.
SOON_S = 5


def fresh(path="/cached", **more):
    """A target that nobody asked for before."""
    return f"{path}?number={next(numbers)}" + "".join(f"&{name}={value}" for name, value in more.items())


def outcome(response):
    return response.field("X-Weir-Cache")


def is_collapsed(response):
    """Whether it waited for what another made."""
    return "collapsed" in (response.field("Cache-Status") or "")


def herd_runs(connection):
    return parse_counts(connection.ask("GET", "/counts", keep=True).body)["herd"]


class Case(unittest.TestCase):
    def setUp(self):
        self.stack = self.enterContext(contextlib.ExitStack())

    def start(self, url=None, prefix="shared", **settings):
        """A program of its own on this store."""
        env = {"WEIR_CACHE_PREFIX": prefix, **({"WEIR_CACHE_BACKEND": url} if url else {})}
        return self.stack.enter_context(App(self.stack.enter_context(folder()), env=env, **settings))

    def connect(self, app, count=1):
        return [self.stack.enter_context(app.connect()) for _ in range(count)]

    def assert_is(self, response, expected, body=None):
        self.assertEqual((response.status, outcome(response)), (200, expected))
        if body is not None:
            self.assertEqual(response.body, body)

    def lead(self, leader, counter, target):
        """Sends it on the one connection and waits until its handler runs."""
        before = herd_runs(counter)
        leader.send(fastcgi.request("GET", target, keep=True))
        eventually(lambda: herd_runs(counter) == before + 1, "it runs")


class AcrossWorkers(Case):
    """memory: is mapped before the master forks."""

    @classmethod
    def setUpClass(cls):
        cls.app = cls.enterClassContext(Master(cls.enterClassContext(folder()), processes=3))
        nginx = cls.enterClassContext(Nginx(cls.enterClassContext(folder()), cls.app.socket_path))
        cls.fronts = [nginx.addresses["nginx_kept"], nginx.addresses["nginx"]]

    def worker(self, pid):
        return self.app.connect_to_worker(self.stack, pid)[0]

    def test_what_one_stores_is_a_hit_in_all(self):
        first, *others = [self.worker(pid) for pid in sorted(self.app.workers())]
        target = fresh()
        miss = first.ask("GET", target, keep=True)
        self.assert_is(miss, "MISS")
        for other in others:
            hit = other.ask("GET", target, keep=True)
            self.assert_is(hit, "HIT", miss.body)
            self.assertEqual(hit.field("ETag"), miss.field("ETag"))

    def test_behind_nginx(self):
        target, seen = fresh(), set()
        miss = http_client.get(self.fronts[0], target)
        self.assert_is(miss, "MISS")
        while len(seen) < 2:
            for front in self.fronts * 10:
                self.assert_is(http_client.get(front, target), "HIT", miss.body)
                seen.add(parse_counts(http_client.get(front, "/counts").body)["pid"])
        self.assertLessEqual(seen, self.app.workers())

    def test_clear_in_one_is_seen_by_all(self):
        workers = [self.worker(pid) for pid in sorted(self.app.workers())]
        for clearing in workers:
            target = fresh()
            for worker in workers:
                worker.ask("GET", target, keep=True)
            self.assertEqual(clearing.ask("PUT", "/clear", keep=True).status, 204)
            self.assertEqual([outcome(worker.ask("GET", target, keep=True)) for worker in workers], ["MISS", "HIT", "HIT"])

    def test_herd_over_all_workers_runs_the_handler_once(self):
        pids = sorted(self.app.workers())
        counters = [self.worker(pid) for pid in pids]
        herd = [self.worker(pid) for pid in pids for _ in range(6)]
        before = sum(map(herd_runs, counters))
        target, started = fresh("/herd", ms=500), time.monotonic()
        for client in herd:
            client.send(fastcgi.request("GET", target, keep=True))
        answers = [client.answer() for client in herd]
        self.assertLess(time.monotonic() - started, 0.5 + SOON_S)
        self.assertEqual(sum(map(herd_runs, counters)) - before, 1)
        self.assertEqual(len({(answer.status, answer.body) for answer in answers}), 1)
        self.assertEqual([outcome(answer) for answer in answers].count("MISS"), 1)
        self.assertEqual(sum(map(is_collapsed, answers)), len(herd) - 1)

    def test_waiter_is_answered_by_the_leader_of_another_worker(self):
        leading, waiting = sorted(self.app.workers())[:2]
        leader, counter, waiter = self.worker(leading), self.worker(leading), self.worker(waiting)
        target = fresh("/herd", ms=400)
        self.lead(leader, counter, target)
        answer = waiter.ask("GET", target, keep=True)
        self.assertEqual((outcome(answer), is_collapsed(answer)), ("HIT", True))
        self.assertEqual(leader.answer().body, answer.body)

    def test_death_of_the_leader_makes_a_waiter_elsewhere_take_over(self):
        leading, waiting = sorted(self.app.workers())[:2]
        leader, counter = self.worker(leading), self.worker(leading)
        waiters = [self.worker(waiting) for _ in range(4)]
        target = fresh("/herd", ms=600)
        self.lead(leader, counter, target)
        for waiter in waiters:
            waiter.send(fastcgi.request("GET", target, keep=True))
        before = herd_runs(self.worker(waiting))
        killed = time.monotonic()
        os.kill(leading, signal.SIGKILL)
        answers = [waiter.answer() for waiter in waiters]
        self.assertLess(time.monotonic() - killed, 0.6 + SOON_S)
        self.assertEqual({answer.status for answer in answers}, {200})
        self.assertEqual(herd_runs(self.worker(waiting)) - before, 1)
        self.app.wait_for_workers({leading})


class KilledWorkers(Case):
    """Random ones, under load through nginx: what they held fails, and nothing else; the others keep the cache, and nobody waits."""

    def choose(self):
        """Some that are there, some that all miss at about the same time."""
        return random.choice((f"/cached?hot={random.randrange(20)}", f"/herd?ms=30&time={time.monotonic() * 10:.0f}"))

    def check(self, url):
        home = self.stack.enter_context(folder())
        app = self.stack.enter_context(Master(home, processes=3, env={"WEIR_CACHE_BACKEND": url}))
        nginx = self.stack.enter_context(Nginx(self.stack.enter_context(folder()), app.socket_path))
        addresses = [nginx.addresses["nginx_kept"], nginx.addresses["nginx"]]
        kept, kills = {target: http_client.get(addresses[0], target).body for target in (fresh() for _ in range(40))}, []
        with Load(addresses, self.choose, clients=12) as load:
            for _ in range(6):
                load.go_on(60)
                victim = random.choice(sorted(app.workers()))
                kills.append(time.monotonic())
                os.kill(victim, signal.SIGKILL)
                app.wait_for_workers({victim})
            load.go_on(60)
        self.assertEqual(load.failed_but_for(kills), [])
        self.assertLessEqual(load.most_failed_by_one(kills), len(load.threads))
        self.assertLess(load.longest, SOON_S)
        found = {target: http_client.get(addresses[0], target) for target in kept}
        hits = [target for target, answer in found.items() if outcome(answer) == "HIT"]
        self.assertTrue(all(found[target].body == kept[target] for target in hits))
        self.assertGreater(len(hits), len(kept) / 2)  # who is killed while it writes takes one of the store's shards along

    def test_memory(self):
        self.check("memory:")

    def test_shm(self):
        self.check(self.stack.enter_context(store())[0].replace("8m", "64m"))  # more shards


class AcrossPrograms(Case):
    """Programs that nobody forked from one another meet in a file."""

    def setUp(self):
        super().setUp()
        self.url, self.file = self.stack.enter_context(store())

    def test_two_programs_share(self):
        path = self.stack.enter_context(folder()) / "store"
        for url, file in ((self.url, self.file), (f"shm:{path}?size=1m", path.with_name("store.weir1"))):
            with self.subTest(url):
                one, other, target = self.start(url), self.start(url), fresh()
                miss = one.ask("GET", target)
                self.assert_is(miss, "MISS")
                self.assert_is(other.ask("GET", target), "HIT", miss.body)
                self.assertEqual(other.ask("PUT", "/clear").status, 204)
                self.assert_is(one.ask("GET", target), "MISS")
                self.assertEqual(file.stat().st_mode & 0o777, 0o600)

    def test_other_prefix_is_another_cache(self):
        one, other, target = self.start(self.url), self.start(self.url, prefix="other"), fresh()
        for app in (one, other):
            self.assert_is(app.ask("GET", target), "MISS")
        other.ask("PUT", "/clear")
        self.assert_is(one.ask("GET", target), "HIT")

    def test_restart_keeps_what_was_stored(self):
        target, body = fresh(), None
        for sign in (signal.SIGTERM, signal.SIGKILL, signal.SIGTERM):
            app = self.start(self.url)
            answer = app.ask("GET", target)
            self.assert_is(answer, "HIT" if body else "MISS", body)
            body = answer.body
            app.stop(sign, check=sign == signal.SIGTERM)
            app.check = False

    def test_clear_outlives_a_restart(self):
        target = fresh()
        app = self.start(self.url)
        app.ask("GET", target)
        app.ask("PUT", "/clear")
        app.stop()
        self.assert_is(self.start(self.url).ask("GET", target), "MISS")

    def test_herd_over_both_runs_the_handler_once(self):
        apps = [self.start(self.url) for _ in range(2)]
        clients = [client for app in apps for client in self.connect(app, 5)]
        target = fresh("/herd", ms=500)
        for client in clients:
            client.send(fastcgi.request("GET", target))
        self.assertEqual([outcome(client.answer()) for client in clients].count("MISS"), 1)
        self.assertEqual(sum(app.counts()["herd"] for app in apps), 1)

    def test_leader_that_is_killed_is_followed_by_the_other(self):
        doomed, app = self.start(self.url), self.start(self.url)
        leader, counter = self.connect(doomed, 2)
        waiter, = self.connect(app)
        target = fresh("/herd", ms=600)
        self.lead(leader, counter, target)
        waiter.send(fastcgi.request("GET", target))
        self.assertEqual(worker_of(self.connect(app)[0]), app.pid)
        killed = time.monotonic()
        doomed.stop(signal.SIGKILL, check=False)
        doomed.check = False
        self.assert_is(waiter.answer(), "MISS", b"run 1\n")
        self.assertLess(time.monotonic() - killed, 0.6 + SOON_S)

    def test_masters_share_too(self):
        masters = [self.stack.enter_context(Master(self.stack.enter_context(folder()), env={"WEIR_CACHE_BACKEND": self.url}))
                   for _ in range(2)]
        target = fresh()
        workers = [master.connect_to_worker(self.stack, pid)[0] for master in masters for pid in sorted(master.workers())]
        self.assertEqual([outcome(worker.ask("GET", target, keep=True)) for worker in workers], ["MISS", "HIT", "HIT", "HIT"])


class CgiPrograms(Case):
    """Each request has a process of its own."""

    def setUp(self):
        super().setUp()
        self.url, _ = self.stack.enter_context(store())

    def begin(self, target, url=None):
        env = cgi_environment("GET", target, WEIR_CACHE_BACKEND=url or self.url)
        process = subprocess.Popen([TEST_APP], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def end(self, process):
        output, errors = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 0, errors)
        return fastcgi.Answer(output, errors, 0, 0)

    def ask(self, target, url=None):
        return self.end(self.begin(target, url))

    def test_second_process_finds_what_the_first_stored(self):
        target = fresh()
        miss, hit = self.ask(target), self.ask(target)
        self.assert_is(miss, "MISS", b"value 1\n")
        self.assert_is(hit, "HIT", b"value 1\n")
        self.assertEqual((hit.field("ETag"), miss.errors, hit.errors), (miss.field("ETag"), b"", b""))

    def test_shares_with_a_program_that_stays(self):
        app, target = self.start(self.url, prefix="test-app"), fresh()
        body = app.ask("GET", target).body
        self.assert_is(self.ask(target), "HIT", body)

    def test_herd_runs_the_handler_once(self):
        target = fresh("/herd", ms=700)
        with concurrent.futures.ThreadPoolExecutor(6) as clients:
            answers = list(clients.map(self.ask, [target] * 6))
        self.assertEqual(sorted(map(outcome, answers)), ["HIT"] * 5 + ["MISS"])

    def test_leader_that_is_killed_is_followed_by_a_waiter(self):
        app, target = self.start(self.url, prefix="test-app"), fresh("/herd", ms=1000)
        leader = self.begin(target)
        started = time.monotonic()
        time.sleep(0.5)  # a CGI program tells nobody that its handler runs: by then it does, or the waiter leads, which is as well
        waiter, = self.connect(app)
        waiter.send(fastcgi.request("GET", target))
        leader.kill()
        self.assertEqual(waiter.answer().body, b"run 1\n")
        self.assertLess(time.monotonic() - started, 1.5 + SOON_S)

    def test_memory_is_warned_of_when_something_was_stored_there(self):
        target = fresh()
        for url in ("memory:", "memory:?size=1m"):
            answer = self.ask(target, url)
            self.assert_is(answer, "MISS")
            self.assertRegex(answer.errors, rb"^[^\n]*warn[^\n]* memory: [^\n]* shm:///NAME [^\n]*\n$")
        self.assertEqual(self.ask("/hello", "memory:").errors, b"")


class NoWarning(Case):
    def test_memory_that_workers_share_is_not_warned_of(self):
        with Master(self.stack.enter_context(folder())) as app:
            app.ask("GET", fresh())
            self.assertNotIn("warn", app.log())
