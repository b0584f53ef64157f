"""The way out: smarthost, MX, retry when away, bounce."""
import email
import os

import pytest

from conftest import server_tls
from mails import sized
from server import free_port, wait_for
from sinks import AioSink
from talk import Talk, message_id

BODY = b"Subject: out\r\n\r\n.dot\r\nbody\r\n"
QUICK = "retry first 1s\nretry cap 2s\nretry jitter 0%\n"


def send(server, to, content=BODY, sender="user@example.org"):
    with Talk(server.port("relay")) as t:
        t.hello()
        return message_id(t.mail(content, sender=sender, to=to))


def settled(server, name):
    """The queue has nothing of this message any more."""
    return wait_for(lambda: not any(r.get("id") == name for r in
                                    server.rows("queue", "list")), 20)


def bounces(server, user="user"):
    return [email.message_from_bytes(p.read_bytes())
            for p in server.messages(user)]


def secret(server, text):
    path = server.folder / "relay.secret"
    path.write_text(text + "\n")
    path.chmod(0o600)
    return path


@pytest.mark.shows("DLV-6", "AUTH-1")
def test_smarthost_with_tls_and_login(make_server, aio_sink):
    """STARTTLS and AUTH PLAIN to the smarthost, certificate checked."""
    port = free_port()
    server = make_server(
        extra=f"relay via smtp://me@localhost:{port} password-file "
        "{folder}/relay.secret\nca-file {folder}/cert.pem\n".replace(
            "{folder}", "FOLDER"),
        change=lambda text: text.replace("FOLDER", folder_of(text)))
    secret(server, "hush hush")
    sink = aio_sink(port=port, tls=server_tls(server.folder),
                    auth=(b"me", b"hush hush"))
    server.start()
    name = send(server, "there@example.com")
    mails = sink.wait(1, 20)
    assert len(mails) == 1, server.log_tail()
    assert sink.was_tls == [True] and sink.logins[-1] == (b"me", b"hush hush")
    assert mails[0].content.endswith(BODY)
    assert settled(server, name)
    assert "hush hush" not in server.log.read_text(errors="replace")


@pytest.mark.ordinary
@pytest.mark.shows("DLV-6", "RLY-2")
def test_smarthost_is_the_whole_file(make_server, aio_sink):
    """One line: no port is open, programs on this host send, TLS and AUTH."""
    port = free_port()

    def one_line(text):
        start = text.index("tls certificate")
        users = [row for row in text.splitlines() if row.startswith("user ")]
        return "\n".join([text[:start], f"ca-file {folder_of(text)}/cert.pem",
                          f"relay via smtps://user@localhost:{port} "
                          f"password-file {folder_of(text)}/relay.secret",
                          *users, ""])

    server = make_server()
    server.conf.write_text(one_line(server.conf.read_text()))
    secret(server, "hush hush")
    sink = aio_sink(port=port, tls=server_tls(server.folder),
                    auth=(b"user", b"hush hush"), is_implicit=True)
    server.start(wait=False)
    assert wait_for((server.folder / "submission").exists), server.log_tail()
    for name, number in server.ports.items():
        with pytest.raises(ConnectionRefusedError):
            Talk(number).close()
    said = server.command("send", "-f", "me@example.org", "there@example.com",
                          stdin="Subject: one line\n\nhello\n")
    mails = sink.wait(1, 20)
    assert len(mails) == 1, server.log_tail()
    assert sink.logins[-1] == (b"user", b"hush hush")
    assert mails[0].recipients == ["there@example.com"]
    assert settled(server, message_id(said))


def folder_of(text):
    return os.path.dirname(text.split("\nspool ")[1].split("\n")[0])


@pytest.mark.shows("TLS-10")
def test_smarthost_with_wrong_certificate(make_server, aio_sink):
    """A certificate that nobody vouches for: nothing is given to it."""
    port = free_port()
    server = make_server(
        extra=f"relay via smtp://me@localhost:{port} "
        "password-file FOLDER/relay.secret\n" + QUICK,
        change=lambda text: text.replace("FOLDER", folder_of(text)))
    secret(server, "hush hush")
    sink = aio_sink(port=port, tls=server_tls(server.folder),
                    auth=(b"me", b"hush hush"))
    server.start()
    name = send(server, "there@example.com")
    assert wait_for(lambda: any(r.get("id") == name and r.get("attempts")
                                for r in server.rows("queue", "list")), 20)
    assert not sink.mails and not sink.logins


def mx_server(make_server, dns, zones, port, more=""):
    d = dns(zones)
    return make_server(extra=d.config + f"mx-port {port}\n" + more).start(), d


