"""Section 19 through the wire: at the limit, one past it, far past it."""
import base64
import os
import re
import time

import pytest

from server import PASSWORD, wait_for
from talk import Talk

GOOD = b"Subject: x\r\n\r\nx\r\n"


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


def in_step(t):
    """The session goes on where it was."""
    t.ask("RSET", 250)
    assert "queued" in t.mail(GOOD) or True


def pss_of(server):
    total = 0
    for pids in server.roles().values():
        for pid in pids:
            try:
                text = open(f"/proc/{pid}/smaps_rollup").read()
            except OSError:
                continue
            total += int(re.search(r"^Pss:\s+(\d+)", text, re.M)[1])
    return total


@pytest.mark.shows("SMTP-8")
def test_command_line(server, talk):
    """2,048 octets with CRLF."""
    t = talk(server.port("mx"))
    t.hello()
    noop = "NOOP " + "x" * (2048 - 7)
    assert t.ask(noop)[0] == 250
    assert t.ask(noop + "x")[0] == 500
    in_step(t)
    before = pss_of(server)
    t.sock.settimeout(20)
    try:
        for _ in range(400):
            t.raw(b"y" * 65536)
        closed = t.is_closed()
    except OSError:
        closed = True
    assert closed, "an endless line is listened to"
    assert pss_of(server) - before < 4096


