"""`posthorse explain` beside the server: both say the same of a message."""
import base64
import json
import subprocess

import pytest

from server import PASSWORD, wait_for
from talk import Talk, message_id
from test_rules import where

RULES = """\
relay named far via smtp://127.0.0.1:9
hold deliveries yes
match client file clients refuse code 521 5.3.2 "Not from there"
match client 127.0.0.3 defer
match helo *.bad.example refuse "No such name"
match sender @bücher.example refuse
match sender file senders tag listed
match tag listed not tls any defer code 451 4.7.25 "Over TLS"
match sender <> recipient other@example.org refuse "No bounces"
match client 127.0.0.9 recipient @partner.example relay
match listener submission user user@example.org recipient @far.example route far
match recipient user+x@example.org accept
match recipient user+*@example.org check route local refuse "No detail"
match check route unknown sender file gone refuse
match header subject *grüße* refuse code 554 5.6.0 "No greetings"
match size > 3000 recipient other@example.org defer
match header x-hold yes hold
match header x-copy yes copy-to other@example.org
"""
LISTS = {"clients": "127.0.66.0/24\n", "senders": "@.listed.example\n"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    from server import Server
    made = Server(tmp_path_factory.mktemp("explain") / "server", extra=RULES)
    for name, text in LISTS.items():
        (made.folder / name).write_text(text)
    (made.folder / "gone").write_text("")
    made.start()
    (made.folder / "gone").unlink()
    yield made
    made.end()


CASES = [
    {},
    {"client": "127.0.66.6"},
    {"client": "127.0.0.3"},
    {"helo": "a.bad.example"},
    {"sender": "x@xn--bcher-kva.example"},
    {"sender": "x@a.listed.example"},
    {"sender": "", "to": ["other@example.org"]},
    {"to": ["nobody@example.net"]},
    {"to": ["nobody@example.org"], "sender": "y@example.net"},
    {"to": ["a@partner.example"], "client": "127.0.0.9"},
    {"to": ["a@partner.example", "user@example.org"]},
    {"to": ["user+x@example.org", "user+y@example.org"]},
    {"header": ["Subject: =?iso-8859-1?q?Gr=FC=DFe?="]},
    {"header": ["Subject: x", "X-Hold: yes", "X-Copy: yes"]},
    {"size": 4000, "to": ["user@example.org", "other@example.org"]},
    {"size": 4000},
    {"auth": "user@example.org", "sender": "user@example.org",
     "to": ["a@far.example", "b@example.net"],
     "header": ["From: user@example.org"]},
]


def explain(server, client="127.0.0.1", helo="client.example.net",
            sender="s@example.net", to=("user@example.org",), header=(),
            size=None, auth=None):
    """Rows of explain, and its exit status."""
    words = ["--from", sender, "--client", client, "--helo", helo]
    for address in to:
        words += ["--to", address]
    for field in header:
        words += ["--header", field]
    if size is not None:
        words += [f"--size={size}"]
    if auth is not None:
        words += ["--auth", auth, "--listen", "submission", "--tls"]
    done = subprocess.run(
        [server.program, "-c", server.conf, "--json", "explain", *words],
        capture_output=True, text=True, timeout=30)
    assert done.returncode in (0, 1), done.stderr
    return [json.loads(row) for row in done.stdout.splitlines()], \
        done.returncode


def replies(rows):
    """(stage, reply) of what was not passed, as a client hears it."""
    return [(r["stage"], (r["code"], f"{r['status']} {r['text']}"))
            for r in rows if r.get("result") in ("refused", "deferred")]


def content_of(header, size):
    """A content of about that many octets, at least the fields."""
    head = "".join(f"{field}\r\n" for field in header).encode() + b"\r\n"
    return head + (size - len(head)) // 64 * (b"x" * 62 + b"\r\n")


def talk(server, client="127.0.0.1", helo="client.example.net",
         sender="s@example.net", to=("user@example.org",), header=(),
         size=None, auth=None):
    """The same from the server; (stage, reply), and the id or None."""
    said = []
    port = server.port("submissions" if auth else "mx")
    with Talk(port, source=client, tls=auth is not None) as t:
        if t.greeting[0] != 220:
            return [("connect", t.greeting)], None
        answer = t.ask(f"EHLO {helo}")
        if answer[0] != 250:
            return [("helo", answer)], None
        if auth:
            plain = f"\0{auth}\0{PASSWORD}".encode()
            t.ask(f"AUTH PLAIN {base64.b64encode(plain).decode()}", 235)
        answer = t.ask(f"MAIL FROM:<{sender}>")
        if answer[0] != 250:
            return [("mail", answer)], None
        taken = 0
        for address in to:
            answer = t.ask(f"RCPT TO:<{address}>")
            taken += answer[0] == 250
            if answer[0] != 250:
                said.append(("rcpt", answer))
        if not taken:
            return said, None
        answer = t.content(content_of(header, size or 0))
        if answer[0] != 250:
            return said + [("content", answer)], None
        return said, message_id(answer[1])


@pytest.mark.parametrize("case", CASES, ids=lambda c: ",".join(c) or "plain")
def test_both_say_the_same(server, case):
    rows, status = explain(server, **case)
    said, name = talk(server, **case)
    assert replies(rows) == said
    assert (status == 0) == (name is not None)
    if name is None:
        return
    # The rules that the trace names are those that matched.
    def story():
        try:
            found = server.rows("trace", name)
        except AssertionError:		# not in the history yet
            return []
        return found if any(r["event"] == "accepted" for r in found) else []
    told = [(r["stage"], r["rule"], r["verdict"])
            for r in wait_for(story, 10) if r["event"] == "rule"]
    assert told == [(r["stage"], r["rule"], r["verdict"]) for r in rows
                    if r.get("matches")]


def test_rows(server):
    """Each rule with its line, each condition with its answer."""
    rows, status = explain(server, **CASES[-1])
    line = where(server, RULES.splitlines()[10])
    assert status == 0
    asked = [r for r in rows if r.get("rule") == line and "matches" in r]
    assert [(r["of"], r["matches"]) for r in asked] == \
        [("a@far.example", True), ("b@example.net", False)]
    assert [c["answer"] for c in asked[1]["conditions"]] == \
        ["yes", "yes", "no"]
    ends = {r["to"]: r["goes"] for r in rows if r.get("result") == "accepted"}
    assert ends == {"a@far.example": "by route far",
                    "b@example.net": "where the DNS says"}
    rows, _ = explain(server, **CASES[13])
    assert {"copy": "other@example.org"} not in rows	# held before it
    assert [r["held"] for r in rows if r.get("result") == "accepted"] == [True]


@pytest.mark.shows("RLY-3")
def test_in_doubt(server):
    """A file that cannot be read is said to be so, and no verdict is made up."""
    rows, status = explain(server, to=["nobody@example.org"])
    assert status == 1
    assert replies(rows) == [("rcpt", (451, "4.3.0 Cannot look that up now"))]
    told = server.command("explain", "--from", "a@example.net", "--to",
                          "nobody@example.org", "--client", "127.0.0.1",
                          check=False)
    assert f"sender file {server.folder}/gone: in doubt" in told
    assert f"by {where(server, RULES.splitlines()[13])}" in told
