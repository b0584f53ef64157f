"""The client has gone before the answer: SPL-12."""
import time

import pytest

from load import marks_in
from server import wait_for
from talk import Talk
from test_crash import HOOKS

STALL = {"POSTHORSE_FAULT": "stall:12", "POSTHORSE_FAULT_ROLE": "receiver"}


def end_of_data(t, mark):
    """All of a transaction but its last reply."""
    t.ask(f"MAIL FROM:<{mark}@example.net>", 250)
    t.ask("RCPT TO:<user@example.org>", 250)
    t.ask("DATA", 354)
    t.raw(b"Subject: gone\r\n\r\nhello\r\n.\r\n")


def held(port):
    """A session whose message waits for a sync that takes five seconds."""
    for i in range(60):
        t = Talk(port)
        t.hello()
        end_of_data(t, f"before{i}")
        t.sock.settimeout(1)
        try:
            t.reply()
        except TimeoutError:
            t.sock.settimeout(30)
            return t, f"before{i}"
        t.close()
    pytest.fail("no sync was held")


@pytest.mark.shows("SPL-12")
@pytest.mark.hooks
def test_gone_before_the_commit(make_server):
    """Who hangs up while another batch is synced is not queued; who stays is,
    and so is who hangs up when the sync of his own batch has begun."""
    if not (HOOKS / "src" / "posthorse").exists():
        pytest.skip("no build with the fault table")
    server = make_server(build=HOOKS, env=STALL, change=lambda text:
                         text.replace("receivers 2", "receivers 1")).start()
    first, mark = held(server.port("mx"))
    with Talk(server.port("mx")) as goes, Talk(server.port("mx")) as stays:
        for t, name in ((goes, "goes"), (stays, "stays")):
            t.hello()
            end_of_data(t, name)
        time.sleep(0.3)
        goes.close()
        first.close()           # its batch is in the sync: best effort
        assert stays.reply()[0] == 250
    assert wait_for(lambda: {"stays", mark} <=
                    set(marks_in(server.messages())), 10), server.log_tail()
    time.sleep(1)
    assert "goes" not in marks_in(server.messages())
