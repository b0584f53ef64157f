"""Clients with certificates: who may relay, who may not, what is logged."""
import re
import socket
import ssl
import subprocess

import pytest

import certificates
from server import Server, free_port, wait_for
from talk import Talk

AWAY = "there@away.example"


def issue(folder, ca, name):
    """A certificate that ca = (cert, key) vouches for."""
    key, request = folder / f"{name}.key", folder / f"{name}.csr"
    cert = folder / f"{name}.pem"
    subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-subj",
                    f"/CN={name}", "-keyout", key, "-out", request],
                   check=True, capture_output=True)
    subprocess.run(["openssl", "x509", "-req", "-in", request, "-CA", ca[0],
                    "-CAkey", ca[1], "-CAcreateserial", "-days", "3",
                    "-out", cert], check=True, capture_output=True)
    return cert, key


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """A server with three listeners that ask; certificates by name."""
    server = Server(tmp_path_factory.mktemp("clients") / "server")
    folder = server.folder
    ca = certificates.make(folder, "authority", "DNS:ca.example")
    certs = {"vouched": issue(folder, ca, "vouched"),
             "listed": certificates.make(folder, "listed", "DNS:l.example"),
             "stranger": certificates.make(folder, "stranger", "DNS:s.test"),
             "none": None}
    print_ = certificates.fingerprint(certs["listed"][0])
    server.ports.update(optional=free_port(), required=free_port(),
                        implicit=free_port())
    client = f"ca {ca[0]} fingerprint {print_}"
    with server.conf.open("a") as conf:
        conf.write(
            f"listen relay on 127.0.0.1:{server.port('optional')} client "
            f"certificate optional {client}\n"
            f"listen relay on 127.0.0.1:{server.port('required')} client "
            f"certificate required {client}\n"
            f"listen relay on 127.0.0.1:{server.port('implicit')} tls "
            f"implicit client certificate required {client}\n"
            "hold deliveries yes\n")
    yield server.start(), certs
    server.end()


def talk_to(server, port, pair):
    """A session behind the handshake."""
    context = ssl._create_unverified_context()
    # Of TLS 1.3 a client only hears later that it was refused.
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    if pair is not None:
        context.load_cert_chain(*pair)
    if port == "implicit":
        t = Talk.__new__(Talk)
        t.left = b""
        t.sock = context.wrap_socket(socket.create_connection(
            ("127.0.0.1", server.port(port)), 20))
        t.greeting = t.reply()
    else:
        t = Talk(server.port(port))
        t.hello()
        t.ask("STARTTLS", 220)
        t.sock = context.wrap_socket(t.sock)
    t.hello()
    return t


@pytest.mark.shows("RLY-1")
@pytest.mark.parametrize("port", ["optional", "required", "implicit"])
@pytest.mark.parametrize("who", ["vouched", "listed", "stranger", "none"])
def test_who_may_relay(known, port, who):
    server, certs = known
    may = who in ("vouched", "listed")
    if not may and port != "optional":
        with pytest.raises((ssl.SSLError, ConnectionError)):
            talk_to(server, port, certs[who])
        return
    with talk_to(server, port, certs[who]) as t:
        sender = f"{who}-{port}@example.net"
        if not may:
            assert t.ask(f"MAIL FROM:<{sender}>")[0] == 550
            return
        t.mail(b"Subject: relayed\r\n\r\n", sender=sender, to=AWAY)
    print_ = certificates.fingerprint(certs[who][0])
    for line in (rf" accepted from={sender} .*certificate={print_}",
                 rf' tls client=\S+ tls="[^"]+" certificate={print_} '
                 rf'subject="?CN={who}"?'):
        assert wait_for(lambda: re.search(line, server.log.read_text()), 5)


@pytest.mark.shows("RLY-1", "TLS-3")
def test_not_without_tls(known):
    """The listener greets everybody; before the handshake nobody is known."""
    server, _ = known
    with Talk(server.port("optional")) as t:
        t.hello()
        assert t.ask("MAIL FROM:<plain@example.net>")[0] == 550
    assert wait_for(lambda: "code=550 status=5.7.1 text=\"Relaying denied\" "
                    "client=127.0.0.1 what=plain@example.net" in
                    server.log.read_text(), 5)


@pytest.mark.shows("TLS-5")
@pytest.mark.parametrize("port,who", [("optional", "none"),
                                      ("required", "vouched")])
def test_proved_each_time(known, port, who):
    """No ticket where a certificate is asked for."""
    server, certs = known
    with talk_to(server, port, certs[who]) as t:
        assert not t.sock.session.has_ticket


def test_bad_authority(make_server):
    server = make_server()
    bad = server.folder / "bad"
    bad.write_text("nothing\n")
    with server.conf.open("a") as conf:
        conf.write(f"listen mx on 127.0.0.1:{free_port()} client certificate "
                   f"optional ca {bad}\n")
    server.start(wait=False)
    assert server.process.wait(30) == 1
    assert f"{bad}: no usable certificates to trust" in server.log.read_text()
