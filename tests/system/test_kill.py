"""kill -9, under load, again and again: nothing acknowledged is lost."""
import random
import time

import pytest

from load import Load, Marks, marks_in
from server import LONG, figure, wait_for
from talk import Talk

ROLES = ("admin", "lookup", "resolver", "queue", "local", "sender",
         "receiver")
KILLS = 200 if LONG else 20


def all_there(server, load):
    found = marks_in(server.messages())
    return not set(load.acked) - set(found)


def expect_all(server, load, seconds=10):
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
            assert wait_for(lambda: len(load.acked) > count + 5, 15), \
                f"no mail is taken after {role} was killed"
    expect_all(server, load)


def kill_often(server, role, kills):
    r = random.Random(5)
    done, slowest = 0, 0.0
    marks = Marks(server.maildir("user") / "new")
    with Load(server.port("mx"), sessions=8, pause=0.005) as load:
        time.sleep(0.5)
        for _ in range(kills):
            # A role that lived for a second is replaced without a delay;
            # of the receivers the older one is killed, so each lives twice
            # as long as the pause.
            time.sleep(r.uniform(0.5, 0.7) if role == "receiver"
                       else r.uniform(1.0, 1.2))
            began = time.monotonic()
            if not wait_for(lambda: server.kill_role(role), 10):
                break
            done += 1
            # Every so often: what was acknowledged before is delivered.
            if done % 10 == 0:
                acked = dict(load.acked)
                assert wait_for(
                    lambda: not acked.keys() - marks.look().keys(), 10, 0.1), \
                    server.log_tail()
                slowest = max(slowest, time.monotonic() - began)
    assert done == kills, f"{role} was not started again"
    found = expect_all(server, load)
    extra = sum(found.values()) - len(found)
    figure(f"kills-of-{role}", f"{done}", "kills")
    figure(f"kills-of-{role}-acknowledged", f"{len(load.acked)}", "messages")
    figure(f"kills-of-{role}-copies-more", f"{extra}", "messages")
    figure(f"kills-of-{role}-slowest", f"{slowest:.2f}", "s")


@pytest.mark.shows("SPL-1", "SPL-7", "SPL-8", "DLV-1")
@pytest.mark.timeout(1800 if LONG else 150)
def test_queue_killed_often(server):
    kill_often(server, "queue", KILLS)


@pytest.mark.shows("SPL-1", "SPL-12", "PRV-3")
@pytest.mark.timeout(1800 if LONG else 150)
def test_receiver_killed_often(server):
    """Also between sync and hint, wherever the moment falls."""
    kill_often(server, "receiver", KILLS)


@pytest.mark.shows("SPL-1", "OPS-4")
@pytest.mark.timeout(600 if LONG else 120)
def test_whole_server_killed(server):
    """All processes at once, then a new start on the same spool."""
    acked = {}
    for turn in range(20 if LONG else 3):
        with Load(server.port("mx"), sessions=8, tag=f"T{turn}.") as load:
            wait_for(lambda: len(load.acked) > 60, 15)
            server.crash()
        acked.update(load.acked)
        server.start()
    assert len(acked) > 100
    assert wait_for(lambda: not set(acked) - set(marks_in(server.messages())),
                    15, 0.1), server.log_tail()


@pytest.mark.shows("OPS-4", "SPL-1")
@pytest.mark.timeout(7200 if LONG else 120)
def test_orderly_stop_under_load(server):
    """SIGTERM at a random moment: status 0, 421 to who is idle, no loss."""
    r, slowest, acked = random.Random(9), 0.0, {}
    stops = 1000 if LONG else 6
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
        acked.update(load.acked)
        server.start()
        # What was taken is looked for, then put aside: a thousand turns grow.
        assert wait_for(lambda: not set(load.acked)
                        - set(marks_in(server.messages())), 15, 0.1), \
            server.log_tail()
        for path in server.messages():
            path.unlink(missing_ok=True)
    assert slowest < 30 and len(acked) > 5 * stops
    figure("orderly-stops", stops, "stops")
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
