"""Section 19: room on the disk, and how much of a message a bounce carries."""
import email
import os
import pathlib
import re
import subprocess
import time

import pytest

from cost import Cost
from server import FIRST_ID, USERS, free_port, wait_for
from talk import Talk, stuff
from test_limits import GOOD, limited
from test_relay import send

MIB = 1 << 20


def returned(server, count):
    """The newest of so many bounces; its third part."""
    found = server.wait_messages(count, seconds=20)
    assert len(found) == count, server.log_tail()
    raw = found[-1].read_bytes()
    return raw, email.message_from_bytes(raw).get_payload()[2]


def header_of(octets, last):
    """Fields of exactly so many octets in all; the last one is `last`."""
    left, fields = octets - len(last), []
    while left > 0:
        n = left if left < 1000 else 500
        fields.append(b"X-F: " + b"y" * (n - 7) + b"\r\n")
        left -= n
    return b"".join(fields) + last


@pytest.mark.shows("RLY-4")
@pytest.mark.parametrize("size,is_whole", [(2000, True), (2001, False),
                                           (200000, False)])
def test_copy_in_a_bounce(make_server, size, is_whole):
    """The header is returned, whole lines of it, so many octets at most."""
    server = limited(make_server, "limit bounce-copy 2000\nretry first 1s\n"
                     "retry cap 1s\nretry lifetime 1s\n"
                     f"relay via smtp://127.0.0.1:{free_port()}")
    body = b"\r\nBODY-MARK\r\n"
    probe = b"Subject: original\r\nX-Mark: header\r\n"
    send(server, "probe@example.com", probe + body)
    _, part = returned(server, 1)
    # What lies in the spool is returned, with our Received field in front.
    copied = part.get_payload().rstrip("\n").replace("\n", "\r\n") + "\r\n"
    added = len(copied) - len(probe)
    assert added > 0, copied
    send(server, "there@example.com",
         header_of(size - added, b"X-Last: one\r\n") + body)
    raw, part = returned(server, 2)
    assert part.get_content_type() == "text/rfc822-headers"
    assert b"BODY-MARK" not in raw and b"X-F: y" in raw
    assert (b"X-Last: one" in raw) == is_whole
    assert len(raw) < 2000 + 3000


class Disk:
    """A file system of a size, as the spool of a server not yet started."""

    def __init__(self, server, size):
        self.server, self.filler = server, server.spool / ".filler"
        number = FIRST_ID + USERS.index("queue")
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o",
             f"size={size},uid={number},gid={number},mode=700", "tmpfs",
             server.spool], capture_output=True)
        if done.returncode != 0:
            pytest.skip("no file system can be mounted here")

    def free(self):
        v = os.statvfs(self.server.spool)
        return v.f_bavail * v.f_frsize

    def leave(self, octets):
        """Fill it up to so much."""
        if self.filler.exists():
            self.filler.unlink()
        with open(self.filler, "wb") as f:
            os.posix_fallocate(f.fileno(), 0, self.free() - octets)

    def end(self):
        self.server.end()
        subprocess.run(["umount", "-l", self.server.spool])


def mail_code(server):
    with Talk(server.port("mx")) as t:
        t.hello()
        return t.ask("MAIL FROM:<s@example.net>")


