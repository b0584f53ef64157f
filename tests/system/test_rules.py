"""Rules (doc/design/rules.md) through the wire; whole policies in test_policies.py."""
import base64
import os
import re
import signal
import time

import pytest

from server import PASSWORD, free_port, wait_for
from talk import Talk, message_id
from test_checks import NET, ZONES, Checked
from test_greylist import Grey
from test_smtp_in import dual_stack, space		# noqa: F401

GOOD = b"Subject: x\r\n\r\nx\r\n"


def lines_of(server, event, **keys):
    """Log lines of an event that have these keys."""
    return [line for line in server.log.read_text().splitlines()
            if f" {event} " in line and
            all(f"{k}={v}" in line for k, v in keys.items())]


def where(server, row):
    """file:line of a row of the configuration."""
    number = server.conf.read_text().splitlines().index(row) + 1
    return f"{server.conf}:{number}"


def verdicts(server, name):
    """(stage, verdict, rule) of a message's rules, as its trace has them."""
    def story():
        try:
            found = server.rows("trace", name)
        except AssertionError:		# not in the history yet
            return []
        return found if any(r["event"] == "accepted" for r in found) else []
    return [(r["stage"], r["verdict"], r["rule"])
            for r in wait_for(story, 5) if r["event"] == "rule"]


STAGES = """\
match client 127.0.0.2 refuse "Go away"
match client 127.0.0.3 defer
match helo bad.example.net refuse "No such name"
match helo .later.example.net defer "Come again"
match sender @spam.example.net refuse
match sender slow@example.net defer
match recipient other@example.org sender <> refuse "No bounces here"
match recipient other+list@example.org,other+x*@example.org defer
match header subject *cheap* refuse "No, thank you"
match size > 100k refuse "Too much for us"
match header x-later yes defer
match header subject *grüße* refuse "In Latin-1"
match helo own.example.net refuse code 521 5.3.2 "No mail here"
match sender own@example.net defer code 451 4.7.25 "A name first"
match recipient other+own@example.org defer code 421 4.7.0 Enough
match header x-own yes refuse code 552 5.3.4
match client 127.0.0.5 refuse code 550 5.7.25 "No name"
"""


@pytest.fixture(scope="module")
def staged(tmp_path_factory):
    from server import Server
    server = Server(tmp_path_factory.mktemp("rules") / "server",
                    extra=STAGES).start()
    yield server
    server.end()


def test_connect(staged):
    port = staged.port("mx")
    with Talk(port, source="127.0.0.2") as t:
        assert t.greeting == (554, "5.7.1 Go away")
        assert t.is_closed()
    with Talk(port, source="127.0.0.3") as t:
        assert t.greeting == (421, "4.7.1 Not now, try again later")
        assert t.is_closed()
    with Talk(port, source="127.0.0.4") as t:
        assert t.greeting[0] == 220
    rule = where(staged, 'match client 127.0.0.2 refuse "Go away"')
    assert wait_for(lambda: lines_of(staged, "rule", rule=rule,
                                     stage="connect", verdict="refuse",
                                     client="127.0.0.2"), 5)
    assert wait_for(lambda: lines_of(staged, "refused", rule=rule,
                                     text='"Go away"'), 5)


def test_helo(staged):
    with Talk(staged.port("mx")) as t:
        assert t.ask("EHLO bad.example.net") == (550, "5.7.1 No such name")
        assert t.ask("MAIL FROM:<a@example.net>")[0] == 503
        assert t.ask("HELO a.later.example.net") == (450, "4.7.1 Come again")
        assert t.ask("EHLO later.example.net")[0] == 250
        t.ask("MAIL FROM:<a@example.net>", 250)
        # A new name inside of a transaction is judged as well.
        assert t.ask("EHLO bad.example.net")[0] == 550
        assert t.ask("RCPT TO:<user@example.org>")[0] == 503
        t.hello()
        t.mail(GOOD)


def test_mail_and_rcpt(staged):
    with Talk(staged.port("mx")) as t:
        t.hello()
        assert t.ask("MAIL FROM:<x@spam.example.net>") == \
            (550, "5.7.1 Refused by a rule of this server")
        assert t.ask("MAIL FROM:<X@Spam.Example.NET>")[0] == 550
        assert t.ask('MAIL FROM:<"slow"@example.net>')[0] == 450
        t.ask("MAIL FROM:<x@notspam.example.net>", 250)
        t.ask("RSET", 250)
        t.ask("MAIL FROM:<>", 250)
        assert t.ask("RCPT TO:<other@example.org>") == \
            (550, "5.7.1 No bounces here")
        assert t.ask("RCPT TO:<OTHER+list@example.org>")[0] == 450
        # Who is not there is still not there, and relaying still denied.
        assert t.ask("RCPT TO:<nobody@example.org>") == \
            (550, "5.1.1 No such user here")
        assert t.ask("RCPT TO:<a@example.net>")[1] == "5.7.1 Relaying denied"
        t.ask("RCPT TO:<user@example.org>", 250)
        assert t.content(GOOD)[0] == 250


