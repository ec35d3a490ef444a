# SPDX-License-Identifier: Apache-2.0
"""The file of a shared-memory store as others may leave it or treat it: refused with one clear line, or replaced by a fresh one. What is
served in the end is right or comes from the handler."""
import contextlib
import itertools
import os
import random
import signal
import subprocess
import time
import unittest

import http_client
from programs import TEST_APP, App, environment, eventually, folder, store
from workers import Master

BODY = b"".join(http_client.pattern(5000))


class Case(unittest.TestCase):
    def setUp(self):
        self.stack = self.enterContext(contextlib.ExitStack())
        self.home = self.stack.enter_context(folder())
        self.url, self.file = self.stack.enter_context(store())

    def start(self, kind=App, url=None):
        home = self.stack.enter_context(folder())
        return self.stack.enter_context(kind(home, env={"WEIR_CACHE_BACKEND": url or self.url}))

    def outcome(self, app, target):
        """HIT or MISS of an answer that is right in any case."""
        answer = app.ask("GET", target)
        self.assertEqual((answer.status, answer.body == BODY), (200, True), target)
        return answer.field("X-Weir-Cache")

    def assert_caches(self, app, target="/cached/download?bytes=5000&after=1"):
        eventually(lambda: self.outcome(app, target) == "HIT", "HITs come back")


class Refused(Case):
    """Exit status 2 and one line, as for every wrong value; no socket is left."""

    def check(self, url, *expected):
        with self.subTest(url):
            done = subprocess.run([TEST_APP, "--listen", f"unix:{self.home}/app.sock"], env=environment({"WEIR_CACHE_BACKEND": url}),
                                  stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=20, check=False)
            self.assertEqual((done.returncode, len(done.stderr.splitlines())), (2, 1), done.stderr)
            for part in ("WEIR_CACHE_BACKEND", *expected):
                self.assertIn(part, done.stderr)
            self.assertFalse((self.home / "app.sock").exists())

    def test_addresses(self):
        for url in ("shm:", "shm:name", "shm:/", "shm://", "shm:///", "shm://host/name", "shm:///a/b", "shm:///..", "shm:/path/",
                    "shm:///a%20b"):
            self.check(url, "shm:///NAME", "shm:/path/to/file")
        self.check("memory:name", "memory:?size=64m")
        self.check("shared:///name", "shared")

    def test_options(self):
        for scheme in ("memory:", "shm:///never-made"):
            for size in ("0", "1023k", "65g", "99999999999999999999", "-1", "1.5m", "8 m", "8mb", "", "m"):
                self.check(f"{scheme}?size={size}", "size", "from 1m to 64g")
            for size in ("63", "2m", "x"):
                self.check(f"{scheme}?entry_size={size}", "entry_size", "from 64 to 1m")
            self.check(f"{scheme}?colour=red", "colour", "size", "entry_size")
        self.assertFalse(os.path.exists("/dev/shm/weir-never-made.weir1"))

    def test_files(self):
        path = self.home / "store"
        file = path.with_name("store.weir1")
        other = self.home / "other"
        other.write_bytes(b"data")
        other.chmod(0o600)

        def readable():
            file.touch(0o600)
            file.chmod(0o644)

        def foreign():
            file.touch(0o600)
            os.chown(file, 65534, 65534)

        cases = [(lambda: file.symlink_to(other), "symbolic link"), (lambda: file.symlink_to(self.home / "nowhere"), "symbolic link"),
                 (lambda: file.hardlink_to(other), "2 names"), (lambda: os.mkfifo(file, 0o600), "not a regular file"),
                 (readable, "mode 0644")]
        if os.geteuid() == 0:  # nobody else can give a file away
            cases.append((foreign, "belongs to user 65534"))
        for make, expected in cases:
            make()
            before = os.lstat(file)
            self.check(f"shm:{path}", str(file), expected)
            self.assertEqual(os.lstat(file), before)
            file.unlink()
        self.assertEqual(other.read_bytes(), b"data")
        file.mkdir()
        self.check(f"shm:{path}", str(file), "not a regular file")

    def test_folder_that_is_not_there(self):
        self.check("shm:/nowhere/at/all", "/nowhere/at/all.weir1", "No such file")


