# SPDX-License-Identifier: Apache-2.0
"""The programs that the integration tests start: the app, nginx, Apache. Each writes below a temporary folder and is ended by its pid.

Where things are comes from the environment: WEIR_BUILD_DIR and WEIR_SOURCE_DIR from meson, WEIR_NGINX, WEIR_APACHE, WEIR_APACHE_MODULES
and WEIR_MOD_FCGID from ./dev (tests/support/servers.sh).
"""
import atexit
import contextlib
import itertools
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse

import fastcgi

BUILD = pathlib.Path(os.environ["WEIR_BUILD_DIR"])
SOURCE = pathlib.Path(os.environ["WEIR_SOURCE_DIR"])
TEST_APP = BUILD / "tests/support/test-app"
SHOWCASE = BUILD / "apps/showcase/showcase"

# What a sanitizer keeps back to find late uses must not look like the app's own hunger.
SANITIZER_OPTIONS = {
    "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "halt_on_error=1") + ":quarantine_size_mb=1",
    "UBSAN_OPTIONS": os.environ.get("UBSAN_OPTIONS", "halt_on_error=1:print_stacktrace=1"),
}


def environment(more=None):
    """This program's, without what would be settings of an app."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("WEIR_", "TEST_"))}
    return {**clean, **SANITIZER_OPTIONS, "WEIR_BACKENDS": str(BUILD / "backends"), **(more or {})}


def cgi_environment(method, target, body_length=None, fields=(), **more):
    """What a web server gives a CGI program that is mounted at the root."""
    path = urllib.parse.unquote(target.partition("?")[0])
    params = fastcgi.cgi_params(method, target, fields, body_length, **{"SCRIPT_NAME": "", "PATH_INFO": path, **more})
    return environment(dict(params))


store_numbers = itertools.count(1)

# Then everything below is ended and removed, as after any other error.
signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))


def need(name):
    """A file or folder that the environment names. Without it the test is skipped, but never in CI."""
    path = os.environ.get(name, "")
    if path and os.path.exists(path):
        return path
    if os.environ.get("CI"):
        raise FileNotFoundError(f"{name}: {path or 'not set'}")
    raise unittest.SkipTest(f"{name} is not set; ./dev test sets it")


def has_libfcgi():
    """Whether weir was built with its second transport. In CI it was."""
    checked = subprocess.run([TEST_APP, "--transport", "libfcgi", "--check"], stderr=subprocess.DEVNULL, check=False)
    return checked.returncode == 0 or bool(os.environ.get("CI"))


def eventually(true, what, seconds=10):
    """Waits until `true()`, for what other processes do in their own time. Returns its value."""
    end = time.monotonic() + seconds
    while not (value := true()):
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.01)
    return value


@contextlib.contextmanager
def folder():
    """A temporary folder that web servers running as somebody else may enter."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="weir-"))
    atexit.register(shutil.rmtree, path, ignore_errors=True)
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path)


def free_port():
    """A port nobody listens on. The address is this process's own, so no other test takes the port meanwhile."""
    pid = os.getpid()
    host = f"127.77.{pid >> 8 & 0xFF}.{pid & 0xFF or 1}"
    with socket.create_server((host, 0)) as probe:
        return probe.getsockname()


