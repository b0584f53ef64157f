"""What stands still or runs out, and what mail does meanwhile."""
import os
import re
import signal
import socket
import subprocess
import time

import pytest

from load import Load, marks_in
from server import FIRST_ID, USERS, free_port, stop_still, wait_for
from talk import Talk, message_id
from test_limits import GOOD


def freeze(server, role):
    pids = server.roles()[role]
    for pid in pids:
        stop_still(pid)
    return pids


def thaw(pids):
    for pid in pids:
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            pass


@pytest.mark.shows("LOG-3")
def test_log_that_stands_still(server):
    """Admin stopped: mail flows on, and the log goes on later."""
    pids = freeze(server, "admin")
    try:
        with Load(server.port("mx"), sessions=8) as load:
            assert wait_for(lambda: len(load.acked) > 400, 30), \
                f"only {len(load.acked)} messages while the log stood still"
        assert wait_for(lambda: not set(load.acked)
                        - set(marks_in(server.messages())), 15)
    finally:
        thaw(pids)
    with Talk(server.port("mx")) as t:
        t.hello()
        name = message_id(t.mail(GOOD))
    assert wait_for(lambda: name in server.log.read_text(errors="replace"), 15)


def dropped(server):
    return next(r["count"] for r in server.rows("status")
                if r.get("event") == "events-dropped")


@pytest.mark.shows("LOG-3")
@pytest.mark.parametrize("sink", ["stopped", "full"])
def test_sink_that_takes_nothing(make_server, tmp_path, sink):
    """Who reads standard output is stopped, or the log's disk is full: mail
    flows, and the count of lost lines rises."""
    disk, reader = tmp_path / "disk", None
    server = make_server(change=lambda text: text if sink == "stopped" else
                         text + f"log to file {disk}/lines\n")
    disk.mkdir()
    try:
        if sink == "full":
            number = FIRST_ID + USERS.index("admin")
            done = subprocess.run(
                ["mount", "-t", "tmpfs", "-o",
                 f"size=16k,uid={number},gid={number},mode=755", "tmpfs",
                 disk], capture_output=True)
            if done.returncode != 0:
                pytest.skip("no file system can be mounted here")
        else:
            os.mkfifo(server.log)
            reader = subprocess.Popen(["cat", server.log],
                                      stdout=subprocess.DEVNULL)
        server.start(wait=False)
        assert wait_for(lambda: sends(server), 20)
        if reader:
            stop_still(reader.pid)
        with Load(server.port("mx"), sessions=8) as load:
            assert wait_for(lambda: len(load.acked) > 400, 30), \
                f"only {len(load.acked)} messages"
            first = wait_for(lambda: dropped(server), 30)
            assert first
            assert wait_for(lambda: dropped(server) > first, 30)
        assert wait_for(lambda: not set(load.acked)
                        - set(marks_in(server.messages())), 15)
        # The history does not suffer from the sink.
        name = next(iter(load.acked.values()))[0]
        assert "delivered" in server.command("trace", name)
    finally:
        if reader:
            reader.send_signal(signal.SIGCONT)
        server.end()
        if reader:
            reader.wait(20)
            server.log.unlink()
        else:
            subprocess.run(["umount", "-l", disk])


def sends(server):
    try:
        with Talk(server.port("mx"), timeout=10) as t:
            t.hello()
            t.mail(GOOD)
            return True
    except Exception:
        return False


@pytest.mark.shows("RLY-3")
def test_users_table_that_cannot_be_read(server):
    """The file is gone: 451, and well again when it is back."""
    users = server.folder / "users"
    aside = server.folder / "users.aside"
    users.rename(aside)
    try:
        def code():
            with Talk(server.port("mx")) as t:
                t.hello()
                t.ask("MAIL FROM:<s@example.net>", 250)
                return t.ask("RCPT TO:<somebody-new@example.org>")[0]
        assert wait_for(lambda: code() == 451, 15), code()
    finally:
        aside.rename(users)
    assert wait_for(lambda: code() == 550, 15)


