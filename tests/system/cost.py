"""What something costs the roles of a server: memory at its peak, and CPU."""
import os
import pathlib
import re

TICKS = os.sysconf("SC_CLK_TCK")


def _status(pid, name):
    """A figure of /proc/PID/status in KiB; 0: the process has gone."""
    try:
        text = pathlib.Path("/proc", str(pid), "status").read_text()
    except OSError:
        return 0
    found = re.search(rf"^{name}:\s+(\d+) kB", text, re.M)
    return int(found[1]) if found else 0


def cpu(pid):
    """Seconds of processor a process has had."""
    try:
        text = pathlib.Path("/proc", str(pid), "stat").read_text()
    except OSError:
        return 0.0
    after = text.rpartition(")")[2].split()
    return (int(after[11]) + int(after[12])) / TICKS


class Cost:
    """
    with Cost(server, "receiver", ...) as cost: ...
    cost.kib: how far the peak of each of these rose above what it held before,
    the greatest of them; cost.cpu: seconds of all of them.
    """

    def __init__(self, server, *roles):
        self.server, self.roles = server, roles or ("receiver", "lookup")

    def __enter__(self):
        found = self.server.roles()
        self.pids = [pid for role in self.roles for pid in found[role]]
        for pid in self.pids:
            # proc(5): 5 sets the peak to what is held now.
            pathlib.Path("/proc", str(pid), "clear_refs").write_text("5")
        self.held = {pid: _status(pid, "VmRSS") for pid in self.pids}
        self.was = {pid: cpu(pid) for pid in self.pids}
        return self

    def __exit__(self, *why):
        if why[0] is not None:
            return
        assert self.pids == [pid for role in self.roles
                             for pid in self.server.roles().get(role, [])], \
            "a role ended"
        self.kib = max(_status(pid, "VmHWM") - self.held[pid]
                       for pid in self.pids)
        self.cpu = sum(cpu(pid) - self.was[pid] for pid in self.pids)

    def check(self, kib, seconds):
        assert self.kib <= kib, f"{self.kib} KiB more"
        assert self.cpu <= seconds, f"{self.cpu} s of processor"
