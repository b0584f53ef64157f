"""Aliases: names of a domain that stand for others (RFC 5321 3.9)."""
import base64
import os
import re
import signal
import subprocess
import time

import pytest

from server import PASSWORD, free_port, wait_for
from talk import Talk, message_id
from test_domains import with_names
from test_extensions import Offers
from test_greylist import Grey
from test_relay import bounces
from test_rules import GOOD, got, lines_of

TEXT = """\
# Whom they stand for.
info:     user, dora@example.org
sales:    info, far@example.net,
          third
alone:    user
carl:     carl, third
loop:     loop2
loop2:    loop
ghost:    nobody-here
part:     nobody-here, third
out:      far@example.net, near@example.net
postmaster: dora
"""


def aliased(make_server, text=TEXT, extra="", names="", **how):
    """A server of example.org with that file, and three users more."""
    server = make_server(change=with_names("aliases aliases\n\t" + names),
                         extra=extra, **how)
    (server.folder / "aliases").write_text(text)
    for user in ("third", "carl", "dora"):
        server.add_user(user)
    return server


def event(server, name):
    """The first log line of that event, as a table."""
    assert wait_for(lambda: lines_of(server, name), 10), name
    return dict(re.findall(r'(\w+)=("[^"]*"|\S+)',
                           lines_of(server, name)[0]))


def takes(server, to, content=GOOD, params="", port="mx"):
    with Talk(server.port(port)) as t:
        t.hello()
        t.ask("MAIL FROM:<s@example.net>", 250)
        for one in to:
            t.ask(f"RCPT TO:<{one}>{params}", 250)
        code, text = t.content(content)
        assert code == 250, text
        return message_id(text)


def reply(server, to):
    with Talk(server.port("mx")) as t:
        t.hello()
        t.ask("MAIL FROM:<s@example.net>", 250)
        return t.ask(f"RCPT TO:<{to}>")


def subjects(server, user):
    found = [re.search(rb"Subject: (.*?)\r?\n", m.read_bytes())[1].decode()
             for m in server.messages(user)]
    return sorted(found)


def mail(subject):
    return f"From: s@example.net\r\nSubject: {subject}\r\n\r\nx\r\n".encode()


@pytest.mark.shows("DLV-5")
def test_reaches_all(make_server, aio_sink):
    """Each member once, in mailboxes and elsewhere; nobody reads who they are."""
    sink = aio_sink()
    server = aliased(make_server,
                     extra=f"relay via smtp://127.0.0.1:{sink.port}\n").start()
    takes(server, ["info@example.org"], mail("one"))
    takes(server, ["SALES@example.org"], mail("two"))
    takes(server, ["sales+x@example.org", "info@example.org",
                   "dora@example.org"], mail("three"))
    takes(server, ["alone@example.org"], mail("four"))
    takes(server, ["carl@example.org"], mail("five"))
    takes(server, ["postmaster@example.org"], mail("six"))
    # Who is meant by two of the recipients has it once.
    want = {"user": ["four", "one", "three", "two"],
            "third": ["five", "three", "two"], "carl": ["five"],
            "dora": ["one", "six", "three", "two"]}
    for user, expected in want.items():
        assert wait_for(lambda: subjects(server, user) == expected, 10), \
            (user, subjects(server, user))
    assert wait_for(lambda: got(sink) == ["far@example.net"] * 2, 10), \
        got(sink)
    text = server.messages("third")[0].read_text() + "".join(
        m.content.decode() for m in sink.mails)
    assert "far@example.net" not in text and "user@example.org" not in text


@pytest.mark.shows("DLV-5", "RLY-3")
def test_refused(make_server):
    """What comes to nothing or has no end is refused at RCPT, and the operator
    hears which line it is."""
    server = aliased(make_server).start()
    for to in ("loop", "loop2"):
        code, text = reply(server, f"{to}@example.org")
        assert (code, text[:5]) == (550, "5.4.6"), text
    line = event(server, "alias-trouble")
    assert line["file"].endswith("/aliases"), line
    assert (line["line"], line["name"]) == ("7", "loop"), line
    code, text = reply(server, "ghost@example.org")
    assert (code, text[:5]) == (550, "5.1.1"), text
    assert reply(server, "nobody@example.org")[0] == 550
    # One that is there gets it though another is not.
    takes(server, ["part@example.org"], mail("part"))
    assert wait_for(lambda: subjects(server, "third") == ["part"], 10)