CONTENTS = [
    (b"Subject: very\r\n CHEAP\r\n\r\nx\r\n", (550, "5.7.1 No, thank you")),
    (b"Subject: dear\r\n\r\nSubject: cheap\r\n", 250),
    (b"Subject: =?utf-8?Q?very_CHE?=\r\n =?iso-8859-1?B?YXA=?=\r\n\r\n",
     (550, "5.7.1 No, thank you")),
    (b"Subject: =?iso-8859-1?Q?Gr=FC=DFe?=\r\n\r\n",
     (550, "5.7.1 In Latin-1")),
    (b"X-Later:  yes \r\n\r\n", (450, "4.7.1 Not now, try again later")),
    (b"X: y\r\n\r\n" + 100 * 1024 * b"x", 550),
    (b"X-Later: yes and no\r\n\r\n", 250),
]


def test_own_codes(staged):
    """The operator's code and status, on the wire and in the log."""
    with Talk(staged.port("mx"), source="127.0.0.5") as t:
        assert t.greeting == (550, "5.7.25 No name")
        assert t.is_closed()
    with Talk(staged.port("mx")) as t:
        assert t.ask("EHLO own.example.net") == (521, "5.3.2 No mail here")
        t.hello()
        assert t.ask("MAIL FROM:<own@example.net>") == \
            (451, "4.7.25 A name first")
        t.ask("MAIL FROM:<a@example.net>", 250)
        t.ask("RCPT TO:<user@example.org>", 250)
        assert t.content(b"X-Own: yes\r\n\r\nx\r\n") == \
            (552, "5.3.4 Refused by a rule of this server")
        t.ask("MAIL FROM:<a@example.net>", 250)
        assert t.ask("RCPT TO:<other+own@example.org>") == \
            (421, "4.7.0 Enough")
        assert t.is_closed()
    rule = where(staged, STAGES.splitlines()[13])
    assert wait_for(lambda: lines_of(staged, "refused", rule=rule, code="451",
                                     status="4.7.25"), 5)


@pytest.mark.parametrize("content,want", CONTENTS)
@pytest.mark.parametrize("how", ["DATA", "BDAT"])
def test_content(staged, content, want, how):
    if content.endswith(b"xxx"):
        content = b"\r\n".join(content[i:i + 900]
                               for i in range(0, len(content), 900)) + b"\r\n"
    with Talk(staged.port("mx")) as t:
        t.hello()
        t.ask("MAIL FROM:<a@example.net>", 250)
        t.ask("RCPT TO:<user@example.org>", 250)
        if how == "DATA":
            said = t.content(content)
        else:
            half = len(content) // 2
            t.raw(b"BDAT %d\r\n" % half + content[:half])
            said = t.reply()
            if said[0] == 250:
                t.raw(b"BDAT %d LAST\r\n" % (len(content) - half)
                      + content[half:])
                said = t.reply()
        assert said[0] == want if isinstance(want, int) else said == want
        # The session is in step.
        t.mail(GOOD)


TAGS = """\
match client 127.0.0.0/8 tag here
match helo client.example.net tag known
match tag known sender boss@example.net tag boss
match tag boss accept
match at rcpt not tag known refuse "Who are you?"
match recipient other@example.org tag other
match tag other not tag boss size > 2 hold
"""


@pytest.mark.shows("LOG-4")
def test_tags_and_hold(make_server):
    """What a rule remembers is for the rules below, and goes with the mail."""
    server = make_server(extra=TAGS).start()
    with Talk(server.port("mx")) as t:
        t.hello("stranger.example.net")
        t.ask("MAIL FROM:<boss@example.net>", 250)
        assert t.ask("RCPT TO:<user@example.org>") == \
            (550, "5.7.1 Who are you?")
        t.hello()
        first = message_id(t.mail(GOOD, sender="boss@example.net",
                                  to="other@example.org"))
        held = message_id(t.mail(GOOD, sender="x@example.net",
                                 to=["user@example.org", "other@example.org"]))
        # Tags of one message are none of the next one's.
        third = message_id(t.mail(GOOD, sender="y@example.net"))
    at = {row: where(server, row) for row in TAGS.splitlines()}
    rows = TAGS.splitlines()
    assert verdicts(server, first) == [
        ("mail", "tag", at[rows[2]]), ("mail", "accept", at[rows[3]]),
        ("rcpt", "tag", at[rows[5]])]
    assert ("content", "hold", at[rows[6]]) in verdicts(server, held)
    assert verdicts(server, third) == []
    assert wait_for(lambda: any(
        held in line and 'tags="here known other"' in line
        for line in lines_of(server, "accepted")), 5)
    told = server.command("trace", held)
    assert f"a rule said hold at content: {at[rows[6]]}" in told, told
    # The held one is in no mailbox until an operator lets it go.
    assert server.wait_messages(1, "user")
    time.sleep(0.5)
    assert len(server.messages("user")) == 1
    rows = server.rows("queue", "list")
    assert held in {r["id"] for r in rows}
    assert {r["why"] for r in rows if r["id"] == held} == {"held"}
    server.command("queue", "release", held)
    assert len(server.wait_messages(2, "user")) == 2
    assert wait_for(lambda: "released by the operator"
                    in server.command("trace", held), 5)


