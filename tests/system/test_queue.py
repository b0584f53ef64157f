"""An operator looks at the queue and steers it: one message, some, or all."""
import json
import subprocess

import pytest

from server import free_port, wait_for
from talk import Talk, message_id
from test_relay import bounces

SMALL = b"Subject: q\r\n\r\nx\r\n"
LARGE = b"Subject: q\r\n\r\n" + (b"y" * 70 + b"\r\n") * 400
CONF = """\
relay far.example via smtp://127.0.0.1:{far}
relay other.example via smtp://127.0.0.1:{other}
retry first 1h
match sender tagged@two.example tag bulk
match sender held@two.example hold
"""
MAILS = {       # name: sender, recipients, content
    "a": ("a@one.example", ["x@far.example"], SMALL),
    "b": ("user@example.org", ["y@other.example"], LARGE),
    "null": ("", ["z@far.example"], SMALL),
    "two": ("tagged@two.example", ["x@far.example", "Y@other.example"],
            SMALL),
    "held": ("held@two.example", ["user@example.org"], SMALL),
}


def put(server, sender, to, content=SMALL):
    with Talk(server.port("relay")) as t:
        t.hello()
        return message_id(t.mail(content, sender=sender, to=to))


@pytest.fixture
def queue(make_server):
    """A server with one of each, and names by their ids."""
    server = make_server(extra=CONF.format(
        far=free_port(), other=free_port())).start()
    ids = {put(server, *mail): name for name, mail in MAILS.items()}

    def settled():
        """None is being tried, and the fixture's own mail has gone."""
        rows = server.rows("queue", "list")
        return {r["id"] for r in rows} == set(ids) and len(rows) == 6 and \
            "refused" in str(rows) and \
            not server.rows("queue", "list", "--state", "running")
    assert wait_for(settled, 20), server.rows("queue", "list")
    return server, ids


def run(server, *words):
    return subprocess.run([server.program, "-c", server.conf, "queue", *words],
                          capture_output=True, text=True, env=server.env,
                          timeout=60)


FILTERS = [
    ("", "a b held null two two"),
    ("--sender a@one.example", "a"),
    ("--sender A@ONE.example", "a"),
    ("--sender @two.example", "held two two"),
    ("--sender <>", "null"),
    ("--sender @example.example", ""),
    ("--recipient x@far.example", "a two"),
    ("--recipient y@other.example", "b two"),
    ("--recipient @far.example", "a null two"),
    ("--domain local", "held"),
    ("--state held", "held"),
    ("--state running", ""),
    ("--state later", ""),
    ("--larger 20K", "b"),
    ("--larger 1M", ""),
    ("--larger 28K", "b"),
    ("--older 1h", ""),
    ("--tag bulk", "two two"),
    ("--tag bul", ""),
    ("--tag bulk --recipient x@far.example", "two"),
    ("--sender @one.example --state held", ""),
]


@pytest.mark.shows("ADM-3")
def test_filters(queue):
    """Each choice alone and together: rows are of those, and no others."""
    server, ids = queue
    for words, want in FILTERS:
        got = sorted(ids[r["id"]] for r in
                     server.rows("queue", "list", *words.split()))
        assert got == want.split(), words
    assert "No message fits." in server.command(
        "queue", "list", "--sender", "@nowhere.example")
    # What was tried is deferred; what waits for the same host is ready.
    assert sorted(ids[r["id"]] for state in ("deferred", "ready") for r in
                  server.rows("queue", "list", "--state", state)) == \
        ["a", "b", "null", "two", "two"]
    # Older than some seconds: by the time that all are.
    assert wait_for(lambda: len(server.rows("queue", "list", "--older", "2s"))
                    == 6, 10)
    host = [r for r in server.rows("queue", "list")
            if ids[r["id"]] == "a"][0]["domain"]
    assert host == "127.0.0.1"


def test_wrong_words(queue):
    """What cannot be meant is said, and changes nothing."""
    server, ids = queue
    one = next(iter(ids))
    for words, says in (
            (["list", "--state", "lost"], "running, ready, deferred"),
            (["list", "--older", "5"], "15m"),
            (["list", "--older", "0s"], "15m"),
            (["list", "--older", "99999999999999999w"], "15m"),
            (["list", "--larger", "x"], "20K"),
            (["list", "--sender"], "needs a value"),
            (["list", "--sender", ""], "needs a value"),
            (["list", "--sender", "x" * 321], "more than 320"),
            (["list", "--colour", "red"], "knows no --colour"),
            (["list", "--yes"], "changes nothing"),
            (["show"], "one message's id"),
            (["show", one, one], "one message's id"),
            (["delete"], "which messages"),
            (["delete", "--yes"], "which messages"),
            (["delete", one, "--all"], "either"),
            (["delete", "nonsense"], "not a message's id"),
            (["lose", one], "no queue lose")):
        done = run(server, *words)
        assert done.returncode != 0 and says in done.stderr, \
            (words, done.stdout, done.stderr)
    assert len(server.rows("queue", "list")) == 6


