# SPDX-License-Identifier: Apache-2.0
"""The tool that looks into a store while an app uses it."""
import contextlib
import subprocess
import unittest

from programs import BUILD, App, environment, folder, store

TOOL = BUILD / "apps/store/store"


def run(*arguments):
    """(exit status, lines, errors)"""
    done = subprocess.run([TOOL, *map(str, arguments)], env=environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=20, check=False)
    return done.returncode, done.stdout.splitlines(), done.stderr


class Tool(unittest.TestCase):
    def setUp(self):
        self.stack = self.enterContext(contextlib.ExitStack())
        self.home = self.stack.enter_context(folder())
        url, self.file = self.stack.enter_context(store())
        self.app = self.stack.enter_context(App(self.home, env={"WEIR_CACHE_BACKEND": url}))

    def fill(self):
        for number in range(20):
            for _ in range(2):
                self.assertEqual(self.app.ask("GET", f"/cached/download?bytes=1000&after={number}").status, 200)

    def test_stats_are_of_what_the_app_does(self):
        self.fill()
        status, lines, errors = run("stats", self.file)
        self.assertEqual((status, errors), (0, ""))
        found = {name: int(value) for name, value in map(str.split, lines)}
        self.assertEqual((found["items"], found["sets"], found["hits"], found["misses"]), (20, 20, 20, 20))
        self.assertGreater(found["live_bytes"], 20_000)
        self.assertLessEqual(found["used_bytes"], found["size"])

    def test_list_shows_every_item_and_is_no_use_of_it(self):
        self.fill()
        for _ in range(2):
            status, lines, errors = run("list", self.file)
            self.assertEqual((status, errors, len(lines)), (0, "", 20))
            for size, lives, reads, key in map(str.split, lines):
                self.assertGreater(int(size), 1000)
                self.assertTrue(lives == "never" or int(lives) > 0)
                self.assertEqual(reads, "1")
                self.assertTrue(key.isascii() and key.isprintable())
        self.assertEqual(run("list", self.file, "no such key"), (0, [], ""))

    def test_check_tells_what_is_wrong(self):
        self.fill()
        self.assertEqual(run("check", self.file), (0, ["0 faults"], ""))
        size = self.file.stat().st_size
        with open(self.file, "r+b") as file:
            file.seek(8192)
            page = file.read(65536)
            file.seek(8192)
            file.write(bytes(byte ^ 0x10 if byte else 0 for byte in page))
        status, lines, _ = run("check", self.file)
        self.assertEqual(status, 1)
        self.assertGreater(len(lines), 1)
        self.assertEqual(self.file.stat().st_size, size)

    def test_nothing_is_made_or_replaced(self):
        missing = self.home / "missing.weir1"
        garbage = self.home / "garbage.weir1"
        garbage.write_bytes(b"garbage" * 1000)
        garbage.chmod(0o600)
        for file in (missing, garbage):
            for command in ("stats", "list", "check"):
                status, lines, errors = run(command, file)
                self.assertEqual((status, lines), (1, []))
                self.assertIn(f"{file}: no store", errors)
        self.assertFalse(missing.exists())
        self.assertEqual(garbage.read_bytes(), b"garbage" * 1000)
        self.assertEqual(sorted(path.name for path in self.home.glob("*.weir1*")), ["garbage.weir1"])

    def test_usage(self):
        for arguments in ((), ("stats",), ("stats", "a", "b"), ("list", "a", "b", "c"), ("nonsense", self.file)):
            status, lines, errors = run(*arguments)
            self.assertEqual((status, lines), (2, []))
            self.assertIn("Usage:", errors)
        status, _, errors = run("stats", self.home / "other")
        self.assertEqual(status, 1)
        self.assertIn(".weir1", errors)
