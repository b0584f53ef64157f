"""AUTH EXTERNAL: who a client's certificate says it is (RFC 4422 A)."""
import os
import ssl
import subprocess

import pytest

import certificates
from server import PASSWORD, Server, free_port
from talk import Talk
from test_clients import MESSAGE
from test_sasl import FROM_USER, USER, b64, mechanisms

# What the certificate says, and for whom one may say to act.
NAMES = {"user": f"email:{USER}", "nobody": "email:nobody@example.org",
         "host": "DNS:client.example.net",
         "two": f"email:{USER},email:other@example.org"}


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("external") / "server")
    certs = {name: certificates.make(server.folder, name, alt)
             for name, alt in NAMES.items()}
    certs["stranger"] = certificates.make(server.folder, "stranger",
                                          f"email:{USER}")
    prints = ", ".join(certificates.fingerprint(certs[name][0])
                       for name in NAMES)
    server.ports["asks"] = free_port()
    with server.conf.open("a") as conf:
        conf.write(f"listen submission on 127.0.0.1:{server.port('asks')} "
                   f"client certificate optional fingerprint {prints}\n"
                   "hold deliveries yes\n")
    yield server.start(), certs
    server.end()


def talk_to(server, pair, port="asks"):
    context = ssl._create_unverified_context()
    if pair is not None:
        context.load_cert_chain(*pair)
    t = Talk(server.port(port))
    t.hello()
    t.ask("STARTTLS", 220)
    t.sock = context.wrap_socket(t.sock)
    return t


@pytest.mark.shows("AUTH-1", "AUTH-2")
@pytest.mark.parametrize("who", ["host", "two", "stranger", None])
def test_not_offered(known, who):
    """No mailbox in it, or two, or not vouched for: a password it is."""
    server, certs = known
    with talk_to(server, certs.get(who)) as t:
        assert "EXTERNAL" not in mechanisms(t.hello())
        assert t.ask("AUTH EXTERNAL =")[0] == 504
        assert t.ask(b"AUTH PLAIN " + b64(f"\0{USER}\0{PASSWORD}"))[0] == 235


@pytest.mark.shows("AUTH-1", "AUTH-2")
def test_not_without_tls(known):
    server, certs = known
    with Talk(server.port("asks")) as t:
        assert not mechanisms(t.hello())
        assert t.ask("AUTH EXTERNAL =")[0] == 538
    with talk_to(server, certs["user"], "submission") as t:
        assert "EXTERNAL" not in mechanisms(t.hello())	# it does not ask


@pytest.mark.shows("AUTH-2", "AUTH-3")
@pytest.mark.parametrize("who,said,code", [
    ("user", "=", 235), ("user", b64(USER).decode(), 235),
    ("user", b64("user").decode(), 235),
    ("user", b64("other@example.org").decode(), 535),
    ("user", b64("user@example.com").decode(), 535),
    ("user", b64("nobody@example.org").decode(), 535),
    ("nobody", "=", 535), ("nobody", b64(USER).decode(), 535),
    ("user", b64("us\0er").decode(), 501), ("user", "!", 501),
])
def test_external(known, who, said, code):
    server, certs = known
    with talk_to(server, certs[who]) as t:
        assert mechanisms(t.hello())[-1] == "EXTERNAL"
        assert t.ask(f"AUTH EXTERNAL {said}")[0] == code
        want = 250 if code == 235 else 530
        assert t.ask(f"MAIL FROM:<{USER}>")[0] == want


@pytest.mark.shows("AUTH-2")
def test_external_later(known):
    server, certs = known
    with talk_to(server, certs["user"]) as t:
        t.hello()
        t.ask("AUTH EXTERNAL", 334)
        assert t.ask("")[0] == 235
        t.mail(FROM_USER + b"\r\nhi\r\n", sender=USER)


# --- programs that nobody here wrote ---

@pytest.mark.ordinary
@pytest.mark.shows("AUTH-2")
def test_msmtp(known):
    server, certs = known
    cert, key = certs["user"]
    before = len(server.rows("queue", "list"))
    done = subprocess.run(
        ["msmtp", "--file=/dev/null", "--host=127.0.0.1",
         f"--port={server.port('asks')}", f"--from={USER}", "--tls=on",
         "--tls-starttls=on", "--tls-certcheck=off", "--auth=external",
         f"--user={USER}", f"--tls-cert-file={cert}", f"--tls-key-file={key}",
         "--debug", USER], input=MESSAGE.format(subject="external"),
        capture_output=True, text=True, timeout=60, env=dict(os.environ))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "AUTH EXTERNAL" in done.stdout + done.stderr
    assert len(server.rows("queue", "list")) == before + 1


@pytest.mark.ordinary
@pytest.mark.shows("AUTH-2")
@pytest.mark.parametrize("who,is_good", [("user", True), ("nobody", False)])
def test_curl(known, who, is_good):
    server, certs = known
    cert, key = certs[who]
    before = len(server.rows("queue", "list"))
    done = subprocess.run(
        ["curl", "-sSv", "--max-time", "30", "--mail-from", USER,
         "--mail-rcpt", USER, "--upload-file", "-", "-k", "--ssl-reqd",
         "--cert", cert, "--key", key, "--user", f"{USER}:",
         "--login-options", "AUTH=EXTERNAL",
         f"smtp://127.0.0.1:{server.port('asks')}"],
        input=MESSAGE.format(subject="curl").replace("\n", "\r\n"), text=True,
        capture_output=True, timeout=60)
    assert "> AUTH EXTERNAL" in done.stderr, done.stderr
    assert (done.returncode == 0) == is_good, done.stderr
    assert len(server.rows("queue", "list")) == before + is_good