class Program:
    """A child process whose output is in a file. At the end of `with` it is told to stop, and how it ends is checked."""

    def __init__(self, command, home, *, env=None, stdin=subprocess.DEVNULL, check=True):
        self.home, self.check = home, check
        self.name = pathlib.Path(command[0]).name
        self.log_path = home / f"{self.name}.log"
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen([str(part) for part in command], cwd=home, env=environment(env), stdin=stdin, stdout=log,
                                            stderr=log)
        self.pid = self.process.pid
        atexit.register(self.stop, check=False)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            self.stop(check=self.check and kind is None)
        finally:
            if kind is not None:
                print("".join(f"# {self.name}: {line}\n" for line in self.log().splitlines()[-40:]), end="")

    def log(self):
        return self.log_path.read_text(errors="replace")

    def lines_since(self, mark):
        return self.log()[mark:].splitlines()

    def wait_until(self, ready, what):
        def ready_or_ended():
            assert self.process.poll() is None, f"{self.name} ended with {self.process.returncode}: {self.log()[-2000:]}"
            return ready()
        return eventually(ready_or_ended, f"{self.name}: {what}")

    def stop(self, sign=signal.SIGTERM, check=True, seconds=20):
        """Ends it and returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(sign)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{self.name} does not stop: {self.log()[-2000:]}") from None
        if check:
            assert status == 0, f"{self.name} ended with {status}: {self.log()[-4000:]}"
            self.check_log()
        return status

    def check_log(self):
        log = self.log()
        assert "Sanitizer" not in log and "runtime error:" not in log, log[-8000:]


class App(Program):
    """A weir app on a unix socket. `settings` are what test_app.c reads: head_ms=300 becomes TEST_HEAD_MS."""

    def __init__(self, home, *arguments, binary=TEST_APP, env=None, **settings):
        self.socket_path = home / f"{binary.name}.sock"
        own = {f"TEST_{name.upper()}": str(value) for name, value in settings.items()}
        super().__init__([binary, "--listen", f"unix:{self.socket_path}", "--socket-mode", "0666", *arguments], home,
                         env={**own, **(env or {})})
        self.wait_until(self.accepts, "listens")

    def accepts(self):
        try:
            self.connect().close()
            return True
        except OSError:
            return False

    def connect(self, timeout=20):
        return fastcgi.Connection(self.socket_path, timeout)

    def ask(self, method="GET", target="/", *args, **more):
        """One request on a connection of its own, straight to the socket."""
        with self.connect() as connection:
            return connection.ask(method, target, *args, **more)

    def counts(self):
        return parse_counts(self.ask("GET", "/counts").body)


def parse_counts(body):
    return {name: int(value) for name, value in (line.split() for line in body.decode().splitlines())}


def parse_echo(body):
    """What GET /echo saw: a dict of its lines, decoded; "fields" and "pairs" are lists of (name, value), field names in lower case."""
    seen = {"fields": [], "pairs": []}
    for line in body.decode().splitlines():
        what, _, value = line.partition(" ")
        name, _, field_value = value.partition(" ")
        if what == "field":
            seen["fields"].append((name.lower(), urllib.parse.unquote(field_value)))
        elif what == "name":
            seen["pairs"].append([urllib.parse.unquote(value)])
        elif what == "value":
            seen["pairs"][-1] = (*seen["pairs"][-1], urllib.parse.unquote(value))
        else:
            seen[what] = urllib.parse.unquote(value)
    return seen


def memory_kb(pid, name):
    """A line of /proc/PID/status, such as VmHWM or RssAnon."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    raise AssertionError(f"no {name} for process {pid}")


def forget_peak(pid):
    """From now on VmHWM is the peak since now (proc(5), clear_refs)."""
    pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")


def publish(binary, home):
    """A copy of a program and its libweir where the web server's user gets at them; paths between the two stay (RUNPATH is relative)."""
    copy = home / "bin" / binary.relative_to(BUILD)
    copy.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(binary, copy)
    for library in BUILD.glob("libweir.so*"):
        if library.is_file():
            shutil.copy(library, home / "bin" / library.name)
    return copy


@contextlib.contextmanager
def store():
    """(URL, file) of a shared-memory store that nobody else has; removed in the end."""
    name = f"test-{os.getpid()}-{next(store_numbers)}"
    file = pathlib.Path(f"/dev/shm/weir-{name}.weir1")
    atexit.register(file.unlink, missing_ok=True)
    try:
        yield f"shm:///{name}?size=8m", file
    finally:
        file.unlink(missing_ok=True)


def unprivileged(directive):
    """Who the web server's children are; only root may say."""
    return directive if os.geteuid() == 0 else ""


class WebServer(Program):
    """Has `addresses`: front name → (host, port)."""

    def __init__(self, command, home, addresses, env=None):
        self.addresses = addresses
        super().__init__(command, home, env=env)
        for address in addresses.values():
            self.wait_until(lambda address=address: self.answers(address), "listens")

    @staticmethod
    def answers(address):
        try:
            socket.create_connection(address, 1).close()
            return True
        except OSError:
            return False


