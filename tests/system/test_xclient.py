"""
XCLIENT and XFORWARD, through the wire (SMTP-11).

127.0.0.2 is listed, 127.0.0.3 is not.
"""
import base64
import pathlib

import pytest

from server import PASSWORD, Server, free_port, wait_for
from talk import Talk, message_id
from test_proxy import Proxied, log_of, v1

LISTED, STRANGER = "127.0.0.2", "127.0.0.3"
GOOD = b"From: user@example.org\r\nSubject: for another\r\n\r\nhi\r\n"


@pytest.fixture(scope="module")
def speaking(tmp_path_factory):
    names = ("x-mx", "x-sub", "x-tls", "x-relay", "x-proxy")
    ports = {name: free_port() for name in names}
    server = Server(
        tmp_path_factory.mktemp("xclient") / "server",
        change=lambda text: text.replace(
            "limit sessions-per-address 5000", "limit sessions-per-address 3"),
        extra=f"listen mx on 127.0.0.1:{ports['x-mx']} xclient {LISTED}\n"
        f"listen submission on 127.0.0.1:{ports['x-sub']} xclient {LISTED}\n"
        f"listen submission on 127.0.0.1:{ports['x-tls']} tls implicit "
        f"xclient {LISTED}\n"
        f"listen relay on 127.0.0.1:{ports['x-relay']} "
        f"from 127.0.0.2/32, 192.0.2.0/24 xclient {LISTED}\n"
        f"listen mx on 127.0.0.1:{ports['x-proxy']} proxy {LISTED} "
        f"xclient 192.0.2.1/32\nhold deliveries no\n")
    server.ports.update(ports)
    yield server.start()
    server.end()


def listed(server, name, **how):
    return Talk(server.port(name), source=LISTED, **how)


def field_of(server, name):
    texts = wait_for(lambda: [text for text in map(
        pathlib.Path.read_text, server.messages()) if name in text], 10)
    return texts[0].partition("\n\n")[0]


@pytest.mark.shows("SMTP-11")
def test_unlisted(speaking):
    """Not announced, 550, and policy and log see the TCP address."""
    with Talk(speaking.port("x-mx"), source=STRANGER) as t:
        assert "XCLIENT" not in (hello := t.hello()) \
            and "XFORWARD" not in hello, hello
        assert t.ask("XCLIENT ADDR=192.0.2.1 NAME=a.example") \
            == (550, "5.7.0 Not from you")
        assert t.ask("XFORWARD NAME=a.example") == (550, "5.7.0 Not from you")
        name = message_id(t.mail(GOOD))
    line = log_of(speaking, " accepted ", name)[0]
    assert f"client={STRANGER} " in line and "name=" not in line, line
    with Talk(speaking.port("x-sub"), source=STRANGER) as t:
        t.hello()
        t.ask("XCLIENT LOGIN=user+40example.org", 550)
        t.ask("MAIL FROM:<user@example.org>", 530)


@pytest.mark.shows("SMTP-11")
def test_another_client(speaking):
    with listed(speaking, "x-mx") as t:
        assert "XCLIENT NAME ADDR PORT PROTO HELO\n" in t.hello()
        assert t.ask("XCLIENT NAME=far.example.net ADDR=192.0.2.77 "
                     "HELO=far+2Eexample PROTO=SMTP") \
            == (220, "mx.example.org ESMTP Posthorse")
        t.ask("MAIL FROM:<a@b.example>", 503)		# EHLO is due again
        t.hello("proxy.example")
        name = message_id(t.mail(GOOD))
    line = log_of(speaking, " accepted ", name)[0]
    for word in ("client=192.0.2.77", "name=far.example.net",
                 "helo=far.example"):
        assert f" {word} " in line, line
    assert log_of(speaking, " xclient ", "client=192.0.2.77",
                  f"was={LISTED}")
    field = field_of(speaking, name)
    assert "(far.example.net [192.0.2.77])" in field, field
    assert "from far.example" in field and "with SMTP id" in field, field


@pytest.mark.shows("SMTP-11")
def test_unknown_client(speaking):
    with listed(speaking, "x-mx") as t:
        t.hello()
        t.ask("XCLIENT ADDR=[UNAVAILABLE] NAME=[TEMPUNAVAIL]", 220)
        t.hello()
        name = message_id(t.mail(GOOD))
    assert log_of(speaking, " accepted ", name, "client=unknown ")
    with listed(speaking, "x-relay") as t:
        t.hello()
        assert t.ask("XCLIENT ADDR=[UNAVAILABLE]")[0] == 554