def start(make_server, text, **files):
    """A server with these rules, and files beside its configuration."""
    server = make_server(extra=text)
    for name, lines in files.items():
        (server.folder / name).write_text(lines)
    return server.start()


FILES = """\
match client file clients at rcpt refuse "Your network"
match helo file names refuse "Your name"
match sender file senders refuse "Your address"
match recipient file recipients tag listed
match tag listed refuse "No such list"
match header x-bulk yes recipient file recipients refuse "never"
match user file users-only recipient @example.org refuse "Not for you"
"""
LISTS = {"clients": "# bad\n127.0.9.0/24\n", "names": ".bad.example.net\n",
         "senders": "spam@example.net\n@spam.example.net\n<>\n",
         "recipients": "list@example.org\nother@example.org\n",
         "users-only": "user@example.org\n"}


@pytest.mark.shows("RLY-3")
def test_files(make_server):
    """Entries by file; one that is changed counts, one that is gone is 451."""
    server = start(make_server, FILES, **LISTS | {"recipients": "\n"})
    (server.folder / "recipients").write_text(LISTS["recipients"])
    time.sleep(0.3)
    with Talk(server.port("mx"), source="127.0.9.7") as t:
        t.hello()
        t.ask("MAIL FROM:<a@example.net>", 250)
        assert t.ask("RCPT TO:<user@example.org>")[1] == "5.7.1 Your network"
    with Talk(server.port("mx")) as t:
        assert t.ask("EHLO Mail.BAD.example.net")[1] == "5.7.1 Your name"
        t.ask("EHLO bad.example.net", 250)
        for sender in ("", "Spam@example.net", "x@spam.example.net",
                       '"spam"@example.net'):
            assert t.ask(f"MAIL FROM:<{sender}>") == \
                (550, "5.7.1 Your address"), sender
        t.ask("MAIL FROM:<a@example.net>", 250)
        assert t.ask("RCPT TO:<Other@Example.org>") == \
            (550, "5.7.1 No such list")
        t.ask("RCPT TO:<user@example.org>", 250)
        assert t.content(GOOD)[0] == 250
        # A new file counts at once.
        (server.folder / "senders").write_text("a@example.net\n")
        time.sleep(0.3)
        assert t.ask("MAIL FROM:<a@example.net>")[0] == 550
        t.ask("MAIL FROM:<spam@example.net>", 250)
        t.ask("RSET", 250)
        # A wrong line: the file read before stays.
        (server.folder / "senders").write_text("*@example.net\n")
        time.sleep(0.3)
        assert t.ask("MAIL FROM:<a@example.net>")[0] == 550
        assert wait_for(lambda: lines_of(server, "table-trouble", line="1"), 5)
        # None at all: nobody passes, and nobody is refused.
        (server.folder / "senders").unlink()
        time.sleep(0.3)
        assert t.ask("MAIL FROM:<a@example.net>") == \
            (451, "4.3.0 Cannot look that up now")
        rule = where(server, FILES.splitlines()[2])
        assert wait_for(lambda: lines_of(server, "rule", verdict="doubt",
                                         rule=rule), 5)
        (server.folder / "senders").write_text("b@example.net\n")
        time.sleep(0.3)
        t.mail(GOOD, sender="a@example.net")


@pytest.mark.shows("RLY-3", "OPS-6")
def test_lookup_stands_still(make_server):
    """Who cannot be asked: 451 where it matters, and the session goes on."""
    server = start(make_server, "match sender file senders refuse\n",
                   senders="spam@example.net\n")
    with Talk(server.port("mx")) as t:
        t.hello()
        pid = server.kill_role("lookup", signal.SIGSTOP)
        try:
            began = time.monotonic()
            assert t.ask("MAIL FROM:<a@example.net>")[0] == 451
            assert 5 < time.monotonic() - began < 20
        finally:
            os.kill(pid, signal.SIGCONT)
        assert wait_for(lambda: t.ask("MAIL FROM:<a@example.net>")[0] == 250,
                        10, 0.5)
        t.ask("RSET", 250)
        # A new one has read the file before anybody can be mistaken.
        server.kill_role("lookup")
        code = wait_for(lambda: (c := t.ask("MAIL FROM:<spam@example.net>")[0])
                        != 451 and c, 10, 0.1)
        assert code == 550


def test_gone_at_the_start(make_server):
    """A file that is not there: check tells its line, and serve says 451."""
    server = make_server(extra="match helo file nowhere refuse\n")
    row = where(server, "match helo file nowhere refuse")
    with pytest.raises(AssertionError, match=f"{row}:1: the file "
                       f"{server.folder}/nowhere cannot be read"):
        server.command("check")


