"""A real HAProxy in front of us: its headers, its checks, TLS through it."""
import shutil
import subprocess
import time

import pytest

from server import Server, free_port, wait_for
from talk import Talk, message_id
from test_proxy import log_of

HAPROXY = shutil.which("haproxy") or shutil.which("haproxy",
                                                  path="/usr/sbin")
PROXY, CLIENT = "127.0.0.2", "127.0.0.9"
GOOD = b"Subject: through a proxy\r\n\r\nhi\r\n"
# How it may be told to speak to us.
WAYS = {
    "v1": "send-proxy",
    "v2": "send-proxy-v2",
    "v2-crc": "send-proxy-v2 proxy-v2-options crc32c",
}


@pytest.fixture(scope="module")
def proxied(tmp_path_factory):
    """(server, {way: HAProxy's port}); "-tls": to the port with TLS first."""
    if HAPROXY is None:
        pytest.skip("haproxy is not installed")
    folder = tmp_path_factory.mktemp("haproxy")
    ports = {"": free_port(), "-tls": free_port()}
    server = Server(
        folder / "server",
        extra=f"listen mx on 127.0.0.1:{ports['']} proxy {PROXY}\n"
        f"listen mx on 127.0.0.1:{ports['-tls']} tls implicit proxy {PROXY}\n"
        "hold deliveries\n").start()
    fronts, text = {}, "defaults\n mode tcp\n timeout connect 5s\n" \
        " timeout client 30s\n timeout server 30s\n"
    for way, words in WAYS.items():
        for kind, port in ports.items():
            front = fronts[way + kind] = free_port()
            text += f"listen {way}{kind}\n bind 127.0.0.1:{front}\n" \
                f" server s 127.0.0.1:{port} source {PROXY} {words}\n"
    text += f"listen checked\n bind 127.0.0.1:{free_port()}\n" \
        f" server s 127.0.0.1:{ports['']} source {PROXY} send-proxy-v2 " \
        "check check-send-proxy inter 300\n"
    conf = folder / "haproxy.cfg"
    conf.write_text(text)
    process = subprocess.Popen([HAPROXY, "-db", "-q", "-f", conf],
                               stdout=subprocess.DEVNULL,
                               stderr=subprocess.STDOUT)
    try:
        assert wait_for(lambda: is_up(fronts["v1"]), 10)
        yield server, fronts
    finally:
        process.terminate()
        process.wait(10)
        server.end()


def is_up(port):
    try:
        with Talk(port, timeout=5) as t:
            return t.greeting[0] == 220
    except OSError:
        return False


@pytest.mark.shows("SMTP-11")
@pytest.mark.parametrize("tls", ["", "-tls"])
@pytest.mark.parametrize("way", WAYS)
def test_mail_through_it(proxied, way, tls):
    server, fronts = proxied
    with Talk(fronts[way + tls], source=CLIENT, tls=bool(tls)) as t:
        t.hello()
        if not tls:
            t.ask("STARTTLS", 220)
            t.start_tls()
            t.hello()
        name = message_id(t.mail(GOOD))
    line = log_of(server, " accepted ", name)[0]
    assert f"client={CLIENT} " in line and "tls=" in line, line


@pytest.mark.shows("SMTP-11")
def test_its_checks_are_quiet(proxied):
    """They say LOCAL, or nothing: no trouble in the log, nobody counted."""
    server, _ = proxied
    before = server.log.stat().st_size
    time.sleep(1.5)
    text = server.log.read_bytes()[before:].decode(errors="replace")
    assert "proxy-trouble" not in text and "refused" not in text, text
    assert 'why="health check"' in text or "why=closed" in text, text
