# SPDX-License-Identifier: Apache-2.0
"""Bad input straight to the socket, worse than any web server would let through."""
import fastcgi
from fastcgi import BEGIN, PARAMS, STDIN, pairs, record
from programs import eventually, memory_kb
from raw_case import RawCase


def content_length(value):
    params = fastcgi.cgi_params("POST", "/mirror", CONTENT_LENGTH=value)
    return fastcgi.begin(True) + fastcgi.stream(PARAMS, pairs(params)) + fastcgi.stream(STDIN, b"12345")


def wrong_params(content, *, end=True):
    return fastcgi.begin(True) + record(PARAMS, content) + (record(PARAMS) + record(STDIN) if end else b"")


class BadInput(RawCase):
    """Each is answered with a 4xx or the connection is closed, leaves a line in the log, and the next request is fine."""

    def check(self, data, statuses=range(400, 500)):
        mark = len(self.app.log())
        connection = self.connect()
        status = None
        if connection.send_what_it_takes(data):
            try:
                status = connection.answer().status
                self.assertIn(status, statuses)
            except (fastcgi.Closed, ConnectionResetError):
                pass
        eventually(lambda: self.app.lines_since(mark), "a line in the log", 1)
        self.assert_serves()
        return status

    def check_all(self, cases, statuses=range(400, 500)):
        for name, data in cases.items():
            with self.subTest(name):
                self.check(data, statuses)

    def test_malformed_records(self):
        self.check_all({
            "no FastCGI": b"GET / HTTP/1.0\r\n\r\n",
            "another version": bytes([2]) + fastcgi.begin()[1:],
            "short begin": record(BEGIN, b"\0\1\0") + record(PARAMS),
            "long begin": record(BEGIN, bytes([0, 1, 0]) + bytes(100)) + record(PARAMS),
            "body before params": fastcgi.begin() + record(STDIN, b"x"),
            "params after their end": fastcgi.head("GET", "/hello", keep=True) + record(PARAMS, b"x"),
            "body after its end": fastcgi.head("GET", "/slow?ms=200", keep=True) + record(STDIN) + record(STDIN, b"x"),
            "begin twice": fastcgi.begin() + fastcgi.begin(),
            "answer from the wrong side": fastcgi.begin() + record(fastcgi.STDOUT, b"x"),
            "begin for nobody": record(BEGIN, bytes([0, 1, 0, 0, 0, 0, 0, 0]), 0),
        })

    def test_truncated_params(self):
        self.check_all({
            "name longer than the rest": wrong_params(b"\x0e\x04REQUEST"),
            "value longer than the rest": wrong_params(b"\x04\x7fNAMEvalue"),
            "length of 2 GiB": wrong_params(b"\xff\xff\xff\xff\xff\xff\xff\xffNAME"),
            "length cut off": wrong_params(b"\x80\x00"),
            "one byte": wrong_params(b"\x01"),
            "none": wrong_params(pairs([("X", "y")])),
        })

    def test_wrong_content_length(self):
        for value in ("6", "4", "1000000", "-1", "+5", "5 5", "0x5", "five", "5,5", "99999999999999999999999"):
            with self.subTest(value):
                self.assertIsNotNone(self.check(content_length(value), (400, 413)))

    def test_wrong_content_length_of_a_streamed_body(self):
        for announced in (4, 6):
            with self.subTest(announced):
                before = self.app.counts()["uploads_broken"]
                answer = self.app.ask("POST", "/upload", b"12345", CONTENT_LENGTH=str(announced))
                self.assertGreaterEqual(answer.status, 400)
                self.assertGreaterEqual(self.app.counts()["uploads_broken"], before)
                self.assert_serves()

    def test_broken_escapes(self):
        for target in ("/%", "/%4", "/%zz", "/echo?x=%", "/echo?%4x=1"):
            with self.subTest(target):
                self.assertEqual(self.check(fastcgi.request("GET", target)), 400)

    def test_nul(self):
        cases = {
            "path": fastcgi.request("GET", "/a\0b"), "escaped in the path": fastcgi.request("GET", "/a%00b"),
            "query": fastcgi.request("GET", "/echo?a=\0"), "escaped in the query": fastcgi.request("GET", "/echo?a=%00"),
            "field": fastcgi.request("GET", "/hello", fields=[("X", "a\0b")]), "method": fastcgi.request("GE\0T", "/hello"),
            "field name": fastcgi.request("GET", "/hello", **{"HTTP_A\0B": "x"}),
        }
        for name, data in cases.items():
            with self.subTest(name):
                self.assertEqual(self.check(data), 400)

    def test_way_out_of_the_tree(self):
        for target in ("/../etc/passwd", "/echo/../../../etc/passwd", "/%2e%2e/%2E./etc/passwd", "/..", "/echo/%2e%2e%2fx/../../.."):
            with self.subTest(target):
                answer = self.app.ask("GET", target)
                self.assertIn(answer.status, (400, 404))
        self.assert_serves()

    def test_not_a_path(self):
        for target in ("hello", "", "?x"):
            with self.subTest(target):
                answer = self.app.ask("GET", target, SCRIPT_NAME=None)
                self.assertIn(answer.status, (400, 404))

    def test_not_a_method(self):
        for method in ("", "GE T", "GET\r\n", "G(T"):
            with self.subTest(method):
                self.assertEqual(self.check(fastcgi.request(method, "/hello")), 400)

    def test_url_of_a_megabyte(self):
        for target in ("/echo/" + "a" * (1 << 20), "/echo?" + "a" * (1 << 20)):
            self.check(fastcgi.request("GET", target), (414, 431))

    def test_ten_thousand_fields(self):
        for fields in ([("X-%d" % number, "v") for number in range(10000)], [("X-Same", "v")] * 10000):
            self.check(fastcgi.request("GET", "/echo", fields=fields), (431,))

    def test_ten_thousand_query_pairs(self):
        self.assertEqual(self.check(fastcgi.request("GET", "/echo?" + "&".join(f"a{number}=1" for number in range(10000)))), 400)

    def test_60_mb_of_params(self):
        before = memory_kb(self.app.pid, "RssAnon")
        field = record(PARAMS, pairs([("HTTP_X", "x" * 60000)]))
        self.check(fastcgi.begin() + field * 1000 + record(PARAMS) + record(STDIN), (431,))
        self.assertLess(memory_kb(self.app.pid, "RssAnon") - before, 10 << 10)
