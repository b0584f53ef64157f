"""Section 19, the rows that count seconds, handshakes and attempts."""
import base64
import os
import pathlib
import socket
import time

import pytest

from cost import Cost
from server import TOP, wait_for
from talk import Talk
from test_limits import GOOD, limited

HOOKS = pathlib.Path(os.environ.get("POSTHORSE_HOOKS", TOP / "build-hooks"))


def silent(port):
    """A connection that never says a word."""
    s = socket.create_connection(("127.0.0.1", port), 10)
    s.settimeout(10)
    return s


def is_refused(s):
    """Closed without a word."""
    try:
        return s.recv(100) == b""
    except ConnectionError:
        return True
    except TimeoutError:
        return False


def tls_works(server):
    try:
        with Talk(server.port("submissions"), tls=True, timeout=10) as t:
            return t.greeting[0] == 220
    except OSError:
        return False


@pytest.mark.shows("TLS-12")
def test_unfinished_handshakes(make_server):
    """At the limit: room; one past it and 100 times that: closed, or 454."""
    server = limited(make_server, "limit handshakes 4\nreceivers 1")
    port = server.port("submissions")
    held = [silent(port) for _ in range(3)]
    past = []
    try:
        time.sleep(0.5)
        assert tls_works(server), "the fourth may shake hands"
        held.append(silent(port))
        time.sleep(0.5)
        with Cost(server) as cost:
            past = [silent(port) for _ in range(400)]
            assert all(is_refused(s) for s in past), "past the limit"
        cost.check(4096, 5.0)
        with Talk(server.port("mx")) as t:
            t.hello()
            assert t.ask("STARTTLS")[0] == 454
            t.mail(GOOD)		# plain mail goes on, in step
        for s in held[1:]:
            s.close()
        assert wait_for(lambda: tls_works(server), 10), "room again"
    finally:
        for s in held + past:
            s.close()


@pytest.mark.shows("TLS-12")
def test_handshakes_of_an_address(make_server):
    server = limited(make_server, "limit handshakes-per-minute 6")
    for _ in range(5):
        assert tls_works(server)
    with Talk(server.port("mx")) as t:
        t.hello()
        t.ask("STARTTLS", 220)		# the sixth, of whatever kind
        t.start_tls()
        t.hello()
    with Talk(server.port("mx")) as t:
        t.hello()
        code, text = t.ask("STARTTLS")
        assert (code, text[:5]) == (454, "4.7.0"), text
        t.mail(GOOD)
    with Cost(server) as cost:
        past = [silent(server.port("submissions")) for _ in range(600)]
        assert all(is_refused(s) for s in past)
    cost.check(4096, 5.0)
    for s in past:
        s.close()


@pytest.mark.shows("OPS-2")
def test_idle_times(make_server):
    """Without a command, and without an octet of content: 421 and closed."""
    server = limited(make_server, "limit idle 2s\nlimit data-idle 3s")
    began = time.monotonic()
    with Talk(server.port("mx")) as t, Talk(server.port("mx")) as d:
        d.hello()
        d.ask("MAIL FROM:<s@example.net>", 250)
        d.ask("RCPT TO:<user@example.org>", 250)
        d.ask("DATA", 354)
        data_began = time.monotonic()
        t.hello()
        assert t.reply()[0] == 421
        assert 1.5 < time.monotonic() - began < 8
        assert t.is_closed()
        assert d.reply()[0] == 421
        assert 2.5 < time.monotonic() - data_began < 10
        assert d.is_closed()
    time.sleep(0.5)
    assert not server.messages()


@pytest.mark.shows("OPS-2")
def test_times_of_a_session(make_server):
    """Busy without mail for so long, or here for so long: 421."""
    server = limited(make_server, "limit session-without-mail 2s\n"
                     "limit session 5s\nlimit commands 100000")
    seen = {}
    for name, sends in (("idler", False), ("sender", True)):
        with Talk(server.port("mx")) as t:
            t.hello()
            began = time.monotonic()
            try:
                while time.monotonic() - began < 15:
                    if sends:
                        t.mail(GOOD)
                    else:
                        t.ask("NOOP", 250)
                    time.sleep(0.1)
            except Exception as error:
                assert "421" in str(error) or isinstance(error, OSError)
            seen[name] = time.monotonic() - began
    assert 1 < seen["idler"] < 5, seen
    assert 4 < seen["sender"] < 10, seen


