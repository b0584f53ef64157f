"""
SMTP in, through the wire: section 3 of the requirements, a clause a test.
"""
import contextlib
import ctypes
import itertools
import os
import signal
import socket
import ssl
import time

import pytest

from server import wait_for
from space import Space
from talk import Talk, message_id
from test_limits import GOOD

CRLF = b"\r\n"
ENDS = {"CRLF": b"\r\n", "LF": b"\n", "CR": b"\r", "CR CR LF": b"\r\r\n",
        "NUL": b"\0\r\n"}
SMUGGLED = b"MAIL FROM:<smuggled@example.net>\r\n" \
    b"RCPT TO:<other@example.org>\r\nDATA\r\n" \
    b"Subject: smuggled\r\n\r\nsmuggled\r\n.\r\n"


def nothing_of(server, *senders):
    """No mail of these is in the queue, once a later one is."""
    with Talk(server.port("mx")) as t:
        t.hello()
        name = message_id(t.mail(GOOD, sender="later@example.net"))
    assert wait_for(lambda: any(row["id"] == name for row in
                                server.rows("queue", "list")), 10)
    found = {row["from"] for row in server.rows("queue", "list")}
    assert not found & set(senders), found


def rest(t, seconds=10):
    """All replies until the server closes; their first lines."""
    said, t.left = t.left, b""
    t.sock.settimeout(seconds)
    try:
        while more := t.sock.recv(65536):
            said += more
    except (ConnectionError, ssl.SSLError):
        pass
    return said.decode("ascii", "replace").splitlines()


def to_content(t, sender="first@example.net"):
    t.hello()
    t.ask(f"MAIL FROM:<{sender}>", 250)
    t.ask("RCPT TO:<user@example.org>", 250)
    t.ask("DATA", 354)


@pytest.mark.shows("SMTP-1", "SMTP-2")
@pytest.mark.parametrize("how", ["one segment", "cut", "waits"])
@pytest.mark.parametrize("before,after", [
    pair for pair in itertools.product(ENDS, ENDS) if pair != ("CRLF", "CRLF")])
def test_smuggling(running, before, after, how):
    """
    24 false ends, a whole transaction behind each: refused, and no command of
    it is executed, however it arrives.
    """
    with Talk(running.port("mx")) as t:
        to_content(t)
        head = b"Subject: first\r\n\r\nfirst" + ENDS[before] + b"." \
            + ENDS[after]
        try:
            if how == "one segment":
                t.raw(head + SMUGGLED + b"QUIT\r\n")
            else:
                t.raw(head)		# the false end at a segment's edge
                time.sleep(0.03 if how == "cut" else 0.2)
                t.raw(SMUGGLED + b"QUIT\r\n")
        except OSError:
            pass
        said = rest(t)
    assert said[:1] == ["550 5.6.0 CR, LF or NUL alone in content"], said
    assert said[1:] in ([], ["221 2.0.0 Goodbye"]), said
    nothing_of(running, "first@example.net", "smuggled@example.net")
    assert "smuggled@" not in running.log.read_text(errors="replace")


@pytest.mark.shows("SMTP-2")
@pytest.mark.parametrize("octet", [b"\r", b"\n", b"\0"],
                         ids=["CR", "LF", "NUL"])
@pytest.mark.parametrize("part", ["header", "body"])
@pytest.mark.parametrize("place", ["start", "middle", "end"])
def test_bare_octets(running, octet, part, place):
    """550 behind the true end, nothing spooled, the session in step."""
    line = {"start": octet + b"text", "middle": b"te" + octet + b"xt",
            "end": b"text" + octet}[place]
    if part == "header":
        content = b"Subject: a\r\nX-A: " + line + b"\r\n\r\nbody\r\n.\r\n"
        if place == "start":
            content = b"Subject: a\r\n" + octet + b"X-A: b\r\n\r\nbody\r\n.\r\n"
    else:
        content = b"Subject: a\r\n\r\n" + line + b"\r\nbody\r\n.\r\n"
    with Talk(running.port("mx")) as t:
        to_content(t)
        t.raw(content)
        assert t.reply() == (550, "5.6.0 CR, LF or NUL alone in content")
        t.ask("NOOP", 250)
        t.mail(GOOD)
    nothing_of(running, "first@example.net")


# What ends a transaction, and what it is ended in the middle of.
EXITS = {
    "accepted": [b"DATA", GOOD + b"."],
    "content refused": [b"DATA", b"a\nb\r\n."],
    "too large": [b"MAIL FROM:<a@example.net> SIZE=99999999999"],
    "sender refused": [b"MAIL FROM:<a..b@example.net>"],
    "RSET": [b"RSET"],
    "EHLO": [b"EHLO again.example.net"],
    "HELO": [b"HELO again.example.net"],
    "hops": [b"DATA", b"Received: x\r\n" * 200 + b"\r\nx\r\n."],
    "header": [b"DATA", b"a:\r\n" * 1001 + b"\r\nx\r\n."],
}


