"""
Section 19, the way out: what other servers may do to us, a row each.

Their times are settings, made short here; the rest is as it is shipped.
"""
import email
import json
import pathlib
import socket
import subprocess
import time

import pytest

from cost import Cost
from script_sink import ScriptSink
from server import BUILD, free_port, wait_for
from talk import Talk
from test_relay import QUICK, send

SINK = BUILD / "tests/bench" / "bench-sink"
LARGE = b"Subject: large\r\n\r\n" + (b"x" * 98 + b"\r\n") * 80000
SMALL = b"Subject: small\r\n\r\nsmall\r\n"


@pytest.fixture
def sink():
    """sink(...): ScriptSink(...), closed with the test."""
    made = []

    def make(*how, **more):
        made.append(ScriptSink(*how, **more))
        return made[-1]

    yield make
    for one in made:
        one.close()


def relay(make_server, port, more=""):
    return make_server(
        extra=f"relay via smtp://127.0.0.1:{port}\n" + more).start()


def story(server, name):
    return server.command("trace", name, check=False)


def deferred(server, name):
    """Its first attempt has failed, and there will be another."""
    return '"deferred"' in server.command("--json", "trace", name,
                                          check=False)


def drip(first):
    """A reply that never ends: an octet now and then (RFC 5321 4.5.3.2)."""
    yield first
    for _ in range(100):
        time.sleep(0.2)
        yield b"x"


# The stage at which a server is slow, and the setting of its time.
STAGES = [
    ("greeting", "reply"), ("EHLO", "reply"), ("MAIL", "reply"),
    ("RCPT", "reply"), ("DATA", "data"), ("block", "block"),
    ("final", "final"), ("QUIT", "quit"),
]
TIMES = {"reply": 2, "data": 3, "block": 4, "final": 5, "quit": 3}


def slow_at(stage, kind):
    def answer(at, text, n):
        if at != stage or n > 1:
            return None
        if kind == "in time":
            time.sleep(0.5)
            return None
        return b"" if kind == "silent" or stage == "block" else drip(b"250-")
    return answer


@pytest.mark.shows("SMTP-9")
@pytest.mark.parametrize("kind", ["in time", "silent", "drips"])
def test_times_of_a_client(make_server, sink, kind):
    """
    A server that is silent at one stage is left when that time is over; an
    octet now and then does not prolong it; one that is slow is waited for.
    """
    sinks = {stage: sink(slow_at(stage, kind), buffer=4096)
             for stage, _ in STAGES}
    # Who is to be waited for may be held up by the machine as well.
    times = 4 if kind == "in time" else 1
    server = make_server(extra="retry first 60s\n" + "".join(
        f"timeout {name} {seconds * times}s\n" for name, seconds in TIMES.items())
        + "".join(f"relay {stage.lower()}.example via "
                  f"smtp://127.0.0.1:{sinks[stage].port}\n"
                  for stage, _ in STAGES)).start()
    names = {stage: send(server, f"there@{stage.lower()}.example",
                         LARGE if stage == "block" else SMALL)
             for stage, _ in STAGES}
    for stage, setting in STAGES:
        s, name = sinks[stage], names[stage]
        if kind == "in time" or stage == "QUIT":
            assert wait_for(lambda: s.mails, 20), (stage, s.seen)
            assert wait_for(lambda: "delivered" in story(server, name), 10)
            assert wait_for(lambda: s.when("QUIT"), 15), "idle: it says QUIT"
        else:
            assert wait_for(lambda: deferred(server, name), 20), stage
        if kind == "in time":
            assert s.count == 1, (stage, s.seen)
        elif stage != "block":	# there its end stands behind what is not read
            assert wait_for(lambda: 1 in s.closed, 10), f"{stage}: it stays"
            took = s.closed[1] - s.when(stage)
            assert TIMES[setting] / 2 < took < TIMES[setting] + 8, stage


@pytest.mark.shows("SMTP-9")
def test_time_to_connect(make_server):
    """Nobody takes the connection: given up after that time."""
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    port = full.getsockname()[1]
    waiting, is_silent = [], False
    while not is_silent and len(waiting) < 20:
        s = socket.socket()	# behind a full backlog the kernel is silent
        s.settimeout(1.5)
        waiting.append(s)
        try:
            s.connect(("127.0.0.1", port))
        except TimeoutError:
            is_silent = True
    assert is_silent, "the backlog is never full"
    server = relay(make_server, port, "timeout connect 2s\nretry first 60s\n")
    began = time.monotonic()
    name = send(server, "there@example.com")
    assert wait_for(lambda: deferred(server, name), 20), server.log_tail()
    assert time.monotonic() - began > 1.5
    for s in waiting + [full]:
        s.close()


