"""Roles that stand still: what mail does meanwhile, and that they are replaced."""
import os
import re
import signal
import time

import pytest

from load import Load, marks_in
from server import LONG, figure, stop_still, wait_for
from talk import Talk
from test_crash import HOOKS
from test_kill import ROLES, expect_all

GOOD = b"Subject: still\r\n\r\n"
BEAT_MS = 5000 if LONG else 500		# of the supervisor's watch
SILENT = 6				# beats
# What the roles do may take a moment of its own on a busy machine.
WITHIN = (SILENT + 1) * BEAT_MS / 1000 + 15


def signal_each(pids, how):
    for pid in pids:
        try:
            os.kill(pid, how)
        except ProcessLookupError:
            pass


def ask(port, to, seconds):
    """The code for a message from a session of its own, 0 for no session."""
    try:
        with Talk(port, timeout=seconds) as t:
            t.hello()
            t.ask("MAIL FROM:<s@example.net>", 250)
            code = t.ask(f"RCPT TO:<{to}>")[0]
            return code if code != 250 else t.content(GOOD)[0]
    except OSError:
        return 0


# While it stands still: the code for mail, is it put into mailboxes, does it
# go out to others.
EFFECTS = {
    "admin": (250, True, True),
    "resolver": (250, True, True),
    "sender": (250, True, False),
    "local": (250, False, True),
    "queue": (250, False, False),
    "lookup": (451, False, False),
    "receiver": (250, True, True),
    "keys": (250, True, True),
}


@pytest.mark.shows("OPS-6", "RLY-3")
@pytest.mark.timeout(240)
def test_what_a_role_that_stands_still_holds_up(make_server, aio_sink):
    """Its own work, with a 4xx where a client waits for it; nothing else."""
    sink = aio_sink()
    server = make_server(extra="relay away.example via "
                         f"smtp://127.0.0.1:{sink.port}\n").start()
    local, away, seen = 0, 0, len(server.messages())
    for role, (code, is_put, is_sent) in EFFECTS.items():
        pids = server.roles()[role][:1]
        stop_still(pids[0])
        try:
            # The kernel chooses the receiver: another one takes our mail.
            codes = {}
            # An answer that a receiver remembers is not asked for again.
            user = "user" if code == 250 else "stranger"
            ways = {"mx": f"{user}@example.org",
                    "relay": f"{role}@away.example"}
            for port, to in list(ways.items())[:2 if code == 250 else 1]:
                codes[to] = wait_for(
                    lambda: ask(server.port(port), to,
                                2 if role == "receiver" else 15), 60)
                assert codes[to] == code, (role, codes)
            local += code == 250
            away += code == 250
            if is_put:
                assert wait_for(lambda: len(server.messages())
                                >= seen + local, 10), role
            if is_sent:
                assert len(sink.wait(away, 10)) >= away, role
            time.sleep(0.3)
            if not is_put:
                assert len(server.messages()) < seen + local or code != 250
            if not is_sent:
                assert len(sink.mails) < away or code != 250
        finally:
            signal_each(pids, signal.SIGCONT)
        assert wait_for(lambda: len(server.messages()) >= seen + local, 20), role
        assert len(sink.wait(away, 20)) >= away, role


@pytest.fixture
def watched(make_server):
    if LONG:
        return make_server().start()
    if not (HOOKS / "src" / "posthorse").exists():
        pytest.skip("no build with the fault table")
    return make_server(build=HOOKS, env={"POSTHORSE_BEAT_MS": str(BEAT_MS)}
                       ).start()


@pytest.mark.shows("OPS-6", "SPL-1")
@pytest.mark.hooks
@pytest.mark.timeout(900 if LONG else 300)
def test_each_role_that_stands_still_is_replaced(watched):
    """Within its bound, for the reason that is logged; no mail is lost."""
    server, slowest = watched, 0.0
    with Load(server.port("mx"), sessions=4, pause=0.01) as load:
        time.sleep(0.5)
        for role in ROLES:
            before = server.roles()[role]
            began = time.monotonic()
            stop_still(before[0])
            assert wait_for(lambda: before[0] not in server.roles().get(
                role, before) and len(server.roles()[role]) == len(before),
                WITHIN, 0.1), f"{role} was not replaced"
            slowest = max(slowest, time.monotonic() - began)
            count = len(load.acked)
            assert wait_for(lambda: len(load.acked) > count + 5, 30), \
                f"no mail is taken after {role} stood still"
            assert wait_for(lambda: re.search(
                rf"role-hung role={role} index=\d+ pid={before[0]} ",
                server.log.read_text(errors="replace")), 10), role
    expect_all(server, load)
    figure("role-that-stands-still-replaced", f"{slowest:.1f}", "s")


@pytest.mark.shows("OPS-6", "SPL-1")
@pytest.mark.hooks
def test_a_slow_disk_is_waited_for(make_server):
    """A sync at the start takes longer than a role may be silent: the queue is
    not killed, or no start would ever come to its end."""
    if not (HOOKS / "src" / "posthorse").exists():
        pytest.skip("no build with the fault table")
    server = make_server(build=HOOKS, env={"POSTHORSE_BEAT_MS": "500"}).start()
    server.stop()
    server.env.update(POSTHORSE_FAULT="stall:1", POSTHORSE_FAULT_ROLE="queue")
    began = time.monotonic()
    server.start()
    assert time.monotonic() - began > 4, "no sync was held"
    assert "role-hung" not in server.log.read_text(errors="replace")


@pytest.mark.shows("OPS-6")
@pytest.mark.hooks
@pytest.mark.timeout(600 if LONG else 300)
def test_a_machine_that_stood_still_blames_nobody(watched):
    """All processes stopped for longer than the bound: all go on."""
    server = watched
    everybody = [server.process.pid] + [
        pid for pids in server.roles().values() for pid in pids]
    for turn in range(3):
        signal_each(everybody, signal.SIGSTOP)
        time.sleep((SILENT + 2) * BEAT_MS / 1000)
        signal_each(everybody, signal.SIGCONT)
    time.sleep((SILENT + 2) * BEAT_MS / 1000)
    assert server.is_ready()
    assert sorted(everybody[1:]) == sorted(
        pid for pids in server.roles().values() for pid in pids)
