"""What SMTP's extensions ask for, from the session to the mailbox or next hop."""
import base64
import email
from email.utils import parsedate_to_datetime
import os
import re
import signal
import time

import pytest

from conftest import server_tls
from script import DROP, OFFERS, Script
from script_sink import ScriptSink
from server import PASSWORD, free_port, wait_for
from talk import Talk, message_id

BODY = b"From: user@example.org\r\nSubject: out\r\n\r\n.dot\r\nbody\r\n"
QUICK = "retry first 1s\nretry cap 2s\nretry jitter 0%\n"


class Client(Talk):
    """Says octets, and wants exactly one code."""

    def want(self, line, code):
        got, text = self.ask(line)
        assert got == code, f"{line!r}: {got} {text}"
        return text

    def codes(self, n):
        return [self.reply()[0] for _ in range(n)]

    def chunk(self, octets, last=True, code=250):
        self.raw(b"BDAT %d%s\r\n" % (len(octets), b" LAST" if last else b"")
                 + octets)
        got, text = self.reply()
        assert got == code, f"{got} {text}"
        return text

    def offers(self, verb="EHLO"):
        text = self.want(f"{verb} client.example.net", 250)
        return {line.split(" ")[0]: line for line in text.splitlines()[1:]}

    def login(self):
        secret = f"\0user@example.org\0{PASSWORD}".encode()
        self.want(b"AUTH PLAIN " + base64.b64encode(secret), 235)


def report_of(server, user="user", seconds=15):
    """The delivery-status part of the only report, as fields; the report."""
    got = server.wait_messages(1, user, seconds)
    assert got, server.log_tail()
    mail = email.message_from_bytes(got[0].read_bytes())
    assert mail.get_content_type() == "multipart/report", mail
    return mail.get_payload()[1].get_payload(), mail


class Offers(ScriptSink):
    """A server whose EHLO offers what a test wants."""

    def __init__(self, *words, **more):
        offer = b"".join(b"250-%s\r\n" % w for w in words)

        def answer(stage, text, n):
            if stage == "EHLO":
                return b"250-script.example\r\n" + offer + b"250 HELP\r\n"
            said = more.get(stage)
            return said(text) if callable(said) else said
        super().__init__(answer)

    def said(self, stage):
        with self.lock:
            return [text for _, s, text, _ in self.seen if s == stage]


@pytest.fixture
def relayed(make_server):
    """make(sink, ...): a server that gives all else to a scripted server."""
    sinks = []

    def make(sink, extra=""):
        sinks.append(sink)
        quick = "" if "retry first" in extra else QUICK
        return make_server(extra=quick + extra + "relay via smtp://127.0.0.1:"
                           f"{sink.port}\n").start()
    yield make
    for sink in sinks:
        sink.close()


def send(server, mail=b"", rcpt=b"", to=b"there@example.com", content=BODY,
         sender=b"user@example.org", by_bdat=False):
    with Client(server.port("relay")) as t:
        t.hello()
        t.want(b"MAIL FROM:<%s> %s" % (sender, mail), 250)
        t.want(b"RCPT TO:<%s> %s" % (to, rcpt), 250)
        if by_bdat:
            return message_id(t.chunk(content))
        code, text = t.content(content)
        assert code == 250, text
        return message_id(text)


@pytest.mark.shows("SMTP-5")
def test_what_is_offered(server):
    """Each extension where it may be used, and nowhere else."""
    always = {"PIPELINING", "SIZE", "8BITMIME", "CHUNKING", "BINARYMIME",
              "SMTPUTF8", "DSN", "DELIVERBY", "MT-PRIORITY", "LIMITS",
              "PRDR", "ENHANCEDSTATUSCODES"}
    with Client(server.port("mx")) as t:
        got = t.offers()
        assert always <= got.keys()
        assert "STARTTLS" in got and "REQUIRETLS" not in got
        assert "AUTH" not in got and "FUTURERELEASE" not in got
        assert re.match(r"LIMITS MAILMAX=\d+ RCPTMAX=1000$", got["LIMITS"])
        t.want(b"STARTTLS", 220)
        t.start_tls()
        got = t.offers()
        assert "REQUIRETLS" in got and "STARTTLS" not in got
    with Client(server.port("submissions"), tls=True) as t:
        got = t.offers()
        assert always | {"AUTH", "REQUIRETLS"} <= got.keys()
        assert re.match(r"FUTURERELEASE 2592000 \d{4}-\d\d-\d\dT[\d:]{8}Z$",
                        got["FUTURERELEASE"])


@pytest.mark.shows("SMTP-5", "SMTP-2")
def test_chunks_into_a_mailbox(server):
    """Cut between CR and LF, pipelined; the dot lines are content."""
    with Client(server.port("mx")) as t:
        t.hello()
        t.want(b"MAIL FROM:<a@example.net>", 250)
        t.want(b"RCPT TO:<user@example.org>", 250)
        t.raw(b"BDAT 14\r\nSubject: out\r\n" b"BDAT 4\r\n\r\n.\r"
              b"BDAT 6 LAST\r\n\n..\r\n." b"NOOP\r\n")
        assert t.codes(4) == [250] * 4
    got = server.wait_messages(1)[0].read_bytes()
    assert got.endswith(b"Subject: out\n\n.\n..\n."), got


