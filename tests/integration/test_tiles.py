# SPDX-License-Identifier: Apache-2.0
"""The map of apps/tiles as it is shipped, behind both web servers: pictures that are right, made once, kept by level, cleared by level.

Each test has zoom levels of its own, so that none finds what another has left.
"""
import concurrent.futures
import json
import os
import struct
import unittest
import zlib

import http_client
from programs import BUILD, App, Shipped, eventually, folder

TILES = BUILD / "apps/tiles/tiles"
SIDE, MOST = 256, 1000


def chunks(png):
    """The (type, data) of a PNG's chunks, each with its checksum verified (ISO/IEC 15948 section 5.3)."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n", png[:8]
    at = 8
    while at < len(png):
        size, kind = struct.unpack_from(">I4s", png, at)
        data = png[at + 8:at + 8 + size]
        assert struct.unpack_from(">I", png, at + 8 + size)[0] == zlib.crc32(kind + data), kind
        yield kind.decode(), data
        at += 12 + size


def paeth(left, up, corner):
    guess = left + up - corner
    return min((abs(guess - left), 0, left), (abs(guess - up), 1, up), (abs(guess - corner), 2, corner))[2]


def unfilter(lines):
    """Rows of bytes from filtered ones (section 9), for pixels of one byte."""
    above = bytes(SIDE)
    for line in lines:
        kind, row = line[0], bytearray()
        for x, byte in enumerate(line[1:]):
            left, corner = (row[x - 1], above[x - 1]) if x else (0, 0)
            row.append(byte + (0, left, above[x], (left + above[x]) // 2, paeth(left, above[x], corner))[kind] & 0xFF)
        yield bytes(row)
        above = row


def decode(png):
    """(palette, rows) of a picture with 256 colours: colours by index, indexes by row."""
    parts = list(chunks(png))
    assert [kind for kind, _ in parts][0] == "IHDR" and parts[-1] == ("IEND", b""), parts
    assert struct.unpack(">IIBBBBB", parts[0][1]) == (SIDE, SIDE, 8, 3, 0, 0, 0), parts[0]
    colours = dict(parts)["PLTE"]
    raw = zlib.decompress(b"".join(data for kind, data in parts if kind == "IDAT"))
    assert len(raw) == SIDE * (SIDE + 1), len(raw)
    rows = list(unfilter(raw[at:at + SIDE + 1] for at in range(0, len(raw), SIDE + 1)))
    return [colours[at:at + 3] for at in range(0, len(colours), 3)], rows


def in_the_set(z, x, y, column, row):
    """Whether a pixel's point has not escaped after as many steps as the app makes."""
    tile = 4 / 2**z
    point = complex(-2.5 + x * tile + (column + 0.5) * tile / SIDE, 2 - y * tile - (row + 0.5) * tile / SIDE)
    at = 0j
    for _ in range(MOST):
        if at.real * at.real + at.imag * at.imag > 4:
            return False
        at = at * at + point
    return True


