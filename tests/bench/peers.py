"""The servers that are measured, and what they use: `run` has them in turn."""
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = TOP / "build"
LOAD, SINK = (BUILD / "tests/bench" / f"bench-{n}" for n in ("load", "sink"))
sys.path.insert(0, str(TOP / "tests/system"))

SITES = 20      # destinations of slow-relay, each an address of its own


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_port(port, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as s:
                s.settimeout(2)
                if s.recv(3) == b"220":
                    return
        except OSError:
            pass
        time.sleep(0.05)
    raise RuntimeError(f"nothing greets at port {port}")


def cpu_of(pid):
    """Seconds so far, with children that ended; of who has gone: none."""
    try:
        after = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    ticks = sum(map(int, after.rpartition(")")[2].split()[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


class Group:
    """A control group: who is in it, and what they used."""

    mounts = [line.split()[1] for line in open("/proc/mounts")
              if line.split()[2] == "cgroup2"]

    def __init__(self, name):
        self.path = None
        if self.mounts and os.geteuid() == 0:
            self.path = pathlib.Path(self.mounts[0],
                                     f"posthorse-bench-{name}-{os.getpid()}")
            self.path.mkdir(exist_ok=True)

    def enter(self):
        """In the child, before exec."""
        if self.path:
            (self.path / "cgroup.procs").write_text(str(os.getpid()))

    def pids(self, root):
        if self.path:
            return [int(p) for p in
                    (self.path / "cgroup.procs").read_text().split()]
        found, todo = [], [root]
        while todo:
            pid = todo.pop()
            found.append(pid)
            try:
                todo += [int(p) for t in pathlib.Path(
                    f"/proc/{pid}/task").iterdir()
                    for p in (t / "children").read_text().split()]
            except OSError:
                pass
        return found

    def cpu(self, root):
        """Seconds so far."""
        if self.path:
            text = (self.path / "cpu.stat").read_text()
            return int(re.search(r"usage_usec (\d+)", text)[1]) / 1e6
        return sum(cpu_of(pid) for pid in self.pids(root))

    def pss_kib(self, root):
        total = 0
        for pid in self.pids(root):
            try:
                text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
            except OSError:
                continue
            m = re.search(r"^Pss:\s+(\d+)", text, re.M)
            total += int(m[1]) if m else 0
        return total

    def close(self):
        if self.path:
            for _ in range(100):
                try:
                    self.path.rmdir()
                    return
                except OSError:
                    time.sleep(0.1)


def site_address(i):
    return f"127.0.1.{i + 1}"


class Peer:
    """A server under measurement; mode: what `run` says of each work."""

    def __init__(self, name, folder, mode, sink_port):
        self.name, self.mode, self.sink_port = name, mode, sink_port
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        self.port = free_port()
        self.group = Group(name)
        self.process = None

    def spawn(self, *words, **how):
        self.process = subprocess.Popen(
            [str(w) for w in words], preexec_fn=self.group.enter,
            stdout=open(self.folder / "out", "wb"), stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, **how)

    def cpu(self):
        return self.group.cpu(self.process.pid)

    def pss_kib(self):
        return self.group.pss_kib(self.process.pid)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.group.close()


class Ceiling(Peer):
    def start(self):
        words = ["-f", self.folder / "log"] if self.name == "log" else []
        self.spawn(SINK, *words, self.port)
        wait_port(self.port, 60)


# Of one address, as a load is: what else bounds it is left as it is.
UNBOUND = """\
limit sessions-per-address 20000
limit sessions-per-network 20000
limit connections-per-minute 1000000
limit handshakes-per-minute 1000000
"""
UNCOUNTED = "limit user-messages 0\nlimit user-recipients 0\n"
# As many idle sessions as there are places, and nobody hurried.
CROWD = "limit sessions 20000\nlimit idle-busy 5m\nlimit idle-full 5m\n"
SUBMISSION = "listen submission on 127.0.0.1:{port}\n"
PLACES = 200    # of a server that is pressed
USER, SECRET = "user0@example.org", "secret"


def make_certificate(folder):
    """P-256, self-signed: cert.pem and key.pem."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
         "/CN=mx.example.net", "-addext", "subjectAltName=DNS:mx.example.net",
         "-keyout", folder / "key.pem", "-out", folder / "cert.pem"],
        check=True, capture_output=True)
    return folder / "cert.pem", folder / "key.pem"


class Posthorse(Peer):
    build = BUILD
    # Of each mode, behind what all have.
    MORE = {
        # As many connections to one site as Postfix is given.
        "wide": "limit concurrency 100\nlimit concurrency-start 20\n",
        "crowd": CROWD,
        "secure": SUBMISSION + UNBOUND + UNCOUNTED + "hold deliveries yes\n",
        "secure-crowd": SUBMISSION + UNBOUND + CROWD,
        "mx": "listen mx on 127.0.0.1:{port}\n" + UNBOUND
            + "hold deliveries yes\n",
        "pressed": "listen mx on 127.0.0.1:{port}\n"
            "listen submission on 127.0.0.1:{users_port}\n"
            + UNBOUND + UNCOUNTED + f"limit sessions {PLACES}\n",
    }
    # A domain of our own, with a hundred users in it.
    HOME = ("maildir", "secure", "secure-crowd", "mx", "pressed")

    def settings(self):
        f, mode = self.folder, self.mode
        # Held: the only way out is a port where nobody listens.
        out = free_port() if mode in ("intake", "crowd") else self.sink_port
        text = (f"hostname mx.example.net\nspool {f}/spool\n"
                f"control socket {f}/control\n"
                f"submission socket {f}/submission\n"
                f"history directory {f}/history\nlog to file {f}/log\n"
                f"relay via smtp://127.0.0.1:{out}\n")
        more = self.MORE.get(mode, "")
        if "listen" not in more:
            text += (f"listen relay on 127.0.0.1:{self.port} "
                     "from 127.0.0.0/8\n")
        if "submission" in more:
            text += "tls certificate {} key {}\n".format(*make_certificate(f))
        if mode == "sites":
            text += "".join(
                f"relay d{i}.example.com via "
                f"smtp://{site_address(i)}:{self.sink_port}\n"
                for i in range(SITES))
        if mode in self.HOME:
            text += (f"domain example.org {{\n\tusers file {f}/users\n"
                     f"\tdeliver maildir {f}/mail/{{user}}\n}}\n")
        return text + more.format(port=self.port, users_port=self.users_port)

    def start(self):
        self.users_port = free_port()
        self.program = self.build / "src/posthorse"
        self.conf = self.folder / "posthorse.conf"
        self.conf.write_text(self.settings())
        self.give_away()
        if self.mode in self.HOME:
            self.add_users()
        self.spawn(self.program, "-c", self.conf, "serve")
        wait_port(self.port)

    def give_away(self):
        """As root each role gets a number of its own, and its folder."""
        from server import FIRST_ID, IS_ROOT
        # A folder's owner is a role's user, whatever the version calls it.
        said = self.command("print")
        users = re.findall(r"(?m)^user (\S+) ", said)
        for name, user in (("spool", "queue"), ("mail", "mail"),
                           ("history", "admin"), ("state", "state")):
            folder = self.folder / name
            folder.mkdir(mode=0o700)
            if IS_ROOT and user in users:
                number = FIRST_ID + users.index(user)
                os.chown(folder, number, number)
        if IS_ROOT:
            self.users_owner = FIRST_ID + users.index("lookup")
            with open(self.conf, "a") as f:
                f.writelines(f"user {u} {FIRST_ID + i}\n"
                             for i, u in enumerate(users))

    def add_users(self):
        """One hashed line copied: a hundred hashes would take a minute."""
        users = self.folder / "users"
        self.command("user", "add", USER, stdin=SECRET + "\n")
        line = users.read_text().splitlines()[-1]
        users.write_text("".join(line.replace("user0", f"user{i}", 1) + "\n"
                                 for i in range(100)))
        if os.geteuid() == 0:
            os.chown(users, self.users_owner, self.users_owner)

    def command(self, *words, stdin=None):
        return subprocess.run(
            [self.program, "-c", self.conf, *words], input=stdin, text=True,
            check=True, capture_output=True).stdout

    def delivered(self):
        return sum(1 for d in (self.folder / "mail").glob("*/new")
                   for _ in os.scandir(d))

    def cpu_of_roles(self):
        """Seconds of each role so far, those that have ended left out."""
        from server import role_of
        used = {}
        for pid in self.group.pids(self.process.pid):
            used[role_of(pid)] = used.get(role_of(pid), 0) + cpu_of(pid)
        return used


class Checked(Posthorse):
    """With what asks about each client and each recipient."""

    CHECKS = ("reverse-dns look\ndns-list bl.test\ngreylist 1s\n")

    def settings(self):
        from dns_server import Dns
        self.dns = Dns(self.folder / "dns",
                       {"bl.test": "", "127.in-addr.arpa": ""})
        return (super().settings() + self.dns.config + self.CHECKS
                + f"state directory {self.folder}/state\n")

    def stop(self):
        super().stop()
        self.dns.stop()


class Before(Posthorse):
    """The version before the checks, built with the same flags."""

    COMMIT = "cd0475c"
    home = TOP / "build-before"
    build = home / "build"

    @classmethod
    def is_to_be_had(cls):
        source = cls.home / "source"
        if not (cls.build / "src/posthorse").exists():
            shutil.rmtree(cls.home, ignore_errors=True)
            source.mkdir(parents=True)
            archive = subprocess.run(["git", "-C", TOP, "archive", cls.COMMIT],
                                     capture_output=True)
            if archive.returncode != 0:
                return False    # no history here
            subprocess.run(["tar", "-x", "-C", source], input=archive.stdout,
                           check=True)
            subprocess.run(["meson", "setup", cls.build, source,
                            "-Dtests=false"], check=True, capture_output=True)
            subprocess.run(["ninja", "-C", cls.build], check=True,
                           capture_output=True)
        return True