@pytest.mark.shows("OPS-2")
def test_data_rate(make_server):
    """One octet a second is not content; twice the rate is."""
    server = limited(make_server, "limit data-rate 50\nlimit data-idle 100s\n"
                     "limit data-rate-window 3s")
    with Talk(server.port("mx"), timeout=5) as slow, \
            Talk(server.port("mx"), timeout=5) as fast:
        for t in (slow, fast):
            t.hello()
            t.ask("MAIL FROM:<s@example.net>", 250)
            t.ask("RCPT TO:<user@example.org>", 250)
            t.ask("DATA", 354)
        began, is_closed, said = time.monotonic(), False, ""
        while time.monotonic() - began < 30 and not is_closed:
            fast.raw(b"x" * 98 + b"\r\n")
            try:
                slow.raw(b"x")
                slow.sock.settimeout(0.01)
                said = slow.line()
                is_closed = True
            except TimeoutError:
                pass
            except OSError:
                is_closed = True
            time.sleep(1)
        assert is_closed and said == "421 4.4.2 Too slow, closing", said
        assert 2 < time.monotonic() - began
        for _ in range(5):		# two windows more
            fast.raw(b"x" * 98 + b"\r\n")
            time.sleep(1)
        fast.raw(b"\r\n.\r\n")
        assert fast.reply()[0] == 250


@pytest.mark.shows("OPS-6")
@pytest.mark.hooks
def test_final_reply(make_server):
    """The disk answers too late: 451, and the session goes on."""
    if not (HOOKS / "src" / "posthorse").exists():
        pytest.skip("no build with the fault table")
    server = make_server(
        build=HOOKS, extra="limit final-reply 1s\n",
        change=lambda text: text.replace("receivers 2", "receivers 1"),
        env={"POSTHORSE_FAULT": "stall:60", "POSTHORSE_FAULT_ROLE":
             "receiver"}).start()
    codes = []
    with Talk(server.port("mx")) as t:
        t.hello()
        for _ in range(60):
            t.ask("MAIL FROM:<s@example.net>", 250)
            t.ask("RCPT TO:<user@example.org>", 250)
            began = time.monotonic()
            codes.append(t.content(GOOD)[0])
            assert time.monotonic() - began < 4
            if codes[-1] != 250:
                break
    assert 451 in codes and set(codes) <= {250, 451}, codes
    # At least once: what was put off may arrive all the same, once.
    acked = codes.count(250)
    server.wait_messages(acked)
    assert acked <= len(server.messages()) <= len(codes)


@pytest.mark.shows("AUTH-5")
def test_wrong_passwords_wait(make_server):
    """Each failure of an address is answered later than the one before."""
    server = limited(make_server, "limit auth-per-minute 100\n"
                     "limit auth-per-account 100\nlimit auth-per-day 100")
    took = []
    for i in range(5):
        line = base64.b64encode(f"\0nobody{i}@example.org\0x".encode())
        with Talk(server.port("submissions"), tls=True) as t:
            t.hello()
            began = time.monotonic()
            assert t.ask(b"AUTH PLAIN " + line)[0] == 535
            took.append(time.monotonic() - began)
            t.ask("NOOP", 250)
    assert took[2] > 0.45 and took[3] > 0.95 and took[4] > 1.9, took
    assert took[4] < 10, took


@pytest.mark.shows("AUTH-5")
def test_account_under_attack(make_server):
    """Ten wrong passwords: the account is shut, other users are not."""
    server = limited(make_server, "limit auth-per-account 3\n"
                     "limit auth-per-minute 100\nlimit auth-per-day 100")

    def login(user, password):
        line = base64.b64encode(f"\0{user}\0{password}".encode())
        with Talk(server.port("submissions"), tls=True) as t:
            t.hello()
            return t.ask(b"AUTH PLAIN " + line)[0]

    from server import PASSWORD
    codes = [login("user@example.org", "wrong") for _ in range(4)]
    assert codes == [535, 535, 535, 421], codes
    assert login("user@example.org", PASSWORD) == 421
    assert login("other@example.org", PASSWORD) == 235


@pytest.mark.shows("SMTP-5")
def test_bdat_is_not_offered(server, talk):
    """Not announced, answered 502 and closed; its octets are no commands."""
    t = talk(server.port("mx"))
    assert "CHUNKING" not in t.hello()
    t.ask("MAIL FROM:<s@example.net>", 250)
    t.ask("RCPT TO:<user@example.org>", 250)
    t.raw(b"BDAT 60 LAST\r\nSubject: x\r\n\r\nx\r\n")
    t.raw(b"RSET\r\nMAIL FROM:<smuggled@example.net>\r\n")
    assert t.reply()[0] == 502
    left = t.left
    try:
        while more := t.sock.recv(4096):
            left += more
    except OSError:
        pass
    assert left == b"", left
    time.sleep(0.5)
    assert not server.messages()