@pytest.mark.shows("DLV-5", "MEM-3")
def test_nested_ten_thousand(make_server):
    """10^4 aliases, each of the next: 5.4.6, in no time and without growth."""
    text = "".join(f"n{i}: n{i + 1}\n" for i in range(10000)) + "n10000: user\n"
    server = aliased(make_server, text).start()
    pid = server.roles()["lookup"][0]
    status = open(f"/proc/{pid}/status").read()
    before = int(re.search(r"VmRSS:\s+(\d+)", status)[1])
    with Talk(server.port("mx")) as t:
        t.hello()
        t.ask("MAIL FROM:<s@example.net>", 250)
        for n in range(9):
            code, text = t.ask(f"RCPT TO:<n{n * 1000}@example.org>")
            assert (code, text[:5]) == (550, "5.4.6"), text
        t.ask("RCPT TO:<n9991@example.org>", 250)       # ten deep
    status = open(f"/proc/{pid}/status").read()
    after = int(re.search(r"VmRSS:\s+(\d+)", status)[1])
    assert after - before < 4096, (before, after)
    assert server.roles()["lookup"] == [pid]


@pytest.mark.shows("RLY-3")
def test_changes(make_server):
    """The file is read again; with a bad line it stays as it was; without it
    nobody can tell who is here."""
    server = aliased(make_server).start()
    file = server.folder / "aliases"
    assert reply(server, "new@example.org")[0] == 550
    file.write_text(TEXT + "new: third\n")
    assert wait_for(lambda: reply(server, "new@example.org")[0] == 250, 10)
    file.write_text(TEXT + "new: third\nbad: |/bin/sh\n")
    line = event(server, "table-trouble")
    assert line["line"] == "14" and "program" in line["why"], line
    assert reply(server, "new@example.org")[0] == 250
    file.unlink()
    assert wait_for(lambda: reply(server, "new@example.org")[0] == 451, 10)
    assert reply(server, "user@example.org")[0] == 451
    file.write_text("new: third\n")
    assert wait_for(lambda: reply(server, "info@example.org")[0] == 550, 10)
    assert reply(server, "user@example.org")[0] == 250


def names(n, at="far.example.net"):
    """Long ones: their list does not fit into one answer between processes."""
    return ", ".join(f"a-rather-long-local-part-number-{i:04d}@{at}"
                     for i in range(n))


@pytest.mark.shows("DLV-5")
def test_a_thousand(make_server):
    """Section 19: a thousand members of one recipient, one more are refused; what
    is too much for one message goes in the next."""
    server = aliased(make_server, f"all: {names(1000)}\nhalf: {names(400)}\n"
                     f"more: all, {names(1, 'x.example')}\n",
                     extra="hold deliveries yes\n").start()
    code, text = reply(server, "more@example.org")
    assert (code, text[:5]) == (550, "5.4.6"), text
    name = takes(server, ["all@example.org"], mail("all"))
    with Talk(server.port("mx")) as t:
        t.hello()
        t.ask("MAIL FROM:<s@example.net>", 250)
        t.ask("RCPT TO:<half@example.org>", 250)
        code, text = t.ask("RCPT TO:<all@example.org>")
        assert (code, text[:5]) == (452, "4.5.3"), text
        t.ask("RCPT TO:<user@example.org>", 250)
        assert t.content(mail("half"))[0] == 250
    assert wait_for(lambda: re.search(rf"{name} queued .* recipients=1000 ",
                                      server.log.read_text()), 10)
    assert wait_for(lambda: re.search(r" queued .* recipients=401 ",
                                      server.log.read_text()), 10)


@pytest.mark.shows("AUTH-6", "RLY-6")
def test_whose_it_is(make_server):
    """Who alone gets mail of an alias sends in its name; a shared one is
    nobody's until it is granted."""
    server = aliased(make_server).start()
    login = base64.b64encode(b"\0user@example.org\0" + PASSWORD.encode())
    for sender, want in (("alone", 250), ("info", 550), ("sales", 550),
                         ("user", 250), ("carl", 550), ("loop", 550), ("nobody", 550)):
        with Talk(server.port("submissions"), tls=True) as t:
            t.hello()
            t.ask(b"AUTH PLAIN " + login, 235)
            assert t.ask(f"MAIL FROM:<{sender}@example.org>")[0] == want, \
                sender