def test_check_reads_files(make_server):
    """A line that is no entry is told with its place, before anybody serves."""
    server = make_server(extra="match client file nets refuse\n"
                         "match sender file senders refuse\n")
    (server.folder / "nets").write_text("192.0.2.0/24\nexample.org\n")
    (server.folder / "senders").write_text("@example.org\n")
    with pytest.raises(AssertionError, match=f"{server.folder}/nets:2:1: this "
                       "is no entry of a client file"):
        server.command("check")
    (server.folder / "nets").write_text("192.0.2.0/24\n")
    server.command("check")


COPIES = """\
match sender boss@example.net copy-to other@example.org
match recipient user+*@example.org copy-to other@example.org
match header subject *secret* copy-to archive@example.net
match recipient lost@example.org copy-to nobody@example.org
match sender lost@example.net copy-to nobody@example.org
"""


def test_copies(make_server):
    server = start(make_server, COPIES)

    def got(user):
        return [path for path in server.messages(user)
                if "Subject: probe" not in path.read_text()]

    with Talk(server.port("mx")) as t:
        t.hello()
        first = message_id(t.mail(GOOD, sender="boss@example.net",
                                  to="user+x@example.org"))
        # Who is there already gets no second one.
        t.mail(GOOD, sender="boss@example.net",
               to=["user@example.org", "Other@example.org"])
        # Copies go wherever they are to go: that opens no relay.
        second = message_id(t.mail(b"Subject: a secret\r\n\r\n"))
        assert t.ask("MAIL FROM:<a@example.net>")[0] == 250
        assert t.ask("RCPT TO:<archive@example.net>")[0] == 550
        t.ask("RSET", 250)
        t.ask("MAIL FROM:<lost@example.net>", 250)
        t.ask("RCPT TO:<user@example.org>", 250)
        assert t.content(GOOD)[0] == 451
        assert wait_for(lambda: lines_of(server, "no-copy",
                                         to="nobody@example.org"), 5)
        t.mail(GOOD)
    assert wait_for(lambda: len(got("other")) == 2 and
                    len(got("user")) == 4, 10), (got("other"), got("user"))
    assert any(first in path.read_text() for path in got("other"))
    assert any(r["id"] == second and r["to"] == ["archive@example.net"]
               for r in server.rows("queue", "list"))
    # In the letter nothing tells of the copy.
    for path in server.messages("user"):
        assert "other@example.org" not in path.read_text().split("\r\n\r\n")[0]


RELAY = """\
match listener mx client 127.0.0.9 recipient @partner.example.com relay
match client 127.0.0.0/8 at rcpt accept
match at rcpt refuse "Nobody else"
"""


@pytest.mark.shows("RLY-1", "SMTP-12")
def test_relay(make_server):
    """A rule opens what it names, and accept opens nothing."""
    server = start(make_server, RELAY)
    with Talk(server.port("mx"), source="127.0.0.9") as t:
        t.hello()
        t.ask("MAIL FROM:<a@example.net>", 250)
        assert t.ask("RCPT TO:<x@partner.example.com>")[0] == 250
        for other in ("x@partner.example.com.evil.net", "x@example.com",
                      "x%partner.example.com@example.net",
                      '"x@partner.example.com"@example.net'):
            assert t.ask(f"RCPT TO:<{other}>") == \
                (550, "5.7.1 Relaying denied"), other
        assert t.ask("RCPT TO:<nobody@example.org>")[0] == 550
        # A recipient that was allowed allows not the next one.
        assert t.ask("RCPT TO:<user@example.org>")[0] == 250
    with Talk(server.port("mx"), source="127.0.0.8") as t:
        t.hello()
        t.ask("MAIL FROM:<a@example.net>", 250)
        assert t.ask("RCPT TO:<x@partner.example.com>") == \
            (550, "5.7.1 Relaying denied")


LOCAL = """\
match not client 127.0.0.0/8 refuse "Not from there"
match listener local recipient other@example.org refuse "Not by hand"
match listener submission,relay not user any refuse "Who are you?"
match user user@example.org recipient other@example.org refuse "Not yours"
match tls none listener submission refuse "In plain?"
match tls 1.2 defer "Too old"
"""


def test_listeners_users_tls(make_server):
    server = start(make_server, LOCAL)
    server.command("send", "-f", "a@example.net", "user@example.org",
                   stdin="Subject: by hand\n\nx\n")
    with pytest.raises(AssertionError, match="Not by hand"):
        server.command("send", "-f", "a@example.net",
                       "other@example.org", stdin="Subject: x\n\nx\n")
    with Talk(server.port("relay")) as t:
        t.hello()
        assert t.ask("MAIL FROM:<a@example.net>")[1] == "5.7.1 Who are you?"
    plain = base64.b64encode(b"\0user@example.org\0" +
                             PASSWORD.encode()).decode()
    with Talk(server.port("submissions"), tls=True) as t:
        t.hello()
        t.ask(f"AUTH PLAIN {plain}", 235)
        t.ask("MAIL FROM:<user@example.org>", 250)
        assert t.ask("RCPT TO:<other@example.org>")[1] == "5.7.1 Not yours"
        t.ask("RSET", 250)
        t.mail(b"From: user@example.org\r\n" + GOOD,
               sender="user@example.org")


