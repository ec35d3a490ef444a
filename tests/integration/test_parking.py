# SPDX-License-Identifier: Apache-2.0
"""Parking: any number of requests that wait for one result hold no thread, whatever becomes of those who are to bring it."""
import contextlib
import resource
import statistics
import time
import unittest

import fastcgi
import http_client
from programs import App, Nginx, eventually, folder

app = None
nginx = None


def setUpModule():
    global app, nginx
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    app = unittest.enterModuleContext(App(unittest.enterModuleContext(folder()), "--threads", "2"))
    nginx = unittest.enterModuleContext(Nginx(unittest.enterModuleContext(folder()), app.socket_path))
    unittest.addModuleCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))


class Herd(contextlib.ExitStack):
    """Clients that have all asked for the same, each on a connection of its own."""

    def __init__(self, to, size, target):
        super().__init__()
        self.clients = [self.enter_context(to.connect(30)) for _ in range(size)]
        for client in self.clients:
            client.send(fastcgi.request("GET", target))

    def leave(self, clients):
        for client in clients:
            client.close()
            self.clients.remove(client)

    def answers(self):
        return [client.answer() for client in self.clients]


class Parking(unittest.TestCase):
    def setUp(self):
        self.before = app.counts()

    def runs(self, kind="herd"):
        return app.counts()[kind] - self.before[kind]

    def key(self, ms):
        return f"/herd?key={self.id()}&ms={ms}"

    def assert_same(self, answers, runs=1):
        self.assertEqual({(answer.status, answer.body) for answer in answers}, {(200, answers[0].body)})
        self.assertEqual(self.runs(), runs)

    def test_2000_clients_one_run(self):
        with Herd(app, 2000, self.key(2500)) as herd:
            times = []
            for _ in range(20):
                started = time.monotonic()
                self.assertEqual(app.ask("GET", "/hello").body, b"hello\n")
                times.append(time.monotonic() - started)
            self.assertLess(statistics.median(times), 0.1)
            answers = herd.answers()
        self.assert_same(answers)
        outcomes = [answer.field("X-Weir-Cache") for answer in answers]
        self.assertEqual(outcomes.count("MISS") + outcomes.count("HIT"), 2000)
        self.assertGreaterEqual(outcomes.count("MISS"), 1)

    def test_200_clients_through_nginx_one_run(self):
        for address in nginx.addresses.values():
            with self.subTest(address), contextlib.ExitStack() as stack:
                self.setUp()
                target = self.key(1000) + f"&port={address[1]}"
                clients = [stack.enter_context(http_client.Connection(address)) for _ in range(200)]
                for client in clients:
                    client.send_head("GET", target)
                started = time.monotonic()
                self.assertEqual(http_client.get(address, "/hello").body, b"hello\n")
                self.assertLess(time.monotonic() - started, 0.9)
                self.assert_same([client.response() for client in clients])

    def test_clients_that_leave_while_they_wait(self):
        with Herd(app, 200, self.key(700)) as herd:
            eventually(lambda: self.runs() == 1, "the leader runs")
            herd.leave(herd.clients[50:150])
            self.assert_same(herd.answers())

    def test_client_of_the_leader_that_leaves(self):
        with Herd(app, 1, self.key(700)) as leader, contextlib.ExitStack() as stack:
            eventually(lambda: self.runs() == 1, "the leader runs")
            herd = stack.enter_context(Herd(app, 50, self.key(700)))
            leader.leave(leader.clients[:])
            self.assert_same(herd.answers())

    def test_everybody_leaves(self):
        with Herd(app, 50, self.key(300)) as herd:
            eventually(lambda: self.runs() == 1, "the leader runs")
            herd.leave(herd.clients[:])
        answer = app.ask("GET", self.key(300))
        self.assertEqual((answer.status, self.runs()), (200, 1))

    def test_leader_that_fails_releases_everybody(self):
        with Herd(app, 50, f"/failing?key={self.id()}&ms=300") as herd:
            started = time.monotonic()
            answers = herd.answers()
        self.assertEqual({answer.status for answer in answers}, {500})
        self.assertLess(time.monotonic() - started, 20)
        self.assertEqual(app.ask("GET", "/hello").status, 200)

    def test_no_cache_does_not_share_an_earlier_run(self):
        with Herd(app, 1, self.key(700)) as leader:
            eventually(lambda: self.runs() == 1, "the leader runs")
            anew = app.ask("GET", self.key(700), fields=[("Cache-Control", "no-cache")])
            self.assertNotEqual(anew.body, leader.answers()[0].body)
        self.assertEqual(self.runs(), 2)


class Stuck(unittest.TestCase):
    def test_leader_that_never_ends_is_replaced_by_one(self):
        """/stuck has a lock_timeout of 300 ms; its first run hangs until it is released."""
        with folder() as home, App(home, "--threads", "4") as own:
            with Herd(own, 1, "/stuck") as leader:
                eventually(lambda: own.counts()["stuck"] == 1, "the leader runs")
                with Herd(own, 50, "/stuck") as herd:
                    self.assertEqual({(answer.status, answer.body) for answer in herd.answers()}, {(200, b"run 2\n")})
                self.assertEqual(own.counts()["stuck"], 2)
                self.assertEqual(own.ask("PUT", "/release").status, 204)
                self.assertEqual(leader.answers()[0].body, b"run 1\n")
            self.assertEqual(own.ask("GET", "/stuck").body[:4], b"run ")
            self.assertEqual(own.counts()["stuck"], 2)


class Overload(unittest.TestCase):
    def test_beyond_the_bound_503_with_retry_after(self):
        with folder() as home, App(home, "--threads", "1", queue=4) as own, Herd(own, 20, "/slow?ms=400") as herd:
            answers = herd.answers()
            refused = [answer for answer in answers if answer.status == 503]
            self.assertEqual(len([answer for answer in answers if answer.body == b"slow\n"]), 20 - len(refused))
            self.assertIn(20 - len(refused), (4, 5))  # four wait, and one runs, unless the thread woke late
            self.assertTrue(all(int(answer.field("Retry-After")) > 0 for answer in refused))
            self.assertEqual(own.ask("GET", "/slow").body, b"slow\n")

    def test_busy_threads_do_not_delay_hits(self):
        with folder() as home, App(home, "--threads", "2") as own:
            self.assertEqual(own.ask("GET", "/cached").field("X-Weir-Cache"), "MISS")
            with Herd(own, 10, "/slow?ms=1000") as herd:
                started = time.monotonic()
                self.assertEqual(own.ask("GET", "/cached").field("X-Weir-Cache"), "HIT")
                self.assertLess(time.monotonic() - started, 0.9)
                self.assertEqual({answer.body for answer in herd.answers()}, {b"slow\n"})
