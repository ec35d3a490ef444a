# SPDX-License-Identifier: Apache-2.0
"""Bodies of every size in both directions, cut off, aborted and many at once; and the memory that the app needs for them."""
import concurrent.futures
import socket
import struct
import unittest

import http_client
import programs
from http_client import pattern
from programs import ALL_FRONTS, SERVED_BY_APP, WITHOUT_LENGTH, Site, eventually, over

SIZES = (0, 1, 8192, 65535, 65536, 65537, 1 << 20)
HUGE = 100 << 20
MAY_GROW_KB = 20 << 10

site = None


def setUpModule():
    global site
    site = unittest.enterModuleContext(Site())


class Front:
    @property
    def address(self):
        return site.addresses[self.front]

    def get(self, target, **more):
        return http_client.get(self.address, target, **more)

    def upload(self, size, target="/upload", **more):
        return http_client.request(self.address, "POST", target, pieces=pattern(size), size=size, **more)

    def assert_uploaded(self, response, size):
        self.assertEqual((response.status, response.body.decode()), (200, f"{size} right\n"))

    def assert_downloads(self, target, size):
        response = self.get(target, read_body=False)
        self.assertEqual(response.status, 200)
        self.assertEqual((*response.read_pattern(), response.complete), (size, True, True))
        return response

    def assert_length(self, response, size):
        if self.front not in WITHOUT_LENGTH:
            self.assertEqual(response.field("Content-Length"), str(size))

    def assert_cut_off(self, target):
        """The client sees that it has not got everything: an error, or a body that ends before it should."""
        response = self.get(target, read_body=False)
        if response.status >= 500:
            response.close()
            return
        _, right = response.read_pattern()
        self.assertFalse(response.complete)
        self.assertTrue(right or self.front == "apache_fcgid")  # mod_fcgid puts an error page of Apache's at its end

    def assert_serves(self):
        self.assertEqual(self.get("/hello").body, b"hello\n")


@over(*ALL_FRONTS)
class Sizes(Front):
    def test_body_comes_back_as_it_was(self):
        for size in SIZES:
            with self.subTest(size):
                body = b"".join(pattern(size))
                response = http_client.request(self.address, "PUT", "/mirror", body=body)
                self.assertEqual((response.status, response.body == body), (200, True))
                self.assert_length(response, size)

    def test_streamed_upload(self):
        for target in ("/upload", "/upload/loop"):
            for size in SIZES:
                with self.subTest(target, size=size):
                    self.assert_uploaded(self.upload(size, target), size)

    def test_streamed_download(self):
        for target in ("/download", "/download/loop"):
            for size in SIZES:
                with self.subTest(target, size=size):
                    self.assert_length(self.assert_downloads(f"{target}?bytes={size}", size), size)

    def test_streamed_download_of_unknown_length(self):
        for target in ("/download", "/download/loop"):
            for size in (0, 1, 300000):
                with self.subTest(target, size=size):
                    self.assert_downloads(f"{target}?bytes={size}&unknown=1", size)


@over(*ALL_FRONTS)
class Chunked(Front):
    def test_streamed_upload(self):
        for target in ("/upload", "/upload/loop"):
            for size in (0, 1, 300000):
                with self.subTest(target, size=size):
                    self.assert_uploaded(self.upload(size, target, chunked=True), size)

    def test_upload_to_a_handler_that_wants_it_whole(self):
        body = b"".join(pattern(300000))
        response = http_client.request(self.address, "POST", "/mirror", pieces=[body[:7], body[7:]], chunked=True)
        self.assertEqual((response.status, response.body == body), (200, True))


class FlatMemory(Front):
    """The peak (VmHWM, which counts a page of any kind) and the heap (RssAnon) of the process that serves `front`."""

    def process(self):
        return programs.parse_counts(self.get("/counts").body)["pid"]

    def assert_flat(self, pass_body):
        self.assert_downloads("/download?bytes=1000000", 1000000)
        self.assert_uploaded(self.upload(1000000), 1000000)
        pid = self.process()
        programs.forget_peak(pid)
        before = [programs.memory_kb(pid, name) for name in ("VmHWM", "RssAnon")]
        pass_body()
        after = [programs.memory_kb(pid, name) for name in ("VmHWM", "RssAnon")]
        self.assertEqual(self.process(), pid)
        for name, was, became in zip(("VmHWM", "RssAnon"), before, after):
            self.assertLess(became - was, MAY_GROW_KB, name)

    def check_download(self, target):
        self.assert_flat(lambda: self.assert_downloads(f"{target}?bytes={HUGE}", HUGE))

    def check_upload(self, target):
        self.assert_flat(lambda: self.assert_uploaded(self.upload(HUGE, target), HUGE))


