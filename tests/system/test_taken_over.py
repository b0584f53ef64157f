"""Roles that were taken over: the real programs, turned hostile from inside."""
import os
import re
import shutil
import signal
import time

import pytest

from load import Load, Marks, marks_in
from server import BUILD, LONG, figure, wait_for
from talk import Talk
from test_kill import expect_all

SECONDS = 600 if LONG else 5
ASKED_MAX = 16		# KEYS_ASKED_MAX


@pytest.fixture
def taken_over(tmp_path, make_server):
    """taken_over(role, name): a running server with that role's program
    replaced; name is the hostname, by which it knows what to do."""
    def make(role, name):
        build = tmp_path / "build"
        shutil.copytree(BUILD / "src", build / "src", ignore=lambda folder,
                        names: [n for n in names if not (
                            n == "role" or "posthorse" in n or
                            os.path.basename(folder) == "role")
                            or n.endswith(".p")])
        program = build / "src" / "role" / role / f"posthorse-{role}"
        shutil.copy(BUILD / "tests" / "system" / f"posthorse-{role}", program)
        more = "senders 2\n"
        if role == "state":		# the load is not to be put off
            more += "greylist 300s\n"
        return make_server(build=build, change=lambda text: text.replace(
            "hostname mx.example.org", f"hostname {name}.example.org")
            .replace("listen mx on", "listen mx from 127.0.0.1/32 on"
                     if role == "state" else "listen mx on", 1) + more)
    return make


def turn(server, role):
    """The last of its kind turns hostile."""
    for pid in server.roles()[role]:
        os.kill(pid, signal.SIGUSR1)


def is_secured(server):
    """A handshake, by whichever receiver is there."""
    try:
        with Talk(server.port("submissions"), tls=True, timeout=1) as t:
            return t.greeting[0] == 220
    except OSError:
        return False


def pids(server, but):
    return {role: p for role, p in server.roles().items() if role != but}


@pytest.mark.shows("PRV-3", "PRV-7")
@pytest.mark.timeout(SECONDS + 120)
@pytest.mark.parametrize("role", ["receiver", "sender", "local", "resolver",
                                  "state"])
def test_liar(taken_over, role):
    """Messages of each type, malformed, out of order, for other ids: it is
    replaced again and again, later each time, and nobody else notices."""
    server = taken_over(role, "liar").start()
    others = pids(server, role)
    assert others.keys() >= {"queue", "lookup", "admin"}, server.log_tail()
    # Who meets a receiver that comes and goes waits in vain.
    with Load(server.port("mx"), sessions=4, pause=0.02, patience=2) as load:
        turn(server, role)
        time.sleep(SECONDS)
        log = server.log.read_text(errors="replace")
    assert pids(server, role) == others, server.log_tail(200)
    ends = len(re.findall(rf"role-ended role={role} ", log))
    # Doubled from 100 ms to 2 s: five ends in 3 s, then one every 2 s.
    assert 3 <= ends <= 8 + SECONDS / 2, ends
    assert "peer-cut" in log
    if role == "local":
        # It lives too shortly for much: nothing is lost, nothing made up.
        found = set(marks_in(server.messages()))
        listed = {r["from"].split("@")[0] for r in
                  server.rows("queue", "list")}
        assert len(load.acked) > 20
        assert found <= set(load.acked) | load.unsure
        assert not set(load.acked) - found - listed
    else:
        expect_all(server, load, 20)
    figure(f"ends-of-a-lying-{role}", ends, "ends")


@pytest.mark.shows("PRV-3", "TLS-12")
def test_who_asks_for_signatures(taken_over):
    """As many as may be unanswered are answered."""
    server = taken_over("receiver", "modest").start()
    before = server.roles()
    turn(server, "receiver")
    assert wait_for(lambda: f"hostile answers={ASKED_MAX}" in
                    server.log.read_text(), 10), server.log_tail()
    assert server.roles() == before
    assert "peer-cut" not in server.log.read_text()


@pytest.mark.shows("PRV-3", "TLS-12")
def test_who_asks_for_more_signatures(taken_over):
    """With one more keys cuts the receiver off, and signs for the other one."""
    server = taken_over("receiver", "greedy").start()
    others = pids(server, "receiver")
    turn(server, "receiver")
    assert wait_for(lambda: server.log.read_text().count(
        "role-ended role=receiver ") >= 2, 20), server.log_tail()
    assert re.search(r"keys/0 \S+ peer-cut peer=receiver index=1",
                     server.log.read_text()), server.log_tail()
    assert wait_for(lambda: is_secured(server), 20), server.log_tail()
    assert pids(server, "receiver") == others


@pytest.mark.shows("PRV-3", "SPL-16")
@pytest.mark.timeout(SECONDS + 120)
def test_writer(taken_over):
    """A receiver that keeps its descriptors and writes everywhere, through a
    queue that ends in the middle: what the other one took arrives whole."""
    server = taken_over("receiver", "writer").start()
    with Load(server.port("mx"), sessions=8, pause=0.002, size=5000) as load:
        turn(server, "receiver")
        for _ in range(2):
            time.sleep(SECONDS / 4)
            assert server.kill_role("queue")
        assert wait_for(lambda: len(load.acked) > 500, 20)
        time.sleep(SECONDS / 2)

    assert "hostile writes=" in server.log.read_text(errors="replace"), \
        server.log_tail()

    log = server.log.read_text(errors="replace")
    honest = set(re.findall(r"receiver/0 \S+ accepted from=([^@ ]+)@", log)
                 ) & set(load.acked)
    assert len(honest) > 100
    marks = Marks(server.maildir("user") / "new")
    assert wait_for(lambda: not honest - set(marks.look()), 30, 0.2), \
        server.command("queue", "list")
    # What it spoilt of its own is named.
    lost = re.search(r"queue/0 (\w{26}) lost why=", log)
    assert lost and "lost: " in server.command("trace", lost[1])
    for path in server.messages():
        content = path.read_bytes()
        mark = content.split(b"<", 1)[1].split(b"@", 1)[0].decode()
        if mark in honest:
            assert content.endswith(b"Subject: %s\n\n" % mark.encode()
                                    + load.filler.replace(b"\r\n", b"\n")), path