@pytest.mark.shows("SMTP-5")
def test_chunks_of_large_mail(server):
    """Beyond what lies in a segment: a large file, whole or dropped."""
    block = b"x" * 998 + b"\r\n"
    with Client(server.port("mx")) as t:
        t.hello()
        for end in (b"RSET", None):
            t.want(b"MAIL FROM:<a@example.net>", 250)
            t.want(b"RCPT TO:<user@example.org>", 250)
            t.chunk(b"Subject: big\r\n\r\n", last=False)
            for _ in range(4):
                t.chunk(block * 200, last=False)
            if end:
                t.want(end, 250)
            else:
                t.chunk(b"")
    files = server.wait_messages(1)
    time.sleep(0.3)
    assert len(server.messages()) == 1
    assert files[0].read_bytes().count(b"x" * 998 + b"\n") == 800


@pytest.mark.shows("SMTP-14")
def test_binary_is_never_changed(server):
    """BODY=BINARYMIME into a mailbox: octet by octet."""
    content = b"Subject: b\r\n\r\n\x00\n\r\r\n\xff.\n"
    send(server, mail=b"BODY=BINARYMIME", to=b"user@example.org",
         content=content, by_bdat=True)
    got = server.wait_messages(1)[0].read_bytes()
    assert got.endswith(content) and got.startswith(b"Return-Path: <user@"
                                                    b"example.org>\r\n")


@pytest.mark.shows("SMTP-14")
def test_binary_to_a_server_without_it(relayed):
    """5.6.3 back to the sender, and not an octet there."""
    sink = Offers(b"8BITMIME", b"CHUNKING")
    server = relayed(sink)
    send(server, mail=b"BODY=BINARYMIME", content=b"A: b\r\n\r\n\x00\n",
         by_bdat=True)
    fields, mail = report_of(server)
    assert fields[1]["Status"] == "5.6.3" and fields[1]["Action"] == "failed"
    assert not sink.said("MAIL")


def send_utf8(server):
    send(server, mail=b"SMTPUTF8", to="josé@example.com".encode(),
         content="Subject: né\r\n\r\nx\r\n".encode())


@pytest.mark.shows("SMTP-14")
def test_smtputf8_is_passed_on(relayed):
    """RFC 6531 3.4, 4.3: the address as it is, the extension, the trace."""
    sink = Offers(b"SMTPUTF8", b"8BITMIME")
    server = relayed(sink)
    send_utf8(server)
    assert wait_for(lambda: sink.mails), server.log_tail()
    assert sink.said("RCPT") == ["RCPT TO:<josé@example.com>".encode()]
    assert b" SMTPUTF8" in sink.said("MAIL")[0]
    assert b"with UTF8SMTP id" in sink.mails[0]


@pytest.mark.shows("SMTP-14")
def test_smtputf8_to_a_server_without_it(relayed):
    """5.6.7, the address in ASCII in the report (RFC 6533 section 3)."""
    sink = Offers(b"8BITMIME")
    server = relayed(sink)
    send_utf8(server)
    fields, _ = report_of(server)
    assert fields[1]["Status"] == "5.6.7"
    assert fields[1]["Final-Recipient"] == "utf-8; jos\\x{E9}@example.com"
    assert not sink.said("MAIL")


def test_mailbox_beyond_ascii(make_server):
    """RFC 6531 3.3: a mailbox in UTF-8, its domain as U-labels or A-labels."""
    with_domain = """domain xn--bcher-kva.example {{
	users file {0}/users
	deliver maildir {0}/mail/{{user}}
}}
"""
    server = make_server()
    server.conf.write_text(server.conf.read_text()
                           + with_domain.format(server.folder))
    server.command("user", "add", "josé@example.org", stdin=PASSWORD + "\n")
    server.start()
    with Client(server.port("mx")) as t:
        t.hello()
        t.want("MAIL FROM:<there@example.com> SMTPUTF8".encode(), 250)
        for address, code in (("josé@bücher.example", 250),
                              ("josé@BÜCHER.example", 250),
                              ("user@xn--bcher-kva.example", 250),
                              ("user@bu\u0308cher.example", 250),
                              ("jose@bücher.example", 550),
                              ("user@bücher.example.com", 550)):
            t.want(f"RCPT TO:<{address}>".encode(), code)
        assert t.content(BODY)[0] == 250
    assert server.wait_messages(1, "josé"), server.log_tail()
    assert server.wait_messages(1, "user"), server.log_tail()


def test_smtputf8_has_to_be_said(server):
    """RFC 6531 3.5: 550 5.6.7 without the parameter."""
    sender = "rené@example.org".encode()
    with Client(server.port("mx")) as t:
        t.hello()
        for line, code in ((b"MAIL FROM:<%s>" % sender, 550),
                           (b"VRFY %s SMTPUTF8" % sender, 252),
                           (b"MAIL FROM:<%s> SMTPUTF8" % sender, 250)):
            t.want(line, code)


