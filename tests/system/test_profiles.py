"""What each running process is, has and has loaded: the table of profiles."""
import os
import pathlib
import re
import stat
import time

import pytest

from load import Load
from server import FIRST_ID, IS_ROOT, USERS

USER_OF = {"receiver": "smtp", "lookup": "lookup", "resolver": "dns",
           "queue": "queue", "sender": "send", "local": "mail",
           "admin": "admin", "keys": "keys"}
ROLES = tuple(USER_OF)

COMMON = {"libc.so", "libuv.so", "libseccomp.so", "ld-linux-x86-64.so",
          "ld-linux-aarch64.so", "libm.so", "libpthread.so", "libdl.so",
          "librt.so"}
TLS = {"libssl.so", "libcrypto.so"}
IDN = {"libidn2.so", "libunistring.so"}
LIBRARIES = {  # beyond COMMON; what glibc loads for names is nobody's
    "receiver": TLS | IDN,
    "sender": TLS,
    "resolver": TLS | {"libunbound.so", "libevent-2.1.so", "libexpat.so",
                       "libnghttp2.so", "libhogweed.so", "libnettle.so",
                       "libgmp.so", "libprotobuf-c.so"},
    "lookup": {"libcrypt.so", "libcrypto.so", "libjansson.so"} | IDN,
    "queue": IDN,
    "local": set(),
    "admin": {"libjansson.so"},
    "keys": TLS,
}


def status(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return {k: v.strip() for k, _, v in
            (line.partition(":") for line in text.splitlines())}


def each(server):
    """(role, pid) of every child; each role must be there."""
    roles = server.roles()
    assert set(roles) == set(ROLES), roles
    assert len(roles["receiver"]) == 2
    return [(role, pid) for role, pids in roles.items() for pid in pids]


@pytest.mark.ordinary
@pytest.mark.shows("PRV-1", "PRV-2")
def test_status_of_each_process(server):
    for role, pid in each(server):
        s = status(pid)
        for caps in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
            assert int(s[caps], 16) == 0, f"{role} has {caps} {s[caps]}"
        assert s["NoNewPrivs"] == "1", role
        assert s["Seccomp"] == "2", role
        if IS_ROOT:
            assert s["Groups"] == "", f"{role} is in groups {s['Groups']}"
            number = str(FIRST_ID + USERS.index(USER_OF[role]))
            assert s["Uid"].split() == [number] * 4, role
            assert s["Gid"].split() == [number] * 4, role
        # Every thread is under the same filter.
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            text = (task / "status").read_text()
            assert re.search(r"^Seccomp:\s+2$", text, re.M), role
            assert re.search(r"^NoNewPrivs:\s+1$", text, re.M), role


@pytest.mark.shows("PRV-1", "PRV-3")
def test_ids_differ(server):
    uids = {}
    for role, pid in each(server):
        uids.setdefault(status(pid)["Uid"].split()[0], set()).add(role)
    assert all(len(roles) == 1 for roles in uids.values()), uids


@pytest.mark.ordinary
@pytest.mark.shows("PRV-1")
def test_one_role_a_process(server):
    """Each program is its own file; no process runs two."""
    seen = {}
    for role, pid in each(server):
        exe = os.readlink(f"/proc/{pid}/exe") if IS_ROOT else role
        seen.setdefault(exe, set()).add(role)
    assert all(len(roles) == 1 for roles in seen.values()), seen
    assert len(seen) == len(ROLES)


def descriptors(pid):
    """(target, is it open for reading, for writing, kind)."""
    found = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{fd}")
            mode = os.stat(f"/proc/{pid}/fd/{fd}").st_mode
            info = pathlib.Path(f"/proc/{pid}/fdinfo/{fd}").read_text()
        except OSError:
            continue
        flags = int(re.search(r"^flags:\s+(\d+)", info, re.M)[1], 8)
        found.append((target, flags & os.O_ACCMODE, mode, flags))
    return found


@pytest.mark.shows("PRV-1", "PRV-3", "SPL-16")
def test_descriptors_of_each_process(server):
    """Under load: no role holds a file or directory that is another's."""
    with Load(server.port("mx"), sessions=4) as load:
        time.sleep(1)
        held = {}
        for role, pid in each(server):
            held.setdefault(role, []).extend(descriptors(pid))
    assert load.acked
    spool, mail = str(server.spool), str(server.mail)
    for role, rows in held.items():
        for target, access, mode, flags in rows:
            what = f"{role} holds {target}"
            is_file = stat.S_ISREG(mode) and "memfd:" not in target
            if target.startswith(spool):
                assert role in ("queue", "receiver"), what
            if role == "receiver" and is_file and target != str(server.log):
                assert target.startswith(spool), what
                assert access == os.O_WRONLY, what
            if stat.S_ISDIR(mode):
                assert role not in ("receiver", "sender"), what
            if target.startswith(mail):
                assert role == "local", what
            assert "key.pem" not in target, what
            if role in ("sender", "resolver") and target != str(server.log):
                assert not is_file, what
    assert any(t.startswith(spool) for t, *_ in held["receiver"])
    assert any(t.startswith(spool) for t, *_ in held["queue"])


@pytest.mark.shows("SUP-1", "PRV-1")
def test_libraries_of_each_process(server):
    """What is mapped, not only what is linked."""
    for role, pid in each(server):
        text = pathlib.Path(f"/proc/{pid}/maps").read_text()
        loaded = {re.sub(r"\.so.*", ".so", os.path.basename(p))
                  for p in re.findall(r"(/\S+\.so\S*)", text)}
        strange = loaded - COMMON - LIBRARIES[role]
        assert not strange, f"{role} has loaded {sorted(strange)}"


@pytest.mark.shows("PRV-1")
def test_nothing_is_writable_and_executable(server):
    for role, pid in each(server):
        text = pathlib.Path(f"/proc/{pid}/maps").read_text()
        assert not re.search(r"^\S+ .wx", text, re.M), role


@pytest.mark.ordinary
@pytest.mark.shows("SPL-16")
def test_spool_is_closed_to_others(server, talk):
    t = talk(server.port("mx"))
    t.hello()
    t.mail(b"x\r\n")
    if not IS_ROOT:
        owner = os.geteuid()
    else:
        owner = FIRST_ID + USERS.index("queue")
    for folder, folders, files in os.walk(server.spool):
        s = os.stat(folder)
        assert (s.st_mode & 0o777, s.st_uid) == (0o700, owner), folder
        for name in files:
            try:
                s = os.lstat(os.path.join(folder, name))
            except FileNotFoundError:	# a new one, which has its name by now
                continue
            assert stat.S_ISREG(s.st_mode)
            assert (s.st_mode & 0o777, s.st_uid) == (0o600, owner), name
