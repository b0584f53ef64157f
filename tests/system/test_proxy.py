"""
PROXY headers in front of a connection, through the wire (SMTP-11).

127.0.0.2 is a listed proxy, 127.0.0.3 is not.
"""
import contextlib
import pathlib
import socket
import ssl
import struct
import time

import pytest

from server import free_port, wait_for
from talk import Talk, message_id

PROXY, STRANGER = "127.0.0.2", "127.0.0.3"
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
GOOD = b"Subject: proxied\r\n\r\nhi\r\n"


def v1(client, port=1234):
    family = b"TCP6" if ":" in client else b"TCP4"
    own = b"::1" if ":" in client else b"127.0.0.1"
    return b"PROXY %s %s %s %d 25\r\n" % (family, client.encode(), own, port)


def v2(client, port=1234, tlvs=b"", command=0x21, family=None):
    is_v6 = ":" in client
    kind = socket.AF_INET6 if is_v6 else socket.AF_INET
    rest = socket.inet_pton(kind, client) \
        + socket.inet_pton(kind, "::1" if is_v6 else "127.0.0.1") \
        + struct.pack("!HH", port, 25) + tlvs
    return SIGNATURE + struct.pack("!BBH", command, family
                                   or (0x21 if is_v6 else 0x11),
                                   len(rest)) + rest


class Proxied(Talk):
    """A Talk behind a header; cut: in two pieces, the first so long."""

    def __init__(self, port, header, source=PROXY, cut=None, tls=False):
        self.sock = socket.create_connection(("127.0.0.1", port), 30,
                                             (source, 0))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if cut is not None:
            self.sock.sendall(header[:cut])
            time.sleep(0.02)
        if tls:
            self._one_segment(header[cut or 0:])
        else:
            self.sock.sendall(header[cut or 0:])
        self.left = b""
        self.greeting = self.reply()

    def _one_segment(self, header):
        """The handshake's first octets right behind the header."""
        into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = ssl._create_unverified_context().wrap_bio(into, out)
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.do_handshake()
        self.sock.sendall(header + out.read())
        self.sock = Wrapped(self.sock, tls, into, out)
        self.sock.shake()


class Wrapped:
    """Just enough of a TLS socket, over a handshake that has begun."""

    def __init__(self, sock, tls, into, out):
        self.sock, self.tls, self.into, self.out = sock, tls, into, out

    def _until(self, what):
        while True:
            try:
                return what()
            except ssl.SSLWantReadError:
                self.sock.sendall(self.out.read())
                more = self.sock.recv(65536)
                if not more:
                    raise ConnectionError("closed by the server") from None
                self.into.write(more)

    def shake(self):
        self._until(self.tls.do_handshake)
        self.sock.sendall(self.out.read())

    def recv(self, n):
        return self._until(lambda: self.tls.read(n))

    def sendall(self, octets):
        self.tls.write(octets)
        self.sock.sendall(self.out.read())

    def close(self):
        self.sock.close()


@pytest.fixture(scope="module")
def proxied(tmp_path_factory):
    from server import Server
    ports = {name: free_port() for name in ("p-mx", "p-tls", "p-relay")}
    server = Server(
        tmp_path_factory.mktemp("proxy") / "server",
        change=lambda text: text.replace(
            "limit sessions-per-address 5000", "limit sessions-per-address 3"),
        extra=f"listen mx on 127.0.0.1:{ports['p-mx']} proxy {PROXY}\n"
        f"listen mx on 127.0.0.1:{ports['p-tls']} tls implicit "
        f"proxy {PROXY}\n"
        f"listen relay on 127.0.0.1:{ports['p-relay']} from 192.0.2.0/24 "
        f"proxy {PROXY}\n")
    server.ports.update(ports)
    yield server.start()
    server.end()


def log_of(server, *words):
    def lines():
        return [line for line in
                server.log.read_text(errors="replace").splitlines()
                if all(w in line for w in words)]
    return wait_for(lines, 5)


