"""Works of many sessions: idle, in TLS, with passwords; and too many of them."""
import json
import pathlib
import resource
import subprocess
import threading
import time

from peers import LOAD, PLACES, SECRET, USER
from works import load, measured, test_latency

# Half of the descriptors are places.
IDLE = min(10000, resource.getrlimit(resource.RLIMIT_NOFILE)[1] // 2)
STARTTLS = ("-e",)
LOGIN = (*STARTTLS, "-A", f"{USER}:{SECRET}")
OPENING = 100       # idle sessions that shake hands at a time


def established(port):
    """Connections to a port of ours, of all that the kernel knows."""
    rows = [row.split() for row in
            pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(1 for row in rows
               if row[1].endswith(f":{port:04X}") and row[3] == "01")


class Idle:
    """So many sessions that have said EHLO, as long as it is entered."""

    def __init__(self, peer, n, *words):
        self.words = [LOAD, "-i", "-s", str(n), "-o", str(OPENING), *words,
                      str(peer.port)]

    def __enter__(self):
        self.process = subprocess.Popen(self.words, text=True,
                                        stdout=subprocess.PIPE)
        self.n = json.loads(self.process.stdout.readline())["idle"]
        time.sleep(2)
        return self

    def __exit__(self, *why):
        self.process.terminate()
        self.process.communicate()


def test_idle(peer, a):
    """
    Growth by idle sessions; who sends among them, before and then.  The last
    twentieth of all places is for users.
    """
    load(peer, "-s", 50, "-n", 200, "-d", "example.com")
    alone = test_latency(peer, a)
    time.sleep(2)
    before = peer.pss_kib()
    with Idle(peer, IDLE * 94 // 100) as idle:
        grown = peer.pss_kib() - before
        among = test_latency(peer, a)
        held = established(peer.port)
    return dict(kib_per_session=round(grown / idle.n, 2), sessions=held,
                p50_us=among["p50_us"], p99_us=among["p99_us"],
                alone_p50_us=alone["p50_us"], alone_p99_us=alone["p99_us"])


def test_idle_tls(peer, a):
    """The same in TLS: each has shaken hands and said EHLO."""
    load(peer, "-q", *STARTTLS, "-s", 20, "-n", 200)
    time.sleep(2)
    before = peer.pss_kib()
    with Idle(peer, IDLE, *STARTTLS) as idle:
        grown = peer.pss_kib() - before
        held = established(peer.port)
    return dict(kib_per_session=round(grown / idle.n, 2), sessions=held)


def roles_of(peer):
    return peer.cpu_of_roles() if hasattr(peer, "cpu_of_roles") else {}


def by_role(row, peer, before, n):
    """Each role's microseconds, where one is worth a word."""
    for name, used in sorted(roles_of(peer).items()):
        us = (used - before.get(name, 0)) * 1e6 / max(n, 1)
        if us >= 1:
            row[f"{name}_us"] = round(us, 1)
    return row


def test_sessions(peer, a):
    """
    Connect, EHLO, STARTTLS with a whole handshake, EHLO, AUTH PLAIN, QUIT.
    The password has been seen once before.
    """
    load(peer, "-q", *LOGIN, "-s", 1, "-n", 3)
    before, roles = peer.cpu(), roles_of(peer)
    got = load(peer, "-q", *LOGIN, "-s", 20, "-t", max(a.seconds // 4, 2))
    row = dict(per_s=got["per_s"], p50_us=got["p50_us"], p99_us=got["p99_us"],
               sessions=got["ok"], refused=got["refused"] + got["lost"],
               client_us=round(got["cpu_s"] * 1e6 / max(got["ok"], 1)))
    measured(peer, row, peer.cpu() - before, got["ok"])
    return by_role(row, peer, roles, got["ok"])


def test_kept(peer, a):
    """Durable intake on kept TLS sessions of a user; delivery is held."""
    load(peer, "-q", *LOGIN, "-s", 1, "-n", 3)
    before, roles = peer.cpu(), roles_of(peer)
    got = load(peer, *LOGIN, "-f", USER, "-s", a.sessions, "-d", "example.com",
               "-t", max(a.seconds // 4, 2))
    row = dict(per_s=got["per_s"], p50_us=got["p50_us"], p99_us=got["p99_us"],
               messages=got["ok"], refused=got["refused"] + got["lost"])
    measured(peer, row, peer.cpu() - before, got["ok"])
    return by_role(row, peer, roles, got["ok"])


def test_checks(peer, a):
    """Strangers' mail for our users, fifty messages a connection; it is held."""
    words = ("-s", a.sessions, "-u", 100, "-m", 50, "-x", 1000)
    # What greylisting puts off comes again when its second is over.
    load(peer, *words, "-n", 20000, "-r", 1100)
    before, roles = peer.cpu(), roles_of(peer)
    got = load(peer, *words, "-t", max(a.seconds // 4, 2), "-r", 1100)
    row = dict(per_s=got["per_s"], p50_us=got["p50_us"], p99_us=got["p99_us"],
               messages=got["ok"], refused=got["refused"] + got["lost"])
    measured(peer, row, peer.cpu() - before, got["ok"])
    return by_role(row, peer, roles, got["ok"])


class Beside(threading.Thread):
    """A few users who send while strangers press."""

    def __init__(self, peer, seconds):
        super().__init__()
        self.peer, self.seconds = peer, seconds
        self.start()

    def run(self):
        self.got = load(self.peer, *LOGIN, "-f", USER, "-s", 4, "-t",
                        self.seconds, "-m", 20, "-u", 100, "-r", 100,
                        port=self.peer.users_port)


MAILS = 20      # of a connection of the press
TIMES = 5


def press(peer, seconds, sessions, pause_ms):
    users = Beside(peer, seconds)
    got = load(peer, "-s", sessions, "-t", seconds, "-m", MAILS, "-u", 100,
               "-r", pause_ms, "-x", 200)
    pss = peer.pss_kib()
    users.join()
    return got, users.got, pss


def test_pressed(peer, a):
    """
    OPS-1: all places taken by strangers who send, then five times as many of
    them, then as many as at first, for the machine has its own moods; whoever is
    turned away comes again, so that five times as many connections are tried as
    get a place.
    """
    seconds = max(a.seconds // 4, 3)
    places = PLACES * 95 // 100
    load(peer, "-s", places, "-n", 5000, "-u", 100, "-m", MAILS, "-r", 100)
    before, users, _ = press(peer, seconds, places, 100)
    turned_away = places * (TIMES - 1)
    pause_ms = turned_away * MAILS * 1000 / ((TIMES - 1) * before["per_s"])
    got, more_users, pss = press(peer, a.press or seconds, places * TIMES,
                                 max(int(pause_ms), 1))
    after, last_users, _ = press(peer, seconds, places, 100)
    peak = dict(per_s=(before["per_s"] + after["per_s"]) / 2)
    accepted = 5000 + sum(g["ok"] for g in (before, users, got, more_users,
                                            after, last_users))
    end = time.monotonic() + 10 * a.seconds
    while (n := peer.delivered()) < accepted and time.monotonic() < end:
        time.sleep(0.5)
    return dict(
        per_s=got["per_s"], p50_us=got["p50_us"], p99_us=got["p99_us"],
        peak_before=before["per_s"], peak_after=after["per_s"],
        share=round(got["per_s"] / max(peak["per_s"], 1), 3),
        users_share=round(more_users["per_s"] / max(users["per_s"], 1), 3),
        messages=got["ok"], told_421=got["told_421"], told_45x=got["told_45x"],
        told_else=got["refused"] - got["told_421"] - got["told_45x"],
        cut_off=got["lost"], users_refused=users["refused"] + more_users["refused"],
        users_told_421=users["told_421"] + more_users["told_421"],
        missing=accepted - n, pss_mib=round(pss / 1024, 1))