@pytest.mark.shows("SMTP-11")
def test_rules_see_the_other(speaking):
    """Who may relay is asked anew, and so is the limit per address."""
    with listed(speaking, "x-relay") as t:
        t.hello()
        t.ask("XCLIENT ADDR=IPV6:::ffff:192.0.2.5", 220)
        t.hello()
        t.mail(GOOD, to="x@elsewhere.example")
        assert t.ask("XCLIENT ADDR=198.51.100.9") \
            == (554, "5.7.1 No service for you")
        assert t.is_closed()
    talks = [listed(speaking, "x-mx") for _ in range(2)]
    talks += [Proxied(speaking.port("x-proxy"), v1("203.0.113.9"))
              for _ in range(3)]
    with talks[0], talks[1]:
        talks[0].hello()
        code, text = talks[0].ask("XCLIENT ADDR=203.0.113.9")
        assert (code, text) == (421, "4.7.0 Too many connections")
        talks[1].hello()
        talks[1].ask("XCLIENT ADDR=203.0.114.9", 220)
    for t in talks[2:]:
        t.close()
    # Both addresses' places are given back: three of each again.
    assert wait_for(lambda: is_free(speaking, "203.0.113.9"), 5)
    assert wait_for(lambda: is_free(speaking, "203.0.114.9"), 5)


def is_free(server, client):
    talks = [Proxied(server.port("x-proxy"), v1(client)) for _ in range(3)]
    for t in talks:
        t.close()
    return all(t.greeting[0] == 220 for t in talks)


@pytest.mark.parametrize("name,tls", [("x-sub", False), ("x-tls", True)])
@pytest.mark.shows("SMTP-11")
def test_login(speaking, name, tls):
    """A user, without a password of his; and none again."""
    with listed(speaking, name, tls=tls) as t:
        assert "HELO LOGIN" in t.hello()
        t.ask("MAIL FROM:<user@example.org>", 530)
        t.ask("XCLIENT LOGIN=user+40example.org ADDR=192.0.2.8", 220)
        t.hello()
        told = message_id(t.mail(GOOD, sender="user@example.org"))
        assert log_of(speaking, " accepted ", told, "client=192.0.2.8",
                      "user=user@example.org")
        t.ask("XCLIENT LOGIN=[UNAVAILABLE]", 220)
        t.hello()
        t.ask("MAIL FROM:<user@example.org>", 530)


@pytest.mark.shows("SMTP-11")
def test_starttls_behind_it(speaking):
    """The address stays, what was said in plain does not."""
    with listed(speaking, "x-sub") as t:
        t.hello()
        t.ask("XCLIENT LOGIN=user+40example.org ADDR=192.0.2.9 HELO=x", 220)
        t.hello()
        t.ask("STARTTLS", 220)
        t.start_tls()
        t.hello("y")
        t.ask("MAIL FROM:<user@example.org>", 530)
        import base64
        plain = base64.b64encode(
            b"\0user@example.org\0" + PASSWORD.encode()).decode()
        t.ask(f"AUTH PLAIN {plain}", 235)
        told = message_id(t.mail(GOOD, sender="user@example.org"))
    assert log_of(speaking, " accepted ", told, "client=192.0.2.9 ",
                  "helo=y ")


@pytest.mark.parametrize("said,code", [
    ("XCLIENT", 501), ("XCLIENT ADDR", 501), ("XCLIENT ADDR=x", 501),
    ("XCLIENT NAME=a NAME=b", 501), ("XCLIENT NAME=a+0Ab", 501),
    ("XCLIENT LOGIN=user", 501), ("XCLIENT OTHER=1", 501),
    ("XFORWARD", 501), ("XFORWARD SOURCE=x", 501),
    ("XFORWARD NAME=+00", 501)])
@pytest.mark.shows("SMTP-11", "PRS-5")
def test_not_well_formed(speaking, said, code):
    """501, the session goes on as it was."""
    with listed(speaking, "x-mx") as t:
        t.hello()
        assert t.ask(said)[0] == code
        told = message_id(t.mail(GOOD))
    assert log_of(speaking, " accepted ", told, f"client={LISTED} ")


@pytest.mark.shows("SMTP-11")
def test_inside_of_a_transaction(speaking):
    with listed(speaking, "x-mx") as t:
        t.hello()
        t.ask("MAIL FROM:<a@b.example>", 250)
        t.ask("XCLIENT ADDR=192.0.2.1", 503)
        t.ask("XFORWARD NAME=x", 503)
        t.ask("RCPT TO:<user@example.org>", 250)
        t.ask("XCLIENT ADDR=192.0.2.1", 503)
        assert t.content(GOOD)[0] == 250


