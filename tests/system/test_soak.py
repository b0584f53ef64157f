"""Many messages and no crash: each arrives once (DLV-1)."""
import json
import re
import subprocess

import pytest

from server import BUILD, LONG, figure, free_port, wait_for

COUNT = 1_000_000 if LONG else 10_000
LOAD, SINK = (BUILD / "tests/bench" / f"bench-{n}" for n in ("load", "sink"))


def delivered(server, seen, at):
    """Ids of new lines of the log, into seen; where to read on."""
    twice = []
    with open(server.log, "rb") as log:
        log.seek(at)
        for line in log:
            if not line.endswith(b"\n"):
                break
            at += len(line)
            if b" delivered to=user" in line and b"@example.com " in line:
                name = re.search(rb" (\w{26}) delivered ", line)[1]
                twice += [name] if name in seen else []
                seen.add(name)
    assert not twice, f"delivered twice: {twice[:5]}"
    return at


@pytest.mark.shows("DLV-1")
@pytest.mark.timeout(7200 if LONG else 300)
def test_each_once(make_server):
    """What was acknowledged left once, and the sink counts the same."""
    port = free_port()
    sink = subprocess.Popen([SINK, str(port)], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)
    sink.stderr.readline()
    server = make_server(
        extra=f"relay via smtp://127.0.0.1:{port}\n",
        change=lambda text: text.replace("log level debug", "log level info")
        .replace("segment-size 1M\n", "")).start()
    seen, at, acked = set(), 0, 0
    try:
        while acked < COUNT:
            done = subprocess.run(
                [LOAD, "-s", "20", "-n", str(min(50_000, COUNT - acked)),
                 "-l", "600", "-d", "example.com", str(server.port("relay"))],
                capture_output=True, text=True, check=True, timeout=1200)
            row = json.loads(done.stdout)
            assert row["ok"] > 0, done.stdout
            acked += row["ok"]

            def caught_up():
                nonlocal at
                at = delivered(server, seen, at)
                return len(seen) >= acked
            assert wait_for(caught_up, 600, 0.2), \
                f"{acked - len(seen)} of {acked} did not leave\n" \
                + server.log_tail()
        assert wait_for(lambda: not server.rows("queue", "list"), 60)
    finally:
        sink.terminate()
        end = json.loads(sink.communicate()[0])
    assert len(seen) == acked == end["messages"], server.log_tail()
    figure("soak-messages", acked, "messages")
    figure("soak-lost-or-twice", 0, "messages")
