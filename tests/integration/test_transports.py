# SPDX-License-Identifier: Apache-2.0
"""weir's own transport and the one on libfcgi against each other: the same bytes in give the same answers out."""
import unittest

import fastcgi
import http_client
from fastcgi import PARAMS, STDIN, pairs, record
from programs import App, folder, has_libfcgi

own = None
reference = None


def setUpModule():
    global own, reference
    if not has_libfcgi():
        raise unittest.SkipTest("weir was built without libfcgi")
    own = unittest.enterModuleContext(App(unittest.enterModuleContext(folder())))
    reference = unittest.enterModuleContext(App(unittest.enterModuleContext(folder()), "--transport", "libfcgi"))


def cut(method, target, body=b"", *, piece=fastcgi.RECORD_MAX, padding=0, fields=(), **more):
    """A request whose records are cut otherwise than usual. libfcgi does not skip the padding of a record that ends a stream."""
    params = pairs(fastcgi.cgi_params(method, target, fields, len(body) if body else None, **more))
    return (fastcgi.begin() + fastcgi.stream(PARAMS, params, piece=piece, padding=padding)
            + fastcgi.stream(STDIN, body, piece=piece, padding=padding))


class Transports(unittest.TestCase):
    def exchange(self, app, data):
        """What came back: output, errors and the end of the request; None for a connection closed without."""
        with app.connect() as connection:
            connection.send_what_it_takes(data)  # an answer may come before all is sent
            try:
                answer = connection.answer()
            except (fastcgi.Closed, ConnectionResetError):
                return None
            return answer.output, answer.errors, answer.app_status, answer.protocol_status

    def assert_same(self, *requests, answered=True):
        for number, data in enumerate(requests):
            with self.subTest(number):
                one, other = self.exchange(own, data), self.exchange(reference, data)
                self.assertEqual(one, other)
                self.assertEqual(one is not None, answered)

    def test_methods(self):
        self.assert_same(*(fastcgi.request(method, "/echo") for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "BREW")),
                         fastcgi.request("OPTIONS", "/mirror"), fastcgi.request("DELETE", "/hello"), fastcgi.request("GET", "/nowhere"))

    def test_fields(self):
        self.assert_same(fastcgi.request("GET", "/fields"), fastcgi.request("GET", "/fail"),
                         fastcgi.request("GET", "/echo", fields=[("X-Repeated", "one"), ("X-Repeated", "two"), ("Cookie", "a=b")]))

    def test_encodings(self):
        for target in ("/echo/%c3%a9?x=%20", "/echo/é", "/echo/a/../b", "/echo/%2e%2e/x", "/echo/%zz", "/echo?x=%zz", "/../..", "/"):
            self.assert_same(fastcgi.request("GET", target))
        self.assert_same(fastcgi.request("GET", "/echo/%00", SCRIPT_NAME=None))  # NUL would end the variable in C

    def test_bodies(self):
        for size in (0, 1, 8191, 8192, 8193, 65535, 65536, 1 << 20):
            body = b"".join(http_client.pattern(size))
            self.assert_same(fastcgi.request("POST", "/mirror", body), fastcgi.request("POST", "/upload", body),
                             fastcgi.request("GET", f"/download?bytes={size}"), fastcgi.request("GET", f"/download?bytes={size}&unknown=1"),
                             fastcgi.request("POST", "/ignore", body[:1000]), fastcgi.request("POST", "/small", body))

    def test_records_cut_otherwise(self):
        body = b"".join(http_client.pattern(2000))
        for piece, padding in ((1, 0), (7, 1), (100, 255), (8192, 8)):
            self.assert_same(cut("POST", "/mirror", body, piece=piece, padding=padding),
                             cut("GET", "/echo?a=b", piece=piece, padding=padding, fields=[("X-Long", "x" * 500)]))

    def test_cache(self):
        """With a lifetime that does not count down between the two."""
        target = "/cached/default"
        self.assert_same(*[fastcgi.request("GET", target)] * 3, fastcgi.request("HEAD", target),
                         fastcgi.request("GET", target, fields=[("If-None-Match", "*")]),
                         fastcgi.request("GET", target, fields=[("Cache-Control", "no-cache")]))

    def test_wrong_lengths(self):
        for value in ("4", "6", "-1", "five"):
            params = fastcgi.cgi_params("POST", "/mirror", CONTENT_LENGTH=value)
            self.assert_same(fastcgi.begin() + fastcgi.stream(PARAMS, pairs(params)) + fastcgi.stream(STDIN, b"12345"))

    def test_over_the_limits(self):
        self.assert_same(fastcgi.request("GET", "/echo", fields=[(f"X-{number}", "v") for number in range(300)]),
                         fastcgi.request("GET", "/echo?" + "&".join(f"a{number}" for number in range(2000))),
                         fastcgi.request("POST", "/ignore", bytes(2 << 20)))

    def test_unknown_role(self):
        self.assert_same(fastcgi.begin(role=fastcgi.AUTHORIZER) + fastcgi.stream(PARAMS, pairs(fastcgi.cgi_params()))
                         + record(STDIN))

    def test_repeated_management_records_harm_neither(self):
        question = record(fastcgi.GET_VALUES, pairs([("FCGI_MPXS_CONNS", "")] * 6), 0)
        for app in (own, reference):
            for data in (question, question + fastcgi.request("GET", "/hello"), record(77, b"", 0)):
                with app.connect() as connection:
                    connection.send_what_it_takes(data)
            self.assertEqual(app.ask("GET", "/hello").body, b"hello\n")

    def test_injection_reaches_neither(self):
        forged = fastcgi.request("GET", "/admin", keep=True, REMOTE_USER="root")
        for app in (own, reference):
            for alignment in range(16):
                with app.connect() as connection:
                    connection.send_what_it_takes(fastcgi.request("POST", "/small", bytes(alignment) + forged * 60, keep=True))
                    self.assertEqual(connection.answer().status, 413)
            self.assertEqual(app.counts()["admin"], 0)
