"""Next hops that answer anything, nothing, or lack what mail needs."""
import re
import threading
import time

import pytest

from conftest import server_tls
from script import DROP, OFFERS, SILENT, Script
from server import free_port, wait_for
from talk import Reply, Talk, message_id
from test_relay import BODY, QUICK, bounces, mx_server, send

EIGHT = b"Subject: eight\r\n\r\nna\xefve \xff\r\n"


@pytest.fixture
def script():
    """script(...): Script(...), closed with the test."""
    made = []

    def make(*args, **how):
        made.append(Script(*args, **how))
        return made[-1]

    yield make
    for one in made:
        one.close()


def address(i):
    return f"127.0.3.{i + 1}"


def many(make_server, dns, names, more):
    """A server for which each name is a domain with an address of its own."""
    port = free_port()
    zone = "".join(f"{n} A {address(i)}\n" for i, n in enumerate(names))
    server, _ = mx_server(make_server, dns, {"cases.example": zone}, port,
                          more)
    return server, port


# Stage, reply, what becomes of the letter.  "done" and "later" arrive (the
# second at the next attempt), "back" comes back.
CODES = [
    ("greeting", "250 hi", "later"), ("greeting", "354 hi", "later"),
    ("greeting", "421 4.3.2 no", "later"), ("greeting", "451 no", "later"),
    ("greeting", "554 no", "back"), ("greeting", "HTTP/1.1 400", "later"),
    ("greeting", DROP, "later"), ("greeting", "2", "later"),
    ("EHLO", "251 hi", "done"), ("EHLO", "354 hi", "later"),
    ("EHLO", "421 no", "later"), ("EHLO", "450 no", "later"),
    ("EHLO", "502 no", "done"), ("EHLO", "what", "later"),
    ("EHLO", DROP, "later"), ("EHLO", "999 hi", "later"),
    ("HELO", "251 hi", "done"), ("HELO", "354 hi", "later"),
    ("HELO", "450 no", "later"), ("HELO", "554 no", "back"),
    ("HELO", "what", "later"),
    ("MAIL", "251 ok", "done"), ("MAIL", "354 go", "later"),
    ("MAIL", "421 no", "later"), ("MAIL", "452 no", "later"),
    ("MAIL", "550 no", "back"), ("MAIL", "what", "later"),
    ("MAIL", DROP, "later"),
    ("RCPT", "251 will forward", "done"), ("RCPT", "252 well", "done"),
    ("RCPT", "354 go", "later"), ("RCPT", "421 no", "later"),
    ("RCPT", "450 no", "later"), ("RCPT", "552 too many", "later"),
    ("RCPT", "550 no", "back"), ("RCPT", "what", "later"),
    ("RCPT", DROP, "later"),
    ("DATA", "250 ok", "later"), ("DATA", "421 no", "later"),
    ("DATA", "451 no", "later"), ("DATA", "554 no", "back"),
    ("DATA", "what", "later"), ("DATA", DROP, "later"),
    ("content", "251 ok", "done"), ("content", "354 go", "later"),
    ("content", "421 no", "later"), ("content", "452 no", "later"),
    ("content", "552 no", "back"), ("content", "what", "later"),
    ("content", DROP, "later"), ("content", "600 what", "later"),
]


def once(stage, reply):
    """The reply at the first call of the stage; EHLO is refused for HELO."""
    def answers(at, n, argument):
        if at == stage and n == 1:
            return reply
        return "502 no" if stage == "HELO" and at == "EHLO" else None
    return answers


