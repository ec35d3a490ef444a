# SPDX-License-Identifier: Apache-2.0
"""The command line that every app has, the socket, the end by signal, and the two ways in which others start an app: fd 0 and CGI."""
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import unittest

import fastcgi
import http_client
from programs import TEST_APP, App, Program, cgi_environment, environment, eventually, folder, parse_echo

HUGE = 100 << 20
MAY_GROW_KB = 20 << 10


def run(*arguments, env=None, cwd="/"):
    """Runs it to its end: (exit status, output, errors)."""
    done = subprocess.run([TEST_APP, *arguments], env=environment(env), cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=20, check=False)
    return done.returncode, done.stdout, done.stderr


class Answers(unittest.TestCase):
    def test_help_names_every_option(self):
        status, output, errors = run("--help")
        self.assertEqual((status, errors), (0, ""))
        for option in ("listen", "socket-mode", "socket-owner", "threads", "processes", "transport", "check", "routes", "version", "help"):
            self.assertIn(f"--{option} ", output)

    def test_version(self):
        status, output, errors = run("--version")
        self.assertEqual((status, errors), (0, ""))
        self.assertRegex(output, r"^test-app 7\.8\.9\b")

    def test_check(self):
        status, _, errors = run("--check")
        self.assertEqual((status, errors), (0, ""))

    def test_routes(self):
        status, output, errors = run("--routes")
        self.assertEqual((status, errors), (0, ""))
        for route in ("/hello", "/echo/{rest...}", "/cached"):
            self.assertRegex(output, rf"(?m)^\S+ {re.escape(route)}( |$)")


class Mistakes(unittest.TestCase):
    """Exit status 2 and one line that names the option, the value and what is allowed."""

    def check(self, words, *arguments, env=None):
        status, output, errors = run(*arguments, env=env)
        self.assertEqual((status, output), (2, ""), errors)
        self.assertEqual(len(errors.splitlines()), 1, errors)
        for word in words:
            self.assertIn(word, errors)

    def test_unknown_option(self):
        self.check(["--frobnicate"], "--frobnicate")

    def test_stray_argument(self):
        self.check(["stray"], "stray")

    def test_missing_value(self):
        self.check(["--listen"], "--listen")

    def test_bad_listen_address(self):
        for address in ("nowhere", "udp:127.0.0.1:1", "tcp:127.0.0.1", "tcp:127.0.0.1:99999", "tcp:127.0.0.1:port", "fd:x", "unix:", ""):
            with self.subTest(address):
                self.check(["--listen", address], "--listen", address)

    def test_socket_path_too_long(self):
        self.check(["--listen", "107"], "--listen", "unix:/" + "x" * 200)

    def test_bad_numbers(self):
        for value in ("0", "-1", "many", "1x", "", "99999999999999999999"):
            with self.subTest(value):
                self.check(["--threads", value], "--threads", value)
                self.check(["--processes", value, "1 to 64"], "--processes", value)

    def test_too_many_processes(self):
        self.check(["--processes", "65", "1 to 64"], "--processes", "65")
        self.check(["WEIR_PROCESSES", "65", "1 to 64"], env={"WEIR_PROCESSES": "65"})

    def test_processes_of_a_cgi_program(self):
        self.check(["--processes 2", "CGI"], "--processes", "2", "--transport", "cgi", "--check")
        self.check(["--processes 2", "CGI"], env={"WEIR_PROCESSES": "2", "GATEWAY_INTERFACE": "CGI/1.1"})

    def test_bad_socket_mode(self):
        for value in ("rw", "0999", "99999", "-1"):
            with self.subTest(value):
                self.check(["--socket-mode", value], "--socket-mode", value)

    def test_bad_transport(self):
        self.check(["--transport", "carrier-pigeon", "fcgi", "libfcgi", "cgi"], "--transport", "carrier-pigeon")

    def test_unknown_socket_owner(self):
        self.check(["--socket-owner", "no-such-user"], "--listen", "unix:/tmp/never-made.sock", "--socket-owner", "no-such-user")

    def test_bad_environment(self):
        for name, value, words in (
                ("WEIR_CACHE_ENABLE", "maybe", ["true", "false"]),
                ("WEIR_CACHE_EXPIRE", "soon", ["never"]),
                ("WEIR_CACHE_EXPIRE", "-5", ["never"]),
                ("WEIR_CACHE_EXPIRE", "99999999999999999999", ["never"]),
                ("WEIR_CACHE_STATUS_HEADER", "X Cache", []),
                ("WEIR_CACHE_STATUS_HEADER", "X\r\nY", []),
                ("WEIR_CACHE_BACKEND", "paper:", ["memory"]),
                ("WEIR_CACHE_BACKEND", "memory:?size=lots", ["size"]),
                ("WEIR_CACHE_BACKEND", "memory:?colour=red", ["colour"])):
            with self.subTest(f"{name}={value!r}"):
                self.check([name, *words], "--check", env={name: value})

    def test_backend_file_that_is_not_there(self):
        self.check(["WEIR_CACHE_BACKEND_FILE", "/nowhere/at/all"], "--check", env={"WEIR_CACHE_BACKEND_FILE": "/nowhere/at/all"})