@pytest.mark.shows("DNS-1")
def test_mx_in_order_of_preference(make_server, dns, aio_sink):
    """The best MX takes it; when it is away, the next one does."""
    port = free_port()
    worse = aio_sink(port=port, host="127.0.0.3")
    better = AioSink(port=port, host="127.0.0.2")
    server, _ = mx_server(make_server, dns, {
        "mx.example": "@ MX 10 better\n@ MX 20 worse\n"
        "better A 127.0.0.2\nworse A 127.0.0.3\n"}, port)
    send(server, "a@mx.example")
    assert better.wait(1, 15), server.log_tail()
    better.close()
    send(server, "b@mx.example")
    assert worse.wait(1, 15), server.log_tail()
    assert [m.recipients for m in worse.mails] == [["b@mx.example"]]


@pytest.mark.shows("DNS-1")
def test_address_without_mx(make_server, dns, aio_sink):
    """RFC 5321 5.1: no MX, then the address of the domain itself."""
    port = free_port()
    sink = aio_sink(port=port, host="127.0.0.2")
    server, _ = mx_server(make_server, dns,
                          {"plain.example": "@ A 127.0.0.2\n"}, port)
    send(server, "a@plain.example")
    assert sink.wait(1, 15), server.log_tail()


@pytest.mark.shows("DNS-6", "DNS-4", "RLY-4")
def test_null_mx_and_no_domain_bounce(make_server, dns):
    """RFC 7505 and NXDOMAIN are permanent: one bounce each, then quiet."""
    server, _ = mx_server(make_server, dns, {"null.example": "@ MX 0 .\n"},
                          free_port())
    send(server, "a@null.example")
    send(server, "a@nothing.null.example")
    assert len(server.wait_messages(2, seconds=20)) == 2, server.log_tail()
    texts = [str(m) for m in bounces(server)]
    assert any("5.1.10" in t for t in texts)
    assert any("5.1.2" in t for t in texts)


@pytest.mark.shows("DNS-4")
def test_dns_away_is_temporary(make_server, dns):
    """No answer from DNS: no bounce; mail goes when DNS is back."""
    port = free_port()
    server, d = mx_server(make_server, dns,
                          {"later.example": "@ A 127.0.0.2\n"}, port, QUICK)
    d.stop()
    name = send(server, "a@later.example")
    assert wait_for(lambda: any(r.get("id") == name for r in
                                server.rows("queue", "list")), 10)
    assert not server.messages()
    d.start()
    sink = AioSink(port=port, host="127.0.0.2")
    try:
        assert wait_for(lambda: sink.mails, 60), server.log_tail()
    finally:
        sink.close()


@pytest.mark.shows("DLV-6")
@pytest.mark.ordinary
def test_retry_when_away(make_server):
    """The next hop is away: kept, shown with the reason, sent when back."""
    port = free_port()
    server = make_server(
        extra=f"relay via smtp://127.0.0.1:{port}\n" + QUICK).start()
    name = send(server, "there@example.com")
    assert wait_for(lambda: any(r.get("id") == name for r in
                                server.rows("queue", "list")), 10)
    sink = AioSink(port=port)
    try:
        assert wait_for(lambda: sink.mails, 20), server.log_tail()
        assert settled(server, name)
        assert len(sink.mails) == 1
    finally:
        sink.close()
    assert "there@example.com" in server.command("trace", name)


@pytest.mark.shows("DLV-6")
def test_many_over_few_connections(make_server, aio_sink):
    """More than a connection carries: it says QUIT, the next one goes on."""
    sink = aio_sink()
    server = make_server(
        extra=f"relay via smtp://127.0.0.1:{sink.port}\n"
        "limit concurrency 2\nlimit concurrency-start 2\n").start()
    senders = server.roles()["sender"]
    with Talk(server.port("relay")) as t:
        t.hello()
        for i in range(450):
            t.mail(BODY, sender="user@example.org", to=f"n{i}@example.com")
    assert len(sink.wait(450, 60)) == 450, server.log_tail()
    assert wait_for(lambda: not server.rows("queue", "list"), 20)
    assert len(sink.mails) == 450
    assert server.roles()["sender"] == senders, server.log_tail()


@pytest.mark.shows("DLV-6", "SMTP-9")
@pytest.mark.parametrize("stage,reply,fate", [
    ("MAIL", "550 5.7.1 not from you", "bounce"),
    ("MAIL", "451 4.3.0 later", "retry"),
    ("RCPT", "550 5.1.1 no such person", "bounce"),
    ("RCPT", "452 4.2.2 mailbox full", "retry"),
    ("DATA", "554 5.6.0 not this", "bounce"),
    ("DATA", "421 4.3.2 going down", "retry"),
    ("DATA", "550 no enhanced code here", "bounce"),
])
def test_each_code_at_each_stage(make_server, aio_sink, stage, reply, fate):
    """4xx is tried again and then taken; 5xx comes back with its words."""
    sink = aio_sink(answers=lambda s, n, a: reply
                    if s == stage and n == 1 else None)
    server = make_server(
        extra=f"relay via smtp://127.0.0.1:{sink.port}\n" + QUICK).start()
    send(server, "there@example.com")
    if fate == "retry":
        assert sink.wait(1, 20), server.log_tail()
        assert not server.messages()
        return
    assert len(server.wait_messages(1, seconds=20)) == 1, server.log_tail()
    message = bounces(server)[0]
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    parts = message.get_payload()
    assert parts[1].get_content_type() == "message/delivery-status"
    status = str(parts[1])
    assert "Final-Recipient: rfc822;" in status.replace("; ", ";")
    assert "there@example.com" in status
    assert "Action: failed" in status
    assert reply.split()[0] in status
    assert "Subject: out" in str(parts[2])
    assert message["Return-Path"] in ("<>", None)
    assert message["Auto-Submitted"] == "auto-replied"
    assert not sink.mails


