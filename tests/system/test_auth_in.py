"""AUTH, addresses, parameters and relaying, through the wire."""
import base64
import os
import pathlib
import re
import time

import pytest

from cost import Cost
from script_sink import ScriptSink
from server import FIRST_ID, IS_ROOT, PASSWORD, TOP, USERS, wait_for
from talk import Talk
from test_limits import GOOD


def b64(text):
    return base64.b64encode(text.encode() if isinstance(text, str) else text)


def plain(user, password, authzid=""):
    return b64(f"{authzid}\0{user}\0{password}")


GOOD_LOGIN = plain("user@example.org", PASSWORD)


@pytest.mark.shows("AUTH-1")
@pytest.mark.parametrize("port,code", [("submission", 538), ("mx", 502),
                                       ("relay", 502)])
def test_no_auth_without_tls(running, port, code):
    """Not offered, not accepted; nothing is asked for, read or logged."""
    secret = "Canary-" + port
    with Talk(running.port(port)) as t:
        assert "AUTH" not in t.hello()
        for line in (b"AUTH PLAIN " + plain("user@example.org", secret),
                     b"AUTH PLAIN", b"AUTH LOGIN",
                     b"AUTH LOGIN " + b64("user@example.org")):
            assert t.ask(line)[0] == code, line
        assert t.ask(b64(secret))[0] == 500	# a command, no response
    log = running.log.read_text(errors="replace")
    assert secret not in log
    assert plain("user@example.org", secret).decode() not in log


# The authorization identity, what is said to it.
IDENTITIES = [
    ("", 235), ("user@example.org", 235), ("other@example.org", 535),
    ("user", 535), ("postmaster@example.org", 535), ("root", 535),
    ("user@example.org ", 535), ("USER@EXAMPLE.COM", 535),
]


@pytest.mark.shows("AUTH-3")
@pytest.mark.parametrize("authzid,code", IDENTITIES)
def test_authorization_identity(running, authzid, code):
    with Talk(running.port("submissions"), tls=True) as t:
        t.hello()
        line = plain("user@example.org", PASSWORD, authzid)
        assert t.ask(b"AUTH PLAIN " + line)[0] == code
        want = 250 if code == 235 else 530
        assert t.ask("MAIL FROM:<user@example.org>")[0] == want


@pytest.mark.shows("AUTH-4")
def test_failures_read_the_same(make_server):
    """Unknown, wrong and disabled, with PLAIN and LOGIN: one reply."""
    server = make_server()
    with open(server.folder / "users", "a") as f:
        f.write("disabled:*\n")
    server.start()
    said = set()
    for i, user in enumerate(("nobody", "user", "disabled")):
        with Talk(server.port("submissions"), tls=True,
                  source=f"127.0.7.{i + 1}") as t:
            t.hello()
            said.add(t.ask(b"AUTH PLAIN "
                           + plain(f"{user}@example.org", "wrong")))
            t.ask("AUTH LOGIN", 334)
            t.ask(b64(f"{user}@example.org"), 334)
            said.add(t.ask(b64("wrong")))
    assert said == {(535, "5.7.8 Authentication failed")}, said


LONGEST, TOO_LONG = b"A" * (12288 - 2), b"A" * (12289 - 2)
# What stands before, and where a line of any kind may go wrong.
STEPS = {
    "PLAIN": [b"AUTH PLAIN"],
    "LOGIN, user": [b"AUTH LOGIN"],
    "LOGIN, password": [b"AUTH LOGIN", b64("user@example.org")],
}
LINES = {
    "cancelled": b"*", "not base64": b"!!!", "bad padding": b"YQ=",
    "octets": b"\xff\xfe", "empty": b"", "equals": b"=",
    "at the limit": LONGEST, "one past it": TOO_LONG,
    "far past it": b"A" * 20000,
}


@pytest.mark.shows("AUTH-7")
@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("step", STEPS)
def test_no_partial_identity(running, step, line):
    """Not authenticated, the session in step, another login unaffected."""
    with Talk(running.port("submissions"), tls=True) as t, \
            Talk(running.port("submissions"), tls=True) as other:
        t.hello()
        other.hello()
        other.ask("AUTH LOGIN", 334)
        for command in STEPS[step]:
            t.ask(command, 334)
        code, text = t.ask(LINES[line])
        # An empty user is asked for its password, then refused.
        if code == 334:
            assert step == "LOGIN, user", text
            code, text = t.ask(b64(PASSWORD))
        assert code in (500, 501, 535), (code, text)
        assert (code == 500) == ("past" in line), (code, text)
        assert t.ask("MAIL FROM:<user@example.org>")[0] == 530
        other.ask(b64("user@example.org"), 334)
        assert other.ask(b64(PASSWORD))[0] == 235
        assert t.ask(b"AUTH PLAIN " + GOOD_LOGIN)[0] == 235


