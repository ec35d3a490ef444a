# SPDX-License-Identifier: Apache-2.0
"""A private nginx in front of servers, and wrk in front of it."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

import procs
import programs
from stats import Failure

CONFIG = """
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid {home}/nginx.pid;
error_log stderr warn;
{user}
events {{ worker_connections 16000; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_body_temp_path {home}/body;
    fastcgi_temp_path {home}/fastcgi;
    proxy_temp_path {home}/proxy;
    scgi_temp_path {home}/scgi;
    uwsgi_temp_path {home}/uwsgi;
    fastcgi_cache_path {cache} keys_zone=bench:1m;
    fastcgi_keep_conn on;
    fastcgi_buffers 32 64k;
    fastcgi_busy_buffers_size 512k;
    fastcgi_max_temp_file_size 0;
    {params}
    {servers}
}}
"""

SERVER = """
    upstream u{port} {{ server unix:{socket}; keepalive 64; keepalive_requests 1000000000; }}
    server {{
        listen {host}:{port} backlog=4096;
        location / {{ fastcgi_pass u{port}; }}
        location /nginx-cache/ {{ fastcgi_pass u{port}; fastcgi_cache bench; fastcgi_cache_key $uri; fastcgi_cache_valid 200 1h; }}
    }}
"""


class Nginx(programs.Program):
    """Answers for each server on a port of its own; below /nginx-cache/ from its own cache, which lies in memory."""

    def __init__(self, home, servers):
        binary = os.environ.get("WEIR_NGINX")
        if not binary:
            raise Failure("WEIR_NGINX is not set; ./dev bench sets it")
        self.addresses = {server: programs.free_port() for server in servers}
        self.cache = pathlib.Path(tempfile.mkdtemp(prefix="weir-bench-", dir="/dev/shm"))
        self.cache.chmod(0o777)
        config = home / "nginx.conf"
        config.write_text(CONFIG.format(
            home=home, cache=self.cache, params=programs.NGINX_PARAMS, user=programs.unprivileged("user root;"),
            servers="".join(SERVER.format(host=host, port=port, socket=server.socket_path)
                            for server, (host, port) in self.addresses.items())))
        super().__init__([binary, "-e", "stderr", "-p", home, "-c", config], home, check=False)
        self.wait_until(lambda: procs.children(self.pid), "starts a worker")
        self.worker = procs.children(self.pid)[0]

    def __exit__(self, *problem):
        super().__exit__(*problem)
        shutil.rmtree(self.cache, ignore_errors=True)

    def cpu_seconds(self):
        return procs.cpu_seconds(self.worker)

    def load(self, server, path="/hit", seconds=2, connections=32):
        """As many requests as go through `connections` at once; every answer has to be a 200. Gives requests and bytes a second, and the
        CPU microseconds a request costs: of the process that answers, and of nginx and wrk with it."""
        host, port = self.addresses[server]
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", f"http://{host}:{port}{path}"]
        clocks = (server.cpu_seconds, self.cpu_seconds, procs.children_cpu_seconds)
        before = [clock() for clock in clocks]
        output = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        cpu = [clock() - start for clock, start in zip(clocks, before)]
        requests, elapsed, size = read_wrk(output, path)
        return {"rate": requests / elapsed, "bytes_rate": size / elapsed, "cpu_us": cpu[0] / requests * 1e6,
                "machine_cpu_us": sum(cpu) / requests * 1e6}

    def count_failures(self, server, path, connections, act):
        """Loads it for as long as `act()` takes, and a second more: how many requests failed, and how many there were."""
        host, port = self.addresses[server]
        command = ["wrk", "-t1", f"-c{connections}", "-d600s", "--timeout", "30s", f"http://{host}:{port}{path}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as wrk:
            try:
                time.sleep(1)
                act()
                time.sleep(1)
            finally:
                wrk.send_signal(signal.SIGINT)  # upon which it prints what it saw
            output = wrk.communicate(timeout=60)[0]
        answered = re.search(r"(\d+) requests in", output)
        if not answered or answered[1] == "0":
            raise Failure(f"wrk on {path}: {output or 'no answer'}")
        wrong = re.findall(r"(?:Non-2xx or 3xx responses:|connect|read|write|timeout) (\d+)", output)
        return sum(map(int, wrong)), int(answered[1])


def read_wrk(output, path):
    """Requests, seconds, bytes."""
    total = re.search(r"(\d+) requests in ([\d.]+)(m?s), ([\d.]+)([KMGT]?B) read", output)
    wrong = re.search(r"(Non-2xx or 3xx responses|Socket errors): .*", output)
    if not total or total[1] == "0" or wrong:
        raise Failure(f"wrk on {path}: {wrong[0] if wrong else output or 'no answer'}")
    size = float(total[4]) * 1024 ** ["B", "KB", "MB", "GB", "TB"].index(total[5])
    return int(total[1]), float(total[2]) / (1000 if total[3] == "ms" else 1), size
