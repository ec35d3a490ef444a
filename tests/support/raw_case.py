# SPDX-License-Identifier: Apache-2.0
"""What the tests that speak FastCGI themselves have in common."""
import unittest

import fastcgi
from programs import App, folder


class RawCase(unittest.TestCase):
    """Each class has an app of its own, with these settings (see test_app.c): `.app`."""

    settings = {}

    @classmethod
    def setUpClass(cls):
        cls.app = cls.enterClassContext(App(cls.enterClassContext(folder()), **cls.settings))

    def connect(self, timeout=5):
        connection = self.app.connect(timeout)
        self.addCleanup(connection.close)
        return connection

    def assert_hello(self, answer):
        self.assertEqual((answer.status, answer.body), (200, b"hello\n"))
        self.assertEqual((answer.app_status, answer.protocol_status), (0, fastcgi.REQUEST_COMPLETE))

    def assert_serves(self):
        self.assert_hello(self.app.ask("GET", "/hello"))
