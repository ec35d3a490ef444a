# SPDX-License-Identifier: Apache-2.0
"""Multipart forms through web servers: in memory, and streamed into files that leave nothing behind unless they are kept."""
import os
import pathlib
import stat
import unittest

import http_client
import programs
from http_client import pattern
from programs import SERVED_BY_APP, Site, eventually, folder, over

BOUNDARY = "----WebKitFormBoundary7MA4YWxkTrZu0gW"
TYPE = ("Content-Type", f"multipart/form-data; boundary={BOUNDARY}")
END = f"\r\n--{BOUNDARY}--\r\n".encode()
HUGE = 50 << 20
MAY_GROW_KB = 10 << 10

site = None
saved = None  # the folder that the app saves in


def setUpModule():
    global site, saved
    saved = unittest.enterModuleContext(folder())
    site = unittest.enterModuleContext(Site(save_in=saved))


def head(name, filename=None):
    """Boundary and fields of a part, as a browser sends them; the first one's line break is preamble."""
    disposition = f'form-data; name="{name}"' + (f'; filename="{filename}"\r\nContent-Type: image/png' if filename is not None else "")
    return f"\r\n--{BOUNDARY}\r\nContent-Disposition: {disposition}\r\n\r\n".encode()


def form(*parts):
    """A form of (name, file name, contents)."""
    return b"".join(head(name, filename) + contents for name, filename, contents in parts) + END


class Front:
    @property
    def address(self):
        return site.addresses[self.front]

    def setUp(self):
        self.pid = site.app.pid
        self.assertEqual(os.listdir(saved), [])
        self.addCleanup(self.forget_files)

    def forget_files(self):
        for file in saved.iterdir():
            file.unlink()

    def post(self, target, body, fields=(TYPE,), **more):
        return http_client.request(self.address, "POST", target, fields, body=body, **more)

    def assert_refused(self, response, status, why):
        self.assertEqual(response.status, status)
        self.assertIn(why, response.body.decode())

    def unnamed_files(self):
        """Those that the app has open in the folder."""
        files = []
        for descriptor in pathlib.Path(f"/proc/{self.pid}/fd").iterdir():
            try:
                target = os.readlink(descriptor)
            except FileNotFoundError:
                continue
            if target.startswith(str(saved)):
                files.append(target)
        return files

    def assert_nothing_stays(self):
        eventually(lambda: not self.unnamed_files(), "the app has closed the files")
        self.assertEqual(os.listdir(saved), [])


@over(*SERVED_BY_APP)
class InMemory(Front):
    def test_parts_arrive(self):
        response = self.post("/form", form(("title", None, b"two\r\nlines"), ("photo", "a.png", b"\x89PNG\r\n\r\n--"), ("none", "", b"")))
        self.assertEqual((response.status, response.body), (200, b"part two%0D%0Alines\npart a.png %89PNG%0D%0A%0D%0A--\npart  \n"))

    def test_refused_with_what_and_where(self):
        one = ("n", None, b"v")
        self.assert_refused(self.post("/form", form(one), [("Content-Type", "text/plain")]), 415, "not multipart/form-data")
        self.assert_refused(self.post("/form", form(one), [("Content-Type", "multipart/form-data")]), 400, "names no boundary")
        self.assert_refused(self.post("/form", form(one)[:-6]), 400, "without its closing boundary")
        self.assert_refused(self.post("/form", form(one, one).replace(b"name", b"nome")), 400, "part 1, which begins at byte 43")
        self.assert_refused(self.post("/form", form(one, one, one, one)), 413, "too many parts (limit 3)")
        self.assert_refused(self.post("/form", form(one, ("n" * 1000, None, b""))), 413, "its fields are longer than 1000 bytes")

    def test_refusal_is_logged_once(self):
        mark = len(site.app.log())
        self.post("/form", form(("n", None, b"v"))[:-6])
        lines = [line for line in site.app.lines_since(mark) if "closing boundary" in line]
        self.assertEqual(len(lines), 1, lines)
        self.assertIn("an upload was refused with 400: the form ends at byte", lines[0])