def test_expn(make_server):
    """RFC 5321 3.5.2: the members, each on a line; of many the first."""
    server = aliased(make_server, TEXT + f"all: {names(60)}\n"
                     "j\u00f6rg: j\u00f6rg@example.net\n",
                     extra="administrators user@example.org\n").start()
    login = base64.b64encode(b"\0user@example.org\0" + PASSWORD.encode())
    with Talk(server.port("submissions"), tls=True) as t:
        t.hello()
        t.ask(b"AUTH PLAIN " + login, 235)
        assert t.ask("EXPN sales@example.org", 250)[1].splitlines() == [
            f"2.1.5 <{x}>" for x in (
                "far@example.net", "third@example.org", "user@example.org",
                "dora@example.org")]
        lines = t.ask("EXPN all@example.org", 250)[1].splitlines()
        assert len(lines) == 51 and lines[-1] == "2.1.5 and 10 more", lines
        assert t.ask("EXPN loop@example.org")[0] == 550
        assert t.ask("EXPN ghost@example.org")[0] == 550
        t.ask("NOOP", 250)


def test_bounce_to_one(make_server):
    """A reverse-path that is an alias: all of its members hear of a failure."""
    server = aliased(make_server, extra="relay far.example via "
                     f"smtp://127.0.0.1:{free_port()}\nretry first 1s\n"
                     "retry lifetime 2s\n").start()
    with Talk(server.port("relay")) as t:
        t.hello()
        t.mail(mail("lost"), sender="info@example.org", to="x@far.example")
    for user in ("user", "dora"):
        assert wait_for(lambda: bounces(server, user), 40), \
            server.log_tail()
        assert "x@far.example" in str(bounces(server, user)[0])
    time.sleep(1)
    assert len(bounces(server)) == 1


@pytest.mark.shows("SMTP-14")
def test_reports(make_server, aio_sink):
    """RFC 3461 5.2.7.3 (b): success is asked of one of them; NEVER of all."""
    server = aliased(make_server, "pair: user, third\n"
                     "lost: x@far.example, y@far.example\n",
                     extra="relay far.example via "
                     f"smtp://127.0.0.1:{free_port()}\nretry first 1s\n"
                     "retry lifetime 2s\n").start()

    def send(to, params):
        with Talk(server.port("relay")) as t:
            t.hello()
            t.ask("MAIL FROM:<dora@example.org> ENVID=e1", 250)
            t.ask(f"RCPT TO:<{to}@example.org> {params}", 250)
            assert t.content(mail(to))[0] == 250
    send("pair", "NOTIFY=SUCCESS ORCPT=rfc822;pair@example.org")
    assert wait_for(lambda: bounces(server, "dora"), 10), server.log_tail()
    send("lost", "NOTIFY=NEVER")
    assert wait_for(lambda: server.log.read_text().count(" no-bounce ") >= 1,
                    40), server.log_tail()
    time.sleep(1)
    told = bounces(server, "dora")
    assert len(told) == 1
    text = str(told[0])
    assert text.count("Action: delivered") == 1
    assert "Original-Recipient: rfc822; pair@example.org" in text, text


RULES = """\
relay via smtp://127.0.0.1:{rest}
relay named first via smtp://127.0.0.1:{first}
match recipient info@example.org header x-way by route first
match recipient alone@example.org refuse "Not that one"
match header subject copied copy-to sales@example.org
match header subject toomany copy-to all@example.org
match at content recipient info@example.org header x-way each refuse "Not for it"
"""


@pytest.fixture
def ruled(make_server, aio_sink):
    sinks = {name: aio_sink() for name in ("rest", "first")}
    lmtp = free_port()
    server = aliased(
        make_server, TEXT + f"all: {names(1000)}\nfew: {names(101)}\n",
        extra=RULES.format(**{n: s.port for n, s in sinks.items()})
        + f"listen lmtp on 127.0.0.1:{lmtp}\n").start()
    return server, sinks, lmtp


