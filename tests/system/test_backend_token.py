"""Tokens whose issuer is asked (RFC 7662), over HTTPS with a CA of its own."""
import base64
import http.server
import json
import os
import signal
import ssl
import threading
import time
import urllib.parse

import pytest

import certificates
from server import PASSWORD, Server, free_port, wait_for
from test_auth_in import plain
from test_backends import GENEROUS, Beside
from test_oauth import WAYS, bearer
from test_sasl import USER, b64, mechanisms

HOST, AUDIENCE, SECRET = "id.example.net", "smtp", "of our's: %41&"


FAILING = 40
FAILS = (f"u{i}@example.org" for i in range(FAILING))


class Issuer(http.server.ThreadingHTTPServer):
    """What it says of a token is in `said`: a status, and octets or an object."""
    daemon_threads = True

    def __init__(self, folder, names=f"DNS:{HOST}"):
        self.cert, key = certificates.make(folder, "issuer", names)
        self.said, self.asked = {}, []
        self.open = threading.Event()
        self.open.set()
        self.port = free_port()
        super().__init__(("127.0.0.1", self.port), Asked)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.cert, key)
        self.socket = context.wrap_socket(self.socket, server_side=True,
                                          do_handshake_on_connect=False)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, *_):
        pass

    def token(self, user=USER, status=200, octets=None, **said):
        token = base64.urlsafe_b64encode(os.urandom(24)).decode()
        answer = {"active": True, "aud": [AUDIENCE], "scope": "mail smtp",
                  "iss": f"https://{HOST}", "username": user,
                  "exp": int(time.time()) + 300, **said}
        self.said[token] = (status, octets if octets is not None else
                            json.dumps(answer).encode())
        return token

    def close(self):
        self.open.set()
        self.shutdown()
        self.server_close()


class Asked(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = urllib.parse.parse_qs(text)
        self.server.asked.append((self.path, self.headers, form))
        self.server.open.wait(60)
        status, octets = self.server.said.get(
            form["token"][0], (200, b'{"active": false}'))
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(octets)))
        if status // 100 == 3:
            self.send_header("Location", self.path)
        self.end_headers()
        self.wfile.write(octets)


class Asking(Beside):
    """It is an issuer, the file of whose CA the back end reads itself."""

    def __init__(self, host=HOST, ca=None):
        super().__init__()
        folder = self.folder
        if ca is not None:
            ca = certificates.make(folder, *ca)[0]
        self.outside = Issuer(folder)
        secret = folder / "secret"
        secret.write_text(SECRET + "\n")
        secret.chmod(0o600)
        self.server = Server(
            folder / "server", extra=GENEROUS + "hold deliveries\n"
            f"oauth issuer https://{HOST} audience {AUDIENCE} introspect "
            f"https://{host}:{self.outside.port}/introspect at 127.0.0.1 "
            f"client \"post horse\" secret-file {secret} "
            f"ca-file {ca or self.outside.cert} scope smtp\n")
        # Who failed waits longer and longer: a user for each that fails.
        users = self.server.folder / "users"
        line = next(x for x in users.read_text().splitlines(True)
                    if x.startswith("user:"))
        with open(users, "a") as f:
            f.writelines(f"u{i}{line[4:]}" for i in range(FAILING))
        self.begin()

    def code(self, token, user=USER, way="OAUTHBEARER"):
        with self.talk() as t:
            reply = t.ask(f"AUTH {way} " + WAYS[way](token, user))
            if reply[0] == 334:		# RFC 7628 3.2.3
                reply = t.ask(b64("\1"))
            return reply[0]


@pytest.fixture(scope="module")
def asking():
    made = Asking()
    yield made
    made.close()


@pytest.mark.shows("AUTH-2", "AUTH-3")
@pytest.mark.parametrize("way", WAYS)
def test_asks(asking, way):
    """What is asked, of whom, and that it names the user."""
    token = asking.outside.token()
    with asking.talk() as t:
        assert {"OAUTHBEARER", "XOAUTH2"} <= set(mechanisms(t.hello()))
    assert asking.code(token, way=way) == 235, asking.server.log_tail()
    path, headers, form = asking.outside.asked[-1]
    assert path == "/introspect" and form["token"] == [token]
    said = base64.b64decode(headers["Authorization"].split()[1]).decode()
    name, _, secret = said.partition(":")
    assert urllib.parse.unquote(name) == "post horse"
    assert urllib.parse.unquote(secret) == SECRET
    assert headers["Host"].startswith(HOST)


