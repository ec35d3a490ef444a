# SPDX-License-Identifier: Apache-2.0
"""The showcase as it is shipped, behind each of the configurations that are shipped with it, and on each backend: every route does what
its table says."""
import concurrent.futures
import datetime
import itertools
import json
import time
import unittest

import http_client
from cache_servers import Dynalite, Memcached, Redis, RedisCluster, patient_url
from programs import SHOWCASE, App, Shipped, eventually, folder, store

NEVER = 31536000
HEADER = "X-Weir-Cache"


class Stack:
    """The showcase and a web server before it, started for each class; with a server of its own behind it where there is a `backend`."""

    backend = None

    @classmethod
    def setUpClass(cls):
        home = cls.enterClassContext(folder())
        if cls.config in ("nginx.conf", "apache.conf"):
            cls.settings = cls.environment()
            cls.enterClassContext(App(home, binary=SHOWCASE, env=cls.settings))
            cls.server = cls.enterClassContext(Shipped(home, cls.config))
        else:
            cls.server = cls.enterClassContext(Shipped(home, cls.config, cls.enterClassContext(store())[0]))

    @classmethod
    def environment(cls):
        if not cls.backend:
            return {}
        server = cls.enterClassContext(cls.backend(cls.enterClassContext(folder())))
        return {"WEIR_CACHE_BACKEND": patient_url(server), **getattr(server, "ENVIRONMENT", {})}

    def ask(self, method, target, fields=()):
        response = http_client.request(self.server.address, method, target, fields)
        response.json = json.loads(response.body) if response.body else None
        return response

    def get(self, target, *fields):
        return self.ask("GET", target, fields)

    def clear(self):
        return self.get("/clear").json


