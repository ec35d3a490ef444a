# SPDX-License-Identifier: Apache-2.0
"""Apps that stop while what they have made is on its way to the server of their cache: others find it there, and wait for nobody."""
import contextlib
import itertools
import signal
import time
import unittest

import fastcgi
from cache_servers import Memcached, Redis
from fault_proxy import FaultProxy
from programs import App, eventually, folder

numbers = itertools.count(1)
MAKING_MS, LATER_MS = 1000, 300

# Well below the ten seconds that the lease of somebody who is gone lasts.
SOON_S = 5


def herd(later_ms=0):
    """A target that nobody asked for before, which takes its time."""
    return f"/herd?number={next(numbers)}&ms={MAKING_MS + later_ms}"


class Stops:
    """`server_class` is a class of cache_servers.py."""

    def setUp(self):
        self.stack = self.enterContext(contextlib.ExitStack())
        self.server = self.stack.enter_context(self.server_class(self.stack.enter_context(folder())))
        self.proxy = self.stack.enter_context(FaultProxy(self.server.address))

    def start(self, address, total_ms):
        url = self.server.url(address, read_timeout_ms=total_ms, total_timeout_ms=total_ms)
        env = {"WEIR_CACHE_BACKEND": url, "WEIR_CACHE_STATUS_HEADER": "X-Weir-Cache"}
        return self.stack.enter_context(App(self.stack.enter_context(folder()), env=env))

    def make(self, app, *targets):
        """Has them made; the server does not answer any more when their clients have their answers."""
        connections = [self.stack.enter_context(app.connect()) for _ in targets]
        for connection, target in zip(connections, targets):
            connection.send(fastcgi.request("GET", target))
        eventually(lambda: app.counts()["herd"] == len(targets), "all are being made")
        self.proxy.freeze()
        for connection in connections:
            answer = connection.answer()
            self.assertEqual((answer.status, answer.field("X-Weir-Cache")), (200, "MISS"))

    def test_others_find_the_entry_and_no_lease(self):
        first, stored, not_stored = herd(), herd(LATER_MS), herd(LATER_MS) + "&expire=0"
        app, other = self.start(self.proxy.address, 20000), self.start(None, 2000)
        self.make(app, first, stored, not_stored)   # the server is asked to store the first; the others come to be queued
        app.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)   # until it has come to what is on its way
        self.assertIsNone(app.process.poll())
        self.proxy.heal()
        self.assertEqual(app.stop(), 0)
        self.assertEqual(other.ask("GET", first).field("X-Weir-Cache"), "HIT")
        self.assertEqual(other.ask("GET", stored).field("X-Weir-Cache"), "HIT")
        began = time.monotonic()
        self.assertEqual(other.ask("GET", not_stored).field("X-Weir-Cache"), "MISS")
        self.assertLess(time.monotonic() - began, SOON_S)

    def test_a_server_that_is_gone_holds_up_nobody(self):
        app = self.start(self.proxy.address, 500)
        self.make(app, herd(), herd(LATER_MS))
        began = time.monotonic()
        self.assertEqual(app.stop(), 0)
        self.assertLess(time.monotonic() - began, SOON_S)


class StopsWithRedis(Stops, unittest.TestCase):
    server_class = Redis


class StopsWithMemcached(Stops, unittest.TestCase):
    server_class = Memcached


if __name__ == "__main__":
    unittest.main()