class Sockets(unittest.TestCase):
    def setUp(self):
        self.home = self.enterContext(folder())

    def test_mode(self):
        for mode, expected in ((["--socket-mode", "0600"], 0o600), (["--socket-mode", "666"], 0o666), ([], 0o660)):
            with self.subTest(mode), Program([TEST_APP, "--listen", f"unix:{self.home}/x.sock", *mode], self.home) as app:
                app.wait_until(lambda app=app: "listens on" in app.log(), "listens")
                self.assertEqual(stat.S_IMODE((self.home / "x.sock").stat().st_mode), expected)

    def test_tcp(self):
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = probe.getsockname()[1]
        with Program([TEST_APP, "--listen", f"tcp:127.0.0.1:{port}"], self.home) as app:
            def answers():
                try:
                    with socket.create_connection(("127.0.0.1", port), 5) as connection:
                        connection.sendall(fastcgi.request("GET", "/hello"))
                        return b"hello\n" in connection.makefile("rb").read()
                except ConnectionRefusedError:
                    return False
            app.wait_until(answers, "answers")

    def test_busy_socket_is_left_alone(self):
        with App(self.home) as first:
            status, _, errors = run("--listen", f"unix:{first.socket_path}")
            self.assertEqual((status, len(errors.splitlines())), (1, 1), errors)
            self.assertIn(str(first.socket_path), errors)
            self.assertEqual(first.ask("GET", "/hello").status, 200)

    def test_stale_socket_is_replaced(self):
        path = self.home / "test-app.sock"
        with socket.socket(socket.AF_UNIX) as stale:
            stale.bind(str(path))
        with App(self.home) as app:
            self.assertEqual(app.ask("GET", "/hello").status, 200)

    def test_file_that_is_no_socket_is_left_alone(self):
        path = self.home / "precious"
        path.write_text("data")
        status, _, errors = run("--listen", f"unix:{path}")
        self.assertEqual((status, len(errors.splitlines())), (1, 1), errors)
        self.assertEqual(path.read_text(), "data")

    def test_socket_is_gone_after_the_end(self):
        with App(self.home) as app:
            path = app.socket_path
        self.assertFalse(path.exists())

    def test_folder_that_is_not_there(self):
        status, _, errors = run("--listen", "unix:/nowhere/at/all.sock")
        self.assertEqual((status, len(errors.splitlines())), (1, 1), errors)
        self.assertIn("/nowhere/at/all.sock", errors)


class Ending(unittest.TestCase):
    def setUp(self):
        self.home = self.enterContext(folder())

    def check_drain(self, sign):
        with App(self.home) as app:
            with app.connect() as running, app.connect() as idle:
                idle.ask("GET", "/hello", keep=True)
                running.send(fastcgi.request("GET", "/slow?ms=600", keep=True))
                eventually(lambda: app.counts()["pid"] == app.pid, "it runs")
                app.process.send_signal(sign)
                eventually(lambda: not app.accepts(), "new clients are refused")
                self.assertIsNone(app.process.poll())
                self.assertTrue(idle.is_closed())
                self.assertEqual(running.answer().body, b"slow\n")
            self.assertEqual(app.process.wait(10), 0)

    def test_sigterm_lets_what_runs_finish(self):
        self.check_drain(signal.SIGTERM)

    def test_sigint_lets_what_runs_finish(self):
        self.check_drain(signal.SIGINT)

    def test_draining_has_an_end(self):
        with App(self.home, drain_ms=300, check=False) as app, app.connect() as running:
            running.send(fastcgi.request("GET", "/download?bytes=1000000000", keep=True))
            running.receive(1000)
            app.process.send_signal(signal.SIGTERM)
            self.assertEqual(app.process.wait(10), 0)
            self.assertTrue(running.is_closed())

    def test_second_signal_does_no_harm(self):
        with App(self.home) as app, app.connect() as running:
            running.send(fastcgi.request("GET", "/slow?ms=400"))
            eventually(lambda: app.counts()["pid"] == app.pid, "it runs")
            app.process.send_signal(signal.SIGTERM)
            eventually(lambda: not app.accepts(), "new clients are refused")
            self.assertEqual(running.answer().body, b"slow\n")


class FdZero(unittest.TestCase):
    def test_listening_socket_as_standard_input(self):
        for arguments in ([], ["--listen", "fd:0"]):
            with self.subTest(arguments), folder() as home, socket.socket(socket.AF_UNIX) as listening:
                listening.bind(str(home / "given.sock"))
                listening.listen()
                with Program([TEST_APP, *arguments], home, stdin=listening):
                    with fastcgi.Connection(home / "given.sock") as connection:
                        self.assertEqual(connection.ask("GET", "/hello").body, b"hello\n")

    def test_started_by_spawn_fcgi(self):
        spawn = shutil.which("spawn-fcgi")
        if not spawn and not os.environ.get("CI"):
            self.skipTest("no spawn-fcgi")
        with folder() as home, Program([spawn, "-n", "-s", home / "given.sock", "--", TEST_APP], home) as app:
            app.wait_until((home / "given.sock").exists, "listens")
            with fastcgi.Connection(home / "given.sock") as connection:
                self.assertEqual(connection.ask("GET", "/hello").body, b"hello\n")

    def test_standard_input_that_is_no_socket(self):
        status, _, errors = run()
        self.assertEqual((status, len(errors.splitlines())), (2, 1), errors)
        self.assertIn("fd:0", errors)