def lines(count, size=20, last=b" "):
    """A reply of so many lines of so many octets each, CRLF included."""
    return b"".join(b"250" + (last if i == count - 1 else b"-")
                    + b"x" * (size - 6) + b"\r\n" for i in range(count))


# what is said to EHLO: at the limit, one past it, 100 times past it
REPLY_ROWS = {
    "line": [lines(1, 2048), lines(1, 2049), lines(1, 204800)],
    "lines": [lines(100), lines(101), lines(10000)],
    "total": [lines(32, 2048), lines(32, 2048, b"-") + lines(1),
              lines(3200, 2048)],
    "endless line": [lines(1), b"250-" + b"x" * 4096, [b"x" * 65536] * 400],
    "100,000 lines": [lines(1), lines(101), lines(100000)],
    "mixed codes": [lines(2), b"250-a\r\n251 b\r\n",
                    b"250-a\r\n550 b\r\n" * 1000],
    "CR, LF, NUL, ESC": [b"250 a\x1b[31mb\r\n", b"250 a\rb\r\n",
                         b"250 a\0b\r\n" * 1000],
    "no code": [b"250\r\n", b"hello\r\n", b"hello\r\n" * 10000],
}


@pytest.mark.shows("SMTP-9", "SMTP-8")
def test_replies(make_server, sink):
    """
    Each row at its limit, past it and far past it, in the reply to EHLO: mail
    goes, or is put off; nothing that was said gets into a line of the log.
    """
    def saying(text):
        return lambda stage, said, n: text if stage == "EHLO" else None

    # HELO after a refused EHLO is answered as ever: EHLO is the one tested.
    sinks = {(row, i): sink(saying(text)) for row, texts in REPLY_ROWS.items()
             for i, text in enumerate(texts)}
    server = make_server(extra="retry first 60s\n" + "".join(
        f"relay r{n}.example via smtp://127.0.0.1:{s.port}\n"
        for n, s in enumerate(sinks.values()))).start()
    with Cost(server, "sender", "queue") as cost:
        names = [send(server, f"there@r{n}.example")
                 for n in range(len(sinks))]
        for name, ((row, i), s) in zip(names, sinks.items()):
            if i == 0:
                assert wait_for(lambda: s.mails, 20), (row, s.seen)
            else:
                assert wait_for(lambda: deferred(server, name), 20), (row, i)
                assert not s.mails, (row, i)
                assert wait_for(lambda: 1 in s.closed, 10), (row, i)
    cost.check(8192, 10.0)
    log = server.log.read_bytes()
    assert b"\x1b" not in log and b"\0" not in log and b"\r" not in log


@pytest.mark.shows("SMTP-9")
@pytest.mark.parametrize("text", [
    b"550 5.1.1\r\n", b"550 5.7.999 x\x1b[2J\r\n", b"550\r\n",
    b"550-5.1.1 a\r\n550-5.1.1 Subject: injected\r\n550 5.1.1 \xff\xfe\r\n",
    b"550 5.1.1 a --boundary\x07 Content-Type: text/html\r\n",
], ids=["no text", "ESC", "bare", "lines", "mime"])
def test_refusals_in_a_bounce(make_server, sink, text):
    """What a refusing server says is text in the bounce, never a field."""
    s = sink(lambda stage, said, n: text if stage == "RCPT" else None)
    server = relay(make_server, s.port)
    send(server, "there@example.com")
    found = server.wait_messages(1, seconds=20)
    assert len(found) == 1, server.log_tail()
    raw = found[0].read_bytes()
    assert b"\x1b" not in raw and b"\x07" not in raw and b"\xff" not in raw
    bounce = email.message_from_bytes(raw)
    assert bounce["Subject"] != "injected"
    parts = bounce.get_payload()
    assert [p.get_content_type() for p in parts][:2] == [
        "text/plain", "message/delivery-status"] and len(parts) == 3
    status = parts[1].get_payload()[1]
    assert status["Action"] == "failed" and status["Subject"] is None
    assert status["Status"].startswith("5.")


