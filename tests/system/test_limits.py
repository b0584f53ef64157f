"""Rules of a session through the wire; limits are in test_limits_table.py."""
import base64

import pytest

from server import PASSWORD
from talk import Talk

GOOD = b"From: user@example.org\r\nSubject: x\r\n\r\nx\r\n"


def limited(make_server, text, keep=""):
    """A server with these limits in place of the generous ones of tests."""
    def name_of(row):
        words = row.split()
        return words[:2] if words[:1] == ["limit"] else words[:1]

    names = [name_of(row) for row in text.splitlines()]

    def change(conf):
        rows = [row for row in conf.splitlines() if name_of(row) not in names]
        return "\n".join(rows) + "\n" + text + "\n"

    return make_server(change=change).start()


@pytest.mark.shows("RLY-5")
def test_bad_recipients(make_server, talk):
    server = limited(make_server, "limit bad-recipients 5\n"
                     "limit errors-soft 100\nlimit errors 100")
    t = talk(server.port("mx"))
    t.hello()
    t.ask("MAIL FROM:<s@example.net>", 250)
    codes = []
    try:
        for i in range(10):
            codes.append(t.ask(f"RCPT TO:<nobody{i}@example.org>")[0])
    except OSError:
        pass
    assert codes[:5] == [550] * 5 and 421 in codes[5:7], codes


def test_programs_on_this_host_are_not_counted(make_server):
    """`listen relay on … from …`: who stands under it has no such limit."""
    server = limited(make_server, "limit sessions-per-address 5")
    open_now = []
    try:
        for _ in range(12):
            open_now.append(Talk(server.port("relay")))
            assert open_now[-1].greeting[0] == 220
        open_now[-1].hello()
        open_now[-1].mail(b"Subject: out\r\n\r\n", to="x@elsewhere.example")
    finally:
        for t in open_now:
            t.close()


@pytest.mark.shows("AUTH-5")
def test_auth_of_a_session(make_server, talk):
    server = limited(make_server, "limit auth-per-session 3")
    t = talk(server.port("submissions"), tls=True)
    t.hello()
    bad = base64.b64encode(b"\0user@example.org\0wrong").decode()
    codes = []
    try:
        for _ in range(5):
            codes.append(t.ask(f"AUTH PLAIN {bad}")[0])
    except OSError:
        pass
    assert codes[:2] == [535, 535] and codes[-1] == 421, codes
    assert len(codes) <= 4


@pytest.mark.shows("AUTH-1", "AUTH-3")
def test_auth_rules(server, talk):
    """Not without TLS; not for somebody else."""
    plain = talk(server.port("submission"))
    assert "AUTH" not in plain.hello()
    good = b"\0user@example.org\0" + PASSWORD.encode()
    line = base64.b64encode(good).decode()
    assert plain.ask(f"AUTH PLAIN {line}")[0] in (530, 538)
    assert PASSWORD not in server.log.read_text(errors="replace")
    t = talk(server.port("submissions"), tls=True)
    assert "AUTH" in t.hello()
    foreign = base64.b64encode(b"other@example.org" + good).decode()
    assert t.ask(f"AUTH PLAIN {foreign}")[0] == 535
    assert t.ask("AUTH NTLM")[0] == 504
    assert t.ask(f"AUTH PLAIN {line}")[0] == 235
    assert t.ask(f"AUTH PLAIN {line}")[0] == 503


@pytest.mark.shows("SMTP-10", "RLY-3")
def test_words(server, talk):
    t = talk(server.port("mx"))
    t.hello()
    t.ask("MAIL FROM:<s@example.net>", 250)
    t.ask("RCPT TO:<postmaster>", 250)
    assert t.ask("RCPT TO:<nobody@example.org>")[0] == 550
    assert t.ask("VRFY user")[0] == 252
    for verb in ("TURN", "DEBUG", "EXPN x", "ETRN x"):
        assert t.ask(verb)[0] in (500, 502), verb
    assert t.content(GOOD)[0] == 250
