# SPDX-License-Identifier: Apache-2.0
"""Servers of remote backends that die, freeze, answer late, in part, nonsense or not at all, under load: every client is answered all the
same, nobody waits for longer than a call's time limit, and hits come back with the server.

The tests sleep: what they show takes as long as a fault lasts.
"""
import contextlib
import itertools
import re
import subprocess
import threading
import time
import unittest

import fastcgi
from cache_servers import Dynalite, Memcached, Redis, wait_until_cached
from fault_proxy import FaultProxy
from programs import TEST_APP, App, environment, folder

THREADS = 4
HOT = 20           # targets that are asked for again and again; as many others are asked for once
FAULT_S = 2.0
BACK_S = 2.0       # after the server's recovery: answered from the cache again

# After the first call that found out, the backend is left alone: from then on nobody waits for it.
FOUND_OUT_S = 1.0

# For an app with sanitizers on a machine that does other things too.
SLACK_S = 0.3

targets = itertools.count(1)


class Sample:
    def __init__(self, begin, answer):
        self.begin, self.seconds = begin, time.monotonic() - begin
        self.right = answer.status == 200 and re.fullmatch(rb"value \d+\n", answer.body) is not None
        self.hit = answer.field("X-Weir-Cache") == "HIT"


class Load:
    """Clients that ask without a pause, each on a connection of its own. `samples` is complete at the end of `with`."""

    def __init__(self, app):
        self.app, self.samples, self.failures = app, [], []
        self.over = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=[number]) for number in range(THREADS)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        for thread in self.threads:
            thread.join()

    def run(self, number):
        try:
            with self.app.connect() as connection:
                for turn in itertools.count(number):
                    if self.over.is_set():
                        break
                    what = f"hot={turn % HOT}" if turn % 2 else f"once={next(targets)}"
                    begin = time.monotonic()
                    self.samples.append(Sample(begin, connection.ask("GET", f"/cached?{what}", keep=True)))
                    time.sleep(0.001)
        except (OSError, fastcgi.Closed, AssertionError) as error:
            self.failures.append(error)

    def between(self, begin, end):
        return [sample for sample in self.samples if begin <= sample.begin < end]


def at_rank(samples, part):
    ordered = sorted(sample.seconds for sample in samples)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)]


