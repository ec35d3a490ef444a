# SPDX-License-Identifier: Apache-2.0
"""What users get wrong about the server of a remote backend: its URL, whether it is there, the password. What an app says about it names
what is allowed and never the password, and an app whose server will not have it serves all the same.

The same of DynamoDB's keys is in test_dynamodb.py.
"""
import contextlib
import subprocess
import unittest

from cache_servers import Dynalite, Redis, RedisCluster, need_module, wait_until_cached
from programs import TEST_APP, App, environment, folder, free_port

TIMEOUTS = ("connect_timeout_ms", "read_timeout_ms", "total_timeout_ms")
REDIS_OPTIONS = ("clear", "db", "prefix", "read", "tls", "tls_ca", "tls_cert", "tls_key", *TIMEOUTS)
MEMCACHED_OPTIONS = ("prefix", *TIMEOUTS)
DYNAMODB_OPTIONS = ("region", "profile", "endpoint", "create", "consistent", "ttl_attribute", "connections", *TIMEOUTS)

WRONG, RIGHT = "wr0ng-secret", "r1ght-secret"
BACK_S = 5   # from the server's change of mind to hits


def check(url):
    """What --check says: (exit status, its words)."""
    checked = subprocess.run([TEST_APP, "--check"], env=environment({"WEIR_CACHE_BACKEND": url, **Dynalite.ENVIRONMENT}),
                             stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=20, check=False)
    return checked.returncode, checked.stderr


class Urls(unittest.TestCase):
    """Exit status 2 and one line, whether or not there is a server: none of these is ever asked."""

    @classmethod
    def setUpClass(cls):
        for name in ("redis", "memcached", "dynamodb"):
            need_module(name)

    def assert_refused(self, url, *words):
        with self.subTest(url):
            status, said = check(url)
            self.assertEqual((status, len(said.splitlines())), (2, 1), said)
            for word in ("WEIR_CACHE_BACKEND: ", *words):
                self.assertIn(word, said)

    def test_unknown_scheme_names_those_that_are_there(self):
        known = "memory, shm, dynamodb, memcached, redis"
        for scheme in ("rediss", "memcache", "dynamo", "mysql"):
            self.assert_refused(f"{scheme}://127.0.0.1", f'no driver for the scheme "{scheme}"; known: {known}')

    def test_unknown_variant_names_those_that_are_there(self):
        for url, known in (("redis+sentinel://127.0.0.1", "redis, redis+unix, redis+cluster"),
                           ("memcached+tls://127.0.0.1", "memcached, memcached+unix"), ("dynamodb+dax://weir", "dynamodb")):
            self.assert_refused(url, f'no driver for the scheme "{url.partition(":")[0]}"; known: {known}')

    def test_unknown_option_names_those_that_are_there(self):
        for url, known in (("redis://127.0.0.1", REDIS_OPTIONS), ("redis+unix:///nowhere", REDIS_OPTIONS),
                           ("redis+cluster://127.0.0.1", REDIS_OPTIONS), ("memcached://127.0.0.1", MEMCACHED_OPTIONS),
                           ("memcached+unix:///nowhere", MEMCACHED_OPTIONS), ("dynamodb://weir", DYNAMODB_OPTIONS)):
            self.assert_refused(f"{url}?colour=red", f'{url.partition(":")[0]}: no option "colour"; known: ', *known)

    def test_impossible_value_is_told_with_what_is_allowed(self):
        for url, *words in (("redis://127.0.0.1?read_timeout_ms=soon", "read_timeout_ms", "soon", "1 to 60000"),
                            ("redis://127.0.0.1?clear=all", "clear", "all", "clock, lua, scan"),
                            ("redis+cluster://127.0.0.1?db=1", "db", "0, in a cluster"),
                            ("memcached://127.0.0.1?total_timeout_ms=0", "total_timeout_ms", "0", "1 to 60000"),
                            ("memcached://127.0.0.1*0", "weight", "1 to 1000"),
                            ("dynamodb://weir?region=a&create=perhaps", "create", "perhaps", "true, false"),
                            ("dynamodb://weir?region=a&connections=many", "connections", "many", "1 to ")):
            self.assert_refused(url, *words)

    def test_address_that_is_none_is_told_with_what_one_looks_like(self):
        for url, form in (("redis://", "host[:port][/db]"), ("redis://127.0.0.1:99999", "host[:port][/db]"),
                          ("redis+unix:", "/path/of/socket"), ("redis+cluster://127.0.0.1/1", "host[:port],host[:port]"),
                          ("memcached://", "memcached://10.0.0.1:11211"), ("memcached://127.0.0.1:99999", "1 to 65535"),
                          ("memcached+unix://x", "memcached+unix:///run/memcached.sock"), ("dynamodb:", "dynamodb://TABLE"),
                          ("dynamodb://weir?region=a&endpoint=ftp://x", "http://HOST:PORT")):
            self.assert_refused(url, form)

    def test_password_in_a_wrong_url_is_not_told(self):
        for url in (f"redis://:{WRONG}@127.0.0.1:99999", f"redis://:{WRONG}@127.0.0.1?colour=red",
                    f"redis+cluster://user:{WRONG}@127.0.0.1/1", f"memcached://user:{WRONG}@127.0.0.1",
                    f"dynamodb://key:{WRONG}@weir?region=a", f"dynamodb://weir?region=a&endpoint=http://key:{WRONG}@127.0.0.1", WRONG):
            self.assert_refused(url)
            self.assertNotIn(WRONG, check(url)[1])

    def test_memcached_has_no_passwords(self):
        self.assert_refused(f"memcached://user:{WRONG}@127.0.0.1", "takes no user and no password")


