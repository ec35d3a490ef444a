# SPDX-License-Identifier: Apache-2.0
"""--processes: a master, its workers, and what becomes of requests when one of them ends."""
import contextlib
import os
import random
import re
import signal
import subprocess
import time
import unittest

import fastcgi
from programs import TEST_APP, App, Nginx, Program, eventually, folder, has_libfcgi, parse_counts
from workers import Load, Master, is_alive, worker_of

# weir's own handler has the faults, as it has in a build without a sanitizer.
FAULTS = {name: os.environ.get(name, "") + "".join(f":handle_{fault}=0" for fault in ("segv", "sigbus", "sigfpe", "sigill", "abort"))
          for name in ("ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS")}


def break_libfcgi(libraries):
    """The environment in which a worker with this transport does not come up."""
    (libraries / "libfcgi.so.0").write_text("no library")
    return {"LD_LIBRARY_PATH": str(libraries)}


class Case(unittest.TestCase):
    def setUp(self):
        self.home = self.enterContext(folder())
        self.stack = self.enterContext(contextlib.ExitStack())

    def assert_gone(self, pids):
        for pid in pids:
            eventually(lambda pid=pid: not is_alive(pid), f"{pid} has ended")


class Starting(Case):
    def test_every_worker_answers_and_the_log_has_all_pids(self):
        with Master(self.home, processes=3) as app:
            workers = app.workers()
            for pid in workers:
                self.assertEqual(app.connect_to_worker(self.stack, pid)[0].ask("GET", "/hello", keep=True).body, b"hello\n")
            log = app.log()
            self.assertRegex(log, rf"listens on \S+ with 3 processes, the master's pid is {app.pid}\n")
            self.assertEqual(sorted(re.findall(r"process (\d) of 3 is up pid=\d+", log)), ["1", "2", "3"])
            self.assertNotIn(app.pid, workers)

    def test_one_process_has_no_master(self):
        with App(self.home, "--processes", "1") as app:
            self.assertEqual(app.counts()["pid"], app.pid)

    @unittest.skipUnless(has_libfcgi(), "weir was built without libfcgi")
    def test_with_libfcgi(self):
        with Master(self.home, "--transport", "libfcgi") as app:
            def all_answered(seen=set()):
                seen.add(app.counts()["pid"])
                return seen == app.workers()
            eventually(all_answered, "both workers answer")

    @unittest.skipUnless(has_libfcgi(), "weir was built without libfcgi")
    def test_master_gives_up_when_no_worker_comes_up(self):
        with folder() as libraries:
            done = subprocess.run([TEST_APP, "--processes", "2", "--listen", f"unix:{self.home}/x.sock", "--transport", "libfcgi"],
                                  env={**os.environ, **break_libfcgi(libraries)}, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  timeout=20, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(len(re.findall("gives up: no process has come up", done.stderr)), 1, done.stderr)
        self.assertGreaterEqual(len(re.findall("ended with exit status 1 ", done.stderr)), 5, done.stderr)
        self.assertIn("starts again in 100 ms", done.stderr)
        self.assertIn("libfcgi cannot be loaded", done.stderr)
        self.assertRegex(done.stderr, r"not all processes ended well: not supported\n$")
        self.assertEqual(list(self.home.iterdir()), [])

    def test_socket_that_cannot_be_had_is_the_masters_error(self):
        done = subprocess.run([TEST_APP, "--processes", "2", "--listen", "unix:/nowhere/at/all.sock"], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual((done.returncode, len(done.stderr.splitlines())), (1, 1), done.stderr)


class Crashing(Case):
    """A line says what a worker ended with and on which route; the others go on."""

    def crash(self, app, target):
        with app.connect() as connection:
            connection.send(fastcgi.request("GET", target))
            with self.assertRaises((fastcgi.Closed, ConnectionResetError)):
                connection.answer()
        self.assertEqual(app.ask("GET", "/hello").body, b"hello\n")

    def test_faults_name_the_route(self):
        with Master(self.home, env=FAULTS) as app:
            for how, end in (("fault", "SIGSEGV"), ("abort", "SIGABRT"), ("stack", "SIGSEGV")):
                for path in ("/crash", "/crash/loop"):
                    with self.subTest(path, how=how):
                        mark = len(app.log())
                        self.crash(app, f"{path}/{how}")
                        app.wait_for_line(rf"process \d of 2 was ended by {end} pid=\d+ route={path}/{{how}}$", mark)
                        app.wait_for_workers()

    def test_fault_that_a_sanitizer_reports_is_left_to_it(self):
        """In a build without AddressSanitizer it is a fault like any other."""
        sanitized = "address" in os.environ.get("WEIR_SANITIZE", "")
        with Master(self.home, ends_well=not sanitized) as app:
            self.crash(app, "/crash/fault")
            end = "ended with exit status 1" if sanitized else "was ended by SIGSEGV"
            app.wait_for_line(rf"process \d of 2 {end} pid=\d+ {'running' if sanitized else 'route'}=/crash/{{how}}$")
            self.assertEqual("AddressSanitizer: SEGV" in app.log(), sanitized)
            app.wait_for_workers()

    def test_exit_names_what_was_running(self):
        with Master(self.home) as app:
            self.crash(app, "/crash/exit")
            app.wait_for_line(r"process \d of 2 ended with exit status 3 pid=\d+ running=/crash/{how}$")
            app.wait_for_workers()

    def test_kill_names_what_was_running(self):
        with Master(self.home) as app:
            first, pid = app.connect_to_worker(self.stack)
            second, _ = app.connect_to_worker(self.stack, pid)
            idle = (app.workers() - {pid}).pop()
            self.assertEqual(app.connect_to_worker(self.stack, idle)[0].ask("GET", "/hello", keep=True).body, b"hello\n")
            app.connect_to_worker(self.stack, idle)
            for connection in (first, second):
                connection.send(fastcgi.request("GET", "/slow?ms=20000", keep=True))
            third, _ = app.connect_to_worker(self.stack, pid)
            third.send(fastcgi.request("GET", "/herd?ms=20000", keep=True))
            fourth, _ = app.connect_to_worker(self.stack, pid)
            eventually(lambda: parse_counts(fourth.ask("GET", "/counts", keep=True).body)["herd"] == 1, "the last one runs")
            for victim in (pid, idle):
                os.kill(victim, signal.SIGKILL)
            # The loop that has just given its last answer may not have come back from it.
            app.wait_for_line(rf"was ended by SIGKILL pid={pid} running=\"(/counts, )?/slow \(2\), /herd\"$")
            app.wait_for_line(rf"was ended by SIGKILL pid={idle} running=(nothing|/counts)$")
            app.wait_for_workers({pid, idle})

    def test_worker_that_is_told_to_stop_drains_and_is_replaced(self):
        with Master(self.home) as app:
            connection, pid = app.connect_to_worker(self.stack)
            running, _ = app.connect_to_worker(self.stack, pid)
            running.send(fastcgi.request("GET", "/slow?ms=300", keep=True))
            self.assertEqual(connection.ask("GET", "/crash/stop", keep=True).body, b"still here\n")
            self.assertEqual(running.answer().body, b"slow\n")
            app.wait_for_line(rf"process \d of 2 has ended pid={pid}$")
            app.wait_for_workers({pid})
            self.assertEqual(app.ask("GET", "/hello").body, b"hello\n")

    def test_worker_that_keeps_dying_comes_back_later_and_later(self):
        with Master(self.home) as app:
            stays, pid = sorted(app.workers())
            for _ in range(4):
                os.kill(pid, signal.SIGKILL)
                pid = (app.wait_for_workers({pid}) - {stays}).pop()
            self.assertEqual(re.findall(r"starts again in (\d+) ms$", app.log(), re.M), ["100", "200", "400"])


def busy():
    return random.choice(("/hello", "/slow?ms=3", "/cached", "/counts"))


class UnderLoad(Case):
    def setUp(self):
        super().setUp()
        self.app = self.enterContext(Master(self.home))
        nginx = self.enterContext(Nginx(self.enterContext(folder()), self.app.socket_path))
        self.addresses = [nginx.addresses["nginx_kept"], nginx.addresses["nginx"]]

    def test_kill_costs_at_most_what_the_worker_had(self):
        kills = []
        with Load(self.addresses, busy) as load:
            for _ in range(6):
                load.go_on(50)
                victim = random.choice(sorted(self.app.workers()))
                kills.append(time.monotonic())
                os.kill(victim, signal.SIGKILL)
                self.app.wait_for_workers({victim})
            load.go_on(50)
        self.assertEqual(load.failed_but_for(kills), [])
        self.assertLessEqual(load.most_failed_by_one(kills), len(load.threads))
        self.assertEqual({status for _, _, status in load.failed} - {502}, set())

    def test_reload_costs_nothing(self):
        with Load(self.addresses, busy) as load:
            for _ in range(4):
                before = self.app.workers()
                load.go_on(50)
                self.app.process.send_signal(signal.SIGHUP)
                self.app.wait_for_workers(before)
                self.assert_gone(before)
            load.go_on(50)
        self.assertEqual(load.failed, [])


class Reloading(Case):
    def test_request_that_runs_is_answered_by_the_old_worker(self):
        with Master(self.home) as app:
            before = app.workers()
            connection, pid = app.connect_to_worker(self.stack)
            connection.send(fastcgi.request("GET", "/slow?ms=500", keep=True))
            app.process.send_signal(signal.SIGHUP)
            app.wait_for_line("the old ones end")
            self.assertTrue(is_alive(pid))
            self.assertNotIn(worker_of(self.stack.enter_context(app.connect())), before)
            self.assertEqual(connection.answer().body, b"slow\n")
            self.assertTrue(connection.is_closed())
            self.assert_gone(before)

    def test_second_reload_waits_for_the_first(self):
        with Master(self.home) as app:
            before = app.workers()
            connection, _ = app.connect_to_worker(self.stack)
            connection.send(fastcgi.request("GET", "/slow?ms=400", keep=True))
            app.process.send_signal(signal.SIGHUP)
            second = app.wait_for_workers(before)
            app.process.send_signal(signal.SIGHUP)
            self.assertEqual(connection.answer().body, b"slow\n")
            app.wait_for_workers(before | second)
            self.assert_gone(before | second)
            self.assertEqual(len(re.findall("the old ones end", app.log())), 2)

    @unittest.skipUnless(has_libfcgi(), "weir was built without libfcgi")
    def test_new_worker_that_does_not_come_up_changes_nothing(self):
        libraries = self.enterContext(folder())
        with Master(self.home, "--transport", "libfcgi", env={"LD_LIBRARY_PATH": str(libraries)}) as app:
            before = app.workers()
            break_libfcgi(libraries)
            app.process.send_signal(signal.SIGHUP)
            app.wait_for_line("libfcgi cannot be loaded")
            app.wait_for_line("the reload is given up")
            app.wait_until(lambda: app.children() == before, "the new ones are gone")
            self.assertEqual(app.ask("GET", "/hello").body, b"hello\n")

    def test_one_new_worker_that_does_not_come_up_takes_the_others_along(self):
        with Master(self.home) as app:
            for _ in range(20):
                before, mark = app.workers(), len(app.log())
                app.process.send_signal(signal.SIGHUP)
                new = next(filter(None, (app.children() - before for _ in range(100_000))))
                with contextlib.suppress(ProcessLookupError):
                    os.kill(new.pop(), signal.SIGKILL)  # before it is up, or just too late: then once more
                app.wait_for_line("the reload is given up|the old ones end", mark)
                if "the reload is given up" in app.log()[mark:]:
                    break
                app.wait_for_workers(before)
                self.assert_gone(before)
            self.assertIn("the reload is given up", app.log())
            app.wait_until(lambda: app.children() == before, "the new ones are gone")
            self.assertEqual(app.ask("GET", "/hello").body, b"hello\n")

    def test_connections_that_wait_to_be_let_in_are_not_lost(self):
        """A loop lets in a few in each round. Those that it has not let in when it stops are the other worker's."""
        with Master(self.home) as app:
            stops, waits = sorted(app.workers())
            for pid in (stops, waits):
                os.kill(pid, signal.SIGSTOP)
            connections = [self.stack.enter_context(app.connect()) for _ in range(100)]
            for connection in connections:
                connection.send(fastcgi.request("GET", "/hello"))
            os.kill(stops, signal.SIGTERM)
            os.kill(stops, signal.SIGCONT)
            self.assert_gone({stops})
            os.kill(waits, signal.SIGCONT)
            for connection in connections:
                self.assertEqual(connection.answer().body, b"hello\n")

    def test_idle_connections_have_time_for_a_last_request(self):
        """A web server may be about to use them: new ones, and those that it has kept."""
        with Master(self.home) as app:
            before = app.workers()
            connections = [self.stack.enter_context(app.connect()) for _ in range(4)]
            connections += [app.connect_to_worker(self.stack, pid)[0] for pid in before]  # which has let the others in as well
            app.process.send_signal(signal.SIGHUP)
            app.wait_for_line("the old ones end")
            for connection in connections:
                self.assertIn(worker_of(connection), before)
                self.assertTrue(connection.is_closed())
            self.assert_gone(before)


class Ending(Case):
    def check_drain(self, sign):
        with Master(self.home) as app:
            workers, running = app.workers(), []
            for pid in workers:
                connection, _ = app.connect_to_worker(self.stack, pid)
                connection.send(fastcgi.request("GET", "/slow?ms=600", keep=True))
                running.append(connection)
            for pid in workers:  # what came before has begun when this is answered
                app.connect_to_worker(self.stack, pid)
            second_name = self.home / "second.sock"
            os.link(app.socket_path, second_name)  # on which it shows that nobody listens any more
            app.process.send_signal(sign)
            eventually(lambda: not app.accepts(), "new clients are refused")
            self.assertFalse(app.socket_path.exists())
            with self.assertRaises(ConnectionRefusedError):
                while True:
                    fastcgi.Connection(second_name).close()
            app.process.send_signal(signal.SIGTERM)  # a second one does no harm
            self.assertIsNone(app.process.poll())
            for connection in running:
                self.assertEqual(connection.answer().body, b"slow\n")
            self.assertEqual(app.process.wait(10), 0)
            self.assertFalse([pid for pid in workers if is_alive(pid)])

    def test_sigterm_lets_what_runs_finish(self):
        self.check_drain(signal.SIGTERM)

    def test_sigint_lets_what_runs_finish(self):
        self.check_drain(signal.SIGINT)

    def test_signal_to_all_processes_at_once(self):
        """As a terminal sends it."""
        with Master(self.home) as app:
            workers = app.workers()
            for pid in (*workers, app.pid):
                os.kill(pid, signal.SIGINT)
            self.assertEqual(app.process.wait(10), 0)
            self.assert_gone(workers)

    def test_hangup_is_not_for_workers(self):
        with Master(self.home) as app:
            workers = app.workers()
            for pid in workers:
                os.kill(pid, signal.SIGHUP)
            for pid in workers:
                self.assertEqual(app.connect_to_worker(self.stack, pid)[0].ask("GET", "/hello").body, b"hello\n")

    def test_handler_that_does_not_end_makes_the_exit_status_1(self):
        with Master(self.home, drain_ms=200, ends_well=False) as app:
            connection, pid = app.connect_to_worker(self.stack)
            connection.send(fastcgi.request("GET", "/stuck"))
            app.connect_to_worker(self.stack, pid)
            app.process.send_signal(signal.SIGTERM)
            self.assertEqual(app.process.wait(10), 1)
            app.check_log()
            self.assertRegex(app.log(), rf"process \d of 2 ended with exit status 1 pid={pid} running=/stuck\n")

    def test_worker_that_does_not_react_is_killed(self):
        with Master(self.home, drain_ms=100, ends_well=False) as app:
            frozen = min(app.workers())
            os.kill(frozen, signal.SIGSTOP)
            app.process.send_signal(signal.SIGTERM)
            self.assertEqual(app.process.wait(15), 1)
            self.assertRegex(app.log(), rf"has not drained in time and is killed pid={frozen}\n")
            self.assertRegex(app.log(), rf"was ended by SIGKILL pid={frozen} ")

    def test_master_that_is_killed_takes_its_workers_along(self):
        with Master(self.home, ends_well=False) as app:
            workers = app.workers()
            connection, _ = app.connect_to_worker(self.stack)
            connection.send(fastcgi.request("GET", "/slow?ms=300", keep=True))
            app.connect_to_worker(self.stack, worker_of(app.connect_to_worker(self.stack)[0]))
            app.process.kill()
            app.process.wait()
            self.assertEqual(connection.answer().body, b"slow\n")
            self.assert_gone(workers)
            app.check_log()

    def test_no_signal_leaves_a_socket_behind(self):
        path = self.home / "x.sock"
        for processes in ("1", "2"):
            for _ in range(8):
                with Program([TEST_APP, "--listen", f"unix:{path}", "--processes", processes, "--threads", "2"], self.home) as app:
                    while not path.exists():
                        self.assertIsNone(app.process.poll())
                self.assertFalse(path.exists())
