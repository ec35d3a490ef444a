# SPDX-License-Identifier: Apache-2.0
"""The cache as clients and operators see it. The logic of time is unit-tested with a clock that tests turn; here little time passes."""
import itertools
import time
import unittest

import http_client
from programs import SERVED_BY_APP, WITHOUT_LENGTH, App, Site, eventually, folder, over

site = None
numbers = itertools.count(1)


def setUpModule():
    global site
    site = unittest.enterModuleContext(Site())


def fresh(more=""):
    """A target that nobody asked for before."""
    return f"/cached?number={next(numbers)}{more}"


class Cache:
    """`ask` is the front's, or straight to the socket."""

    header = "X-Weir-Cache"

    def assert_is(self, response, outcome):
        self.assertEqual(response.status, 200)
        self.assertEqual(response.field(self.header), outcome)

    def max_age(self, response):
        name, _, seconds = response.field("Cache-Control").partition("=")
        self.assertEqual(name, "max-age")
        return int(seconds)


@over(*SERVED_BY_APP, "apache_fcgid")
class BehindAWebServer(Cache):
    def ask(self, method, target, fields=()):
        return http_client.request(site.addresses[self.front], method, target, fields)

    def test_second_answer_comes_from_the_cache(self):
        target = fresh()
        miss, hit = self.ask("GET", target), self.ask("GET", target)
        self.assert_is(miss, "MISS")
        self.assert_is(hit, "HIT")
        self.assertEqual((hit.body, hit.field("ETag"), hit.field("Content-Type")),
                         (miss.body, miss.field("ETag"), miss.field("Content-Type")))
        self.assertEqual(self.max_age(miss), 60)
        self.assertIn(self.max_age(hit), (59, 60))

    def test_head_is_answered_from_the_entry_of_get(self):
        target = fresh()
        get, head = self.ask("GET", target), self.ask("HEAD", target)
        self.assert_is(head, "HIT")
        self.assertEqual((head.body, head.field("ETag"), head.field("Content-Length")),
                         (b"", get.field("ETag"), None if self.front in WITHOUT_LENGTH else str(len(get.body))))

    def test_hosts_do_not_share(self):
        target = fresh()
        self.assert_is(self.ask("GET", target, [("Host", "one.example")]), "MISS")
        self.assert_is(self.ask("GET", target, [("Host", "two.example")]), "MISS")
        self.assert_is(self.ask("GET", target, [("Host", "ONE.example")]), "HIT")

    def test_order_of_the_query_does_not_matter(self):
        target = fresh()
        self.assert_is(self.ask("GET", target + "&a=1&b=%7E"), "MISS")
        self.assert_is(self.ask("GET", target.replace("?", "?b=~&") + "&a=%31"), "HIT")
        self.assert_is(self.ask("GET", target + "&a=2&b=~"), "MISS")

    def test_streamed_answer_is_stored_too(self):
        target = f"/cached/download?bytes=300000&number={next(numbers)}"
        body = b"".join(http_client.pattern(300000))
        miss = self.ask("GET", target)
        self.assert_is(miss, "MISS")
        # The client may have the last byte before the app knows that it was the last.
        eventually(lambda: self.ask("GET", target).field(self.header) == "HIT", "a HIT")
        self.assertEqual((miss.body == body, self.ask("GET", target).body == body), (True, True))

    def test_broken_stream_is_not_stored(self):
        target = f"/cached/download?bytes=300000&fail_at=200000&number={next(numbers)}"
        for _ in range(2):
            response = self.ask("GET", target)
            self.assertFalse(response.complete)
            self.assertEqual(response.field(self.header), "MISS")