def test_rules(ruled):
    """Rules speak of the alias: by a route it goes as it is, a refusal is for
    all of it, a copy goes to each of it."""
    server, sinks, _ = ruled
    by = b"X-Way: by\r\nSubject: by\r\n\r\nx\r\n"
    takes(server, ["info@example.org", "third@example.org"], by)
    assert wait_for(lambda: got(sinks["first"]) == ["info@example.org"], 10)
    assert wait_for(lambda: subjects(server, "third") == ["by"], 10)
    assert reply(server, "alone@example.org") == (550, "5.7.1 Not that one")
    takes(server, ["user@example.org"], mail("copied"))
    assert wait_for(lambda: got(sinks["rest"]) == ["far@example.net"], 10)
    for user, want in (("dora", ["copied"]), ("third", ["by", "copied"]),
                       ("user", ["copied"])):
        assert wait_for(lambda: subjects(server, user) == want, 10), \
            (user, subjects(server, user))
    # With the copy there would be 1101: the mail is not lost, it waits.
    with Talk(server.port("mx")) as t:
        t.hello()
        t.ask("MAIL FROM:<s@example.net>", 250)
        t.ask("RCPT TO:<few@example.org>", 250)
        assert t.content(mail("toomany"))[0] == 451
    assert wait_for(lambda: lines_of(server, "no-copy"), 10)


def test_each_of_lmtp(ruled):
    """RFC 2033 4.2: one reply an alias, though it is several recipients."""
    server, _, lmtp = ruled
    with Talk(lmtp) as t:
        t.ask("LHLO c.example", 250)
        t.ask("MAIL FROM:<a@example.net>", 250)
        for to in ("user", "info", "third"):
            t.ask(f"RCPT TO:<{to}@example.org>", 250)
        t.ask("DATA", 354)
        t.raw(b"Subject: each\r\nX-Way: each\r\n\r\nx\r\n.\r\n")
        said = [t.reply() for _ in range(3)]
        t.ask("NOOP", 250)
    assert [code for code, _ in said] == [250, 550, 250], said
    assert wait_for(lambda: subjects(server, "third") == ["each"], 10)
    assert wait_for(lambda: subjects(server, "user") == ["each"], 10)
    assert not subjects(server, "dora")


def test_greylisted(make_server):
    """An alias waits as a user does, and all of it comes then."""
    def make(extra, change):
        server = make_server(extra=extra, change=lambda text: with_names(
            "aliases aliases")(change(text)))
        (server.folder / "aliases").write_text("info: user, other\n")
        return server
    grey = Grey(make)
    assert grey.pass_once(to="info@example.org")
    code, _ = grey.ask(to="user@example.org")
    assert code == 451          # another triplet


@pytest.mark.shows("ADM-1")
def test_explain(make_server):
    """Whom it stands for, and which line says so, without a message."""
    server = aliased(make_server).start()

    def told(to):
        return server.command("explain", "--from", "s@example.net", "--to",
                              f"{to}@example.org", "--client", "192.0.2.1",
                              check=False)
    text = told("sales")
    file = server.folder / "aliases"
    assert f"{file}:3: sales" in text, text
    assert "4 members of the alias: far@example.net, third@example.org, " \
        "user@example.org, dora@example.org" in text, text
    text = told("loop")
    assert "550 5.4.6" in text and f"{file}:7: loop" in text, text
    text = told("part")
    assert f"{file}:10: nobody-here@example.org is not there" in text, text
    assert "550 5.1.1" in told("ghost")
    row = [r for r in server.rows("explain", "--from", "s@example.net", "--to",
                                  "info@example.org", "--client", "192.0.2.1")
           if r.get("result") == "accepted"][0]
    assert row["goes"] == "to 2 members of the alias: user@example.org, " \
        "dora@example.org", row


def test_utf8_member(make_server, aio_sink):
    """RFC 6531: a member whose address is UTF-8 needs a server that takes it."""
    sink = aio_sink()           # one without SMTPUTF8
    server = aliased(make_server, "both: user, j\u00f6rg@example.net\n",
                     extra=f"relay via smtp://127.0.0.1:{sink.port}\n").start()
    with Talk(server.port("relay")) as t:
        t.hello()
        t.mail(mail("utf8"), sender="dora@example.org",
               to="both@example.org")
    assert wait_for(lambda: subjects(server, "user") == ["utf8"], 10)
    assert wait_for(lambda: bounces(server, "dora"), 20), server.log_tail()
    assert "5.6.7" in str(bounces(server, "dora")[0])
    assert not sink.mails


