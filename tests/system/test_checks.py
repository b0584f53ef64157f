"""
What the DNS says of a client, asked while the greeting waits: reverse DNS,
weighted block and allow lists.  The clients are those of PROXY headers.
"""
import contextlib
import os
import re
import signal
import socket
import time

import pytest

from server import free_port, stop_still, wait_for
from talk import Talk, message_id
from test_proxy import PROXY, Proxied, log_of, v1

GOOD = b"Subject: checked\r\n\r\nhi\r\n"
NET = "198.51.100"
V6 = "2001:db8::25"
NIBBLES = ".".join(reversed("20010db8000000000000000000000025"))

# Of each client: its PTR records, and the addresses of names.
REVERSE = """\
1 PTR good.names.test.
2 PTR elsewhere.names.test.
3 PTR nowhere.names.test.
4 PTR first.names.test.
4 PTR good4.names.test.
5 PTR bad\\010name.names.test.
6 PTR sick.broken.test.
""" + "".join(f"7 PTR n{i}.names.test.\n" for i in range(30))
NAMES = f"""\
good A {NET}.1
elsewhere A {NET}.99
first A 192.0.2.1
good4 A 192.0.2.1
good4 A {NET}.4
six AAAA {V6}
"""


def listed(*rows):
    return "".join(f"{host}.{'.'.join(reversed(NET.split('.')))} A {reply}\n"
                   for host, reply in rows)


ZONES = {
    "names.test": NAMES,
    ".".join(reversed(NET.split("."))) + ".in-addr.arpa": REVERSE,
    "8.b.d.0.1.0.0.2.ip6.arpa":
        NIBBLES.removesuffix(".8.b.d.0.1.0.0.2") + " PTR six.names.test.\n",
    "bl.test": listed((10, "127.0.0.2"), (11, "127.0.0.4"), (12, "127.0.0.2"),
                      (13, "127.255.255.254"), (14, "192.0.2.1"),
                      (15, "127.0.0.2"), (2, "127.0.0.2"))
        + NIBBLES + " A 127.0.0.2\n",
    "half.test": listed((12, "127.0.0.9"), (16, "127.0.0.2")),
    "other.test": listed((12, "127.0.0.2"), (16, "127.0.0.2")),
    "allow.test": listed((15, "127.0.0.2"), (2, "127.0.10.1"),
                         (3, "127.0.10.1"), (3, "127.0.0.2")),
}
LISTS = "dns-list bl.test reply 127.0.0.0/30,\n" \
    "\thalf.test weight 6 reply 127.0.0.2, other.test weight 5,\n" \
    "\tallow.test weight -20 reply 127.0.0.0/16\n"


class Checked:
    """A server with checks, and how its clients fare."""

    def __init__(self, make, dns, text, proxy=PROXY):
        self.dns = dns
        self.port = free_port()
        self.server = make(
            extra=f"listen mx on 127.0.0.1:{self.port} proxy {proxy}/32\n"
            + dns.config + text).start()

    def talk(self, client):
        return Proxied(self.port, v1(client))

    def greeting(self, host):
        with self.talk(f"{NET}.{host}") as t:
            return t.greeting

    def found(self, client):
        """Send a mail; what the log says was found about its client."""
        with self.talk(client) as t:
            assert t.greeting[0] == 220, t.greeting
            t.hello()
            name = message_id(t.mail(GOOD))
        line = log_of(self.server, " checks ", name)[0]
        return name, re.findall(r'found="([^"]*)"', line), line


def story_of(server, name):
    """What trace tells, once the history has both lines of a refusal."""
    return wait_for(lambda: (text := server.command(
        "trace", name, check=False)).count("\n") > 1 and text, 10)


@pytest.fixture
def checked(make_server, dns):
    return lambda text, zones=ZONES: Checked(make_server, dns(zones), text)


