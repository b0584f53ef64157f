"""What users hand in: in whose name, in what form, and how much."""
import socket
import time

import pytest

from script_sink import ScriptSink
from server import PASSWORD, Server, wait_for
from talk import Talk, message_id
from test_auth_in import plain

MAIL = b"From: User <user@example.org>\r\nTo: other@example.org\r\n" \
    b"Subject: hello\r\n\r\nbody\r\n"


def enter(server, user="user", **how):
    """A session of a user who has authenticated."""
    t = Talk(server.port("submissions"), tls=True, **how)
    t.hello()
    code, text = t.ask(b"AUTH PLAIN " + plain(f"{user}@example.org", PASSWORD))
    assert code == 235, text
    return t


class Local(Talk):
    """The same through the UNIX socket."""

    def __init__(self, server):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(str(server.folder / "submission"))
        self.left = b""
        self.greeting = self.reply()
        self.hello("localhost")


@pytest.fixture(scope="module")
def submission(tmp_path_factory):
    """One server for the rows that leave it as it was."""
    server = Server(tmp_path_factory.mktemp("submission") / "server",
                    extra="limit errors 1000\nlimit errors-soft "
                    "1000\nlimit user-messages 0\nlimit user-recipients 0\n"
                    "limit commands 1000\n"
                    "grant user@example.org sender sales@example.net, "
                    "@example.com\n")
    server.start()
    yield server
    server.end()


def send(t, content, sender="user@example.org", to="other@example.org"):
    """The code and text of the reply that ends it, at MAIL or later."""
    code, text = t.ask(f"MAIL FROM:<{sender}>")
    if code != 250:
        return code, text
    for rcpt in [to] if isinstance(to, str) else to:
        t.ask(f"RCPT TO:<{rcpt}>", 250)
    return t.content(content)


def by_from(field):
    return MAIL.replace(b"From: User <user@example.org>", field)


# Whose a sender is: MAIL FROM, what stands in place of From, the reply.
OWN = [
    ("user@example.org", None), ("USER@Example.ORG", None),
    ("user+list@example.org", None), ("postmaster@example.org", None),
    ('"user"@example.org', None), ("", None),
    ("sales@example.net", None), ("anyone@example.com", None),
    ("other@example.org", 550), ("nobody@example.org", 550),
    ("user@example.net", 550), ("user@sub.example.com", 550),
    ("sales2@example.net", 550), ("user@example.org.example.net", 550),
]


@pytest.mark.shows("AUTH-6")
@pytest.mark.parametrize("sender,code", OWN)
def test_envelope_sender(submission, sender, code):
    """MAIL FROM is the user's own, or granted; else 550 5.7.1."""
    with enter(submission) as t:
        got, text = t.ask(f"MAIL FROM:<{sender}>")
        if code is None:
            assert got == 250, text
        else:
            assert (got, text) == (550, "5.7.1 This sender address is not "
                                   "yours")
        # The session is in step.
        t.ask("RSET", 250)
        assert send(t, MAIL)[0] == 250


FROMS = [
    (b"From: user@example.org", None),
    (b"From: (x) \"User\" <\"user\"@ example . org> (y)", None),
    (b"FROM: uSeR+tag@EXAMPLE.org", None),
    (b"From: sales@example.net", None),
    (b"From: Anyone <anyone@example.com>", None),
    (b"From: user@example.org, anyone@example.com\r\n"
     b"Sender: user@example.org", None),
    (b"From: other@example.org",
     "5.7.1 From, line 1: other@example.org is not yours to send from"),
    (b"From: user@example.org <other@example.org>", "5.6.0 From, line 1: a "
     "name with an at-sign in it must be in quotes"),
    (b"From: \"user@example.org\" <boss@example.net>",
     "5.7.1 From, line 1: boss@example.net is not yours to send from"),
    (b"From: user@example.org, other@example.org\r\n"
     b"Sender: user@example.org",
     "5.7.1 From, line 1: other@example.org is not yours to send from"),
    (b"X-A: b\r\nFrom: user@example.org\r\nSender: other@example.org",
     "5.7.1 Sender, line 3: other@example.org is not yours to send from"),
    (b"From: g: other@example.org;",
     "5.7.1 From, line 1: other@example.org is not yours to send from"),
    (b"From: user@example.org\r\nFrom: user@example.org",
     "5.7.1 Line 2: a second From field; the first is in line 1"),
    (b"From: user@example.org\r\nX-A: b\r\nFrom: other@example.org",
     "5.7.1 Line 3: a second From field; the first is in line 1"),
    (b"X-A: b", "5.6.0 There is no From field: it must say who sends this"),
    (b"From: user@example.org, anyone@example.com",
     "5.6.0 From, line 1: 2 addresses; a Sender field must say which of them "
     "sends this"),
    (b"From:", "5.6.0 From, line 1: it names nobody"),
]


