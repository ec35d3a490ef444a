# SPDX-License-Identifier: Apache-2.0
"""A FastCGI client on a socket, that can also do what no web server does (FastCGI specification 1.0)."""
import socket
import struct
import urllib.parse

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT, STDERR, DATA, GET_VALUES, GET_VALUES_RESULT, UNKNOWN_TYPE = range(1, 12)
RESPONDER, AUTHORIZER, FILTER = 1, 2, 3
KEEP_CONNECTION = 1
REQUEST_COMPLETE, CANNOT_MULTIPLEX, OVERLOADED, UNKNOWN_ROLE = range(4)
RECORD_MAX = 65535


def record(kind, content=b"", request_id=1, padding=0):
    return struct.pack(">BBHHBB", 1, kind, request_id, len(content), padding, 0) + content + bytes(padding)


def stream(kind, content, request_id=1, piece=RECORD_MAX, padding=0):
    """Records for the content, and the empty one that ends the stream, which is not padded."""
    pieces = [content[at:at + piece] for at in range(0, len(content), piece)]
    return b"".join(record(kind, part, request_id, padding) for part in pieces) + record(kind, b"", request_id)


def begin(keep=False, role=RESPONDER, request_id=1):
    return record(BEGIN, struct.pack(">HB5x", role, KEEP_CONNECTION * keep), request_id)


def length(number):
    return bytes([number]) if number < 128 else struct.pack(">I", number | 1 << 31)


def pairs(items):
    """Name-value pairs; text becomes UTF-8."""
    encoded = [tuple(part if isinstance(part, bytes) else str(part).encode() for part in item) for item in items]
    return b"".join(length(len(name)) + length(len(value)) + name + value for name, value in encoded)


def parse_pairs(data):
    found, at = [], 0
    while at < len(data):
        sizes = []
        for _ in range(2):
            wide = data[at] >= 128
            sizes.append(struct.unpack_from(">I", data, at)[0] & 0x7FFFFFFF if wide else data[at])
            at += 4 if wide else 1
        name, value = data[at:at + sizes[0]], data[at + sizes[0]:at + sum(sizes)]
        found.append((name.decode(), value.decode()))
        at += sum(sizes)
    return found


def cgi_params(method="GET", target="/", fields=(), body_length=None, **more):
    """What a web server would send: a list, because names may repeat. `more` replaces or adds variables, None leaves one out."""
    path, _, query = target.partition("?")
    params = {
        "REQUEST_METHOD": method, "REQUEST_URI": target, "SCRIPT_NAME": urllib.parse.unquote(path), "QUERY_STRING": query,
        "SERVER_PROTOCOL": "HTTP/1.1", "GATEWAY_INTERFACE": "CGI/1.1", "SERVER_SOFTWARE": "fastcgi.py", "SERVER_NAME": "localhost",
        "SERVER_PORT": "80", "REMOTE_ADDR": "127.0.0.1", "CONTENT_LENGTH": "" if body_length is None else str(body_length),
    }
    params.update(more)
    named = [("HTTP_" + name.upper().replace("-", "_"), value) for name, value in [("Host", "localhost"), *fields]]
    return [(name, value) for name, value in params.items() if value is not None] + named


def head(method="GET", target="/", fields=(), keep=False, request_id=1, **more):
    """A request up to the end of its params."""
    return begin(keep, request_id=request_id) + stream(PARAMS, pairs(cgi_params(method, target, fields, **more)), request_id)


def request(method="GET", target="/", body=b"", fields=(), keep=False, request_id=1, **more):
    """The bytes of a whole request."""
    more.setdefault("body_length", len(body) if body else None)
    return head(method, target, fields, keep, request_id, **more) + stream(STDIN, body, request_id)


class Closed(Exception):
    """The other side closed the connection in the middle of an answer."""


class Answer:
    """One answer: CGI's Status and fields, the body, and how the request ended."""

    def __init__(self, output, errors, app_status, protocol_status):
        self.output, self.errors, self.app_status, self.protocol_status = output, errors, app_status, protocol_status
        head, self.separator, self.body = output.partition(b"\r\n\r\n")
        lines = [line.decode("latin-1").partition(":") for line in head.split(b"\r\n") if line]
        self.fields = [(name, value.strip()) for name, _, value in lines if name != "Status"]
        self.status = int(next((value.split()[0] for name, _, value in lines if name == "Status"), 200 if output else 0))

    def all(self, name):
        return [value for known, value in self.fields if known.lower() == name.lower()]

    def field(self, name):
        return next(iter(self.all(name)), None)


class Connection:
    def __init__(self, path, timeout=20):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        try:
            self.socket.connect(str(path))
        except OSError:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def send_what_it_takes(self, data):
        """Sends until the other side closes. False when it did."""
        try:
            self.socket.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError):
            return False

    def receive(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise Closed(f"after {len(data)} of {size} bytes")
            data += part
        return data

    def record(self):
        """(kind, request id, content); None when the connection is closed before another record."""
        try:
            first = self.socket.recv(1)
        except ConnectionResetError:
            return None
        if not first:
            return None
        version, kind, request_id, size, padding = struct.unpack(">BBHHBx", first + self.receive(7))
        content = self.receive(size + padding)[:size]
        assert version == 1, f"a record of version {version}"
        return kind, request_id, content

    def answer(self, request_id=1):
        """The answer to a request; records of other requests are an error."""
        output, errors = [], []
        while True:
            got = self.record()
            if got is None:
                raise Closed("before the end of the answer")
            kind, of, content = got
            assert of == request_id, f"a record of request {of}, not {request_id}"
            if kind == END:
                app_status, protocol_status = struct.unpack(">IB3x", content)
                return Answer(b"".join(output), b"".join(errors), app_status, protocol_status)
            assert kind in (STDOUT, STDERR), f"a record of type {kind}"
            (output if kind == STDOUT else errors).append(content)

    def ask(self, method="GET", target="/", *args, **more):
        self.send(request(method, target, *args, **more))
        return self.answer(more.get("request_id", 1))

    def is_closed(self):
        """Waits (up to the time-out) for the other side to close; what it still sends is dropped."""
        try:
            while self.socket.recv(65536):
                pass
            return True
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False
