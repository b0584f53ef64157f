"""Mechanisms of AUTH beyond a password in the clear."""
import base64
import os
import signal
import subprocess

import pytest

from scram import Scram
from server import PASSWORD, wait_for
from talk import STRANGERS, Talk
from test_clients import MESSAGE

USER = "user@example.org"
FROM_USER = b"From: user@example.org\r\nSubject: mine\r\n"


def stranger(s):
    return Talk(s.port("submissions"), tls=True, source=next(STRANGERS))


def b64(text):
    return base64.b64encode(text.encode() if isinstance(text, str) else text)


def text_of(reply):
    """What a 334 asks."""
    assert reply[0] == 334, reply
    return base64.b64decode(reply[1]).decode()


def mechanisms(hello):
    for line in hello.splitlines():
        if line.startswith("AUTH "):
            return line.split()[1:]
    return []


def log_in(t, scram, mechanism="SCRAM-SHA-256"):
    """The last reply, and whether the server has proved itself."""
    reply = t.ask(f"AUTH {mechanism} {b64(scram.first()).decode()}")
    if reply[0] != 334:
        return reply
    reply = t.ask(b64(scram.final(text_of(reply))))
    if reply[0] != 334:
        return reply
    scram.check(text_of(reply))
    return t.ask("")


@pytest.fixture
def talk(running):
    with stranger(running) as t:
        yield t


@pytest.mark.shows("AUTH-1", "AUTH-2")
def test_scram_is_offered(running):
    with stranger(running) as t:
        assert mechanisms(t.hello())[:4] == [
            "PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"]
    for port in ("submission", "mx", "relay"):
        with Talk(running.port(port)) as t:
            assert not mechanisms(t.hello())
            code, _ = t.ask(b"AUTH SCRAM-SHA-256 " + b64("n,,n=user,r=x"))
            assert code in (502, 538)


@pytest.mark.shows("AUTH-2")
def test_scram_logs_in(talk):
    talk.hello()
    assert log_in(talk, Scram(USER, PASSWORD)) == (235, "2.7.0 Authenticated")
    talk.mail(FROM_USER + b"\r\nhi\r\n", sender=USER)


@pytest.mark.shows("AUTH-3", "AUTH-4")
@pytest.mark.parametrize("user,password,gs2,code", [
    ("user", PASSWORD, "n,,", 235),
    ("USER@EXAMPLE.ORG", PASSWORD, "n,,", 235),
    (USER, PASSWORD, f"n,a={USER},", 235),
    (USER, PASSWORD, "n,a=other@example.org,", 535),
    (USER, "wrong", "n,,", 535),
    ("nobody@example.org", PASSWORD, "n,,", 535),
    ("user@example.com", PASSWORD, "n,,", 535),
    ("user+x@example.org", PASSWORD, "n,,", 535),
    ("'; --", PASSWORD, "n,,", 535),
    ("a,b=c", PASSWORD, "n,,", 535),
    (USER, PASSWORD, "y,,", 535),		# PLUS was offered
])
def test_scram_of(running, user, password, gs2, code):
    with stranger(running) as t:
        t.hello()
        assert log_in(t, Scram(user, password, gs2))[0] == code
        want = 250 if code == 235 else 530
        assert t.ask(f"MAIL FROM:<{USER}>")[0] == want


@pytest.mark.shows("AUTH-4")
def test_scram_of_nobody(running):
    """A salt that stays, as many iterations, and the same words."""
    salts = {}
    for user in ("nobody@example.org", "nobody@example.org", USER, USER,
                 "nothere@example.org"):
        with stranger(running) as t:
            t.hello()
            scram = Scram(user, "wrong")
            assert log_in(t, scram) == (535, "5.7.8 Authentication failed")
            salts.setdefault(user, set()).add((scram.salt, scram.iterations))
    assert all(len(said) == 1 for said in salts.values()), salts
    assert len({salt for said in salts.values() for salt, _ in said}) == 3
    assert len({n for said in salts.values() for _, n in said}) == 1