MAPPED = """\
listen mx
match client 127.0.0.2,::ffff:127.0.0.3 refuse "By network"
match client file clients refuse "By file"
match client ::/1 refuse "IPv6"
match client 127.0.0.5 recipient @elsewhere.example relay
"""


@pytest.mark.shows("SMTP-12")
def test_mapped_peers(make_server, space, tmp_path):	# noqa: F811
    """Who comes over IPv4 to a socket of both families is IPv4 to every rule."""
    (tmp_path / "server").mkdir()
    (tmp_path / "server" / "clients").write_text("127.0.0.4\n")
    dual_stack(make_server, space, MAPPED)
    for source, want in (("127.0.0.2", "By network"),
                         ("127.0.0.3", "By network"),
                         ("127.0.0.4", "By file")):
        with space.talk("127.0.0.1", source=source) as t:
            assert t.greeting == (554, f"5.7.1 {want}")
    with space.talk("::1") as t:
        assert t.greeting == (554, "5.7.1 IPv6")
    with space.talk("127.0.0.1", source="127.0.0.5") as t:
        t.hello()
        t.ask("MAIL FROM:<a@example.net>", 250)
        assert t.ask("RCPT TO:<x@elsewhere.example>")[0] == 250
        assert t.ask("RCPT TO:<x@example.com>")[0] == 550


SAID = """\
match   client 192.0.2.0/24,
\t2001:db8::1 refuse "No, you"
match header Subject a,b at content,content hold
"""
PRINTED = ['match client 192.0.2.0/24,2001:db8::1/128 refuse "No, you"',
           "match at content header subject a,b hold"]


def test_print(make_server):
    """print shows a rule as it was understood, and the line it stands on."""
    server = make_server(extra=SAID)
    rows = server.conf.read_text().splitlines()
    lines = [rows.index("match   client 192.0.2.0/24,") + 1,
             rows.index("match header Subject a,b at content,content hold") + 1]
    told = [r for r in server.command("print").splitlines()
            if r.startswith("match ")]
    for row, text, line in zip(told, PRINTED, lines, strict=True):
        assert re.fullmatch(re.escape(text) + " +# " +
                            re.escape(f"{server.conf}:{line}"), row), row
    json = [r for r in server.rows("print") if "match" in str(r)]
    assert [r["statement"] for r in json] == PRINTED, json
    assert [r["origin"] for r in json] == [f"{server.conf}:{n}" for n in lines]


CHECKS = """\
reverse-dns look
dns-list bl.test weight 0 reply 127.0.0.0/30
match check bl.test listed not check reverse-dns pass at rcpt refuse "Listed, and no name"
match check bl.test listed,odd tag doubtful
match not check reverse-dns pass sender slow@example.net defer "Your name?"
match tag doubtful sender tagged@example.net refuse "Doubtful"
"""


@pytest.mark.shows("DNS-4")
def test_checks(make_server, dns):
    """What the DNS says is for rules; who is not checked meets none of them."""
    c = Checked(make_server, dns(ZONES), CHECKS)

    def said(host, sender="s@example.net"):
        with c.talk(f"{NET}.{host}") as t:
            assert t.greeting[0] == 220, t.greeting
            t.hello()
            code, text = t.ask(f"MAIL FROM:<{sender}>")
            return (code, text) if code != 250 else \
                t.ask("RCPT TO:<user@example.org>")
    assert said(10) == (550, "5.7.1 Listed, and no name")
    assert said(2) == (550, "5.7.1 Listed, and no name")
    assert said(1)[0] == said(50)[0] == said(13)[0] == 250
    assert said(50, "slow@example.net") == (450, "4.7.1 Your name?")
    assert said(1, "slow@example.net")[0] == 250
    assert said(13, "tagged@example.net") == (550, "5.7.1 Doubtful")
    assert said(1, "tagged@example.net")[0] == 250
    with Talk(c.server.port("relay")) as t:
        t.hello()
        assert t.ask("MAIL FROM:<slow@example.net>")[0] == 250


def test_accept_spares_suspicion(make_server, dns):
    """At connect what the DNS says, at rcpt greylisting; and nothing else."""
    c = Checked(make_server, dns(ZONES), "dns-list bl.test\n"
                f"match client {NET}.10 accept\n"
                f"match client {NET}.12 tag known\n")
    assert c.greeting(10)[0] == 220
    assert c.greeting(12)[0] == 554


def test_accept_spares_the_wait(make_server):
    g = Grey(make_server, "match sender friend@b.example at rcpt accept\n")
    assert g.ask(sender="friend@b.example")[0] == 250
    assert g.ask(sender="stranger@b.example")[0] == 451
    assert g.ask(sender="friend@b.example", to="nobody@example.org")[0] == 550
    assert g.ask(sender="friend@b.example", to="x@example.com")[1] == \
        "5.7.1 Relaying denied"


NAMES = """\
match sender @bücher.example refuse "By pattern"
match sender @xn--mller-kva.example refuse "By A-label"
match sender file senders refuse "By file"
"""