@pytest.mark.shows("AUTH-6")
@pytest.mark.parametrize("field,want", FROMS, ids=lambda v: str(v)[:40])
def test_header_from(submission, field, want):
    with enter(submission) as t:
        code, text = send(t, by_from(field))
        if want is None:
            assert code == 250, text
        else:
            assert code == 550 and text.startswith(want), text
        assert send(t, MAIL)[0] == 250


def test_who_was_refused_is_in_the_log(submission):
    with enter(submission) as t:
        send(t, by_from(b"From: seen-in-log@example.net"))
    assert wait_for(lambda: "seen-in-log@example.net is not yours"
                    in submission.log.read_text(errors="replace"), 5)


FORMS = [
    (b"Subject: x\r\n\tfolded\r\n", None),
    (b"hello world\r\n", "Line 2: no field, and no empty line before it"),
    (b": x\r\n", "Line 2: a field without a name"),
    (b"X\xc3\xa4: x\r\n", "Line 2: an octet that no field's name holds"),
    (b"Subject : x\r\n", "Line 2: no space may stand before the colon of "
     "subject"),
    (b"Subject: a\x07b\r\n", "subject, line 2: a control octet"),
    ("Subject: gr\u00fcn\r\n".encode(), "subject, line 2: an octet above 127, "
     "which needs SMTPUTF8 or an encoded word"),
    (b"To: a@b\r\nTo: c@d\r\n",
     "Line 3: a second To field; the first is in line 2"),
    (b"Subject: a\r\n b\r\nSubject: c\r\n",
     "Line 4: a second Subject field; the first is in line 2"),
    (b"Date: a\r\nDate: b\r\n",
     "Line 3: a second Date field; the first is in line 2"),
    (b"Message-ID: <a@b>\r\nmessage-id: <c@d>\r\n",
     "Line 3: a second Message-ID field; the first is in line 2"),
    (b"To: just a name\r\n", "To, line 2: a name without an address (octet 5 "
     "of the field)"),
    (b"Cc: a@b c@d\r\n", "Cc, line 2: a comma is missing behind an address"),
    (b"Reply-To: <a@b\r\n", "Reply-To, line 2: a < without its >"),
    (b"To: " + b"a@b," * 1000 + b"\r\n", None),
    (b"To: " + b"a@b," * 1001 + b"\r\n", "To, line 2: too many addresses"),
    (b"To: " + b"(" * 50 + b")" * 50 + b"a@b\r\n", None),
    (b"To: " + b"(" * 51 + b")" * 51 + b"a@b\r\n",
     "To, line 2: comments are nested too deep"),
]


@pytest.mark.parametrize("fields,want", FORMS, ids=lambda v: str(v)[:30])
@pytest.mark.parametrize("where", ["submission", "local", "mx"])
def test_header_form(submission, where, fields, want):
    """Refused of users, with words; taken of other servers as it is."""
    content = b"From: user@example.org\r\n" + fields + b"\r\nbody\r\n"
    t = enter(submission) if where == "submission" else Local(submission) \
        if where == "local" else Talk(submission.port("mx"))
    with t:
        if where == "mx":
            t.hello()
        code, text = send(t, content)
        if want is None or where == "mx":
            assert code == 250, text
        else:
            assert code == 550 and text.startswith("5.6.0 " + want), text


