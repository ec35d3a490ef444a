# SPDX-License-Identifier: Apache-2.0
"""Hosts whose clocks are a minute apart, on one server: what one stores the others find, clears hold, and so do leases.

When an entry ends is a time of day, so a host that is a minute ahead lets go of it a minute early. Nothing else goes by that clock.
"""
import contextlib
import datetime
import itertools
import re
import time
import unittest

import fastcgi
from cache_servers import Dynalite, Memcached, Redis, RedisCluster, patient_url
from programs import BUILD, SANITIZER_OPTIONS, App, eventually, folder, parse_counts

MINUTE = 60
BEHIND, RIGHT, AHEAD = -MINUTE, 0, MINUTE
HOUR = 60 * MINUTE
LEASE_S = 10     # of a lease that nobody renews
SLACK_S = 5      # for apps with sanitizers on a machine that does other things too

numbers = itertools.count(1)

# The library of another clock comes before the sanitizers', which they would not have.
PRELOAD = {"LD_PRELOAD": str(BUILD / "tests/support/libturned_clock.so"),
           "ASAN_OPTIONS": SANITIZER_OPTIONS["ASAN_OPTIONS"] + ":verify_asan_link_order=0"}


def fresh(path, **more):
    """A target that nobody asked for before."""
    return f"{path}?number={next(numbers)}" + "".join(f"&{name}={value}" for name, value in more.items())


def outcome(answer):
    return answer.field("X-Weir-Cache")


def max_age(answer):
    return int(answer.field("Cache-Control").removeprefix("max-age="))


class Host(App):
    """With a clock that is so many seconds ahead."""

    def __init__(self, home, ahead_s, server):
        self.ahead_s = ahead_s
        super().__init__(home, env={**PRELOAD, **getattr(server, "ENVIRONMENT", {}), "WEIR_TURNED_WALL_MS": str(ahead_s * 1000),
                                    "WEIR_CACHE_BACKEND": patient_url(server), "WEIR_CACHE_STATUS_HEADER": "X-Weir-Cache"})

    def said_ahead_s(self):
        """By the time of its first line in the log, which has just been written."""
        line = self.wait_until(lambda: re.match(r"(\S+)Z .*\n", self.log()), "a line")
        return datetime.datetime.fromisoformat(line[1] + "+00:00").timestamp() - time.time()

    def runs(self):
        return parse_counts(self.ask("GET", "/counts").body)["herd"]

    def kill(self):
        self.check = False
        self.process.kill()
        self.process.wait()


