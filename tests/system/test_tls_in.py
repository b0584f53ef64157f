"""TLS in and out, through the wire: TLS-1 to TLS-4."""
import base64
import os
import socket
import ssl
import subprocess
import time
import warnings

import pytest

from script_sink import ScriptSink
from server import PASSWORD, free_port, wait_for
from talk import Talk
from test_limits import GOOD
from test_limits_out import deferred
from test_relay import QUICK, send
from test_smtp_in import nothing_of


def start_tls(server, port):
    """A socket where a handshake is due, in plain or from the first octet."""
    if port == "submissions":
        return socket.create_connection(
            ("127.0.0.1", server.port(port)), 10)
    t = Talk(server.port(port))
    t.hello()
    t.ask("STARTTLS", 220)
    return t.sock


def is_closed(sock):
    """Nothing but an alert comes, then the end."""
    got = b""
    try:
        while more := sock.recv(4096):
            got += more
    except ConnectionError:
        pass
    return got == b"" or got[0] == 21	# RFC 8446 5.1: alert


PORTS = pytest.mark.parametrize("port", ["mx", "submissions"])
KERNEL_HOLDS_S = 0.2	# what is sent with MSG_MORE, and with nothing behind it


@pytest.mark.parametrize("port,tls", [
    ("mx", None), ("mx", "TLSv1_2"), ("mx", "TLSv1_3"),
    ("submissions", "TLSv1_2"), ("submissions", "TLSv1_3")])
def test_nothing_is_held_back(running, port, tls):
    """Replies that leave with what follows them (a ticket, a last word) wait for
    nothing: the best of some sessions, for the machine may be busy."""
    context = ssl._create_unverified_context()
    if tls is not None:
        context.minimum_version = context.maximum_version = ssl.TLSVersion[tls]
    best = {}

    def timed(what, run):
        began = time.monotonic()
        run()
        best[what] = min(best.get(what, 9), time.monotonic() - began)

    for _ in range(8):
        t = Talk.__new__(Talk)
        t.left = b""
        if tls is None:
            t.sock = socket.create_connection(
                ("127.0.0.1", running.port(port)), 10)
        else:
            sock = start_tls(running, port)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            timed("handshake", lambda t=t, sock=sock: setattr(
                t, "sock", context.wrap_socket(sock)))
        if tls is None or port == "submissions":
            timed("greeting", t.reply)
        timed("hello", t.hello)
        timed("last word", lambda t=t: t.ask("QUIT", 221))
        timed("end", t.is_closed)
        t.close()
    assert max(best.values()) < KERNEL_HOLDS_S / 2, best


@pytest.mark.shows("TLS-4")
@PORTS
@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
def test_old_versions(running, port, version):
    """A client that speaks 1.0 or 1.1 only: no handshake."""
    warnings.simplefilter("ignore", DeprecationWarning)
    context = ssl._create_unverified_context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = context.maximum_version = \
        ssl.TLSVersion[version]
    sock = start_tls(running, port)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        context.wrap_socket(sock)
    assert running.is_ready()


@pytest.mark.shows("TLS-4")
@PORTS
@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_new_versions(running, port, version):
    context = ssl._create_unverified_context()
    context.minimum_version = context.maximum_version = \
        ssl.TLSVersion[version]
    sock = context.wrap_socket(start_tls(running, port))
    assert sock.version() == version.replace("_", ".")
    assert sock.compression() is None
    if port == "submissions":
        assert sock.recv(100).startswith(b"220 ")


SSLV2 = bytes.fromhex("801c0100020003000000100700c0") + bytes(range(1, 17))
HELLOS = {
    "SSLv2": SSLV2, "half a record": b"\x16\x03\x01",
    "words": b"EHLO client.example.net\r\n", "zeros": b"\0" * 600,
    "an endless record": b"\x16\x03\x03\xff\xff" + b"\1" * 70000,
    "an alert": bytes.fromhex("15030300020228"),
}


@pytest.mark.shows("TLS-4")
@PORTS
@pytest.mark.parametrize("name", HELLOS)
def test_other_hellos(running, port, name):
    """Refused with an alert at most; nothing of it is a command."""
    sock = start_tls(running, port)
    try:
        sock.sendall(HELLOS[name])
        sock.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    sock.settimeout(10)
    assert is_closed(sock)
    assert running.is_ready()


def s_client(server, port, *options, stdin):
    where = ["-connect", f"127.0.0.1:{server.port(port)}"]
    if port != "submissions":
        where += ["-starttls", "smtp"]
    return subprocess.run(
        ["openssl", "s_client", *where, *options], input=stdin, text=True,
        capture_output=True, timeout=30)


@pytest.mark.shows("TLS-4")
@PORTS
def test_renegotiation(running, port):
    """A client of 1.2 that begins another handshake is left."""
    done = s_client(running, port, "-tls1_2", stdin="R\nNOOP\n")
    said = done.stdout + done.stderr
    assert "RENEGOTIATING" in said
    assert "250 2.0.0 OK" not in said, said
    assert "Compression: NONE" in said
    assert running.is_ready()


