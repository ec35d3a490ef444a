# SPDX-License-Identifier: Apache-2.0
"""HTTP as a client sees it, through every web server and every way of connecting it: methods, fields, encodings, errors, conditionals."""
import json
import unittest

import http_client
from programs import ALL_FRONTS, WITHOUT_LENGTH, Site, over, parse_echo

site = None


def setUpModule():
    global site
    site = unittest.enterModuleContext(Site())


class Front:
    def ask(self, method, target, fields=(), body=None, **more):
        return http_client.request(site.addresses[self.front], method, target, fields, body, **more)

    def echo(self, method, target, fields=(), body=None):
        response = self.ask(method, target, fields, body)
        self.assertEqual(response.status, 200, response.body)
        return parse_echo(response.body)

    def assert_problem(self, response, status):
        self.assertEqual(response.status, status)
        self.assertEqual(response.field("Content-Type"), "application/problem+json")
        self.assertEqual(json.loads(response.body)["status"], status)

    def assert_serves(self):
        self.assertEqual(self.ask("GET", "/hello").body, b"hello\n")


def methods_of(allow):
    return {name.strip() for name in allow.split(",")}


@over(*ALL_FRONTS)
class Methods(Front):
    def test_known_methods_reach_the_handler(self):
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH"):
            with self.subTest(method):
                self.assertEqual(self.echo(method, "/echo")["method"], method)

    def test_unknown_method_reaches_a_handler_that_takes_it(self):
        self.assertEqual(self.echo("BREW", "/echo")["method"], "BREW")

    def test_unknown_method_is_405_elsewhere(self):
        self.assert_problem(self.ask("BREW", "/hello"), 405)

    def test_wrong_method_is_405_with_allow(self):
        response = self.ask("DELETE", "/hello")
        self.assert_problem(response, 405)
        self.assertEqual(methods_of(response.field("Allow")), {"GET", "HEAD", "OPTIONS"})

    def test_options_is_answered_with_allow(self):
        response = self.ask("OPTIONS", "/mirror")
        self.assertIn(response.status, (200, 204))
        self.assertEqual(methods_of(response.field("Allow")), {"POST", "PUT", "PATCH", "OPTIONS"})
        self.assertEqual(response.body, b"")

    def test_unknown_path_is_404(self):
        self.assert_problem(self.ask("GET", "/nowhere"), 404)

    def test_failing_handler_is_500(self):
        self.assert_problem(self.ask("GET", "/fail"), 500)

    def test_head_is_get_without_the_body(self):
        for target, size in (("/hello", "6"), ("/download?bytes=1000", "1000")):
            with self.subTest(target):
                get, head = self.ask("GET", target), self.ask("HEAD", target)
                self.assertEqual((head.status, head.body), (200, b""))
                self.assertEqual(head.field("Content-Length"), None if self.front in WITHOUT_LENGTH else size)
                self.assertEqual(comparable(head), comparable(get))


def comparable(response):
    """The fields, but for those of one connection or moment, and how long the body is, which Apache finds out for itself."""
    own = ("date", "connection", "keep-alive", "content-length", "transfer-encoding")
    return sorted((name.lower(), value) for name, value in response.fields if name.lower() not in own)


@over(*ALL_FRONTS)
class Bodies(Front):
    def test_body_at_the_limit_passes_and_over_it_is_413(self):
        self.assertEqual(self.ask("POST", "/small", body=bytes(1000)).status, 200)
        self.assert_problem(self.ask("POST", "/small", body=bytes(1001)), 413)
        for size in (100000, 5 << 20):
            self.assert_problem(self.ask("POST", "/small", body=bytes(size)), 413)
        self.assert_serves()

    def test_json_goes_round(self):
        text = '{"name":"Zoë","list":[1,2.5,null],"nested":{"true":true}}'
        response = self.ask("POST", "/json", [("Content-Type", "application/json")], text.encode())
        self.assertEqual((response.status, response.body.decode()), (200, text))
        self.assertEqual(response.field("Content-Type"), "application/json")

    def test_broken_json_is_400(self):
        self.assert_problem(self.ask("POST", "/json", [("Content-Type", "application/json")], b'{"a":1,}'), 400)

    def test_body_that_the_handler_ignores_is_no_harm(self):
        for target in ("/ignore", "/ignore/stream"):
            with self.subTest(target):
                self.assertEqual(self.ask("POST", target, body=bytes(200000)).body, b"hello\n")
        self.assert_serves()


