"""
Layer 2 of the fault plan: real processes, killed at the n-th spool call.

I1: what was answered 250 is in a mailbox; I2: with the octets that were sent.
The programs are those of a build with the fault table (-Dtest_hooks=true).
"""
import hashlib
import os
import pathlib
import random
import re
import time

import pytest

from load import Load, Marks, marks_in
from server import LONG, TOP, figure, wait_for

HOOKS = pathlib.Path(os.environ.get("POSTHORSE_HOOKS", TOP / "build-hooks"))
SECONDS = int(os.environ.get("POSTHORSE_CRASH_SECONDS",
                             "1200" if LONG else "60"))


def digest_of(path):
    """What was sent, found again: subject and filler, without line ends."""
    text = path.read_bytes().replace(b"\r\n", b"\n")
    at = text.index(b"Subject: ")
    return hashlib.sha256(text[at:]).hexdigest()


def expected(load, mark):
    text = b"Subject: %s\n\n" % mark.encode() \
        + load.filler.replace(b"\r\n", b"\n")
    return hashlib.sha256(text).hexdigest()


def kills_in(server):
    text = server.log.read_text(errors="replace")
    return len(re.findall(r"(?:signal[ =]\"?9|SIGKILL)", text))


@pytest.mark.hooks
@pytest.mark.shows("SPL-1", "SPL-6", "SPL-7", "SPL-8")
@pytest.mark.timeout(SECONDS + 120)
def test_killed_at_each_spool_call(make_server):
    """For SECONDS: a role, a number n, load; all acknowledged mail arrives."""
    if not (HOOKS / "src" / "posthorse").exists():
        pytest.skip("no build with the fault table")
    r = random.Random(int(os.environ.get("POSTHORSE_SEED", "1")))
    server = make_server(build=HOOKS)
    acked, unsure, filler, kills, turn = {}, set(), None, 0, 0
    marks = Marks(server.maildir("user") / "new")
    began = time.monotonic()
    while time.monotonic() - began < SECONDS:
        role = r.choice(("queue", "queue", "receiver"))
        n = r.choice((r.randrange(1, 40), r.randrange(1, 400)))
        server.env["POSTHORSE_FAULT"] = f"kill:{n}"
        server.env["POSTHORSE_FAULT_ROLE"] = role
        # A fault in the first calls keeps it from ever being ready.
        server.start(wait=False)
        pids = set()
        with Load(server.port("mx"), sessions=6, tag=f"K{turn}.") as load:
            end = time.monotonic() + 3
            while time.monotonic() < end:
                for pid in server.roles().get(role, []):
                    pids.add(pid)
                time.sleep(0.01)
            server.crash()
        kills += max(len(pids) - 1, 0) + 1
        acked.update({m: turn for m in load.acked})
        unsure |= load.unsure
        filler = load
        turn += 1
        server.env.pop("POSTHORSE_FAULT")
        server.start()
        assert wait_for(
            lambda: not acked.keys() - marks.look().keys(), 15, 0.1), f"turn {turn}: kill:{n} in {role}\n" + server.log_tail()
        server.stop()
    found = marks_in(server.messages())
    assert not set(found) - set(acked) - unsure
    wrong = []
    for path in server.messages():
        mark = path.read_bytes().split(b"<", 1)[1].split(b"@")[0].decode()
        if digest_of(path) != expected(filler, mark):
            wrong.append(mark)
    assert not wrong, f"changed on the way: {wrong[:5]}"
    minutes = (time.monotonic() - began) / 60
    figure("crash-kills", f"{kills}", "kills")
    figure("crash-kills-a-minute", f"{kills / minutes:.0f}", "kills/min")
    figure("crash-acknowledged", f"{len(acked)}", "messages")
