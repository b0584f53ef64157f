"""kill -9, under load, again and again: nothing acknowledged is lost."""
import concurrent.futures
import os
import random
import signal
import time

import pytest

from load import Load, Marks, marks_in
from server import LONG, Server, figure, wait_for
from talk import Talk

ROLES = ("admin", "lookup", "resolver", "queue", "local", "sender",
         "receiver", "keys")
KILLS = 200 if LONG else 100
ARRIVAL = 10 if LONG else 40    # seconds; nine other lanes run beside the short
STOPPING = 4    # services that are stopped again and again, side by side


def all_there(server, load):
    found = marks_in(server.messages())
    return not set(load.acked) - set(found)


def expect_all(server, load, seconds=ARRIVAL):
    assert len(load.acked) > 20, "the load got nothing through"
    ok = wait_for(lambda: all_there(server, load), seconds, 0.1)
    found = marks_in(server.messages())
    missing = sorted(set(load.acked) - set(found))
    assert ok, f"{len(missing)} of {len(load.acked)} missing: {missing[:5]}\n" \
        + server.log_tail()
    ours = {mark for mark in found if mark.startswith(load.tag)}
    strange = ours - set(load.acked) - load.unsure
    assert not strange, f"never sent whole: {sorted(strange)[:5]}"
    return found


@pytest.mark.shows("PRV-3", "SPL-1", "OPS-6", "DNS-1")
@pytest.mark.ordinary
def test_each_role_is_replaced(server):
    """Each role killed under load: another takes its place, all goes on."""
    with Load(server.port("mx"), sessions=4, pause=0.01) as load:
        time.sleep(0.5)
        for role in ROLES:
            before = server.roles().get(role)
            assert before, f"no {role} runs"
            pid = server.kill_role(role)
            assert wait_for(lambda: pid not in server.roles().get(role, [pid])
                            and len(server.roles().get(role, []))
                            == len(before), 10), f"{role} was not replaced"
            count = len(load.acked)
            assert wait_for(lambda: len(load.acked) > count + 5, 30), \
                f"no mail is taken after {role} was killed"
    expect_all(server, load)


def starts_slowly(folder, role):
    """A server one of whose roles stands still before it is ready."""
    server = Server(folder).start(wait=False)
    pid = wait_for(lambda: server.roles().get(role, [0])[0], 10, 0)
    os.kill(pid, signal.SIGSTOP)
    assert wait_for(server.is_ready, 20)
    return server, pid


@pytest.mark.shows("OPS-6")
def test_killed_while_another_role_starts(memory):
    """A role that served is replaced, even before all have begun."""
    for go in range(20):
        server, slow = starts_slowly(memory / str(go), "sender")
        if "role=sender" in server.log.read_text():
            server.end()        # it was faster than we
            continue
        try:
            gone = server.kill_role("receiver")
            assert wait_for(lambda: gone not in server.roles().get(
                "receiver", [gone]) and server.is_ready(), 10), \
                server.log_tail()
            assert " serving " not in server.log.read_text()
            os.kill(slow, signal.SIGCONT)
            assert wait_for(lambda: " serving " in server.log.read_text(), 10)
            assert server.stop() == 0
            return
        finally:
            server.end()
    pytest.fail("the sender could not be stopped before it was ready")


def arrive(server, load, marks):
    """What was acknowledged before is delivered; seconds that it took."""
    began = time.monotonic()
    with load.lock:
        acked = set(load.acked)
    assert wait_for(lambda: not acked - marks.look().keys(),
                    ARRIVAL, 0.05), \
        server.log_tail()
    return time.monotonic() - began


def queue_deaths(server, kills):
    """One kill after the other, at any moment of its life."""
    r = random.Random(5)
    for done in range(1, kills + 1):
        time.sleep(r.uniform(0.05, 0.4))
        assert wait_for(lambda: server.kill_role("queue"), 10), \
            "the queue was not started again"
        yield done


def receiver_deaths(server, kills):
    """Each receiver kills itself when a sync has returned and nobody was told
    of it yet: so the log says."""
    done, at, end = 0, 0, time.monotonic() + 60 + kills
    while done < kills:
        assert time.monotonic() < end, f"{done} deaths only"
        time.sleep(0.05)
        with open(server.log, "rb") as log:
            log.seek(at)
            text = log.read()
        whole = text[:text.rfind(b"\n") + 1]
        at += len(whole)
        for _ in range(whole.count(b"fault late")):
            done += 1
            yield done


def short_delays(folder, env=()):
    """A service that replaces at once who dies again and again."""
    from test_crash import HOOKS
    if not (HOOKS / "src" / "posthorse").exists():
        pytest.skip("no build with the fault table")
    return Server(folder / "server", build=HOOKS, env=dict(
        env, POSTHORSE_RESTART_MOST="10"))


