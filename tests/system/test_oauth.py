"""Access tokens in place of passwords: OAUTHBEARER and XOAUTH2."""
import base64
import json
import smtplib
import ssl
import subprocess
import time

import pytest

from oauth import Issuer
from server import Server, wait_for
from talk import STRANGERS, Talk
from test_clients import MESSAGE, nodemailer
from test_sasl import FROM_USER, USER, b64, mechanisms, msmtp, text_of


@pytest.fixture(scope="module")
def issuer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("issuer")
    folder.chmod(0o755)
    for up in folder.parents[:2]:
        up.chmod(0o755)
    return Issuer(folder)


FAILING = 40
USERS = (f"u{i}@example.org" for i in range(FAILING))


@pytest.fixture(scope="module")
def trusting(tmp_path_factory, issuer):
    """A server that takes its tokens."""
    s = Server(tmp_path_factory.mktemp("oauth") / "server",
               extra=issuer.statement() + "limit auth-per-minute 100000\n"
               "limit auth-per-day 100000\nlimit auth-per-account 100000\n"
               "limit auth-per-session 100\nlimit errors 1000\n"
               "limit errors-soft 1000\nhold deliveries\n")
    # Who failed waits longer and longer: a user for each that fails.
    users = s.folder / "users"
    line = next(x for x in users.read_text().splitlines(True)
                if x.startswith("user:"))
    with open(users, "a") as f:
        f.writelines(f"u{i}{line[4:]}" for i in range(FAILING))
    s.start()

    def offered():
        with stranger(s) as t:
            return "XOAUTH2" in mechanisms(t.hello())
    assert wait_for(offered, 10), s.log_tail()
    yield s
    s.end()


def stranger(s):
    return Talk(s.port("submissions"), tls=True, source=next(STRANGERS))


def bearer(token, user=USER, more=""):
    gs2 = f"n,a={user}," if user else "n,,"
    return b64(f"{gs2}\1host=mx.example.org\1port=587\1"
               f"auth=Bearer {token}\1\1{more}").decode()


def xoauth2(token, user=USER):
    return b64(f"user={user}\1auth=Bearer {token}\1\1").decode()


WAYS = {"OAUTHBEARER": bearer, "XOAUTH2": xoauth2}


@pytest.mark.shows("AUTH-1", "AUTH-2")
def test_offered_where_configured(running, trusting):
    with stranger(trusting) as t:
        assert mechanisms(t.hello()) == [
            "PLAIN", "LOGIN", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS",
            "OAUTHBEARER", "XOAUTH2"]
    with Talk(trusting.port("submission")) as t:
        assert not mechanisms(t.hello())
        assert t.ask("AUTH XOAUTH2")[0] == 538
    with stranger(running) as t:
        assert "XOAUTH2" not in mechanisms(t.hello())
        assert t.ask("AUTH XOAUTH2")[0] == 504


@pytest.mark.shows("AUTH-2", "AUTH-3")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("how", ["initial", "later"])
def test_token_logs_in(trusting, issuer, way, how):
    said = WAYS[way](issuer.token(USER))
    with stranger(trusting) as t:
        t.hello()
        if how == "later":
            t.ask(f"AUTH {way}", 334)
            assert t.ask(said) == (235, "2.7.0 Authenticated")
        else:
            assert t.ask(f"AUTH {way} {said}")[0] == 235
        t.mail(FROM_USER + b"\r\nhi\r\n", sender=USER)


@pytest.mark.shows("AUTH-2")
def test_token_names_the_user(trusting, issuer):
    """RFC 7628 3.1: no authzid, then the token says who it is."""
    with stranger(trusting) as t:
        t.hello()
        assert t.ask("AUTH OAUTHBEARER " + bearer(issuer.token(USER), ""))[0] \
            == 235
        client = t.sock.getsockname()[0]
    assert wait_for(lambda: f"auth-ok client={client} user={USER}" in
                    trusting.log_tail(100))


BAD = {
    "over": dict(exp=int(time.time()) - 3600),
    "not yet": dict(nbf=int(time.time()) + 3600),
    "endless": dict(exp=None),
    "for others": dict(aud="imap"),
    "of another issuer": dict(iss="https://elsewhere.example"),
    "of nobody here": dict(sub="nobody@example.org"),
    "of another user": dict(sub="other@example.org"),
    "of another domain": dict(sub="user@example.com"),
    "unsigned": dict(header={"alg": "none"}),
    "HMAC": dict(header={"alg": "HS256", "kid": "issuer"}),
}


