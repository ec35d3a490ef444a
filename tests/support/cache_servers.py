# SPDX-License-Identifier: Apache-2.0
"""The servers of remote cache backends, private to a test: Redis, memcached, dynalite. Where they are comes from ./dev (servers.sh); a test
is skipped where they are not, but never in CI. So is one for a driver that was not built."""
import contextlib
import pathlib
import signal
import socket
import subprocess
import unittest
import urllib.error
import urllib.request

from programs import BUILD, Program, eventually, free_port, need


def need_module(name):
    if not (BUILD / f"backends/weir-backend-{name}.so").exists():
        raise unittest.SkipTest(f"the backend {name} was not built: its library is not installed")


class CacheServer(Program):
    """Listens on `address`; kill() and start_again() keep it, and so do freeze() and thaw()."""

    TOTAL_MS = 500   # how long a call of the driver takes at most, as its options say by default

    def __init__(self, home):
        self.address = self.choose_address()
        self.again = self.command(home), home
        super().__init__(*self.again, check=False)
        self.wait_until_up()

    @staticmethod
    def choose_address():
        return free_port()

    def wait_until_up(self):
        self.wait_until(self.accepts, "listens")

    def accepts(self):
        try:
            socket.create_connection(self.address, 1).close()
            return True
        except OSError:
            return False

    def kill(self):
        self.process.kill()
        self.process.wait()

    def start_again(self):
        Program.__init__(self, *self.again, check=False)
        self.wait_until_up()

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def stop(self, *args, **more):
        if self.process.poll() is None:
            self.thaw()
        return super().stop(*args, **more)


class Redis(CacheServer):
    def __init__(self, home):
        need_module("redis")
        super().__init__(home)

    def command(self, home):
        host, port = self.address
        return [need("WEIR_REDIS_SERVER"), "--bind", host, "--port", port, "--save", "", "--dir", home]

    def url(self, address=None, user="", **options):
        host, port = address or self.address
        query = "&".join(f"{name}={value}" for name, value in options.items())
        return f"redis://{user}{host}:{port}/0" + (f"?{query}" if query else "")

    def say(self, *words):
        """A command, by Redis's own client."""
        host, port = self.address
        return subprocess.run([need("WEIR_REDIS_CLI"), "-h", host, "-p", str(port), *map(str, words)], stdout=subprocess.PIPE, text=True,
                              check=True, timeout=10).stdout.strip()


class RedisNode(Redis):
    """One of a cluster: a server as any other, until it is told of the others."""

    PORT_MAX = 55000   # the nodes talk to each other at their port and 10000

    @staticmethod
    def choose_address():
        return next(address for address in iter(free_port, None) if address[1] <= RedisNode.PORT_MAX)

    def command(self, home):
        return [*super().command(home), "--cluster-enabled", "yes", "--cluster-node-timeout", "1500", "--repl-diskless-sync-delay", "0",
                "--cluster-announce-ip", self.address[0]]   # the others would take it for the sender's, which is 127.0.0.1

    def is_settled(self):
        """Knows all slots and all nodes, and is a replica with its data or a master that has one."""
        state, replication = self.say("CLUSTER", "INFO"), self.say("INFO", "replication")
        return ("cluster_state:ok" in state and f"cluster_known_nodes:{RedisCluster.NODES}" in state and
                ("master_link_status:up" in replication or "state=online" in replication))


class RedisCluster(contextlib.ExitStack):
    """Six `nodes`: three masters, each with a replica. kill() and start_again() are for all of them."""

    NODES, TOTAL_MS = 6, CacheServer.TOTAL_MS

    def __init__(self, home):
        super().__init__()
        with contextlib.ExitStack() as building:
            homes = [home / f"node{number}" for number in range(self.NODES)]
            for own in homes:
                own.mkdir()
            self.nodes = [building.enter_context(RedisNode(own)) for own in homes]
            self.join()
            self.push(building.pop_all())

    def join(self):
        addresses = ["{}:{}".format(*node.address) for node in self.nodes]
        subprocess.run([need("WEIR_REDIS_CLI"), "--cluster", "create", *addresses, "--cluster-replicas", "1", "--cluster-yes"],
                       stdout=subprocess.DEVNULL, check=True, timeout=60)
        self.wait_until_up()

    def wait_until_up(self):
        eventually(lambda: all(node.is_settled() for node in self.nodes), "the cluster is whole", 30)

    def kill(self):
        for node in self.nodes:
            node.kill()

    def start_again(self):
        for node in self.nodes:
            node.start_again()
        self.wait_until_up()

    def say(self, *words):
        """A command to each node."""
        return [node.say(*words) for node in self.nodes]

    def url(self, user="", **options):
        seeds = ",".join("{}:{}".format(*node.address) for node in self.nodes[:3])
        query = "&".join(f"{name}={value}" for name, value in options.items())
        return f"redis+cluster://{user}{seeds}" + (f"?{query}" if query else "")


class Memcached(CacheServer):
    def __init__(self, home):
        need_module("memcached")
        super().__init__(home)

    def command(self, home):
        host, port = self.address
        return [need("WEIR_MEMCACHED"), "-l", host, "-p", port, "-U", "0", "-m", "64", "-u", "root"]

    def url(self, address=None, **options):
        host, port = address or self.address
        query = "&".join(f"{name}={value}" for name, value in options.items())
        return f"memcached://{host}:{port}" + (f"?{query}" if query else "")


class Dynalite(CacheServer):
    """Its table is in memory, and gone when it is killed: so `create`. The driver's own time limits are those of a service far away; these
    are the other drivers'."""

    ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "secret"}

    def __init__(self, home):
        need_module("dynamodb")
        super().__init__(home)

    def wait_until_up(self):
        """Until it has answered once: what it does first takes it long."""
        super().wait_until_up()
        host, port = self.address
        asked = urllib.request.Request(f"http://{host}:{port}/", b"{}", {"Content-Type": "application/x-amz-json-1.0"})
        try:
            urllib.request.urlopen(asked, timeout=10).close()
        except urllib.error.HTTPError:
            pass   # it asks for a signature, so it is awake

    def command(self, home):
        host, port = self.address
        return ["node", pathlib.Path(need("WEIR_DYNALITE")), "--host", host, "--port", port, "--createTableMs", "0", "--deleteTableMs", "0",
                "--updateTableMs", "0"]

    def url(self, address=None, **options):
        host, port = address or self.address
        query = "".join(f"&{name}={value}" for name, value in options.items())
        return (f"dynamodb://weir?region=eu-west-1&create=true&read_timeout_ms=250&total_timeout_ms={self.TOTAL_MS}"
                f"&endpoint=http://{host}:{port}{query}")


def patient_url(server):
    """With time limits for a machine that does other things too: where an answer that came without the cache would be a wrong one."""
    if isinstance(server, Dynalite):
        return "dynamodb://weir?create=true&read_timeout_ms=10000&total_timeout_ms=10000&endpoint=http://{}:{}".format(*server.address)
    return server.url(connect_timeout_ms=10000, read_timeout_ms=10000, total_timeout_ms=10000)


def wait_until_cached(ask, seconds=10):
    """Until `ask()` is answered from the cache."""
    return eventually(lambda: ask().field("X-Weir-Cache") == "HIT", "answered from the cache", seconds)