@pytest.mark.shows("SMTP-4")
@pytest.mark.parametrize("name", EXITS)
def test_every_exit_resets(running, name):
    """DATA and RCPT behind it: 503."""
    with Talk(running.port("mx")) as t:
        t.hello()
        if not EXITS[name][0].startswith(b"MAIL"):
            t.ask("MAIL FROM:<s@example.net>", 250)
            t.ask("RCPT TO:<user@example.org>", 250)
        for line in EXITS[name]:
            t.ask(line)
        assert t.ask("DATA")[0] == 503
        assert t.ask("RCPT TO:<user@example.org>")[0] == 503
        t.mail(GOOD)


@pytest.mark.shows("SMTP-4")
@pytest.mark.parametrize("role,code", [("lookup", 451)])
def test_exit_by_time(make_server, role, code):
    """Lookup hangs: 451 for the recipient, then no DATA without one."""
    server = make_server().start()
    pid = server.kill_role(role, signal.SIGSTOP)
    try:
        with Talk(server.port("mx")) as t:
            t.hello()
            t.ask("MAIL FROM:<s@example.net>", 250)
            assert t.ask("RCPT TO:<new@example.org>")[0] == code
            assert t.ask("DATA")[0] == 503
    finally:
        os.kill(pid, signal.SIGCONT)


# What may not stand in front of more: what is sent before, then at once.
FORBIDDEN = {
    "EHLO": ([], b"EHLO a.example.net\r\n"),
    "DATA": ([b"EHLO a.example.net", b"MAIL FROM:<s@example.net>",
              b"RCPT TO:<user@example.org>"], b"DATA\r\n"),
    "STARTTLS": ([b"EHLO a.example.net"], b"STARTTLS\r\n"),
    "AUTH": ([b"EHLO a.example.net"], b"AUTH PLAIN\r\n"),
}


@pytest.mark.shows("SMTP-6", "TLS-1")
@pytest.mark.parametrize("name", FORBIDDEN)
def test_pipelined_where_forbidden(running, name):
    """RFC 2920 3.1: the session ends, and what stands behind is not read."""
    before, line = FORBIDDEN[name]
    port = "submissions" if name == "AUTH" else "mx"
    with Talk(running.port(port), tls=name == "AUTH") as t:
        for command in before:
            t.ask(command, 250)
        t.raw(line + b"MAIL FROM:<behind@example.net>\r\n"
              b"RCPT TO:<user@example.org>\r\nDATA\r\n" + GOOD + b".\r\n")
        said = rest(t)
    assert len(said) == 1 and said[0][:3] in ("554", "421"), said
    nothing_of(running, "behind@example.net")
    assert "behind@" not in running.log.read_text(errors="replace")


@pytest.mark.shows("SMTP-6")
def test_pipelined_where_allowed(running):
    """RFC 2920: MAIL, RCPT, DATA in one; behind the content the next ones."""
    with Talk(running.port("mx")) as t:
        t.hello()
        group = b"MAIL FROM:<s@example.net>\r\nRCPT TO:<user@example.org>\r\n" \
            b"RCPT TO:<other@example.org>\r\nDATA\r\n"
        t.raw(group)
        codes = [t.reply()[0] for _ in range(4)]
        t.raw(GOOD + b".\r\n" + group)
        codes += [t.reply()[0] for _ in range(5)]
        t.raw(GOOD + b".\r\nRSET\r\nNOOP\r\nQUIT\r\n")
        codes += [t.reply()[0] for _ in range(4)]
    assert codes == [250, 250, 250, 354, 250, 250, 250, 250, 354, 250, 250,
                     250, 221]


@pytest.mark.shows("SMTP-6")
def test_talk_before_the_greeting(make_server):
    """Octets that came before the 220: 554 and closed, nothing executed."""
    server = make_server().start()
    pid = server.kill_role("lookup", signal.SIGSTOP)	# greets nobody now
    try:
        s = socket.create_connection(("127.0.0.1", server.port("mx")), 10)
        s.sendall(b"EHLO early.example.net\r\nMAIL FROM:<early@example.net>"
                  b"\r\nRCPT TO:<user@example.org>\r\nDATA\r\n" + GOOD
                  + b".\r\n")
        time.sleep(0.3)
    finally:
        os.kill(pid, signal.SIGCONT)
    got = b""
    try:
        while more := s.recv(4096):
            got += more
    except ConnectionError:
        pass
    assert got == b"554 5.5.1 You spoke before the greeting\r\n", got
    assert "early@" not in server.log.read_text(errors="replace")