@over(*ALL_FRONTS)
class Fields(Front):
    def test_repeated_request_fields_arrive_in_order(self):
        seen = self.echo("GET", "/echo", [("X-Repeated", "one"), ("X-Other", "between"), ("X-Repeated", "two")])
        self.assertEqual(seen["joined"], "one, two")
        lines = [value for name, value in seen["fields"] if name == "x-repeated"]
        self.assertEqual(", ".join(lines), "one, two")

    def test_proxy_field_is_never_shown(self):
        seen = self.echo("GET", "/echo", [("Proxy", "http://evil.example/")])
        self.assertNotIn("proxy", [name for name, _ in seen["fields"]])

    def test_host_is_the_one_that_was_sent(self):
        self.assertEqual(self.echo("GET", "/echo", [("Host", "Shop.Example")])["host"], "shop.example")

    def test_repeated_response_fields_arrive_in_order(self):
        response = self.ask("GET", "/fields")
        self.assertEqual(response.all("Set-Cookie"), ["first=1; Path=/; HttpOnly", "second=2; Secure"])
        self.assertEqual(", ".join(response.all("X-Repeated")), "one, two, three, one")

    def test_internal_redirect_of_the_web_server_is_out_of_reach(self):
        response = self.ask("GET", "/fields")
        self.assertEqual((response.status, response.body), (200, b"fields\n"))
        self.assertIsNone(response.field("X-Accel-Redirect"))


@over(*ALL_FRONTS)
class Encodings(Front):
    def test_percent_encoded_path(self):
        seen = self.echo("GET", "/echo/%c3%a9/%7Ea%20b")
        self.assertEqual(seen["param"], "é/~a b")
        self.assertEqual(seen["path"], "/echo/%C3%A9/~a%20b")

    def test_encoded_percent_sign_is_decoded_once(self):
        """mod_proxy refuses it, so there is nothing to see behind it."""
        response = self.ask("GET", "/echo/%2541")
        if response.status == 400 and self.front in ("apache", "apache_kept"):
            return
        self.assertEqual(parse_echo(response.body)["param"], "%41")

    def test_utf8_in_the_path(self):
        self.assertEqual(self.echo("GET", "/echo/é/日本")["param"], "é/日本")

    def test_query_is_decoded(self):
        seen = self.echo("GET", "/echo?x=%C3%A9&y=a+b%26c&z&x=2&&=empty")
        self.assertEqual(seen["pairs"], [("x", "é"), ("y", "a b&c"), ("z", ""), ("x", "2"), ("", "empty")])

    def test_query_stays_as_it_was_sent(self):
        self.assertEqual(self.echo("GET", "/echo?x=%c3%A9&y=a+b")["query"], "x=%c3%A9&y=a+b")

    def test_app_is_mounted_at_the_root(self):
        self.assertEqual(self.echo("GET", "/echo/a")["mount"], "")

    def test_dot_segments_are_gone_before_routing(self):
        self.assertEqual(self.echo("GET", "/hello/../echo/a/./b/../c")["path"], "/echo/a/c")

    def test_broken_escape_is_400(self):
        for target in ("/echo/%zz", "/echo?x=%zz", "/echo?x=%4"):
            with self.subTest(target):
                self.assertEqual(self.ask("GET", target).status, 400)
        self.assert_serves()

    def test_nul_is_refused(self):
        for target in ("/echo/%00", "/echo?x=%00"):
            with self.subTest(target):
                self.assertIn(self.ask("GET", target).status, (400, 404))
        self.assert_serves()


@over(*ALL_FRONTS)
class Conditionals(Front):
    target = "/cached?modified=1"

    def etag(self):
        return self.ask("GET", self.target).field("ETag")

    def assert_not_modified(self, fields):
        response = self.ask("GET", self.target, fields)
        self.assertEqual((response.status, response.body), (304, b""))
        self.assertEqual(response.field("ETag"), self.etag())
        self.assertTrue(response.field("Cache-Control").startswith("max-age="))

    def assert_sent(self, fields):
        response = self.ask("GET", self.target, fields)
        self.assertEqual(response.status, 200)
        self.assertTrue(response.body.startswith(b"value "))

    def test_etag_is_strong_and_quoted(self):
        self.assertRegex(self.etag(), r'^"[^"]+"$')

    def test_if_none_match_that_matches_is_304(self):
        etag = self.etag()
        for value in (etag, f'"x", {etag}', f"W/{etag}", f'W/"y" ,{etag},"z"', "*"):
            with self.subTest(value):
                self.assert_not_modified([("If-None-Match", value)])

    def test_if_none_match_that_does_not_is_200(self):
        for value in ('"x"', self.etag().strip('"'), '"' + self.etag().strip('"')[:-1] + '"'):
            with self.subTest(value):
                self.assert_sent([("If-None-Match", value)])

    def test_if_modified_since(self):
        self.assert_not_modified([("If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT")])
        self.assert_not_modified([("If-Modified-Since", "Mon, 07 Nov 1994 08:49:37 GMT")])
        self.assert_sent([("If-Modified-Since", "Sun, 06 Nov 1994 08:49:36 GMT")])
        self.assert_sent([("If-Modified-Since", "yesterday")])

    def test_if_none_match_wins_over_if_modified_since(self):
        self.assert_sent([("If-None-Match", '"x"'), ("If-Modified-Since", "Mon, 07 Nov 1994 08:49:37 GMT")])

    def test_head_is_conditional_too(self):
        response = self.ask("HEAD", self.target, [("If-None-Match", self.etag())])
        self.assertEqual((response.status, response.body), (304, b""))
