# SPDX-License-Identifier: Apache-2.0
"""Half-sent requests, dripping peers and readers that do not read."""
import array
import fcntl
import termios
import threading
import time

import fastcgi
from fastcgi import STDIN, record
from programs import App, eventually, folder
from raw_case import RawCase

DEADLINE_MS = 400


def waiting_bytes(socket):
    """What has arrived and was not read."""
    number = array.array("i", [0])
    fcntl.ioctl(socket, termios.FIONREAD, number)
    return number[0]


class Deadlines(RawCase):
    """Half-sent requests, dripping peers and readers that do not read: each is cut off, and nobody else notices."""

    settings = {f"{phase}_ms": DEADLINE_MS for phase in ("head", "body", "send", "idle")}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.kept = cls.enterClassContext(App(cls.enterClassContext(folder()), head_ms=DEADLINE_MS))  # idle as long as it likes

    def assert_cut_off(self, connection, started):
        self.assertTrue(connection.is_closed())
        self.assertGreater(time.monotonic() - started, DEADLINE_MS / 1000 * 0.9)

    def drip(self, connection, data):
        """A byte every 20 ms until the other side closes. True when it did before all was sent."""
        for byte in data:
            if not connection.send_what_it_takes(bytes([byte])):
                return True
            connection.socket.settimeout(0.02)
            try:
                if not connection.socket.recv(65536):
                    return True
            except ConnectionResetError:
                return True
            except TimeoutError:
                pass
        return False

    def test_half_a_head(self):
        for head in (b"\1", fastcgi.begin()[:12], fastcgi.begin(), fastcgi.head("GET", "/hello", keep=True)[:-8]):
            with self.subTest(len(head)):
                connection = self.connect()
                started = time.monotonic()
                connection.send(head)
                self.assert_cut_off(connection, started)

    def test_half_a_body(self):
        for target in ("/mirror", "/upload", "/upload/loop"):
            with self.subTest(target):
                connection = self.connect()
                connection.send(fastcgi.head("POST", target, body_length=1000) + record(STDIN, bytes(10)))
                started = time.monotonic()
                self.assertEqual(connection.answer().status, 408)
                self.assert_cut_off(connection, started)

    def test_dripping_head(self):
        started = time.monotonic()
        connection = self.connect()
        self.assertTrue(self.drip(connection, fastcgi.head("GET", "/hello", [("X", "x" * 1000)])))
        self.assertGreater(time.monotonic() - started, DEADLINE_MS / 1000 * 0.9)

    def test_dripping_body(self):
        connection = self.connect()
        connection.send(fastcgi.head("POST", "/mirror", body_length=1000))
        self.assertTrue(self.drip(connection, b"".join(record(STDIN, b"x") for _ in range(1000))))

    def test_reader_that_does_not_read(self):
        for target in ("/download", "/download/loop"):
            with self.subTest(target):
                before = self.app.counts()["sources_closed"]
                connection = self.connect()
                connection.send(fastcgi.head("GET", f"{target}?bytes=1000000000") + record(STDIN))
                eventually(lambda before=before: self.app.counts()["sources_closed"] == before + 1, "the source is closed")
                self.assertTrue(connection.is_closed())

    def fill_with_answers(self, connection):
        """Has requests answered, and reads nothing, until the app cannot send; the last request's body has not ended."""
        def answered(before):
            deadline = time.monotonic() + 0.2
            while (now := waiting_bytes(connection.socket)) == before and time.monotonic() < deadline:
                time.sleep(0.001)
            return now > before

        while True:
            before = waiting_bytes(connection.socket)
            connection.send(fastcgi.head("GET", "/no/such/route", keep=True))
            if not answered(before):
                return
            connection.send(record(STDIN))

    def test_reader_that_does_not_read_while_its_body_ends(self):
        connection = self.connect()
        self.fill_with_answers(connection)
        mark = len(self.app.log())
        connection.send(record(STDIN))
        eventually(lambda: self.app.lines_since(mark), "it is cut off")

    def test_reader_that_is_slow_is_not_cut_off(self):
        connection = self.connect()
        body = bytes(2_000_000)
        threading.Thread(target=connection.send_what_it_takes, args=[fastcgi.request("POST", "/mirror", body)]).start()
        started, received = time.monotonic(), 0
        while part := connection.socket.recv(20_000):
            received += len(part)
            time.sleep(0.01)
        self.assertGreater(time.monotonic() - started, DEADLINE_MS / 1000 * 2)
        self.assertGreater(received, len(body))

    def test_end_of_a_body_after_the_answer_leaves_the_connection_idle(self):
        connection = self.kept.connect(5)
        self.addCleanup(connection.close)
        connection.send(fastcgi.head("GET", "/no/such/route", keep=True))
        self.assertEqual(connection.answer().status, 404)
        connection.send(record(STDIN))
        time.sleep(DEADLINE_MS / 1000 * 2)
        self.assert_hello(connection.ask("GET", "/hello", keep=True))

    def test_kept_connection_without_a_request(self):
        connection = self.connect()
        self.assert_hello(connection.ask("GET", "/hello", keep=True))
        mark, started = len(self.app.log()), time.monotonic()
        self.assert_cut_off(connection, started)
        eventually(lambda: "idle" in "".join(self.app.lines_since(mark)), "a line in the log")

    def test_each_cut_leaves_a_line_in_the_log(self):
        mark = len(self.app.log())
        connection = self.connect()
        connection.send(fastcgi.head("GET", "/hello", keep=True)[:-8])
        self.assertTrue(connection.is_closed())
        self.assertEqual(len(self.app.lines_since(mark)), 1)

    def test_others_are_served_meanwhile(self):
        slow = [self.connect() for _ in range(200)]
        for number, connection in enumerate(slow):
            connection.send(fastcgi.head("GET", "/hello", keep=True)[:number % 60 + 1])
        with self.app.connect(2) as connection:
            for _ in range(50):
                self.assert_hello(connection.ask("GET", "/hello", keep=True))
        for connection in slow:
            self.assertTrue(connection.is_closed())
