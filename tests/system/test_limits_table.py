"""
Section 19, what one session may say: a row each, and three tests of each row.

At the limit it works; one past it the answer is exact, and the session is in
step or ended; a hundred times past it costs a bounded amount of memory and
processor.  The table of all limits is doc/design/limits.md.
"""
import base64
import dataclasses
import itertools
import typing

import pytest

from cost import Cost
from server import PASSWORD, Server
from talk import Talk, stuff
from test_limits import GOOD, limited

SMALL = """\
limit message-size 300k
limit recipients 100
limit errors-soft 5
limit errors 6
limit commands 20
limit mails 5
limit bad-recipients 4
limit auth-per-session 3
limit auth-per-minute 1000
limit auth-per-day 1000
limit auth-per-account 1000
limit hops 30
limit hops-own 2
receivers 1
"""
SIZE = 300 * 1024
HEADER, FIELD, FIELDS, LINE = 256 * 1024, 64 * 1024, 1000, 64 * 1024
FAR = 100
MEMORY = 4096		# KiB a role may grow by, whatever a client says
CPU = 2.0		# seconds; on a quiet machine it is hundredths


def own_hop(n):
    return b"Received: from a%d.example\r\n\tby mx.example.org with SMTP;\r\n" \
        b"\tThu, 1 Jan 1970 00:00:00 +0000\r\n" % n


def hop(n):
    return b"Received: from a%d.example by b.example;\r\n" \
        b"\tThu, 1 Jan 1970 00:00:00 +0000\r\n" % n


def folded(size):
    """One field of so many octets, in lines that are short enough."""
    text = b"X-A: a\r\n"
    while len(text) < size:
        more = min(900, size - len(text))
        if size - len(text) - more < 10:
            more = size - len(text)
        text += b"\t" + b"b" * (more - 3) + b"\r\n"
    assert len(text) == size
    return text


def header(size):
    """A header block of so many octets, the empty line included."""
    text = b""
    while size - 2 - len(text) > 20000:
        text += folded(10000)
    return text + folded(size - 2 - len(text)) + b"\r\n"


