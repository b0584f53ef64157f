"""What a log may not hold, and what it must: no secret, each outcome once."""
import base64
import os
import pathlib
import re
import signal
import time

import pytest

from load import Load
from server import LONG, wait_for
from talk import Talk


def b64(text):
    return base64.b64encode(text.encode()).decode()


def forms(secret):
    """The same as it would stand in a log: plain, or in base64 at any of its
    three places in a group."""
    found = [secret.encode()]
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + secret.encode())
        found.append(coded[4:-4])
    return found


CANARY = {what: f"Canary{i}x{what}x9f31c7" for i, what in enumerate((
    "right", "wrong", "login", "clear", "cut", "changed", "smarthost",
    "subject", "body", "bounced"))}


def try_to_log_in(server):
    with Talk(server.port("submissions"), tls=True) as t:
        t.hello()
        t.ask(f"AUTH PLAIN {b64(chr(0) + 'canary@example.org' + chr(0) + CANARY['right'])}", 235)
    for name in ("wrong", "cut"):
        with Talk(server.port("submissions"), tls=True) as t:
            t.hello()
            line = b64(f"\0user@example.org\0{CANARY[name]}")
            t.ask(f"AUTH PLAIN {line if name == 'wrong' else line[:-3] + '!!'}")
    with Talk(server.port("submissions"), tls=True) as t:
        t.hello()
        t.ask("AUTH LOGIN", 334)
        t.ask(b64("user@example.org"), 334)
        t.ask(b64(CANARY["login"]))
    with Talk(server.port("submission")) as t:
        t.hello()
        # Before TLS it is refused, and a client may have said it already.
        t.ask(f"AUTH PLAIN {b64(chr(0) + 'user' + chr(0) + CANARY['clear'])}")
        t.ask(f"AUTH LOGIN {b64(CANARY['clear'])}")
        t.ask(CANARY["clear"])


def send_mails(server):
    with Talk(server.port("relay")) as t:
        t.hello()
        for to in ("user@example.org", "user@away.example",
                   "never@away.example"):
            t.mail(f"Subject: {CANARY['subject']}\r\n\r\n"
                   f"{CANARY['body']}\r\n".encode(),
                   sender="user@example.org", to=to)
        t.ask("MAIL FROM:<>", 250)
        t.ask("RCPT TO:<user@example.org>", 250)
        # A body that is refused: a bare CR.
        t.ask("DATA", 354)
        t.raw(f"{CANARY['body']}\ra\r\n.\r\n".encode())
        t.reply()