@pytest.mark.shows("DLV-6", "SMTP-9")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("offers", [OFFERS, ()], ids=["pipelining", "plain"])
def test_each_code_at_each_stage(make_server, dns, script, offers):
    """2yz, 3yz, 4yz, 5yz and nonsense, everywhere: the right fate each."""
    names = [f"c{i}" for i in range(len(CODES))]
    server, port = many(make_server, dns, names, QUICK)
    hops = [script(once(stage, reply), offers, port=port, host=address(i))
            for i, (stage, reply, _) in enumerate(CODES)]
    for name in names:
        send(server, f"a@{name}.cases.example", sender="user@example.org")
    back = [i for i, c in enumerate(CODES) if c[2] == "back"]
    wait_for(lambda: all(hops[i].mails for i in range(len(CODES))
                         if i not in back), 60)
    server.wait_messages(len(back), seconds=30)
    wait_for(lambda: not server.rows("queue", "list"), 20)
    returned = {m for text in map(str, bounces(server)) for m in
                re.findall(r"Final-Recipient: rfc822; ?a@c(\d+)\.", text)}
    wrong = []
    for i, (stage, reply, fate) in enumerate(CODES):
        tries = hops[i].counts.get(stage, 0)
        # A content whose answer was lost may come twice, and no letter else.
        is_right = (not hops[i].mails and str(i) in returned) \
            if fate == "back" else \
            (len(hops[i].mails) == 1 and str(i) not in returned
             and (tries == 1) == (fate == "done"))
        if not is_right:
            wrong.append((stage, reply, fate, len(hops[i].mails), tries,
                          str(i) in returned))
    assert not wrong, server.log_tail()
    assert len(server.messages()) == len(back)


# Seconds; with nine lanes beside it the silent one may itself be late.
TIMES = 4
LIMITS = {"connect": 2 * TIMES, "reply": 2 * TIMES, "data": 3 * TIMES,
          "block": 4 * TIMES, "final": 5 * TIMES, "quit": 2 * TIMES}
# Where it falls silent, the setting that ends it, and the words for it.
SILENCES = [
    ("greeting", "reply", "no greeting in time"),
    ("EHLO", "reply", "no answer to EHLO in time"),
    ("STARTTLS", "reply", "no answer to STARTTLS in time"),
    ("MAIL", "reply", "no answer to MAIL, RCPT or DATA in time"),
    ("RCPT", "reply", "no answer to MAIL, RCPT or DATA in time"),
    ("DATA", "data", "no answer to MAIL, RCPT or DATA in time"),
    ("block", "block", "the server does not take the content"),
    ("content", "final", "no answer to the content in time"),
    ("QUIT", "quit", None),
]


def seconds_of(server, name):
    """How long the attempt took that put the letter off, by the log."""
    found = re.search(rf"{name} deferred .* ms=(\d+)",
                      server.log.read_text(errors="replace"))
    return int(found[1]) / 1000 if found else 0


@pytest.mark.shows("SMTP-9")
@pytest.mark.timeout(300)
def test_each_silence_ends(make_server, dns, script):
    """RFC 5321 4.5.3.2: at each stage a silent server costs its own time."""
    names = [f"c{i}" for i in range(len(SILENCES))]
    more = "".join(f"timeout {k} {v}s\n" for k, v in LIMITS.items())
    server, port = many(make_server, dns, names, more)
    hops = []
    for i, (stage, _, _) in enumerate(SILENCES):
        hops.append(script(
            lambda at, n, a, stage=stage: SILENT if at == stage else None,
            OFFERS + (("STARTTLS",) if stage == "STARTTLS" else ()),
            port=port, host=address(i),
            reads=100000 if stage == "block" else None))
    ids = [send(server, f"a@{n}.cases.example",
                b"x: y\r\n\r\n" + b"a" * 70 + b"\r\n" + b"b" * 60 + b"\r\n"
                if SILENCES[i][0] != "block" else
                b"x: y\r\n\r\n" + (b"a" * 76 + b"\r\n") * 200000)
           for i, n in enumerate(names)]
    # With its window shut the last one does not see the client go.
    wait_for(lambda: all(h.ends or h.reads for h in hops), 60)
    for i, (stage, setting, words) in enumerate(SILENCES):
        hop = hops[i]
        if stage == "block":
            assert wait_for(lambda: seconds_of(server, ids[i]), 30)
            took = seconds_of(server, ids[i])
        else:
            assert hop.ends, f"{stage}: {server.log_tail()}"
            took = hop.ends[1] - max([at for c, at, _ in hop.said if c == 1],
                                     default=hop.began)
        # On a busy machine the hop may read late what was sent in time.
        took = max(took, seconds_of(server, ids[i]))
        assert LIMITS[setting] / 2 < took < LIMITS[setting] + 20, stage
        if words:
            assert wait_for(lambda: words in server.command(
                "trace", ids[i], check=False), 40), stage
            assert not hop.mails
        else:
            assert len(hop.mails) == 1


