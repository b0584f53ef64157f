"""What is measured: each work is a function of a running peer that gives a row."""
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

from peers import LOAD, SINK, TOP, free_port, site_address

SIZE = 10240
# A run of the full length writes so much at least (segments are then reused).
LEAST_OCTETS = 3_000_000_000
FULL_SECONDS = 60


def load(peer, *words, port=None):
    done = subprocess.run(
        [LOAD, "-l", str(SIZE), *map(str, words), str(port or peer.port)],
        capture_output=True, text=True)
    if not done.stdout:
        raise RuntimeError(f"load: {done.stderr}")
    return json.loads(done.stdout)


class Sink:
    def __init__(self, port, wait_ms=0, sites=0):
        where = [f"{site_address(i)}:{port}" for i in range(sites)]
        self.process = subprocess.Popen(
            [SINK, "-w", str(wait_ms), *(where or [str(port)])], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True)
        self.process.stderr.readline()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return json.loads(self.process.communicate()[0])


def settle(seconds):
    """Until the disk is quiet and the machine idle, so long at most."""
    os.sync()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        before = idle_ticks()
        time.sleep(0.3)
        share = (idle_ticks() - before) / (0.3 * os.sysconf("SC_CLK_TCK")
                                           * os.cpu_count())
        if share > 0.9:
            return


def idle_ticks():
    row = open("/proc/stat").readline().split()
    return int(row[4])


def measured(peer, row, cpu, messages):
    row["cpu_us"] = round(cpu * 1e6 / max(messages, 1), 1)
    return row


def least(peer, a):
    """A run of the full length writes LEAST_OCTETS, whatever time it takes."""
    if a.seconds < FULL_SECONDS or peer.name == "postfix":
        return []
    return ["-a", LEAST_OCTETS // SIZE + 1]


def seconds_of_load(peer, a):
    """Postfix takes in faster than it delivers: what a third of the time
    brings keeps it busy for longer than that; see the row's seconds."""
    return max(a.seconds // 3, 2) if peer.name == "postfix" else a.seconds


def test_intake(peer, a):
    """Durable intake on kept connections; delivery is held."""
    before = peer.cpu()
    got = load(peer, "-s", a.sessions, "-t", a.seconds, "-d", "example.com",
               *least(peer, a))
    row = dict(per_s=got["per_s"], p50_us=got["p50_us"], p99_us=got["p99_us"],
               messages=got["ok"], refused=got["refused"] + got["lost"],
               reconnects=got["again"], gb=round(got["ok"] * SIZE / 1e9, 2))
    return measured(peer, row, peer.cpu() - before, got["ok"])


def count_syncs(peer, a):
    """fdatasync and fsync calls a message, in a run of its own."""
    out = peer.folder / "syncs"
    pids = [str(p) for p in peer.group.pids(peer.process.pid)]
    tracer = subprocess.Popen(
        ["strace", "-f", "-c", "-U", "calls,name", "-e",
         "trace=fdatasync,fsync", "-o", out]
        + sum((["-p", p] for p in pids), []), stderr=subprocess.DEVNULL)
    time.sleep(1)
    got = load(peer, "-s", a.sessions, "-n", 20000, "-d", "example.com")
    tracer.send_signal(signal.SIGINT)
    tracer.wait()
    calls = sum(int(n) for n in re.findall(
        r"^\s*(\d+)\s+(?:fdatasync|fsync)$", out.read_text(), re.M))
    return dict(syncs_per_message=round(calls / max(got["ok"], 1), 4),
                per_s=got["per_s"], messages=got["ok"])


def test_latency(peer, a):
    got = load(peer, "-s", 1, "-t", max(a.seconds // 6, 3), "-d",
               "example.com")
    return dict(p50_us=got["p50_us"], p99_us=got["p99_us"],
                per_s=got["per_s"], messages=got["ok"])


def through(peer, a, delivered, domain):
    """Load, then until all has arrived; counting it costs processor, too."""
    before, began = peer.cpu(), time.monotonic()
    got = load(peer, "-s", 20, "-t", seconds_of_load(peer, a), "-u", 100, "-d",
               domain, *least(peer, a))
    end = time.monotonic() + 10 * a.seconds
    while (n := delivered()) < got["ok"] and time.monotonic() < end:
        time.sleep(0.5)
    took = time.monotonic() - began
    row = dict(per_s=round(n / took, 1), messages=n, accepted=got["ok"],
               seconds=round(took, 2), gb=round(n * SIZE / 1e9, 2))
    return measured(peer, row, peer.cpu() - before, n)


def test_relay(peer, a, wait_ms=0, sites=0, sink_port=None):
    sink = Sink(sink_port or peer.sink_port, wait_ms, sites)
    before, began = peer.cpu(), time.monotonic()
    got = load(peer, "-s", 20, "-t", seconds_of_load(peer, a), "-d",
               "example.com", *least(peer, a),
               *(("-D", sites) if sites else ()))
    # The sink tells its count only at its end: wait until CPU stands still.
    last, still = peer.cpu(), 0
    while still < 8 and time.monotonic() - began < 10 * a.seconds:
        time.sleep(0.25)
        now = peer.cpu()
        still = still + 1 if now - last < 0.004 else 0
        last = now
    used = peer.cpu() - before
    end = sink.stop()
    took = (end["last_us"] - got["started_us"]) / 1e6
    row = dict(per_s=round(end["messages"] / max(took, 1e-3), 1),
               messages=end["messages"], accepted=got["ok"],
               connections=end["connections"], seconds=round(took, 2),
               gb=round(end["messages"] * SIZE / 1e9, 2))
    return measured(peer, row, used, end["messages"])


def test_slow_relay(peer, a):
    """A sink that answers 50 ms late, at so many sites."""
    return test_relay(peer, a, 50, SITES)


def test_slow_relay_one(peer, a):
    """The same at one: connections to one site bound everybody."""
    return test_relay(peer, a, 50)


def test_far_relay(peer, a):
    """One site at the end of a line of 10 ms each way."""
    near = free_port()
    line = subprocess.Popen([sys.executable, TOP / "tests/bench/line.py",
                             str(peer.sink_port), str(near), "10"],
                            stdout=subprocess.PIPE, text=True)
    line.stdout.readline()
    try:
        return test_relay(peer, a, sink_port=near)
    finally:
        line.kill()
        line.wait()


def test_maildir(peer, a):
    return through(peer, a, peer.delivered, "example.org")


def test_rest(peer, a):
    time.sleep(3)
    return dict(pss_mib=round(peer.pss_kib() / 1024, 1),
                processes=len(peer.group.pids(peer.process.pid)))