@pytest.mark.shows("DLV-1")
def test_connections_to_a_site(make_server, sink):
    """Some at first, more when all goes well, never more than the limit."""
    def slow(stage, said, n):
        if stage == "final":
            time.sleep(0.03)

    s = sink(slow)
    server = relay(make_server, s.port, "limit concurrency-start 2\n"
                   "limit concurrency 4\nhold deliveries yes\n")
    with Talk(server.port("relay")) as t:
        t.hello()
        for i in range(400):		# 100 times the limit
            t.mail(SMALL, sender=f"m{i}@example.net", to="a@example.com")
    server.stop()
    server.conf.write_text(server.conf.read_text().replace(
        "hold deliveries yes", "hold deliveries no"))
    server.start(wait=False)
    assert wait_for(lambda: len(s.mails) == 400, 60), server.log_tail()
    greeted = [at for _, stage, _, at in s.seen if stage == "greeting"]
    first = min(at for _, stage, _, at in s.seen if stage == "final") + 0.01
    assert sum(at < first for at in greeted) <= 2, "at first"
    assert 2 < s.most <= 4, s.most


def established(port):
    """
    Connections that stand, seen from the side that listens there.  The kernel
    tells its table in pieces: who comes meanwhile makes it tell some twice.
    """
    rows = pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]
    return len({tuple(row.split()[1:3]) for row in rows
                if row.split()[1].endswith(f":{port:04X}")
                and row.split()[3] == "01"})


@pytest.mark.shows("DLV-7")
@pytest.mark.parametrize("files,most,sites", [(600, 150, 10), (None, 1000, 52)],
                         ids=["few descriptors", "default"])
