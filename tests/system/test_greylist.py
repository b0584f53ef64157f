"""
Greylisting through the wire: state in an SQLite file, learned by itself.  The
clients are those of PROXY headers.
"""
import os
import re
import signal
import sqlite3
import time

import pytest

from server import free_port, wait_for
from talk import Talk, message_id
from test_proxy import PROXY, Proxied, log_of, v1

GOOD = b"From: user@example.org\r\nSubject: grey\r\n\r\nhi\r\n"
WAIT = 2
PROBES = "listen mx from 127.0.0.1/32 on"	# the fixture's own client


class Grey:
    def __init__(self, make, extra="", **how):
        self.port = free_port()
        self.server = make(
            extra=f"listen mx on 127.0.0.1:{self.port} proxy {PROXY}/32\n"
            f"greylist {WAIT}s\n" + extra,
            change=lambda text: text.replace("listen mx on", PROBES, 1),
            **how).start()

    def ask(self, client="192.0.2.1", sender="a@b.example",
            to="user@example.org"):
        """The reply to one RCPT."""
        with Proxied(self.port, v1(client)) as t:
            t.hello()
            t.ask(f"MAIL FROM:<{sender}>", 250)
            return t.ask(f"RCPT TO:<{to}>")

    def pass_once(self, **how):
        assert self.ask(**how)[0] == 451
        return wait_for(lambda: self.ask(**how)[0] == 250, WAIT + 4, 0.3)


@pytest.fixture
def grey(make_server):
    return lambda extra="", **how: Grey(make_server, extra, **how)


def test_comes_again(grey):
    """451 with the seconds to wait, then taken; by triplet and network."""
    g = grey()
    code, text = g.ask()
    assert code == 451 and text in (
        f"4.7.1 Greylisted, come again in {n} s" for n in (1, WAIT)), text
    assert g.ask()[0] == 451
    time.sleep(WAIT)
    assert g.ask(client="192.0.2.200")[0] == 250	# the same /24
    assert g.ask()[0] == 250
    assert g.ask(sender="A@B.example")[0] == 250	# case is no difference
    for other in ({"client": "192.0.3.1"}, {"sender": "c@b.example"},
                  {"to": "other@example.org"}, {"sender": ""},
                  {"client": "2001:db8::1"}):
        assert g.ask(**other)[0] == 451, other
    time.sleep(WAIT)
    assert g.ask(client="2001:db8::ffff:1")[0] == 250	# the same /64
    assert g.ask(client="2001:db8:0:1::1")[0] == 451


def test_rest_of_the_session(grey):
    """One recipient waits, the others do not; what passed is delivered."""
    g = grey()
    assert g.pass_once()
    with Proxied(g.port, v1("192.0.2.1")) as t:
        t.hello()
        t.ask("MAIL FROM:<a@b.example>", 250)
        assert t.ask("RCPT TO:<other@example.org>")[0] == 451
        assert t.ask("RCPT TO:<nobody@example.org>")[0] == 550
        assert t.ask("RCPT TO:<user@example.org>")[0] == 250
        code, text = t.content(GOOD)
        assert code == 250
        name = message_id(text)
        # Pipelined: the answers keep their order.
        t.raw(b"MAIL FROM:<a@b.example>\r\nRCPT TO:<other@example.org>\r\n"
              b"RCPT TO:<user@example.org>\r\nDATA\r\n")
        assert [t.reply()[0] for _ in range(4)] == [250, 451, 250, 354]
        t.raw(GOOD + b".\r\n")
        assert t.reply()[0] == 250
    assert len(g.server.wait_messages(2)) == 2
    line = log_of(g.server, " greylist ", name, "found=wait")[0]
    assert "to=other@example.org" in line and "client=192.0.2.1" in line
    story = wait_for(lambda: (s := g.server.command("trace", name)).count(
        "greylist") >= 2 and s, 10)
    assert "found=pass" in story and "found=wait" in story, story


def test_learns_clients(grey):
    """Five triplets of a network came again: a new one does not wait."""
    g = grey()
    for i in range(5):
        assert g.ask(sender=f"s{i}@b.example")[0] == 451
    time.sleep(WAIT)
    for i in range(5):
        assert g.ask(sender=f"s{i}@b.example")[0] == 250
    assert g.ask(sender="new@b.example")[0] == 250
    assert log_of(g.server, " greylist ", "found=known")
    assert g.ask(client="198.51.100.1", sender="new@b.example")[0] == 451


