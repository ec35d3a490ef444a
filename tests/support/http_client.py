# SPDX-License-Identifier: Apache-2.0
"""An HTTP/1.1 client that sends exactly what it is told; Python's own parses what comes back."""
import contextlib
import http.client
import socket

PERIOD = 251
PATTERN = bytes(range(PERIOD)) * 1045  # as test_app.c makes it: byte i of a large body is i % 251


def pattern(size, at=0):
    """Pieces of a large body that begins at `at`."""
    while size:
        offset = at % PERIOD
        piece = PATTERN[offset:offset + size]
        yield piece
        at += len(piece)
        size -= len(piece)


class Response:
    """`complete` is False for a body that was cut off. With `read_body` False, read_pattern() or close() comes next."""

    def __init__(self, connection, raw, read_body):
        self.connection, self.raw = connection, raw
        self.status, self.fields, self.body, self.complete = raw.status, raw.getheaders(), b"", True
        if read_body:
            self.read()

    def read(self):
        try:
            self.body = self.raw.read()
        except http.client.IncompleteRead as cut:
            self.body, self.complete = cut.partial, False
        except ConnectionResetError:
            self.complete = False

    def all(self, name):
        return [value for known, value in self.fields if known.lower() == name.lower()]

    def field(self, name):
        return next(iter(self.all(name)), None)

    def close(self):
        self.raw.close()
        self.connection.close()

    def read_pattern(self):
        """Reads a large body that was left unread and closes: (bytes, whether all were right). Sets `complete`."""
        size, right = 0, True
        buffer = bytearray(len(PATTERN) - PERIOD)
        try:
            while got := self.raw.readinto(buffer):
                right = right and PATTERN.startswith(buffer[:got], size % PERIOD)
                size += got
            self.complete = size == int(self.field("Content-Length") or size)
        except (http.client.IncompleteRead, ConnectionResetError):
            self.complete = False
        self.close()
        return size, right


class Connection:
    """One connection to (host, port)."""

    def __init__(self, address, timeout=30):
        self.socket = socket.create_connection(address, timeout)
        self.method = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send_head(self, method, target, fields=()):
        self.method = method
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields)]
        if not any(name.lower() == "host" for name, _ in fields):
            lines.insert(1, "Host: localhost")
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())

    def send_pieces(self, pieces, chunked=False):
        """Sends until the server has had enough: an early answer is an answer too."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for piece in pieces:
                self.socket.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            if chunked:
                self.socket.sendall(b"0\r\n\r\n")

    def response(self, read_body=True):
        raw = http.client.HTTPResponse(self.socket, method=self.method)
        raw.begin()
        return Response(self, raw, read_body)


def request(address, method, target, fields=(), body=None, *, pieces=None, size=0, chunked=False, read_body=True, timeout=30):
    """One request on a connection of its own. The body is `body`, or `pieces`, either `size` bytes in all or chunked."""
    fields = [*fields, ("Connection", "close")]
    if body is not None:
        pieces, size = [body], len(body)
    if chunked:
        fields.append(("Transfer-Encoding", "chunked"))
    elif pieces is not None:
        fields.append(("Content-Length", str(size)))
    with contextlib.ExitStack() as stack:
        connection = stack.enter_context(Connection(address, timeout))
        connection.send_head(method, target, fields)
        connection.send_pieces((piece for piece in pieces or () if piece), chunked)
        response = connection.response(read_body)
        if not read_body:
            stack.pop_all()
        return response


def get(address, target, fields=(), **more):
    return request(address, "GET", target, fields, **more)
