# SPDX-License-Identifier: Apache-2.0
"""The proxy that other tests break things with does break them, in the way it says."""
import contextlib
import socket
import threading
import time
import unittest

from fault_proxy import FaultProxy


class Echo:
    """Sends back what it gets."""

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=self.serve, args=[self.listener.accept()[0]], daemon=True).start()

    @staticmethod
    def serve(connection):
        with connection, contextlib.suppress(OSError):
            while piece := connection.recv(65536):
                connection.sendall(piece)


class Faults(unittest.TestCase):
    def setUp(self):
        self.proxy = self.enterContext(FaultProxy(self.enterContext(Echo()).address))

    def connect(self, timeout=5):
        connection = self.enterContext(socket.create_connection(self.proxy.address, timeout))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def ask(self, connection, text=b"0123456789"):
        connection.sendall(text)
        got = b""
        while len(got) < len(text):
            piece = connection.recv(65536)
            if not piece:
                break
            got += piece
        return got

    def assert_silent(self, connection):
        connection.settimeout(0.2)
        with self.assertRaises(TimeoutError):
            connection.recv(1)
        connection.settimeout(5)

    def test_passes_what_is_not_disturbed(self):
        connection = self.connect()
        self.assertEqual(self.ask(connection), b"0123456789")
        large = bytes(range(256)) * 4096
        self.assertEqual(self.ask(connection, large), large)
        self.assertEqual(self.proxy.answered, 10 + len(large))

    def test_delays(self):
        connection = self.connect()
        self.proxy.delay(0.3)
        begin = time.monotonic()
        self.assertEqual(self.ask(connection), b"0123456789")
        self.assertGreaterEqual(time.monotonic() - begin, 0.3)
        self.proxy.heal()
        begin = time.monotonic()
        self.assertEqual(self.ask(self.connect()), b"0123456789")
        self.assertLess(time.monotonic() - begin, 0.3)

    def test_freezes_old_and_new_connections_and_thaws_them(self):
        old = self.connect()
        self.assertEqual(self.ask(old), b"0123456789")
        self.proxy.freeze()
        new = self.connect()
        for connection in old, new:
            connection.sendall(b"later")
            self.assert_silent(connection)
        self.proxy.heal()
        for connection in old, new:
            self.assertEqual(connection.recv(5), b"later")

    def test_refuses_and_is_back_on_the_same_port(self):
        connection = self.connect()
        self.assertEqual(self.ask(connection), b"0123456789")
        self.proxy.refuse()
        with contextlib.suppress(ConnectionResetError):
            self.assertEqual(connection.recv(1), b"")
        with self.assertRaises(ConnectionRefusedError):
            self.connect()
        self.proxy.heal()
        self.assertEqual(self.ask(self.connect()), b"0123456789")

    def test_cuts_after_so_many_bytes(self):
        connection = self.connect()
        self.proxy.cut(15)
        self.assertEqual(self.ask(connection), b"0123456789")
        got = b""
        with contextlib.suppress(ConnectionResetError):
            got = self.ask(connection)
        self.assertIn(got, (b"01234", b""))   # a reset may overtake the last bytes
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            self.assertEqual(self.ask(connection), b"")

    def test_halves_answers(self):
        connection = self.connect()
        self.proxy.halve()
        connection.sendall(b"0123456789")
        self.assertEqual(connection.recv(100), b"01234")
        connection.sendall(b"more")
        self.assert_silent(connection)
        self.proxy.heal()
        self.assertEqual(self.ask(self.connect()), b"0123456789")

    def test_scrambles_and_ends_what_it_has_spoilt(self):
        connection = self.connect()
        self.proxy.scramble()
        spoilt = self.ask(connection, bytes(1000))
        self.assertEqual(len(spoilt), 1000)
        self.assertGreater(len(set(spoilt)), 100)
        self.proxy.heal()
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            self.assertEqual(self.ask(connection), b"")
        self.assertEqual(self.ask(self.connect()), b"0123456789")

    def test_server_that_is_gone_ends_connections(self):
        with FaultProxy(("127.0.0.1", 1)) as proxy, socket.create_connection(proxy.address, 5) as connection:
            with contextlib.suppress(ConnectionResetError):
                self.assertEqual(connection.recv(1), b"")


if __name__ == "__main__":
    unittest.main()