class Map:
    """The app and a web server before it, started for each class."""

    @classmethod
    def setUpClass(cls):
        if not TILES.exists() and not os.environ.get("CI"):
            raise unittest.SkipTest("built without libpng or zstd")
        home = cls.enterClassContext(folder())
        cls.app = cls.enterClassContext(App(home, binary=TILES))
        cls.server = cls.enterClassContext(Shipped(home, cls.config, app="tiles"))

    def ask(self, method, target, *fields):
        return http_client.request(self.server.address, method, target, fields)

    def get(self, target, *fields):
        return self.ask("GET", target, *fields)

    def assert_cache(self, response, status):
        self.assertEqual((response.status, response.field("X-Weir-Cache")), (200, status), response.fields)

    def clear(self, zoom):
        response = self.ask("POST", f"/clear?zoom={zoom}")
        self.assertEqual(response.status, 200)
        return json.loads(response.body)["removed"]

    def test_tile_is_a_picture_of_the_set(self):
        response = self.get("/tiles/2/1/1")
        self.assertEqual((response.status, response.field("Content-Type")), (200, "image/png"))
        palette, rows = decode(response.body)
        self.assertEqual((len(palette), palette[0]), (256, b"\0\0\0"))
        for row in range(3, SIDE, 23):
            for column in range(5, SIDE, 23):
                self.assertEqual(rows[row][column] == 0, in_the_set(2, 1, 1, column, row), (column, row))

    def test_tile_is_made_once(self):
        miss, hit = self.get("/tiles/3/3/3"), self.get("/tiles/3/3/3")
        self.assert_cache(miss, "MISS")
        self.assert_cache(hit, "HIT")
        self.assertEqual((hit.body, hit.field("ETag"), hit.field("Content-Type")), (miss.body, miss.field("ETag"), "image/png"))
        again = self.get("/tiles/3/3/3", ("If-None-Match", hit.field("ETag")))
        self.assertEqual((again.status, again.body), (304, b""))
        self.assert_cache(self.get("/tiles/3/3/3?style=fire&tracking=1"), "HIT")  # what it is by default, and what it does not know
        self.assert_cache(self.get("/tiles/3/3/3", ("Cache-Control", "no-cache")), "HIT")

    def test_tile_is_made_once_for_many(self):
        with concurrent.futures.ThreadPoolExecutor(16) as clients:
            answers = list(clients.map(self.get, ["/tiles/4/6/7"] * 16))
        self.assertEqual(sorted(answer.field("X-Weir-Cache") for answer in answers), ["HIT"] * 15 + ["MISS"])
        self.assertEqual(len({answer.body for answer in answers}), 1)

    def test_styles_and_statistics_share_the_computation(self):
        pictures = {self.get(f"/tiles/5/12/14?style={style}").body for style in ("fire", "ice", "ink")}
        self.assertEqual(len(pictures), 3)
        self.assertEqual(self.get("/tiles/5/12/14/statistics").status, 200)
        self.assertEqual(self.clear(5), 5)  # three tiles, one statistics, one set of steps

    def test_statistics_are_those_of_the_picture(self):
        response = self.get("/tiles/6/24/28/statistics")
        self.assert_cache(response, "MISS")
        self.assertEqual(response.field("Content-Type"), "application/json")
        statistics = json.loads(response.body)
        self.assertEqual(sorted(statistics), ["histogram", "inside", "least", "mean", "most"])
        self.assertEqual((len(statistics["histogram"]), sum(statistics["histogram"])), (10, SIDE * SIDE))
        self.assertTrue(1 <= statistics["least"] < statistics["mean"] < statistics["most"] <= MOST, statistics)
        _, rows = decode(self.get("/tiles/6/24/28").body)
        self.assertEqual(statistics["inside"], sum(row.count(0) for row in rows))
        hit = self.get("/tiles/6/24/28/statistics")
        self.assert_cache(hit, "HIT")
        self.assertEqual((hit.body, hit.field("ETag")), (response.body, response.field("ETag")))

    def test_clear_takes_one_level(self):
        for target in ("/tiles/7/50/60", "/tiles/7/51/60", "/tiles/8/50/60"):
            self.assert_cache(self.get(target), "MISS")
        self.assertEqual(self.clear(7), 4)
        self.assertEqual(self.clear(7), 0)
        self.assert_cache(self.get("/tiles/8/50/60"), "HIT")
        self.assert_cache(self.get("/tiles/7/50/60"), "MISS")

    def test_renew_shows_the_old_one_until_the_new_one_is_there(self):
        first = self.get("/tiles/9/200/250")
        self.assertEqual(self.ask("POST", "/renew?zoom=9").status, 204)
        old = self.get("/tiles/9/200/250")
        self.assert_cache(old, "HIT")
        self.assertEqual((old.field("Cache-Control"), old.body), ("max-age=0", first.body))

        def is_fresh():
            response = self.get("/tiles/9/200/250")
            self.assert_cache(response, "HIT")
            return response.field("Cache-Control") != "max-age=0"
        eventually(is_fresh, "a new tile")

    def test_levels_are_kept_for_their_time(self):
        lifetimes = json.loads(self.get("/lifetimes").body)
        self.assertEqual(len(lifetimes), 33)
        for zoom, seconds in ((1, 86400), (10, 3600), (12, 600), (32, 600)):
            self.assertEqual(lifetimes[zoom], seconds)
            self.assertEqual(self.get(f"/tiles/{zoom}/0/0").field("Cache-Control"), f"max-age={seconds}")

    def test_wrong_arguments_are_all_named(self):
        response = self.get("/tiles/99/a/1?style=red")
        self.assertEqual((response.status, response.field("Content-Type")), (422, "application/problem+json"))
        self.assertEqual(json.loads(response.body)["errors"], [
            {"path": "path.z", "problem": "expected integer from 0 to 32"},
            {"path": "path.x", "problem": "expected integer"},
            {"path": "query.style", "problem": "expected one of fire, ice, ink"}])
        self.assertIsNone(response.field("X-Weir-Cache"))
        for target in ("/tiles/-1/0/0", "/tiles/33/0/0/statistics", "/tiles/0/0/9223372036854775808", "/tiles/0/0/0?style=fire&style=ice"):
            self.assertEqual(self.get(target).status, 422, target)

    def test_what_is_outside_is_404_and_remembered(self):
        for target in ("/tiles/13/8192/0", "/tiles/13/-1/0", "/tiles/13/0/8192/statistics", "/tiles/0/0/9223372036854775807"):
            miss, hit = self.get(target), self.get(target)
            self.assertEqual((miss.status, hit.status), (404, 404), target)
            self.assertEqual((miss.field("X-Weir-Cache"), hit.field("X-Weir-Cache")), ("MISS", "HIT"))
            self.assertEqual((miss.field("Cache-Control"), hit.body), ("max-age=60", miss.body))
        self.assertEqual(self.get("/tiles/13/8191/8191").status, 200)

    def test_levels_to_clear_are_checked(self):
        for query in ("", "?zoom=", "?zoom=33", "?zoom=-1", "?zoom=a"):
            for what in ("clear", "renew"):
                self.assertEqual(self.ask("POST", f"/{what}{query}").status, 422, query)
        self.assertEqual((self.get("/clear?zoom=1").status, self.get("/clear?zoom=1").field("Allow")), (405, "POST, OPTIONS"))

    def test_page_needs_nothing_from_elsewhere(self):
        response = self.get("/")
        self.assertEqual((response.status, response.field("Content-Type")), (200, "text/html; charset=utf-8"))
        self.assertIn("default-src 'self'", response.field("Content-Security-Policy"))
        self.assertTrue(response.body.startswith(b"<!DOCTYPE html>") and response.body.endswith(b"</html>\n"))
        self.assertNotIn(b"://", response.body)


class BehindNginx(Map, unittest.TestCase):
    config = "nginx.conf"


class BehindApache(Map, unittest.TestCase):
    config = "apache.conf"