def test_one_name(make_server):
    """A domain is one name in UTF-8 and in A-labels, in rules and in files."""
    server = start(make_server, NAMES, senders="@.köln.example\n")
    with Talk(server.port("mx")) as t:
        t.hello()
        for domain, text in (("bücher.example", "pattern"),
                             ("xn--bcher-kva.example", "pattern"),
                             ("Müller.example", "A-label"),
                             ("XN--mller-kva.example", "A-label"),
                             ("x.köln.example", "file"),
                             ("x.xn--kln-sna.example", "file")):
            option = "" if domain.isascii() else " SMTPUTF8"
            t.raw(f"MAIL FROM:<a@{domain}>{option}\r\n".encode())
            assert t.reply() == (550, f"5.7.1 By {text}"), domain
        t.ask("MAIL FROM:<a@xn--kln-sna.example>", 250)


ROUTES = """\
relay via smtp://127.0.0.1:{rest}
relay named first via smtp://127.0.0.1:{first}
relay example.net named second via smtp://127.0.0.1:{second}
match listener submission recipient @partner.example route first
match listener submission recipient @partner.example,@else.example route second
match listener mx recipient other@example.org route first
match at content recipient @else.example,@partner.example header x-way big route first
match header x-way all route second
match sender user@example.org header x-way * copy-to copy@rest.example
retry first 1s
"""


def submit(server, to, content=GOOD):
    plain = base64.b64encode(b"\0user@example.org\0" +
                             PASSWORD.encode()).decode()
    with Talk(server.port("submissions"), tls=True) as t:
        t.hello()
        t.ask(f"AUTH PLAIN {plain}", 235)
        return message_id(t.mail(b"From: user@example.org\r\n" + content,
                                 sender="user@example.org", to=to))


def got(sink):
    """All recipients that a sink was given, probes left out."""
    return sorted(to for m in sink.mails for to in m.recipients
                  if b"Subject: probe" not in m.content)


def routed(make_server, aio_sink, text=ROUTES):
    sinks = {name: aio_sink() for name in ("rest", "first", "second")}
    ports = {name: sink.port for name, sink in sinks.items()}
    return make_server(extra=text.format(**ports)).start(), sinks, ports


def test_route(make_server, aio_sink):
    """Each recipient goes its way, and the trace names the rule's line."""
    server, sinks, ports = routed(make_server, aio_sink)
    rows = ROUTES.format(**ports).splitlines()
    at = {row: where(server, row) for row in rows}
    first = submit(server, ["a@partner.example", "b@else.example",
                            "c@example.net", "d@rest.example"])
    assert wait_for(lambda: got(sinks["first"]) == ["a@partner.example"] and
                    got(sinks["second"]) == ["b@else.example",
                                             "c@example.net"] and
                    got(sinks["rest"]) == ["d@rest.example"], 20), \
        {name: got(sink) for name, sink in sinks.items()}
    assert verdicts(server, first) == [
        ("rcpt", "route", at[rows[3]]), ("rcpt", "route", at[rows[4]]),
        ("rcpt", "route", at[rows[4]])]
    told = server.command("trace", first)
    assert f"a rule said route first at rcpt for a@partner.example: " \
        f"{at[rows[3]]}" in told, told


@pytest.mark.parametrize("way,want", [
    # The route of rcpt stays; at content one for those that are spoken of.
    ("big", {"first": ["a@partner.example", "b@else.example"], "second": [],
             "rest": ["copy@rest.example", "d@rest.example"]}),
    ("all", {"first": [], "second": ["a@partner.example", "b@else.example",
                                     "d@rest.example"],
             "rest": ["copy@rest.example"]})])
def test_route_at_content(make_server, aio_sink, way, want):
    text = "\n".join(row for row in ROUTES.splitlines()
                     if "submission" not in row) + "\n"
    server, sinks, ports = routed(make_server, aio_sink, text)
    submit(server, ["a@partner.example", "b@else.example", "d@rest.example"],
           f"X-Way: {way}\r\n\r\nx\r\n".encode())
    assert wait_for(lambda: {n: got(s) for n, s in sinks.items()} == want,
                    20), {n: got(s) for n, s in sinks.items()}


def test_route_of_all_but_one(make_server, aio_sink):
    """Who is named besides evades it for nobody; nor is a copy left out."""
    server, sinks, _ = routed(make_server, aio_sink, """\
relay via smtp://127.0.0.1:{rest}
relay named first via smtp://127.0.0.1:{first}
relay named second via smtp://127.0.0.1:{second}
match at content not recipient @ours.example sender user@example.org route first
match at content recipient nobody@x.example route second
match recipient copy@far.example copy-to copy@far.example
""")
    name = submit(server, ["a@far.example", "b@ours.example",
                           "copy@far.example"])
    assert wait_for(lambda: got(sinks["first"]) == [
        "a@far.example", "copy@far.example"] and
        got(sinks["rest"]) == ["b@ours.example", "copy@far.example"], 20), \
        {n: got(s) for n, s in sinks.items()}
    assert not got(sinks["second"])
    assert [v[:2] for v in verdicts(server, name)] == [
        ("rcpt", "copy-to"), ("content", "route")]