def test_utf8_header(submission):
    with enter(submission) as t:
        t.ask("MAIL FROM:<user@example.org> SMTPUTF8", 250)
        t.ask("RCPT TO:<other@example.org>", 250)
        assert t.content("From: \u00dc <user@example.org>\r\nSubject: "
                         "gr\u00fcn\r\n\r\nx\r\n".encode())[0] == 250
        t.ask("MAIL FROM:<user@example.org> SMTPUTF8", 250)
        t.ask("RCPT TO:<other@example.org>", 250)
        code, text = t.content(b"From: user@example.org\r\nSubject: gr\xfcn"
                               b"\r\n\r\nx\r\n")
        assert code == 550 and "no UTF-8" in text, text


def arrived(server, text, user="other"):
    """The message that came for this 250."""
    name = message_id(text).encode()

    def find():
        for path in server.messages(user):
            content = path.read_bytes()
            if name in content:
                return content
        return None

    found = wait_for(find, 10)
    assert found, server.log_tail()
    return found


def fields(content):
    return content.partition(b"\n\n")[0].replace(b"\r", b"").split(b"\n")


def test_what_is_added(submission):
    """Date and Message-ID; of a program of this host From, too."""
    with enter(submission) as t:
        header = fields(arrived(submission, send(t, MAIL)[1]))
        assert sum(f.startswith(b"Date: ") for f in header) == 1
        assert sum(f.startswith(b"Message-ID: <") for f in header) == 1
        assert sum(f.startswith(b"From: ") for f in header) == 1
        whole = b"Date: Mon, 02 Nov 2026 10:00:00 +0000\r\n" \
            b"Message-ID: <mine@example.org>\r\n" + MAIL
        header = fields(arrived(submission, send(t, whole)[1]))
        assert sum(f.startswith(b"Date: ") for f in header) == 1
        assert b"Message-ID: <mine@example.org>" in header
    with Local(submission) as t:
        header = fields(arrived(submission, send(
            t, b"Subject: x\r\n\r\nx\r\n", "cron@mx.example.org")[1]))
        assert b"From: <cron@mx.example.org>" in header
        header = fields(arrived(submission, send(
            t, b"Subject: x\r\n\r\nx\r\n", "")[1]))
        assert b"From: <MAILER-DAEMON@mx.example.org>" in header
        # Text without a header is a body, and our fields end before it.
        got = arrived(submission, send(t, b"hello world\r\nTo: nobody\r\n",
                                       "cron@mx.example.org")[1])
        assert got.replace(b"\r", b"").endswith(
            b"\n\nhello world\nTo: nobody\n"), got
        assert b"From: <cron@mx.example.org>" in fields(got)
        # As cron writes them.
        header = fields(arrived(submission, send(
            t, b"From: root (Cron Daemon)\r\nTo: root\r\nX: y\r\n\r\nx\r\n",
            "root@mx.example.org")[1]))
        assert b"From: root@example.org (Cron Daemon)" in header
        assert b"To: root@example.org" in header
        assert sum(f.lower().startswith((b"from:", b"to:"))
                   for f in header) == 2, header
        # In whose name a program of this host sends is its own affair.
        assert send(t, by_from(b"From: boss@example.net"))[0] == 250


BCC = [
    b"Bcc: secret@example.org\r\n",
    b"bcc: secret@example.org,\r\n\tsecret2@example.org\r\n",
    b"Bcc: secret@example.org\r\nBCC:\r\nResent-Bcc: secret@example.net\r\n",
    b"Bcc: this is secret, and no address (\r\n",
]