@pytest.mark.shows("DNS-2", "DNS-4")
def test_reverse_dns_looked_at(checked):
    """Each result by its word; a verified name in log and Received alone."""
    c = checked("reverse-dns look\n")
    for client, word, name in (
            (f"{NET}.1", "pass good.names.test", "good.names.test"),
            (f"{NET}.2", "mismatch elsewhere.names.test", None),
            (f"{NET}.3", "mismatch nowhere.names.test", None),
            (f"{NET}.4", "pass good4.names.test", "good4.names.test"),
            (f"{NET}.5", "none", None), (f"{NET}.6", "later", None),
            (f"{NET}.50", "none", None), (V6, "pass six.names.test",
                                          "six.names.test"),
            ("::ffff:" + NET + ".1", "pass good.names.test",
             "good.names.test")):
        told, found, _ = c.found(client)
        assert found == [f"reverse-dns {word}"], (client, found)
        line = log_of(c.server, " accepted ", told)[0]
        assert (f" name={name} " in line) if name else " name=" not in line
        text = wait_for(lambda told=told: [t for t in (
            p.read_text() for p in c.server.messages()) if told in t], 10)[0]
        head = text.partition("\n\n")[0]
        assert (f"({name} [" in head) if name else "names.test" not in head
    # Thirty names, and ten of them are looked at.
    _, found, _ = c.found(f"{NET}.7")
    assert found[0].startswith("reverse-dns mismatch n"), found
    assert "no raw control" and "\\x0aname" not in c.server.log.read_text()


def test_reverse_dns_refused(checked):
    """Who has no name that leads back; not when the DNS is ill (DNS-4)."""
    c = checked("reverse-dns refuse\n")
    codes = {host: c.greeting(host) for host in (1, 2, 3, 4, 5, 6, 50)}
    for host in (1, 4, 6):
        assert codes[host][0] == 220, (host, codes)
    for host in (2, 3, 5, 50):
        code, text = codes[host]
        assert code == 554, codes
        told = re.fullmatch(r"5\.7\.25 Your address has no name that leads "
                            r"back to it \((\w{26})\)", text)[1]
        story = story_of(c.server, told)
        assert f"client={NET}.{host}" in story and "refused at connect" in \
            story, story


@pytest.mark.shows("DNS-4")
def test_lists(checked):
    """Weights are summed, allow lists take away; odd replies do not count."""
    c = checked(LISTS)
    for host, verdict in (
            (10, "bl.test"), (12, "bl.test"), (16, "half.test"),
            (11, None), (13, None), (14, None), (15, None), (2, None)):
        code, text = c.greeting(host)
        assert (code == 554) == (verdict is not None), (host, text)
        if verdict is None:
            continue
        told = re.fullmatch(r"5\.7\.1 Your address is listed by (\S+) "
                            r"\((\w{26})\)", text)
        assert told[1] == verdict, text
        line = log_of(c.server, " checks ", told[2])[0]
        assert f"client={NET}.{host} " in line, line
        assert log_of(c.server, " refused ", told[2], "stage=connect",
                      "code=554", f"client={NET}.{host}")
        story = story_of(c.server, told[2])
        assert f"{verdict} listed 127.0.0.2 weight" in story, story
    with c.talk(V6) as t:
        assert t.greeting[0] == 554 and "bl.test" in t.greeting[1]
    assert c.found(f"{NET}.11")[1] == [
        "bl.test clear 127.0.0.4", "half.test clear", "other.test clear",
        "allow.test clear"]
    assert c.found(f"{NET}.13")[1][0] == "bl.test odd 127.255.255.254"
    assert c.found(f"{NET}.14")[1][0] == "bl.test odd 192.0.2.1"
    _, found, line = c.found(f"{NET}.15")
    assert found[3] == "allow.test listed 127.0.0.2 weight -20", found
    assert "sum=-10" in line, line