def test_file_is_checked(make_server):
    """A file that is not there is said with its place before the start."""
    server = make_server(change=with_names("aliases nowhere"))
    ran = subprocess.run([server.program, "-c", server.conf, "check"],
                         capture_output=True, text=True, env=server.env)
    assert ran.returncode != 0
    assert re.search(r"\.conf:\d+:\d+: .*aliases file", ran.stderr), ran.stderr


LIST = """\
list: user, third, x@far.example
owner-list: dora
wide: list, carl
"""


@pytest.fixture
def listed(make_server):
    """Nobody listens where its mail for far.example would go."""
    return aliased(make_server, LIST, extra="relay far.example via "
                   f"smtp://127.0.0.1:{free_port()}\nretry first 1s\n"
                   "retry lifetime 2s\n").start()


def paths(server, user):
    return sorted(re.match(rb"Return-Path: <(.*?)>", m.read_bytes())[1].decode()
                  for m in server.messages(user))


@pytest.mark.shows("DLV-5")
def test_list(listed):
    """RFC 5321 3.9.2: members hear from the list's owner's path, who hears of
    failures; the sender hears nothing, but that the list has it, when asked."""
    server = listed
    with Talk(server.port("relay")) as t:
        t.hello()
        t.ask("MAIL FROM:<carl@example.org> ENVID=e1 RET=FULL", 250)
        t.ask("RCPT TO:<list@example.org> NOTIFY=SUCCESS,FAILURE "
              "ORCPT=rfc822;l@example.org", 250)
        assert t.content(mail("listed"))[0] == 250
    for user in ("user", "third"):
        assert wait_for(lambda: paths(server, user) ==
                        ["owner-list@example.org"], 10), paths(server, user)
    # RFC 3461 5.2.7.1: to the list is delivered, whatever comes of members.
    assert wait_for(lambda: bounces(server, "carl"), 10), server.log_tail()
    text = str(bounces(server, "carl")[0])
    assert "Action: delivered" in text
    assert "Final-Recipient: rfc822; list@example.org" in text
    assert "Original-Envelope-Id: e1" in text
    assert "x@far.example" not in text and "user@example.org" not in text
    assert wait_for(lambda: bounces(server, "dora"), 40), server.log_tail()
    text = str(bounces(server, "dora")[0])
    assert "Action: failed" in text and "x@far.example" in text
    assert "e1" not in text.replace("example", "")
    assert "<owner-list@example.org>" in text
    time.sleep(1)
    assert len(bounces(server, "carl")) == 1
    assert len(bounces(server, "dora")) == 1
    assert not server.rows("queue", "list")


def test_list_beside_others(listed):
    """Who is meant beside a list, and a list inside of an alias: each his own
    path.  What has no reverse-path gets none from a list."""
    server = listed
    with Talk(server.port("mx")) as t:
        t.hello()
        t.ask("MAIL FROM:<s@example.net>", 250)
        t.ask("RCPT TO:<wide@example.org>", 250)
        t.ask("RCPT TO:<dora@example.org>", 250)
        assert t.content(mail("wide"))[0] == 250
    for user, want in (("user", "owner-list@example.org"),
                       ("third", "owner-list@example.org"),
                       ("carl", "s@example.net"), ("dora", "s@example.net")):
        assert wait_for(lambda: want in paths(server, user), 10), \
            (user, paths(server, user))
    with Talk(server.port("mx")) as t:
        t.hello()
        t.mail(mail("null"), sender="", to="list@example.org")
    assert wait_for(lambda: paths(server, "user") ==
                    ["", "owner-list@example.org"], 10)


