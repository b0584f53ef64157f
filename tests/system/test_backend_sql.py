"""What is stored of users in a database: hashes and verifiers, as in a file."""
import re
import subprocess

import pytest

from outside import ANNA, KINDS, OUTSIDE, crypt
from scram import Scram
from server import LONG, wait_for
from test_backends import Both
from test_sasl import log_in, mechanisms

SQL = [kind for kind in KINDS if KINDS[kind].has_secrets]


@pytest.fixture(scope="module", params=SQL)
def sql(request, tmp_path_factory):
    made = Both(tmp_path_factory.mktemp("sql"), request.param)
    yield made
    made.close()


def secret_of(both, password):
    """What `posthorse user passwd` writes: yescrypt and a verifier."""
    both.server.command("user", "add", "made@example.org",
                        stdin=password + "\n")
    users = both.server.folder / "users"
    lines = users.read_text().splitlines(True)
    found = [line for line in lines if line.startswith("made:")]
    users.write_text("".join(x for x in lines if not x.startswith("made:")))
    return found[0].strip().partition(":")[2]


# Name, what is stored, the code for the right password.
STORED = [
    ("sha512", crypt(OUTSIDE), 235),
    ("nothing", None, 535),
    ("star", "*", 535),
    ("empty", "", 454),
    ("plain", OUTSIDE, 454),
    ("scheme", "{CRYPT}" + crypt(OUTSIDE), 454),
    ("old", "aaOvJQc0hd3iM", 454),
    ("costly", "$6$rounds=900000000$saltsalt$abc", 454),
    ("garbage", crypt(OUTSIDE) + ":SCRAM-SHA-256$x", 454),
    ("long", "$6$" + "a" * 697, 454),
    ("longer", "$6$" + "a" * 698, 454),
    ("far_longer", "$6$" + "a" * 100000, 454),
]


@pytest.mark.shows("AUTH-8", "AUTH-9")
@pytest.mark.kinds("sqlite")
def test_what_is_stored(sql):
    for name, secret, code in STORED:
        sql.outside.add(name, secret)
        assert sql.code(f"{name}@example.org") == code, name
    assert sql.code() == 235


@pytest.mark.shows("AUTH-8")
def test_twice(sql):
    """Nobody knows which one is meant."""
    sql.outside.add("twice", crypt(OUTSIDE))
    assert sql.code("twice@example.org") == 235
    sql.outside.add("twice", crypt(OUTSIDE))
    assert sql.code("twice@example.org") == 454


@pytest.mark.shows("AUTH-2")
def test_changed_at_once(sql):
    """A password that was changed is not remembered."""
    sql.outside.add("berta", crypt(OUTSIDE))
    assert sql.code("berta@example.org") == 235
    sql.outside.change("berta", crypt("another 17"))
    assert sql.code("berta@example.org") == 535
    assert sql.code("berta@example.org", "another 17") == 235


@pytest.mark.kinds("sqlite")
@pytest.mark.shows("AUTH-4", "AUTH-8")
@pytest.mark.parametrize("query", [
    "SELECT nothing FROM nowhere", "SELECT 1, 2", "DELETE FROM users",
    "no SQL at all"])
@pytest.mark.parametrize("kind", SQL)
def test_query_of_no_use(tmp_path, kind, query):
    """454 and a line of the log, not a word of it to the client."""
    class Wrong(KINDS[kind]):
        QUERY = query

    both = Both(tmp_path, kind, made=Wrong)
    try:
        with both.talk() as t:
            assert both.code() == 454
        assert wait_for(lambda: "backend-trouble" in both.log())
        assert both.outside.count() == 1
    finally:
        both.close()


def test_answer_without_end(tmp_path):
    """libpq takes a row whole: 454, and the process has a bound.  (On a busy
    machine the database may not be ready with it in time; that is a 454, too.)"""
    class Endless(KINDS["postgresql"]):
        QUERY = "SELECT repeat($1 || $2 || $3, 4500000)"

    both = Both(tmp_path, "postgresql", made=Endless)
    try:
        pid = both.pid()
        assert both.code() == 454
        assert wait_for(lambda: "backend-trouble" in both.log()), both.log()
        with open(f"/proc/{pid}/status") as f:
            most = int(re.search(r"VmHWM:\s+(\d+) kB", f.read())[1])
        assert most < 160 * 1024, most
        assert both.pid() == pid, "it goes on"
    finally:
        both.close()


# PostgreSQL too in the long run: what differs is looked at above.
@pytest.fixture(scope="module", params=SQL if LONG else SQL[:1])
def scram(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scram")
    (folder / "salts").write_text("so that nobody has a salt as well\n")
    (folder / "salts").chmod(0o600)

    class Verifiers(KINDS[request.param]):
        more = f" scram-secret {folder}/salts"

    made = Both(folder, request.param, made=Verifiers)
    made.outside.add("berta", secret_of(made, OUTSIDE))
    yield made
    made.close()


@pytest.mark.shows("AUTH-2", "AUTH-3")
def test_scram(scram):
    with scram.talk() as t:
        assert "SCRAM-SHA-256" in mechanisms(t.hello())
        assert log_in(t, Scram("berta@example.org", OUTSIDE)) == \
            (235, "2.7.0 Authenticated"), scram.log()
        assert t.ask("MAIL FROM:<berta@example.org>")[0] == 250
    for user, password, code in [
            ("berta", OUTSIDE, 235), ("user@example.org", OUTSIDE, 535),
            ("berta@example.org", "wrong", 535),
            ("berta@example.com", OUTSIDE, 535),
            ("nobody@example.org", OUTSIDE, 535),
            ("' OR '1'='1@example.org", OUTSIDE, 535),
            (ANNA, OUTSIDE, 535)]:		# has a hash only
        with scram.talk() as t:
            assert log_in(t, Scram(user, password))[0] == code, user
    assert scram.code("berta@example.org") == 235


@pytest.mark.shows("AUTH-4")
def test_scram_of_nobody(scram):
    """A salt that stays when lookup is replaced, and as many iterations."""
    said = {}
    for _ in range(2):
        for user in ("nobody@example.org", "berta@example.org", ANNA):
            with scram.talk() as t:
                client = Scram(user, "wrong")
                assert log_in(t, client) == \
                    (535, "5.7.8 Authentication failed")
                said.setdefault(user, set()).add(
                    (client.salt, client.iterations))
        scram.server.kill_role("lookup")
        assert wait_for(lambda: scram.code("user@example.org",
                                           "correct horse 17") == 235, 20)
    assert all(len(salts) == 1 for salts in said.values()), said
    assert len({salt for s in said.values() for salt, _ in s}) == 3
    assert len({n for s in said.values() for _, n in s}) == 1


@pytest.mark.shows("AUTH-7", "OPS-6")
def test_scram_outside_system_away(scram):
    scram.outside.away()
    try:
        for user in ("berta@example.org", "nobody@example.org"):
            with scram.talk() as t:
                assert log_in(t, Scram(user, OUTSIDE))[0] == 454
                assert t.ask(f"MAIL FROM:<{user}>")[0] == 530
    finally:
        scram.outside.back()
    assert wait_for(lambda: scram.code("berta@example.org") == 235, 30)