@over(*SERVED_BY_APP)
class Saved(Front):
    def test_kept_file_is_what_was_sent(self):
        contents = b"".join(pattern(1 << 20))
        body = form(("note", None, b"a note"), ("photo", "../../etc/passwd", contents))
        response = self.post("/form/save?keep=photo", body)
        self.assertEqual((response.status, response.body), (200, b"note a%20note\nfile 1048576\n"))
        self.assertEqual(os.listdir(saved), ["photo"])
        self.assertEqual((saved / "photo").read_bytes(), contents)
        self.assertEqual(stat.S_IMODE((saved / "photo").stat().st_mode), 0o600)
        self.assertEqual(self.post("/form/save?keep=photo", form(("photo", "b", b"other"))).status, 409)
        self.assertEqual((saved / "photo").read_bytes(), contents)
        eventually(lambda: not self.unnamed_files(), "the app has closed the files")

    def test_chunked(self):
        pieces = [form(("photo", "a", b"0123456789"))[at:at + 7] for at in range(0, 400, 7)]
        response = http_client.request(self.address, "POST", "/form/save", [TYPE], pieces=pieces, chunked=True)
        self.assertEqual((response.status, response.body), (200, b"file 10\n"))

    def test_not_kept_is_not_there(self):
        self.assertEqual(self.post("/form/save", form(("a", "a", b"1"), ("b", "b", b""))).body, b"file 1\nfile 0\n")
        self.assert_nothing_stays()

    def test_handler_that_fails_leaves_nothing(self):
        self.assertEqual(self.post("/form/save?fail=1&keep=photo", form(("a", "a", b"1" * 100000))).status, 500)
        self.assert_nothing_stays()

    def test_refused_with_what_and_where(self):
        file = ("f", "f", b"x" * 200000)
        self.assert_refused(self.post("/form/save", b"x", [("Content-Type", "text/plain")]), 415, "not multipart/form-data")
        self.assert_refused(self.post("/form/save?keep=f", form(file)[:-6]), 400, "without its closing boundary")
        self.assert_refused(self.post("/form/save?keep=f", form(file), [("Content-Type", TYPE[1] + "x")]), 400, "no boundary in")
        self.assert_refused(self.post("/form/save?keep=f", form(file, file, file, file)), 413, "too many parts (limit 3)")
        self.assert_refused(self.post("/form/save?keep=f", form(file, ("note", None, b"x" * 101))), 413,
                            r"the value of \"note\" is longer than 100 bytes")
        self.assert_nothing_stays()

    def test_refused_for_the_size_of_a_part(self):
        size = (64 << 20) + 1
        pieces = [head("f", "f"), *pattern(size), END]
        response = http_client.request(self.address, "POST", "/form/save?keep=f", [TYPE], pieces=pieces, size=sum(map(len, pieces)))
        self.assert_refused(response, 413, "its contents are longer than 67108864 bytes")
        self.assert_nothing_stays()

    def test_refused_for_the_size_of_the_body(self):
        for chunked in (False, True):
            response = http_client.request(self.address, "POST", "/form/save/little?keep=f", [TYPE], chunked=chunked,
                                           pieces=[form(("f", "f", b"x" * 100000))], size=len(form(("f", "f", b"x" * 100000))))
            self.assertEqual(response.status, 413)
        self.assert_nothing_stays()


@over("nginx_kept", "nginx", "apache")
class Huge(Front):
    def test_50_mb_in_flat_memory(self):
        def upload(size):
            pieces = [head("f", "f"), *pattern(size), END]
            return http_client.request(self.address, "POST", "/form/save?keep=f", [TYPE], pieces=pieces, size=sum(map(len, pieces)))

        self.assertEqual(upload(1000000).status, 200)
        self.forget_files()
        programs.forget_peak(self.pid)
        before = [programs.memory_kb(self.pid, name) for name in ("VmHWM", "RssAnon")]
        self.assertEqual(upload(HUGE).body, b"file %d\n" % HUGE)
        after = [programs.memory_kb(self.pid, name) for name in ("VmHWM", "RssAnon")]
        for name, was, became in zip(("VmHWM", "RssAnon"), before, after):
            self.assertLess(became - was, MAY_GROW_KB, name)
        self.assertEqual((saved / "f").read_bytes(), b"".join(pattern(HUGE)))


# Only these let the app see the beginning of a body before its end.
@over("nginx", "apache", "apache_kept")
class Aborts(Front):
    def test_client_that_leaves_leaves_nothing(self):
        with http_client.Connection(self.address) as connection:
            connection.send_head("POST", "/form/save?keep=f", [TYPE, ("Content-Length", str(HUGE))])
            connection.send_pieces([head("f", "f"), *pattern(1 << 20)])
            eventually(self.unnamed_files, "the app has begun to write")
            self.assertEqual(os.listdir(saved), [])
        self.assert_nothing_stays()
        self.assertEqual(self.post("/form/save", form(("a", "a", b"1"))).body, b"file 1\n")