class Cgi(unittest.TestCase):
    """As a web server runs a CGI program (RFC 3875)."""

    def run_cgi(self, method, target, body=b"", fields=(), **more):
        """(exit status, answer, errors)."""
        done = subprocess.run([TEST_APP], env=cgi_environment(method, target, len(body) if body else None, fields, **more), input=body,
                              capture_output=True, timeout=30, check=False)
        return done.returncode, fastcgi.Answer(done.stdout, done.stderr, 0, 0), done.stderr.decode()

    def test_get(self):
        status, answer, errors = self.run_cgi("GET", "/hello")
        self.assertEqual((status, answer.status, answer.body, errors), (0, 200, b"hello\n", ""))
        self.assertEqual(answer.field("Content-Type"), "text/plain")

    def test_echo(self):
        _, answer, _ = self.run_cgi("GET", "/echo/%C3%A9?a=1", fields=[("X-Some", "thing")])
        seen = parse_echo(answer.body)
        self.assertEqual((seen["param"], seen["pairs"]), ("é", [("a", "1")]))
        self.assertIn(("x-some", "thing"), seen["fields"])

    def test_mounted_below_a_script(self):
        _, answer, _ = self.run_cgi("GET", "/cgi-bin/app/echo/x", SCRIPT_NAME="/cgi-bin/app", PATH_INFO="/echo/x")
        seen = parse_echo(answer.body)
        self.assertEqual((seen["mount"], seen["path"]), ("/cgi-bin/app", "/echo/x"))

    def test_bodies(self):
        for size in (1, 8192, 65537, 1 << 20):
            with self.subTest(size):
                body = b"".join(http_client.pattern(size))
                self.assertEqual(self.run_cgi("POST", "/mirror", body)[1].body, body)
                self.assertEqual(self.run_cgi("POST", "/upload", body)[1].body, b"%d right\n" % size)

    def test_errors(self):
        for method, target, body, expected in (("GET", "/nowhere", b"", 404), ("DELETE", "/hello", b"", 405), ("GET", "/fail", b"", 500),
                                               ("POST", "/small", bytes(2000), 413), ("GET", "/echo?x=%zz", b"", 400)):
            with self.subTest(target):
                status, answer, _ = self.run_cgi(method, target, body)
                self.assertEqual((status, answer.status), (0, expected))

    def test_body_that_ends_too_early(self):
        _, answer, _ = self.run_cgi("POST", "/mirror", b"123", CONTENT_LENGTH="10")
        self.assertEqual(answer.status, 400)

    def test_body_is_read_up_to_its_length(self):
        _, answer, _ = self.run_cgi("POST", "/mirror", b"1234567890", CONTENT_LENGTH="3")
        self.assertEqual((answer.status, answer.body), (200, b"123"))

    def test_conditional(self):
        etag = self.run_cgi("GET", "/cached")[1].field("ETag")
        answer = self.run_cgi("GET", "/cached", fields=[("If-None-Match", etag)])[1]
        self.assertEqual((answer.status, answer.body, answer.field("ETag")), (304, b"", etag))

    def test_proxy_variable_is_not_shown(self):
        _, answer, _ = self.run_cgi("GET", "/echo", fields=[("Proxy", "http://evil.example/")])
        self.assertNotIn("proxy", [name for name, _ in parse_echo(answer.body)["fields"]])

    def peak_kb(self, given, got, method, target, body_length=None):
        """Runs one request between two files: the most memory that the process ever had."""
        process = subprocess.Popen([TEST_APP], env=cgi_environment(method, target, body_length), stdin=given, stdout=got)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0)
        got.seek(0)
        return usage.ru_maxrss

    def test_100_mb_both_ways_with_flat_memory(self):
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as got:
            small = self.peak_kb(given, got, "GET", "/hello")
            for piece in http_client.pattern(HUGE):
                given.write(piece)
            given.seek(0)
            up = self.peak_kb(given, got, "POST", "/upload", HUGE)
            self.assertTrue(got.read().endswith(b"%d right\n" % HUGE))
        with tempfile.TemporaryFile() as got:
            down = self.peak_kb(subprocess.DEVNULL, got, "GET", f"/download?bytes={HUGE}")
            body = got.read().partition(b"\r\n\r\n")[2]
            self.assertTrue(body == b"".join(http_client.pattern(HUGE)))
        self.assertLess(max(up, down) - small, MAY_GROW_KB)
