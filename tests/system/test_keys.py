"""The keeper of the private keys: who has them, and what its absence does."""
import concurrent.futures
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import time

import pytest

import certificates
from server import wait_for
from talk import Talk
from test_tls_in import start_tls


def secrets_of(path, kind):
    """Octets that only the private key has, as memory may hold them."""
    text = subprocess.run(
        ["openssl", "pkey", "-in", path, "-noout", "-text"],
        capture_output=True, text=True, check=True).stdout
    names = {"ec": ["priv"],
             "rsa": ["privateExponent", "prime1", "prime2"]}[kind]
    found = [path.read_text().splitlines()[1].encode()]
    for name in names:
        digits = re.search(rf"^{name}:\n((?:    .*\n)+)", text, re.M)[1]
        number = bytes.fromhex(re.sub(r"[\s:]", "", digits)).lstrip(b"\0")
        # As in the file, and in words of a machine that is little-endian.
        found += [number[:24], number[::-1][:24]]
    return found


def regions(pid):
    """(start, end, flags) of what a process may write or read itself."""
    text = pathlib.Path(f"/proc/{pid}/smaps").read_text()
    for block in re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", text, flags=re.M):
        m = re.match(r"([0-9a-f]+)-([0-9a-f]+) r", block)
        if m and "[vvar" not in block and "[vsyscall" not in block:
            flags = re.search(r"VmFlags: (.*)", block)
            yield int(m[1], 16), int(m[2], 16), set(flags[1].split())


def places(pid, secrets):
    """The flags of each region that holds one of the secrets."""
    found = []
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for start, end, flags in regions(pid):
            try:
                memory.seek(start)
                octets = memory.read(end - start)
            except OSError:
                continue
            found += [flags for secret in secrets if secret in octets]
    return found


@pytest.mark.shows("TLS-7", "MEM-7")
def test_no_key_in_another_process(make_server):
    """After handshakes with each key: its octets are in the keys process, in
    memory that is locked and in no dump, and nowhere else."""
    server = make_server()
    cert, key = certificates.make(server.folder, "rsa", "DNS:rsa.example",
                                  "rsa")
    with server.conf.open("a") as conf:
        conf.write(f"tls certificate {cert} key {key}\n")
    server.start()
    for name in ("mx.example.org", "rsa.example") * 10:
        certificates.shown(start_tls(server, "mx"), name)
    secrets = secrets_of(server.folder / "key.pem", "ec") + \
        secrets_of(key, "rsa")
    processes = {"supervisor": [server.process.pid], **server.roles()}
    for role, pids in processes.items():
        for pid in pids:
            found = places(pid, secrets)
            if role != "keys":
                assert not found, role
                continue
            assert found, "the search finds what is there"
            for flags in found:
                assert {"lo", "dd"} <= flags, flags


def ticket_secrets(pid):
    """The two secrets of each ticket key, out of a receiver's locked page."""
    with open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for start, end, flags in regions(pid):
            if end - start == 4096 and {"lo", "dd"} <= flags:
                memory.seek(start)
                page = memory.read(160)
                # name, cipher key, MAC key, two times (io/tls_tickets.c)
                return [page[16:40], page[48:72]]
    return []


@pytest.mark.shows("MEM-7")
def test_ticket_keys_in_memory(make_server):
    """They crossed from keys to the receivers, and lie nowhere but where they
    are locked."""
    server = make_server().start()
    assert wait_for(lambda: shake(server), 10)
    receivers = server.roles()["receiver"]
    assert wait_for(lambda: all(any(ticket_secrets(p)[0])
                                for p in receivers), 10)
    secrets = ticket_secrets(receivers[0])
    assert secrets == ticket_secrets(receivers[1])
    processes = {"supervisor": [server.process.pid], **server.roles()}
    for role, pids in processes.items():
        for pid in pids:
            found = places(pid, secrets)
            assert (len(found) >= 2) == (role in ("keys", "receiver")), role
            for flags in found:
                assert {"lo", "dd"} <= flags, (role, flags)


def shake(server, seconds=15):
    """A handshake on a connection of its own: did it come to its end?"""
    with socket.create_connection(
            ("127.0.0.1", server.port("submissions")), seconds) as sock:
        try:
            certificates.shown(sock, "mx.example.org")
            return True
        except (OSError, ssl.SSLError):
            return False


@pytest.mark.shows("TLS-7", "OPS-6")
@pytest.mark.parametrize("kind", ["killed", "stopped"])
def test_without_keys(make_server, kind):
    """No handshake is ended without its signature; whoever has shaken hands
    or needs none goes on."""
    server = make_server().start()
    with Talk(server.port("mx")) as plain, Talk(server.port("mx")) as t:
        t.hello()
        t.ask("STARTTLS", 220)
        t.start_tls()
        t.hello()
        plain.hello()
        pid = server.kill_role("keys", signal.SIGKILL if kind == "killed"
                               else signal.SIGSTOP)
        began = time.monotonic()
        result = shake(server)
        took = time.monotonic() - began
        if kind == "stopped":
            assert not result and 4 < took < 10, (result, took)
        plain.mail(b"Subject: plain\r\n\r\n")
        t.mail(b"Subject: with TLS\r\n\r\n")
        if kind == "stopped":
            os.kill(pid, signal.SIGCONT)
    # Many, so that each receiver has been there.
    assert wait_for(lambda: shake(server), 10)
    assert all(shake(server) for _ in range(40))
    assert (server.roles()["keys"] == [pid]) == (kind == "stopped")
    server.wait_messages(2)


@pytest.mark.shows("TLS-7", "TLS-12", "OPS-6")
def test_a_crowd_without_keys(make_server):
    """More than keys is told of at a time wait for one that stands still, and end
    in time; what it answers late counts, and nobody is cut off for it."""
    server = make_server().start()
    before = server.roles()
    for _ in range(2):
        pid = server.kill_role("keys", signal.SIGSTOP)
        began = time.monotonic()
        try:
            with concurrent.futures.ThreadPoolExecutor(80) as crowd:
                results = list(crowd.map(lambda _: shake(server, 15),
                                         range(80)))
            took = time.monotonic() - began
        finally:
            os.kill(pid, signal.SIGCONT)
        assert not any(results) and 4 < took < 14, took
        assert wait_for(lambda: shake(server), 10)
        assert all(shake(server) for _ in range(40))
    assert server.roles() == before
    assert "peer-cut" not in server.log.read_text()


@pytest.mark.shows("TLS-7", "PRV-3")
def test_receiver_replaced(make_server):
    """A new receiver gets a channel of its own."""
    server = make_server().start()
    for _ in range(6):
        pid = server.kill_role("receiver")
        assert wait_for(lambda: pid not in server.roles()["receiver"] and
                        len(server.roles()["receiver"]) == 2, 10)
    assert wait_for(lambda: shake(server), 10)
    assert all(shake(server) for _ in range(20))


def test_no_certificate_no_keys(make_server):
    """Without a certificate there is nothing to hold, and no such process."""
    server = make_server(change=lambda text: "".join(
        line + "\n" for line in text.splitlines()
        if not line.startswith(("tls ", "listen submission")))).start()
    assert "keys" not in server.roles()