@pytest.mark.shows("AUTH-2")
def test_token_names_the_user(asking):
    with asking.talk() as t:
        assert t.ask("AUTH OAUTHBEARER "
                     + bearer(asking.outside.token(), ""))[0] == 235
        assert t.ask(f"MAIL FROM:<{USER}>")[0] == 250


NO = {
    "unknown": None,
    "not active": dict(active=False),
    "for others": dict(aud="imap"),
    "for nobody": dict(aud=None),
    "of another issuer": dict(iss="https://elsewhere.example"),
    "over": dict(exp=1),
    "not yet": dict(nbf=int(time.time()) + 3600),
    "of another scope": dict(scope="mail imap"),
    "of nobody": dict(username=None),
    "of nobody here": dict(username="nobody@example.org"),
    "of another user": dict(username="other@example.org"),
    "of a long name": dict(username="a" * 255),
}


@pytest.mark.shows("AUTH-2", "AUTH-3")
@pytest.mark.parametrize("case", NO)
def test_refused(asking, case):
    user = next(FAILS)
    token = "never-heard-of-it" if NO[case] is None else \
        asking.outside.token(**{"username": user, **NO[case]})
    assert asking.code(token, user) == 535
    assert asking.code(asking.outside.token(user), user) == 235


LATER = {
    "no JSON": dict(octets=b"<html>"), "nothing": dict(octets=b""),
    "no word of it": dict(octets=b"{}"),
    "too much": dict(octets=b'{"active":true}' + b" " * 65536),
    "far too much": dict(octets=b" " * 1000000),
    "deep": dict(octets=b"[" * 60000),
    "401": dict(status=401), "500": dict(status=500),
    "elsewhere": dict(status=307),
}


@pytest.mark.shows("AUTH-2", "MEM-3")
@pytest.mark.parametrize("case", LATER)
def test_no_answer(asking, case):
    """Nothing that can be taken for a no: try again."""
    assert asking.code(asking.outside.token(**LATER[case])) == 454
    assert asking.code(asking.outside.token()) == 235


@pytest.mark.shows("AUTH-2")
def test_kept_for_a_moment(asking):
    """A yes is not asked for again at once; a no is."""
    token = asking.outside.token()
    before = len(asking.outside.asked)
    assert [asking.code(token) for _ in range(5)] == [235] * 5
    assert len(asking.outside.asked) == before + 1
    user = next(FAILS)
    bad = asking.outside.token(user, active=False)
    assert [asking.code(bad, user) for _ in range(2)] == [535] * 2
    assert len(asking.outside.asked) == before + 3
    # Not longer than it is good.
    user = next(FAILS)
    short = asking.outside.token(user, exp=int(time.time()) + 3)
    assert asking.code(short, user) == 235
    asking.outside.said[short] = (200, b'{"active": false}')
    assert wait_for(lambda: asking.code(short, user) == 535, 20)


@pytest.mark.shows("AUTH-7", "OPS-6")
@pytest.mark.timeout(300)
def test_issuer_away_or_silent(asking):
    pid = asking.server.roles()["backend-token"][0]
    tokens = [asking.outside.token() for _ in range(3)]
    asking.outside.open.clear()
    try:
        with asking.talk() as t:
            t.raw(f"AUTH OAUTHBEARER {bearer(tokens[0])}\r\n".encode())
            with asking.talk() as other:
                assert other.ask(b"AUTH PLAIN "
                                 + plain(USER, PASSWORD))[0] == 235
            assert t.reply()[0] == 454
    finally:
        asking.outside.open.set()
    assert wait_for(lambda: asking.code(tokens[1]) == 235, 20)
    os.kill(pid, signal.SIGSTOP)
    try:
        assert asking.code(tokens[2]) == 454
    finally:
        os.kill(pid, signal.SIGCONT)
    os.kill(pid, signal.SIGKILL)
    assert wait_for(lambda: asking.code(tokens[2]) == 235, 20)
    log = asking.server.log.read_text(errors="replace")
    assert "backend-trouble" in log
    for secret in (*tokens, SECRET):
        assert secret not in log


@pytest.mark.shows("TLS-11")
@pytest.mark.parametrize("kind", ["another name", "another authority", "gone"])
def test_who_it_is(kind):
    asking = Asking(host="id.example.com" if kind == "another name" else HOST,
                    ca=("other", f"DNS:{HOST}")
                    if kind == "another authority" else None)
    try:
        if kind == "gone":
            asking.outside.shutdown()
            asking.outside.server_close()
        assert asking.code(asking.outside.token()) == 454
        assert not asking.outside.asked
    finally:
        asking.close()
