"""
Layer 2 of the fault plan: real processes, killed at the n-th spool call, or
told that the n-th call has failed.

I1: what was answered 250 is in a mailbox; I2: with the octets that were sent.
The programs are those of a build with the fault table (-Dtest_hooks=true).

Two services run side by side, on tmpfs where there is one: in one the queue
meets the faults, in the other the receivers.  Each process draws its own fault
when it starts, so that who replaces a killed one is killed in turn.  Every few
seconds a gate is closed: processes that start now meet none, and what was
acknowledged has ten seconds to arrive.
"""
import collections
import concurrent.futures
import hashlib
import os
import pathlib
import re
import time

import pytest

from load import Load, Marks, mark_of, marks_in
from server import LONG, TOP, Server, figure, wait_for

HOOKS = pathlib.Path(os.environ.get("POSTHORSE_HOOKS", TOP / "build-hooks"))
SECONDS = int(os.environ.get("POSTHORSE_CRASH_SECONDS",
                             "600" if LONG else "90"))
STORM = 6       # seconds with the gate open
PAUSE = 0.005 if LONG else 0.05		# between a session's messages
DELAY = 10 if LONG else 400	# ms at most before who died is started again
LIFE = 0.3      # seconds: who is not dead by then is killed
ARRIVAL = 10 if LONG else 40    # seconds; nine other lanes run beside the short
LEAST = 20      # messages acknowledged: a slow disk leaves few between kills

# What a process draws: most die, some are told that a call failed.
FAULTS = {
    "queue": "kill:1-30,kill:1-30,kill:1-80,kill:20-300,fail:1-80:EIO,"
             "fail:1-80:ENOSPC,short:1-80",
    "receiver": "kill:1-10,kill:1-10,kill:1-40,fail:1-40:EIO,"
                "fail:1-40:ENOSPC,short:1-40",
}
# Calls from a start over the recovery to the first mail that went through.
CYCLE = {"queue": 30, "receiver": 10}


def digest_of(path):
    """What was sent, found again: subject and filler, without line ends."""
    text = path.read_bytes().replace(b"\r\n", b"\n")
    at = text.index(b"Subject: ")
    return hashlib.sha256(text[at:]).hexdigest()


def expected(load, mark):
    text = b"Subject: %s\n\n" % mark.encode() \
        + load.filler.replace(b"\r\n", b"\n")
    return hashlib.sha256(text).hexdigest()


class Storm:
    """One service whose processes of one role meet faults, and its ledger."""

    def __init__(self, folder, role):
        self.role, self.gate = role, folder / f"gate-{role}"
        self.kills = 0
        self.server = Server(folder / role, build=HOOKS, env={
            "POSTHORSE_FAULT": FAULTS[role], "POSTHORSE_FAULT_ROLE": role,
            "POSTHORSE_FAULT_GATE": str(self.gate),
            "POSTHORSE_RESTART_MOST": str(DELAY)})

    def kill_all(self):
        """At whatever moment: who comes next looks at the gate."""
        for pid in self.server.roles().get(self.role, []):
            try:
                os.kill(pid, 9)
                self.kills += 1
            except ProcessLookupError:
                pass

    def arrive(self, load, marks):
        with load.lock:
            acked = set(load.acked)
        if not wait_for(lambda: not acked - marks.look().keys(),
                        ARRIVAL, 0.05):
            missing = sorted(acked - marks.look().keys())
            pytest.fail(f"{self.role}: of {len(acked)} missing {missing[:5]}"
                        f"\n{self.story(load.acked[missing[0]][0])}")

    def story(self, name):
        """What the log has of a message, and of all roles from there on."""
        lines = self.server.log.read_text(errors="replace").splitlines()
        first = next((i for i, x in enumerate(lines) if name in x), 0)
        return "\n".join(x for x in lines[max(first - 200, 0):] if name in x
                         or " role-" in x or " queue-" in x or " spool " in x)

    def run(self, seconds):
        server = self.server.start()
        assert wait_for(lambda: " serving " in server.log.read_text(), 20)
        end = time.monotonic() + seconds
        marks = Marks(server.maildir("user") / "new")
        with Load(server.port("mx"), sessions=4, tag=self.role,
                  pause=PAUSE) as load:
            while time.monotonic() < end:
                self.gate.touch()
                over = min(time.monotonic() + STORM, end)
                while time.monotonic() < over:
                    self.kill_all()
                    time.sleep(LIFE)
                self.gate.unlink()
                self.kill_all()
                self.arrive(load, marks)
        self.arrive(load, marks)
        self.judge(load)
        assert server.process.poll() is None, server.log_tail()
        assert len(load.acked) > LEAST, "the load got nothing through"
        assert server.stop() == 0, server.log_tail()
        return load

    def judge(self, load):
        files = self.server.messages()
        strange = set(marks_in(files)) - set(load.acked) - load.unsure
        assert not strange, f"never sent whole: {sorted(strange)[:5]}"
        wrong = [m for m, path in ((mark_of(p), p) for p in files)
                 if digest_of(path) != expected(load, m)]
        assert not wrong, f"changed on the way: {wrong[:5]}"

    def struck(self):
        """Kind -> n -> how often, as the log tells it."""
        found = collections.defaultdict(collections.Counter)
        for kind, n in re.findall(r"fault (\w+) (\d+)",
                                  self.server.log.read_text(errors="replace")):
            found[kind][int(n)] += 1
        return found


@pytest.mark.hooks
@pytest.mark.shows("SPL-1", "SPL-3", "SPL-6", "SPL-7", "SPL-8")
@pytest.mark.timeout(SECONDS + 120)
def test_killed_at_each_spool_call(memory):
    """For SECONDS: faults, load; all acknowledged mail arrives, as it was."""
    if not (HOOKS / "src" / "posthorse").exists():
        pytest.skip("no build with the fault table")
    storms = [Storm(memory, role) for role in FAULTS]
    began = time.monotonic()
    try:
        with concurrent.futures.ThreadPoolExecutor(len(storms)) as pool:
            loads = list(pool.map(lambda s: s.run(SECONDS), storms))
    finally:
        for storm in storms:
            storm.server.end()
    minutes = (time.monotonic() - began) / 60
    kills, failed = 0, 0
    for storm in storms:
        struck = storm.struck()
        kills += storm.kills + sum(struck["kill"].values())
        failed += sum(struck["fail"].values()) + sum(struck["short"].values())
        missing = [n for n in range(1, CYCLE[storm.role] + 1)
                   if not struck["kill"][n]]
        figure(f"crash-calls-of-{storm.role}-never-killed-at",
               f"{len(missing)} of {CYCLE[storm.role]}", "calls")
        assert not (LONG and missing), f"never killed at {missing}"
        assert len(missing) < CYCLE[storm.role] / 2, "faults do not strike"
    figure("crash-kills", f"{kills}", "kills")
    figure("crash-kills-a-minute", f"{kills / minutes:.0f}", "kills/min")
    figure("crash-calls-failed", f"{failed}", "calls")
    figure("crash-acknowledged", f"{sum(len(x.acked) for x in loads)}",
           "messages")
