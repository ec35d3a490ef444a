# SPDX-License-Identifier: Apache-2.0
"""FastCGI straight to the socket: what the specification asks for beyond plain requests, what no web server sends, and peers that are slow."""
import time
import unittest

import fastcgi
import http_client
from fastcgi import BEGIN, END, GET_VALUES, GET_VALUES_RESULT, PARAMS, STDIN, UNKNOWN_TYPE, pairs, record
from programs import App, eventually, folder, memory_kb, parse_echo

app = None
slow_app = None
DEADLINE_MS = 400


def setUpModule():
    global app, slow_app
    app = unittest.enterModuleContext(App(unittest.enterModuleContext(folder())))
    slow_app = unittest.enterModuleContext(App(unittest.enterModuleContext(folder()), head_ms=DEADLINE_MS, body_ms=DEADLINE_MS,
                                               send_ms=DEADLINE_MS, idle_ms=DEADLINE_MS))


def hello_head(keep=True, request_id=1, target="/hello", method="GET", **more):
    """A request up to the end of its params."""
    return fastcgi.begin(keep, request_id=request_id) + fastcgi.stream(
        PARAMS, pairs(fastcgi.cgi_params(method, target, **more)), request_id)


class Raw(unittest.TestCase):
    def connect(self, timeout=5, to=None):
        connection = (to or app).connect(timeout)
        self.addCleanup(connection.close)
        return connection

    def assert_hello(self, answer):
        self.assertEqual((answer.status, answer.body), (200, b"hello\n"))
        self.assertEqual((answer.app_status, answer.protocol_status), (0, fastcgi.REQUEST_COMPLETE))

    def assert_serves(self):
        self.assert_hello(app.ask("GET", "/hello"))

    def assert_refused(self, connection, request_id, why):
        kind, of, content = connection.record()
        self.assertEqual((kind, of, content[4]), (END, request_id, why))


class Connections(Raw):
    def test_kept_connection_serves_one_request_after_the_other(self):
        connection = self.connect()
        for request_id in (1, 1, 2, 65535):
            self.assert_hello(connection.ask("GET", "/hello", keep=True, request_id=request_id))

    def test_connection_that_is_not_kept_is_closed_after_the_answer(self):
        connection = self.connect()
        self.assert_hello(connection.ask("GET", "/hello"))
        self.assertTrue(connection.is_closed())

    def test_padding_is_skipped(self):
        connection = self.connect()
        body = b"".join(http_client.pattern(3000))
        params = pairs(fastcgi.cgi_params("POST", "/mirror", body_length=3000))
        connection.send(fastcgi.begin(True) + fastcgi.stream(PARAMS, params, padding=255)
                        + fastcgi.stream(STDIN, body, piece=100, padding=7))
        self.assertEqual(connection.answer().body, body)
        self.assert_hello(connection.ask("GET", "/hello", keep=True))

    def test_request_byte_by_byte(self):
        connection = self.connect()
        for byte in fastcgi.request("PUT", "/mirror", b"body", keep=True):
            connection.send(bytes([byte]))
        self.assertEqual(connection.answer().body, b"body")

    def test_params_in_records_of_one_byte(self):
        connection = self.connect()
        params = pairs(fastcgi.cgi_params("GET", "/echo?a=1", [("X-Long", "x" * 300)]))
        connection.send(fastcgi.begin() + fastcgi.stream(PARAMS, params, piece=1) + record(STDIN))
        seen = parse_echo(connection.answer().body)
        self.assertEqual((seen["pairs"], ("x-long", "x" * 300) in seen["fields"]), ([("a", "1")], True))

    def test_repeated_request_fields_are_all_seen(self):
        answer = app.ask("GET", "/echo", fields=[("X-Repeated", "one"), ("X-Repeated", ""), ("X-Repeated", "two")])
        lines = [value for name, value in parse_echo(answer.body)["fields"] if name == "x-repeated"]
        self.assertEqual(lines, ["one", "", "two"])

    def test_records_of_other_requests_are_ignored(self):
        connection = self.connect()
        connection.send(record(STDIN, b"stray", 9) + hello_head() + record(PARAMS, b"stray", 9) + record(fastcgi.ABORT, b"", 9)
                        + record(STDIN, b"", 9) + record(STDIN))
        self.assert_hello(connection.answer())

    def test_data_records_are_ignored(self):
        connection = self.connect()
        connection.send(hello_head() + record(fastcgi.DATA, b"data") + record(fastcgi.DATA) + record(STDIN))
        self.assert_hello(connection.answer())

    def test_rest_of_a_refused_body_is_skipped(self):
        connection = self.connect()
        connection.send(hello_head(target="/small", method="POST", body_length=5000) + record(STDIN, bytes(2000)))
        self.assertEqual(connection.answer().status, 413)
        if connection.send_what_it_takes(record(STDIN, bytes(3000)) + record(STDIN) + fastcgi.request("GET", "/hello", keep=True)):
            try:
                self.assert_hello(connection.answer())
            except fastcgi.Closed:  # the other right thing to do
                pass
        self.assert_serves()


