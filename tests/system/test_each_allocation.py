"""Each allocation of a role fails once, over mail in, kept and delivered."""
import mmap
import os
import pathlib
import ssl
import struct
import subprocess

import pytest

from load import mark_of
from server import LONG, PASSWORD, TOP, figure, free_port, wait_for
from talk import Talk

import base64

HOOKS = pathlib.Path(os.environ.get("POSTHORSE_HOOKS", TOP / "build-hooks"))
SANITIZED = pathlib.Path(os.environ.get("POSTHORSE_HOOKS_ASAN",
                                        TOP / "build-asan"))
PATIENCE = 10		# seconds for mail whose delivery met the fault
ROLES = ("receiver", "lookup", "queue", "local", "sender", "resolver",
         "admin", "keys", "supervisor")
# How many of a role's allocations fail in a run; all of them in a long one.
SPREAD = {"supervisor": 3, "receiver": 16, "lookup": 8, "admin": 5,
          "local": 2}
LOGIN = base64.b64encode(f"\0user@example.org\0{PASSWORD}".encode()).decode()


class Fault:
    """What src/base/alloc_fault.h shares of one role: count, and fail one."""

    def __init__(self, folder, role):
        path = folder / f"posthorse-{role}"
        path.write_bytes(bytes(4096))
        path.chmod(0o600)
        with open(path, "r+b") as f:
            self.page = mmap.mmap(f.fileno(), 4096)

    def _set(self, *numbers):
        # Which one last: nothing fails while the count is set.
        for i in (0, 2, 1, 0):
            struct.pack_into("=Q", self.page, i * 8, numbers[i] if i else 0)
        struct.pack_into("=Q", self.page, 0, numbers[0])

    def fail(self, nth):
        self._set(nth, 0, 0)

    def who(self, build, role):
        """The functions that asked for the last one that failed."""
        program = build / "src" / "role" / role / f"posthorse-{role}"
        frames = struct.unpack_from("=10Q", self.page, 24)
        done = subprocess.run(
            ["addr2line", "-fse", program, *map(hex, filter(None, frames))],
            capture_output=True, text=True)
        names = [n for n in done.stdout.split("\n")[::2] if n.strip("?")]
        return " < ".join(names)

    def off(self):
        """Nothing fails from now on; how many were made, and failed."""
        struct.pack_into("=Q", self.page, 0, 0)
        return struct.unpack_from("=QQ", self.page, 8)


class Script:
    """One message to a mailbox and one to a sink, and what was said."""

    def __init__(self, server, sink):
        self.server, self.sink = server, sink
        self.acked, self.unsure, self.wrong = set(), set(), []
        self.refused = self.cut = 0
        self.roles = server.roles()

    def _ask(self, talk, line):
        code, text = talk.ask(line)
        if code // 100 not in (2, 3):
            self.refused += 1
            if code // 100 != 4:
                self.wrong.append(f"{line}: {code} {text}")
            raise ConnectionError(text)

    def _mail(self, talk, mark, to):
        for line in (f"MAIL FROM:<user+{mark}@example.org>", f"RCPT TO:<{to}>",
                     "DATA"):
            self._ask(talk, line)
        self.unsure.add(mark)
        talk.raw(b"From: User <user@example.org>\r\nBcc: x@y\r\n\r\n"
                 + b"filler line\r\n" * 40)
        self._ask(talk, ".")
        self.acked.add(mark)

    def _session(self, n):
        talk = Talk(self.server.port("submission"), timeout=30)
        with talk:
            for line in ("EHLO c", "STARTTLS"):
                self._ask(talk, line)
            talk.start_tls()
            for line in ("EHLO c", f"AUTH PLAIN {LOGIN}"):
                self._ask(talk, line)
            self._mail(talk, f"h{n}", "user@example.org")
            self._mail(talk, f"r{n}", f"there@n{n}.example")
            self._ask(talk, "QUIT")

    def run(self, n):
        """A session; a reply of 4xx or a cut connection is all that it is."""
        for step in (self._session, self._commands):
            try:
                step(n)
            except (OSError, ConnectionError, ssl.SSLError, ValueError):
                self.cut += 1

    def _commands(self, n):
        """What admin and queue do for the command line; it may fail."""
        for words in (("queue", "list"), ("status",)):
            try:
                self.server.command(*words, check=False, timeout=5)
            except subprocess.TimeoutExpired:
                self.wrong.append(f"{words} at {n}: no answer")

    def see_roles(self, n):
        """No role ends: it would be another process now."""
        now = self.server.roles()
        if now != self.roles:
            ended = [line for line in self.server.log_tail(60).splitlines()
                     if "peer-cut" in line or "role-ended" in line]
            self.wrong.append(f"replaced at {n}: " + "; ".join(ended))
        self.roles = now

    def arrived(self):
        marks = {mark_of(p) for p in self.server.messages()}
        with self.sink.lock:
            marks |= {m.sender.partition("@")[0] for m in self.sink.mails}
        return {mark.removeprefix("user+") for mark in marks if mark}

    def all_arrived(self):
        return not self.acked - self.arrived()