@pytest.mark.shows("SMTP-7")
@pytest.mark.parametrize("where", ["plain", "STARTTLS", "implicit TLS"])
@pytest.mark.parametrize("verb", ["GET", "POST", "PUT", "HEAD", "OPTIONS",
                                  "CONNECT"])
def test_http(running, verb, where):
    """Closed without a word, and not a line behind it is looked at."""
    port = {"implicit TLS": "submissions"}.get(where, "mx")
    with Talk(running.port(port), tls=port == "submissions") as t:
        if where == "STARTTLS":
            t.hello()
            t.ask("STARTTLS", 220)
            t.start_tls()
        t.raw(f"{verb} /path HTTP/1.1\r\nHost: x\r\n\r\n"
              "EHLO behind.example.net\r\nMAIL FROM:<behind@example.net>\r\n"
              .encode())
        assert rest(t) == []
    assert "behind" not in running.log.read_text(errors="replace")


@pytest.mark.shows("SMTP-10")
def test_vrfy_keeps_the_transaction(running):
    with Talk(running.port("mx")) as t:
        t.hello()
        t.ask("MAIL FROM:<s@example.net>", 250)
        t.ask("RCPT TO:<user@example.org>", 250)
        for what in ("user", "\u4f8b\u3048@\u4f8b\u3048.example", "<user>",
                     "\u202euser", "a" * 1000):
            assert t.ask(f"VRFY {what}")[0] == 252, what
        assert t.ask(b"VRFY \xff\xfe\xc0\x80")[0] in (252, 501)
        for verb in ("TURN", "DEBUG", "EXPN list", "ETRN example.org",
                     "WIZ"):
            assert t.ask(verb)[0] in (500, 502), verb
        assert t.content(GOOD)[0] == 250


# RLY-1: none of these is ours.
OPEN_RELAY = [
    "victim@example.com", "VICTIM@EXAMPLE.COM", "victim@example.com.",
    "victim@example.org.", "victim@EXAMPLE.ORG.example.com",
    "victim@example.org.example.com", "victim@sub.example.org",
    "victim@xexample.org", "victim@example.or", "victim@org",
    "victim%example.com@example.org", "victim%example.com@mx.example.org",
    "victim%example.com", "victim%example.com@[127.0.0.1]",
    "victim%example.com@localhost",
    "example.com!victim", "example.com!victim@example.org",
    "example.com!victim@mx.example.org", "mx.example.org!victim@example.com",
    "@example.org:victim@example.com", "@mx.example.org:victim@example.com",
    "@example.org,@mx.example.org:victim@example.com",
    "@[127.0.0.1]:victim@example.com", "@localhost:victim@example.com",
    '"victim@example.com"@example.org', '"victim@example.com"',
    '"victim@example.com"@mx.example.org', '"victim%example.com"@example.org',
    '"victim"@example.com', '"example.com!victim"@example.org',
    "victim@[127.0.0.1]", "victim@[127.0.0.2]", "victim@[203.0.113.1]",
    "victim@[IPv6:::1]", "victim@[IPv6:::ffff:127.0.0.1]",
    "victim@[IPv6:::ffff:203.0.113.1]", "victim@127.0.0.1",
    "victim@localhost", "victim@localhost.localdomain",
    "victim@mx.example.org", "victim@MX.Example.Org", "victim@mx.example.org.",
    "user@example.org@example.com", "victim@example.com@example.org",
    "user@example.org,victim@example.com", "victim@example.com;example.org",
    "victim@example.com:example.org", "victim@example.com\\@example.org",
    "victim@example.com> ORCPT=rfc822;user@example.org",
    "victim@example.com> NOTIFY=NEVER", "user@example.org>,<victim@example.com",
    "victim @example.org", "|victim@example.com", "@", "@example.org", "",
]


@pytest.mark.shows("RLY-1")
@pytest.mark.parametrize("sender", [
    "spammer@example.net", "user@example.org", "user@mx.example.org", "",
    "user@localhost", "user@[127.0.0.1]"])
def test_open_relay(running, sender):
    """
    56 forms from anybody, under our own HELO name, over plain and TLS: 5xx to
    each; a valid address of others 550 5.7.1.
    """
    assert len(OPEN_RELAY) >= 40
    for helo, tls in (("mx.example.org", False), ("localhost", True)):
        with Talk(running.port("mx")) as t:
            t.hello(helo)
            if tls:
                t.ask("STARTTLS", 220)
                t.start_tls()
                t.hello(helo)
            for rcpt in OPEN_RELAY:
                t.ask("RSET", 250)
                t.ask(f"MAIL FROM:<{sender}>", 250)
                code, text = t.ask(f"RCPT TO:<{rcpt}>")
                assert code // 100 == 5, (rcpt, code, text)
                if rcpt in ("victim@example.com", "victim@localhost",
                            "victim@[127.0.0.1]", "victim@sub.example.org"):
                    assert (code, text[:5]) == (550, "5.7.1"), (rcpt, text)
                assert t.ask("DATA")[0] == 503, rcpt


