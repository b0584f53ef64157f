"""A knot of our own on loopback, with the zones of a test."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess

from server import free_port, wait_for


def find_knotd():
    return shutil.which("knotd") or shutil.which("knotd", path="/usr/sbin")


class Dns:
    """zones: name -> text of a zone file without its SOA."""

    def __init__(self, folder, zones):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port(socket.SOCK_DGRAM)
        self.name = next(iter(zones))
        rows = []
        for name, text in zones.items():
            # "" is the root itself.
            path = self.folder / f"{name or 'root'}.zone"
            path.write_text(
                f"$ORIGIN {name}.\n$TTL 60\n"
                f"@ SOA ns admin 1 600 600 600 60\n"
                f"@ NS ns\nns A 127.0.0.1\n{text}\n")
            rows.append(f"  - domain: {name}.\n    file: {path}\n")
        for name in ("run", "db"):
            (self.folder / name).mkdir(exist_ok=True)
        conf = self.folder / "knot.conf"
        conf.write_text(
            f"server:\n  rundir: {self.folder}/run\n"
            f"  listen: 127.0.0.1@{self.port}\n"
            "  udp-workers: 1\n  tcp-workers: 1\n  background-workers: 1\n"
            f"database:\n  storage: {self.folder}/db\n"
            "template:\n  - id: default\n    storage: "
            f"{self.folder}\n    zonefile-sync: -1\n"
            "    journal-content: none\n"
            "zone:\n" + "".join(rows))
        self.conf = conf
        # An anchor for a name that nobody asks about: all others are unsigned
        # and need no chain from the root, which this server does not have.
        self.anchor = self.folder / "anchors"
        self.anchor.write_text("anchor.invalid. IN DS 1 8 2 " + "ab" * 32
                               + "\n")
        self.anchor.chmod(0o644)
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [find_knotd(), "-c", str(self.conf)], stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env=dict(os.environ))
        assert wait_for(self._answers, 40), \
            f"knot does not answer: {self.process.poll()}"

    def _answers(self):
        import dns.message
        import dns.query
        name = self.name + "."
        try:
            answer = dns.query.udp(dns.message.make_query(name, "SOA"),
                                   "127.0.0.1", 0.5, self.port)
        except Exception:
            return False
        return bool(answer.answer)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)

    close = stop

    @property
    def config(self):
        return f"resolver 127.0.0.1@{self.port}\n" \
            f"trust-anchor {self.anchor}\n"
