"""One posthorse of our own for a test: configured, started, watched, ended."""
import functools
import itertools
import json
import os
import pathlib
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time

from talk import Reply, Talk

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("POSTHORSE_BUILD", TOP / "build"))
VECTORS = TOP.parent / "shared" / "vectors"
LONG = "POSTHORSE_LONG" in os.environ
IS_ROOT = os.geteuid() == 0
PASSWORD = "correct horse 17"
FIRST_ID = 61000	# as root each role gets a number of its own from here on
USERS = ("smtp", "lookup", "dns", "queue", "send", "mail", "admin",
         "keys", "state", "backend")

CONFIG = """\
hostname mx.example.org
spool {folder}/spool
segment-size 1M
receivers 2
control socket {folder}/control
submission socket {folder}/submission
history directory {folder}/history
state directory {folder}/state
log level debug
limit sessions-per-address 5000
limit connections-per-minute 100000
limit handshakes-per-minute 100000
limit mails 1000000
limit disk-refuse-new 0%
limit disk-refuse-all 0%
allow private targets
tls certificate {folder}/cert.pem key {folder}/key.pem
listen mx on 127.0.0.1:{mx}
listen submission on 127.0.0.1:{submission}
listen submission on 127.0.0.1:{submissions} tls implicit
listen relay on 127.0.0.1:{relay} from 127.0.0.0/8
domain example.org {{
	users file {folder}/users
	deliver maildir {folder}/mail/{{user}}
}}
"""


def figure(name, value, unit):
    """A measured number for tools/test to collect, past pytest's capture."""
    print(f"\nFIGURE {name} {value} {unit}", file=sys.__stdout__, flush=True)


# Below what the kernel gives to clients.  Each lane of tools/test has its own;
# another run begins elsewhere.
if "POSTHORSE_LANE" in os.environ:
    FIRST_PORT = 10000 + 2200 * (int(os.environ["POSTHORSE_LANE"]) % 10)
    NEXT_PORT = itertools.cycle(range(FIRST_PORT, FIRST_PORT + 2200))
else:
    NEXT_PORT = itertools.cycle(range(10000, 32000))
    for _ in range(os.getpid() * 997 % 22000):
        next(NEXT_PORT)


def free_port(kind=socket.SOCK_STREAM, host="127.0.0.1"):
    """One that nobody has now, and that we have not had for long."""
    while True:
        port = next(NEXT_PORT)
        with socket.socket(type=kind) as s:
            try:
                s.bind((host, port))
                return port
            except OSError:
                pass


# The users file of the first server that this process made.
KNOWN = []


@functools.cache
def own_certificate():
    """A key and its certificate, made once a process."""
    with tempfile.TemporaryDirectory() as folder:
        key, certificate = (pathlib.Path(folder, name) for name in
                            ("key.pem", "cert.pem"))
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
             "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
             "/CN=mx.example.org", "-addext",
             "subjectAltName=DNS:mx.example.org,DNS:localhost,IP:127.0.0.1",
             "-keyout", key, "-out", certificate],
            check=True, capture_output=True)
        return key.read_bytes(), certificate.read_bytes()


def wait_for(what, seconds=10.0, step=0.02):
    """The first true value that what() gives, or the last false one."""
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value or time.monotonic() > end:
            return value
        time.sleep(step)


