"""Allocations that fail in real roles: 4xx, and nothing else happens."""
import os
import pathlib

import pytest

from load import Load, marks_in
from server import LONG, TOP, figure, wait_for

HOOKS = pathlib.Path(os.environ.get("POSTHORSE_HOOKS", TOP / "build-hooks"))
EVERY = (7, 11, 17, 31, 53, 97, 211, 401) if LONG else (17, 101)


def ended(server):
    words = ("role-ended", "peer-cut", "spool")
    return [line for line in
            server.log.read_text(errors="replace").splitlines()
            if any(word in line for word in words)][-12:]


@pytest.mark.shows("MEM-5")
@pytest.mark.hooks
@pytest.mark.parametrize("every", EVERY)
@pytest.mark.parametrize("role", ["receiver", "queue", "local", "lookup"])
def test_allocations_fail(make_server, role, every):
    """One of n fails: no process ends, no acknowledged message is lost."""
    if not (HOOKS / "src" / "posthorse").exists():
        pytest.skip("no build with the fault table")
    server = make_server(
        build=HOOKS, env={"POSTHORSE_FAULT": f"alloc:{every}",
                          "POSTHORSE_FAULT_ROLE": role},
        extra="retry first 1s\nretry cap 2s\nlimit errors 1000\n"
              "limit errors-soft 1000\n").start(wait=False)
    # Not five messages in a row, as others want: one in n fails.
    assert wait_for(lambda: " serving " in server.log_tail(), 20)
    before = server.roles()
    with Load(server.port("mx"), sessions=4) as load:
        assert wait_for(lambda: len(load.acked) > 80, 60), \
            f"{len(load.acked)} messages\n" + server.log_tail()
    assert server.roles() == before, ended(server)
    assert wait_for(lambda: not set(load.acked)
                    - set(marks_in(server.messages())), 30, 0.2), \
        server.log_tail()
    found = marks_in(server.messages())
    assert not set(found) - set(load.acked) - load.unsure
    figure(f"allocations-failed-in-{role}-refused", load.refused, "replies")