@pytest.mark.shows("AUTH-7")
@pytest.mark.parametrize("line", [b"*", b"!!!", b"YQ=", b"", b"=",
                                  b"A" * 12286, b"A" * 12287])
@pytest.mark.parametrize("step", range(3))
def test_scram_left_at(running, step, line):
    """No step but the last makes a user; the session stays in step."""
    with stranger(running) as t:
        t.hello()
        scram = Scram(USER, PASSWORD)
        reply = t.ask("AUTH SCRAM-SHA-256")
        if step >= 1:
            reply = t.ask(b64(scram.first()))
        if step >= 2:
            reply = t.ask(b64(scram.final(text_of(reply))))
        assert reply[0] == 334
        code, _ = t.ask(line)
        if step == 2 and line == b"":
            assert code == 235		# that is the last step
            return
        assert code in (500, 501, 535), code
        assert t.ask(f"MAIL FROM:<{USER}>")[0] == 530
        assert log_in(t, Scram(USER, PASSWORD))[0] == 235


@pytest.mark.shows("AUTH-7")
def test_scram_proof_is_of_one_exchange(running):
    """What was a proof once is none in the next exchange."""
    with stranger(running) as t:
        t.hello()
        scram = Scram(USER, PASSWORD)
        first = b64(scram.first()).decode()
        final = b64(scram.final(text_of(t.ask(
            f"AUTH SCRAM-SHA-256 {first}"))))
        t.ask("*")
        assert t.ask(f"AUTH SCRAM-SHA-256 {first}")[0] == 334
        assert t.ask(final)[0] == 535


@pytest.mark.shows("AUTH-2")
def test_scram_needs_a_verifier_of_each(make_server):
    """One line without, and nobody is offered what not all can use."""
    s = make_server()
    users = s.folder / "users"
    lines = users.read_text().splitlines()
    assert all(line.count("SCRAM-SHA-256$") == 1 for line in lines)
    users.write_text("\n".join([lines[0], lines[1].split(":SCRAM")[0]]) + "\n")
    s.start()
    with stranger(s) as t:
        assert mechanisms(t.hello()) == ["PLAIN", "LOGIN"]
        assert t.ask("AUTH SCRAM-SHA-256")[0] == 504
        assert t.ask(b"AUTH PLAIN " + b64(f"\0other\0{PASSWORD}"))[0] == 235
    assert wait_for(lambda: "scram-withheld domain=example.org user=other" in
                    s.log.read_text(), 5)
    s.command("user", "passwd", "other@example.org", stdin="another 1\n")
    # A new file is there within two seconds, and so is the offer.
    def offered():
        with stranger(s) as t:
            return "SCRAM-SHA-256" in mechanisms(t.hello())
    assert wait_for(offered, 10)
    with stranger(s) as t:
        t.hello()
        assert log_in(t, Scram("other", "another 1"))[0] == 235


@pytest.mark.shows("AUTH-2")
def test_password_that_is_not_ascii(make_server):
    """Typed composed or decomposed: SASLprep makes it the same (RFC 4013)."""
    s = make_server()
    s.add_user("third", "gr\u00fc\u00dfe\u00a0dich")
    s.start()
    with stranger(s) as t:
        t.hello()
        assert log_in(t, Scram("third", "gr\u00fc\u00dfe dich"))[0] == 235


@pytest.mark.shows("OPS-6", "AUTH-7")
@pytest.mark.parametrize("step", ["salt", "proof"])
def test_lookup_stands_still(make_server, step):
    """454 for this session, and the next try finds it awake."""
    s = make_server().start()
    with stranger(s) as t:
        t.hello()
        scram = Scram(USER, PASSWORD)
        first = "AUTH SCRAM-SHA-256 " + b64(scram.first()).decode()
        if step == "salt":
            s.kill_role("lookup", signal.SIGSTOP)
            code, _ = t.ask(first)
        else:
            final = b64(scram.final(text_of(t.ask(first))))
            s.kill_role("lookup", signal.SIGSTOP)
            code, _ = t.ask(final)
        assert code == 454
        s.kill_role("lookup", signal.SIGCONT)
        assert t.ask(f"MAIL FROM:<{USER}>")[0] == 530
        assert wait_for(lambda: log_in(t, Scram(USER, PASSWORD))[0] == 235,
                        20, 0.5)