class Directives(Cache, unittest.TestCase):
    def ask(self, method, target, fields=(), **more):
        return site.app.ask(method, target, fields=fields, **more)

    def test_no_cache_runs_the_handler_and_stores_anew(self):
        for field in ("no-cache", "No-Cache", "max-age=0", "no-cache, max-age=0"):
            with self.subTest(field):
                target = fresh()
                old = self.ask("GET", target)
                new = self.ask("GET", target, [("Cache-Control", field)])
                self.assert_is(new, "MISS")
                self.assertNotEqual(new.body, old.body)
                hit = self.ask("GET", target)
                self.assert_is(hit, "HIT")
                self.assertEqual(hit.body, new.body)

    def test_pragma_counts_only_without_cache_control(self):
        target = fresh()
        self.assert_is(self.ask("GET", target), "MISS")
        self.assert_is(self.ask("GET", target, [("Pragma", "no-cache")]), "MISS")
        self.assert_is(self.ask("GET", target, [("Pragma", "no-cache"), ("Cache-Control", "max-age=100")]), "HIT")

    def test_no_store_goes_past_the_cache(self):
        for field in ("no-store", "No-Store"):
            with self.subTest(field):
                target = fresh()
                response = self.ask("GET", target, [("Cache-Control", field)])
                self.assertEqual((response.status, response.field(self.header)), (200, None))
                self.assert_is(self.ask("GET", target), "MISS")

    def test_other_methods_go_past_the_cache(self):
        target = fresh()
        for _ in range(2):
            response = self.ask("POST", target)
            self.assertEqual((response.status, response.field(self.header)), (200, None))
        self.assert_is(self.ask("GET", target), "MISS")

    def test_head_is_not_stored(self):
        target = fresh()
        self.ask("HEAD", target)
        self.assert_is(self.ask("GET", target), "MISS")

    def test_answer_that_sets_a_cookie_is_never_stored(self):
        target = fresh("&cookie=1")
        first, second = self.ask("GET", target), self.ask("GET", target)
        for response in (first, second):
            self.assertNotEqual(response.field(self.header), "HIT")
            self.assertEqual(response.field("Set-Cookie"), "session=secret")
        self.assertNotEqual(first.body, second.body)

    def test_answers_for_somebody_are_not_shared(self):
        for name, value in (("Authorization", "Basic YTpi"), ("Cookie", "session=secret")):
            with self.subTest(name):
                target = fresh()
                private = self.ask("GET", target, [(name, value)])
                again = self.ask("GET", target, [(name, value)])
                public = self.ask("GET", target)
                self.assertEqual(len({private.body, again.body, public.body}), 3)
                self.assertNotEqual(again.field(self.header), "HIT")
                self.assert_is(public, "MISS")

    def test_status_and_fields_come_back_with_the_body(self):
        target = fresh("&status=404&modified=1")
        miss, hit = self.ask("GET", target), self.ask("GET", target)
        self.assertEqual((hit.field(self.header), hit.status, hit.body), ("HIT", 404, miss.body))
        self.assertEqual(hit.field("Last-Modified"), "Sun, 06 Nov 1994 08:49:37 GMT")

    def test_expire_0_in_the_context_stores_nothing(self):
        target = fresh("&expire=0")
        self.assertNotEqual(self.ask("GET", target).body, self.ask("GET", target).body)

    def test_time_passes(self):
        """Sleeps a little over a second: the only test that waits for a real clock to show that it is one."""
        long, short = fresh(), fresh("&expire=1")
        for target in (long, short):
            self.assert_is(self.ask("GET", target), "MISS")
        time.sleep(1.2)
        hit = self.ask("GET", long)
        self.assert_is(hit, "HIT")
        self.assertIn(self.max_age(hit), (58, 59))
        self.assert_is(self.ask("GET", short), "MISS")

    def test_web_server_cannot_configure_the_cache(self):
        target = fresh()
        params = {"WEIR_CACHE_ENABLE": "false", "WEIR_CACHE_STATUS_HEADER": "X-Evil", "WEIR_CACHE_EXPIRE": "1"}
        miss = self.ask("GET", target, **params)
        self.assert_is(miss, "MISS")
        self.assertEqual((self.max_age(miss), miss.field("X-Evil")), (60, None))
        self.assert_is(self.ask("GET", target, **params), "HIT")


class Environment(Cache, unittest.TestCase):
    def twice(self, target, **env):
        with folder() as home, App(home, env=env) as app:
            return app.ask("GET", target), app.ask("GET", target)

    def test_switched_off(self):
        first, second = self.twice("/cached", WEIR_CACHE_ENABLE="false")
        self.assertNotEqual(first.body, second.body)
        for response in (first, second):
            self.assertEqual((response.status, response.field(self.header), response.field("Cache-Control")), (200, None, None))

    def test_other_name_of_the_status_header(self):
        miss, hit = self.twice("/cached", WEIR_CACHE_STATUS_HEADER="X-Found")
        self.assertEqual((miss.field("X-Found"), hit.field("X-Found"), hit.field(self.header)), ("MISS", "HIT", None))

    def test_expire_is_the_default_and_a_rule_is_stronger(self):
        self.assertEqual(self.max_age(self.twice("/cached/default", WEIR_CACHE_EXPIRE="77")[0]), 77)
        self.assertEqual(self.max_age(self.twice("/cached/default", WEIR_CACHE_EXPIRE="never")[1]), 31536000)
        self.assertEqual(self.max_age(self.twice("/cached/default")[0]), 31536000)
        self.assertEqual(self.max_age(self.twice("/cached", WEIR_CACHE_EXPIRE="77")[0]), 60)

    def test_empty_means_unset(self):
        empty = {f"WEIR_CACHE_{name}": "" for name in ("ENABLE", "STATUS_HEADER", "EXPIRE", "BACKEND", "BACKEND_FILE", "PREFIX")}
        self.assert_is(self.twice("/cached", **empty)[1], "HIT")

    def test_backend_by_url_and_by_file(self):
        self.assert_is(self.twice("/cached", WEIR_CACHE_BACKEND="memory:?size=1m")[1], "HIT")
        with folder() as home:
            (home / "backend").write_text("memory:?size=1m\n")
            self.assert_is(self.twice("/cached", WEIR_CACHE_BACKEND_FILE=str(home / "backend"))[1], "HIT")