@pytest.mark.shows("TLS-10")
def test_requiretls_without_tls_on_the_way(make_server):
    """5.7.10, and the mail stays here; the report is only its header."""
    sink = Offers(b"REQUIRETLS", b"DSN")
    server = make_server(extra=QUICK + "relay via smtp://127.0.0.1:"
                         f"{sink.port}\n").start()
    with Client(server.port("submissions"), tls=True) as t:
        t.hello()
        t.login()
        t.want(b"MAIL FROM:<user@example.org> REQUIRETLS RET=FULL", 250)
        t.want(b"RCPT TO:<there@example.com>", 250)
        t.content(BODY)
    fields, mail = report_of(server)
    assert fields[1]["Status"] == "5.7.10"
    assert mail.get_payload()[2].get_content_type() == "text/rfc822-headers"
    assert not sink.said("MAIL")
    sink.close()


def required_to(server, sender, content=BODY, mail=b"REQUIRETLS"):
    """Over TLS, to the server behind us."""
    with Client(server.port("relay")) as t:
        t.hello()
        t.want(b"STARTTLS", 220)
        t.start_tls()
        t.hello()
        t.want(b"MAIL FROM:<%s> %s" % (sender, mail), 250)
        t.want(b"RCPT TO:<there@example.com>", 250)
        code, text = t.content(content)
        assert code == 250, text
        return message_id(text)


@pytest.fixture
def tls_hop(make_server):
    """make(...): a server, and the Script behind it with a good certificate."""
    hops = []

    def make(answers=None, offers=OFFERS, extra="", ca="ca-file {}/cert.pem\n"):
        port = free_port()
        server = make_server(extra=QUICK + extra +
                             f"relay via smtp://127.0.0.1:{port}\n")
        server.conf.write_text(server.conf.read_text()
                               + ca.format(server.folder))
        hops.append(Script(answers, offers, port=port,
                           tls=server_tls(server.folder)))
        return server.start(), hops[-1]
    yield make
    for hop in hops:
        hop.close()


def report_lines(hop):
    return [m for m in hop.mails if m[0].startswith("MAIL FROM:<>")]


@pytest.mark.shows("TLS-10")
def test_requiretls_and_its_report(tls_hop):
    """RFC 8689 4.2.1, section 5: passed on; the report as well, headers alone."""
    server, hop = tls_hop(
        lambda stage, n, text: "550 5.1.1 nobody"
        if stage == "RCPT" and "there@" in text else None,
        OFFERS + ("REQUIRETLS", "DSN"))
    required_to(server, b"a@example.net", mail=b"REQUIRETLS RET=FULL")
    assert wait_for(lambda: report_lines(hop), 15), server.log_tail()
    mail, rcpt, content = report_lines(hop)[0]
    assert " REQUIRETLS" in mail and rcpt[0].startswith("RCPT TO:<a@example")
    assert b"text/rfc822-headers" in content and b".dot" not in content
    first = [line for line in hop.lines("MAIL") if "<a@example.net>" in line]
    assert first and " REQUIRETLS" in first[0]


@pytest.mark.shows("TLS-10")
def test_report_without_requiretls_on_the_way(tls_hop):
    """RFC 8689 section 5: it is not dropped for want of the promise."""
    server, hop = tls_hop()
    required_to(server, b"a@example.net")
    assert wait_for(lambda: report_lines(hop), 15), server.log_tail()
    mail, _, content = report_lines(hop)[0]
    assert "REQUIRETLS" not in mail and b"Status: 5.7.30\r\n" in content
    assert len(hop.mails) == 1


@pytest.mark.shows("TLS-10")
def test_report_over_tls_that_nobody_vouches_for(tls_hop):
    """RFC 8689 section 2: there REQUIRETLS must not be said."""
    server, hop = tls_hop(offers=OFFERS + ("REQUIRETLS",), ca="")
    required_to(server, b"a@example.net")
    assert wait_for(lambda: report_lines(hop), 15), server.log_tail()
    mail, _, content = report_lines(hop)[0]
    assert "REQUIRETLS" not in mail and b"Status: 5.7.10\r\n" in content


OPTIONAL = b"TLS-Required: No\r\n" + BODY


@pytest.mark.parametrize("trouble", [DROP, "421 4.3.2 no"])
def test_tls_required_no(make_server, trouble):
    """RFC 8689 4.2.2: what TLS would hold up goes without; the rest waits."""
    hop = Script(lambda stage, n, text: trouble if stage == "STARTTLS"
                 else None, OFFERS + ("STARTTLS",))
    server = make_server(extra=QUICK + "relay via smtp://127.0.0.1:"
                         f"{hop.port}\n").start()
    waits = send(server, sender=b"waits@example.org")
    send(server, content=OPTIONAL)
    assert wait_for(lambda: hop.mails, 15), server.log_tail()
    assert "<user@example.org>" in hop.mails[0][0]
    assert b"TLS-Required: No\r\n" in hop.mails[0][2]
    assert "tls-required=no" in server.log.read_text()
    assert wait_for(lambda: hop.counts.get("STARTTLS", 0) >= 4, 15)
    rows = server.rows("queue", "list")
    assert len(hop.mails) == 1 and len(rows) == 1, rows
    assert waits in str(rows)
    hop.close()