class Management(Raw):
    def ask(self, connection, names):
        connection.send(record(GET_VALUES, pairs((name, "") for name in names), 0))
        kind, request_id, content = connection.record()
        self.assertEqual((kind, request_id), (GET_VALUES_RESULT, 0))
        return dict(fastcgi.parse_pairs(content))

    def test_get_values(self):
        values = self.ask(self.connect(), ["FCGI_MPXS_CONNS", "FCGI_MAX_CONNS", "FCGI_MAX_REQS", "FCGI_UNHEARD_OF"])
        self.assertEqual(values.pop("FCGI_MPXS_CONNS"), "0")
        self.assertLessEqual(set(values), {"FCGI_MAX_CONNS", "FCGI_MAX_REQS"})
        self.assertTrue(all(int(value) > 0 for value in values.values()))

    def test_get_values_with_one_name_six_times(self):
        self.assertEqual(self.ask(self.connect(), ["FCGI_MPXS_CONNS"] * 6), {"FCGI_MPXS_CONNS": "0"})
        self.assert_serves()

    def test_get_values_with_thousands_of_names(self):
        self.assertEqual(self.ask(self.connect(), ["FCGI_MPXS_CONNS"] * 3800), {"FCGI_MPXS_CONNS": "0"})

    def test_get_values_without_names(self):
        self.assertEqual(self.ask(self.connect(), []), {})

    def test_get_values_whose_pairs_do_not_fit(self):
        connection = self.connect()
        connection.send(record(GET_VALUES, b"\x0f\x00FCGI_M", 0))
        self.assertTrue(connection.is_closed())
        self.assert_serves()

    def test_get_values_between_and_within_requests(self):
        connection = self.connect()
        for request_id in (1, 2):
            self.assertEqual(self.ask(connection, ["FCGI_MPXS_CONNS"]), {"FCGI_MPXS_CONNS": "0"})
            connection.send(hello_head(request_id=request_id))
            self.assertEqual(self.ask(connection, ["FCGI_MPXS_CONNS"]), {"FCGI_MPXS_CONNS": "0"})
            connection.send(record(STDIN, b"", request_id))
            self.assert_hello(connection.answer(request_id))

    def test_unknown_type(self):
        connection = self.connect()
        for kind in (12, 77, 255):
            connection.send(record(kind, b"whatever", 0))
            got, request_id, content = connection.record()
            self.assertEqual((got, request_id, content[0]), (UNKNOWN_TYPE, 0, kind))
        self.assert_hello(connection.ask("GET", "/hello"))

    def test_peer_that_asks_and_never_reads(self):
        connection = self.connect(timeout=5)
        connection.socket.setblocking(False)
        question = record(77, b"", 0) * 1000
        try:
            for _ in range(2000):
                connection.socket.send(question)
        except (BlockingIOError, BrokenPipeError, ConnectionResetError):
            pass
        else:
            self.fail("16 MB of questions were taken without one answer read")
        self.assert_serves()


