"""The example of the README, as it is written: its ports, its paths, its users."""
import pathlib
import re
import subprocess

import pytest

from server import BUILD, TOP

PYTHON = "/usr/bin/python3"

# In namespaces of its own, so /etc and the ports below 1024 are ours.
INSIDE = r'''
import fcntl, os, pathlib, socket, struct, subprocess, sys, time
program, work, tests = map(pathlib.Path, sys.argv[1:4])
sys.path.insert(0, str(tests))
from talk import Talk
def run(*words, **how):
    return subprocess.run(words, check=True, **how)
with socket.socket() as s:
    name = struct.pack("16sH", b"lo", 0)
    flags = struct.unpack("16sH", fcntl.ioctl(s, 0x8913, name))[1]
    fcntl.ioctl(s, 0x8914, struct.pack("16sH", b"lo", flags | 1))
os.chdir("/")
for path in ("/var/mail", "/run", "/var/spool", "/var/lib"):
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", path)
# As Debian has it: root's, and its group's.
os.chown("/var/mail", 0, 8)
os.chmod("/var/mail", 0o2775)
etc = work / "etc"
run("cp", "-a", "/etc", etc)
run("mount", "--bind", etc, "/etc")
folder = pathlib.Path("/run/config")
folder.mkdir()
conf = folder / "posthorse.conf"
conf.write_text((work / "example").read_text())
run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
    "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=mx.example.org",
    "-keyout", "/etc/ssl/mx.key", "-out", "/etc/ssl/mx.pem",
    capture_output=True)
# Without its users it says the line that makes them, and that line does.
said = subprocess.run([program, "-c", conf, "serve"], capture_output=True,
                      text=True, timeout=20)
assert said.returncode != 0, said
line = [l for l in said.stderr.splitlines() if "useradd" in l][0]
run("sh", "-c", line, stdout=subprocess.DEVNULL)
run(program, "-c", conf, "user", "add", "ann@example.org", input=b"word of hers\n",
    stdout=subprocess.DEVNULL)
run("chown", "ph-lookup:ph-lookup", folder / "users")
server = subprocess.Popen([program, "-c", conf, "serve"])
try:
    end = time.monotonic() + 20
    while True:
        try:
            with Talk(25) as t:
                t.hello()
                t.mail(b"Subject: as written\r\n\r\n", to="ann@example.org")
            break
        except OSError:
            assert time.monotonic() < end and server.poll() is None
            time.sleep(0.1)
    with Talk(587) as t:
        assert "STARTTLS" in t.hello()
        assert t.ask("MAIL FROM:<a@example.net>")[0] == 530
    new = pathlib.Path("/var/mail/example.org/ann/new")
    while not (new.is_dir() and list(new.iterdir())):
        assert time.monotonic() < end
        time.sleep(0.1)
finally:
    server.terminate()
    assert server.wait(35) == 0
print("as written")
'''


def example():
    """The block of the README that shows a configuration of one's own."""
    text = (TOP / "README.md").read_text()
    block = re.search(r"\n\n((?:    hostname mx\.example\.org\n)(?:    .*\n)+)",
                      text)
    assert block, "no example in README.md"
    return "".join(row[4:] + "\n" for row in block[1].splitlines())


def test_readme_and_architecture_show_the_same():
    """One example, told twice."""
    text = (TOP / "doc" / "design" / "architecture.md").read_text()
    assert all(row.strip() in text for row in example().splitlines())


@pytest.mark.timeout(300)
def test_example_as_written(tmp_path):
    (tmp_path / "example").write_text(example())
    done = subprocess.run(
        ["unshare", "--mount", "--net", PYTHON, "-c", INSIDE,
         BUILD / "src" / "posthorse", tmp_path,
         pathlib.Path(__file__).parent],
        capture_output=True, text=True, timeout=100)
    assert done.returncode == 0 and "as written" in done.stdout, \
        done.stdout + done.stderr