class Case(unittest.TestCase):
    def setUp(self):
        self.stack = self.enterContext(contextlib.ExitStack())

    def start(self, url):
        env = {"WEIR_CACHE_BACKEND": url, "WEIR_CACHE_STATUS_HEADER": "X-Weir-Cache", **Dynalite.ENVIRONMENT}
        return self.stack.enter_context(App(self.stack.enter_context(folder()), env=env))

    def assert_serves_without_cache(self, app):
        for _ in range(3):
            answer = app.ask("GET", "/cached?hot=1")
            self.assertEqual((answer.status, answer.field("X-Weir-Cache")), (200, "MISS"))
        self.assertIn("nothing is cached until it answers", app.log())


class NotThere(Case):
    """Nobody at that address, from the start."""

    def test_check_fails_and_apps_start(self):
        host, port = free_port()
        for name, url in (("redis", f"redis://{host}:{port}"), ("redis", "redis+unix:///nowhere/at/all"),
                          ("redis", f"redis+cluster://{host}:{port},{host}:{port - 1}"), ("memcached", f"memcached://{host}:{port}"),
                          ("memcached", "memcached+unix:///nowhere/at/all"),
                          ("dynamodb", f"dynamodb://weir?region=eu-west-1&endpoint=http://{host}:{port}")):
            with self.subTest(url):
                need_module(name)
                status, said = check(url)
                self.assertEqual(status, 1)
                self.assertRegex(said, f"{name}.*(refused|connect|No such file)")
                self.assert_serves_without_cache(self.start(url))

    def test_cluster_that_comes_later(self):
        cluster = self.stack.enter_context(RedisCluster(self.stack.enter_context(folder())))
        cluster.kill()
        app = self.start(cluster.url())
        self.assert_serves_without_cache(app)
        self.assertEqual(check(cluster.url())[0], 1)
        cluster.start_again()
        wait_until_cached(lambda: app.ask("GET", "/cached?hot=1"), BACK_S)
        self.assertIn("answers again", app.log())
        self.assertEqual(check(cluster.url())[0], 0)


class Password:
    """A wrong one is not told, and the app is cached as soon as it is the right one. `server_class` has set_password()."""

    def setUp(self):
        super().setUp()
        self.server = self.stack.enter_context(self.server_class(self.stack.enter_context(folder())))
        self.set_password(RIGHT)

    def set_password(self, password):
        before = ["-a", RIGHT, "--no-auth-warning"] if password != RIGHT else []
        self.server.say(*before, "CONFIG", "SET", "requirepass", password)

    def test_wrong_one(self):
        for user, words in ((f":{WRONG}@", "refuses user or password"), (f"nobody:{RIGHT}@", "refuses user or password"),
                            ("", "wants a password")):
            with self.subTest(user):
                status, said = check(self.server.url(user=user))
                self.assertEqual(status, 1)
                self.assertIn(words, said)
                app = self.start(self.server.url(user=user))
                self.assert_serves_without_cache(app)
                self.assertIn(words, app.log())
                self.assertNotRegex(said + app.log(), f"{WRONG}|{RIGHT}")

    def test_right_one(self):
        self.assertEqual(check(self.server.url(user=f":{RIGHT}@"))[0], 0)
        app = self.start(self.server.url(user=f"default:{RIGHT}@"))
        wait_until_cached(lambda: app.ask("GET", "/cached?hot=1"))

    def test_wrong_one_that_becomes_right(self):
        app = self.start(self.server.url(user=f":{WRONG}@"))
        self.assert_serves_without_cache(app)
        self.set_password(WRONG)
        wait_until_cached(lambda: app.ask("GET", "/cached?hot=1"), BACK_S)
        self.assertNotIn(WRONG, app.log())


class PasswordOfRedis(Password, Case):
    server_class = Redis


class PasswordOfRedisCluster(Password, Case):
    server_class = RedisCluster


if __name__ == "__main__":
    unittest.main()
