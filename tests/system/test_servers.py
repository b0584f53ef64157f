"""Postfix, Exim and OpenSMTPD send to us: plain, STARTTLS, TLS, AUTH."""
import pytest

from peers import Exim, OpenSMTPD, Postfix
from server import PASSWORD, Server, free_port, wait_for

WAYS = ("plain", "starttls", "tls", "starttls-plain", "starttls-login",
        "tls-plain", "tls-login", "starttls-scram", "tls-scram")
# Exim, as Debian builds it, has no SCRAM.  Of PLAIN and LOGIN OpenSMTPD takes
# PLAIN, whenever that is offered, and speaks nothing else.
NEVER = {Postfix: (), Exim: ("scram",), OpenSMTPD: ("scram", "login")}
ROWS = [(peer, way) for peer, never in NEVER.items() for way in WAYS
        if not way.endswith(never)]


@pytest.fixture(scope="module")
def receiving(tmp_path_factory):
    """The last word of a way is the mechanism; each has its own mailbox."""
    port = free_port()
    s = Server(tmp_path_factory.mktemp("servers") / "server",
               extra=f"listen relay on 127.0.0.1:{port} from 127.0.0.0/8 "
               "tls implicit\n")
    s.ports["relays"] = port
    for way in WAYS:
        s.add_user(way)
    s.start()
    yield s
    s.end()


@pytest.fixture(scope="module")
def peers(receiving, tmp_path_factory):
    """peers(Postfix): the one of this run, made when first asked for.  It has all
    its messages at once, for it takes seconds before it sends the first."""
    made = {}

    def get(kind):
        if kind not in made:
            made[kind] = kind(tmp_path_factory.mktemp("peer") / "root",
                              receiving, PASSWORD)
            for row, way in ROWS:
                if row is kind:
                    made[kind].send(way, f"{kind.name} by {way}")
        return made[kind]

    yield get
    for peer in made.values():
        peer.close()


@pytest.mark.shows("SPL-1", "AUTH-1", "TLS-4")
@pytest.mark.parametrize("kind,way", [
    pytest.param(kind, way, id=f"{kind.name}-{way}") for kind, way in ROWS])
def test_server_sends(receiving, peers, kind, way):
    """Each server, each way: the message is in the mailbox, once, as it was."""
    peer = peers(kind)
    subject = f"{kind.name} by {way}"

    def arrived():
        return [p for p in receiving.messages(way)
                if f"Subject: {subject}\r\n".encode() in
                p.read_bytes().replace(b"\r\n", b"\n").replace(
                    b"\n", b"\r\n")]

    files = wait_for(arrived, 15)
    assert len(files) == 1, peer.log() + receiving.log_tail()
    text = files[0].read_bytes().replace(b"\r\n", b"\n")
    assert text.endswith(b"\n\na line\n.a dot first\nlast line\n")
    flat = text.replace(b"\n\t", b" ")
    wanted = b"ESMTP" + (b"S" if "tls" in way else b"") + \
        (b"A" if way.count("-") else b"")
    assert b"with " + wanted + b" " in flat, text[:900]
    assert ("tls" in way) == (b"(TLSv1." in flat.split(b"Received: ")[1])