def sized(size):
    text = b"Subject: x\r\n\r\n"
    text += (b"a" * 98 + b"\r\n") * ((size - len(text)) // 100 - 1)
    return text + b"b" * (size - len(text) - 2) + b"\r\n"


def login(size):
    """A response that fills a line of so many octets, CRLF included."""
    line = base64.b64encode(b"\0user@example.org\0" + b"p" * size)
    return line[:size - 2]


@dataclasses.dataclass
class Row:
    """
    say(t, n): say n of it; the last reply, where a reply is due.
    n: the limit; ok: the reply at it; says: one past it; ends: then the
    session is over; far: the codes that may be the last at 100 times the
    limit, empty: closed without a word.
    """
    name: str
    say: typing.Callable
    n: int
    ok: int
    says: str
    ends: bool = False
    far: tuple = (421,)
    port: str = "mx"
    begin: typing.Callable = lambda t: t.hello()
    in_step: typing.Callable = lambda t: in_step(t)
    kib: int = MEMORY


def in_step(t):
    t.ask("RSET", 250)
    t.mail(GOOD)


def flood(t, octets):
    """All of it, then the last reply there was; "": closed without one."""
    try:
        t.raw(octets)
    except OSError:
        pass
    return last(t)


def last(t):
    said = ""
    t.sock.settimeout(20)
    try:
        while True:
            code, text = t.reply()
            said = f"{code} {text}"
            if code == 421:
                break
    except (OSError, ValueError):
        pass
    return said


def again(line):
    """So many of a command in one segment; the reply to the last of them."""
    def say(t, n):
        t.raw(line + b"\r\n")		# the first alone: NOOP, not pipelined
        code, text = t.reply()
        if n > 1:
            t.raw((line + b"\r\n") * (n - 1))
        for _ in range(n - 1):
            if code == 421:
                break
            code, text = t.reply()
        return f"{code} {text}"
    return say


def in_mail(say):
    def wrapped(t, n):
        t.ask("MAIL FROM:<s@example.net>", 250)
        return say(t, n)
    return wrapped


def content(make):
    def say(t, n):
        t.ask("MAIL FROM:<s@example.net>", 250)
        t.ask("RCPT TO:<user@example.org>", 250)
        t.ask("DATA", 354)
        try:
            t.raw(stuff(make(n)) + b".\r\n")
        except OSError:
            pass
        code, text = t.reply()
        return f"{code} {text}"
    return say


def line(make):
    def say(t, n):
        try:
            t.raw(make(n))
        except OSError:
            pass
        code, text = t.reply()
        return f"{code} {text}"
    return say


def recipients(t, n):
    t.ask("MAIL FROM:<s@example.net>", 250)
    # As long as a path may be, so that the session's arena fills.
    rows = [f"RCPT TO:<{'r%d' % i:x<60}@{'d' * 60}.{'e' * 60}.example>\r\n"
            for i in range(n)]
    t.raw("".join(rows).encode())
    for _ in rows:
        code, text = t.reply()
    if n == 100:
        # All of them are in one message.
        assert t.content(GOOD)[0] == 250
    return f"{code} {text}"


def size_said(t, n):
    code, text = t.ask(f"MAIL FROM:<s@example.net> SIZE={n}")
    return f"{code} {text}"


def mails(t, n):
    for _ in range(min(n - 1, 5)):
        t.mail(GOOD)
    return again(b"MAIL FROM:<s@example.net>")(t, max(n - 5, 1))


def auths(t, n):
    for _ in range(n):
        # Another account each time: one of them is answered ever later.
        bad = base64.b64encode(b"\0n%d@example.org\0wrong" % next(SOURCES))
        code, text = t.ask(b"AUTH PLAIN " + bad)
        if code == 421:
            break
    return f"{code} {text}"


def auth_begin(t):
    t.hello()
    t.ask("AUTH PLAIN", 334)


def auth_in_step(t):
    """Nobody is authenticated, and everybody still can be."""
    assert t.ask("MAIL FROM:<user@example.org>")[0] == 530
    good = base64.b64encode(b"\0user@example.org\0" + PASSWORD.encode())
    t.ask(b"AUTH PLAIN " + good, 235)


ROWS = [
    Row("command line", line(lambda n: b"NOOP " + b"x" * (n - 7) + b"\r\n"),
        2048, 250, "500 5.5.2 Line too long"),
    # A line so long is read, and is no base64: 12,286 is no multiple of 4.
    Row("AUTH line", line(lambda n: login(n) + b"\r\n"), 12288, 501,
        "500 5.5.6 Line too long", port="submissions", begin=auth_begin,
        in_step=auth_in_step),
    Row("errors, soft", again(b"NONSENSE"), 5, 500,
        "500 5.5.2 Unknown command"),
    Row("errors, hard", again(b"NONSENSE"), 6, 500,
        "421 4.7.0 Too many errors", ends=True),
    Row("commands without mail", again(b"NOOP"), 19, 250,
        "421 4.7.0 Too many commands", ends=True),
    Row("mails", mails, 5, 250, "421 4.7.0 Enough mail, connect again",
        ends=True),
    Row("recipients", recipients, 100, 250, "452 4.5.3 Too many recipients",
        port="relay", far=(452,),
        in_step=lambda t: (t.content(GOOD), in_step(t))),
    Row("bad recipients", in_mail(again(b"RCPT TO:<nobody@example.org>")),
        4, 550, "421 4.7.0 Too many bad recipients", ends=True),
    Row("size said before", size_said, SIZE, 250,
        "552 5.3.4 Message too large", far=(552,)),
    Row("message size", content(sized), SIZE, 250,
        "552 5.3.4 Message too large"),
    Row("header block", content(lambda n: header(n) + b"x\r\n"), HEADER, 250,
        "554 5.6.0 Header too large"),
    Row("one field", content(lambda n: folded(n) + b"\r\nx\r\n"), FIELD, 250,
        "554 5.6.0 Header too large"),
    Row("fields", content(lambda n: b"a:\r\n" * n + b"\r\nx\r\n"), FIELDS,
        250, "554 5.6.0 Header too large", far=(552, 554)),
    Row("body line", content(lambda n: b"\r\n" + b"a" * n + b"\r\n"), LINE,
        250, "550 5.6.0 A line is too long"),
    Row("hops", content(lambda n: b"".join(map(hop, range(n))) + b"\r\nx\r\n"),
        30, 250, "554 5.4.6 Too many hops, mail loop", far=(554,)),
    Row("own hops", content(lambda n: b"".join(map(own_hop, range(n)))
                            + b"\r\nx\r\n"), 2, 250,
        "554 5.4.6 Too many hops, mail loop", far=(554,)),
    Row("AUTH of a session", auths, 3, 535, "421 4.7.0 Too many attempts",
        ends=True, port="submissions",
        kib=32768),	# lookup hashes a password in 16 MiB
]
SOURCES = itertools.count(1)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    made = []

    def make(**how):
        made.append(Server(tmp_path_factory.mktemp("small") / "server", **how))
        return made[-1]

    yield limited(make, SMALL + "hold deliveries yes\n")
    made[0].end()


def session(server, row):
    # An address of its own: wrong passwords are answered ever later.
    return Talk(server.port(row.port), tls=row.port == "submissions",
                source=f"127.0.9.{next(SOURCES)}")


@pytest.mark.shows("SMTP-8", "SMTP-13", "AUTH-7")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_at_the_limit(small, row):
    with session(small, row) as t:
        row.begin(t)
        said = row.say(t, row.n)
        assert said.startswith(str(row.ok)), said


@pytest.mark.shows("SMTP-8", "SMTP-13", "AUTH-7")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_one_past_it(small, row):
    """The exact reply; then the session is in step, or it is over."""
    with session(small, row) as t:
        row.begin(t)
        assert row.say(t, row.n + 1) == row.says
        if row.ends:
            assert t.is_closed()
        else:
            row.in_step(t)


@pytest.mark.shows("SMTP-8", "MEM-1")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_far_past_it(small, row):
    """A hundred times as much: memory and processor are bounded."""
    with session(small, row) as t, Cost(small) as cost:
        row.begin(t)
        try:
            said = row.say(t, row.n * FAR)
        except OSError:
            said = ""
        assert said == "" or int(said[:3]) in row.far, said
    cost.check(row.kib, CPU)