@pytest.mark.parametrize("is_list", [True, False], ids=["list", "alias"])
def test_parameters_of_the_sender(make_server, is_list):
    """RFC 3461 5.2.7.1 (b), 5.2.7.2: a list's members get the owner's path and
    nothing of the sender's; whom an alias stands for gets all of it."""
    sink = Offers(b"DSN")
    try:
        server = aliased(make_server, "away: far@example.net\n" + (
            "owner-away: dora\n" if is_list else ""),
            extra=f"relay via smtp://127.0.0.1:{sink.port}\n").start()
        with Talk(server.port("relay")) as t:
            t.hello()
            t.ask("MAIL FROM:<carl@example.org> RET=HDRS ENVID=e1", 250)
            t.ask("RCPT TO:<away@example.org> NOTIFY=FAILURE "
                  "ORCPT=rfc822;away@example.org", 250)
            assert t.content(mail("away"))[0] == 250
        assert wait_for(lambda: sink.mails, 10), server.log_tail()
        said = sink.said("MAIL")[0], sink.said("RCPT")[0]
    finally:
        sink.close()
    assert said[1].startswith(b"RCPT TO:<far@example.net>")
    if is_list:
        assert said[0].startswith(b"MAIL FROM:<owner-away@example.org>")
        assert not re.search(rb"RET=|ENVID=|NOTIFY=|ORCPT=", b"".join(said))
    else:
        assert said[0].startswith(b"MAIL FROM:<carl@example.org>")
        assert b" RET=HDRS ENVID=e1" in said[0]
        assert said[1].endswith(
            b" NOTIFY=FAILURE ORCPT=rfc822;away@example.org")


def test_list_explained(listed):
    told = listed.command("explain", "--from", "s@example.net", "--to",
                          "wide@example.org", "--client", "192.0.2.1")
    assert "4 members of the alias: carl@example.org, user@example.org from " \
        "<owner-list@example.org>, third@example.org from <owner-list@" in \
        told, told
    assert "3 members of the list" in listed.command(
        "explain", "--from", "s@example.net", "--to", "list@example.org",
        "--client", "192.0.2.1")


def test_list_over_a_restart(listed):
    """What waits for its members keeps their owner on the disk."""
    server = listed
    server.stop()
    server.conf.write_text(server.conf.read_text()
                           + "hold deliveries yes\n")
    server.start()
    name = takes(server, ["list@example.org"], mail("later"))
    rows = server.rows("queue", "list")
    assert sorted(r["domain"] for r in rows if r["id"] == name) == \
        ["127.0.0.1", "local"], rows
    server.crash()
    server.conf.write_text(server.conf.read_text().replace(
        "hold deliveries yes", "hold deliveries no"))
    server.start()
    assert wait_for(lambda: paths(server, "user") ==
                    ["owner-list@example.org"], 20), server.log_tail()
    assert wait_for(lambda: bounces(server, "dora"), 40)


CROWD = 900     # parts of 8 KiB: more than the 4 MiB that may wait


@pytest.mark.shows("PRV-3", "DLV-5")
def test_crowd_at_a_big_name(make_server):
    """Hundreds ask for a thousand members at once: some may have to come again,
    nobody is cut off, and no role is replaced."""
    server = aliased(
        make_server, f"all: {names(1000)}\n",
        extra="hold deliveries yes\nlimit sessions-per-network 5000\n")
    server.conf.write_text(server.conf.read_text().replace(
        "receivers 2", "receivers 1"))
    server.start()
    roles = server.roles()
    crowd = [Talk(server.port("mx"), timeout=60) for _ in range(CROWD)]
    for t in crowd:
        t.hello()
        t.ask("MAIL FROM:<s@example.net>", 250)
    # All questions are there before an answer is, and all of these before one
    # is read.
    lookup, receiver = roles["lookup"][0], roles["receiver"][0]
    os.kill(lookup, signal.SIGSTOP)
    for t in crowd:
        t.raw(b"RCPT TO:<all@example.org>\r\n")
    time.sleep(0.7)
    os.kill(receiver, signal.SIGSTOP)
    os.kill(lookup, signal.SIGCONT)
    time.sleep(0.7)
    os.kill(receiver, signal.SIGCONT)
    codes = [t.reply()[0] for t in crowd]
    assert set(codes) == {250, 451} and codes.count(250) > 50, codes
    for t in crowd:
        t.ask("RSET", 250)
        t.close()
    assert server.roles() == roles, server.log_tail()
    assert reply(server, "all@example.org")[0] == 250