@pytest.mark.shows("AUTH-7")
@pytest.mark.parametrize("initial,code", [
    (b"=", (501, 535)), (LONGEST[:12288 - 13], (501, 535)),
    (LONGEST[:12289 - 13], (500,)), (b"!!!", (501,)), (b"YQ=", (501,))],
    ids=["empty", "at the limit", "one past it", "no base64", "padding"])
def test_initial_response(running, initial, code):
    """RFC 4954 4: on the line of AUTH itself, `=` when it is empty."""
    with Talk(running.port("submissions"), tls=True) as t:
        t.hello()
        assert t.ask(b"AUTH PLAIN " + initial)[0] in code
        assert t.ask("MAIL FROM:<user@example.org>")[0] == 530
        assert t.ask(b"AUTH PLAIN " + GOOD_LOGIN)[0] == 235


@pytest.mark.shows("AUTH-7")
def test_exchanges_that_are_dropped(running):
    """A hundred of each step, each with a long line: the memory is back."""
    with Cost(running) as cost:
        for _ in range(100):
            for step in STEPS.values():
                t = Talk(running.port("submissions"), tls=True)
                t.hello()
                for command in step:
                    t.ask(command, 334)
                t.raw(LONGEST[:6000])		# and no line's end
                t.close()
    cost.check(8192, 20.0)
    with Talk(running.port("submissions"), tls=True) as t:
        t.hello()
        assert t.ask(b"AUTH PLAIN " + GOOD_LOGIN)[0] == 235


def addresses():
    """The table of tests/unit/mail/address.c: (address, is it one)."""
    text = (TOP / "tests/unit/mail/address.c").read_text()
    table = text[text.index("} cases[]"):]
    table = table[:table.index("\n};")]
    rows = re.findall(r'\{ "((?:[^"\\]|\\.)*)", (true|false) \}', table)
    found = [(re.sub(r"\\(.)", r"\1", a).encode("latin-1"), ok == "true")
             for a, ok in rows]
    local, label = b"l" * 64, b"d" * 63
    # RFC 5321 4.5.3.1.3: 256 octets of a path with its brackets.
    long = b".".join([label] * 3) + b"." + b"e" * 60
    return found + [
        (local + b"@example.com", True), (local + b"l@example.com", False),
        (b"u@" + long, True), (b"u@" + long + b"e", False),
        (b"u@" + label + b".com", True), (b"u@d" + label + b".com", False),
    ] + [(b"us" + bytes([c]) + b"er@example.com", False)
         for c in [*range(1, 10), 11, 12, *range(14, 33), 127, *range(128, 256)]
         ] + [(b"user@ex" + bytes([c]) + b"ample.com", False)
              for c in [*range(1, 10), 11, 12, *range(14, 33), 127, 200, 255]]


@pytest.mark.shows("PRS-4")
def test_addresses(running):
    """
    Each of some hundreds as a sender and as a recipient: taken or refused, by
    the table of the parser's own test; no control octet gets anywhere.
    """
    rows = [row for row in addresses() if row[0] != b"postmaster"]
    assert len(rows) >= 200
    with Talk(running.port("relay")) as t:
        t.hello()
        for address, is_one in rows:
            code, text = t.ask(b"MAIL FROM:<" + address + b">")
            assert (code == 250) == is_one, (address, code, text)
            if not is_one:
                assert code in (500, 501), (address, code)
                t.ask("MAIL FROM:<s@example.net>", 250)
            code, text = t.ask(b"RCPT TO:<" + address + b">")
            if is_one:
                assert code in (250, 550, 451), (address, code, text)
            else:
                assert code in (500, 501), (address, code, text)
            t.ask("RSET", 250)
        # What was taken lies in the queue as it was written.
        good = [address.decode() for address, is_one in rows if is_one
                and not address.lower().endswith((b"]", b"@example.org"))]
        for i in range(0, len(good), 40):
            t.mail(GOOD, to=good[i:i + 40], sender=good[i])

    def kept():
        return set(sum((row["to"] for row in running.rows("queue", "list")),
                       []))

    assert wait_for(lambda: set(good) <= kept(), 10), set(good) - kept()
    log = running.log.read_bytes()
    assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", log)