def test_tls_required_no_to_a_server_that_requires_it(make_server):
    """RFC 8689 4.2.2: its refusal comes back, and so may the report go."""
    def answer(stage, n, text):
        if stage == "STARTTLS":
            return DROP
        return "530 5.7.0 Must issue STARTTLS first" \
            if stage == "MAIL" and "<>" not in text else None
    hop = Script(answer, OFFERS + ("STARTTLS",))
    server = make_server(extra=QUICK + "relay via smtp://127.0.0.1:"
                         f"{hop.port}\n").start()
    send(server, sender=b"a@example.net", content=OPTIONAL)
    assert wait_for(lambda: hop.mails, 15), server.log_tail()
    mail, rcpt, content = hop.mails[0]
    assert mail.startswith("MAIL FROM:<>") and b"Status: 5.7.0" in content
    # Section 6: the report asks for as little as what it is about.
    assert b"TLS-Required: No\r\n" in content.partition(b"\r\n\r\n")[0]
    hop.close()


@pytest.mark.shows("TLS-10")
def test_tls_required_no_does_not_lift_requiretls(make_server):
    """RFC 8689 4.1: the parameter goes before the field."""
    hop = Script(lambda stage, n, text: DROP if stage == "STARTTLS" else None,
                 OFFERS + ("STARTTLS", "REQUIRETLS"))
    server = make_server(extra=QUICK + "relay via smtp://127.0.0.1:"
                         f"{hop.port}\n").start()
    required_to(server, b"user@example.org", OPTIONAL)
    assert wait_for(lambda: hop.counts.get("STARTTLS", 0) >= 3, 15)
    assert not hop.mails and not hop.lines("MAIL")
    hop.close()


def by_session(hop, verb):
    """The lines that begin so, of each connection in turn."""
    found = {}
    with hop.lock:
        for number, _, line in hop.said:
            if line.startswith(verb):
                found.setdefault(number, []).append(line)
    return found


@pytest.mark.shows("SMTP-14")
def test_limits_of_the_next_hop(make_server):
    """RFC 9422 4: its recipients a mail, its domains, its mails a session."""
    hop = Script(offers=OFFERS +
                 ("LIMITS MAILMAX=2 RCPTMAX=3 RCPTDOMAINMAX=2",))
    server = make_server(extra=QUICK + "relay via smtp://127.0.0.1:"
                         f"{hop.port}\nlimit concurrency-start 1\n").start()
    rcpts = [f"{name}@{domain}".encode() for domain in
             ("a.example", "b.example", "c.example") for name in "wxyz"]
    with Client(server.port("relay")) as t:
        t.hello()
        for _ in range(3):
            t.want(b"MAIL FROM:<user@example.org>", 250)
            for to in rcpts:
                t.want(b"RCPT TO:<%s>" % to, 250)
            assert t.content(BODY)[0] == 250
    assert wait_for(lambda: not server.rows("queue", "list"), 30), \
        server.log_tail()
    got = sorted(to for _, there, _ in hop.mails for to in there)
    assert got == sorted(3 * [f"RCPT TO:<{x.decode()}>" for x in rcpts])
    for _, there, content in hop.mails:
        assert len(there) <= 3 and content.endswith(b"..dot\r\nbody\r\n")
        assert len({x.rpartition("@")[2] for x in there}) <= 2
    sessions = by_session(hop, "MAIL")
    assert max(map(len, sessions.values())) == 2 and len(sessions) >= 6
    assert wait_for(lambda: server.log.read_text().count(
        " delivered to=") >= 36)
    assert " deferred " not in server.log.read_text()
    hop.close()


def test_one_mail_a_session(make_server):
    """RFC 9422 4.1: as many sessions as mails, and nobody waits for a retry."""
    hop = Script(offers=OFFERS + ("LIMITS MAILMAX=1",))
    server = make_server(extra="retry first 300s\nrelay via smtp://127.0.0.1:"
                         f"{hop.port}\nlimit concurrency-start 1\n").start()
    for _ in range(12):
        send(server)
    assert wait_for(lambda: len(hop.mails) == 12, 30), server.log_tail()
    assert set(map(len, by_session(hop, "MAIL").values())) == {1}
    assert wait_for(lambda: not server.rows("queue", "list"), 10)
    hop.close()