@pytest.mark.shows("RLY-7")
def test_nothing_is_learned_of_who_is_refused(grey):
    """A recipient that does not exist, a table that cannot be read."""
    g = grey()
    assert g.ask(to="nobody@example.org")[0] == 550
    assert g.ask(to="x@elsewhere.example")[0] == 550
    users = g.server.folder / "users"
    text = users.read_bytes()
    try:
        users.write_bytes(b"not a users file\n")
        os.utime(users)
        codes = {g.ask(sender="t@b.example")[0] for _ in range(3)}
    finally:
        users.write_bytes(text)
    g.server.stop()
    rows = rows_of(g.server)
    assert {r[1] for r in rows} <= {b"t@b.example"} and (
        451 in codes or 250 in codes), (rows, codes)
    assert not [r for r in rows if b"nobody" in r[2] or b"elsewhere" in r[2]]


def rows_of(server):
    """(network, sender, recipient) of the file, when nobody else has it."""
    with sqlite3.connect(server.folder / "state" / "greylist.db") as db:
        return db.execute("SELECT network, sender, recipient FROM triplet"
                          ).fetchall()


@pytest.mark.shows("RLY-7", "OPS-6")
def test_state_role_fails(grey):
    """Killed or standing still: taken, with a line; then it goes on."""
    g = grey()
    assert g.pass_once()
    pid = g.server.kill_role("state", signal.SIGSTOP)
    began = time.monotonic()
    code = g.ask(sender="still@b.example")[0]
    assert code == 250 and 9 < time.monotonic() - began < 13
    assert log_of(g.server, " greylist ", "found=later")
    os.kill(pid, signal.SIGKILL)
    assert wait_for(lambda: g.server.roles().get("state", [pid]) != [pid], 10)
    # What was learned is there, what was asked meanwhile is not.
    assert wait_for(lambda: g.ask(sender="still@b.example")[0] == 451, 10)
    assert g.ask()[0] == 250


def test_over_restarts(grey):
    """Kept over a stop, and over kill -9 of everything."""
    g = grey()
    assert g.ask()[0] == 451
    assert g.server.stop() == 0
    g.server.start()
    time.sleep(WAIT)
    assert g.ask()[0] == 250
    assert g.ask(sender="x@b.example")[0] == 451
    g.server.crash()
    g.server.start()
    time.sleep(WAIT)
    assert g.ask(sender="x@b.example")[0] == 250
    # A damaged file is put aside.
    g.server.stop()
    path = g.server.folder / "state" / "greylist.db"
    path.write_bytes(b"garbage" * 1000)
    g.server.start()
    assert g.ask()[0] == 451
    assert path.with_name("greylist.db.bad").exists()


def test_many_triplets(grey):
    """More than its log holds at once: SQLite writes into its file, too."""
    g = grey("limit commands 100000\n")
    roles = g.server.roles()["state"]
    with Proxied(g.port, v1("192.0.2.1")) as t:
        t.hello()
        for i in range(800):
            t.ask(f"MAIL FROM:<s{i}@b.example>", 250)
            t.ask("RCPT TO:<user@example.org>", 451)
            t.ask("RSET", 250)
    assert g.server.roles()["state"] == roles
    g.server.stop()
    assert len(rows_of(g.server)) == 800


def test_who_is_exempt(make_server):
    """Listed hosts, users, programs of this host; nothing is asked."""
    ports = [free_port(), free_port()]
    server = make_server(
        extra=f"listen mx on 127.0.0.1:{ports[0]} proxy {PROXY}/32 "
        f"from 192.0.2.0/24\nlisten relay on 127.0.0.1:{ports[1]} "
        f"proxy {PROXY}/32 from 192.0.2.0/24\ngreylist 300s\n",
        change=lambda text: text.replace("listen mx on", PROBES, 1)).start()
    for port in ports:
        with Proxied(port, v1("192.0.2.1")) as t:
            t.hello()
            t.mail(GOOD)
    with Proxied(ports[0], v1("198.51.100.1")) as t:
        t.hello()
        t.ask("MAIL FROM:<a@b.example>", 250)
        assert re.fullmatch(r"4\.7\.1 Greylisted, come again in (300|299) s",
                            t.ask("RCPT TO:<user@example.org>", 451)[1])
    with Talk(server.port("submission")) as t:
        t.hello()
        t.ask("STARTTLS", 220)
        t.start_tls()
        t.hello()
        import base64
        from server import PASSWORD
        plain = base64.b64encode(b"\0user@example.org\0"
                                 + PASSWORD.encode()).decode()
        t.ask(f"AUTH PLAIN {plain}", 235)
        t.mail(GOOD, sender="user@example.org")
    server.command("send", "-f", "user@example.org", "user@example.org",
                   stdin="Subject: x\n\nx\n", check=False)


def test_off_by_default(make_server):
    server = make_server().start()
    assert "state" not in server.roles()
    assert not list((server.folder / "state").iterdir())