@over(*SERVED_BY_APP, "apache_fcgid")
class Huge(FlatMemory):
    def test_100_mb_down(self):
        self.check_download("/download")

    def test_100_mb_up(self):
        self.check_upload("/upload")


@over("nginx_kept", "apache")
class HugeOnTheLoop(FlatMemory):
    def test_100_mb_down(self):
        self.check_download("/download/loop")

    def test_100_mb_up(self):
        self.check_upload("/upload/loop")


@over("apache_cgi")
class HugeByCgi(Front):
    """Flat memory in CGI mode is tested where the program's end is seen: test_command_line.py."""

    def test_100_mb_both_ways(self):
        self.assert_downloads(f"/download?bytes={HUGE}", HUGE)
        self.assert_uploaded(self.upload(HUGE), HUGE)


@over(*ALL_FRONTS)
class Broken(Front):
    def test_source_that_fails_is_seen_as_cut_off(self):
        # Of a CGI program whose output it sees as a whole, Apache corrects the Content-Length.
        points = (0, 100000, 1000000) if self.front == "apache_cgi" else (0, 1, 100000, 1000000)
        for target in ("/download", "/download/loop"):
            for fail_at in points:
                with self.subTest(target, fail_at=fail_at):
                    self.assert_cut_off(f"{target}?bytes=2000000&fail_at={fail_at}")
        self.assert_serves()


# A length that nobody knew beforehand: only the connection can say that the end is not the end. CGI has no word for it, and nginx
# without fastcgi_buffering does not listen.
@over("nginx_kept", "apache_kept", "apache")
class BrokenOfUnknownLength(Front):
    def test_source_that_fails_is_seen_as_cut_off(self):
        for target in ("/download", "/download/loop"):
            for fail_at in (1, 1000000):
                with self.subTest(target, fail_at=fail_at):
                    self.assert_cut_off(f"{target}?bytes=2000000&unknown=1&fail_at={fail_at}")
        self.assert_serves()


def reset(connection):
    """Closes so that the other side sees it at once, as when a client dies."""
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@over(*SERVED_BY_APP)
class Aborts(Front):
    def setUp(self):
        self.before = site.app.counts()

    def sources_closed(self):
        now = site.app.counts()
        return now["sources_closed"] == now["sources_opened"] > self.before["sources_opened"]

    def test_client_leaves_during_the_download(self):
        for target in ("/download", "/download/loop"):
            connection = http_client.Connection(self.address)
            connection.send_head("GET", f"{target}?bytes={HUGE}")
            self.assertTrue(connection.socket.recv(100000))
            reset(connection)
        eventually(self.sources_closed, "every source is closed")
        self.assert_serves()

    def test_client_leaves_during_the_upload(self):
        for target in ("/upload", "/upload/loop", "/mirror", "/ignore/stream"):
            connection = http_client.Connection(self.address)
            connection.send_head("POST", target, [("Content-Length", str(1 << 20))])
            connection.send_pieces(pattern(500000))
            reset(connection)
        self.assert_serves()

    def test_client_leaves_before_the_answer(self):
        for _ in range(20):
            connection = http_client.Connection(self.address)
            connection.send_head("GET", "/slow?ms=50")
            reset(connection)
        self.assert_serves()


@over(*ALL_FRONTS)
class Concurrency(Front):
    def client(self, number):
        body = b"".join(pattern(1000 * number))
        mirrored = http_client.request(self.address, "POST", "/mirror", body=body)
        uploaded = self.upload(1000 * number)
        return mirrored.body == body and uploaded.body == b"%d right\n" % (1000 * number) and self.get("/slow?ms=10").body == b"slow\n"

    def test_64_clients_at_once(self):
        with concurrent.futures.ThreadPoolExecutor(64) as clients:
            self.assertEqual(list(clients.map(self.client, range(64))), [True] * 64)