def full_listener(host, port):
    """One whose backlog is full: connections are neither taken nor refused."""
    import socket
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((host, port))
    s.listen(0)
    held = [s]
    for _ in range(4):
        one = socket.socket()
        one.setblocking(False)
        one.connect_ex((host, port))
        held.append(one)
    return held


@pytest.mark.shows("SMTP-9")
def test_connect_that_hangs_ends(make_server, dns, script):
    """Neither taken nor refused: after its time the next host is tried."""
    port = free_port()
    held = full_listener("127.0.3.1", port)
    hop = script(port=port, host="127.0.3.2")
    server, _ = mx_server(make_server, dns, {
        "hang.example": "@ MX 10 a\n@ MX 20 b\na A 127.0.3.1\nb A 127.0.3.2\n"
        }, port, "timeout connect 2s\n")
    began = time.monotonic()
    send(server, "a@hang.example")
    assert wait_for(lambda: hop.mails, 30), server.log_tail()
    assert time.monotonic() - began > 1.8
    for s in held:
        s.close()


POOR = ("PIPELINING", "SIZE 104857600")
TWO = "@ MX 10 one\n@ MX 20 two\none A 127.0.3.1\ntwo A 127.0.3.2\n"


def contents(hop):
    return b"".join(content for _, _, content in hop.mails)


@pytest.mark.shows("SMTP-14")
def test_eight_bit_goes_to_the_host_that_takes_it(make_server, dns, script):
    """The best host lacks 8BITMIME: others of the site first; 7-bit stays."""
    port = free_port()
    poor = script(offers=POOR, port=port, host="127.0.3.1")
    able = script(port=port, host="127.0.3.2")
    server, _ = mx_server(make_server, dns, {"mixed.example": TWO}, port,
                          QUICK + "limit concurrency-start 1\n"
                          "limit concurrency 1\n")
    for i in range(3):
        send(server, f"seven{i}@mixed.example")
        send(server, f"eight{i}@mixed.example", EIGHT)
    assert wait_for(lambda: len(able.mails) >= 3 and
                    len(able.mails) + len(poor.mails) >= 6, 30), \
        server.log_tail()
    assert contents(able).count(EIGHT) == 3
    assert contents(able).isascii() is False
    assert contents(poor).isascii()
    assert all("BODY=8BITMIME" in line for line in able.lines("MAIL")
               if "eight" in line)
    assert wait_for(lambda: not server.rows("queue", "list"), 20)
    assert len(able.mails) + len(poor.mails) == 6
    assert not server.messages()


@pytest.mark.shows("SMTP-14")
def test_eight_bit_to_nobody_comes_back(make_server, dns, script):
    """Both hosts lack it: one bounce, 5.6.3, and not one octet was sent."""
    port = free_port()
    hops = [script(offers=POOR, port=port, host=f"127.0.3.{i}")
            for i in (1, 2)]
    server, _ = mx_server(make_server, dns, {"mixed.example": TWO}, port,
                          QUICK)
    send(server, "a@mixed.example", EIGHT)
    assert len(server.wait_messages(1, seconds=20)) == 1, server.log_tail()
    assert "Status: 5.6.3" in str(bounces(server)[0])
    # An address with 8-bit octets is not even taken.
    with Talk(server.port("relay")) as t:
        t.hello()
        t.ask("MAIL FROM:<user@example.org>", 250)
        with pytest.raises(Reply):
            t.ask("RCPT TO:<j\u00f6rg@mixed.example>".encode(), 250)
    assert all(h.connections for h in hops)
    for hop in hops:
        assert not hop.mails and not hop.lines("MAIL")
        assert all(line.isascii() for _, _, line in hop.said)


