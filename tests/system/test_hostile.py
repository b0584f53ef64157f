"""Strangers who answer out of turn, and roles that were taken over."""
import os
import resource
import socket
import threading
import time

import pytest

from server import FIRST_ID, IS_ROOT, PASSWORD, USERS, wait_for
from talk import Talk
from test_relay import folder_of

LARGE = 1_000_000	# octets: more than two socket buffers hold


class EagerSink:
    """Says 250 to content of which it has read nothing, then waits."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen()
        self.port = self.listener.getsockname()[1]
        self.answered, self.may_read = threading.Event(), threading.Event()
        self.got = b""
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _line(self, sock):
        line = b""
        while not line.endswith(b"\n"):
            octet = sock.recv(1)
            if not octet:
                raise ConnectionError("closed")
            line += octet
        return line

    def _serve(self):
        sock, _ = self.listener.accept()
        sock.settimeout(30)
        sock.sendall(b"220 eager\r\n")
        while not self._line(sock).startswith(b"DATA"):
            sock.sendall(b"250 yes\r\n")
        sock.sendall(b"354 go on\r\n250 kept\r\n")
        self.answered.set()
        self.may_read.wait(30)
        sock.settimeout(3)
        try:
            while piece := sock.recv(65536):
                self.got += piece
        except OSError:
            pass
        sock.close()

    def close(self):
        self.may_read.set()
        self.thread.join(40)
        self.listener.close()


@pytest.mark.shows("PRV-3", "SMTP-9")
def test_answered_before_it_was_read(make_server, aio_sink):
    """Whoever says 250 too early gets its own message and nobody else's."""
    eager, honest = EagerSink(), aio_sink()
    server = make_server(
        extra=f"relay eager.example via smtp://127.0.0.1:{eager.port}\n"
        f"relay honest.example via smtp://127.0.0.1:{honest.port}\n").start()
    try:
        for domain, letter in ("eager", b"A"), ("honest", b"B"):
            with Talk(server.port("relay")) as t:
                t.hello()
                t.mail(b"\r\n" + (letter * 76 + b"\r\n") * (LARGE // 78),
                       to=f"x@{domain}.example")
            if domain == "eager":
                assert eager.answered.wait(20), server.log_tail()
                time.sleep(0.5)
            else:
                assert honest.wait(1, 20), server.log_tail()
    finally:
        eager.close()
    assert b"BBBB" not in eager.got
    assert eager.got.count(b"A" * 76 + b"\r\n") == LARGE // 78


@pytest.mark.shows("PRV-7", "OPS-3")
def test_no_descriptor_for_a_new_process(server):
    """A role that cannot be started now is started when it can be."""
    pid, limit = server.process.pid, resource.RLIMIT_NOFILE
    was = resource.prlimit(pid, limit)
    resource.prlimit(pid, limit, (3, was[1]))
    old = server.kill_role("lookup")
    try:
        assert wait_for(lambda: "role-not-started role=lookup"
                        in server.log.read_text(errors="replace"), 10), \
            server.log_tail()
    finally:
        resource.prlimit(pid, limit, was)
    assert wait_for(lambda: server.roles().get("lookup", [old]) != [old], 10)
    assert wait_for(server.is_ready, 10), server.log_tail()


@pytest.mark.shows("DLV-1")
def test_two_domains_in_one_mailbox(make_server):
    """Two recipients whose mail lies in one place: two files, at once."""
    server = make_server(
        extra="domain example.com {\n\tusers file FOLDER/users.com\n"
        "\tdeliver maildir FOLDER/mail/{user}\n}\n",
        change=lambda text: text.replace("FOLDER", folder_of(text)))
    server.command("user", "add", "user@example.com", stdin=PASSWORD + "\n")
    if IS_ROOT:
        number = FIRST_ID + USERS.index("lookup")
        os.chown(server.folder / "users.com", number, number)
    server.start()
    to = ["user@example.org", "user@example.com"]
    with Talk(server.port("mx")) as t:
        t.hello()
        t.mail(b"Subject: both\r\n\r\ntext\r\n", to=to)
    mails = [p.read_bytes() for p in server.wait_messages(2)]
    assert len(mails) == 2, server.log_tail()
    for address in to:
        assert any(address.encode() in m.split(b"\n")[1] for m in mails)
    assert "mailbox-trouble" not in server.log.read_text(errors="replace")


@pytest.mark.shows("SPL-9")
def test_half_a_large_message_leaves_no_file(server):
    """Whoever breaks off in a large message takes no room of the spool."""
    def octets():
        try:
            return sum(p.stat().st_size
                       for p in server.spool.glob("large-*"))
        except FileNotFoundError:
            return 1

    with Talk(server.port("mx")) as t:
        t.hello()
        t.ask("MAIL FROM:<a@example.net>", 250)
        t.ask("RCPT TO:<user@example.org>", 250)
        t.ask("DATA", 354)
        t.raw((b"x" * 76 + b"\r\n") * 20000)
        assert wait_for(octets, 10)
    assert wait_for(lambda: octets() == 0, 10), server.log_tail()