@pytest.mark.shows("LOG-2")
def test_canaries(make_server, aio_sink):
    """A secret of its own for each path, at the highest verbosity: no hit in
    log, history, trace or the output of a command; no core is left, and a
    bounce has no content in it."""
    sink = aio_sink(auth=None, answers=lambda stage, n, argument:
                    "550 5.1.1 nobody" if stage == "RCPT"
                    and argument.startswith("never") else None)
    server = make_server()
    secret = server.folder / "smarthost.secret"
    secret.write_text(CANARY["smarthost"] + "\n")
    secret.chmod(0o600)
    text = server.conf.read_text()
    server.conf.write_text(
        text + f"relay away.example via smtp://127.0.0.1:{sink.port}\n"
        "relay other.example via smtps://me@127.0.0.1:1 "
        f"password-file {secret}\n")
    server.add_user("canary", CANARY["right"])
    out = server.command("user", "passwd", "canary@example.org",
                         stdin=CANARY["changed"] + "\n")
    out += server.command("user", "passwd", "canary@example.org",
                          stdin=CANARY["right"] + "\n")
    hashed = re.findall(r"(\$\S{20,})", (server.folder / "users").read_text())
    key = "".join((server.folder / "key.pem").read_text().splitlines()[1:-1])
    server.start()
    try_to_log_in(server)
    send_mails(server)
    with Talk(server.port("relay")) as t:
        t.hello()
        t.mail(b"\r\n" + CANARY["body"].encode(), to="x@other.example")
    assert wait_for(lambda: "bounced" in server.log.read_text(), 10)
    assert wait_for(lambda: "to=x@other.example" in "".join(re.findall(
        r"deferred .*", server.log.read_text())), 15), server.log_tail()
    for name in re.findall(r"\b[0-9A-Z]{26}\b", server.log.read_text()):
        out += server.command("trace", name, check=False)
    out += server.command("queue", "list") + server.command("status")
    bounce = [p.read_text() for p in server.wait_messages(2)
              if "multipart/report" in p.read_text()]
    assert len(bounce) == 1 and CANARY["subject"] in bounce[0]
    assert CANARY["body"] not in bounce[0]
    killed = {pid for pids in server.roles().values() for pid in pids}
    for pid in killed:
        os.kill(pid, signal.SIGSEGV)
    assert wait_for(lambda: not killed & {
        pid for pids in server.roles().values() for pid in pids}, 15)
    server.stop()
    places = [server.log, *(server.folder / "history").rglob("*")]
    text = out.encode() + b"".join(p.read_bytes() for p in places
                                   if p.is_file())
    assert b"accepted" in text and b"auth-failed" in text
    for name, secret in CANARY.items():
        for form in forms(secret):
            assert form not in text, name
    assert len(hashed) >= 3
    for secret in [key[i:i + 40] for i in (0, 60)] + hashed:
        assert secret.encode() not in text
    for folder in server.folder, pathlib.Path.cwd():
        assert not [p for p in folder.glob("core*") if p.is_file()]


@pytest.mark.shows("LOG-4")
@pytest.mark.timeout(1800 if LONG else 300)
def test_each_recipient_has_one_outcome(make_server, aio_sink):
    """Ids in are outcomes out: delivered, relayed, refused for good, put off
    for a while, and with a role killed in the middle."""
    late = {}

    def answer(stage, n, argument):
        if stage == "RCPT" and argument.startswith("never"):
            return "550 5.1.1 nobody"
        if stage == "RCPT" and argument.startswith("late"):
            late[argument] = late.get(argument, 0) + 1
            return "451 4.2.1 busy" if late[argument] < 2 else None
        return None

    sink = aio_sink(answers=answer)
    server = make_server(
        extra=f"relay away.example via smtp://127.0.0.1:{sink.port}\n"
        "retry first 1s\n").start()
    kinds = ("user@example.org", "ok@away.example", "never@away.example",
             "late{}@away.example")
    loads = [Load(server.port("relay"), sessions=1, pause=0.005,
                  to=[kind.format(i), "other@example.org"],
                  tag=f"O{i}.") for i, kind in enumerate(kinds)]
    for load in loads:
        load.__enter__()
    time.sleep(300 if LONG else 2)
    server.kill_role("local")
    time.sleep(1)
    for load in loads:
        load.stop()
    outcome = re.compile(r"\b(\w{26}) (?:delivered|failed|expired|removed) "
                         r"to=(\S+)")

    def told():
        log = server.log.read_text(errors="replace")
        taken = {(name, to) for name, rest in re.findall(
            r"\b(\w{26}) accepted from=\S+((?: to=\S+)+)", log)
            for to in re.findall(r"to=(\S+)", rest)}
        # A bounce has an id of its own; it was not accepted from anybody.
        return taken, [pair for pair in outcome.findall(log) if pair in taken]

    assert wait_for(lambda: len(set(told()[1])) == len(told()[0]), 60, 0.5), \
        sorted(told()[0] - set(told()[1]))[:5]
    taken, ends = told()
    acked = {name for load in loads for name, _ in load.acked.values()}
    assert len(acked) > 40
    assert acked <= {name for name, _ in taken}
    assert len(ends) == len(set(ends)) == len(taken)
    assert any(to.startswith("late") for _, to in taken)