@pytest.mark.shows("SMTP-11", "LOG-1")
def test_xforward_goes_to_the_log(speaking):
    """Of this message and no other; nothing but the log hears of it."""
    with listed(speaking, "x-mx") as t:
        assert "XFORWARD NAME ADDR PORT PROTO HELO IDENT SOURCE" in t.hello()
        t.ask("XFORWARD NAME=up.example ADDR=198.51.100.3 PORT=99", 250)
        t.ask("XFORWARD HELO=a+20b+22c IDENT=QUEUE1 SOURCE=REMOTE", 250)
        first = message_id(t.mail(GOOD))
        second = message_id(t.mail(GOOD))
    line = log_of(speaking, " forwarded ", first)[0]
    for word in ("client=198.51.100.3", "port=99", "name=up.example",
                 r'helo="a b\"c"', "ident=QUEUE1", "origin=REMOTE"):
        assert word in line, line
    assert log_of(speaking, " accepted ", first, f"client={LISTED} ")
    assert log_of(speaking, " accepted ", second)
    assert not [line for line in speaking.log.read_text().splitlines()
                if " forwarded " in line and second in line]
    field = field_of(speaking, first)
    assert "198.51.100.3" not in field and "up.example" not in field, field
    assert "had come from 198.51.100.3 (up.example) which calls itself a b" \
        in speaking.command("trace", first)


@pytest.mark.shows("SMTP-11")
def test_right_of_the_client_of_a_proxy(speaking):
    """Whom the proxy names has the right, the proxy itself has not."""
    with Proxied(speaking.port("x-proxy"), v1("192.0.2.1")) as t:
        assert "XCLIENT" in t.hello()
        t.ask("XCLIENT ADDR=198.51.100.1", 220)
        assert "XCLIENT" in t.hello()		# it is still the same peer
    with Proxied(speaking.port("x-proxy"), v1("192.0.2.2")) as t:
        assert "XCLIENT" not in t.hello()
        t.ask("XCLIENT ADDR=192.0.2.1", 550)


def test_pipelined(speaking):
    """At the end of a group, as its authors want it."""
    with listed(speaking, "x-mx") as t:
        t.hello()
        t.raw(b"NOOP\r\nRSET\r\nXCLIENT ADDR=192.0.2.4\r\nXCLIENT NAME=n.x"
              b"\r\nEHLO again\r\n")
        assert [t.reply()[0] for _ in range(5)] == [250, 250, 220, 220, 250]
        told = message_id(t.mail(GOOD))
    assert log_of(speaking, " accepted ", told, "client=192.0.2.4 name=n.x")


@pytest.mark.parametrize("what", ["starttls", "auth", "mail"])
@pytest.mark.shows("SMTP-11", "PRV-4")
def test_unknown_client_of_submission(speaking, what):
    """A client without an address counts as its peer does; no role goes."""
    with listed(speaking, "x-sub") as stays, listed(speaking, "x-sub") as t:
        t.hello()
        if what == "auth":
            t.ask("STARTTLS", 220)
            t.start_tls()
            t.hello()
        t.ask("XCLIENT ADDR=[UNAVAILABLE] LOGIN="
              + ("user+40example.org" if what == "mail" else "[UNAVAILABLE]"),
              220)
        t.hello()
        if what == "starttls":
            t.ask("STARTTLS", 220)
            t.start_tls()
            t.hello()
        elif what == "auth":
            said = base64.b64encode(b"\0user@example.org\0"
                                    + PASSWORD.encode()).decode()
            t.ask(f"AUTH PLAIN {said}", 235)
        else:
            t.mail(GOOD, sender="user@example.org")
        stays.ask("NOOP", 250)


@pytest.mark.shows("SMTP-11", "RLY-1")
def test_tags_of_the_one_before(make_server):
    """What rules said of a peer is not said of whom it speaks for."""
    port = free_port()
    server = make_server(extra=f"""\
listen mx on 127.0.0.1:{port} xclient {LISTED}
match client {LISTED} tag near
match sender boss@example.net tag near
match tag near client 192.0.2.0/24 at rcpt relay
""").start()
    with Talk(port, source=LISTED) as t:
        t.hello()
        t.ask("MAIL FROM:<boss@example.net>", 250)
        t.ask("RCPT TO:<user@example.org>", 250)
        t.ask("RSET", 250)
        t.ask("XCLIENT ADDR=192.0.2.77", 220)
        t.hello()
        t.ask("MAIL FROM:<a@example.net>", 250)
        assert t.ask("RCPT TO:<x@elsewhere.example>") \
            == (550, "5.7.1 Relaying denied")