@pytest.mark.shows("DNS-4")
def test_lists_of_everybody(checked):
    """RFC 5782 5: what lists 127.0.0.1, too, says nothing of anybody."""
    zones = {
        "parked.test": "* A 127.0.0.2\n",
        "grants.test": "* A 127.0.0.2\n",
        # Of IPv4 alone; IPv6 is listed rightly.
        "half.test": listed((10, "127.0.0.2")) + "1.0.0.127 A 127.0.0.2\n"
            + NIBBLES + " A 127.0.0.2\n",
        "odd.test": listed((10, "127.0.0.2")) + "1.0.0.127 A 192.0.2.1\n",
        # What else it lists cannot be asked for: no verdict.
        "sick.test": listed((10, "127.0.0.2"))
            + "1.0.0.127 CNAME sick.broken.test.\n",
    }
    c = checked("dns-list parked.test, half.test weight 11, odd.test,\n"
                "\tsick.test, grants.test weight -20\n", zones)
    assert c.found(f"{NET}.10")[1] == [
        "parked.test odd lists 127.0.0.1", "half.test odd lists 127.0.0.1",
        "odd.test odd lists 127.0.0.1", "sick.test later 127.0.0.2",
        "grants.test odd lists 127.0.0.1"]
    with c.talk(V6) as t:
        code, text = t.greeting
    assert code == 554 and " listed by half.test (" in text, text
    told = re.search(r"\((\w{26})\)", text)[1]
    line = log_of(c.server, " checks ", told)[0]
    assert "parked.test odd lists 127.0.0.1" in line and \
        "half.test listed 127.0.0.2 weight 11" in line, line


def test_an_allow_list_excuses(checked):
    """A client that lists vouch for needs no name."""
    c = checked("reverse-dns refuse\n" + LISTS)
    assert c.greeting(2)[0] == 220		# listed by both: the sum is -10
    assert c.greeting(3)[0] == 220
    assert c.greeting(50)[0] == 554
    assert c.greeting(10)[0] == 554


def test_who_is_not_checked(make_server, dns):
    """Programs under `from`, users, relays: no question is asked."""
    one = dns(ZONES)
    ports = {name: free_port() for name in ("from", "sub", "relay")}
    server = make_server(
        extra="".join(f"listen {kind} on 127.0.0.1:{ports[name]} "
                      f"proxy {PROXY}/32{more}\n" for name, kind, more in (
                          ("from", "mx", f" from {NET}.0/24"),
                          ("sub", "submission", ""),
                          ("relay", "relay", f" from {NET}.0/24")))
        + one.config + "reverse-dns refuse\n" + LISTS).start()
    for port in ports.values():
        with Proxied(port, v1(f"{NET}.10")) as t:
            assert t.greeting[0] == 220, t.greeting


@pytest.mark.shows("DNS-4", "DNS-5")
def test_silent_dns(checked):
    """No answer is no verdict, and no wait of more than 5 s."""
    c = checked("reverse-dns refuse\n" + LISTS)
    stop_still(c.dns.process.pid)
    try:
        began = time.monotonic()
        _, found, _ = c.found(f"{NET}.64")
        took = time.monotonic() - began
    finally:
        c.dns.process.send_signal(signal.SIGCONT)
    assert 0.5 < took < 9, took
    assert len(found) == 5 and all(
        word.split()[1] in ("later", "timeout") for word in found), found


@pytest.mark.shows("OPS-6", "DNS-4", "DNS-5")
def test_resolver_stands_still(checked):
    """5 s, then no verdict; sessions beside it are not held up."""
    c = checked("reverse-dns refuse\n" + LISTS)
    pid = c.server.kill_role("resolver", signal.SIGSTOP)
    try:
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", c.port), 10,
                                      (PROXY, 0)) as s:
            s.sendall(v1(f"{NET}.60"))
            with Talk(c.server.port("relay")) as t:
                assert t.greeting[0] == 220
                assert time.monotonic() - began < 4
            s.settimeout(10)
            assert s.recv(100).startswith(b"220 ")
            took = time.monotonic() - began
            assert 4.5 < took < 9, took
        _, found, _ = c.found(f"{NET}.61")
        assert found == ["reverse-dns timeout", "bl.test timeout",
                         "half.test timeout", "other.test timeout",
                         "allow.test timeout"], found
    finally:
        os.kill(pid, signal.SIGCONT)
    assert wait_for(lambda: c.greeting(10)[0] == 554, 10)