@pytest.mark.shows("PRV-3")
@pytest.mark.timeout(200)
def test_many_bounces_to_a_big_name(make_server):
    """So do the notices of many letters: lookup and queue go on."""
    server = aliased(make_server, f"all: {names(1000, 'example.net')}\n",
                     extra=f"relay via smtp://127.0.0.1:{free_port()}\n"
                     "retry first 1h\n").start()
    with Talk(server.port("relay")) as t:
        t.hello()
        for _ in range(60):
            t.mail(mail("b"), sender="all@example.org", to="x@far.example")
    roles = server.roles()
    server.command("queue", "bounce", "--recipient", "x@far.example", "--yes",
                   timeout=100)
    assert wait_for(lambda: server.log.read_text().count(" bounced ") == 60,
                    90), server.log_tail()
    assert server.roles() == roles, server.log_tail()


@pytest.mark.shows("DLV-5")
def test_places(make_server):
    """Beside a thousand members others and a copy have a place, a report of the
    list too; what has none is told so at its RCPT."""
    server = aliased(make_server, f"all: {names(1000)}\nowner-all: dora\n"
                     "few: " + names(50) + "\none: third\n",
                     extra="hold deliveries yes\nmatch header subject copied "
                     "copy-to one@example.org\n").start()
    with Talk(server.port("relay")) as t:
        t.hello()
        for more, subject in ((["user"], "plain"), (["user"], "copied")):
            t.ask("MAIL FROM:<user@example.org>", 250)
            t.ask("RCPT TO:<all@example.org> NOTIFY=SUCCESS", 250)
            for to in more:
                t.ask(f"RCPT TO:<{to}@example.org>", 250)
            assert t.ask("RCPT TO:<few@example.org>")[0] == 452
            assert t.content(mail(subject))[0] == 250
        # One by one up to the end of all places: 452 there, and no 451 then.
        t.ask("MAIL FROM:<user@example.org>", 250)
        t.ask("RCPT TO:<all@example.org>", 250)
        codes = [t.ask(f"RCPT TO:<user+{i}@example.org>")[0]
                 for i in range(40)]
        assert codes == sorted(codes) and set(codes) == {250, 452}, codes
        # The places of copies were kept.
        assert t.content(mail("copied"))[0] == 250


def test_success_of_one_alone(make_server):
    """NOTIFY=SUCCESS asks for no report of a failure, of no member."""
    server = aliased(make_server, "pair: user, x@far.example\n"
                     "staff: user\nowner-staff: third\n"
                     "mixed: staff, carl\n",
                     extra="relay far.example via "
                     f"smtp://127.0.0.1:{free_port()}\nretry first 1h\n"
                     ).start()

    def send(to):
        with Talk(server.port("relay")) as t:
            t.hello()
            t.ask("MAIL FROM:<dora@example.org>", 250)
            t.ask(f"RCPT TO:<{to}@example.org> NOTIFY=SUCCESS", 250)
            return message_id(t.content(mail(to))[1])
    name = send("pair")
    assert wait_for(lambda: len(bounces(server, "dora")) == 1, 10)
    server.command("queue", "bounce", name)
    assert wait_for(lambda: " no-bounce " in server.log.read_text(), 10)
    assert len(bounces(server, "dora")) == 1
    # A list inside: that it has it is told, of the whole.
    send("mixed")
    assert wait_for(lambda: len(bounces(server, "dora")) == 2, 10)
    texts = [str(b) for b in bounces(server, "dora")]
    assert any("rfc822; mixed@example.org" in text for text in texts), texts


@pytest.mark.shows("AUTH-6")
def test_namesake_keeps_his_details(make_server):
    """Who shares his name with an alias of his sends as he did."""
    server = aliased(make_server, "user: user, third\n"
                     "team: user, nobody-here\n").start()
    login = base64.b64encode(b"\0user@example.org\0" + PASSWORD.encode())
    with Talk(server.port("submissions"), tls=True) as t:
        t.hello()
        t.ask(b"AUTH PLAIN " + login, 235)
        for sender, want in (("user", 250), ("user+x", 250), ("team", 550),
                             ("third", 550)):
            assert t.ask(f"MAIL FROM:<{sender}@example.org>")[0] == want, \
                sender
            t.ask("RSET", 250)