class Skew:
    """What holds on every server. `server_class` is a class of cache_servers.py."""

    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(cls.server_class(cls.enterClassContext(folder())))

    def setUp(self):
        self.stack = self.enterContext(contextlib.ExitStack())
        self.hosts = {ahead_s: self.start(ahead_s) for ahead_s in (BEHIND, RIGHT, AHEAD)}

    def start(self, ahead_s):
        host = self.stack.enter_context(Host(self.stack.enter_context(folder()), ahead_s, self.server))
        self.assertAlmostEqual(host.said_ahead_s(), ahead_s, delta=SLACK_S)
        return host

    def ask(self, ahead_s, target):
        answer = self.hosts[ahead_s].ask("GET", target)
        self.assertEqual(answer.status, 200)
        return answer

    def make(self, ahead_s, target):
        """Has that host make it, and waits until it is stored."""
        made = self.ask(ahead_s, target)
        self.assertEqual(outcome(made), "MISS")
        eventually(lambda: outcome(self.ask(ahead_s, target)) == "HIT", "stored")
        return made

    def assert_all_find(self, target, made):
        for ahead_s in self.hosts:
            found = self.ask(ahead_s, target)
            self.assertEqual((outcome(found), found.body), ("HIT", made.body))

    def test_what_one_stores_is_a_hit_for_all(self):
        """As long as its own clock says."""
        for maker in self.hosts:
            target = fresh("/cached", expire=HOUR)
            made = self.make(maker, target)
            self.assert_all_find(target, made)
            for ahead_s in self.hosts:
                self.assertAlmostEqual(max_age(self.ask(ahead_s, target)), HOUR + maker - ahead_s, delta=SLACK_S)

    def test_who_is_ahead_makes_anew_what_has_ended_there(self):
        """And what it has made all find."""
        target = fresh("/cached", expire=MINUTE // 2)
        self.make(RIGHT, target)
        self.assertEqual(outcome(self.ask(BEHIND, target)), "HIT")
        self.assert_all_find(target, self.make(AHEAD, target))

    def test_clear_by_one_holds_for_all(self):
        for clearing, asked in itertools.product(self.hosts, self.hosts):
            with self.subTest(clearing=clearing, asked=asked):
                target = fresh("/cached", expire=HOUR)
                self.assert_all_find(target, self.make(RIGHT, target))
                self.assertEqual(self.hosts[clearing].ask("PUT", "/clear").status, 204)
                self.assertEqual(outcome(self.ask(asked, target)), "MISS")

    def test_what_was_begun_before_a_clear_is_never_found(self):
        for maker, clearing in ((AHEAD, BEHIND), (BEHIND, AHEAD)):
            target = fresh("/herd", ms=500, expire=HOUR)
            with self.hosts[maker].connect() as leader:
                self.lead(leader, maker, target)
                self.assertEqual(self.hosts[clearing].ask("PUT", "/clear").status, 204)
                self.assertEqual(outcome(leader.answer()), "MISS")
            before = self.hosts[RIGHT].runs()
            self.assertEqual(outcome(self.ask(RIGHT, target)), "MISS")
            self.assertEqual(self.hosts[RIGHT].runs(), before + 1)

    def lead(self, leader, ahead_s, target):
        """Sends it on that connection and waits until its handler runs."""
        before = self.hosts[ahead_s].runs()
        leader.send(fastcgi.request("GET", target, keep=True))
        eventually(lambda: self.hosts[ahead_s].runs() == before + 1, "it runs")

    def test_lease_of_one_holds_for_all(self):
        """Also for whom it would have ended long ago."""
        for leading in self.hosts:
            others = [ahead_s for ahead_s in self.hosts if ahead_s != leading]
            before = [self.hosts[ahead_s].runs() for ahead_s in others]
            target = fresh("/herd", ms=1500, expire=HOUR)
            with contextlib.ExitStack() as stack:
                leader, *waiting = [stack.enter_context(self.hosts[ahead_s].connect()) for ahead_s in (leading, *others)]
                self.lead(leader, leading, target)
                for connection in waiting:
                    connection.send(fastcgi.request("GET", target, keep=True))
                made = leader.answer()
                self.assertEqual(outcome(made), "MISS")
                self.assertEqual([connection.answer().body for connection in waiting], [made.body] * 2)
            self.assertEqual([self.hosts[ahead_s].runs() for ahead_s in others], before)

    def test_lease_of_the_dead_ends_in_its_time(self):
        """Its clock was a minute ahead, and it is not held for a minute longer. Takes as long as a lease lasts."""
        target = fresh("/herd", ms=2000, expire=HOUR)
        dead = self.start(AHEAD)
        with dead.connect() as leader:
            leader.send(fastcgi.request("GET", target, keep=True))
            eventually(lambda: dead.runs() == 1, "it runs")
            dead.kill()
        killed, before = time.monotonic(), self.hosts[BEHIND].runs()
        with self.hosts[BEHIND].connect() as waiting:
            waiting.send(fastcgi.request("GET", target, keep=True))
            eventually(lambda: self.hosts[BEHIND].runs() == before + 1, "taken over", LEASE_S + SLACK_S)
            self.assertGreater(time.monotonic() - killed, LEASE_S / 2)
            self.assertEqual(outcome(waiting.answer()), "MISS")


class OnRedis(Skew, unittest.TestCase):
    server_class = Redis


class OnRedisCluster(Skew, unittest.TestCase):
    server_class = RedisCluster


class OnMemcached(Skew, unittest.TestCase):
    server_class = Memcached


class OnDynamoDB(Skew, unittest.TestCase):
    server_class = Dynalite


if __name__ == "__main__":
    unittest.main()
