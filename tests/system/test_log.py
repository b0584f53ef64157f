"""Where log lines go: a file that is moved away, the system's logger."""
import os
import re
import signal
import socket
import stat

import pytest

from server import FIRST_ID, IS_ROOT, USERS, wait_for
from talk import Talk, message_id


def accepted(server):
    """One message taken; its id."""
    with Talk(server.port("mx")) as t:
        t.hello()
        return message_id(t.mail(b"Subject: log\r\n\r\n"))


def taken_until(server, is_told):
    """The change reaches admin in its own time: messages until one is told."""
    def once():
        name = accepted(server)
        return wait_for(lambda: is_told(name), 1)

    return wait_for(once)


@pytest.mark.ordinary
def test_file_is_reopened(make_server, tmp_path):
    """SIGHUP: what was moved away stays as it is, a new file takes over."""
    server = make_server(change=lambda text: text +
                         f"log to file {tmp_path}/lines\n").start()
    file = tmp_path / "lines"
    old = file.with_name("lines.1")
    first = accepted(server)
    assert wait_for(lambda: first in file.read_text())
    mode = stat.S_IMODE(file.stat().st_mode)
    assert mode & 0o007 == 0, oct(mode)
    file.rename(old)
    server.process.send_signal(signal.SIGHUP)
    assert wait_for(file.exists)
    assert taken_until(server, lambda name: name in file.read_text())
    size = old.stat().st_size
    last = accepted(server)
    assert wait_for(lambda: last in file.read_text())
    assert old.stat().st_size == size
    if IS_ROOT:
        assert file.stat().st_uid == FIRST_ID + USERS.index("admin")


def test_file_behind_a_closed_door(make_server, tmp_path):
    """SIGHUP where the way to the log's folder is closed to admin and to root
    without its rights."""
    door, folder = tmp_path / "door", tmp_path / "door" / "log"
    folder.mkdir(parents=True)
    number = FIRST_ID + USERS.index("admin")
    os.chown(folder, number, number)
    os.chown(door, FIRST_ID + 500, FIRST_ID + 500)
    door.chmod(0o700)
    server = make_server(change=lambda text: text +
                         f"log to file {folder}/lines\n").start()
    file = folder / "lines"
    file.rename(folder / "lines.1")
    server.process.send_signal(signal.SIGHUP)
    assert wait_for(file.exists), server.log_tail()
    assert taken_until(server, lambda name: name in file.read_text())
    assert file.stat().st_uid == number


def lines_of(logger):
    found = []
    while True:
        try:
            found.append(logger.recv(8192).decode())
        except BlockingIOError:
            return found


def listen(path):
    path.unlink(missing_ok=True)
    logger = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    logger.bind(str(path))
    os.chmod(path, 0o666)
    logger.setblocking(False)
    return logger


@pytest.mark.ordinary
def test_system_logger(make_server, tmp_path):
    """A datagram a line; a logger that comes back is found with SIGHUP."""
    path = tmp_path / "devlog"
    logger = listen(path)
    server = make_server(change=lambda text: text +
                         f"log to syslog {path}\n").start()
    told = []

    def is_told(name):
        told.extend(lines_of(logger))
        return any(name in line for line in told)

    first = accepted(server)
    assert wait_for(lambda: is_told(first))
    for line in told:
        assert re.match(r"<(18|20|22|23)>posthorse: [a-z]+/[0-9]+ ", line), line
        assert "\n" not in line
    logger.close()
    lost = accepted(server)
    logger = listen(path)
    server.process.send_signal(signal.SIGHUP)
    assert taken_until(server, is_told), told
    assert "delivered to" in server.command("trace", lost)
    logger.close()


def test_no_system_logger(make_server, tmp_path):
    """One clear sentence, and no start."""
    server = make_server(change=lambda text: text +
                         f"log to syslog {tmp_path}/nobody\n")
    server.start(wait=False)
    assert server.process.wait(10) != 0
    assert "no system logger answers at" in server.log_tail()
