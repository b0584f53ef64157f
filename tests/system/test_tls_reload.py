"""Certificates that change on disk: taken over without a word, or kept."""
import os
import re

import pytest

import certificates
from server import free_port, wait_for
from talk import Talk
from test_keys import shake
from test_tls_clients import issue, talk_to
from test_tls_in import start_tls

WITHIN = 30		# two beats of the supervisor, on a busy machine


def replace(server, cert=None, key=None):
    """As any tool does it: a new file under the old name."""
    for path, name in ((cert, "cert.pem"), (key, "key.pem")):
        if path is not None:
            new = server.folder / f"{name}.new"
            new.write_bytes(path.read_bytes())
            new.chmod(0o600)
            os.replace(new, server.folder / name)


def shown(server):
    return certificates.shown(start_tls(server, "submissions"))


def is_all(server, fingerprint, times=12):
    """Whichever receiver is met."""
    return all(shown(server) == fingerprint for _ in range(times))


def renewed(server, event="certificate-renewed"):
    return len(re.findall(rf" {event} ", server.log.read_text()))


@pytest.mark.shows("OPS-5")
@pytest.mark.timeout(300)
def test_new_pair(make_server):
    """With a key of another kind; sessions go on, and who is started later has
    the new one too."""
    server = make_server().start()
    old = certificates.fingerprint(server.folder / "cert.pem")
    cert, key = certificates.make(server.folder, "next",
                                  "DNS:mx.example.org", "rsa")
    new = certificates.fingerprint(cert)
    assert is_all(server, old, 2)
    with Talk(server.port("mx")) as t:
        t.hello()
        t.ask("STARTTLS", 220)
        t.start_tls()
        t.hello()
        replace(server, cert, key)
        assert wait_for(lambda: shown(server) == new, WITHIN, 0.5)
        assert wait_for(lambda: is_all(server, new), 10)
        t.mail(b"Subject: goes on\r\n\r\n")
    assert renewed(server) == 1
    for role in ("receiver", "receiver", "keys"):
        pid = server.kill_role(role)
        assert wait_for(lambda: pid not in server.roles().get(role, [pid]),
                        10)
        assert wait_for(lambda: shake(server), 10)
    assert wait_for(lambda: is_all(server, new), 10)
    server.wait_messages(1)


@pytest.mark.shows("OPS-5")
@pytest.mark.timeout(240)
def test_broken_pair(make_server):
    """The old one stays, the log says why, and once both are right they are
    taken."""
    server = make_server().start()
    old = certificates.fingerprint(server.folder / "cert.pem")
    cert, key = certificates.make(server.folder, "next", "DNS:mx.example.org")
    rubbish = server.folder / "rubbish"
    rubbish.write_text("-----BEGIN PRIVATE KEY-----\nrubbish\n")
    replace(server, key=rubbish)
    assert wait_for(lambda: renewed(server, "certificate-kept") == 1, WITHIN)
    assert "no usable private key" in server.log.read_text()
    assert is_all(server, old)
    replace(server, cert=cert)
    assert wait_for(lambda: renewed(server, "certificate-kept") == 2, WITHIN)
    assert is_all(server, old)
    pid = server.kill_role("keys")
    assert wait_for(lambda: pid not in server.roles().get("keys", [pid]), 10)
    assert wait_for(lambda: shake(server), 10)
    assert is_all(server, old)
    replace(server, key=key)
    assert wait_for(lambda: shown(server) ==
                    certificates.fingerprint(cert), WITHIN, 0.5)
    assert renewed(server) == 1


@pytest.mark.shows("OPS-5")
@pytest.mark.timeout(300)
def test_missing_file(make_server):
    """A file that is gone for a while is no change."""
    server = make_server().start()
    old = certificates.fingerprint(server.folder / "cert.pem")
    os.rename(server.folder / "key.pem", server.folder / "aside")
    assert not wait_for(lambda: renewed(server, "certificate-kept"), 12, 1)
    os.rename(server.folder / "aside", server.folder / "key.pem")
    assert is_all(server, old)


def is_known(server, pair):
    """May a client with this certificate relay?"""
    with talk_to(server, "relay-by-ca", pair) as t:
        return t.ask("MAIL FROM:<a@example.net>")[0] == 250


@pytest.mark.shows("OPS-5")
@pytest.mark.timeout(240)
def test_new_authorities(make_server):
    """Clients of a new authority are known without a restart, those of the old
    one no more; a file that is none changes nothing."""
    server = make_server()
    old, new = (certificates.make(server.folder, name, f"DNS:{name}.example")
                for name in ("old", "new"))
    clients = [issue(server.folder, ca, f"of-{ca[0].stem}")
               for ca in (old, new)]
    used = server.folder / "authorities.pem"
    used.write_bytes(old[0].read_bytes())
    server.ports["relay-by-ca"] = free_port()
    with server.conf.open("a") as conf:
        conf.write(f"listen relay on 127.0.0.1:{server.port('relay-by-ca')} "
                   f"client certificate optional ca {used}\n")
    server.start()

    def known():
        return [is_known(server, pair) for pair in clients]

    def put(octets):
        fresh = server.folder / "authorities.new"
        fresh.write_bytes(octets)
        os.replace(fresh, used)

    assert known() == [True, False]
    put(b"-----BEGIN CERTIFICATE-----\nrubbish\n")
    assert wait_for(lambda: renewed(server, "certificate-kept") == 1, WITHIN)
    assert f"file={used}" in server.log.read_text()
    # Neither those who run nor those who come have the rubbish.
    for _ in range(2):
        pid = server.kill_role("receiver")
        assert wait_for(lambda: pid not in server.roles()
                        .get("receiver", [pid]), 10)
    assert wait_for(lambda: shake(server), 10)
    assert all(known() == [True, False] for _ in range(4))
    put(new[0].read_bytes())
    assert wait_for(lambda: renewed(server) == 1, WITHIN)
    assert wait_for(lambda: all(known() == [False, True] for _ in range(4)),
                    10, 0.5)
    pid = server.kill_role("receiver")
    assert wait_for(lambda: pid not in server.roles().get("receiver", [pid]),
                    10)
    assert wait_for(lambda: shake(server), 10)
    assert all(known() == [False, True] for _ in range(4))