def test_what_one_lacks_is_no_word_on_the_next(make_server):
    """A host that is unfit for one mail, and says goodbye behind each."""
    port = free_port()
    server = make_server(extra=QUICK + f"relay via smtp://127.0.0.1:{port}\n"
                         "limit concurrency-start 1\n").start()
    names = []
    for _ in range(4):
        send_utf8(server)
        names += [send(server), send(server)]
    log = server.log
    assert wait_for(lambda: log.read_text().count(" deferred ") >= 12, 30)
    hop = Script(offers=("8BITMIME", "LIMITS MAILMAX=1"), port=port)
    try:
        assert wait_for(lambda: not server.rows("queue", "list"), 30), \
            server.log_tail()
        assert wait_for(lambda: log.read_text().count(" bounced ") == 4)
        told = log.read_text()
        for name in names:
            assert f"{name} delivered" in told, server.log_tail()
            assert f"{name} failed" not in told, server.log_tail()
        assert len(hop.mails) == 8
    finally:
        hop.close()


def test_dsn_is_passed_on(relayed):
    """RFC 3461 5.2.1: as it came; then no report of ours."""
    sink = Offers(b"DSN")
    server = relayed(sink)
    send(server, mail=b"RET=HDRS ENVID=a+2Bb",
         rcpt=b"NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;other@example.com")
    assert wait_for(lambda: sink.mails)
    assert sink.said("MAIL")[0].endswith(b" RET=HDRS ENVID=a+2Bb")
    assert sink.said("RCPT")[0].endswith(
        b" NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;other@example.com")
    time.sleep(1)
    assert not server.messages()


def test_success_is_told(relayed):
    """RFC 3461 5.2.2, 6.3: relayed to who cannot tell; delivered here."""
    sink = Offers()
    server = relayed(sink)
    send(server, mail=b"ENVID=a+2Bb RET=FULL",
         rcpt=b"NOTIFY=SUCCESS ORCPT=rfc822;o+2Bther@example.com")
    fields, mail = report_of(server)
    assert fields[0]["Original-Envelope-Id"] == "a+b"
    assert fields[1]["Original-Recipient"] == "rfc822; o+ther@example.com"
    assert fields[1]["Action"] == "relayed" and fields[1]["Status"][0] == "2"
    assert mail["Subject"] == "Mail was passed on"
    # RFC 3461 4.3: the whole of it is for failures.
    assert mail.get_payload()[2].get_content_type() == "text/rfc822-headers"
    send(server, rcpt=b"NOTIFY=SUCCESS", to=b"other@example.org")
    assert wait_for(lambda: len(server.messages()) == 2, 10)
    last = email.message_from_bytes(server.messages()[-1].read_bytes())
    assert last.get_payload()[1].get_payload()[1]["Action"] == "delivered"
    name = last["Message-ID"][1:27]
    assert wait_for(lambda: not server.rows("queue", "list"), 10), name


def test_who_is_told_of_failure(relayed):
    """NOTIFY=NEVER and without FAILURE: nobody; RET=FULL: all of it."""
    sink = Offers(RCPT=b"550 5.1.1 nobody\r\n")
    server = relayed(sink)
    for words in (b"NOTIFY=NEVER", b"NOTIFY=SUCCESS,DELAY"):
        send(server, rcpt=words)
    send(server, mail=b"RET=FULL", rcpt=b"NOTIFY=FAILURE")
    fields, mail = report_of(server)
    assert fields[1]["Action"] == "failed" and fields[1]["Status"] == "5.1.1"
    whole = mail.get_payload()[2]
    assert whole.get_content_type() == "message/rfc822"
    assert whole.get_payload()[0].get_payload() == ".dot\nbody\n"
    assert wait_for(lambda: not server.rows("queue", "list"), 10)
    time.sleep(0.5)
    assert len(server.messages()) == 1
    log = server.log.read_text()
    assert log.count('why="NOTIFY said so"') == 2


@pytest.mark.shows("DLV-6")
def test_deliver_by_return(relayed):
    """RFC 2852 4.1.3: 5.4.7 at its time, though a try is due much later."""
    sink = Offers(b"DELIVERBY", MAIL=b"451 4.7.1 later\r\n")
    server = relayed(sink)
    began = time.monotonic()
    send(server, mail=b"BY=3;R")
    fields, _ = report_of(server)
    assert 2 < time.monotonic() - began < 8
    assert fields[1]["Status"] == "5.4.7"
    said = sink.said("MAIL")
    assert said and all(re.search(rb" BY=[1-3];R$", x) for x in said), said
    n = len(said)
    time.sleep(2)
    assert len(sink.said("MAIL")) == n


def test_deliver_by_return_to_a_server_without_it(relayed):
    """RFC 2852 4.1.4.1: it is not sent."""
    sink = Offers(b"DSN")
    server = relayed(sink)
    send(server, mail=b"BY=300;R")
    fields, _ = report_of(server)
    assert fields[1]["Status"] == "5.3.3" and not sink.said("MAIL")


def test_deliver_by_notice(relayed):
    """RFC 2852 4.1.3: told once that it is late, 4.4.7; tried on."""
    sink = Offers(b"DELIVERBY", MAIL=b"451 4.7.1 later\r\n")
    server = relayed(sink)
    send(server, mail=b"BY=1;N")
    fields, mail = report_of(server)
    assert fields[1]["Action"] == "delayed" and fields[1]["Status"] == "4.4.7"
    # Section 5: when it was to be there.
    late = [parsedate_to_datetime(fields[0][x]) for x in
            ("Arrival-Date", "Deliver-By-Date")]
    assert 0 <= (late[1] - late[0]).total_seconds() <= 2
    assert server.rows("queue", "list")
    n = len(sink.said("MAIL"))
    assert wait_for(lambda: len(sink.said("MAIL")) >= n + 2, 15)
    assert len(server.messages()) == 1
    assert any(b" BY=-" in x for x in sink.said("MAIL"))