# RFC 5321 4.1.1.11, 1870, 6152, 4954, 3461, 6531: parameters of MAIL and RCPT.
PARAMETERS = [
    ("MAIL FROM:<s@example.net>", line, codes) for line, codes in (
        ("SIZE=1 SIZE=1", (501,)), ("SIZE=", (501,)), ("SIZE", (501,)),
        ("SIZE=-1", (501,)), ("SIZE=1k", (501,)), ("SIZE=+1", (501,)),
        ("SIZE=99999999999999999999999", (501,)), ("SIZE=0x10", (501,)),
        ("BODY=8BITMIME BODY=7BIT", (501,)), ("BODY=", (501,)),
        ("BODY=BINARYMIMES", (501,)), ("BODY", (501,)),
        ("AUTH=a+00b", (501,)), ("AUTH=a+0Ab", (501,)),
        ("AUTH=a+0Db", (501,)), ("AUTH=a+4", (501,)), ("AUTH=+", (501,)),
        ("AUTH=a+4g", (501,)), ("AUTH=a=b", (501,)), ("AUTH=", (501,)),
        ("AUTH=<> AUTH=<>", (501,)), ("ENVID=QQ314159", (250,)),
        ("ENVID=+0", (501,)), ("ENVID=a ENVID=b", (501,)),
        ("RET=ALL", (501,)), ("SMTPUTF8=1", (501,)), ("REQUIRETLS", (555,)),
        ("X-UNKNOWN=1", (555,)), ("=1", (501, 555)), ("SIZE=1\tBODY=7BIT",
                                                     (500, 501)),
        ("a" * 600 + "=1", (555, 501)), ("AUTH=" + "a" * 1500, (501, 250)),
    )
] + [
    ("RCPT TO:<other@example.org>", line, codes) for line, codes in (
        ("ORCPT=rfc822", (501,)), ("ORCPT=+0", (501,)),
        ("ORCPT=a ORCPT=b", (501,)), ("NOTIFY=NEVER,DELAY", (501,)),
        ("SIZE=1", (555,)), ("BODY=7BIT", (555,)), ("=", (501, 555)),
        ("X" * 900, (555, 501)),
    )
]


@pytest.mark.shows("PRS-5")
@pytest.mark.parametrize("command,line,codes", PARAMETERS,
                         ids=lambda v: str(v)[:24])
def test_parameters(running, command, line, codes):
    """501 or 555, and the transaction is what it was before."""
    with Talk(running.port("mx")) as t:
        t.hello()
        if command.startswith("RCPT"):
            t.ask("MAIL FROM:<s@example.net>", 250)
            t.ask("RCPT TO:<user@example.org>", 250)
        code, text = t.ask(f"{command} {line}")
        assert code in codes, text
        if command.startswith("MAIL"):
            if code != 250:
                assert t.ask("RCPT TO:<user@example.org>")[0] == 503
                t.ask("MAIL FROM:<s@example.net>", 250)
            t.ask("RCPT TO:<user@example.org>", 250)
        name = t.content(GOOD)[1].split()[-1]
    assert wait_for(lambda: recipients(running, name), 10) == \
        ["user@example.org"]


def recipients(server, name):
    return sum((row["to"] for row in server.rows("queue", "list")
                if row["id"] == name), [])


@pytest.mark.shows("RLY-2")
def test_empty_file(make_server, tmp_path):
    """Nothing but what must be there to start: no port is open."""
    server = make_server()
    server.conf.write_text("".join(
        row + "\n" for row in server.conf.read_text().splitlines()
        if row.split()[0] in ("spool", "control", "submission", "history",
                              "user")))
    server.start(wait=False)
    assert wait_for((server.folder / "submission").exists, 20), \
        server.log_tail()
    owned = set()
    for pid in [server.process.pid] + sum(server.roles().values(), []):
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                owned.add(os.readlink(f"/proc/{pid}/fd/{fd}"))
            except OSError:
                pass
    listening = [line.split() for name in ("tcp", "tcp6") for line in
                 pathlib.Path(f"/proc/net/{name}").read_text().splitlines()]
    ours = [row for row in listening if row[3] == "0A"
            and f"socket:[{row[9]}]" in owned]
    assert not ours, ours


def users_owner(path):
    if IS_ROOT:
        number = FIRST_ID + USERS.index("lookup")
        os.chown(path, number, number)


def no_file(path):
    path.unlink()


def a_folder(path):
    path.unlink()
    path.mkdir()


def garbage(path):
    path.write_bytes(b"\0\1\2 no table at all\n" * 10)
    users_owner(path)


def closed_to_all(path):
    path.chmod(0)
    os.chown(path, 0, 0)