@pytest.mark.shows("SMTP-8", "AUTH-7")
def test_auth_line(server, talk):
    """12,288 octets in the exchange; one more is refused."""
    for size, want in ((12288, 535), (12289, 500)):
        t = talk(server.port("submissions"), tls=True)
        t.hello()
        t.ask("AUTH PLAIN", 334)
        line = base64.b64encode(b"\0user@example.org\0" + b"p" * 9300)
        line = (line + b"A" * size)[:size - 2]
        line = line[:len(line) // 4 * 4].ljust(size - 2, b"A") \
            if want == 500 else line[:(size - 2) // 4 * 4]
        code, _ = t.ask(line)
        assert code // 100 == 5, code
        assert t.ask("MAIL FROM:<user@example.org>")[0] == 530


@pytest.mark.shows("RLY-4")
def test_recipients(make_server, talk):
    server = limited(make_server, "limit recipients 100")
    t = talk(server.port("relay"))
    t.hello()
    t.ask("MAIL FROM:<s@example.net>", 250)
    for i in range(100):
        t.ask(f"RCPT TO:<r{i}@example.com>", 250)
    for i in range(5):
        code, text = t.ask(f"RCPT TO:<more{i}@example.com>")
        assert (code, text[:5]) == (452, "4.5.3"), text
    assert t.content(GOOD)[0] == 250


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


@pytest.mark.shows("SMTP-8")
def test_errors(make_server, talk):
    server = limited(make_server, "limit errors-soft 3\nlimit errors 5")
    t = talk(server.port("mx"))
    t.hello()
    codes, began = [], time.monotonic()
    try:
        for _ in range(8):
            codes.append(t.ask("NONSENSE")[0])
    except OSError:
        pass
    assert codes[-1] == 421 and len(codes) <= 6, codes
    assert time.monotonic() - began >= 1, "the replies were not delayed"
    assert t.is_closed()


@pytest.mark.shows("SMTP-8")
def test_commands_without_mail(make_server, talk):
    server = limited(make_server, "limit commands 10")
    t = talk(server.port("mx"))
    t.hello()
    codes = []
    try:
        for _ in range(20):
            codes.append(t.ask("NOOP")[0])
    except OSError:
        pass
    assert codes.count(250) in (9, 10, 11) and codes[-1] == 421, codes


@pytest.mark.shows("SMTP-8")
def test_mails_of_a_session(make_server, talk):
    server = limited(make_server, "limit mails 3")
    t = talk(server.port("mx"))
    t.hello()
    for _ in range(3):
        t.mail(GOOD)
    assert t.ask("MAIL FROM:<s@example.net>")[0] == 421
    assert t.is_closed()


@pytest.mark.shows("SMTP-8")
def test_message_size(make_server, talk):
    """Said beforehand or found on the way: 552; the session goes on."""
    server = limited(make_server, "limit message-size 100k")
    t = talk(server.port("mx"))
    assert "SIZE 102400" in t.hello()
    assert t.ask("MAIL FROM:<s@example.net> SIZE=102401")[0] == 552
    head = b"Subject: x\r\n\r\n"
    line = b"a" * 98 + b"\r\n"
    fits = head + line * 1023
    fits += b"b" * (102400 - len(fits) - 2) + b"\r\n"
    t.mail(fits)
    t.ask("MAIL FROM:<s@example.net>", 250)
    t.ask("RCPT TO:<user@example.org>", 250)
    code, _ = t.content(fits + b"x\r\n")
    assert code == 552
    in_step(t)


@pytest.mark.shows("SMTP-8")
def test_endless_data(make_server, talk):
    """Twice the limit is listened to, then the connection goes."""
    server = limited(make_server, "limit message-size 100k")
    t = talk(server.port("mx"))
    t.hello()
    t.ask("MAIL FROM:<s@example.net>", 250)
    t.ask("RCPT TO:<user@example.org>", 250)
    t.ask("DATA", 354)
    before = pss_of(server)
    sent = 0
    try:
        for _ in range(2000):
            t.raw(b"a" * 98 + b"\r\n")
            t.raw((b"a" * 98 + b"\r\n") * 100)
            sent += 10100
            if sent > 1 << 20:
                time.sleep(0.01)
    except OSError:
        pass
    assert t.is_closed(), f"{sent} octets were listened to"
    assert pss_of(server) - before < 4096
    assert not server.messages()


@pytest.mark.shows("SMTP-8")
@pytest.mark.parametrize("at,past,what", [
    (b"X-A: " + b"a" * (65536 - 7) + b"\r\n",
     b"X-A: " + b"a" * (65536 - 6) + b"\r\n", "one field of 64 KiB"),
    (b"X-A: a\r\n" * 1000, b"X-A: a\r\n" * 1001, "1,000 fields"),
    ((b"X-A: " + b"a" * 991 + b"\r\n\t" + b"b" * 8000 + b"\r\n") * 29,
     (b"X-A: " + b"a" * 991 + b"\r\n\t" + b"b" * 8000 + b"\r\n") * 30,
     "256 KiB of header"),
    (b"\r\n" + b"a" * 65534 + b"\r\n", b"\r\n" + b"a" * 70000 + b"\r\n",
     "a line of 64 KiB"),
], ids=("field", "fields", "header", "line"))
def test_header_and_lines(server, talk, at, past, what):
    t = talk(server.port("mx"))
    t.hello()
    end = b"" if at.startswith(b"\r\n") else b"\r\nbody\r\n"
    t.mail(at + end)
    t.ask("MAIL FROM:<s@example.net>", 250)
    t.ask("RCPT TO:<user@example.org>", 250)
    code, text = t.content(past + end)
    assert code // 100 == 5, f"{what}: {code} {text}"
    in_step(t)


@pytest.mark.shows("OPS-2")
def test_sessions_of_one_address(make_server):
    server = limited(make_server, "limit sessions-per-address 5")
    open_now = []
    try:
        for _ in range(5):
            open_now.append(Talk(server.port("mx")))
            assert open_now[-1].greeting[0] == 220
        past = Talk(server.port("mx"))
        assert past.greeting[0] == 421, past.greeting
        past.close()
        open_now.pop().close()
        assert wait_for(lambda: Talk(server.port("mx")).greeting[0] == 220, 5)
    finally:
        for t in open_now:
            t.close()


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


@pytest.mark.shows("SMTP-7")
@pytest.mark.parametrize("verb", ["GET", "POST", "PUT", "HEAD", "OPTIONS",
                                  "CONNECT"])
def test_http_is_closed(server, talk, verb):
    for port, tls in (("mx", False), ("submissions", True)):
        t = talk(server.port(port), tls=tls)
        t.raw(f"{verb} / HTTP/1.1\r\nHost: x\r\n\r\nMAIL FROM:<>\r\n".encode())
        assert t.is_closed(), f"{verb} at {port}"


@pytest.mark.shows("SMTP-6")
def test_talk_before_the_greeting(server):
    import signal
    import socket
    pid = server.kill_role("lookup", signal.SIGSTOP)	# greets nobody now
    s = socket.create_connection(("127.0.0.1", server.port("mx")), 10)
    s.sendall(b"EHLO early.example.net\r\nMAIL FROM:<a@example.net>\r\n")
    s.settimeout(10)
    time.sleep(0.3)
    os.kill(pid, signal.SIGCONT)
    got = b""
    try:
        while more := s.recv(4096):
            got += more
    except OSError:
        pass
    assert got[:3] in (b"554", b"421", b""), got


@pytest.mark.shows("TLS-1", "TLS-3")
def test_starttls_injection(server, talk):
    """Octets behind STARTTLS end the connection; none is a command."""
    t = talk(server.port("mx"))
    t.hello()
    t.raw(b"STARTTLS\r\nRSET\r\n")
    seen = b""
    t.sock.settimeout(5)
    try:
        while more := t.sock.recv(4096):
            seen += more
    except OSError:
        pass
    assert b"250" not in seen
    t = talk(server.port("mx"))
    t.hello()
    assert t.ask("STARTTLS now")[0] == 501
    t.ask("STARTTLS", 220)
    t.start_tls()
    assert t.ask("MAIL FROM:<s@example.net>")[0] == 503
    t.hello()
    assert t.ask("STARTTLS")[0] == 503


@pytest.mark.shows("RLY-1")
@pytest.mark.parametrize("rcpt", [
    "victim@example.com", "victim%example.com@mx.example.org",
    "@example.org:victim@example.com", "example.com!victim",
    '"victim@example.com"@mx.example.org', "victim@[127.0.0.1]",
    "victim@localhost", "victim@example.com.", "VICTIM@EXAMPLE.COM",
    "user@example.org@example.com", "victim@sub.example.org",
    "victim@[IPv6:::ffff:127.0.0.1]", "victim@mx.example.org.",
])
def test_no_relaying(server, talk, rcpt):
    for sender in ("spammer@example.net", "user@example.org", ""):
        t = talk(server.port("mx"))
        t.ask("EHLO mx.example.org", 250)
        t.ask(f"MAIL FROM:<{sender}>", 250)
        code, text = t.ask(f"RCPT TO:<{rcpt}>")
        assert code // 100 == 5, f"{rcpt}: {code} {text}"
        t.close()


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