@pytest.mark.parametrize("size", [0, 300 * 1024], ids=["small", "large"])
@pytest.mark.parametrize("bcc", BCC, ids=range(len(BCC)))
def test_bcc_is_left_out(submission, bcc, size):
    """Of small and of large messages; all else is as it was."""
    body = b"Bcc: in the body\r\n" + (b"x" * 98 + b"\r\n") * (size // 100)
    for before, after in ((b"", b"X-End: 1\r\n"), (b"X-First: 1\r\n", b"")):
        head = before + b"From: user@example.org\r\n"
        content = head + bcc + after + b"\r\n" + body
        with enter(submission) as t:
            got = arrived(submission, send(t, content)[1])
        got = got.replace(b"\r\n", b"\n")
        want = (head + after + b"\r\n" + body).replace(b"\r\n", b"\n")
        assert got.endswith(want), got[:600]
        assert b"ecret" not in got


def test_bcc_of_a_thousand_fields(submission):
    content = b"From: user@example.org\r\n" \
        + b"Bcc: secret@b\r\nX: y\r\n" * 499 + b"\r\nbody\r\n"
    with enter(submission) as t:
        got = arrived(submission, send(t, content)[1])
    assert b"ecret" not in got and got.count(b"X: y") == 499


def test_bcc_by_send(submission):
    text = submission.command(
        "send", "other@example.org",
        stdin="From: a@b\nBcc: secret@b\nSubject: x\n\nbody\n")
    assert b"ecret" not in arrived(submission, text)


def test_utf8_by_send(submission):
    """Programs write UTF-8 into a header without a thought."""
    text = submission.command(
        "send", "other@example.org",
        stdin="From: a@b\nSubject: gr\u00fcn\n\nbody\n")
    assert "gr\u00fcn".encode() in arrived(submission, text)


def test_bcc_by_chunks(submission):
    """RFC 3030: a field may be cut by a chunk's end."""
    whole = b"From: user@example.org\r\nBcc: secret@b\r\n\r\nbody\r\n"
    with enter(submission) as t:
        for cut in range(0, len(whole), 7):
            t.ask("MAIL FROM:<user@example.org>", 250)
            t.ask("RCPT TO:<other@example.org>", 250)
            t.raw(b"BDAT %d\r\n" % cut + whole[:cut])
            assert t.reply()[0] == 250
            t.raw(b"BDAT %d LAST\r\n" % (len(whole) - cut) + whole[cut:])
            code, text = t.reply()
            assert code == 250, text
            got = arrived(submission, text)
            assert b"ecret" not in got and b"From: user" in got


def test_bcc_is_not_in_a_bounce(make_server):
    """What comes back to the sender may be shown to others."""
    def refuses(stage, said, n):
        return b"550 5.1.1 no\r\n" if stage == "RCPT" else None

    sink = ScriptSink(refuses)
    server = make_server(extra="relay away.example via "
                         f"smtp://127.0.0.1:{sink.port}\n").start()
    with enter(server) as t:
        assert send(t, b"Bcc: secret@b\r\n" + MAIL,
                    to="x@away.example")[0] == 250
    bounce = server.wait_messages(1)[0].read_bytes()
    assert b"Subject: hello" in bounce and b"ecret" not in bounce
    sink.close()


def test_bcc_survives_a_crash(make_server):
    """Recovery knows of it, too."""
    server = make_server(extra="hold deliveries yes\n").start()
    with enter(server) as t:
        text = send(t, b"Bcc: secret@b\r\n" + MAIL)[1]
    server.crash()
    server.conf.write_text(server.conf.read_text().replace(
        "hold deliveries yes", ""))
    server.start()
    got = arrived(server, text)
    assert b"Subject: hello" in got and b"ecret" not in got


@pytest.mark.shows("AUTH-6")
def test_settings(make_server):
    """Both checks can be left off; two From fields are refused all the same."""
    server = make_server(extra="allow foreign senders\n"
                         "allow malformed headers\n").start()
    with enter(server) as t:
        assert send(t, by_from(b"From: boss@example.net"),
                    sender="boss@example.net")[0] == 250
        assert send(t, by_from(b"X-A: b"))[0] == 250
        assert send(t, by_from(b"From: a@b\r\nFrom : c@d"))[0] == 550


@pytest.mark.shows("AUTH-6")
def test_table_that_is_away(make_server):
    """Nobody can tell whose an address is: try again."""
    server = make_server().start()
    with enter(server) as t:
        (server.folder / "users").rename(server.folder / "gone")

        def says(code):
            got = t.ask("MAIL FROM:<user+x@example.org>")[0]
            t.ask("RSET", 250)
            return got == code

        assert wait_for(lambda: says(451), 5, 0.2)
        (server.folder / "gone").rename(server.folder / "users")
        assert wait_for(lambda: says(250), 5, 0.2)


@pytest.mark.shows("RLY-6")
def test_flood_of_recipients(make_server):
    """
    10,000 recipients in a minute: two thousand are taken, the others put off,
    the user is stopped and the operator told; another user is served.
    """
    server = make_server(extra="hold deliveries yes\nrelay example.net via "
                         "smtp://127.0.0.1:9\n").start()
    many = [f"r{i}@example.net" for i in range(1000)]
    begin, said = time.monotonic(), []
    with enter(server) as t, enter(server, "other") as other:
        for _ in range(10):
            said.append(send(t, MAIL, to=many))
        assert time.monotonic() - begin < 60
        assert [code for code, _ in said] == [250] * 2 + [450] * 8, said
        assert said[2][1] == \
            "4.7.1 Too much mail within an hour, try again later"
        assert said[9][1] == "4.7.1 Your mail is stopped, ask the postmaster"
        assert send(t, MAIL)[0] == 450
        assert send(other, by_from(b"From: other@example.org"),
                    sender="other@example.org")[0] == 250
    alarms = [line for line in server.log.read_text().splitlines()
              if "user-stopped" in line]
    assert len(alarms) == 1 and "user=user@example.org" in alarms[0], alarms
    rows = server.rows("user", "stopped")
    assert [row["user"] for row in rows] == ["user@example.org"], rows
    assert "user@example.org" in server.command("user", "stopped")
    counts = {row.get("event"): row.get("count")
              for row in server.rows("status")}
    assert counts.get("user-stopped") == 1, counts
    server.command("user", "lift", "user@example.org")
    assert server.rows("user", "stopped") == []
    with enter(server) as t:
        assert send(t, MAIL)[0] == 250


@pytest.mark.shows("RLY-6")
def test_messages_of_an_hour(make_server):
    """At the limit, one past it, and whoever is counted: over all receivers."""
    server = make_server(extra="limit user-messages 6\nlimit user-recipients "
                         "100\n").start()
    codes = []
    for _ in range(8):
        with enter(server) as t:
            codes.append(send(t, MAIL)[0])
    assert codes == [250] * 6 + [450] * 2
    with enter(server, "other") as t:
        own = by_from(b"From: other@example.org")
        t.ask("MAIL FROM:<other@example.org>", 250)
        for i in range(100):
            t.ask(f"RCPT TO:<user+{i}@example.org>", 250)
        # More than an hour may bring is not taken with one message.
        assert t.ask("RCPT TO:<user@example.org>")[0] == 452
        assert t.content(own)[0] == 250
        code, text = send(t, own, "other@example.org")
        assert code == 450, text


@pytest.mark.shows("RLY-6")
def test_users_behind_one_address(make_server):
    """Four times a user's share; from elsewhere they may go on."""
    server = make_server(extra="limit user-messages 2\n")
    people = [f"u{i}" for i in range(6)]
    for name in people:
        server.add_user(name)
    server.start()
    codes = []
    for name in people:
        with enter(server, name) as t:
            own = by_from(b"From: %s@example.org" % name.encode())
            codes += [send(t, own, f"{name}@example.org")[0]
                      for _ in range(2)]
    assert codes == [250] * 8 + [450] * 4
    with enter(server, "u5", source="127.0.9.1") as t:
        assert send(t, by_from(b"From: u5@example.org"),
                    "u5@example.org")[0] == 250
    assert server.rows("user", "stopped") == []


@pytest.mark.shows("RLY-6")
def test_lookup_that_is_away(make_server):
    """Nothing is taken unasked; lookup's successor answers."""
    server = make_server().start()
    with enter(server) as t:
        server.kill_role("lookup")
        codes = set()
        wait_for(lambda: codes.add(send(t, MAIL)[0]) or 250 in codes, 20)
        assert codes <= {250, 451} and 250 in codes, codes
