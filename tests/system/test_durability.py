"""What the kernel is asked for, before a 250 leaves."""
import collections
import re
import subprocess
import threading

import pytest

from server import LONG, figure, wait_for
from talk import Talk, message_id

CALLS = "pwritev,pwritev2,pwrite64,writev,write,sendto,sendmsg,sendmmsg," \
    "fdatasync,fsync"
LINE = re.compile(r"^(\d+) +(\d+\.\d+) (.*)$")
RESUMED = re.compile(r"^<\.\.\. (\w+) resumed>(.*)$")
WRITES = ("pwritev", "pwritev2", "pwrite64")
SENDS = ("sendto", "sendmsg", "sendmmsg", "writev", "write")

Call = collections.namedtuple("Call", "name fd text start end result")


def parse(path):
    """Calls with the time they began and ended, from `strace -f -ttt`."""
    begun, calls = {}, []
    for line in path.read_text(errors="replace").splitlines():
        m = LINE.match(line)
        if not m:
            continue
        tid, when, what = m[1], float(m[2]), m[3]
        resumed = RESUMED.match(what)
        if what.endswith("<unfinished ...>"):
            begun[tid] = (when, what[:-len("<unfinished ...>")])
            continue
        start = when
        if resumed and tid in begun:
            start, first = begun.pop(tid)
            what = first + resumed[2]
        m = re.match(r"(\w+)\((\d+)", what)
        result = re.search(r"= (-?\d+)[^=]*?(?:<(\d+\.\d+)>)?$", what)
        if m and result:
            # -T's own measure, where the line has not been cut in two.
            end = when if resumed else start + float(result[2] or 0)
            calls.append(Call(m[1], int(m[2]), what, start, end,
                              int(result[1])))
    return calls


def send_some(port, session, count, ids):
    with Talk(port) as t:
        t.hello()
        for i in range(count):
            mark = f"mark{session}x{i}"
            text = t.mail(b"Subject: %s\r\n\r\nbody\r\n" % mark.encode(),
                          sender=f"{mark}@example.net")
            ids[message_id(text)] = mark


def trace_receivers(server, folder):
    tracers = []
    for pid in server.roles()["receiver"]:
        out = folder / f"trace.{pid}"
        tracers.append((out, subprocess.Popen(
            ["strace", "-f", "-ttt", "-T", "-s", "1048576", "-o", out,
             "-e", f"trace={CALLS}", "-p", str(pid)],
            stderr=subprocess.PIPE, text=True)))
    for _, tracer in tracers:
        line = tracer.stderr.readline()
        if "attach: Operation not permitted" in line:
            pytest.skip("strace may not attach here")
        assert "attached" in line, line
    return tracers


def all_ended(tracers, ids):
    """Each 250 is in a call that has ended."""
    said = {name for path, _ in tracers for c in parse(path)
            if c.name in SENDS
            for name in re.findall(r"[0-9A-HJKMNP-TV-Z]{26}", c.text)}
    return ids.keys() <= said


@pytest.mark.shows("SPL-1", "SPL-2")
def test_each_250_has_its_sync(make_server, tmp_path):
    """
    For each 250 after data: an fdatasync of the segment that began after the
    last write of the message and ended, well, before the 250 was sent.
    """
    server = make_server().start()
    each = 40 if LONG else 8
    tracers = trace_receivers(server, tmp_path)
    ids = {}
    threads = [threading.Thread(target=send_some, args=(
        server.port("mx"), n, each, ids)) for n in range(50)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    # A client has its 250 before strace has written that the call ended.
    assert wait_for(lambda: all_ended(tracers, ids), 20)
    for _, tracer in tracers:
        tracer.terminate()
        tracer.wait()
    assert len(ids) == 50 * each
    shown, syncs = 0, 0
    for path, _ in tracers:
        calls = parse(path)
        sync = [c for c in calls if c.name in ("fdatasync", "fsync")
                and c.result == 0]
        syncs += len(sync)
        writes = collections.defaultdict(list)
        for c in calls:
            if c.name in WRITES:
                for mark in set(re.findall(r"mark\d+x\d+", c.text)):
                    writes[mark].append(c)
        for c in calls:
            if c.name not in SENDS:
                continue
            for name in re.findall(r"[0-9A-HJKMNP-TV-Z]{26}", c.text):
                if name not in ids or "250" not in c.text:
                    continue
                mine = writes[ids[name]]
                assert mine, f"no write of {name} was seen"
                last = max(w.end for w in mine)
                assert any(s.fd == mine[-1].fd and s.start >= last
                           and s.end <= c.start + 1e-5 for s in sync), \
                    f"{name}: 250 without a sync of its segment"
                shown += 1
    assert shown == len(ids)
    figure("syncs-per-message-traced", f"{syncs / shown:.3f}", "fdatasync")


@pytest.mark.shows("SPL-2")
def test_default_mode_is_the_safe_one(server):
    """No weaker mode is in the effective configuration."""
    assert "unsafe" not in server.command("print")
    assert wait_for(lambda: server.log.exists())
    assert "unsafe" not in server.log.read_text(errors="replace")
