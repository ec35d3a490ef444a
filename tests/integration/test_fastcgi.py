# SPDX-License-Identifier: Apache-2.0
"""FastCGI straight to the socket: what the specification asks for beyond plain requests, and what no web server sends."""
import concurrent.futures
import time

import fastcgi
import http_client
from fastcgi import END, GET_VALUES, GET_VALUES_RESULT, PARAMS, STDIN, UNKNOWN_TYPE, pairs, record
from programs import eventually, parse_echo
from raw_case import RawCase


class Connections(RawCase):
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
        connection.send(fastcgi.begin(True) + record(PARAMS, params, padding=255) + record(PARAMS, padding=8)
                        + record(STDIN, body[:1000], padding=7) + record(STDIN, body[1000:], padding=1) + record(STDIN, padding=200))
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
        answer = self.app.ask("GET", "/echo", fields=[("X-Repeated", "one"), ("X-Repeated", ""), ("X-Repeated", "two")])
        lines = [value for name, value in parse_echo(answer.body)["fields"] if name == "x-repeated"]
        self.assertEqual(lines, ["one", "", "two"])

    def test_records_of_other_requests_are_ignored(self):
        connection = self.connect()
        stray = record(PARAMS, b"stray", 9) + record(fastcgi.ABORT, b"", 9) + record(STDIN, b"", 9)
        connection.send(stray + fastcgi.head("GET", "/hello", keep=True) + stray + record(STDIN))
        self.assert_hello(connection.answer())

    def test_data_records_are_ignored(self):
        connection = self.connect()
        connection.send(fastcgi.head("GET", "/hello", keep=True) + record(fastcgi.DATA, b"data") + record(fastcgi.DATA) + record(STDIN))
        self.assert_hello(connection.answer())

    def test_rest_of_a_refused_body_is_skipped(self):
        connection = self.connect()
        connection.send(fastcgi.head("POST", "/small", keep=True, body_length=5000) + record(STDIN, bytes(2000)))
        self.assertEqual(connection.answer().status, 413)
        if connection.send_what_it_takes(record(STDIN, bytes(3000)) + record(STDIN) + fastcgi.request("GET", "/hello", keep=True)):
            try:
                self.assert_hello(connection.answer())
            except fastcgi.Closed:  # the other right thing to do
                pass
        self.assert_serves()


class Backpressure(RawCase):
    def upload(self, data):
        with self.app.connect(10) as connection:
            connection.send(data)
            return connection.answer().body

    def test_uploads_in_small_records_never_stall(self):
        """Loop and handler thread stop and wake each other some 10,000 times here: a wake-up that gets lost is a request that hangs."""
        size = 8 << 20
        data = fastcgi.head("POST", "/upload", body_length=size) + fastcgi.stream(
            STDIN, b"".join(http_client.pattern(size)), piece=2000)
        with concurrent.futures.ThreadPoolExecutor(2) as clients:
            self.assertEqual(set(clients.map(self.upload, [data] * 200)), {b"%d right\n" % size})


class Management(RawCase):
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
            connection.send(fastcgi.head("GET", "/hello", keep=True, request_id=request_id))
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


class Requests(RawCase):
    def assert_refused(self, connection, request_id, why):
        kind, of, content = connection.record()
        self.assertEqual((kind, of, content[4]), (END, request_id, why))

    def test_unknown_roles_are_refused(self):
        connection = self.connect()
        for role in (fastcgi.AUTHORIZER, fastcgi.FILTER, 0, 77):
            connection.send(fastcgi.begin(True, role))
            self.assert_refused(connection, 1, fastcgi.UNKNOWN_ROLE)
        self.assert_hello(connection.ask("GET", "/hello"))

    def test_second_request_at_a_time_is_refused(self):
        connection = self.connect()
        connection.send(fastcgi.head("GET", "/hello", keep=True) + fastcgi.begin(True, request_id=2))
        self.assert_refused(connection, 2, fastcgi.CANNOT_MULTIPLEX)
        connection.send(record(STDIN))
        self.assert_hello(connection.answer())

    def test_abort_before_the_body(self):
        connection = self.connect()
        connection.send(fastcgi.head("POST", "/mirror", keep=True, body_length=1000) + record(fastcgi.ABORT))
        self.assertEqual(connection.answer().protocol_status, fastcgi.REQUEST_COMPLETE)
        self.assert_hello(connection.ask("GET", "/hello", request_id=2))

    def test_abort_in_the_middle_of_the_body(self):
        for target in ("/mirror", "/upload", "/upload/loop"):
            with self.subTest(target):
                connection = self.connect()
                connection.send(fastcgi.head("POST", target, keep=True, body_length=1000) + record(STDIN, bytes(10))
                                + record(fastcgi.ABORT))
                connection.answer()
                self.assert_hello(connection.ask("GET", "/hello", request_id=2))

    def test_abort_while_the_handler_runs(self):
        connection = self.connect()
        connection.send(fastcgi.head("GET", "/slow?ms=300", keep=True) + record(STDIN))
        time.sleep(0.1)  # for the handler to have begun
        connection.send(record(fastcgi.ABORT))
        connection.answer()
        self.assert_hello(connection.ask("GET", "/hello", request_id=2))

    def test_abort_during_the_answer(self):
        before = self.app.counts()["sources_closed"]
        connection = self.connect()
        connection.send(fastcgi.head("GET", "/download?bytes=1000000000", keep=True) + record(STDIN))
        connection.receive(100000)
        connection.send(record(fastcgi.ABORT))
        eventually(lambda: self.app.counts()["sources_closed"] == before + 1, "the source is closed")
        self.assert_serves()

    def test_peers_that_leave_at_every_point(self):
        whole = fastcgi.request("POST", "/mirror", b"body", keep=True)
        for end in range(0, len(whole), 7):
            with self.app.connect() as connection:
                connection.send(whole[:end])
        self.assert_serves()


def content_length(value):
    params = fastcgi.cgi_params("POST", "/mirror", CONTENT_LENGTH=value)
    return fastcgi.begin(True) + fastcgi.stream(PARAMS, pairs(params)) + fastcgi.stream(STDIN, b"12345")


def wrong_params(content, *, end=True):
    return fastcgi.begin(True) + record(PARAMS, content) + (record(PARAMS) + record(STDIN) if end else b"")