@pytest.mark.shows("TLS-4")
def test_early_data(running, tmp_path):
    """
    A client with a ticket of another server of this name says its commands
    before the handshake: it gets a full one, and they are never read.
    """
    port, session = free_port(), tmp_path / "session"
    early = tmp_path / "early"
    early.write_text("EHLO early.example.net\r\nMAIL FROM:<early@example.net>"
                     "\r\n")
    other = subprocess.Popen(
        ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert",
         running.folder / "cert.pem", "-key", running.folder / "key.pem",
         "-tls1_3", "-early_data", "-quiet"], stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def take_ticket():
        with subprocess.Popen(
                ["openssl", "s_client", "-connect", f"127.0.0.1:{port}",
                 "-sess_out", session], stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as s:
            found = wait_for(session.exists, 2)
            s.kill()
        return found

    try:
        assert wait_for(take_ticket, 20)
    finally:
        other.kill()
        other.wait()
    done = s_client(running, "submissions", "-sess_in", session,
                    "-early_data", early, stdin="QUIT\n")
    assert "Early data was rejected" in done.stdout, done.stdout
    assert "New, TLSv1.3" in done.stdout
    assert "Max Early Data: 0" in done.stdout or \
        "Post-Handshake New Session Ticket" not in done.stdout
    assert "early" not in running.log.read_text(errors="replace")


@pytest.mark.shows("TLS-2")
@PORTS
@pytest.mark.parametrize("end", ["close_notify", "garbage", "RST of TLS"])
@pytest.mark.parametrize("how", ["DATA", "BDAT"])
def test_tls_ends_in_content(running, port, end, how):
    """Whatever ends TLS ends the connection: no plain octet is content."""
    t = Talk(running.port("relay" if port == "mx" else port),
             tls=port == "submissions")
    t.hello()
    sender = "half@example.net" if port == "mx" else "other@example.org"
    if port == "mx":
        t.ask("STARTTLS", 220)
        t.start_tls()
        t.hello()
    else:
        t.ask(b"AUTH PLAIN " + base64.b64encode(
            b"\0other@example.org\0" + PASSWORD.encode()), 235)
    t.ask(f"MAIL FROM:<{sender}>", 250)
    t.ask("RCPT TO:<user@example.org>", 250)
    if how == "DATA":
        t.ask("DATA", 354)
        t.raw(b"Subject: half\r\n\r\nhalf a li")
    else:
        t.raw(b"BDAT 30 LAST\r\nSubject: half\r\n\r\nhalf a li")
    plain = socket.socket(fileno=os.dup(t.sock.fileno()))
    plain.settimeout(10)
    if end == "close_notify":
        try:
            t.sock.settimeout(2)
            t.sock.unwrap()
        except OSError:
            pass
    elif end == "garbage":
        plain.sendall(b"\x17\x03\x03\x00\x20" + b"g" * 32)
    else:
        plain.sendall(bytes.fromhex("1503030002022f"))
    try:
        plain.sendall(b"X\r\n.\r\nMAIL FROM:<plain@example.net>\r\n")
    except OSError:
        pass
    assert is_ended(plain)
    plain.close()
    nothing_of(running, sender, "plain@example.net")
    assert "plain@" not in running.log.read_text(errors="replace")
    assert running.is_ready()


def is_ended(sock):
    """No word in plain, then the end."""
    got = b""
    try:
        while more := sock.recv(4096):
            got += more
    except ConnectionError:
        pass
    except TimeoutError:
        return False
    return b"250" not in got and b"354" not in got


@pytest.mark.shows("TLS-3")
def test_starttls_resets(running):
    """EHLO, transaction, HELO name; refused with arguments, twice, inside."""
    with Talk(running.port("mx")) as t:
        assert t.ask("STARTTLS")[0] == 503	# EHLO first
        t.hello("before.example.net")
        assert t.ask("STARTTLS now")[0] == 501
        t.ask("MAIL FROM:<before@example.net>", 250)
        assert t.ask("STARTTLS")[0] == 503
        t.ask("RCPT TO:<user@example.org>", 250)
        assert t.ask("STARTTLS")[0] == 503
        assert t.content(GOOD)[0] == 250	# it is in step
        t.ask("STARTTLS", 220)
        t.start_tls()
        for command in ("MAIL FROM:<s@example.net>", "STARTTLS",
                        "RCPT TO:<user@example.org>", "DATA"):
            assert t.ask(command)[0] == 503, command
        assert "STARTTLS" not in t.hello("behind.example.net")
        assert t.ask("STARTTLS")[0] == 503
        t.mail(GOOD)
    with Talk(running.port("submission")) as t:
        t.hello()
        t.ask("STARTTLS", 220)
        t.start_tls()
        assert t.ask("AUTH PLAIN")[0] == 503
        assert "AUTH PLAIN" in t.hello()


@pytest.mark.shows("TLS-1")
@pytest.mark.parametrize("extra", [
    b"250-injected\r\n250 AUTH PLAIN\r\n", b"2", b"\x16\x03\x03"],
    ids=["a reply", "an octet", "a record"])
def test_injected_behind_220(make_server, extra):
    """A server that says more than its 220: left, nothing of it is TLS."""
    offers = b"250-script.example\r\n250 STARTTLS\r\n"
    sink = ScriptSink(lambda stage, said, n: {
        "EHLO": offers, "STARTTLS": b"220 go\r\n" + extra}.get(stage))
    server = make_server(
        extra=f"relay via smtp://me@localhost:{sink.port} password-file "
        "FOLDER/relay.secret\nca-file FOLDER/cert.pem\n" + QUICK,
        change=lambda text: text.replace("FOLDER", text.split(
            "\nspool ")[1].split("\n")[0].rpartition("/")[0]))
    (server.folder / "relay.secret").write_text("hush\n")
    (server.folder / "relay.secret").chmod(0o600)
    server.start()
    name = send(server, "there@example.com")
    assert wait_for(lambda: deferred(server, name), 20), server.log_tail()
    assert wait_for(lambda: 1 in sink.closed, 10)
    stages = {stage for _, stage, _, _ in sink.seen}
    assert stages == {"greeting", "EHLO", "STARTTLS"}, stages
    log = server.log.read_text(errors="replace")
    assert "injected" not in log and " tls=" not in log
    sink.close()
