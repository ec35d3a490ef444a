# SPDX-License-Identifier: Apache-2.0
"""A door before DynamoDB, for tests: checks every signature by its own arithmetic, and can be as difficult as Amazon is now and then.

usage: dynamodb_front.py --port PORT --upstream HOST:PORT [options]

What passes goes to the real server behind it. The signature is recomputed from the request as it came (Signature Version 4, as Amazon's
documentation describes it); one that is wrong is answered as Amazon answers it. It is also the agent of a container and the metadata
service of a machine, which lend the same keys.
"""
import argparse
import hashlib
import hmac
import http.client
import http.server
import itertools
import json
import re
import time
import urllib.parse

AGENT_TOKEN = "agent token"
MACHINE_TOKEN = "machine-token"
ROLES = "/latest/meta-data/iam/security-credentials/"

options = argparse.Namespace()
requests = itertools.count(1)


def hash_hex(data):
    return hashlib.sha256(data).hexdigest()


def sign(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signing_key(secret, date, region, service):
    key = ("AWS4" + secret).encode()
    for part in (date, region, service, "aws4_request"):
        key = sign(key, part)
    return key


def canonical_request(method, target, headers, signed, body):
    path, _, query = target.partition("?")
    pairs = sorted(urllib.parse.parse_qsl(query, keep_blank_values=True))
    lines = [method, urllib.parse.quote(urllib.parse.unquote(path)), urllib.parse.urlencode(pairs, quote_via=urllib.parse.quote)]
    for name in signed:
        lines.append(name + ":" + ",".join(re.sub(" +", " ", value.strip()) for value in headers.get_all(name)))
    return "\n".join([*lines, "", ";".join(signed), hash_hex(body)])


def refusal(method, target, headers, body):
    """Why the request is not let in, as the name of Amazon's error; None when it is."""
    match = re.fullmatch(r"AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})",
                         headers.get("authorization", ""))
    if not match:
        return "MissingAuthenticationTokenException"
    key_id, date, region, service, end = match[1].split("/")
    signed = match[2].split(";")
    if key_id != options.access_key:
        return "UnrecognizedClientException"
    if service != "dynamodb" or end != "aws4_request" or not headers["x-amz-date"].startswith(date):
        return "InvalidSignatureException"
    must = {"host", "x-amz-date"} | {name for name in map(str.lower, headers) if name.startswith("x-amz-")}
    if signed != sorted(signed) or not must <= set(signed) or any(headers.get(name) is None for name in signed):
        return "IncompleteSignatureException"
    if headers.get("x-amz-security-token") != options.token:
        return "UnrecognizedClientException"
    key = signing_key(options.secret, date, region, service)
    scope = "/".join((date, region, service, end))
    canonical = canonical_request(method, target, headers, signed, body)
    to_sign = ["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, hash_hex(canonical.encode())]
    if hmac.compare_digest(sign(key, "\n".join(to_sign)).hex(), match[3]):
        return None
    return "InvalidSignatureException"


def halve(entries):
    half = (len(entries) + 1) // 2
    return entries[:half], entries[half:]


def split_batch(operation, body):
    """A batch cut in two: what is passed on, and what is left unprocessed, in the shape of the answer."""
    request = json.loads(body)
    (table, entries), = request["RequestItems"].items()
    if operation == "BatchGetItem":
        now, later = halve(entries["Keys"])
        left = {table: {**entries, "Keys": later}} if later else {}
        return {"RequestItems": {table: {**entries, "Keys": now}}}, {"UnprocessedKeys": left}
    now, later = halve(entries)
    return {"RequestItems": {table: now}}, {"UnprocessedItems": {table: later} if later else {}}


class Front(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_):
        pass

    def date_time_string(self, timestamp=None):
        return super().date_time_string((timestamp or time.time()) + options.date_shift_s)

    def answer(self, code, body):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/x-amz-json-1.0")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def fail(self, name, message="", code=400):
        self.answer(code, {"__type": "com.amazonaws.dynamodb.v20120810#" + name, "message": message})

    def pass_on(self, body):
        upstream = http.client.HTTPConnection(options.upstream)
        names = ("Content-Type", "X-Amz-Target", "Authorization", "X-Amz-Date")
        upstream.request("POST", self.path, body, {name: self.headers[name] for name in names if self.headers[name]})
        reply = upstream.getresponse()
        data = reply.read()
        upstream.close()
        return reply.status, data

    def do_POST(self):
        number = next(requests)
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        operation = self.headers.get("X-Amz-Target", "").partition(".")[2]
        time.sleep(options.delay_ms / 1000)
        if number <= options.expired:
            return self.fail("ExpiredTokenException")
        wrong = refusal("POST", self.path, self.headers, body)
        if wrong:
            # Amazon's message repeats what should have been signed, with the session's token.
            return self.fail(wrong, f"The Canonical String should have been x-amz-security-token:{options.token}")
        if options.deny and options.deny.encode() in body:
            return self.fail("AccessDeniedException")
        if options.throttle and number % options.throttle == 0:
            return self.fail("ProvisionedThroughputExceededException")
        if options.fail and number % options.fail == 0:
            return self.fail("InternalServerError", code=500)
        if options.starve and operation.startswith("Batch"):
            kind = "UnprocessedKeys" if operation == "BatchGetItem" else "UnprocessedItems"
            return self.answer(200, {"Responses": {}, kind: json.loads(body)["RequestItems"]})
        if options.partial and operation.startswith("Batch"):
            now, unprocessed = split_batch(operation, body)
            status, data = self.pass_on(json.dumps(now))
            return self.answer(status, {**json.loads(data), **unprocessed} if status == 200 else data)
        return self.answer(*self.pass_on(body))

    def lend(self):
        expiration = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + options.lend_s))
        self.answer(200, {"Code": "Success", "AccessKeyId": options.access_key, "SecretAccessKey": options.secret, "Token": options.token,
                          "Expiration": expiration})

    def do_PUT(self):
        if self.path == "/latest/api/token" and self.headers.get("X-aws-ec2-metadata-token-ttl-seconds"):
            return self.answer(200, MACHINE_TOKEN.encode())
        return self.fail("NotFound", code=404)

    def do_GET(self):
        of_machine = self.headers.get("X-aws-ec2-metadata-token") == MACHINE_TOKEN
        if self.path == "/container" and self.headers.get("Authorization") == AGENT_TOKEN:
            return self.lend()
        if self.path == ROLES and of_machine:
            return self.answer(200, b"the-role\n")
        if self.path == ROLES + "the-role" and of_machine:
            return self.lend()
        return self.fail("NotFound", code=401)


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--upstream", required=True)
    parser.add_argument("--access-key", default="AKIDEXAMPLE")
    parser.add_argument("--secret", default="secret")
    parser.add_argument("--token", default=None, help="a session's; requests without it are refused")
    parser.add_argument("--lend-s", type=int, default=3600, help="for how long keys are lent")
    parser.add_argument("--delay-ms", type=int, default=0)
    parser.add_argument("--throttle", type=int, default=0, help="refuse every n-th request for its rate")
    parser.add_argument("--deny", default=None, metavar="TEXT", help="refuse requests with this in them")
    parser.add_argument("--fail", type=int, default=0, help="answer every n-th request with 500")
    parser.add_argument("--expired", type=int, default=0, help="say of the first n requests that their credentials have expired")
    parser.add_argument("--partial", action="store_true", help="leave half of each batch unprocessed")
    parser.add_argument("--starve", action="store_true", help="leave all of each batch unprocessed")
    parser.add_argument("--date-shift-s", type=int, default=0, help="a clock that is ahead")
    parser.parse_args(namespace=options)
    Server((options.host, options.port), Front).serve_forever()


if __name__ == "__main__":
    main()
