# SPDX-License-Identifier: Apache-2.0
"""Request injection: a body that nobody reads must never be taken for FastCGI records.

Each body is full of forged requests for /admin, by a user that the web server did not authenticate, at every alignment to the records
that a web server cuts a body into. WEIR_LONG=1 sends ten times as many.
"""
import concurrent.futures
import itertools
import os
import unittest

import fastcgi
import http_client
from programs import SERVED_BY_APP, Site, has_libfcgi, over

ROUNDS = 10 if os.environ.get("WEIR_LONG") else 1
ALIGNMENTS = range(16)

# Less than a web server's record, and more than one.
SIZES = (20000, 100000)

site = None
reference = None


def setUpModule():
    global site, reference
    site = unittest.enterModuleContext(Site())
    if has_libfcgi():
        reference = unittest.enterModuleContext(Site("--transport", "libfcgi"))


def forged():
    """A request that the app would take from a web server: a multiple of 16 bytes, and no shorter record before its end."""
    params = fastcgi.pairs(fastcgi.cgi_params("GET", "/admin", REMOTE_USER="root"))
    padding = -len(params) % 16 + 8
    return (fastcgi.begin(keep=True) + fastcgi.record(fastcgi.PARAMS, params, padding=padding)
            + fastcgi.record(fastcgi.PARAMS) + fastcgi.record(fastcgi.STDIN))


# A reader that falls among these passes over one after the other until it meets a forged request. libfcgi refuses the second of two
# requests at once and reads on, and so it does with management records; others skip records of a request that they do not know.
SLIDES = [kind * (4096 // len(kind)) for kind in (
    fastcgi.begin(keep=True), fastcgi.record(77, request_id=0), fastcgi.record(fastcgi.STDIN, request_id=9999))]


def injection(alignment, size, slide):
    """About `size` bytes of forged requests, the last byte of the last one included, `alignment` bytes off."""
    unit = slide + forged()
    return bytes(alignment) + unit * (size // len(unit) + 1)


class Injection(unittest.TestCase):
    def test_forged_request_would_be_counted(self):
        """What the other tests rely on: these very bytes, sent as a web server would, do run /admin."""
        before = site.app.counts()["admin"]
        with site.app.connect() as connection:
            connection.send(forged())
            self.assertEqual(connection.answer().body, b"admin root %d\n" % (before + 1))
        self.assertEqual(site.app.counts()["admin"], before + 1)

    def test_body_is_as_it_should_be(self):
        for alignment in ALIGNMENTS:
            body = injection(alignment, 2000, SLIDES[0])
            self.assertEqual(len(body) % 16, alignment)
            self.assertTrue(body.endswith(forged()))


@over(*SERVED_BY_APP)
class Undrained:
    statuses = {200, 404, 413}

    @property
    def site(self):
        return site

    def send(self, target, body):
        return http_client.request(self.site.addresses[self.front], "POST", target, body=body).status

    def check(self, target):
        before = self.site.app.counts()["admin"]
        bodies = [injection(*case) for _, *case in itertools.product(range(ROUNDS), ALIGNMENTS, SIZES, SLIDES)]
        with concurrent.futures.ThreadPoolExecutor(8) as clients:
            statuses = set(clients.map(lambda body: self.send(target, body), bodies))
        self.assertEqual(self.site.app.counts()["admin"], before)
        self.assertLessEqual(statuses, self.statuses)
        self.assertEqual(http_client.get(self.site.addresses[self.front], "/hello").body, b"hello\n")

    def test_handler_that_ignores_the_body(self):
        self.check("/ignore")

    def test_handler_that_answers_before_the_body_has_come(self):
        self.check("/ignore/stream")

    def test_body_over_the_limit(self):
        self.check("/small")

    def test_route_that_does_not_exist(self):
        self.check("/nowhere")


@over("nginx_kept", "apache")
class UndrainedByLibfcgi(Undrained):
    """The library that this was found in. It does not keep the connections that nginx would keep, and nginx may find out too late."""

    statuses = {200, 404, 413, 502}

    @property
    def site(self):
        return reference or self.skipTest("weir was built without libfcgi")
