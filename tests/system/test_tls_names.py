"""Several certificates, and who may speak to us at all: TLS-6, TLS-11."""
import ssl

import pytest

import certificates
from server import Server
from test_tls_in import PORTS, start_tls


@pytest.fixture(scope="module")
def named(tmp_path_factory):
    """A server with three certificates; their fingerprints by name."""
    server = Server(tmp_path_factory.mktemp("names") / "server")
    prints = {"first": certificates.fingerprint(server.folder / "cert.pem")}
    text = server.conf.read_text()
    for name, alt, kind in (("second", "DNS:mail.example.net", "rsa"),
                            ("wild", "DNS:*.example.com", "ec")):
        cert, key = certificates.make(server.folder, name, alt, kind)
        prints[name] = certificates.fingerprint(cert)
        text += f"tls certificate {cert} key {key}\n"
    server.conf.write_text(text)
    yield server.start(), prints
    server.end()


@pytest.mark.shows("TLS-6", "TLS-11")
@PORTS
@pytest.mark.parametrize("name,which", [
    (None, "first"), ("mx.example.org", "first"), ("unknown.test", "first"),
    ("mail.example.net", "second"), ("MAIL.example.NET", "second"),
    ("a.example.com", "wild"), ("b.a.example.com", "first"),
    ("example.com", "first")])
def test_certificate_of_a_name(named, port, name, which):
    server, prints = named
    assert certificates.shown(start_tls(server, port), name) == prints[which]


@pytest.mark.shows("TLS-6")
@PORTS
@pytest.mark.parametrize("offer", [["h2"], ["http/1.1"], ["imap"]])
def test_other_protocols(named, port, offer):
    """RFC 7301 3.2: a fatal alert, whatever else was right."""
    server, _ = named
    with pytest.raises((ssl.SSLError, ConnectionError)) as error:
        certificates.shown(start_tls(server, port), "mx.example.org", offer)
    assert "alert no application protocol" in str(error.value)


@pytest.mark.shows("TLS-6")
@PORTS
@pytest.mark.parametrize("offer", [["smtp"], ["esmtp"], ["h2", "smtp"]])
def test_our_protocol(named, port, offer):
    server, prints = named
    assert certificates.shown(start_tls(server, port), "mx.example.org",
                              offer) == prints["first"]


def test_wrong_pair(make_server):
    """A key of another certificate: check says so, there is no start, and the
    file is named."""
    server = make_server()
    cert, _ = certificates.make(server.folder, "one", "DNS:one.example")
    _, key = certificates.make(server.folder, "two", "DNS:two.example")
    with server.conf.open("a") as conf:
        conf.write(f"tls certificate {cert} key {key}\n")
    good = server.conf.read_text().splitlines()[:-1]
    said = server.command("check", check=False)
    assert "is good" not in said
    server.conf.write_text("\n".join(good) + "\n")
    assert "is good" in server.command("check")
    server.conf.write_text("\n".join(
        [*good, f"tls certificate {cert} key {key}"]) + "\n")
    server.start(wait=False)
    assert server.process.wait(30) == 1
    assert f"{cert}, {key}: no usable private key" in server.log.read_text()