class Requests(Raw):
    def test_unknown_roles_are_refused(self):
        connection = self.connect()
        for role in (fastcgi.AUTHORIZER, fastcgi.FILTER, 0, 77):
            connection.send(fastcgi.begin(True, role))
            self.assert_refused(connection, 1, fastcgi.UNKNOWN_ROLE)
        self.assert_hello(connection.ask("GET", "/hello"))

    def test_second_request_at_a_time_is_refused(self):
        connection = self.connect()
        connection.send(hello_head() + fastcgi.begin(True, request_id=2))
        self.assert_refused(connection, 2, fastcgi.CANNOT_MULTIPLEX)
        connection.send(record(STDIN))
        self.assert_hello(connection.answer())

    def test_abort_before_the_body(self):
        connection = self.connect()
        connection.send(hello_head(target="/mirror", method="POST", body_length=1000) + record(fastcgi.ABORT))
        self.assertEqual(connection.answer().protocol_status, fastcgi.REQUEST_COMPLETE)
        self.assert_hello(connection.ask("GET", "/hello", request_id=2))

    def test_abort_in_the_middle_of_the_body(self):
        for target in ("/mirror", "/upload", "/upload/loop"):
            with self.subTest(target):
                connection = self.connect()
                connection.send(hello_head(target=target, method="POST", body_length=1000) + record(STDIN, bytes(10))
                                + record(fastcgi.ABORT))
                connection.answer()
                self.assert_hello(connection.ask("GET", "/hello", request_id=2))

    def test_abort_while_the_handler_runs(self):
        connection = self.connect()
        connection.send(hello_head(target="/slow?ms=300") + record(STDIN))
        time.sleep(0.1)  # for the handler to have begun
        connection.send(record(fastcgi.ABORT))
        connection.answer()
        self.assert_hello(connection.ask("GET", "/hello", request_id=2))

    def test_abort_during_the_answer(self):
        before = app.counts()["sources_closed"]
        connection = self.connect()
        connection.send(hello_head(target="/download?bytes=1000000000") + record(STDIN))
        connection.receive(100000)
        connection.send(record(fastcgi.ABORT))
        eventually(lambda: app.counts()["sources_closed"] == before + 1, "the source is closed")
        self.assert_serves()

    def test_peers_that_leave_at_every_point(self):
        whole = fastcgi.request("POST", "/mirror", b"body", keep=True)
        for end in range(0, len(whole), 7):
            with app.connect() as connection:
                connection.send(whole[:end])
        self.assert_serves()


def content_length(value):
    params = fastcgi.cgi_params("POST", "/mirror", CONTENT_LENGTH=value)
    return fastcgi.begin(True) + fastcgi.stream(PARAMS, pairs(params)) + fastcgi.stream(STDIN, b"12345")


def wrong_params(content, *, end=True):
    return fastcgi.begin(True) + record(PARAMS, content) + (record(PARAMS) + record(STDIN) if end else b"")