class Replaced(Case):
    def test_garbage(self):
        chance = random.Random(1)
        for content in (b"", b"x", bytes(4096), chance.randbytes(100_000), chance.randbytes(8 << 20)):
            with self.subTest(len(content)):
                self.file.write_bytes(content)
                self.file.chmod(0o600)
                app = self.start()
                self.assert_caches(app)
                app.stop()

    def test_store_with_a_damaged_header(self):
        chance = random.Random(2)
        for _ in range(10):
            app = self.start()
            self.assert_caches(app)
            app.stop()
            with open(self.file, "r+b") as file:
                file.seek(chance.randrange(512))
                file.write(chance.randbytes(8))


class Disturbed(Case):
    """While programs serve from it."""

    def serve(self, *apps, rounds=30):
        for number in range(rounds):
            for app in apps:
                self.outcome(app, f"/cached/download?bytes=5000&number={number}")

    def check_goes_on(self, disturb):
        for kind in (App, Master):
            with self.subTest(kind.__name__):
                app, other = self.start(kind), self.start()
                self.serve(app, other)
                mark = len(app.log())
                disturb()
                self.serve(app, other)
                for each in (app, other):
                    self.assert_caches(each)
                self.assertIsNone(app.process.poll())
                self.assertNotIn("was ended by", app.log()[mark:])
                app.stop()
                other.stop()

    def test_truncated(self):
        for size in (0, 100, 4096, 3 << 20):
            self.check_goes_on(lambda size=size: os.truncate(self.file, size))

    def test_removed(self):
        self.check_goes_on(self.file.unlink)

    def test_removed_and_all_are_together_again(self):
        early = self.start()
        self.serve(early)
        self.file.unlink()
        late, numbers = self.start(), itertools.count()

        def together():
            target = f"/cached/download?bytes=5000&together={next(numbers)}"
            self.outcome(early, target)
            return self.outcome(late, target) == "HIT"
        eventually(together, "what one has stored is a HIT for the other")

    def test_exchanged(self):
        def exchange():
            new = self.file.with_suffix(".other")
            new.write_bytes(bytes(8 << 20))
            new.chmod(0o600)
            new.replace(self.file)
        self.check_goes_on(exchange)

    def test_scribbled_on(self):
        """By a program with the user's rights that runs wild: what is served is right, whatever is lost."""
        chance, app = random.Random(3), self.start()
        end = time.monotonic() + 3
        with open(self.file, "r+b", buffering=0) as file:
            while time.monotonic() < end:
                for _ in range(20):
                    file.seek(chance.randrange(8 << 20))
                    file.write(chance.randbytes(chance.choice((1, 8, 500))))
                self.serve(app, rounds=5)
        app.stop()
        app = self.start()
        self.serve(app)
        app.stop()

    def test_stopped_program_holds_nobody_up(self):
        stopped, app = self.start(), self.start()
        self.serve(stopped, app)
        os.kill(stopped.pid, signal.SIGSTOP)
        self.stack.callback(os.kill, stopped.pid, signal.SIGCONT)
        self.serve(app)
        self.assert_caches(app)


class Options(Case):
    def test_size_of_the_file_that_is_there_counts(self):
        self.start().stop()
        app = self.start(url=self.url.replace("8m", "4m"))
        self.assertRegex(app.log(), rf"{self.file} is there already, with size \d+")
        self.assert_caches(app)
        self.assertGreater(self.file.stat().st_size, 4 << 20)

    def test_backend_from_a_file(self):
        setting = self.home / "backend"
        setting.write_text(self.url + "\n")
        home = self.stack.enter_context(folder())
        app = self.stack.enter_context(App(home, env={"WEIR_CACHE_BACKEND_FILE": str(setting)}))
        self.assert_caches(app)
        self.assertTrue(self.file.exists())
