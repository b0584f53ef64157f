"""The sockets on this machine, from users who are not ours."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import pytest

from server import BUILD, Server, wait_for
from talk import Talk, message_id

STRANGER = 65534
GROUP = 64999		# the monitoring group: a number that nobody else has
CONNECTIONS = 10_000
PYTHON = "/usr/bin/python3"

# Junk of three kinds, and it hangs up in the middle; now and then many
# connections stay open at once.
FUZZ = """
import os, random, socket, sys
path, kind, n, seed = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
r, held = random.Random(seed), []
words = [b"EHLO a\\r\\n", b"MAIL FROM:<a@example.net>\\r\\n", b"DATA\\r\\n",
         b"RCPT TO:<user@example.org>\\r\\n", b"BDAT 99\\r\\n", b".\\r\\n",
         b"AUTH PLAIN ", b"QUIT\\r\\n", b"\\0\\xff\\r", b"x" * 3000]
def junk():
    size = r.choice((0, 1, 5, 6, 7, 40, 400, 60000))
    octets = r.randbytes(size)
    if kind == "seqpacket" and r.random() < 0.7:
        # A frame's head: the numbers of orders, then a length, true or not.
        number = r.choice((0x0701, 0x0701, 0x0702, 0x0703, r.randrange(65536)))
        length = r.choice((size, size + 1, max(size - 1, 0), 2**32 - 1))
        octets = number.to_bytes(2, "little") + length.to_bytes(4, "little") + octets
    if kind == "stream" and r.random() < 0.7:
        octets = b"".join(r.choice(words) for _ in range(r.randrange(6)))
    return octets
refused = 0
for i in range(n):
    s = socket.socket(socket.AF_UNIX, getattr(socket, "SOCK_" + kind.upper()))
    s.settimeout(20)
    try:
        s.connect(path)
        s.setblocking(False)
        for _ in range(r.randrange(4)):
            s.send(junk())
    except OSError:
        refused += 1
    if i % 50 == 0:
        held = []
    if i % 5 == 0:
        held.append(s)
    else:
        s.close()
print("done", n, refused)
"""


@pytest.fixture
def open_server():
    """A running server in a folder that anybody may walk, and its command."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="posthorse-local-"))
    folder.chmod(0o755)
    (folder / "bin").mkdir()
    shutil.copy(BUILD / "src" / "posthorse", folder / "bin" / "posthorse")
    server = Server(folder / "server", change=lambda text: text
                    + f"control group {GROUP}\n")
    try:
        yield server.start()
    finally:
        server.end()
        shutil.rmtree(folder, ignore_errors=True)


def run_as(group, *words, stdin=None, seconds=60):
    return subprocess.run(
        ["setpriv", f"--reuid={STRANGER}", f"--regid={group}",
         "--clear-groups", *words], input=stdin, capture_output=True,
        text=True, timeout=seconds, cwd="/")


@pytest.mark.shows("ADM-1")
def test_who_may_ask_what(open_server):
    """A stranger nothing; the monitoring group looks, and changes nothing."""
    server = open_server
    command = [server.folder.parent / "bin" / "posthorse", "-c", server.conf]
    control = server.folder / "control"
    assert control.stat().st_mode & 0o777 == 0o660
    assert control.stat().st_gid == GROUP
    with Talk(server.port("mx")) as t:
        t.hello()
        name = message_id(t.mail(b"Subject: mine\r\n\r\n"))
    assert wait_for(lambda: "delivered" in server.command(
        "trace", name, check=False), 10)
    looks = (["queue", "list"], ["status"], ["trace", name])
    changes = (["queue", "retry", name], ["queue", "delete", name], ["stop"])
    for words in (*looks, *changes):
        done = run_as(STRANGER, *command, *words)
        assert done.returncode != 0 and not done.stdout, (words, done)
        assert "may not" in done.stderr or "denied" in done.stderr, done
    for words in looks:
        done = run_as(GROUP, *command, *words)
        assert done.returncode == 0, (words, done)
    for words in changes:
        done = run_as(GROUP, *command, *words)
        assert done.returncode != 0 and "may not" in done.stderr, (words, done)
    assert server.is_ready()


@pytest.mark.shows("PRV-4")
@pytest.mark.timeout(240)
@pytest.mark.parametrize("name,kind,group", [
    ("submission", "stream", STRANGER), ("control", "seqpacket", GROUP)])
def test_junk_on_a_local_socket(open_server, name, kind, group):
    """10,000 connections of junk that hang up in the middle: no process
    ends, and who comes next is served."""
    server = open_server
    before = server.roles()
    done = run_as(group, PYTHON, "-c", FUZZ, server.folder / name, kind,
                  str(CONNECTIONS), "7", seconds=200)
    assert done.returncode == 0, done
    assert done.stdout.startswith("done"), done
    assert int(done.stdout.split()[2]) < CONNECTIONS / 2, done.stdout
    assert server.roles() == before, server.log_tail()
    assert wait_for(server.is_ready, 20), server.log_tail()
    assert server.rows("status")
    done = run_as(STRANGER, server.folder.parent / "bin" / "posthorse", "-c",
                  server.conf, "send", "user@example.org",
                  stdin="Subject: after\n\n")
    assert done.returncode == 0, done
    assert server.wait_messages(1), server.log_tail()


@pytest.mark.shows("PRV-4", "ADM-1")
def test_who_looks_keeps_nobody_out(open_server):
    """As many connections as there may be, held: the owner is let in."""
    server = open_server
    hold = ("import socket, sys, time\n"
            "held = []\n"
            "for _ in range(200):\n"
            "    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
            "    s.connect(sys.argv[1])\n"
            "    held.append(s)\n"
            "print('held', flush=True)\n"
            "sys.stdin.read()\n")
    holder = subprocess.Popen(
        ["setpriv", f"--reuid={STRANGER}", f"--regid={GROUP}",
         "--clear-groups", PYTHON, "-c", hold, server.folder / "control"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/")
    try:
        assert holder.stdout.readline() == b"held\n"
        for _ in range(5):
            assert server.rows("status")
    finally:
        holder.stdin.close()
        holder.wait(20)