@pytest.mark.shows("OPS-6", "DNS-1", "DNS-4")
def test_resolver_dies(checked):
    """Its open questions end as "later": the greeting comes at once."""
    c = checked("reverse-dns refuse\n" + LISTS)
    stop_still(c.dns.process.pid)
    try:
        with socket.create_connection(("127.0.0.1", c.port), 10,
                                      (PROXY, 0)) as s:
            s.sendall(v1(f"{NET}.62"))
            time.sleep(0.5)
            began = time.monotonic()
            assert c.server.kill_role("resolver")
            s.settimeout(10)
            assert s.recv(100).startswith(b"220 ")
            assert time.monotonic() - began < 4
    finally:
        c.dns.process.send_signal(signal.SIGCONT)
    assert wait_for(lambda: c.greeting(10)[0] == 554, 20)


@pytest.mark.shows("SMTP-6")
def test_talk_while_it_is_asked(checked):
    """The greeting waits for the DNS: who talks meanwhile is caught."""
    c = checked("reverse-dns look\n")
    stop_still(c.dns.process.pid)
    try:
        with socket.create_connection(("127.0.0.1", c.port), 10,
                                      (PROXY, 0)) as s:
            s.sendall(v1(f"{NET}.63"))
            time.sleep(0.3)
            s.sendall(b"EHLO early.example.net\r\n")
            s.settimeout(10)
            got = b""
            with contextlib.suppress(ConnectionError):
                while more := s.recv(1000):
                    got += more
    finally:
        c.dns.process.send_signal(signal.SIGCONT)
    assert got == b"554 5.5.1 You spoke before the greeting\r\n", got
    assert log_of(c.server, " refused ", "stage=connect", "code=554",
                  f"client={NET}.63")


def test_implicit_tls(make_server, dns):
    """Asked while the handshake goes on; the verdict is told inside of it."""
    one = dns(ZONES)
    port = free_port()
    make_server(extra=f"listen mx on 127.0.0.1:{port} tls implicit "
                f"proxy {PROXY}/32\n" + one.config + LISTS).start()
    for host, code in ((1, 220), (10, 554)):
        with Proxied(port, v1(f"{NET}.{host}"), tls=True) as t:
            assert t.greeting[0] == code


def test_after_xclient(make_server, dns):
    """The other client is asked about anew; a NAME that is said is believed."""
    one = dns(ZONES)
    port = free_port()
    server = make_server(
        extra=f"listen mx on 127.0.0.1:{port} from {PROXY}/32 "
        f"xclient {PROXY}/32\n" + one.config
        + "reverse-dns refuse\n" + LISTS).start()
    for said, code in ((f"ADDR={NET}.1", 220), (f"ADDR={NET}.10", 554),
                       (f"ADDR={NET}.50", 554),
                       (f"ADDR={NET}.50 NAME=said.example", 220),
                       (f"ADDR={NET}.1 NAME=[UNAVAILABLE]", 554),
                       (f"ADDR={NET}.50 NAME=[TEMPUNAVAIL]", 220)):
        with Talk(port, source=PROXY) as t:
            t.hello()
            t.raw(f"XCLIENT {said}\r\n".encode())
            got, text = t.reply()
            assert got == code, (said, text)
            if code != 220:
                assert t.is_closed()
                continue
            t.hello()
            name = message_id(t.mail(GOOD))
        assert log_of(server, " checks ", name)


@pytest.mark.shows("SMTP-6")
def test_octets_that_came_with_the_connection(make_server):
    """However fast lookup answers: what is there before the greeting counts."""
    server = make_server().start()
    receivers = server.roles()["receiver"]
    for pid in receivers:
        stop_still(pid)
    with socket.create_connection(("127.0.0.1", server.port("mx")), 10) as s:
        s.sendall(b"EHLO early.example.net\r\n")
        for pid in receivers:
            os.kill(pid, signal.SIGCONT)
        got = s.recv(1000)
    assert got.startswith(b"554"), got


