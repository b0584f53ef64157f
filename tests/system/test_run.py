"""tools/run as a newcomer meets it."""
import os
import re
import shutil
import signal
import socket
import subprocess

import pytest

from server import TOP, wait_for

PORTS = (2525, 2587, 2465)
pytestmark = pytest.mark.timeout(300)


def is_free(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@pytest.fixture
def turn():
    """Its ports are fixed: root's tests and an ordinary user's take turns."""
    with socket.socket(socket.AF_UNIX) as s:
        def is_ours():
            try:
                s.bind("\0posthorse-test-run")
                return True
            except OSError:
                return False
        assert wait_for(is_ours, 150, 0.2), "others do not end"
        yield


@pytest.fixture
def checkout(tmp_path, turn):
    """The programs of this build under another top, so that ./run is new."""
    if not all(is_free(p) for p in PORTS):
        pytest.skip("something listens on 2525, 2587 or 2465")
    top = tmp_path / "checkout"
    shutil.copytree(TOP / "tools", top / "tools")
    for name in ("meson.build", "meson_options.txt"):
        shutil.copy(TOP / name, top / name)
    for name in ("src", "tests", "doc"):
        (top / name).symlink_to(TOP / name)
    (top / "build").symlink_to(TOP / "build")
    yield top
    # Of a test that failed, what it started is ended all the same.
    pid = top / "run" / "pid"
    if pid.exists() and pid.read_text().strip().isdigit():
        try:
            os.kill(int(pid.read_text()), signal.SIGTERM)
        except ProcessLookupError:
            pass
        wait_for(lambda: not pid.exists(), 35)


class Run:
    def __init__(self, top):
        self.out = top / "out"
        with open(self.out, "wb") as out:
            self.process = subprocess.Popen(
                [top / "tools" / "run"], stdout=out, stderr=subprocess.STDOUT,
                cwd=top, stdin=subprocess.DEVNULL, start_new_session=True)

    def text(self):
        return self.out.read_text(errors="replace")

    def interrupt(self):
        """Ctrl-C: the terminal tells the whole group."""
        os.killpg(self.process.pid, signal.SIGINT)
        return self.process.wait(35)


def first_line_to_paste(text):
    lines = [row.strip() for row in text.splitlines()
             if re.match(r"\s*(printf|curl|swaks) ", row)]
    assert lines, text
    return lines[0]


@pytest.mark.shows("OPS-4")
def test_first_use(checkout):
    """Start, paste the line, read the mail, start twice, Ctrl-C, again."""
    run = Run(checkout)
    try:
        assert wait_for(lambda: not is_free(2525) and "password" in run.text(),
                        90), run.text()
        line = first_line_to_paste(run.text())
        done = subprocess.run(line, shell=True, cwd=checkout, timeout=60,
                              capture_output=True, text=True)
        assert done.returncode == 0, line + done.stdout + done.stderr
        where = re.search(r"(\S*run/mail\S*)", run.text())[1]
        folder = checkout / where.rstrip("/").rstrip(".,")
        assert wait_for(lambda: [p for p in folder.rglob("*")
                                 if p.is_file() and p.parent.name == "new"],
                        15), run.text()
        again = subprocess.run([checkout / "tools" / "run"], cwd=checkout,
                               capture_output=True, text=True, timeout=60,
                               stdin=subprocess.DEVNULL)
        said = again.stdout + again.stderr
        assert again.returncode != 0
        assert "already runs" in said and len(said.splitlines()) == 1, said
        assert run.interrupt() == 0, run.text()
    finally:
        if run.process.poll() is None:
            run.interrupt()
    assert all(wait_for(lambda: is_free(p), 10) for p in PORTS)
    # The same password and mailbox at the next start.
    run = Run(checkout)
    try:
        assert wait_for(lambda: not is_free(2525) and "password" in run.text(),
                        60), run.text()
        assert first_line_to_paste(run.text()) == line
    finally:
        assert run.interrupt() == 0


@pytest.mark.shows()
def test_start_while_it_builds(checkout, monkeypatch):
    """One sentence, and Ctrl-C leaves no build behind."""
    tools = checkout / "slow"
    tools.mkdir()
    (tools / "ninja").write_text("#!/bin/sh\necho $$ >slow/pid\n"
                                 "exec sleep 60\n")
    (tools / "ninja").chmod(0o755)
    monkeypatch.setenv("PATH", str(tools), prepend=os.pathsep)
    run = Run(checkout)
    try:
        assert wait_for((tools / "pid").exists, 30), run.text()
        again = subprocess.run([checkout / "tools" / "run"], cwd=checkout,
                               capture_output=True, text=True, timeout=60,
                               stdin=subprocess.DEVNULL)
        said = again.stdout + again.stderr
        assert again.returncode != 0
        assert "already runs" in said and len(said.splitlines()) == 1, said
    finally:
        assert run.interrupt() != 0
    pid = (tools / "pid").read_text().strip()
    assert wait_for(lambda: not os.path.exists(f"/proc/{pid}"), 10)
    assert not (checkout / "run" / "pid").exists()


@pytest.mark.shows()
def test_port_taken(checkout):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", 2587))
        s.listen()
        done = subprocess.run([checkout / "tools" / "run"], cwd=checkout,
                              capture_output=True, text=True, timeout=90,
                              stdin=subprocess.DEVNULL)
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert "2587" in said and len(said.splitlines()) == 1, said
