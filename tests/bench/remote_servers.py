# SPDX-License-Identifier: Apache-2.0
"""The servers of remote backends as rows need them: those of the tests, at a unix socket where a server can be.

Each has `url()`, which the app takes, `ENVIRONMENT`, which the app needs to get in, `BARE`, what bare_client calls it, and `bare_address`,
where bare_client finds it.
"""
import contextlib
import os
import socket
import unittest

import cache_servers
import programs
from stats import Absent

MEMORY_MB = 256  # more than memcached and Redis need to keep everything


class AtSocket:
    """Of a server that is asked at `socket_path`."""

    ENVIRONMENT = {}

    @property
    def bare_address(self):
        return self.socket_path

    def accepts(self):
        with socket.socket(socket.AF_UNIX) as peer, contextlib.suppress(OSError):
            peer.connect(str(self.socket_path))
            return True
        return False


class Redis(AtSocket, cache_servers.Redis):
    BARE = "redis"

    def command(self, home):
        self.socket_path = home / "redis.sock"
        return [*super().command(home), "--unixsocket", self.socket_path]

    def url(self):
        return f"redis+unix://{self.socket_path}"


class Memcached(AtSocket, cache_servers.Memcached):
    BARE = "memcached"

    def command(self, home):
        self.socket_path = home / "memcached.sock"
        user = ("-u", "root") if os.geteuid() == 0 else ()
        return [programs.need("WEIR_MEMCACHED"), "-s", self.socket_path, "-m", MEMORY_MB, "-t", 1, *user]

    def url(self):
        return f"memcached+unix://{self.socket_path}"


class Dynalite(cache_servers.Dynalite):
    BARE = "dynamodb"

    @property
    def bare_address(self):
        return "http://{}:{}".format(*self.address)


class Cluster(cache_servers.RedisCluster):
    """On loopback, since nodes tell clients and each other where they are. Its replicas have nothing to do."""

    BARE = "redis"
    ENVIRONMENT = {}

    @property
    def bare_address(self):
        return "{}:{}".format(*self.nodes[0].address)


def start(stage, kind):
    """A server of one of the classes above. Without the program there is nothing to measure."""
    try:
        return stage.enter_context(kind(stage.enter_context(programs.folder())))
    except unittest.SkipTest as problem:
        raise Absent(str(problem).replace("./dev test", "./dev bench")) from None


def app_on(stage, server):
    """The app, with its cache there."""
    return stage.app(env={"WEIR_CACHE_BACKEND": server.url(), **server.ENVIRONMENT})