# nginx's own fastcgi.conf, as distributions ship it, shortened by what needs a document root.
NGINX_PARAMS = "".join(f"fastcgi_param {name} {value};\n" for name, value in {
    "QUERY_STRING": "$query_string", "REQUEST_METHOD": "$request_method", "CONTENT_TYPE": "$content_type",
    "CONTENT_LENGTH": "$content_length", "SCRIPT_NAME": "$fastcgi_script_name", "REQUEST_URI": "$request_uri",
    "DOCUMENT_URI": "$document_uri", "SERVER_PROTOCOL": "$server_protocol", "REQUEST_SCHEME": "$scheme",
    "HTTPS": "$https if_not_empty", "GATEWAY_INTERFACE": "CGI/1.1", "SERVER_SOFTWARE": "nginx/$nginx_version",
    "REMOTE_ADDR": "$remote_addr", "REMOTE_PORT": "$remote_port", "SERVER_ADDR": "$server_addr", "SERVER_PORT": "$server_port",
    "SERVER_NAME": "$server_name",
}.items())

NGINX_CONFIG = """
daemon off;
worker_processes 1;
pid {home}/nginx.pid;
error_log stderr warn;
{user}
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {home}/body;
    fastcgi_temp_path {home}/fastcgi;
    proxy_temp_path {home}/proxy;
    scgi_temp_path {home}/scgi;
    uwsgi_temp_path {home}/uwsgi;
    client_max_body_size 0;
    large_client_header_buffers 8 2m;
    fastcgi_buffer_size 32k;
    fastcgi_buffers 8 16k;
    {params}
    upstream kept {{ server unix:{socket}; keepalive 64; }}
    server {{
        listen {kept[0]}:{kept[1]};
        location / {{ fastcgi_pass kept; fastcgi_keep_conn on; }}
    }}
    server {{
        listen {single[0]}:{single[1]};
        fastcgi_request_buffering off;
        fastcgi_buffering off;
        location / {{ fastcgi_pass unix:{socket}; }}
    }}
}}
"""


class Nginx(WebServer):
    """Fronts "nginx_kept" (keeps connections, buffers bodies) and "nginx" (does neither)."""

    def __init__(self, home, socket_path):
        binary = need("WEIR_NGINX")
        addresses = {"nginx_kept": free_port(), "nginx": free_port()}
        config = home / "nginx.conf"
        config.write_text(NGINX_CONFIG.format(home=home, socket=socket_path, params=NGINX_PARAMS, kept=addresses["nginx_kept"],
                                              single=addresses["nginx"], user=unprivileged("user nobody nogroup;")))
        super().__init__([binary, "-e", "stderr", "-p", home, "-c", config], home, addresses)


APACHE_CONFIG = """
ServerRoot {home}
DefaultRuntimeDir {home}
PidFile {home}/apache.pid
ErrorLog /dev/stderr
LogLevel warn
ServerName localhost
{user}
{modules}
LoadModule fcgid_module {fcgid}
ThreadsPerChild 32
MaxRequestWorkers 128
ServerLimit 4
StartServers 1
LimitRequestLine 1048576
AllowEncodedSlashes NoDecode
Listen {apache_kept[0]}:{apache_kept[1]}
Listen {apache[0]}:{apache[1]}
Listen {apache_fcgid[0]}:{apache_fcgid[1]}
Listen {apache_cgi[0]}:{apache_cgi[1]}
<VirtualHost *:{apache_kept[1]}>
    SetEnv ap_trust_cgilike_cl yes
    ProxyPass "/" "unix:{socket}|fcgi://kept/" enablereuse=on
</VirtualHost>
<VirtualHost *:{apache[1]}>
    ProxyPass "/" "unix:{socket}|fcgi://single/" flushpackets=on
</VirtualHost>
FcgidIPCDir {home}/fcgid
FcgidProcessTableFile {home}/fcgid_shm
FcgidMaxProcesses 16
FcgidSpawnScoreUpLimit 100
FcgidMaxRequestLen 2147483648
<VirtualHost *:{apache_fcgid[1]}>
    ScriptAlias "/" "{program}/"
    <Location "/">
        SetHandler fcgid-script
        Options +ExecCGI
    </Location>
    {fcgid_env}
</VirtualHost>
ScriptSock {home}/cgid.sock
<VirtualHost *:{apache_cgi[1]}>
    SetEnv ap_trust_cgilike_cl yes
    ScriptAlias "/" "{program}/"
    {cgi_env}
</VirtualHost>
"""