@pytest.mark.shows("SPL-9")
@pytest.mark.timeout(300)
def test_room_on_the_disk(make_server):
    """
    200 MiB: below 40 % no new mail, below a quarter (where 2 GiB are more
    than that) none at all; the reserve is there while there is room.
    """
    server = make_server(change=lambda text: text.replace(
        "limit disk-refuse-new 0%", "limit disk-refuse-new 40%").replace(
        "limit disk-refuse-all 0%", "limit disk-refuse-all 5%"))
    disk = Disk(server, "200m")
    try:
        server.start()
        assert (server.spool / "reserve").stat().st_size == 64 * MIB
        disk.leave(84 * MIB)		# above 80 MiB: all is well
        time.sleep(6)			# the queue looks every five seconds
        assert mail_code(server)[0] == 250
        with Talk(server.port("mx")) as late, Talk(server.port("mx")) as t:
            for one in (late, t):
                one.hello()
                one.ask("MAIL FROM:<s@example.net>", 250)
                one.ask("RCPT TO:<user@example.org>", 250)
            disk.leave(70 * MIB)	# no new mail
            assert wait_for(lambda: mail_code(server) ==
                            (452, "4.3.1 No space for mail now"), 20)
            assert t.content(GOOD)[0] == 250, "it was begun before"
            assert t.ask("MAIL FROM:<s@example.net>")[0] == 452
            t.ask("NOOP", 250)		# in step
            late.ask("DATA", 354)
            disk.leave(40 * MIB)	# none at all
            assert wait_for(lambda: "too little room" in
                            server.log.read_text(errors="replace"), 10)
            time.sleep(6)
            late.raw(stuff(GOOD) + b".\r\n")
            assert late.reply() == (452, "4.3.1 No space for mail now")
            late.ask("NOOP", 250)
            with Cost(server, "receiver", "queue") as cost:
                for _ in range(500):
                    assert late.ask("MAIL FROM:<s@example.net>")[0] == 452
            cost.check(4096, 5.0)
        disk.filler.unlink()		# well again, by itself
        assert wait_for(lambda: mail_code(server)[0] == 250, 20)
        assert server.wait_messages(1)
    finally:
        disk.end()


class Group:
    """A control group of our own with a bound on memory, of either version."""

    def __init__(self, name, limit):
        root = pathlib.Path("/sys/fs/cgroup")
        self.is_one = (root / "memory").is_dir()
        self.path = (root / "memory" if self.is_one else root) / name
        try:
            self.path.mkdir()
            (self.path / ("memory.limit_in_bytes" if self.is_one
                          else "memory.max")).write_text(str(limit))
        except OSError:
            pytest.skip("no control group with a bound can be made here")

    def enter(self):
        (self.path / "cgroup.procs").write_text(str(os.getpid()))

    def used(self):
        name = "total_rss" if self.is_one else "anon"
        return int(re.search(rf"^{name} (\d+)", (
            self.path / "memory.stat").read_text(), re.M)[1])

    def end(self):
        def is_gone():
            try:
                self.path.rmdir()
                return True
            except OSError:
                return False

        assert wait_for(is_gone, 10)


class Hog:
    """A process of the group that holds so much."""

    def __init__(self, group, octets):
        self.process = subprocess.Popen(
            ["/usr/bin/python3", "-c", f"x = b'x' * {octets}\n"
             "print('held', flush=True)\nimport sys\nsys.stdin.read()"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            preexec_fn=group.enter)
        assert self.process.stdout.readline() == b"held\n"

    def end(self):
        self.process.kill()
        self.process.wait()


def greeting(server, name):
    with Talk(server.port(name)) as t:
        return t.greeting[0]


@pytest.mark.shows("OPS-1")
@pytest.mark.timeout(300)
def test_memory(make_server):
    """
    Below 75 % all are let in; above it strangers are not; above 90 % nobody
    is, and MAIL is put off; with room again everything is as before.
    """
    limit = 400 * MIB
    group = Group(f"posthorse-test-{os.getpid()}", limit)
    hogs = []
    try:
        server = make_server(extra="limit idle-full 60s\n",
                             preexec=group.enter).start()
        with Talk(server.port("mx")) as t:
            t.hello()
            hogs.append(Hog(group, limit * 70 // 100 - group.used()))
            time.sleep(6)		# the queue looks every five seconds
            assert greeting(server, "mx") == 220
            hogs.append(Hog(group, limit * 78 // 100 - group.used()))
            assert wait_for(lambda: greeting(server, "mx") == 421, 20), \
                server.log_tail()
            assert greeting(server, "submission") == 220
            assert greeting(server, "relay") == 220
            t.mail(GOOD)		# who is here goes on
            hogs.append(Hog(group, limit * 92 // 100 - group.used()))
            assert wait_for(lambda: greeting(server, "relay") == 421, 20)
            assert t.ask("MAIL FROM:<s@example.net>") == (
                452, "4.3.1 No space for mail now")
            for hog in hogs:
                hog.end()
            assert wait_for(lambda: greeting(server, "mx") == 220, 20)
            t.mail(GOOD)
            assert server.wait_messages(2)
    finally:
        for hog in hogs:
            hog.end()
        server.end()
        group.end()