class Faults:
    """What every server goes through. `server_class` is a class of cache_servers.py."""

    ENVIRONMENT = {}

    def setUp(self):
        self.stack = self.enterContext(contextlib.ExitStack())
        self.server = self.stack.enter_context(self.server_class(self.stack.enter_context(folder())))

    def start_app(self, url):
        env = {"WEIR_CACHE_BACKEND": url, "WEIR_CACHE_STATUS_HEADER": "X-Weir-Cache", **self.ENVIRONMENT}
        return self.stack.enter_context(App(self.stack.enter_context(folder()), env=env))

    def start_behind_proxy(self):
        proxy = self.stack.enter_context(FaultProxy(self.server.address))
        return proxy, self.start_app(self.server.url(proxy.address))

    def endure(self, app, begin_fault, end_fault, hits_go_on=False):
        """The fault under load, and what must hold of it; returns its samples."""
        wait_until_cached(lambda: app.ask("GET", "/cached?hot=1"))
        mark = len(app.log())
        with Load(app) as load:
            time.sleep(0.5)
            began = time.monotonic()
            begin_fault()
            time.sleep(FAULT_S)
            ended = time.monotonic()
            end_fault()
            back = time.monotonic()
            time.sleep(BACK_S + SLACK_S)
        self.assertEqual(load.failures, [])
        self.assertTrue(all(sample.right for sample in load.samples))
        self.check_waits(load, began, ended, hits_go_on)
        if not hits_go_on:
            self.assertFalse(any(sample.hit for sample in load.between(began + FOUND_OUT_S, ended)))
        self.assertTrue(any(sample.hit for sample in load.between(back, back + BACK_S + SLACK_S)),
                        f"no hit within {BACK_S} s: {app.log()[mark:]}")
        lines = app.lines_since(mark)
        self.assertLess(len(lines), 60)   # not with every request
        if not hits_go_on:
            self.assertTrue(any("cut off" in line for line in lines), lines)
            self.assertTrue(any("answers again" in line for line in lines), lines)
        return load

    def check_waits(self, load, began, ended, hits_go_on):
        limit = self.server.TOTAL_MS / 1000
        during, later = load.between(began, ended), load.between(began + FOUND_OUT_S, ended)
        self.assertLess(at_rank(during, 0.99), limit + SLACK_S)
        self.assertLess(at_rank(during, 1), 2 * limit + SLACK_S)   # who reads before the fault and stores after it
        self.assertLess(at_rank(later, 1), 2 * limit + SLACK_S)
        if not hits_go_on:   # cut off: nobody waits for the server, only for this machine
            self.assertLess(at_rank(later, 0.9), limit / 2 + SLACK_S)
        self.assertGreater(len(later), 50)

    def test_killed_and_started_again(self):
        app = self.start_app(self.server.url())
        self.endure(app, self.server.kill, self.server.start_again)

    def test_frozen(self):
        app = self.start_app(self.server.url())
        self.endure(app, self.server.freeze, self.server.thaw)

    def test_two_seconds_late(self):
        proxy, app = self.start_behind_proxy()
        self.endure(app, lambda: proxy.delay(2.0), proxy.heal)

    def test_unreachable(self):
        proxy, app = self.start_behind_proxy()
        self.endure(app, proxy.refuse, proxy.heal)

    def test_silent(self):
        proxy, app = self.start_behind_proxy()
        self.endure(app, proxy.freeze, proxy.heal)

    def test_answers_garbage(self):
        proxy, app = self.start_behind_proxy()
        self.endure(app, proxy.scramble, proxy.heal)

    def test_answers_in_part(self):
        proxy, app = self.start_behind_proxy()
        self.endure(app, proxy.halve, proxy.heal)

    def test_connections_are_cut(self):
        """Each after a few answers, so that some get through."""
        proxy, app = self.start_behind_proxy()
        self.endure(app, lambda: proxy.cut(3000), proxy.heal, hits_go_on=True)

    def check(self, url):
        """What --check says: (exit status, its words)."""
        checked = subprocess.run([TEST_APP, "--check"], env=environment({"WEIR_CACHE_BACKEND": url, **self.ENVIRONMENT}),
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=20, check=False)
        return checked.returncode, checked.stderr

    def test_check_says_whether_it_is_there(self):
        self.assertEqual(self.check(self.server.url())[0], 0)
        self.server.kill()
        status, words = self.check(self.server.url())
        self.assertEqual(status, 1)
        self.assertRegex(words, "refused|connect")

    def test_not_there_at_the_start(self):
        self.server.kill()
        app = self.start_app(self.server.url())
        first = app.ask("GET", "/cached?hot=1")
        self.assertEqual((first.status, first.field("X-Weir-Cache")), (200, "MISS"))
        self.assertIn("nothing is cached until it answers", app.log())
        self.server.start_again()
        wait_until_cached(lambda: app.ask("GET", "/cached?hot=1"), BACK_S + SLACK_S)
        self.assertIn("answers again", app.log())


class RedisFaults(Faults, unittest.TestCase):
    server_class = Redis

    def set_memory(self, limit):
        self.server.say("CONFIG", "SET", "maxmemory", limit)

    def test_wrong_password(self):
        """Until it is the right one; it is nowhere in the log."""
        self.server.say("CONFIG", "SET", "requirepass", "right")
        app = self.start_app(self.server.url(user=":wr0ng-secret@"))
        first = app.ask("GET", "/cached?hot=1")
        self.assertEqual((first.status, first.field("X-Weir-Cache")), (200, "MISS"))
        self.server.say("-a", "right", "--no-auth-warning", "CONFIG", "SET", "requirepass", "wr0ng-secret")
        wait_until_cached(lambda: app.ask("GET", "/cached?hot=1"), BACK_S + SLACK_S)
        self.assertIn("nothing is cached until it answers", app.log())
        self.assertNotIn("wr0ng", app.log())

    def test_full(self):
        """It refuses to store and goes on answering: what is in it stays of use."""
        app = self.start_app(self.server.url())
        self.endure(app, lambda: self.set_memory(1), lambda: self.set_memory(0), hits_go_on=True)


class MemcachedFaults(Faults, unittest.TestCase):
    server_class = Memcached


class DynamodbFaults(Faults, unittest.TestCase):
    server_class = Dynalite
    ENVIRONMENT = Dynalite.ENVIRONMENT


if __name__ == "__main__":
    unittest.main()