@pytest.mark.shows("SPL-9")
@pytest.mark.timeout(300)
def test_full_disk(make_server):
    """452 while there is no room; what was taken is safe; then well again."""
    server = make_server(extra=f"relay via smtp://127.0.0.1:{free_port()}\n")
    number = FIRST_ID + USERS.index("queue")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o",
         f"size=24m,uid={number},gid={number},mode=700", "tmpfs",
         server.spool], capture_output=True)
    if done.returncode != 0:
        pytest.skip("no file system can be mounted here")
    try:
        server.start()
        acked, codes = [], []
        # The largest of a segment: fewer are told of, listed and deleted.
        body = GOOD + b"y" * 70 + (b"\r\n" + b"y" * 70) * 3500 + b"\r\n"
        t = Talk(server.port("relay"))
        t.hello()
        for _ in range(600):
            code, text = t.ask("MAIL FROM:<user@example.org>")
            if code == 250:
                t.ask("RCPT TO:<there@example.com>", 250)
                code, text = t.content(body)
            codes.append(code)
            if code == 250:
                acked.append(message_id(text))
            if codes[-3:] == [452] * 3:
                break
            if code != 250:
                time.sleep(0.05)
        t.close()
        assert codes[-1] == 452 and set(codes) <= {250, 452, 451}, codes[-5:]
        assert acked
        listed = {r["id"] for r in server.rows("queue", "list")}
        assert wait_for(lambda: set(acked) <= {
            r["id"] for r in server.rows("queue", "list")}, 20), \
            len(set(acked) - listed)
        for name in acked:
            server.command("queue", "delete", name)
        assert wait_for(lambda: sends(server), 60), server.log_tail()
        server.restart()
        assert sends(server)
    finally:
        server.end()
        subprocess.run(["umount", "-l", server.spool])


@pytest.mark.shows("OPS-3")
def test_descriptors_run_out(make_server):
    """A receiver with few descriptors pauses, burns nothing, recovers."""
    server = make_server(change=lambda text: text.replace(
        "receivers 2", "receivers 1")).start()
    pid = server.roles()["receiver"][0]
    limit_files(pid, max(map(int, os.listdir(f"/proc/{pid}/fd"))) + 30)
    open_now = [socket.create_connection(("127.0.0.1", server.port("mx")), 5)
                for _ in range(60)]
    assert wait_for(lambda: "starved" in server.log_tail(400), 10)

    def ticks():
        text = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
        return int(text[11]) + int(text[12])

    before = ticks()
    time.sleep(3)
    share = (ticks() - before) / (3 * os.sysconf("SC_CLK_TCK"))
    assert server.roles()["receiver"] == [pid], "the receiver died"
    assert share < 0.05, f"{share:.0%} of a processor while waiting"
    # Who was turned away has heard so (RFC 5321 3.8).
    said = [first_octets(s) for s in open_now]
    assert b"220" in said and b"421" in said, said
    for s in open_now:
        s.close()
    assert wait_for(lambda: sends(server), 20)


def limit_files(pid, files):
    """Of a running receiver: its own user may do that."""
    number = FIRST_ID + USERS.index("smtp")
    subprocess.run(["prlimit", "--pid", str(pid), f"--nofile={files}:"],
                   check=True, user=number, group=number, extra_groups=[])


def first_octets(s):
    s.settimeout(0.05)
    try:
        return s.recv(3)
    except OSError:
        return b""


def test_places_are_half_of_the_descriptors(make_server):
    """Section 19: 10,000 sessions, or so many; then 421."""
    server = make_server(files=120, change=lambda text: text.replace(
        "receivers 2", "receivers 1")).start()
    open_now = []
    try:
        for _ in range(57):	# and three for users
            open_now.append(Talk(server.port("mx")))
            assert open_now[-1].greeting[0] == 220
        with Talk(server.port("mx")) as t:
            assert t.greeting == (421, "4.3.2 No place is free, try again "
                                  "later")
    finally:
        for t in open_now:
            t.close()
    assert "starved" not in server.log.read_text(errors="replace")
    assert wait_for(lambda: sends(server), 20)


@pytest.mark.shows("OPS-3")
def test_descriptors_under_way_elsewhere(make_server):
    """What others of our user have under way delays a start, no more."""
    here, there = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with here, there:
        for _ in range(5):
            socket.send_fds(here, [b"x"], [0] * 100)
        server = make_server(files=400).start(wait=False)
        time.sleep(1)
        assert server.process.poll() is None, server.log_tail()
        for _ in range(5):
            for fd in socket.recv_fds(there, 1, 100)[1]:
                os.close(fd)
        assert wait_for(lambda: sends(server), 20)