class BadInput(Raw):
    """Each is answered with a 4xx or the connection is closed, leaves a line in the log, and the next request is fine."""

    def check(self, data, statuses=range(400, 500)):
        mark = len(app.log())
        connection = self.connect()
        status = None
        if connection.send_what_it_takes(data):
            try:
                status = connection.answer().status
                self.assertIn(status, statuses)
            except (fastcgi.Closed, ConnectionResetError):
                pass
        eventually(lambda: app.lines_since(mark), "a line in the log", 1)
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
            "params after their end": hello_head() + record(PARAMS, b"x"),
            "body after its end": hello_head(target="/slow?ms=200") + record(STDIN) + record(STDIN, b"x"),
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
                before = app.counts()["uploads_broken"]
                answer = app.ask("POST", "/upload", b"12345", CONTENT_LENGTH=str(announced))
                self.assertGreaterEqual(answer.status, 400)
                self.assertGreaterEqual(app.counts()["uploads_broken"], before)
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
        for target in ("/../etc/passwd", "/echo/../../../etc/passwd", "/%2e%2e/%2E./etc/passwd", "/..", "/echo/%2e%2e%2f%2e%2e%2fx/../../.."):
            with self.subTest(target):
                answer = app.ask("GET", target)
                self.assertIn(answer.status, (400, 404))
        self.assert_serves()

    def test_not_a_path(self):
        for target in ("hello", "", "?x"):
            with self.subTest(target):
                answer = app.ask("GET", target, SCRIPT_NAME=None)
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
        before = memory_kb(app.pid, "RssAnon")
        field = record(PARAMS, pairs([("HTTP_X", "x" * 60000)]))
        self.check(fastcgi.begin() + field * 1000 + record(PARAMS) + record(STDIN), (431,))
        self.assertLess(memory_kb(app.pid, "RssAnon") - before, 10 << 10)


class Deadlines(Raw):
    """Half-sent requests, dripping peers and readers that do not read: each is cut off, and nobody else notices."""

    def connect(self, timeout=5, to=None):
        return super().connect(timeout, to or slow_app)

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
        for head in (b"\1", fastcgi.begin()[:12], fastcgi.begin(), hello_head()[:-8]):
            with self.subTest(len(head)):
                connection = self.connect()
                started = time.monotonic()
                connection.send(head)
                self.assert_cut_off(connection, started)

    def test_half_a_body(self):
        for target in ("/mirror", "/upload", "/upload/loop"):
            with self.subTest(target):
                connection = self.connect()
                connection.send(hello_head(keep=False, target=target, method="POST", body_length=1000) + record(STDIN, bytes(10)))
                started = time.monotonic()
                self.assertEqual(connection.answer().status, 408)
                self.assert_cut_off(connection, started)

    def test_dripping_head(self):
        started = time.monotonic()
        connection = self.connect()
        self.assertTrue(self.drip(connection, hello_head(**{"HTTP_X": "x" * 1000})))
        self.assertGreater(time.monotonic() - started, DEADLINE_MS / 1000 * 0.9)

    def test_dripping_body(self):
        connection = self.connect()
        connection.send(hello_head(target="/mirror", method="POST", body_length=1000, keep=False))
        self.assertTrue(self.drip(connection, b"".join(record(STDIN, b"x") for _ in range(1000))))

    def test_reader_that_does_not_read(self):
        for target in ("/download", "/download/loop"):
            with self.subTest(target):
                before = slow_app.counts()["sources_closed"]
                connection = self.connect()
                connection.send(hello_head(target=f"{target}?bytes=1000000000") + record(STDIN))
                eventually(lambda before=before: slow_app.counts()["sources_closed"] == before + 1, "the source is closed")
                self.assertTrue(connection.is_closed())

    def test_kept_connection_without_a_request(self):
        connection = self.connect()
        self.assert_hello(connection.ask("GET", "/hello", keep=True))
        started = time.monotonic()
        self.assert_cut_off(connection, started)

    def test_each_cut_leaves_a_line_in_the_log(self):
        mark = len(slow_app.log())
        connection = self.connect()
        connection.send(hello_head()[:-8])
        self.assertTrue(connection.is_closed())
        self.assertEqual(len(slow_app.lines_since(mark)), 1)

    def test_others_are_served_meanwhile(self):
        slow = [self.connect() for _ in range(200)]
        for number, connection in enumerate(slow):
            connection.send(hello_head()[:number % 60 + 1])
        with slow_app.connect(2) as connection:
            for _ in range(50):
                self.assert_hello(connection.ask("GET", "/hello", keep=True))
        for connection in slow:
            self.assertTrue(connection.is_closed())
