# SPDX-License-Identifier: Apache-2.0
"""Apps on DynamoDB, behind a door that recomputes every signature and refuses what is not signed right (dynamodb_front.py)."""
import contextlib
import subprocess
import sys
import unittest

import dynamodb_front
from cache_servers import CacheServer, Dynalite
from programs import SOURCE, TEST_APP, App, environment, eventually, folder

KEY_ID, SECRET, TOKEN = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPx:RfiCY=EXAMPLE", "FwoGZXIvYXdzE/session+token=="
KEYS = {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_SESSION_TOKEN": TOKEN}

# The machine's own settings have no say.
NOWHERE = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null", "AWS_CONFIG_FILE": "/dev/null"}


class Front(CacheServer):
    """The door before `server`, a Dynalite."""

    def __init__(self, home, server, *arguments):
        self.server, self.arguments = server, arguments
        super().__init__(home)

    def command(self, home):
        host, port = self.address
        return [sys.executable, SOURCE / "tests/support/dynamodb_front.py", "--host", host, "--port", port, "--upstream",
                ":".join(map(str, self.server.address)), "--secret", SECRET, "--token", TOKEN, *self.arguments]

    def url(self, **options):
        host, port = self.address
        query = "".join(f"&{name}={value}" for name, value in options.items())
        return (f"dynamodb://weir?region=eu-west-1&create=true&read_timeout_ms=4000&total_timeout_ms=8000"
                f"&endpoint=http://{host}:{port}{query}")


class SignatureExample(unittest.TestCase):
    """The door is no better than its arithmetic: here it is Amazon's own published example (the query of IAM's ListUsers)."""

    def test_key_and_signature_of_amazons_example(self):
        key = dynamodb_front.signing_key("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "20150830", "us-east-1", "iam")
        self.assertEqual(key.hex(), "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9")
        to_sign = ("AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/iam/aws4_request\n"
                   "f536975d06c0309214f805bb90ccff089219ecd68b2577efef23edd43b7e1a59")
        self.assertEqual(dynamodb_front.sign(key, to_sign).hex(), "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7")


class Case(unittest.TestCase):
    def setUp(self):
        self.stack = self.enterContext(contextlib.ExitStack())
        self.server = self.stack.enter_context(Dynalite(self.stack.enter_context(folder())))

    def open_door(self, *arguments):
        return self.stack.enter_context(Front(self.stack.enter_context(folder()), self.server, *arguments))

    def start(self, url, **env):
        settings = {"WEIR_CACHE_BACKEND": url, "WEIR_CACHE_STATUS_HEADER": "X-Weir-Cache", **NOWHERE, **env}
        return self.stack.enter_context(App(self.stack.enter_context(folder()), env=settings))

    def ask(self, app, number):
        answer = app.ask("GET", f"/cached?number={number}")
        self.assertEqual(answer.status, 200)
        return answer.field("X-Weir-Cache")

    def share(self, door):
        """Two apps that know nothing of each other: what one has made the other finds."""
        one, other = self.start(door.url(consistent="true"), **KEYS), self.start(door.url(consistent="true"), **KEYS)
        for number in range(5):
            self.assertEqual(self.ask(one, number), "MISS")
            eventually(lambda: self.ask(one, number) == "HIT", "stored", 20)   # after the answer
            self.assertEqual(self.ask(other, number), "HIT")
        for app in (one, other):
            self.assertNotIn(SECRET, app.log())
            self.assertNotIn(TOKEN, app.log())

    def check(self, url, **env):
        checked = subprocess.run([TEST_APP, "--check"], env=environment({"WEIR_CACHE_BACKEND": url, **NOWHERE, **env}),
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
        return checked.returncode, checked.stderr


    def assert_fine(self, checked):
        self.assertEqual(checked[0], 0, checked[1])


class Sharing(Case):
    def test_apps_share_what_they_have_made(self):
        self.share(self.open_door())

    def test_apps_do_not_notice_that_they_are_throttled(self):
        self.share(self.open_door("--throttle", "3", "--partial"))


class Credentials(Case):
    def test_wrong_ones_are_told_without_them(self):
        door = self.open_door()
        self.assert_fine(self.check(door.url(), **KEYS))
        status, words = self.check(door.url(), **{**KEYS, "AWS_SECRET_ACCESS_KEY": "wrong-secret"})
        self.assertEqual(status, 1)
        self.assertIn("InvalidSignatureException: the secret key, or this machine's clock, is wrong", words)
        self.assertNotIn("wrong-secret", words)
        self.assertNotIn(TOKEN, words)

    def test_wrong_ones_at_the_start(self):
        """It serves without a cache, and does not tell them either."""
        app = self.start(self.open_door().url(), **{**KEYS, "AWS_SECRET_ACCESS_KEY": "wrong-secret"})
        for _ in range(3):
            self.assertEqual(self.ask(app, 1), "MISS")
        self.assertIn("nothing is cached until it answers", app.log())
        self.assertIn("InvalidSignatureException", app.log())
        self.assertNotIn("wrong-secret", app.log())
        self.assertNotIn(TOKEN, app.log())

    def test_there_may_be_none(self):
        status, words = self.check(self.open_door().url())
        self.assertEqual(status, 1)
        self.assertIn("no credentials in the environment, in the profile, of a container or of the machine", words)

    def test_they_come_from_a_profile(self):
        door = self.open_door()
        home = self.stack.enter_context(folder())
        (home / "credentials").write_text(f"[work]\naws_access_key_id = {KEY_ID}\naws_secret_access_key = {SECRET}\n"
                                          f"aws_session_token = {TOKEN}\n")
        self.assert_fine(self.check(door.url(profile="work"), AWS_SHARED_CREDENTIALS_FILE=str(home / "credentials")))
        self.assert_fine(self.check(door.url(), AWS_PROFILE="work", AWS_SHARED_CREDENTIALS_FILE=str(home / "credentials")))

    def test_they_are_lent_to_containers_and_machines(self):
        door = self.open_door()
        host, port = door.address
        self.assert_fine(self.check(door.url(), AWS_EC2_METADATA_DISABLED="", AWS_EC2_METADATA_SERVICE_ENDPOINT=f"http://{host}:{port}"))
        self.assert_fine(self.check(door.url(), AWS_CONTAINER_CREDENTIALS_FULL_URI=f"http://{host}:{port}/container",
                                    AWS_CONTAINER_AUTHORIZATION_TOKEN=dynamodb_front.AGENT_TOKEN))


class BadInput(Case):
    def test_options_that_are_not_known(self):
        status, words = self.check(self.server.url(colour="red"), **KEYS)
        self.assertEqual(status, 2)
        self.assertIn('no option "colour"; known: region, profile, endpoint, create, consistent, ttl_attribute', words)

    def test_region_that_is_not_said(self):
        status, words = self.check("dynamodb://weir", **KEYS, AWS_REGION="", AWS_DEFAULT_REGION="", AWS_ENDPOINT_URL="")
        self.assertEqual(status, 2)
        self.assertIn("no region: neither option region, nor AWS_REGION, nor one in the profile", words)


if __name__ == "__main__":
    unittest.main()