def test_connections_to_all_sites(make_server, files, most, sites):
    """
    All sites together: the rest waits, local mail does not.  What is kept open
    afterwards leaves room for who comes next.
    """
    port = free_port()
    hosts = [f"127.0.4.{i + 1}:{port}" for i in range(sites)]
    late = subprocess.Popen([SINK, "-w", "16000", *hosts], text=True,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    late.stderr.readline()
    server = make_server(
        # Small segments are full sooner than a busy disk brings new ones.
        change=lambda text: text.replace("segment-size 1M", "segment-size 16M"),
        files=files, extra="limit concurrency-start 20\nhold deliveries yes\n"
        + "".join(f"relay d{i}.example via smtp://{host}\n"
                  for i, host in enumerate(hosts))).start()
    with Talk(server.port("relay")) as t:
        t.hello()
        for _ in range(20):
            t.ask("MAIL FROM:<a@example.net>", 250)
            for i in range(sites):
                t.ask(f"RCPT TO:<a@d{i}.example>", 250)
            assert t.content(SMALL)[0] == 250
    left = lambda: server.log.read_text().count(" delivered to=a@d")
    server.stop()
    server.conf.write_text(server.conf.read_text().replace(
        "hold deliveries yes", "hold deliveries no"))
    server.start(wait=False)
    try:
        assert wait_for(lambda: established(port) == most, 10), \
            established(port)
        send(server, "user@example.org")
        assert wait_for(lambda: server.messages("user"), 3), server.log_tail()
        assert wait_for(lambda: established(port) == most, 2), \
            established(port)
        assert left() == 0
        assert wait_for(lambda: left() >= most, 30), left()
        assert wait_for(lambda: established(port) <= 550, 4)
        assert wait_for(lambda: left() == 20 * sites, 40), left()
        assert 0 < established(port)
        assert wait_for(lambda: established(port) == 0, 10)
    finally:
        late.terminate()
        said = json.loads(late.communicate()[0])
    assert said["messages"] == 20 * sites


@pytest.mark.shows("DNS-1")
@pytest.mark.parametrize("refusing,delivers", [(3, True), (4, False),
                                               (19, False)])
def test_connections_of_a_try(make_server, dns, sink, refusing, delivers):
    """Four servers of a domain are talked to, the next ones another time."""
    port = free_port()
    hosts = range(1, refusing + 2)
    busy = lambda stage, said, n: b"421 busy\r\n"
    sinks = [sink(busy if i <= refusing else None, f"127.3.0.{i}", port)
             for i in hosts]
    d = dns({"mx.example": "".join(
        f"@ MX {i} h{i}\nh{i} A 127.3.0.{i}\n" for i in hosts)})
    server = make_server(extra=d.config + f"mx-port {port}\n"
                         "retry first 60s\n").start()
    name = send(server, "a@mx.example")
    if delivers:
        assert wait_for(lambda: sinks[-1].mails, 20), server.log_tail()
    else:
        assert wait_for(lambda: deferred(server, name), 20)
    assert [s.count for s in sinks[:4]] == [1] * 4
    assert not any(s.count for s in sinks[4:])


@pytest.mark.shows("DNS-2")
@pytest.mark.parametrize("best,delivers", [(19, True), (20, False),
                                           (1900, False)])
def test_servers_of_a_domain(make_server, dns, sink, best, delivers):
    """
    The best 20 MX hosts count, and 40 questions: of 19 hosts both kinds of
    address.  All but the last are away; it is reached, or it is one too many.
    """
    port = free_port()
    s = sink(None, "127.3.1.1", port)
    zone = "".join(f"@ MX {i} h{i}\nh{i} A 127.3.{2 + i // 200}."
                   f"{1 + i % 200}\n" for i in range(1, best))
    d = dns({"mx.example": zone + f"@ MX {best} last\nlast A 127.3.1.1\n"})
    server = make_server(extra=d.config + f"mx-port {port}\n"
                         "retry first 60s\n").start()
    with Cost(server, "resolver", "queue", "sender") as cost:
        name = send(server, "a@mx.example")
        if delivers:
            assert wait_for(lambda: s.mails, 30), server.log_tail()
        else:
            assert wait_for(lambda: deferred(server, name), 30)
            assert s.count == 0
    cost.check(16384, 5.0)


@pytest.mark.shows("DNS-2")
@pytest.mark.parametrize("count", [8, 800])
def test_addresses_of_a_server(make_server, dns, sink, count):
    """All eight are tried, whichever answers; of very many no more are."""
    port = free_port()
    places = [f"127.4.{i // 200}.{1 + i % 200}" for i in range(count)]
    s = sink(None, places[-1], port)
    d = dns({"mx.example": "@ MX 1 many\n" + "".join(
        f"many A {place}\n" for place in places)})
    server = make_server(extra=d.config + f"mx-port {port}\n"
                         "retry first 60s\n").start()
    with Cost(server, "resolver", "queue", "sender") as cost:
        name = send(server, "a@mx.example")
        assert wait_for(lambda: s.mails or count > 8 and
                        deferred(server, name), 30), server.log_tail()
    cost.check(8192, 5.0)


def attempts(sink):
    return [at for _, stage, _, at in sink.seen if stage == "RCPT"]


@pytest.mark.shows("DLV-6")
def test_retry_curve(make_server, sink):
    """First, growth, cap, lifetime: 0, 1, 3, 6, then it is returned."""
    s = sink(lambda stage, said, n: b"451 4.2.0 later\r\n"
             if stage == "RCPT" else None)
    server = relay(make_server, s.port, "retry first 1s\nretry growth 2\n"
                   "retry cap 3s\nretry jitter 0%\nretry lifetime 8s\n")
    send(server, "there@example.com")
    assert wait_for(server.messages, 40), server.log_tail()
    at = attempts(s)
    gaps = [b - a for a, b in zip(at, at[1:])]
    want = [1, 2, 3]
    assert 3 <= len(gaps) <= 4, gaps
    for gap, least in zip(gaps, want):
        assert least - 0.2 < gap < least + 3, gaps
    assert "4.2.0" in server.messages()[0].read_text()


@pytest.mark.shows("DLV-9", "RLY-4")
def test_lifetime_of_a_bounce(make_server, sink):
    """The null reverse-path waits shorter, and ends without a bounce."""
    s = sink(lambda stage, said, n: b"451 4.2.0 later\r\n"
             if stage == "RCPT" else None)
    server = relay(make_server, s.port, QUICK + "retry lifetime 60s\n"
                   "retry bounce-lifetime 3s\n")
    kept = send(server, "kept@example.com")
    gone = send(server, "gone@example.com", sender="")

    def waiting():
        return {row["id"] for row in server.rows("queue", "list")}

    assert wait_for(lambda: {kept, gone} <= waiting(), 10)
    assert wait_for(lambda: '"expired"' in server.command(
        "--json", "trace", gone, check=False), 30), server.log_tail()
    assert wait_for(lambda: gone not in waiting(), 10)
    assert kept in waiting()
    assert not server.messages()