@pytest.mark.shows("ADM-3")
def test_many_at_once(queue):
    """First how many; then, when it is said, those and no others."""
    server, ids = queue
    done = run(server, "hold", "--sender", "@one.example")
    assert done.returncode != 0 and "--yes" in done.stderr
    assert "1 message, and nothing was changed" in done.stdout
    done = run(server, "hold", "--recipient", "@far.example", "--dry-run")
    assert done.returncode == 0
    assert "3 messages, and nothing was changed" in done.stdout, done.stdout
    held = lambda: {ids[r["id"]] for r in
                    server.rows("queue", "list", "--state", "held")}
    assert held() == {"held"}
    # Of a message with two destinations one is meant: all of it is held.
    assert "3 messages\n" in server.command(
        "queue", "hold", "--recipient", "@far.example", "--yes")
    assert held() == {"held", "a", "null", "two"}
    # Dry is what the order would be: the held ones, the others, those asked for.
    for words, n in (("release --all", 4), ("retry --all", 1),
                     ("hold --recipient @far.example", 3)):
        done = run(server, *words.split(), "--dry-run")
        assert done.stdout.startswith(f"{n} message"), (words, done.stdout)
    assert server.rows("queue", "release", "--tag", "bulk", "--yes") == [
        {"count": 1, "busy": 0}]
    assert held() == {"held", "a", "null"}
    names = {name: id for id, name in ids.items()}
    assert "2 messages\n" in server.command("queue", "delete", names["a"],
                                            names["null"])
    assert run(server, "delete", names["a"]).returncode != 0
    assert "3 messages\n" in server.command("queue", "delete", "--all",
                                            "--yes")
    assert wait_for(lambda: not server.rows("queue", "list"), 10)


@pytest.mark.shows("DLV-6", "ADM-3")
def test_bounce(queue):
    """Given up: who sent it hears why, as of any failure; the rest stays, and a
    restart brings nothing back."""
    server, ids = queue
    names = {name: id for id, name in ids.items()}
    assert "1 message\n" in server.command("queue", "bounce", names["b"])
    assert wait_for(lambda: bounces(server), 10)
    text = str(bounces(server)[0])
    assert "Status: 5.0.0" in text and "y@other.example" in text
    assert "given up by the operator" in text
    # A held one too; the null reverse-path hears of nothing.
    assert "2 messages\n" in server.command(
        "queue", "bounce", "--sender", "@two.example", "--yes")
    # By its id: notices to the others wait with that reverse-path, too.
    assert "1 message\n" in server.command("queue", "bounce", names["null"])
    left = lambda: sorted({ids[r["id"]] for r in server.rows("queue", "list")
                           if r["id"] in ids})
    assert wait_for(lambda: left() == ["a"], 20), left()
    server.restart()
    assert left() == ["a"]
    assert "given up" in server.command("trace", names["b"])


@pytest.mark.timeout(200)
def test_bounce_of_many(make_server):
    """More than there are notices at a time: they come one after the other."""
    server = make_server(extra=CONF.format(
        far=free_port(), other=free_port()) + "hold deliveries yes\n").start()
    n = 400
    with Talk(server.port("relay")) as t:
        t.hello()
        for _ in range(n):
            t.mail(SMALL, sender="user@example.org", to="x@far.example")
    assert wait_for(lambda: len(server.rows("queue", "list")) >= n, 20)
    done = json.loads(server.command("--json", "queue", "bounce", "--domain",
                                     "127.0.0.1", "--yes", timeout=100))
    assert done == {"count": n, "busy": 0}, done
    rows = lambda: [r for r in server.rows("queue", "list")
                    if "x@far.example" in r["to"]]
    assert wait_for(lambda: not rows(), 60), len(rows())
    assert wait_for(lambda: server.log.read_text().count(" bounced ") == n,
                    30), server.log.read_text().count(" bounced ")