def test_deliver_by_notice_over_a_restart(relayed):
    """RFC 2852 4.1.3: each recipient is told of once, whatever dies meanwhile."""
    sink = Offers(b"DELIVERBY", MAIL=b"451 4.7.1 later\r\n")
    # Another destination: it is tried by itself.
    server = relayed(sink, "relay other.example via smtp://127.0.0.1:"
                     f"{sink.port}\n")
    with Client(server.port("relay")) as t:
        t.hello()
        t.want(b"MAIL FROM:<user@example.org> BY=1;N", 250)
        for to in (b"a@example.com", b"b@other.example"):
            t.want(b"RCPT TO:<%s>" % to, 250)
        t.want(b"RCPT TO:<never@example.com> NOTIFY=NEVER", 250)
        assert t.content(BODY)[0] == 250
    assert server.wait_messages(2, seconds=15), server.log_tail()

    def told():
        text = b"".join(m.read_bytes() for m in server.messages())
        return sorted(re.findall(rb"^Final-Recipient: rfc822; (.*)$", text,
                                 re.M))
    both = [b"a@example.com", b"b@other.example"]
    assert wait_for(lambda: told() == both, 15), server.log_tail()
    for kill in (server.stop, server.crash):
        time.sleep(0.5)	# the journal's group, which is behind the reports
        kill()
        server.start()
        n = len(sink.said("MAIL"))
        assert wait_for(lambda: len(sink.said("MAIL")) >= n + 4, 30)
        assert told() == both


def test_future_release(make_server):
    """RFC 4865: not before its time, through a restart."""
    server = make_server().start()
    began = time.monotonic()
    with Client(server.port("submissions"), tls=True) as t:
        t.hello()
        t.login()
        t.want(b"MAIL FROM:<user@example.org> HOLDFOR=99999999", 501)
        t.want(b"MAIL FROM:<user@example.org> HOLDFOR=6", 250)
        t.want(b"RCPT TO:<user@example.org>", 250)
        t.content(BODY)
    assert wait_for(lambda: server.rows("queue", "list"))
    server.restart()
    assert not server.messages()
    assert server.wait_messages(1, seconds=15)
    assert time.monotonic() - began > 5
    with Client(server.port("mx")) as t:
        t.hello()
        t.want(b"MAIL FROM:<a@example.net> HOLDFOR=6", 555)


