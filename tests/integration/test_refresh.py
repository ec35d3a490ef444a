# SPDX-License-Identifier: Apache-2.0
"""Values made anew behind the clients' backs, in real time: whoever had to wait for the handler would be told MISS, or collapsed."""
import contextlib
import itertools
import select
import signal
import subprocess
import threading
import time
import unittest

import fastcgi
import http_client
from programs import TEST_APP, App, Nginx, cgi_environment, eventually, folder, parse_counts, store
from workers import Master

numbers = itertools.count(1)
CLIENTS = 8
SECONDS = 4


def fresh(making_ms):
    """A target that nobody asked for before, good for a second."""
    return f"/refreshed?number={next(numbers)}&ms={making_ms}"


def is_old(response):
    return "ttl=-" in response.field("Cache-Status")


class Clients:
    """They ask in turn, each on its own; `seen` are the cache's words about each answer."""

    def __init__(self, address, target):
        self.address, self.target, self.seen, self.stop = address, target, [], False
        self.threads = [threading.Thread(target=self.ask) for _ in range(CLIENTS)]

    def ask(self):
        while not self.stop:
            try:
                response = http_client.get(self.address, self.target)
                self.seen.append((response.status, response.field("X-Weir-Cache"), response.field("Cache-Status").split("=")[0]))
            except Exception as error:  # pylint: disable=broad-exception-caught
                self.seen.append(repr(error))

    def run(self, seconds):
        for thread in self.threads:
            thread.start()
        time.sleep(seconds)
        self.stop = True
        for thread in self.threads:
            thread.join()


class HotKey(unittest.TestCase):
    """A page that lives for a second, that all ask for all the time, and that takes half a second to make."""

    def check(self, app, runs):
        address = self.enterContext(Nginx(self.enterContext(folder()), app.socket_path)).addresses["nginx_kept"]
        target = fresh(making_ms=500)
        self.assertEqual(http_client.get(address, target).field("X-Weir-Cache"), "MISS")
        clients, started = Clients(address, target), time.monotonic()
        clients.run(SECONDS)
        self.assertEqual(set(clients.seen), {(200, "HIT", "weir; hit; ttl")})
        ends = (time.monotonic() - started) / 1.5
        self.assertGreaterEqual(runs(), 1 + 1)
        self.assertLessEqual(runs(), 1 + 1 + ends)

    def test_nobody_waits_and_one_process_makes_it_once_each_time(self):
        app = self.enterContext(App(self.enterContext(folder())))
        self.check(app, lambda: app.counts()["herd"])

    def test_nobody_waits_and_one_of_two_processes_makes_it_each_time(self):
        app = self.enterContext(Master(self.enterContext(folder()), processes=2))
        with contextlib.ExitStack() as stack:
            workers = [app.connect_to_worker(stack, pid)[0] for pid in sorted(app.workers())]
            self.check(app, lambda: sum(parse_counts(worker.ask("GET", "/counts", keep=True).body)["herd"] for worker in workers))


class AcrossPrograms(unittest.TestCase):
    def setUp(self):
        self.url, _ = self.enterContext(store())

    def start(self):
        return self.enterContext(App(self.enterContext(folder()), env={"WEIR_CACHE_BACKEND": self.url, "WEIR_CACHE_PREFIX": "refresh"}))

    def test_server_that_stops_brings_what_it_makes_to_its_end(self):
        app, target = self.start(), fresh(making_ms=1000)
        app.ask(target=target)
        eventually(lambda: is_old(app.ask(target=target)), "it is old")
        eventually(lambda: app.counts()["herd"] == 2, "it is made anew")
        app.stop(signal.SIGTERM)
        answer = self.start().ask(target=target)
        self.assertEqual((answer.body, answer.field("X-Weir-Cache")), (b"run 2\n", "HIT"))

    def cgi(self, target):
        """The answer and whether the program still ran when its end had been seen; it has ended well when this returns."""
        env = cgi_environment("GET", target, WEIR_CACHE_BACKEND=self.url, WEIR_CACHE_PREFIX="refresh")
        with subprocess.Popen([TEST_APP], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
            output = program.stdout.read()
            ready, _, _ = select.select([program.stderr], [], [], 0.2)  # it ends with the program
            running = not ready
            errors = program.stderr.read()
            self.assertEqual(program.wait(), 0, errors)
        return fastcgi.Answer(output, errors, 0, 0), running

    def test_cgi_program_makes_it_after_its_client_has_seen_the_end(self):
        target = fresh(making_ms=700)
        self.assertEqual(self.cgi(target)[0].field("X-Weir-Cache"), "MISS")
        old, running = self.cgi(target)
        while not is_old(old):
            self.assertFalse(running)
            old, running = self.cgi(target)
        self.assertTrue(running)
        answer, running = self.cgi(target)
        self.assertEqual((answer.field("X-Weir-Cache"), is_old(answer)), ("HIT", False))


if __name__ == "__main__":
    unittest.main()