@pytest.mark.shows("SMTP-6")
def test_greeting_wait(make_server):
    """The greeting of strangers comes late, and who talks before it goes."""
    ports = [free_port(), free_port()]
    server = make_server(
        extra=f"greeting-wait 2s\nlisten mx on 127.0.0.1:{ports[0]} "
        f"proxy {PROXY}/32\nlisten mx on 127.0.0.1:{ports[1]} "
        f"from {PROXY}/32\n",
        change=lambda text: text.replace("listen mx on", "listen mx from "
                                         "127.0.0.1/32 on", 1)).start()
    began = time.monotonic()
    with Proxied(ports[0], v1("192.0.2.1")) as t:
        assert t.greeting[0] == 220
    assert 1.9 < time.monotonic() - began < 9
    with socket.create_connection(("127.0.0.1", ports[0]), 10,
                                  (PROXY, 0)) as s:
        s.sendall(v1("192.0.2.2"))
        time.sleep(0.3)
        s.sendall(b"EHLO early.example.net\r\n")
        s.settimeout(5)
        assert s.recv(1000) == b"554 5.5.1 You spoke before the greeting\r\n"
    began = time.monotonic()
    for port, source in ((ports[1], PROXY), (server.port("relay"), None),
                         (server.port("submission"), None)):
        with Talk(port, source=source) as t:
            assert t.greeting[0] == 220
    assert time.monotonic() - began < 1.9, "listed and users do not wait"


SENDERS = {
    "null.test": "@ MX 0 .\n@ A 192.0.2.1\n",
    "two.test": "@ MX 0 .\n@ MX 10 mx\nmx A 192.0.2.1\n",
    "mx.test": "@ MX 10 mx\nmx A 192.0.2.1\n",
    "plain.test": "@ A 192.0.2.1\n",
}
NULL_MX = (550, "5.7.27 This sender's domain accepts no mail")


def mail_from(t, sender, more=""):
    got = t.ask(f"MAIL FROM:<{sender}>{more}")
    t.ask("RSET", 250)
    return got


@pytest.mark.shows("DNS-4")
def test_sender_with_a_null_mx(checked):
    """RFC 7505 4.2: refused; who has mail, or cannot be asked for, is not."""
    c = checked("sender-domain refuse\n", SENDERS)
    with c.talk(f"{NET}.1") as t:
        t.hello()
        assert mail_from(t, "a@null.test") == NULL_MX
        assert mail_from(t, '"a b"@NULL.test') == NULL_MX
        for sender in ("a@two.test", "a@mx.test", "a@plain.test",
                       "a@nowhere.test", "a@sick.broken.test", "",
                       "a@[192.0.2.1]"):
            assert mail_from(t, sender)[0] == 250, sender
        assert mail_from(t, "a@bücher.example", " SMTPUTF8")[0] == 250
        # In step, and the story is told by the message's id.
        name = message_id(t.mail(GOOD, sender="a@mx.test"))
    assert "found=pass" in log_of(c.server, " sender-domain ", name)[0]
    assert wait_for(lambda: "from=a@sick.broken.test found=later" in
                    c.server.log.read_text(), 10)
    log = c.server.log.read_text()
    assert "from=a@null.test found=null-mx" in log
    refused = re.search(r" (\w{26}) sender-domain .* found=null-mx", log)[1]
    assert "5.7.27" in story_of(c.server, refused)


def test_sender_with_a_null_mx_of_those_we_know(checked):
    """Users, listed hosts, and whom a rule at MAIL accepts are not asked."""
    c = checked("sender-domain refuse\nmatch at mail sender b@null.test "
                "accept\n", SENDERS)
    for port, code in (("relay", 250), ("mx", 550)):
        with Talk(c.server.port(port)) as t:
            t.hello()
            assert mail_from(t, "a@null.test")[0] == code, port
            assert mail_from(t, "b@null.test")[0] == 250, port
    assert "from=b@null.test found" not in c.server.log.read_text()


def test_sender_with_a_null_mx_looked_at(checked):
    """look shows it; without a resolver there is no verdict (DNS-4)."""
    c = checked("sender-domain look\n", SENDERS)
    with c.talk(f"{NET}.1") as t:
        t.hello()
        assert mail_from(t, "a@null.test")[0] == 250
        name = message_id(t.mail(GOOD, sender="a@null.test"))
        assert "found=null-mx" in log_of(c.server, " sender-domain ", name)[0]
        pid = c.server.kill_role("resolver", signal.SIGSTOP)
        began = time.monotonic()
        try:
            assert mail_from(t, "b@null.test")[0] == 250
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
        assert time.monotonic() - began < 60
    assert wait_for(lambda: "from=b@null.test found=later" in
                    c.server.log.read_text(), 10)