@pytest.mark.shows("DLV-6", "SPL-7")
def test_recipients_each_their_own(make_server, aio_sink):
    """One refused, one later, one at once: each gets its own fate, once."""
    tried = []

    def answers(stage, n, address):
        if stage == "RCPT":
            tried.append(address)
            if address.startswith("never"):
                return "550 5.1.1 never"
            if address.startswith("later") and tried.count(address) == 1:
                return "451 4.2.0 later"
        return None

    sink = aio_sink(answers=answers)
    server = make_server(
        extra=f"relay via smtp://127.0.0.1:{sink.port}\n" + QUICK).start()
    send(server, ["now@example.com", "later@example.com",
                  "never@example.com"])
    assert len(sink.wait(2, 20)) == 2, server.log_tail()
    assert len(server.wait_messages(1, seconds=10)) == 1
    got = sorted(sum((m.recipients for m in sink.mails), []))
    assert got == ["later@example.com", "now@example.com"]
    assert tried.count("now@example.com") == 1
    assert tried.count("never@example.com") == 1


@pytest.mark.shows("RLY-4")
def test_null_sender_never_bounces(make_server, aio_sink):
    sink = aio_sink(answers=lambda s, n, a: "550 5.1.1 no"
                    if s == "RCPT" else None)
    server = make_server(
        extra=f"relay via smtp://127.0.0.1:{sink.port}\n" + QUICK).start()
    name = send(server, "there@example.com", sender="")
    assert wait_for(lambda: "5.1.1" in server.command(
        "trace", name, check=False)), \
        server.log_tail()
    assert settled(server, name)
    assert not server.messages()


@pytest.mark.shows("DLV-6", "DLV-9")
def test_expiry_bounces(make_server):
    """The lifetime is over: one bounce."""
    server = make_server(
        extra=f"relay via smtp://127.0.0.1:{free_port()}\n" + QUICK
        + "retry lifetime 3s\n").start()
    send(server, "there@example.com")
    assert len(server.wait_messages(1, seconds=30)) == 1, server.log_tail()
    assert "Action: failed" in str(bounces(server)[0])


@pytest.mark.shows("SMTP-13")
def test_loop_ends(make_server):
    """Two servers that send to each other: it stops, one bounce at most."""
    first, second = free_port(), free_port()

    def on(port, other):
        return lambda text: text.replace(
            "listen relay on 127.0.0.1:", f"listen relay on 127.0.0.1:{port} "
            "from 127.0.0.0/8\nlisten relay on 127.0.0.1:") \
            + f"relay via smtp://127.0.0.1:{other}\n" + QUICK

    a = make_server("a", change=on(first, second)).start()
    b = make_server("b", change=on(second, first)).start()
    send(a, "round@example.com")
    assert wait_for(lambda: a.messages() or b.messages(), 60), a.log_tail()
    assert wait_for(lambda: not a.rows("queue", "list")
                    and not b.rows("queue", "list"), 30)
    assert len(a.messages()) + len(b.messages()) <= 1


@pytest.mark.shows("DLV-1")
def test_connection_is_reused(make_server, aio_sink):
    """Many messages for one site travel over few connections."""
    sink = aio_sink()
    server = make_server(
        extra=f"relay via smtp://127.0.0.1:{sink.port}\n").start()
    with Talk(server.port("relay")) as t:
        t.hello()
        for i in range(100):
            t.mail(BODY, sender=f"m{i}@example.net", to="a@example.com")
    assert len(sink.wait(100, 20)) == 100, server.log_tail()
    assert len({m.sender for m in sink.mails}) == 100


@pytest.mark.shows("SMTP-9")
def test_large_mail_out(make_server, aio_sink):
    sink = aio_sink()
    server = make_server(
        extra=f"relay via smtp://127.0.0.1:{sink.port}\n").start()
    content = sized(5 << 20)
    send(server, "there@example.com", content)
    assert sink.wait(1, 30), server.log_tail()
    assert sink.mails[0].content.endswith(content)