def is_closed_silently(port, octets, source=PROXY, seconds=4):
    with socket.create_connection(("127.0.0.1", port), 10, (source, 0)) as s:
        s.sendall(octets)
        s.settimeout(seconds)
        try:
            return s.recv(100) == b""
        except ConnectionError:
            return True


@pytest.mark.parametrize("header", [v1, v2])
@pytest.mark.parametrize("client,shown", [
    ("192.0.2.7", "192.0.2.7"), ("2001:db8::7", "2001:db8::7"),
    ("::ffff:192.0.2.8", "192.0.2.8")])
@pytest.mark.shows("SMTP-11")
def test_client_of_the_header(proxied, header, client, shown):
    """Log, Received and envelope name the client, not the proxy (SMTP-12)."""
    with Proxied(proxied.port("p-mx"), header(client)) as t:
        t.hello()
        name = message_id(t.mail(GOOD))
    assert log_of(proxied, " accepted ", name, f"client={shown} ")
    texts = wait_for(lambda: [text for text in map(
        pathlib.Path.read_text, proxied.messages()) if name in text], 10)
    literal = f"[IPv6:{shown}]" if ":" in shown else f"[{shown}]"
    assert literal in texts[0] and PROXY not in texts[0], texts


@pytest.mark.parametrize("header", [v1, v2])
@pytest.mark.shows("SMTP-11", "PRS-2")
def test_cut_at_each_octet(proxied, header):
    octets = header("192.0.2.9")
    for cut in range(1, len(octets)):
        with Proxied(proxied.port("p-mx"), octets, cut=cut) as t:
            assert t.greeting[0] == 220, cut


@pytest.mark.parametrize("header", [v1, v2])
@pytest.mark.shows("SMTP-11")
def test_before_implicit_tls(proxied, header):
    """The header, then TLS, in one segment and in two."""
    for how in ({"tls": True}, {"tls": True, "cut": 5}):
        with Proxied(proxied.port("p-tls"), header("192.0.2.10"),
                     **how) as t:
            t.hello()
            name = message_id(t.mail(GOOD))
        line = log_of(proxied, " accepted ", name)[0]
        assert "client=192.0.2.10 " in line and "tls=" in line, line


@pytest.mark.shows("SMTP-11")
def test_starttls_behind_it(proxied):
    with Proxied(proxied.port("p-mx"), v2("192.0.2.11", tlvs=b"\2\0\1x")) as t:
        t.hello()
        t.ask("STARTTLS", 220)
        t.start_tls()
        t.hello()
        name = message_id(t.mail(GOOD))
    assert log_of(proxied, " accepted ", name, "client=192.0.2.11 ")


@pytest.mark.shows("SMTP-11")
def test_rules_see_the_client(proxied):
    """`from` of a relay, and the limit of sessions per address."""
    with Proxied(proxied.port("p-relay"), v1("198.51.100.1")) as t:
        assert t.greeting[0] == 554, t.greeting
    with Proxied(proxied.port("p-relay"), v1("192.0.2.12")) as t:
        assert t.greeting[0] == 220, t.greeting
    with contextlib.ExitStack() as stack:
        codes = [stack.enter_context(Proxied(
            proxied.port("p-mx"), v1("203.0.113.5"))).greeting[0]
            for _ in range(4)]
        assert codes == [220, 220, 220, 421], codes
        other = stack.enter_context(Proxied(proxied.port("p-mx"),
                                            v1("203.0.114.5")))
        assert other.greeting[0] == 220
    # Their places are given back.
    assert wait_for(lambda: Proxied(proxied.port("p-mx"), v1(
        "203.0.113.5")).greeting[0] == 220, 5)