class Holder(Client):
    """A user who wants mail to leave later."""

    def __init__(self, server, user=b"user", **how):
        super().__init__(server.port("submissions"), tls=True, **how)
        self.hello()
        self.user = user + b"@example.org"
        self.want(b"AUTH PLAIN " + base64.b64encode(
            b"\0%s\0%s" % (self.user, PASSWORD.encode())), 235)

    def mail_from(self, more=b"HOLDFOR=3600", code=250):
        return self.want(b"MAIL FROM:<%s> %s" % (self.user, more), code)

    def hold(self, more=b"HOLDFOR=3600", code=250, size=100):
        self.mail_from(more)
        self.want(b"RCPT TO:<user@example.org>", 250)
        got, text = self.content(b"From: " + self.user + b"\r\n\r\n"
                                 + (b"x" * 98 + b"\r\n") * (size // 100))
        assert got == code, f"{got} {text}"
        return text


FULL = "5.7.16 Too much of yours waits for its release"


def test_release_quota(make_server):
    """RFC 4865 6: at the limit, one past it, far past it; whose it is."""
    server = make_server(extra="limit user-held-size 12k\n").start()
    with Holder(server) as t, Holder(server, b"other") as other:
        ids = [message_id(t.hold()) for _ in range(3)]
        assert t.mail_from(code=552) == FULL
        for _ in range(300):
            assert t.mail_from(code=552) == FULL
        # What leaves at once is no matter of that, and the session in step.
        t.hold(b"")
        other.hold()
        assert len(server.wait_messages(1)) == 1
        server.command("queue", "delete", ids[0])
        t.hold()
        t.mail_from(code=552)
    server.restart()
    with Holder(server) as t, Holder(server, b"other") as other:
        t.mail_from(code=552)
        other.hold(b"HOLDFOR=1")
        other.hold()
        other.mail_from(code=552)
        # Its time has come: it counts no more.
        assert len(server.wait_messages(2)) == 2
        other.hold()
        other.mail_from(code=552)


def test_release_quota_of_octets(make_server):
    """The same for what they are together, declared or not."""
    server = make_server(extra="limit user-held-size 14k\n").start()
    with Holder(server) as t:
        t.hold(b"HOLDFOR=3600 SIZE=14336")
        t.mail_from(b"HOLDFOR=3600 SIZE=14336", 552)
        t.mail_from(b"HOLDFOR=3600 SIZE=1433600", 552)
        t.hold(b"HOLDFOR=3600 SIZE=100", size=4000)
        assert t.hold(code=552, size=8000) == FULL
        assert t.hold(code=552, size=400000) == FULL
        t.hold(b"", size=8000)
    assert len(server.wait_messages(1)) == 1
    assert wait_for(lambda: len(server.rows("queue", "list")) == 2)


def test_release_quota_without_a_queue(make_server):
    """Nobody can be asked: 451, and other mail goes on."""
    server = make_server().start()
    with Holder(server) as t:
        t.hold()
        # One that stands still answers nobody.
        pid = server.kill_role("queue", signal.SIGSTOP)
        began = time.monotonic()
        try:
            t.ask(b"MAIL FROM:<user@example.org> HOLDFOR=60", 451)
        finally:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass
        assert time.monotonic() - began < 60
        assert wait_for(lambda: t.ask(b"MAIL FROM:<user@example.org>")[0]
                        == 250, 30)


def test_priority(relayed):
    """RFC 6710: passed on from whom we trust, lowered to 0 from strangers."""
    sink = Offers(b"MT-PRIORITY")
    server = relayed(sink)
    send(server, mail=b"MT-PRIORITY=4")
    send(server, mail=b"MT-PRIORITY=-3")
    assert wait_for(lambda: len(sink.mails) == 2)
    got = sorted(x.rpartition(b" ")[2] for x in sink.said("MAIL"))
    assert got == [b"MT-PRIORITY=-3", b"MT-PRIORITY=4"]
    assert sum(b" PRIORITY 4;\r\n" in x for x in sink.mails) == 1
    assert "priority=4" in server.log.read_text()
    with Client(server.port("mx")) as t:
        t.hello()
        reply = t.want(b"MAIL FROM:<a@example.net> MT-PRIORITY=4", 250)
        assert "2.3.6 0 is the new priority" in reply


def test_lmtp(make_server):
    """RFC 2033: a reply for each recipient, own domains only."""
    port = free_port()
    server = make_server(extra=f"listen lmtp on 127.0.0.1:{port}\n").start()
    with Client(port) as t:
        t.want(b"EHLO c.example", 500)
        assert "PRDR" not in t.offers("LHLO")
        t.want(b"MAIL FROM:<a@example.net>", 250)
        for to, code in ((b"user@example.org", 250),
                         (b"nobody@example.org", 550),
                         (b"there@example.com", 550),
                         (b"other@example.org", 250)):
            t.ask(b"RCPT TO:<%s>" % to, code)
        t.want(b"DATA", 354)
        t.raw(BODY.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        for code, text in (t.reply(), t.reply()):
            assert code == 250 and text.startswith("2.0.0 queued"), text
        t.want(b"QUIT", 221)
    for user in ("user", "other"):
        got = server.wait_messages(1, user)[-1].read_bytes()
        assert b"\twith LMTP id" in got, got


def test_lmtp_not_at_port_25(make_server):
    """RFC 2033 section 5."""
    server = make_server(extra="listen lmtp on 127.0.0.1:25\n")
    with pytest.raises(AssertionError, match="cannot be at port 25"):
        server.command("check")


def test_prdr(server):
    """353, one reply a recipient, and the last one for the message."""
    with Client(server.port("mx")) as t:
        t.hello()
        t.want(b"MAIL FROM:<a@example.net> PRDR", 250)
        t.want(b"RCPT TO:<user@example.org>", 250)
        t.want(b"RCPT TO:<other@example.org>", 250)
        t.want(b"DATA", 354)
        t.raw(b"A: b\r\n\r\nx\r\n.\r\n")
        assert t.codes(4) == [353, 250, 250, 250]
        t.want(b"NOOP", 250)


@pytest.mark.shows("SMTP-10")
def test_etrn(relayed):
    """RFC 1985: a listed peer hurries what waits; others hear 502."""
    port = free_port()
    state = {"down": True}

    def mail(text):
        return b"451 4.3.0 later\r\n" if state["down"] else None
    sink = Offers(MAIL=mail)
    server = relayed(sink, "retry first 300s\nretry cap 300s\n" +
                     f"listen mx on 127.0.0.1:{port} etrn 127.0.0.1\n")
    send(server)
    assert wait_for(lambda: sink.said("MAIL"))
    assert wait_for(lambda: server.rows("queue", "list")[0]["attempts"] == 1)
    state["down"] = False
    # Its user wants it to leave in an hour (RFC 4865), whoever asks for it.
    with Holder(server) as t:
        t.mail_from()
        t.want(b"RCPT TO:<later@example.com>", 250)
        assert t.content(BODY)[0] == 250
    assert wait_for(lambda: len(server.rows("queue", "list")) == 2)
    with Client(server.port("mx")) as t:
        assert "ETRN" not in t.offers()
        t.want("ETRN example.com", 502)
    with Client(port) as t:
        t.want("ETRN example.com", 503)
        assert "ETRN" in t.offers()
        t.want("ETRN #queue", 501)
        t.want("ETRN", 501)
        t.want("ETRN elsewhere.example", 250)
        # As short, and as long, as a domain can be.
        for node in ("a", "@a", "@" + ".".join(["x" * 63] * 3) + "." +
                     "y" * 63):
            t.want("ETRN " + node, 250)
            assert wait_for(lambda: f"turn node={node} " in
                            server.log.read_text(), 5), server.log_tail()
        t.want("MAIL FROM:<a@example.net>", 250)
        t.want("ETRN example.com", 503)
        t.want("RSET", 250)
        t.want("ETRN @example.com", 250)
    assert wait_for(lambda: sink.mails, 10), server.log_tail()
    assert wait_for(lambda: "etrn client=127.0.0.1 node=@example.com" in
                    server.log.read_text())
    assert wait_for(lambda: len(server.rows("queue", "list")) == 1, 10)
    assert server.rows("queue", "list")[0]["attempts"] == 0
    assert len(sink.mails) == 1


def test_closed_host(make_server):
    """RFC 7504 section 3: 521 in place of a greeting."""
    port = free_port()
    make_server(extra=f"listen closed on 127.0.0.1:{port}\n").start()
    with Client(port) as t:
        assert t.greeting[0] == 521 and t.greeting[1].startswith("5.3.2 ")
        assert t.is_closed()


def test_domain_without_mail(make_server):
    """RFC 7504 section 4: 556 at RCPT, to strangers and to users."""
    s = make_server(extra="no-mail none.example, .old.example\n").start()
    with Client(s.port("mx")) as t:
        t.hello()
        t.want("MAIL FROM:<a@example.net>", 250)
        assert t.want("RCPT TO:<a@none.example>", 556).startswith("5.1.10 ")
        t.want("RCPT TO:<a@www.old.example>", 556)
        t.want("RCPT TO:<a@old.example>", 550)
        t.want("RCPT TO:<user@example.org>", 250)
    with Client(s.port("submission")) as t:
        t.hello()
        t.want("STARTTLS", 220)
        t.start_tls()
        t.hello()
        t.login()
        t.want("MAIL FROM:<user@example.org>", 250)
        t.want("RCPT TO:<a@NONE.example>", 556)
        t.want("RCPT TO:<a@elsewhere.example>", 250)


def test_expn(make_server):
    """RFC 5321 3.5: where mail goes, for administrators after their login."""
    s = make_server(extra="administrators user@example.org\n"
                    "no-mail none.example\n").start()
    with Client(s.port("mx")) as t:
        t.hello()
        t.want("EXPN user@example.org", 502)
        assert "EXPN" not in t.offers()
    with Client(s.port("submission")) as t:
        t.hello()
        t.want("STARTTLS", 220)
        t.start_tls()
        assert "EXPN" not in t.offers()
        t.want("EXPN user@example.org", 502)
        t.login()
        assert "EXPN" in t.offers()
        for said in ("User+list@EXAMPLE.org", "<user@example.org>",
                     "postmaster@mx.example.org"):
            assert t.want(f"EXPN {said}", 250) == \
                "2.1.5 <user@example.org>", said
        t.want("MAIL FROM:<user@example.org>", 250)
        t.want("RCPT TO:<user@example.org>", 250)
        t.want("EXPN nobody@example.org", 550)
        t.want("EXPN a@elsewhere.example", 252)
        t.want("EXPN a@none.example", 556)
        # Answered from what the receiver remembers, too.
        t.want("EXPN user@example.org", 250)
        t.want("RCPT TO:<a@elsewhere.example>", 250)
        assert t.content(b"From: user@example.org\r\n\r\nx\r\n")[0] == 250


def test_help(server):
    """RFC 5321 4.1.1.8: what can be said here, and how."""
    with Client(server.port("mx")) as t:
        text = t.want("HELP", 214)
        assert "STARTTLS" in text and "AUTH" not in text, text
        assert "MAIL FROM:<" in t.want("HELP mail", 214)
        assert "No such command" in t.want("HELP ETRN", 214)
        t.hello()
        t.want("MAIL FROM:<a@example.net>", 250)
        t.want("HELP", 214)
        t.want("RCPT TO:<user@example.org>", 250)


def test_longest_refusal_for_each(make_server):
    """RFC 2033 4.2: a reply a recipient, though a rule says much to each of as
    many as there can be: who hears none would come again for ever."""
    port = free_port()
    server = make_server(extra=f"listen lmtp on 127.0.0.1:{port}\n"
                         f'match header subject bad refuse "{"x" * 200}"\n')
    server.start()
    with Client(port) as t:
        t.want("LHLO a.example", 250)
        t.want("MAIL FROM:<a@example.net>", 250)
        for i in range(1000):
            t.want(f"RCPT TO:<user+{i}@example.org>", 250)
        t.want("DATA", 354)
        t.raw(b"Subject: bad\r\n\r\n.\r\n")
        assert [t.reply()[0] for _ in range(1000)] == [550] * 1000
        t.want("NOOP", 250)