# --- programs that nobody here wrote ---

def gsasl(s, mechanism, password, *more):
    """Its exit status, and what crossed."""
    done = subprocess.run(
        ["gsasl", "-d", "--smtp", "--mechanism", mechanism, "-a", USER,
         "-p", password, f"--x509-ca-file={s.folder}/cert.pem", *more,
         "--connect", f"localhost:{s.port('submission')}"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30)
    return done.returncode, done.stdout + done.stderr


@pytest.mark.ordinary
@pytest.mark.shows("AUTH-2", "AUTH-4")
@pytest.mark.parametrize("mechanism,more", [
    ("PLAIN", ["-z", USER]), ("LOGIN", []), ("SCRAM-SHA-256", ["--no-cb"]),
    ("SCRAM-SHA-256-PLUS", [])], ids=lambda x: x if isinstance(x, str) else "")
def test_gsasl(running, mechanism, more):
    status, said = gsasl(running, mechanism, PASSWORD, *more)
    assert status == 0 and "235 2.7.0" in said, said
    assert f"AUTH {mechanism}\n" in said, said
    status, said = gsasl(running, mechanism, "wrong", *more)
    assert status != 0 and "535 5.7.8" in said and "235 " not in said, said


def msmtp(s, auth, port, starttls, secret):
    """What crossed; the mail is taken."""
    before = len(s.rows("queue", "list"))
    done = subprocess.run(
        ["msmtp", "--file=/dev/null", "--host=127.0.0.1",
         f"--port={s.port(port)}", f"--from={USER}", "--tls=on",
         f"--tls-starttls={starttls}", "--tls-certcheck=off",
         f"--auth={auth}", f"--user={USER}",
         "--passwordeval=printenv TEST_SECRET", "--debug", USER],
        input=MESSAGE.format(subject=auth), capture_output=True, text=True,
        timeout=60, env=dict(os.environ, TEST_SECRET=secret))
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(s.rows("queue", "list")) == before + 1
    return done.stdout + done.stderr


@pytest.mark.ordinary
@pytest.mark.shows("AUTH-2")
@pytest.mark.parametrize("port,starttls", [("submission", "on"),
                                           ("submissions", "off")])
def test_msmtp(running, port, starttls):
    said = msmtp(running, "scram-sha-256", port, starttls, PASSWORD)
    assert "AUTH SCRAM-SHA-256\n" in said, said


@pytest.mark.shows("AUTH-7", "PRV-4")
@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
def test_longest_name(make_server, mechanism):
    """The longest name there is, in the longest domain, which is the only one:
    refused, and no role goes for it."""
    server = make_server(change=lambda text:
                         text.replace("receivers 2", "receivers 1"))
    server.conf.write_text(server.conf.read_text().replace(
        "domain example.org", "domain " + ".".join(["d" * 63] * 3) + ".de"))
    server.start(wait=False)
    port = server.port("submissions")
    assert wait_for(lambda: " serving " in server.log_tail(), 20)
    with Talk(port, tls=True) as stays, Talk(port, tls=True) as t:
        t.hello()
        name = "n" * 254
        if mechanism == "PLAIN":
            said = b64(b"\0" + name.encode() + b"\0wrong").decode()
            reply = t.ask(f"AUTH PLAIN {said}")
        else:
            reply = log_in(t, Scram(name, "wrong"))
        assert reply[0] == 535, reply
        stays.ask("NOOP", 250)