@pytest.mark.ordinary
@pytest.mark.shows("LOG-1")
def test_one_line_an_event(server, talk):
    """ESC, bidi and broken UTF-8 from a stranger: one line, plain octets."""
    t = talk(server.port("mx"))
    t.ask(b"EHLO a\x1b[31mb\xe2\x80\xae\xff")
    t.ask(b"MAIL FROM:<a\x1b@example.net>")
    t.hello()
    t.ask("MAIL FROM:<s@example.net>", 250)
    t.ask(b"RCPT TO:<\xe2\x80\xaeuser\x1b@example.org>")
    t.ask("RCPT TO:<user@example.org>", 250)
    name = message_id(t.content(GOOD)[1])
    assert wait_for(lambda: name in server.log.read_text(errors="replace"))
    raw = server.log.read_bytes()
    assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", raw)
    assert "\u202e".encode() not in raw
    raw.decode("utf-8")


@pytest.mark.ordinary
@pytest.mark.shows()
def test_trace_tells_the_story(server, talk):
    """Accepted from whom, attempted, delivered; refused mail as well."""
    t = talk(server.port("mx"))
    t.hello()
    name = message_id(t.mail(GOOD))
    server.wait_messages(1)
    assert wait_for(lambda: "delivered" in [
        r["event"] for r in server.rows("trace", name)]), \
        server.command("trace", name)
    events = [r["event"] for r in server.rows("trace", name)]
    assert events.count("accepted") == 1 and events.count("delivered") == 1
    text = server.command("trace", name)
    assert "127.0.0.1" in text and "user@example.org" in text
    t.ask("MAIL FROM:<s@example.net>", 250)
    t.ask("RCPT TO:<nobody@example.org>")

    def refused():
        found = re.findall(r"([0-9A-HJKMNP-TV-Z]{26}) refused .*nobody",
                           server.log.read_text(errors="replace"))
        return found

    assert wait_for(refused), server.log_tail()
    rows = server.rows("trace", refused()[0])
    assert any(r["event"] == "refused" for r in rows)


@pytest.mark.shows("SPL-3")
@pytest.mark.hooks
@pytest.mark.parametrize("error", ["EIO", "ENOSPC", "EDQUOT"])
@pytest.mark.parametrize("nth", [5, 8, 13, 30])
def test_one_call_fails(make_server, error, nth):
    """The n-th call of a receiver fails: no 250 for it, later mail is well."""
    from test_crash import HOOKS
    if not (HOOKS / "src" / "posthorse").exists():
        pytest.skip("no build with the fault table")
    server = make_server(build=HOOKS, env={
        "POSTHORSE_FAULT": f"fail:{nth}:{error}",
        "POSTHORSE_FAULT_ROLE": "receiver"}).start()
    with Load(server.port("mx"), sessions=4) as load:
        assert wait_for(lambda: len(load.acked) > 60, 30), server.log_tail()
    server.stop()
    for name in ("POSTHORSE_FAULT", "POSTHORSE_FAULT_ROLE"):
        server.env.pop(name)
    server.start()
    assert wait_for(lambda: not set(load.acked)
                    - set(marks_in(server.messages())), 15)
    found = marks_in(server.messages())
    assert not set(found) - set(load.acked) - load.unsure


@pytest.mark.shows("SPL-1", "SPL-3")
@pytest.mark.hooks
@pytest.mark.parametrize("nth", [3, 10, 25])
def test_one_write_falls_short(make_server, nth):
    from test_crash import HOOKS
    if not (HOOKS / "src" / "posthorse").exists():
        pytest.skip("no build with the fault table")
    server = make_server(build=HOOKS, env={
        "POSTHORSE_FAULT": f"short:{nth}"}).start()
    with Load(server.port("mx"), sessions=4) as load:
        assert wait_for(lambda: len(load.acked) > 60, 30), server.log_tail()
    assert wait_for(lambda: not set(load.acked)
                    - set(marks_in(server.messages())), 15)


@pytest.mark.shows("RLY-2")
@pytest.mark.parametrize("text,word", [
    ("lissten mx\n", "listen"), ("listen mx on 127.0.0.1:99999\n", "99999"),
    ("domain example.org {\n", "not closed"), ("hostname\n", "hostname"),
])
def test_broken_configuration_opens_nothing(tmp_path, make_server, text, word):
    server = make_server()
    server.conf.write_text(text)
    done = subprocess.run([server.program, "-c", server.conf, "serve"],
                          capture_output=True, text=True, timeout=20,
                          cwd=tmp_path)
    assert done.returncode != 0
    assert f"{server.conf}:" in done.stderr and word in done.stderr
