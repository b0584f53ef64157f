"""A storm of signals during load, under sanitizers: nothing happens (MEM-8)."""
import os
import random
import signal
import time

import pytest

from load import Load, marks_in
from server import LONG, children, figure, wait_for
from test_each_allocation import SANITIZED

# Those that are handled or ignored: what ends a process is not asked here.
STORM = (signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE, signal.SIGCONT,
         signal.SIGURG, signal.SIGWINCH)
SECONDS = 60 if LONG else 4


@pytest.mark.shows("MEM-8")
@pytest.mark.hooks
def test_signal_storm(make_server):
    """Each process is hit all the time; none ends, no mail is lost."""
    if not (SANITIZED / "src" / "posthorse").exists():
        pytest.skip(f"no {SANITIZED}")
    server = make_server(build=SANITIZED).start()
    before = server.roles()
    pids = [server.process.pid] + children(server.process.pid)
    sent, end = 0, time.monotonic() + SECONDS
    with Load(server.port("mx"), sessions=4, pause=0.01) as load:
        while time.monotonic() < end:
            for _ in range(50):
                os.kill(random.choice(pids), random.choice(STORM))
                sent += 1
            time.sleep(0.005)
    assert server.roles() == before, server.log_tail()
    assert load.acked and not load.refused
    assert wait_for(lambda: not set(load.acked)
                    - set(marks_in(server.messages())), 30, 0.2), \
        server.log_tail()
    assert server.stop() == 0, server.log_tail()
    text = server.log.read_text(errors="replace")
    assert "Sanitizer" not in text and "runtime error" not in text, text
    figure("signal-storm", sent, f"signals-in-{SECONDS}-s")
