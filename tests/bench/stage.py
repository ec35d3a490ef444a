# SPDX-License-Identifier: Apache-2.0
"""The processes of one measurement: started in temporary folders of their own, ended whatever happens."""
import contextlib
import json
import resource
import select
import signal
import socket
import subprocess

import fastcgi
import procs
import programs
from nginx import Nginx
from stats import Failure

PATIENCE_S = 30
PROGRAMS = programs.BUILD / "tests/bench"


class Server(programs.Program):
    """A program that answers FastCGI on a unix socket; `command` names the socket by "{socket}"."""

    def __init__(self, command, home, env=None):
        self.socket_path = home / "server.sock"
        self.target = f"unix:{self.socket_path}"
        super().__init__([str(word).format(socket=self.socket_path) for word in command], home, env=env, check=False)
        self.wait_until(self.accepts, "listens")

    def __exit__(self, *_):
        """No time is given to drain: what it still does is of no use to anybody."""
        self.stop(signal.SIGKILL, check=False)

    def accepts(self):
        with socket.socket(socket.AF_UNIX) as peer, contextlib.suppress(OSError):
            peer.connect(str(self.socket_path))
            return True
        return False

    def connect(self):
        return fastcgi.Connection(self.socket_path)

    def cpu_seconds(self):
        return procs.cpu_seconds(self.pid)

    def memory_bytes(self):
        return programs.memory_kb(self.pid, "RssAnon") * 1024


class Client:
    """A load client that goes straight to a socket and tells in JSON what it saw."""

    def __init__(self, *command):
        self.process = subprocess.Popen([str(PROGRAMS / command[0]), *map(str, command[1:])], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def wait_until_ready(self):
        """Until each of a herd has sent what its kind begins with."""
        in_time = select.select([self.process.stdout], [], [], PATIENCE_S)[0]
        if not in_time or self.process.stdout.readline() != "ready\n":
            raise Failure(f"not ready: {' '.join(self.process.args)}")

    def result(self, dismiss=False):
        """What it saw, in the end; a herd that would wait for ever is dismissed first."""
        if dismiss:
            self.process.stdin.close()
        try:
            self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            raise Failure(f"does not end: {' '.join(self.process.args)}") from None
        lines = self.process.stdout.read().splitlines()
        if self.process.returncode != 0 or not lines:
            raise Failure(f"exit status {self.process.returncode}: {' '.join(self.process.args)}")
        return json.loads(lines[-1])


class Stage(contextlib.ExitStack):
    """Leaving the stage ends what was started on it."""

    def server(self, *command, env=None):
        return self.enter_context(Server(command, self.enter_context(programs.folder()), env))

    def floor(self, body_bytes=1024):
        return self.server(PROGRAMS / "floor", "{socket}", body_bytes)

    def classic(self, threads=64, sleep_ms=0):
        return self.server(PROGRAMS / "classic", "{socket}", 1024, threads, sleep_ms)

    def app(self, *options, env=None, elsewhere=False):
        """`elsewhere`: in a session of its own, as on another host."""
        session = ("setsid",) if elsewhere else ()
        return self.server(*session, PROGRAMS / "bench_app", "--listen", "unix:{socket}", *options, env=env)

    def client_app(self, redis, memcached):
        """An app without cache whose handler threads ask the two servers."""
        return self.server(PROGRAMS / "client_app", "--listen", "unix:{socket}",
                           env={"BENCH_REDIS": str(redis.socket_path), "BENCH_MEMCACHED": str(memcached.socket_path)})

    def nginx(self, *servers):
        return self.enter_context(Nginx(self.enter_context(programs.folder()), servers))

    def herd(self, target, kind, count, path):
        """See herd.c for the kinds."""
        return self.enter_context(Client("herd", target, kind, count, path))

    def start_probe(self, server, path="/hit", rate=1000, seconds=3):
        return self.enter_context(Client("probe", server.target, path, rate, seconds))

    def probe(self, server, **how):
        """Latencies that one client sees that asks at a steady pace."""
        seen = self.start_probe(server, **how).result()
        if seen["answered"] != seen["sent"]:
            raise Failure(f"the probe was not answered: {seen}")
        return seen


def load(server, path, clients, seconds):
    """Requests a second and latencies, as clients see them who ask without a pause, straight at the socket, each for a path of its own
    below `path`; and the CPU microseconds that a request costs the server."""
    before = server.cpu_seconds()
    with Client("load", server.target, path, clients, seconds) as client:
        seen = client.result()
    seen["cpu_us"] = (server.cpu_seconds() - before) / (seen["rate"] * seconds) * 1e6
    return seen


def raise_file_limit():
    """Herds and nginx have a descriptor for each client, and they inherit the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