@pytest.mark.shows("RLY-2", "RLY-3")
@pytest.mark.parametrize("spoil", [no_file, a_folder, garbage, closed_to_all])
def test_table_that_is_not_there(make_server, spoil):
    """It does not start, or says 451: never 250, never 550."""
    server = make_server()
    spoil(server.folder / "users")
    done = server.command("check", check=False)
    server.start(wait=False)

    def answers():
        if server.process.poll() is not None:
            return (0, "it does not start")
        try:
            with Talk(server.port("mx"), timeout=5) as t:
                t.hello()
                t.ask("MAIL FROM:<s@example.net>", 250)
                return t.ask("RCPT TO:<user@example.org>")
        except OSError:
            return None

    said = wait_for(answers, 20)
    assert said and said[0] in (0, 451), (said, done)


@pytest.mark.shows("RLY-4")
def test_spam_makes_no_bounces(make_server):
    """
    Forged senders, to nobody, too large, bare, looping: all of it is refused
    in the session, and not a word goes to whose name was used.
    """
    victim = ScriptSink()
    server = make_server(
        extra=f"relay victim.example via smtp://127.0.0.1:{victim.port}\n"
        "limit errors 1000\nlimit errors-soft 1000\nlimit commands "
        "1000\nlimit bad-recipients 1000\nlimit message-size 64k\n").start()
    refused = 0
    for n in range(25):
        with Talk(server.port("mx")) as t:
            t.hello()
            for i in range(10):
                t.ask(f"MAIL FROM:<forged{i}@victim.example>", 250)
                t.ask(f"RCPT TO:<nobody{n}x{i}@example.org>")
                t.ask("RCPT TO:<a@elsewhere.example>")
                refused += t.ask("DATA")[0] == 503
                t.ask("RSET", 250)
            for content in (b"a\nb\r\n", b"a" * 70000 + b"\r\n",
                            b"Received: x\r\n" * 101 + b"\r\nx\r\n"):
                t.ask("MAIL FROM:<forged@victim.example>", 250)
                t.ask("RCPT TO:<user@example.org>", 250)
                t.ask("DATA", 354)
                t.raw(content + b".\r\n")
                refused += t.reply()[0] // 100 == 5
    assert refused == 25 * 13
    time.sleep(1)
    assert not server.rows("queue", "list")
    assert victim.count == 0 and not server.messages()
    victim.close()


@pytest.mark.shows("RLY-4")
def test_bounces_to_a_domain(make_server):
    """500 an hour to one domain, however many were forged."""
    def refuses(stage, said, n):
        return b"550 5.1.1 no\r\n" if stage == "RCPT" else None

    away, victim = ScriptSink(refuses), ScriptSink()
    server = make_server(
        extra=f"relay victim.example via smtp://127.0.0.1:{victim.port}\n"
        f"relay via smtp://127.0.0.1:{away.port}\n").start()
    with Talk(server.port("relay")) as t:
        t.hello()
        for i in range(520):
            t.mail(GOOD, sender=f"forged{i}@victim.example",
                   to=f"nobody{i}@example.com")
    assert wait_for(lambda: not server.rows("queue", "list"), 60), \
        server.log_tail()
    assert wait_for(lambda: len(victim.mails) >= 500, 30)
    time.sleep(1)
    assert len(victim.mails) == 500
    away.close()
    victim.close()


@pytest.mark.shows("SMTP-3")
def test_who_splits_at_lf_sees_one_end(make_server):
    """Relayed to a server that takes LF for a line's end: one message."""
    sink = ScriptSink()
    server = make_server(
        extra=f"relay via smtp://127.0.0.1:{sink.port}\n").start()
    bodies = [b".\r\n", b"..\r\n.\r\n", b"a\r\n.\r\nMAIL FROM:<x@y>\r\n",
              b"\r\n.\r\n\r\n.\r\n", b".QUIT\r\n.\r\n",
              b"x" * 3000 + b"\r\n.\r\n",
              b"." * 500 + b"\r\n", b"a\r\n." * 300 + b"\r\n"]
    with Talk(server.port("relay")) as t:
        t.hello()
        for body in bodies:
            t.mail(b"Subject: dots\r\n\r\n" + body, to="x@example.com")
    assert wait_for(lambda: len(sink.mails) == len(bodies), 20)
    for mail in sink.mails:
        lines = mail.split(b"\n")
        assert lines.count(b".\r") == 1 and lines[-2:] == [b".\r", b""]
        assert b"\n" not in mail.replace(b"\r\n", b"")
        assert b"\r" not in mail.replace(b"\r\n", b"")
    sink.close()
