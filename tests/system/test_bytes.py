"""Octets in are octets out: to mailboxes and to servers of others."""
import itertools
import time

import pytest

from conftest import server_tls
from mails import canonical, collected, generated, sized
from server import LONG, free_port, wait_for
from talk import Reply, Talk

OURS = ("return-path:", "delivered-to:", "received:")


def without_ours(stored):
    """The content behind the trace fields that we put first."""
    lines = stored.split(b"\n")
    i = 0
    while i < len(lines):
        name = lines[i].lower()
        if not name.startswith(tuple(f.encode() for f in OURS)):
            break
        is_received = name.startswith(b"received:")
        i += 1
        while i < len(lines) and lines[i][:1] in (b" ", b"\t"):
            i += 1
        if is_received:
            break
    return b"\n".join(lines[i:])


def lf(octets):
    return octets.replace(b"\r\n", b"\n")


def sendable(mails):
    """Bare CR and NUL are refused, and that is another test."""
    for i, (name, content) in enumerate(mails):
        content = canonical(content)
        if b"\0" in content or b"\r" in content.replace(b"\r\n", b""):
            continue
        yield i, name, content


def send_one(t, content, sender, to):
    """As any client: what is put off is sent again.  Segments of a mebibyte,
    as in these tests, can be full before the next is made."""
    for _ in range(50):
        try:
            return t.mail(content, sender=sender, to=to)
        except Reply as e:
            if "content: 45" not in str(e):
                raise
            time.sleep(0.1)
    raise AssertionError("put off for five seconds")


def send_all(port, mails, to):
    """Number -> (name, content) of what was acknowledged."""
    sent = {}
    with Talk(port) as t:
        t.hello()
        for i, name, content in sendable(mails):
            sent[i] = (name, content)
            send_one(t, content, f"m{i}@example.net", to)
    return sent


def check(sent, arrived, folded=lf):
    assert sorted(arrived) == sorted(sent)
    wrong = [sent[i][0] for i in sent
             if folded(arrived[i]) != folded(sent[i][1])]
    assert not wrong


def from_maildir(server):
    found = {}
    for path in server.messages():
        stored = path.read_bytes()
        head = stored[:200]
        number = int(head.split(b"<m")[1].split(b"@")[0])
        assert number not in found, "a second copy"
        # Whatever the mailbox's line ends are, they are the same throughout.
        assert stored.count(b"\r\n") in (0, stored.count(b"\n"))
        found[number] = without_ours(lf(stored))
    return found


@pytest.mark.shows("SMTP-3", "DLV-1", "PRS-2")
@pytest.mark.timeout(300)
def test_generated_to_maildir(server):
    """Five hundred awkward messages in one session, byte for byte."""
    sent = send_all(server.port("mx"), generated(), "user@example.org")
    assert len(sent) >= 500
    server.wait_messages(len(sent), seconds=60)
    check(sent, from_maildir(server))


@pytest.mark.ordinary
@pytest.mark.shows("SMTP-3", "DLV-1")
def test_collected_to_maildir(server, vectors):
    """Messages that others collected, malformed ones and bounces too."""
    sent = send_all(server.port("mx"), collected(), "user@example.org")
    assert len(sent) > 100
    server.wait_messages(len(sent), seconds=30)
    check(sent, from_maildir(server))


@pytest.mark.shows("SMTP-2")
def test_collected_with_bare_octets_are_refused(server, talk):
    """NUL or a bare CR in content: 550, and the session goes on."""
    t = talk(server.port("mx"))
    t.hello()
    for bad in (b"a\0b\r\n", b"a\rb\r\n", b"Subject: a\r\r\n\r\nx\r\n"):
        t.ask("MAIL FROM:<s@example.net>", 250)
        t.ask("RCPT TO:<user@example.org>", 250)
        code, text = t.content(bad)
        assert code == 550, text
    t.mail(b"good\r\n")
    assert len(server.wait_messages(1)) == 1


@pytest.mark.shows("SPL-1")
@pytest.mark.timeout(240)
def test_forty_mebibytes(server):
    """40 MiB in a large file of the spool, and out again."""
    content = sized(40 << 20)
    with Talk(server.port("mx"), timeout=120) as t:
        t.hello()
        t.mail(content, sender="m1@example.net")
    assert wait_for(lambda: server.messages(), 60)
    stored = server.messages()[0].read_bytes()
    assert without_ours(lf(stored)) == lf(content)


def relay_to(port):
    return f"relay via smtp://127.0.0.1:{port}\n"


def everything():
    """What goes to servers of others: made, collected, and a large file."""
    yield from generated()
    yield from collected()
    yield "large", sized((40 if LONG else 4) << 20)


def arrived_at(got, number_of, unstored=lambda octets: octets):
    arrived = {}
    for mail in got:
        number = number_of(mail)
        assert number not in arrived, "a second copy"
        arrived[number] = without_ours(unstored(mail.content))
    return arrived


@pytest.mark.shows("SMTP-3", "DLV-1")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("has_tls", [False, True], ids=["plain", "starttls"])
def test_to_aiosmtpd(make_server, aio_sink, vectors, has_tls):
    """Byte for byte to another server, dot-stuffed by us."""
    port = free_port()
    server = make_server(extra=relay_to(port))
    sink = aio_sink(port=port,
                    tls=server_tls(server.folder) if has_tls else None)
    server.start()
    # The same octets over TLS: a part of them, for time.
    some = 6 if has_tls and not LONG else 1
    sent = send_all(server.port("relay"),
                    itertools.islice(everything(), 0, None, some),
                    "there@example.com")
    assert len(sent) > 600 // some
    got = sink.wait(len(sent), 120)
    assert set(sink.was_tls) == {has_tls}
    assert all(b"\n" not in m.content.replace(b"\r\n", b"") for m in got)
    check(sent, arrived_at(
        got, lambda m: int(m.sender[1:].split("@")[0]), lf))


@pytest.mark.shows("SMTP-3")
@pytest.mark.timeout(300)
def test_to_smtp_sink(make_server, postfix_sink, vectors):
    """The same to Postfix's sink, which splits at LF."""
    server = make_server(extra=relay_to(postfix_sink.port)).start()
    sent = send_all(server.port("relay"), everything(), "there@example.com")
    assert len(sent) > 600
    got = postfix_sink.wait(len(sent), 120)
    check(sent, arrived_at(
        got, lambda m: int(m.sender.split("<m")[1].split("@")[0])))