@pytest.mark.shows("AUTH-2", "AUTH-3", "AUTH-7")
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", BAD)
def test_bad_token(trusting, issuer, way, kind):
    """An error in JSON, a line of the client, 535 (RFC 7628 3.2.3)."""
    user = next(USERS)
    said = WAYS[way](issuer.token(user, **BAD[kind]), user)
    with stranger(trusting) as t:
        t.hello()
        error = json.loads(text_of(t.ask(f"AUTH {way} {said}")))
        assert error["status"] in ("invalid_token", "401")
        assert t.ask(b64("\1")) == (535, "5.7.8 Authentication failed")
        assert t.ask(f"MAIL FROM:<{user}>")[0] == 530
        good = WAYS[way](issuer.token(user), user)
        assert t.ask(f"AUTH {way} {good}")[0] == 235


@pytest.mark.shows("AUTH-2")
def test_token_of_another_key(trusting, tmp_path):
    user = next(USERS)
    token = Issuer(tmp_path).token(user)
    with stranger(trusting) as t:
        t.hello()
        assert t.ask("AUTH OAUTHBEARER " + bearer(token, user))[0] == 334
        assert t.ask("")[0] == 535


@pytest.mark.shows("AUTH-7", "LOG-2")
@pytest.mark.parametrize("line", [b"*", b"!!!", b"=", b"AA==", b"A" * 12286,
                                  b"A" * 12287])
def test_no_token(trusting, line):
    with stranger(trusting) as t:
        t.hello()
        t.ask("AUTH OAUTHBEARER", 334)
        assert t.ask(line)[0] in (500, 501)
        assert t.ask(f"MAIL FROM:<{USER}>")[0] == 530


@pytest.mark.shows("LOG-2")
def test_tokens_are_not_logged(trusting, issuer):
    token = issuer.token(USER)
    with stranger(trusting) as t:
        t.hello()
        assert t.ask("AUTH XOAUTH2 " + xoauth2(token))[0] == 235
    log = trusting.log.read_text(errors="replace")
    assert token.rpartition(".")[2] not in log
    assert xoauth2(token) not in log


# --- programs that nobody here wrote ---

@pytest.mark.ordinary
@pytest.mark.shows("AUTH-2")
@pytest.mark.parametrize("auth", ["oauthbearer", "xoauth2"])
def test_msmtp(trusting, issuer, auth):
    said = msmtp(trusting, auth, "submission", "on", issuer.token(USER))
    assert f"AUTH {auth.upper()}" in said, said


@pytest.mark.ordinary
@pytest.mark.shows("AUTH-2")
@pytest.mark.parametrize("is_good", [True, False])
def test_curl(trusting, issuer, is_good):
    """Of the two it takes OAUTHBEARER, whatever it is told."""
    before = len(trusting.rows("queue", "list"))
    token = issuer.token(USER, **({} if is_good else {"aud": "imap"}))
    done = subprocess.run(
        ["curl", "-sSv", "--max-time", "30", "--mail-from", USER,
         "--mail-rcpt", USER, "--upload-file", "-", "-k", "--ssl-reqd",
         "--user", USER, "--oauth2-bearer", token,
         f"smtp://127.0.0.1:{trusting.port('submission')}"],
        input=MESSAGE.format(subject="curl").replace("\n", "\r\n"), text=True,
        capture_output=True, timeout=60)
    assert "> AUTH OAUTHBEARER" in done.stderr, done.stderr
    assert (done.returncode == 0) == is_good, done.stderr
    assert is_good or "535 5.7.8" in done.stderr, done.stderr
    assert len(trusting.rows("queue", "list")) == before + is_good


@pytest.mark.ordinary
@pytest.mark.shows("AUTH-2")
def test_smtplib(trusting, issuer):
    context = ssl._create_unverified_context()
    with smtplib.SMTP_SSL("127.0.0.1", trusting.port("submissions"),
                          context=context, timeout=30) as client:
        client.ehlo()
        token = issuer.token(USER)
        client.auth("XOAUTH2", lambda challenge=None:
                    f"user={USER}\1auth=Bearer {token}\1\1")
        client.sendmail(USER, [USER], MESSAGE.format(subject="smtplib"))


@pytest.mark.ordinary
@pytest.mark.shows("AUTH-2")
@pytest.mark.parametrize("is_good", [True, False])
def test_nodemailer(trusting, issuer, is_good):
    before = len(trusting.rows("queue", "list"))
    token = issuer.token(USER, **({} if is_good else {"aud": "imap"}))
    done = nodemailer(trusting, "submissions", True, {
        "type": "OAuth2", "user": USER, "accessToken": token})
    assert (done.returncode == 0) == is_good, done.stderr
    # It has heard the error, and would now ask its issuer for another one.
    assert is_good or "new access token" in done.stderr, done.stderr
    assert len(trusting.rows("queue", "list")) == before + is_good