APACHE_MODULES = ("mpm_event", "authz_core", "alias", "env", "proxy", "proxy_fcgi", "cgid")


class Apache(WebServer):
    """Fronts "apache_kept" (mod_proxy_fcgi, enablereuse=on), "apache" (without), "apache_fcgid" (mod_fcgid) and "apache_cgi" (CGI)."""

    def __init__(self, home, socket_path, binary=TEST_APP):
        program, modules, fcgid = need("WEIR_APACHE"), need("WEIR_APACHE_MODULES"), need("WEIR_MOD_FCGID")
        addresses = {name: free_port() for name in ("apache_kept", "apache", "apache_fcgid", "apache_cgi")}
        config = home / "apache.conf"
        config.write_text(APACHE_CONFIG.format(
            home=home, socket=socket_path, fcgid=fcgid, program=publish(binary, home), user=unprivileged("User nobody\nGroup nogroup"),
            modules="\n".join(f"LoadModule {name}_module {modules}/mod_{name}.so" for name in APACHE_MODULES),
            fcgid_env="\n".join(f"FcgidInitialEnv {name} {value}" for name, value in SANITIZER_OPTIONS.items()),
            cgi_env="\n".join(f"SetEnv {name} {value}" for name, value in SANITIZER_OPTIONS.items()), **addresses))
        super().__init__([program, "-D", "FOREGROUND", "-d", home, "-f", config], home, addresses)


class Shipped(WebServer):
    """An app behind a web server, with one of the configurations that are shipped beside it: `.address`. `shm_url` instead of the store
    that a configuration names."""

    def __init__(self, home, config, shm_url=None, app="showcase"):
        self.address = free_port()
        text = (SOURCE / "apps" / app / config).read_text()
        assert text.count("127.0.0.1:8080") == 1, f"{config}: which port?"
        text = text.replace("127.0.0.1:8080", "{}:{}".format(*self.address))
        if shm_url:
            assert text.count('"shm:///showcase?size=16m"') == 1, f"{config}: which store?"
            text = text.replace("shm:///showcase?size=16m", shm_url)
        (home / config).write_text(text)
        if config in ("apache-fcgid.conf", "apache-cgi.conf"):
            (home / "showcase").symlink_to(publish(SHOWCASE, home))
        if config == "nginx.conf":
            command = [need("WEIR_NGINX"), "-e", "stderr", "-p", home, "-c", home / config, "-g", "daemon off;"]
        else:
            command = [need("WEIR_APACHE"), "-C", f"Define MODULES {need('WEIR_APACHE_MODULES')}",
                       "-C", f"Define MOD_FCGID {need('WEIR_MOD_FCGID')}", "-D", "FOREGROUND", "-d", home, "-f", home / config]
        super().__init__(command, home, {config: self.address})


# The process behind these lives on from request to request and is the App that the test started.
SERVED_BY_APP = ("nginx_kept", "nginx", "apache_kept", "apache")
ALL_FRONTS = (*SERVED_BY_APP, "apache_fcgid", "apache_cgi")

# Apache 2.4.59 and later pass a Content-Length from such programs on only when they are told to (ap_trust_cgilike_cl): this one is not.
WITHOUT_LENGTH = ("apache",)


class Site(contextlib.ExitStack):
    """The test app behind both web servers: `.app`, `.nginx`, `.apache`, and `.addresses` of all fronts."""

    def __init__(self, *arguments, **settings):
        super().__init__()
        with contextlib.ExitStack() as building:
            self.app = building.enter_context(App(building.enter_context(folder()), *arguments, **settings))
            self.nginx = building.enter_context(Nginx(building.enter_context(folder()), self.app.socket_path))
            self.apache = building.enter_context(Apache(building.enter_context(folder()), self.app.socket_path))
            self.addresses = {**self.nginx.addresses, **self.apache.addresses}
            self.push(building.pop_all())


def over(*fronts):
    """Class decorator: a TestCase of its own for each front, which is its `.front`."""
    def make(base):
        module = sys.modules[base.__module__]
        for front in fronts:
            name = f"{base.__name__}_{front}"
            setattr(module, name, type(name, (base, unittest.TestCase), {"front": front, "__module__": base.__module__}))
        return base
    return make