class Answers(Stack):
    """What holds in every configuration."""

    def test_answers(self):
        for target, expected in (
                ("/", {"ret": 1}), ("/sync-me", 42), ("/cache_response_obj", {"a": 1}), ("/cache_response_obj_typed", {"a": 1}),
                ("/method", 17), ("/kwargs?name=Jon", {"name": "Jon"}), ("/cached_put", {"value": 1}),
                ("/cached_with_bypass", {"value": 1}),
                ("/pydantic_instance", {"name": "Something", "description": "An instance of a Pydantic model", "price": 10.5, "tax": None}),
                ("/namespaced_injection", {"__fastapi_cache_request": 42, "__fastapi_cache_response": 17})):
            with self.subTest(target):
                response = self.get(target)
                self.assertEqual((response.status, response.json), (200, expected))
                self.assertEqual(response.field("Content-Type"), "application/json")

    def test_no_other_routes(self):
        for method, target, status in (("GET", "/other", 404), ("GET", "/date/", 404), ("GET", "/uncached_put", 405),
                                       ("PUT", "/cached_put", 405), ("POST", "/clear", 405)):
            with self.subTest(f"{method} {target}"):
                self.assertEqual(self.ask(method, target).status, status)

    def test_date_is_midnight(self):
        text = self.get("/date").json
        self.assertRegex(text, r"^\d{4}-\d\d-\d\dT00:00:00\+00:00$")
        date = datetime.datetime.fromisoformat(text)
        self.assertLess(datetime.datetime.now(datetime.timezone.utc) - date, datetime.timedelta(days=1, seconds=20))

    def test_datetime_is_now(self):
        answer = self.get("/datetime").json
        self.assertEqual(list(answer), ["now"])
        self.assertRegex(answer["now"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+[+-]\d\d:\d\d$")
        now = datetime.datetime.fromisoformat(answer["now"])
        self.assertLess(abs(datetime.datetime.now(datetime.timezone.utc) - now), datetime.timedelta(seconds=20))

    def test_uncached_put_has_no_cache_header(self):
        response = self.ask("PUT", "/uncached_put")
        self.assertEqual(list(response.json), ["value"])
        for name in (HEADER, "Cache-Status", "Cache-Control", "ETag"):
            self.assertIsNone(response.field(name))

    def test_cached_put_again_with_its_etag_is_304(self):
        etag = self.get("/cached_put").field("ETag")
        response = self.get("/cached_put", ("If-None-Match", etag))
        self.assertEqual((response.status, response.body, response.field("ETag")), (304, b"", etag))

    def test_kwargs_has_no_cache_header(self):
        response = self.get("/kwargs?name=Jon")
        for name in (HEADER, "Cache-Status", "Cache-Control", "ETag"):
            self.assertIsNone(response.field(name))

    def test_flag_that_is_none_is_422(self):
        for word in ("maybe", "2", "-1", "tru", "true%20", ""):
            with self.subTest(word):
                self.assertEqual(self.get(f"/cached_with_ctx?update_expire={word}").status, 422)


class Cached(Answers):
    """What holds where the cache lives on from request to request."""

    def test_answers(self):
        """Counters have moved on here: only that the others stand still."""
        for target, expected in (("/sync-me", 42), ("/cache_response_obj", {"a": 1}), ("/method", 17), ("/kwargs?name=é", {"name": "é"})):
            with self.subTest(target):
                self.assertEqual(self.get(target.replace("é", "%C3%A9")).json, expected)

    def assert_miss_then_hit(self, target, max_age):
        self.clear()
        miss, hit = self.get(target), self.get(target)
        self.assertEqual((miss.field(HEADER), hit.field(HEADER)), ("MISS", "HIT"))
        self.assertEqual((hit.status, hit.body, hit.field("ETag")), (miss.status, miss.body, miss.field("ETag")))
        self.assertEqual(miss.field("Cache-Control"), f"max-age={max_age}")
        self.assertIn(int(hit.field("Cache-Control").removeprefix("max-age=")), range(max_age - 2, max_age + 1))

    def test_lifetimes(self):
        for target, max_age in (("/", 10), ("/date", 10), ("/datetime", 2), ("/sync-me", NEVER), ("/cache_response_obj", 5),
                                ("/cache_response_obj_typed", 5), ("/method", NEVER), ("/pydantic_instance", 5), ("/cached_put", 5),
                                ("/cached_with_bypass", 5), ("/cached_with_ctx", 3600), ("/namespaced_injection", 5)):
            with self.subTest(target):
                self.assert_miss_then_hit(target, max_age)

    def test_clear_counts_and_clears(self):
        self.clear()
        self.assertEqual(self.clear(), 0)
        for target in ("/sync-me", "/method", "/cached_with_ctx"):
            self.get(target)
        self.assertEqual(self.clear(), 3)
        self.assertEqual(self.get("/sync-me").field(HEADER), "MISS")

    def test_clear_says_a_bare_number(self):
        response = self.get("/clear")
        self.assertRegex(response.body, rb"^[0-9]+$")
        self.assertEqual(response.field("Content-Type"), "application/json")
        self.assertIsNone(response.field(HEADER))

    def test_functions_are_entries(self):
        self.clear()
        self.get("/")
        self.assertEqual(self.clear(), 2)
        for name in ("a", "b", "a"):
            self.get(f"/kwargs?name={name}")
        self.assertEqual(self.clear(), 2)

    def test_datetime_stands_still_for_two_seconds(self):
        """Real time: the app's clock is the machine's."""
        self.clear()
        begin = time.monotonic()
        now = self.get("/datetime").json
        same = self.get("/datetime")
        if time.monotonic() - begin < 2:
            self.assertEqual((same.field(HEADER), same.json), ("HIT", now))
        eventually(lambda: self.get("/datetime").json != now, "another time")
        self.assertGreaterEqual(time.monotonic() - begin, 1.9)

    def test_cached_with_bypass_does_not(self):
        self.clear()
        value = self.get("/cached_with_bypass").json["value"]
        for directive in ("no-cache", "no-store", "max-age=0"):
            response = self.get("/cached_with_bypass", ("Cache-Control", directive))
            self.assertEqual((response.field(HEADER), response.json["value"]), ("HIT", value))

    def test_flag_decides_the_lifetime(self):
        self.clear()
        for word in ("1", "true", "t", "on", "yes", "y", "TRUE", "True", "T", "On", "YES", "Y"):
            with self.subTest(word):
                age = self.get(f"/cached_with_ctx?update_expire={word}").field("Cache-Control")
                self.assertIn(int(age.removeprefix("max-age=")), range(3580, 3601))
        for word in ("0", "false", "f", "off", "no", "n", "FALSE", "False", "F", "Off", "NO", "N"):
            with self.subTest(word):
                self.assertEqual(self.get(f"/cached_with_ctx?update_expire={word}").field("Cache-Control"), f"max-age={NEVER}")

    def ask_at_once(self, targets):
        with concurrent.futures.ThreadPoolExecutor(len(targets)) as clients:
            return list(clients.map(self.get, targets))

    def test_three_at_once_run_it_once(self):
        self.clear()
        answers = self.ask_at_once(["/cached_with_lock"] * 3)
        self.assertEqual({answer.status for answer in answers}, {200})
        self.assertEqual(sorted(answer.field(HEADER) for answer in answers), ["HIT", "HIT", "MISS"])
        self.assertEqual(len({answer.json["value"] for answer in answers}), 1)
        self.assertEqual({answer.field("Cache-Control") for answer in answers}, {f"max-age={NEVER}"})


class Counted(Cached):
    """What holds where the process lives on, too."""

    def anew(self, target):
        return self.get(target, ("Cache-Control", "no-cache")).json

    def test_function_has_a_lifetime_of_its_own(self):
        """The page is made anew at every try, and the number in it once a second. Real time: the app's clock is the machine's."""
        self.clear()
        begin = time.monotonic()
        number = self.get("/").json["ret"]
        self.assertEqual(self.get("/").json, {"ret": number})
        again = self.anew("/")
        if time.monotonic() - begin < 1:
            self.assertEqual(again, {"ret": number})
        eventually(lambda: self.anew("/") != {"ret": number}, "another run")
        self.assertGreaterEqual(time.monotonic() - begin, 0.9)
        self.assertEqual(self.get("/").json, {"ret": number + 1})

    def test_flag_counts(self):
        self.clear()
        first = self.get("/cached_with_ctx").json["value"]
        self.assertEqual(self.get("/cached_with_ctx").json["value"], first)
        self.assertEqual(self.anew("/cached_with_ctx")["value"], first + 1)

    def test_uncached_put_counts_up(self):
        first, second = self.ask("PUT", "/uncached_put"), self.ask("PUT", "/uncached_put")
        self.assertEqual(second.json["value"], first.json["value"] + 1)

    def test_cached_put_obeys_the_request(self):
        self.clear()
        value = self.get("/cached_put").json["value"]
        anew = self.get("/cached_put", ("Cache-Control", "no-cache"))
        self.assertEqual((anew.field(HEADER), anew.json["value"]), ("MISS", value + 1))
        self.assertEqual(self.get("/cached_put").json["value"], value + 1)
        past = self.get("/cached_put", ("Cache-Control", "no-store"))
        self.assertEqual((past.field(HEADER), past.json["value"]), (None, value + 2))
        self.assertEqual(self.get("/cached_put").json["value"], value + 1)


class BehindNginx(Counted, unittest.TestCase):
    config = "nginx.conf"


class Remote(Counted):
    """What holds where the cache is a server's."""

    config = "nginx.conf"

    def test_another_app_has_the_same_cache(self):
        """Asked for by another Host, which has no part in the key of a function."""
        self.clear()
        made = self.get("/cached_with_ctx")
        with folder() as home, App(home, binary=SHOWCASE, env=self.settings) as other:
            found = other.ask("GET", "/cached_with_ctx")
            self.assertEqual((found.field(HEADER), found.body), ("HIT", made.body))
            self.assertEqual(other.ask("GET", "/clear").body, b"1")
        self.assertEqual(self.get("/cached_with_ctx").field(HEADER), "MISS")


class BehindNginxOnRedis(Remote, unittest.TestCase):
    backend = Redis


class BehindNginxOnRedisCluster(Remote, unittest.TestCase):
    backend = RedisCluster


class BehindNginxOnMemcached(Remote, unittest.TestCase):
    backend = Memcached


class BehindNginxOnDynamoDB(Remote, unittest.TestCase):
    backend = Dynalite


class BehindApache(Counted, unittest.TestCase):
    config = "apache.conf"


class BehindModFcgid(Cached, unittest.TestCase):
    """Each process has one request at a time, so that many at once are in many processes."""

    config = "apache-fcgid.conf"
    processes = 8  # which the configuration allows

    def start_processes(self):
        """mod_fcgid takes its time, and wants twice the load, to start them all. What a process runs first has the value 1."""
        self.clear()
        rounds, seen = itertools.count(), []

        def all_have_answered():
            answers = self.ask_at_once([f"/cached_with_lock?start={next(rounds)}.{number}" for number in range(2 * self.processes)])
            self.assertEqual({answer.status for answer in answers}, {200})
            seen.extend(answer for answer in answers if answer.json["value"] == 1)
            return len(seen) >= self.processes
        eventually(all_have_answered, f"{self.processes} processes", 20)

    def test_eight_processes_have_one_cache(self):
        self.start_processes()
        self.clear()
        targets = [f"/cached_with_lock?number={number}" for number in range(self.processes)]
        made = self.ask_at_once(targets)
        self.assertEqual({answer.field(HEADER) for answer in made}, {"MISS"})
        for _ in range(3):
            found = self.ask_at_once(targets)
            self.assertEqual([(answer.field(HEADER), answer.field("ETag")) for answer in found],
                             [("HIT", answer.field("ETag")) for answer in made])
        self.assertEqual(self.clear(), self.processes)
        herd = self.ask_at_once(["/cached_with_lock"] * self.processes)
        self.assertEqual(sorted(answer.field(HEADER) for answer in herd), ["HIT"] * (self.processes - 1) + ["MISS"])
        self.assertEqual(len({answer.body for answer in herd}), 1)


class AsCgiProgram(Cached, unittest.TestCase):
    config = "apache-cgi.conf"
    test_answers = Answers.test_answers

    def test_process_is_new_each_time(self):
        for _ in range(2):
            self.assertEqual(self.ask("PUT", "/uncached_put").json["value"], 1)