EACH = """\
match at content recipient user@example.org header x-way one refuse "Not for me"
match at content recipient other@example.org header x-way later defer
match header x-way none refuse code 554 5.7.2 "Nobody wants it"
match at content recipient user@example.org header x-way tag tag seen
match at content tag seen header x-way tag copy-to third@example.org
match at content recipient user@example.org header x-way hold hold
match at content recipient user@example.org header x-way copied tag lost
match at content tag lost copy-to third@example.org
match at content recipient user@example.org header x-way copied refuse "Others"
match at content not recipient user@example.org header x-way held refuse "Others"
"""
NO = (550, "5.7.1 Not for me")
QUEUED = (250, "2.0.0 queued")


class Each:
    """A server whose rules decide by recipient behind the content."""

    def __init__(self, make_server):
        self.port = free_port()
        self.server = make_server(
            extra=f"listen lmtp on 127.0.0.1:{self.port}\n" + EACH)
        self.server.add_user("third")
        self.server.start()

    def send(self, how, way, to):
        """What each is told, and of PRDR what all are told."""
        is_lmtp = how == "lmtp"
        with Talk(self.port if is_lmtp else self.server.port("mx")) as t:
            t.ask("LHLO c.example" if is_lmtp else "EHLO c.example", 250)
            t.ask("MAIL FROM:<a@example.net>"
                  + (" PRDR" if how == "prdr" else ""), 250)
            for user in to:
                t.ask(f"RCPT TO:<{user}@example.org>", 250)
            t.ask("DATA", 354)
            t.raw(f"Subject: {way}\r\nX-Way: {way}\r\n\r\nx\r\n.\r\n"
                  .encode())
            if how == "prdr":
                assert t.reply()[0] == 353
            n = {"lmtp": len(to), "prdr": len(to) + 1, "smtp": 1}[how]
            said = [t.reply() for _ in range(n)]
            t.ask("NOOP", 250)
        return [(code, text[:12] if code == 250 else text)
                for code, text in said]

    def has(self, user, way):
        return sum(f"X-Way: {way}\r\n".replace("\r\n", "\n").encode()
                   in m.read_bytes().replace(b"\r\n", b"\n")
                   for m in self.server.messages(user))


@pytest.mark.parametrize("how", ["lmtp", "prdr"])
def test_each_recipient_at_content(make_server, how):
    """RFC 2033 4.2: who does not want it is told so, and the others get it."""
    each = Each(make_server)

    def sends(way, to, *want, end=QUEUED):
        assert each.send(how, way, to) == \
            list(want) + ([end] if how == "prdr" else [])

    sends("one", ["user", "other"], NO, QUEUED)
    sends("one", ["other", "third", "user"], QUEUED, QUEUED, NO)
    later = (450, "4.7.1 Not now, try again later")
    none = (554, "5.7.2 Nobody wants it")
    sends("later", ["other", "user"], later, QUEUED)
    sends("one", ["user"], NO, end=NO)
    sends("none", ["user", "other"], none, none, end=none)
    # A copy is for what one of them takes; and not for what nobody does.
    sends("tag", ["other", "user"], QUEUED, QUEUED)
    sends("copied", ["user", "other"], (550, "5.7.1 Others"), QUEUED)
    assert wait_for(lambda: lines_of(each.server, "accepted", tags="seen"), 5)
    sends("hold", ["other", "user"], QUEUED, QUEUED)
    sends("held", ["other", "user"], (550, "5.7.1 Others"), QUEUED)
    assert wait_for(lambda: each.has("user", "held") == 1, 10)
    assert wait_for(lambda: each.has("other", "one") == 2
                    and each.has("third", "tag") == 1, 10)
    assert each.has("other", "copied") == 1 and \
        not each.has("third", "copied")
    assert each.has("third", "one") == 1 and each.has("user", "later") == 1
    assert not any(each.has(user, way) for user, way in [
        ("user", "one"), ("other", "later"), ("user", "none"),
        ("other", "none"), ("other", "held"), ("user", "hold")])
    queued = each.server.rows("queue")
    assert [sorted(r["to"]) for r in queued] == [
        ["other@example.org", "user@example.org"]], queued
    refused = lines_of(each.server, "refused", stage="content",
                       to="user@example.org", code="550")
    assert len(refused) == 4 and all(" rule=" in x for x in refused), refused
    assert lines_of(each.server, "rule", stage="content", verdict="refuse",
                    to="user@example.org")
    # Of who refused it no tag is in the message: that line is there by now.
    assert not lines_of(each.server, "accepted", tags="lost")