class Kills(Script):
    """For the supervisor, which does nothing else: it replaces a role."""

    def run(self, n):
        before = self.server.roles().get("local")
        self.server.kill_role("local")
        wait_for(lambda: self.server.roles().get("local", before) != before,
                 10)
        super().run(n)

    def see_roles(self, n):
        """It is us who end one: but there is one of each again."""
        if not wait_for(lambda: set(self.server.roles()) == set(self.roles),
                        10):
            self.wrong.append(f"not replaced at {n}: {self.server.roles()}")


@pytest.fixture
def rig(make_server, aio_sink, dns, tmp_path):
    """rig(build): a server whose roles share their faults, and a sink."""
    def make(build):
        if not (build / "src" / "posthorse").exists():
            pytest.skip(f"no {build}")
        port = free_port()
        sink = aio_sink(port=port, host="127.0.0.2")
        d = dns({"example": "* MX 10 mx.other\nmx.other A 127.0.0.2\n"})
        shared = tmp_path / "faults"
        shared.mkdir()
        faults = {role: Fault(shared, role) for role in ROLES}
        server = make_server(
            build=build, env={"POSTHORSE_FAULT_ALLOC": str(shared),
                              "ASAN_OPTIONS": "detect_leaks=1"},
            change=lambda text: text.replace("receivers 2", "receivers 1"),
            extra=d.config + f"mx-port {port}\n"
            "retry first 1s\nretry cap 1s\nretry jitter 0%\n"
            "limit user-messages 1000000\n"
            "limit user-recipients 1000000\n").start()
        return server, sink, faults

    return make


def chosen(role, count, share=1):
    """1 to count, or a spread of them."""
    few = max(SPREAD.get(role, 5) // share, 1)
    step = 1 if LONG else -(-count // few)
    return range(1, count + 1, step)


def fail_each(server, script, role, fault, patience, share=1):
    """Every n in turn, with so long for its mail; how many of how many."""
    fault.fail(0)
    script.run(f"{role}-none")
    assert wait_for(script.all_arrived, 20), server.log_tail()
    assert not script.cut, server.log_tail()
    count = fault.off()[0]
    hit, blamed = 0, []
    for n in chosen(role, count, share):
        fault.fail(n)
        script.run(f"{role}-{n}")
        is_late = not wait_for(script.all_arrived, patience, 0.01) \
            and patience >= PATIENCE
        hit += fault.off()[1]
        script.see_roles(n)
        if is_late or len(script.wrong) > len(blamed):
            blamed.append(f"{n}: {'late, ' * is_late}"
                          f"{fault.who(server.build, role)}")
    script.cut = 0
    assert wait_for(script.all_arrived, 60, 0.1), \
        f"{script.acked - script.arrived()}\n{blamed}\n{server.log_tail()}"
    assert not script.wrong and not blamed, "\n".join(script.wrong + blamed)
    assert not script.arrived() - script.unsure
    return hit, count


def warm(server, sink, kind=Script):
    """What is made once is made."""
    script = kind(server, sink)
    script.run("warm")
    assert wait_for(script.all_arrived, 20), server.log_tail()
    return script


@pytest.mark.shows("MEM-5")
@pytest.mark.hooks
@pytest.mark.timeout(3600 if LONG else 300)
@pytest.mark.parametrize("role", ROLES)
def test_each_allocation(rig, role):
    """The n-th fails: 4xx or a cut at most; all that was acked arrives."""
    server, sink, faults = rig(HOOKS)
    script = warm(server, sink, Kills if role == "supervisor" else Script)
    hit, count = fail_each(server, script, role, faults[role], PATIENCE)
    figure(f"each-allocation-{role}", hit, f"of-{count}-failed")
    figure(f"each-allocation-{role}-refused", script.refused, "replies")


@pytest.mark.shows("MEM-5")
@pytest.mark.hooks
@pytest.mark.timeout(3600 if LONG else 300)
def test_no_leak(rig):
    """The same under sanitizers: no report, and each role ends leaving none."""
    server, sink, faults = rig(SANITIZED)
    script = warm(server, sink)
    failed = sum(fail_each(server, script, role, faults[role],
                           PATIENCE if LONG else 0, 3)[0]
                 for role in ROLES if role != "supervisor")
    assert server.stop() == 0, server.log_tail()
    lines = server.log.read_text(errors="replace").splitlines()
    ended = [x for x in lines if " role-ended " in x]
    # The line of admin itself has nobody to write it.
    assert len(ended) == len(ROLES) - 2 and \
        all(x.endswith(" status=0") for x in ended), "\n".join(ended)
    assert not [x for x in lines if "Sanitizer" in x or "runtime error" in x], \
        "\n".join(lines[-100:])
    figure("each-allocation-sanitized", failed, "failed")
