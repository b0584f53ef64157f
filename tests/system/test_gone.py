"""The client has gone before the answer: SPL-12."""
import os
import signal
import socket
import struct
import time

import pytest

from load import marks_in
from server import wait_for
from talk import Talk
from test_crash import HOOKS

STALL = {"POSTHORSE_FAULT": "stall:12", "POSTHORSE_FAULT_ROLE": "receiver"}


def end_of_data(t, mark):
    """All of a transaction but its last reply."""
    t.ask(f"MAIL FROM:<{mark}@example.net>", 250)
    t.ask("RCPT TO:<user@example.org>", 250)
    t.ask("DATA", 354)
    t.raw(b"Subject: gone\r\n\r\nhello\r\n.\r\n")


def held(port):
    """A session whose message waits for a sync that takes five seconds."""
    for i in range(60):
        t = Talk(port)
        t.hello()
        end_of_data(t, f"before{i}")
        t.sock.settimeout(1)
        try:
            t.reply()
        except TimeoutError:
            t.sock.settimeout(30)
            return t, f"before{i}"
        t.close()
    pytest.fail("no sync was held")


@pytest.mark.shows("SPL-12")
@pytest.mark.hooks
def test_gone_before_the_commit(make_server):
    """Who hangs up while another batch is synced is not queued; who stays is,
    and so is who hangs up when the sync of his own batch has begun."""
    if not (HOOKS / "src" / "posthorse").exists():
        pytest.skip("no build with the fault table")
    server = make_server(build=HOOKS, env=STALL, change=lambda text:
                         text.replace("receivers 2", "receivers 1")).start()
    first, mark = held(server.port("mx"))
    with Talk(server.port("mx")) as goes, Talk(server.port("mx")) as stays:
        for t, name in ((goes, "goes"), (stays, "stays")):
            t.hello()
            end_of_data(t, name)
        time.sleep(0.3)
        goes.close()
        first.close()           # its batch is in the sync: best effort
        assert stays.reply()[0] == 250
    assert wait_for(lambda: {"stays", mark} <=
                    set(marks_in(server.messages())), 10), server.log_tail()
    time.sleep(1)
    assert "goes" not in marks_in(server.messages())


@pytest.mark.ordinary
@pytest.mark.shows("SPL-12")
@pytest.mark.parametrize("content", [
    b"DATA", b"BDAT 24 LAST\r\nSubject: gone\r\n\r\nhello\r\n"],
    ids=["data", "bdat"])
@pytest.mark.parametrize("is_split", [False, True], ids=["one", "two"])
def test_half_closed_behind_quit(server, content, is_split):
    """Who says QUIT behind its content, and closes its side, is still there:
    Exim does so."""
    for i in range(10):
        with Talk(server.port("mx")) as t:
            t.hello()
            t.ask(f"MAIL FROM:<half{i}@example.net>", 250)
            t.ask("RCPT TO:<user@example.org>", 250)
            if content == b"DATA":
                t.ask("DATA", 354)
                said = b"Subject: gone\r\n\r\nhello\r\n.\r\n"
            else:
                said = content
            if is_split:
                t.raw(said)
                t.raw(b"QUIT\r\n")
            else:
                t.raw(said + b"QUIT\r\n")
            t.sock.shutdown(socket.SHUT_WR)
            assert t.reply()[0] == 250
            assert t.reply()[0] == 221
    assert len(server.wait_messages(10)) == 10, server.log_tail()


def cut(t):
    """Its connection is reset at once."""
    t.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                      struct.pack("ii", 1, 0))
    t.close()


@pytest.mark.shows("MEM-1")
@pytest.mark.parametrize("stage", ["recipient", "copy"])
def test_gone_as_an_answer_comes(make_server, stage):
    """One turn of the receiver sees the end of the connection, then lookup's
    answer to what was asked for it: that is nobody's, and all others go on."""
    # Where its mail goes is asked once; the other one's was when it started.
    rule = "match sender a@example.net copy-to user@example.org\n"
    server = make_server(change=lambda text:
                         text.replace("receivers 2", "receivers 1"),
                         extra=rule if stage == "copy" else "").start()
    with Talk(server.port("mx")) as stays:
        stays.hello()
        t = Talk(server.port("mx"))
        t.hello()
        t.ask("MAIL FROM:<a@example.net>", 250)
        last = b"RCPT TO:<user@example.org>\r\n"
        if stage == "copy":
            t.ask("RCPT TO:<other@example.org>", 250)
            t.ask("DATA", 354)
            last = b"Subject: x\r\n\r\n.\r\n"
        lookup = server.kill_role("lookup", signal.SIGSTOP)
        t.raw(last)
        time.sleep(0.3)
        receiver = server.kill_role("receiver", signal.SIGSTOP)
        cut(t)
        time.sleep(0.1)
        os.kill(lookup, signal.SIGCONT)
        time.sleep(0.3)
        os.kill(receiver, signal.SIGCONT)
        stays.ask("NOOP", 250)
        stays.mail(b"Subject: after\r\n\r\n")