def children(pid):
    """Processes below pid, whoever reads /proc."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            stat = pathlib.Path("/proc", entry, "stat").read_text()
        except OSError:
            continue
        after = stat.rpartition(")")[2].split()
        if int(after[1]) == pid and after[0] != "Z":
            found.append(int(entry))
    return sorted(found)


def is_still(pid):
    """Do all threads of a process stand still?"""
    threads = pathlib.Path("/proc", str(pid), "task")
    return all((t / "stat").read_text().rpartition(")")[2].split()[0] == "T"
               for t in threads.iterdir())


def stop_still(pid):
    """
    SIGSTOP, and what it asks for: on a busy machine other threads run on
    until one has taken the signal.
    """
    os.kill(pid, signal.SIGSTOP)
    assert wait_for(lambda: is_still(pid), 10, 0.005)


def role_of(pid):
    try:
        words = pathlib.Path("/proc", str(pid), "cmdline").read_bytes()
        comm = pathlib.Path("/proc", str(pid), "comm").read_text().strip()
    except OSError:
        return ""
    name = words.split(b"\0")[0].decode(errors="replace").rpartition("/")[2]
    return (name or comm).removeprefix("posthorse-")


class Server:
    """
    change: text -> text, applied to the configuration before the start.
    files: how many descriptors each of its processes may have.
    preexec: called in the process that becomes the server.
    """

    def __init__(self, folder, change=None, extra="", build=None, env=None,
                 files=None, preexec=None):
        self.folder = pathlib.Path(folder)
        self.build = pathlib.Path(build or BUILD)
        self.program = self.build / "src" / "posthorse"
        self.ports = {name: free_port() for name in
                      ("mx", "submission", "submissions", "relay")}
        self.spool = self.folder / "spool"
        self.mail = self.folder / "mail"
        self.log = self.folder / "log"
        self.conf = self.folder / "posthorse.conf"
        self.env = dict(os.environ, **(env or {}))
        self.files = files
        self.preexec = preexec
        self.process = None
        self._prepare()
        text = CONFIG.format(folder=self.folder, **self.ports) + extra
        if IS_ROOT:
            text += "".join(f"user {u} {FIRST_ID + i}\n"
                            for i, u in enumerate(USERS))
        text = change(text) if change else text
        self.conf.write_text(text)
        self._know_users(text)

    def _prepare(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        key, certificate = own_certificate()
        (self.folder / "key.pem").touch(0o600)
        (self.folder / "key.pem").write_bytes(key)
        (self.folder / "cert.pem").write_bytes(certificate)
        for name, owner in (("spool", "queue"), ("mail", "mail"),
                            ("history", "admin"), ("state", "state")):
            path = self.folder / name
            path.mkdir(mode=0o700, exist_ok=True)
            if IS_ROOT:
                number = FIRST_ID + USERS.index(owner)
                os.chown(path, number, number)

    def port(self, name):
        return self.ports[name]

    def command(self, *words, stdin=None, check=True, timeout=30):
        """What `posthorse WORDS` prints to standard output."""
        done = subprocess.run([self.program, "-c", self.conf, *words],
                              input=stdin, capture_output=True, text=True,
                              timeout=timeout, env=self.env)
        if check and done.returncode != 0:
            raise AssertionError(f"{words}: {done.returncode}\n"
                                 f"{done.stdout}{done.stderr}")
        return done.stdout

    def rows(self, *words):
        """The JSON objects, one a line, of a command."""
        return [json.loads(line) for line in
                self.command("--json", *words).splitlines() if line]

    def _know_users(self, text):
        """The two that all have: hashed once, for a hash is dear on purpose."""
        file = self.folder / "users"
        if file.exists():
            return
        if not KNOWN or f"users file {file}\n" not in text:
            for name in ("user", "other"):
                self.add_user(name)
            if file.exists() and not KNOWN:
                KNOWN.append(file.read_bytes())
            return
        file.touch(0o600)
        file.write_bytes(KNOWN[0])
        self._own_users()

    def _own_users(self):
        if IS_ROOT:
            number = FIRST_ID + USERS.index("lookup")
            os.chown(self.folder / "users", number, number)

    def add_user(self, name, password=PASSWORD):
        """With the password of all, by a secret that was hashed already."""
        file = self.folder / "users"
        known = file.exists() and re.search(r"^user:(.*)$", file.read_text(),
                                            re.M)
        if known and password == PASSWORD:
            with open(file, "a") as users:
                users.write(f"{name}:{known[1]}\n")
            self._own_users()
            return
        self.command("user", "add", f"{name}@example.org",
                     stdin=password + "\n")
        self._own_users()

    def start(self, wait=True):
        out = open(self.log, "ab")
        self.process = subprocess.Popen(
            [self.program, "-c", self.conf, "serve"], stdin=subprocess.DEVNULL,
            stdout=out, stderr=subprocess.STDOUT, env=self.env,
            start_new_session=True, preexec_fn=self._limit)
        out.close()
        if wait and not wait_for(self.is_ready, 20):
            raise AssertionError("not ready after 20 s:\n" + self.log_tail())
        return self

    def _limit(self):
        if self.preexec is not None:
            self.preexec()
        if self.files is not None:
            resource.setrlimit(resource.RLIMIT_NOFILE,
                               (self.files, self.files))

    def is_ready(self):
        """Each receiver takes a message, for a mailbox no test looks at."""
        if self.process.poll() is not None:
            raise AssertionError(f"ended with {self.process.returncode}:\n"
                                 + self.log_tail())
        try:
            # The kernel picks the receiver: five tries meet both of them.
            for _ in range(5):
                with Talk(self.ports["mx"], timeout=5) as t:
                    t.hello()
                    t.mail(b"Subject: probe\r\n\r\n",
                           to="other@example.org")
            return True
        except (OSError, Reply):
            return False

    def log_tail(self, lines=40):
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def stop(self, how=signal.SIGTERM, seconds=35):
        """Ends it; the exit status."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.end()
                raise AssertionError(f"did not stop in {seconds} s:\n"
                                     + self.log_tail()) from None
        status, self.process = self.process.returncode, None
        return status

    def end(self):
        """Whatever happened: no process of this server is left."""
        if self.process is None:
            return
        pids = children(self.process.pid)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process = None

    def restart(self):
        self.stop()
        return self.start()

    def crash(self):
        """kill -9 to all of it at once."""
        for pid in [self.process.pid] + children(self.process.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait()
        self.process = None

    def roles(self):
        """Role name -> pids, as they run now."""
        found = {}
        for pid in children(self.process.pid):
            found.setdefault(role_of(pid), []).append(pid)
        return found

    def kill_role(self, name, how=signal.SIGKILL):
        """Send a signal to the first process of a role; its pid, or None."""
        for pid in self.roles().get(name, [])[:1]:
            if how == signal.SIGSTOP:
                stop_still(pid)
            else:
                os.kill(pid, how)
            return pid
        return None

    def maildir(self, user):
        return self.mail / user

    def messages(self, user="user"):
        """Files in new/, oldest first."""
        folder = self.maildir(user) / "new"
        if not folder.is_dir():
            return []
        return sorted(folder.iterdir(), key=lambda p: p.stat().st_mtime_ns)

    def wait_messages(self, count, user="user", seconds=10):
        wait_for(lambda: len(self.messages(user)) >= count, seconds)
        return self.messages(user)