@pytest.mark.parametrize("octets", [
    b"EHLO x\r\n", b"PROXY TCP4 192.0.2.1\r\n", b"PROXY UNKNOWN\r\n",
    b"PROXY TCP4 192.0.2.1 192.0.2.2 1 25\n", b"PROXY " + b"x" * 200,
    b"GET / HTTP/1.1\r\n", b"\x16\3\1\2\0\1\0\1\xfc\3\3",
    v2("192.0.2.1", command=0x22), v2("192.0.2.1", command=0x11),
    v2("192.0.2.1", family=0x12), v2("192.0.2.1", tlvs=b"\0\0\0"),
    v2("192.0.2.1", tlvs=b"\1\0\xff"), v2("192.0.2.1", tlvs=b"\3\0\4abcd"),
    SIGNATURE + b"\x21\0\0\0", SIGNATURE + b"\x21\x11\xff\xff" + b"x" * 65535,
], ids=range(15))
@pytest.mark.parametrize("port", ["p-mx", "p-tls"])
@pytest.mark.shows("SMTP-11")
def test_other_octets_are_closed(proxied, port, octets):
    """No header, a wrong one, UNKNOWN, 64 KiB: closed without a word."""
    before = len(log_of(proxied, "proxy-trouble") or [])
    assert is_closed_silently(proxied.port(port), octets)
    assert wait_for(lambda: len(log_of(proxied, "proxy-trouble") or [])
                    == before + 1, 5)


@pytest.mark.shows("SMTP-11")
def test_health_check(proxied):
    """LOCAL: closed, and no line about trouble."""
    before = proxied.log.stat().st_size
    for rest in (b"", b"abc"):
        assert is_closed_silently(
            proxied.port("p-mx"), SIGNATURE + b"\x20\0" + struct.pack(
                "!H", len(rest)) + rest)
    assert log_of(proxied, "disconnect", 'why="health check"')
    text = proxied.log.read_bytes()[before:]
    assert b"proxy-trouble" not in text, text


@pytest.mark.shows("SMTP-11")
def test_header_in_time(proxied):
    """5 s and no more, however slowly it comes; nothing is said before."""
    with socket.create_connection(("127.0.0.1", proxied.port("p-mx")), 10,
                                  (PROXY, 0)) as s:
        began = time.monotonic()
        octets, at = v1("192.0.2.13"), 0
        s.settimeout(0.5)
        got = None
        while got is None and time.monotonic() < began + 12:
            try:
                if at < 12:
                    s.sendall(octets[at:at + 1])
                    at += 1
                got = s.recv(100)
            except socket.timeout:
                pass
            except ConnectionError:
                got = b""
        took = time.monotonic() - began
    assert got == b"" and 4.5 < took < 9, (got, took)
    assert log_of(proxied, "proxy-trouble", 'why="no header in time"')


@pytest.mark.parametrize("header", [v1, v2])
@pytest.mark.shows("SMTP-11", "SMTP-6")
def test_unlisted_peer(proxied, header):
    """It is greeted, its TCP address counts, and a header is no greeting."""
    with Talk(proxied.port("p-mx"), source=STRANGER) as t:
        t.hello()
        name = message_id(t.mail(GOOD))
    assert log_of(proxied, " accepted ", name, f"client={STRANGER} ")
    with socket.create_connection(("127.0.0.1", proxied.port("p-mx")), 10,
                                  (STRANGER, 0)) as s:
        s.sendall(header("192.0.2.99") + b"EHLO x\r\nMAIL FROM:<a@b.example>"
                  b"\r\nRCPT TO:<user@example.org>\r\nDATA\r\n" + GOOD
                  + b".\r\n")
        got = b""
        s.settimeout(5)
        with contextlib.suppress(ConnectionError):
            while more := s.recv(4096):
                got += more
    assert b"354" not in got and b"queued" not in got, got
    assert "client=192.0.2.99" not in proxied.log.read_text(errors="replace")


@pytest.mark.shows("SMTP-11", "SMTP-6")
def test_talk_between_header_and_greeting(proxied):
    """Behind the header the rule is the same: we speak first."""
    with Proxied(proxied.port("p-mx"), v1("192.0.2.14")
                 + b"EHLO early.example.net\r\n") as t:
        assert t.greeting == (554, "5.5.1 You spoke before the greeting")