@pytest.mark.parametrize("how", ["--listen=lmtp", "--prdr"])
def test_each_recipient_explained(make_server, how):
    """As the server: each at content by itself, and who takes it at the end."""
    server = Each(make_server).server
    words = ["explain", "--client", "127.0.0.1", "--from", "a@example.net",
             "--to", "user@example.org", "--to", "other@example.org"]
    one = server.rows(*words, "--header", "X-Way: one", how)
    assert [(r["of"], r["code"]) for r in one
            if r.get("stage") == "content" and "code" in r] == [
        ("user@example.org", 550), ("other@example.org", 0)], one
    assert [r["to"] for r in one if r.get("result") == "accepted"] == [
        "other@example.org"]
    told = server.command(*words, "--header", "X-Way: none", how, check=False)
    assert "content user@example.org" in told and "accepted" not in told
    assert told.count("554 5.7.2 Nobody wants it") == 2, told
    assert server.command(*words, "--header", "X-Way: one", check=False) \
        .count("-> refused: 550 5.7.1 Not for me") == 1


def test_one_answer_for_all_at_content(make_server):
    """Without PRDR a rule about one recipient speaks for the message."""
    each = Each(make_server)
    assert each.send("smtp", "one", ["other", "user"]) == [NO]
    assert each.send("smtp", "held", ["other", "user"]) == [QUEUED]
    assert wait_for(lambda: each.has("other", "held") == 1, 10)


@pytest.mark.shows("RLY-1")
def test_route_opens_nothing(make_server, aio_sink):
    """Ours go elsewhere, strangers' mail does not come in by it."""
    server, sinks, _ = routed(make_server, aio_sink)
    with Talk(server.port("mx")) as t:
        t.hello()
        t.ask("MAIL FROM:<a@example.net>", 250)
        assert t.ask("RCPT TO:<a@partner.example>") == \
            (550, "5.7.1 Relaying denied")
        assert t.ask("RCPT TO:<nobody@example.org>")[0] == 550
        t.ask("RCPT TO:<other@example.org>", 250)
        t.ask("RCPT TO:<user@example.org>", 250)
        assert t.content(GOOD)[0] == 250
    assert wait_for(lambda: got(sinks["first"]) == ["other@example.org"], 20)
    assert server.wait_messages(1, "user")


def test_route_that_has_left(make_server, aio_sink):
    """
    A route that is not configured any more: the mail waits, says why, and goes
    when it is back.
    """
    server, sinks, ports = routed(make_server, aio_sink, ROUTES +
                                  "hold deliveries yes\n")
    name = submit(server, ["a@partner.example"])
    server.stop()
    text = server.conf.read_text().replace("hold deliveries yes\n", "")
    server.conf.write_text("".join(
        row for row in text.splitlines(keepends=True)
        if "named first" not in row and "route first" not in row))
    server.start()
    assert wait_for(lambda: any(
        r["id"] == name and "no relay is called first" in r["why"]
        for r in server.rows("queue", "list")), 20), \
        server.rows("queue", "list")
    assert wait_for(lambda: lines_of(server, "deferred", status="4.3.5"), 10), \
        server.log_tail()
    assert not got(sinks["rest"]) and not got(sinks["first"])
    server.stop()
    server.conf.write_text(text)
    server.start()
    assert wait_for(lambda: got(sinks["first"]) == ["a@partner.example"], 20)
    assert not got(sinks["rest"])


@pytest.mark.shows("RLY-3")
def test_route_in_doubt(make_server):
    """For one recipient it holds, for the other its file could not be asked."""
    text = ("relay named far via smtp://127.0.0.1:9\n"
            "match at content recipient file some route far\n")
    server = start(make_server, text, some="other@example.org\n")
    with Talk(server.port("mx")) as t:
        t.hello()
        t.ask("MAIL FROM:<a@example.net>", 250)
        t.ask("RCPT TO:<other@example.org>", 250)
        (server.folder / "some").unlink()
        time.sleep(0.3)
        t.ask("RCPT TO:<user@example.org>", 250)
        assert t.content(GOOD)[0] == 451
    assert wait_for(lambda: lines_of(
        server, "rule", verdict="doubt",
        rule=where(server, text.splitlines()[1])), 5)


@pytest.mark.parametrize("how", ["lmtp", "prdr"])
def test_a_thousand_answers(make_server, how):
    """As many recipients as a message may have, each with the longest text."""
    text, port = "x" * 200, free_port()
    server = make_server(
        extra=f"listen lmtp on 127.0.0.1:{port}\n"
        f'match at content header x-way all refuse "{text}"\n').start()
    count = 1000
    with Talk(port if how == "lmtp" else server.port("mx"), timeout=20) as t:
        t.ask("LHLO c" if how == "lmtp" else "EHLO c", 250)
        t.ask("MAIL FROM:<a@example.net>"
              + (" PRDR" if how == "prdr" else ""), 250)
        for i in range(count):
            t.ask(f"RCPT TO:<user+{i}@example.org>", 250)
        t.ask("DATA", 354)
        t.raw(b"X-Way: all\r\n\r\nx\r\n.\r\n")
        if how == "prdr":
            assert t.reply()[0] == 353
        said = [t.reply() for _ in range(count + (how == "prdr"))]
        assert set(said) == {(550, f"5.7.1 {text}")}
        t.ask("NOOP", 250)
    assert wait_for(lambda: len(lines_of(server, "refused", stage="content"))
                    >= count, 10)