@pytest.mark.shows("RLY-1")
def test_loopback_is_not_special(running):
    """From 127.0.0.1 and from ::1's mapped form, mx relays for nobody."""
    with Talk(running.port("submission")) as t:
        t.hello()
        assert t.ask("MAIL FROM:<user@example.org>")[0] == 530


@pytest.fixture
def space():
    made = Space()
    yield made
    made.end()


def dual_stack(make_server, space, text):
    """
    Every address of both families, at port 25, in a network of its own: who
    comes over IPv4 is ::ffff:a.b.c.d to that socket.
    """
    server = make_server(
        extra=text + "\nhold deliveries yes\n", preexec=space.enter)
    server.start(wait=False)

    def is_up():
        try:
            with space.talk("127.0.0.1") as t:
                return t.greeting
        except OSError:
            return None

    assert wait_for(is_up, 20), server.log_tail()
    return server


@pytest.mark.shows("SMTP-12")
@pytest.mark.parametrize("networks,is_let_in", [
    ("127.0.0.0/8", True), ("127.0.0.1", True), ("0.0.0.0/0", True),
    ("127.0.0.2", False), ("10.0.0.0/8", False), ("::/0", False)])
def test_mapped_peer_may_relay(make_server, space, networks, is_let_in):
    """A rule of IPv4 holds for ::ffff:127.0.0.1, one of IPv6 does not."""
    server = dual_stack(make_server, space, f"listen relay from {networks}")
    with space.talk("127.0.0.1") as t:
        assert (t.greeting[0] == 220) == is_let_in, t.greeting
        if is_let_in:
            t.hello()
            t.mail(GOOD, to="x@elsewhere.example")
        else:
            assert t.greeting[0] == 554
    with space.talk("::1") as t:
        assert (t.greeting[0] == 220) == (networks == "::/0"), t.greeting
    assert wait_for(lambda: "client=127.0.0.1 " in
                    server.log.read_text(errors="replace"), 10)
    assert "::ffff:" not in server.log.read_text(errors="replace")


@pytest.mark.shows("SMTP-12")
def test_mapped_peer_is_counted_as_ipv4(make_server, space):
    """Four at an IPv4 socket and one at the other: one address, five."""
    server = dual_stack(make_server, space, "listen mx\n")
    server.stop()
    text = server.conf.read_text().replace(
        "limit sessions-per-address 5000", "limit sessions-per-address 5")
    server.conf.write_text(text)
    server.start(wait=False)
    assert wait_for((server.folder / "submission").exists, 10)
    ports = [server.port("mx")] * 4 + [25]
    assert wait_for(lambda: is_open(space, ports[0]), 10)
    held = [space.talk("127.0.0.1", port) for port in ports]
    try:
        assert [t.greeting[0] for t in held] == [220] * 5
        for port in (25, server.port("mx")):
            with space.talk("127.0.0.1", port) as t:
                assert t.greeting[0] == 421, port
        with space.talk("127.0.0.1", source="127.0.0.2") as t:
            assert t.greeting[0] == 220
    finally:
        for t in held:
            t.close()


def is_open(space, port):
    try:
        space.talk("127.0.0.1", port).close()
        return True
    except OSError:
        return False


def sockets_of(pid):
    """Copies of a process' sockets; root may take them (pidfd_getfd(2))."""
    libc = ctypes.CDLL(None)
    process = os.pidfd_open(pid)
    try:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            copy = libc.syscall(438, process, int(fd), 0)
            if copy < 0:
                continue
            try:
                with socket.socket(fileno=copy) as s:
                    yield s
            except OSError:		# it is none
                os.close(copy)
    finally:
        os.close(process)


def test_replies_wait_for_nothing(running):
    """Each connection has TCP_NODELAY, from the socket that listens."""
    for name in ("mx", "submission", "relay"):
        with Talk(running.port(name)) as t:
            found = []
            for pid in running.roles()["receiver"]:
                for s in sockets_of(pid):
                    with contextlib.suppress(OSError):
                        if s.getpeername() == t.sock.getsockname():
                            found.append(s.getsockopt(socket.IPPROTO_TCP,
                                                      socket.TCP_NODELAY))
            assert found == [1], name