def kill_often(server, role, deaths):
    slowest, done = 0.0, 0
    marks = Marks(server.maildir("user") / "new")
    with Load(server.port("mx"), sessions=8,
              pause=0.005 if LONG else 0.05) as load:
        time.sleep(0.5)
        for done in deaths:
            if done % 10 == 0:
                slowest = max(slowest, arrive(server, load, marks))
    found = expect_all(server, load)
    extra = sum(found.values()) - len(found)
    figure(f"kills-of-{role}", f"{done}", "kills")
    figure(f"kills-of-{role}-acknowledged", f"{len(load.acked)}", "messages")
    figure(f"kills-of-{role}-copies-more", f"{extra}", "messages")
    figure(f"kills-of-{role}-slowest", f"{slowest:.2f}", "s")


@pytest.mark.shows("SPL-1", "SPL-7", "SPL-8", "DLV-1")
@pytest.mark.hooks
@pytest.mark.timeout(300)
def test_queue_killed_often(memory):
    server = short_delays(memory)
    try:
        server.start()
        kill_often(server, "queue", queue_deaths(server, KILLS))
        assert server.stop() == 0
    finally:
        server.end()


@pytest.mark.shows("SPL-1", "SPL-12", "PRV-3")
@pytest.mark.hooks
@pytest.mark.timeout(300)
def test_receiver_killed_often(memory):
    """Between sync and hint, each time."""
    gate = memory / "gate"
    server = short_delays(memory, {
        "POSTHORSE_FAULT": "late:2-60", "POSTHORSE_FAULT_ROLE": "receiver",
        "POSTHORSE_FAULT_GATE": str(gate)})
    try:
        server.start()
        gate.touch()
        for pid in server.roles()["receiver"]:
            os.kill(pid, 9)
        kill_often(server, "receiver", receiver_deaths(server, KILLS))
        assert server.stop() == 0
    finally:
        server.end()


@pytest.mark.shows("SPL-1", "OPS-4")
@pytest.mark.timeout(600 if LONG else 300)
def test_whole_server_killed(server):
    """All processes at once, then a new start on the same spool."""
    acked = {}
    for turn in range(20 if LONG else 3):
        with Load(server.port("mx"), sessions=8, tag=f"T{turn}.") as load:
            wait_for(lambda: len(load.acked) > 60, 15)
            server.crash()
        acked.update(load.acked)
        server.start()
    assert len(acked) > 20
    assert wait_for(lambda: not set(acked) - set(marks_in(server.messages())),
                    ARRIVAL, 0.1), server.log_tail()


def stop_often(server, stops):
    """How many were acknowledged, and the seconds of the slowest stop."""
    r, slowest, acked = random.Random(str(server.folder)), 0.0, 0
    for turn in range(stops):
        with Talk(server.port("mx")) as idle, Load(
                server.port("mx"), sessions=8, tag=f"S{turn}.") as load:
            idle.hello()
            wait_for(lambda: len(load.acked) > 5, 15)
            time.sleep(r.uniform(0, 0.4))
            began = time.monotonic()
            assert server.stop() == 0, server.log_tail()
            slowest = max(slowest, time.monotonic() - began)
            assert idle.reply()[0] == 421
        acked += len(load.acked)
        server.start()
        # What was taken is looked for, then put aside: a thousand turns grow.
        assert wait_for(lambda: not set(load.acked)
                        - set(marks_in(server.messages())), ARRIVAL, 0.1), \
            server.log_tail()
        for path in server.messages():
            path.unlink(missing_ok=True)
    return acked, slowest


@pytest.mark.shows("OPS-4", "SPL-1")
@pytest.mark.timeout(7200 if LONG else 300)
def test_orderly_stop_under_load(make_server):
    """SIGTERM at a random moment: status 0, 421 to who is idle, no loss."""
    servers = [make_server(f"stop{i}").start() for i in range(STOPPING)]
    each = 1000 // STOPPING if LONG else 3
    with concurrent.futures.ThreadPoolExecutor(STOPPING) as pool:
        done = list(pool.map(lambda s: stop_often(s, each), servers))
    assert sum(acked for acked, _ in done) > each * STOPPING
    slowest = max(seconds for _, seconds in done)
    assert slowest < 30
    figure("orderly-stops", each * STOPPING, "stops")
    figure("orderly-stops-slowest", f"{slowest:.2f}", "s")


@pytest.mark.shows("SPL-11")
def test_second_instance_is_refused(server, make_server):
    """Another one on the same spool says one sentence and ends."""
    conf = server.conf.read_text()
    other = make_server("other", change=lambda text: text.replace(
        f"spool {make_path(text)}", f"spool {server.spool}"))
    assert f"spool {server.spool}" in other.conf.read_text(), conf
    other.start(wait=False)
    assert wait_for(lambda: other.process.poll() is not None, 20), \
        "two servers on one spool"
    assert other.process.returncode != 0
    assert server.is_ready()


def make_path(text):
    return text.split("\nspool ")[1].split("\n")[0]