@pytest.mark.shows("SMTP-14")
def test_eight_bit_waits_for_a_host_that_is_away(make_server, dns, script):
    """One host lacks it, the other is away: wait, then send it there."""
    port = free_port()
    poor = script(offers=POOR, port=port, host="127.0.3.1")
    server, _ = mx_server(make_server, dns, {"mixed.example": TWO}, port,
                          QUICK)
    name = send(server, "a@mixed.example", EIGHT)
    assert wait_for(lambda: any(r.get("id") == name and r.get("attempts")
                                for r in server.rows("queue", "list")), 20)
    able = script(port=port, host="127.0.3.2")
    assert wait_for(lambda: able.mails, 30), server.log_tail()
    assert not server.messages() and not poor.mails


class Held:
    """The first content is not answered before the rest is in the queue."""

    def __init__(self, more=None):
        self.go, self.more = threading.Event(), more or (lambda *a: None)

    def __call__(self, stage, n, argument):
        if stage == "content" and n == 1:
            self.go.wait(60)
        return self.more(stage, n, argument)


ONE = "limit concurrency 1\nlimit concurrency-start 1\n"


def send_held(server, held, count, content=BODY):
    """`count` messages, all but the first of which leave in one job."""
    with Talk(server.port("relay")) as t:
        t.hello()
        for i in range(count):
            t.mail(content, sender=f"m{i}@example.net",
                   to=f"r{i}@example.com")
    held.go.set()


def numbers(hop):
    return sorted(int(re.search(r"<m(\d+)@", sender)[1])
                  for sender, _, _ in hop.mails)


@pytest.mark.shows("DLV-1")
@pytest.mark.parametrize("offers,is_ahead", [(OFFERS, True),
                                             (OFFERS[1:], False)],
                         ids=["pipelining", "plain"])
def test_envelope_behind_the_dot(make_server, script, offers, is_ahead):
    """RFC 2920 3.1: the next envelope comes before this content's answer."""
    held = Held()
    hop = script(held, offers, moment=0.1)
    server = make_server(
        extra=f"relay via smtp://127.0.0.1:{hop.port}\n" + ONE).start()
    send_held(server, held, 21)
    assert wait_for(lambda: len(hop.mails) >= 21, 30), server.log_tail()
    assert wait_for(lambda: not server.rows("queue", "list"), 20)
    assert numbers(hop) == list(range(21))
    assert hop.connections == 1
    # All but the last of a job; how many jobs there are is the queue's matter.
    assert hop.ahead >= 15 if is_ahead else hop.ahead == 0


@pytest.mark.shows("DLV-1", "DLV-6")
@pytest.mark.parametrize("reply,is_twice", [
    ("421 4.3.2 going down", False), ("451 4.3.0 later", False), (DROP, True)],
    ids=["421", "451", "lost"])
def test_envelope_behind_a_dot_that_failed(make_server, script, reply,
                                           is_twice):
    """What went ahead of a failure was never accepted, and goes again."""
    held = Held(lambda stage, n, a: reply if stage == "content" and n == 5
                else None)
    hop = script(held)
    server = make_server(extra=f"relay via smtp://127.0.0.1:{hop.port}\n"
                         + ONE + QUICK).start()
    send_held(server, held, 12)
    assert wait_for(lambda: len(hop.mails) >= 12, 30), server.log_tail()
    assert wait_for(lambda: not server.rows("queue", "list"), 20)
    assert numbers(hop) == list(range(12))
    assert hop.counts["content"] == 13
    assert hop.connections >= 2 - (reply != DROP and "421" not in reply)
    assert not server.messages()


@pytest.mark.shows("DLV-1")
@pytest.mark.timeout(300)
def test_no_more_than_a_connection_carries(make_server, script):
    """A hundred messages, then another connection; nothing twice."""
    held = Held()
    hop = script(held)
    server = make_server(extra=f"relay via smtp://127.0.0.1:{hop.port}\n"
                         + ONE).start()
    send_held(server, held, 230)
    assert wait_for(lambda: len(hop.mails) >= 230, 60), server.log_tail()
    assert wait_for(lambda: not server.rows("queue", "list"), 20)
    assert numbers(hop) == list(range(230))
    per = [sum(1 for c, _, line in hop.said if c == number
               and line.startswith("MAIL"))
           for number in range(1, hop.connections + 1)]
    assert max(per) <= 100 and hop.connections == 3, per
