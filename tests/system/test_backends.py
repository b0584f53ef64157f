"""Users whom an outside system knows: what holds for each kind of it."""
import os
import pathlib
import re
import select
import shutil
import signal
import tempfile
import time

import pytest

from outside import ANNA, ID, KINDS, OUTSIDE
from server import PASSWORD, Server, wait_for
from talk import STRANGERS, Talk
from test_auth_in import plain
from test_profiles import status
from test_sasl import b64, mechanisms

GENEROUS = ("limit auth-per-minute 100000\nlimit auth-per-day 100000\n"
            "limit auth-per-account 100000\nlimit auth-per-session 100\n"
            "limit errors 1000\nlimit errors-soft 1000\n")


def asks(text):
    """The domain's other users are outside."""
    return text.replace("\tdeliver", "\tusers backend outside\n\tdeliver")


class Beside:
    """A server, and what it asks outside of it: made by those who inherit."""

    def __init__(self):
        # Where other users of this host can walk to; pytest's is shut.
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="posthorse-"))
        self.folder.chmod(0o755)
        self.server = self.outside = None

    def begin(self):
        try:
            self.server.start()
        except BaseException:
            self.close()
            raise

    def close(self):
        self.server.end()
        self.outside.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def talk(self, source=None):
        t = Talk(self.server.port("submissions"), tls=True,
                 source=source or next(STRANGERS))
        t.hello()
        return t


class Both(Beside):
    """It is a system that knows users."""

    def __init__(self, folder, kind, more=GENEROUS, made=None):
        super().__init__()
        self.outside = (made or KINDS[kind])(self.folder / "outside")
        self.server = Server(folder / "server", change=asks,
                             extra=self.outside.statement + more)
        self.begin()

    def code(self, user=ANNA, password=OUTSIDE):
        with self.talk() as t:
            return t.ask(b"AUTH PLAIN " + plain(user, password))[0]

    def log(self):
        return self.server.log_tail(30)

    def pid(self):
        return self.server.roles()[f"backend-{self.outside.program}"][0]


@pytest.fixture(scope="module", params=list(KINDS))
def both(request, tmp_path_factory):
    made = Both(tmp_path_factory.mktemp("both"), request.param)
    yield made
    made.close()


@pytest.fixture
def make_both(tmp_path):
    """make_both(kind, more): Both, closed with the test."""
    made = []

    def make(kind, more=GENEROUS):
        made.append(Both(tmp_path, kind, more))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.mark.shows("AUTH-2", "AUTH-3", "AUTH-6")
def test_logs_in(both):
    with both.talk() as t:
        assert t.ask(b"AUTH PLAIN " + plain(ANNA, OUTSIDE)) == \
            (235, "2.7.0 Authenticated"), both.log()
        t.mail(f"From: {ANNA}\r\nSubject: mine\r\n\r\nhi\r\n".encode(),
               sender=ANNA)
        assert t.ask("MAIL FROM:<user@example.org>")[0] == 550
    with both.talk() as t:
        t.ask("AUTH LOGIN", 334)
        t.ask(b64("ANNA@example.org"), 334)
        assert t.ask(b64(OUTSIDE))[0] == 235
    assert both.code("anna") == 235
    assert both.code("user@example.org", PASSWORD) == 235


REFUSED = {
    "wrong": (ANNA, "wrong"), "no password": (ANNA, ""),
    "unknown": ("nobody@example.org", OUTSIDE),
    "another domain": ("anna@example.com", OUTSIDE),
    "subaddress": ("anna+x@example.org", OUTSIDE),
    "longest": ("a" * 64 + "@example.org", OUTSIDE),
    "too long": ("a" * 65 + "@example.org", OUTSIDE),
    "far too long": ("a" * 230 + "@example.org", OUTSIDE),
    "long password": (ANNA, OUTSIDE + "x" * 500),
    "too long a password": (ANNA, OUTSIDE + "x" * 510),
    "of the file": ("user@example.org", OUTSIDE),
}


@pytest.mark.shows("AUTH-3", "AUTH-4")
@pytest.mark.parametrize("case", REFUSED)
def test_refused(both, case):
    with both.talk() as t:
        code, text = t.ask(b"AUTH PLAIN " + plain(*REFUSED[case]))
        assert (code, text) == (535, "5.7.8 Authentication failed") or \
            (code == 501 and case == "no password")
        assert t.ask(f"MAIL FROM:<{ANNA}>")[0] == 530


STRANGE = ["*", "an*", "anna)(uid=*", "anna)(|(uid=*)", "\\2a", "anna\\00",
           "' OR '1'='1", "'; DROP TABLE users; --", "anna'--", "\"", "$1",
           "%", "_nna", "anna,dc=example", "anna+sn=x", "#616e6e61", "a=b",
           "anna;x", "<anna>", "anna\tpass=x", "anna\n", "anna\r\nCONT",
           "anna ", " anna", "\uff41nna", "{user}", "%s%n", "../anna", "\u00e4nna", "a/b"]


@pytest.mark.kinds("sqlite", "ldap")
@pytest.mark.shows("AUTH-8")
def test_names_are_data(both):
    """Quotes, stars, brackets, line ends: nobody's name, and no trouble."""
    before = both.server.log.read_text(errors="replace").count("-trouble")
    for name in STRANGE:
        assert both.code(f"{name}@example.org") == 535, name
    assert both.code() == 235
    log = both.server.log.read_text(errors="replace")
    assert log.count("-trouble") == before, both.server.log_tail()


@pytest.mark.shows("AUTH-2")
def test_offers_what_can_work(both):
    with both.talk() as t:
        assert mechanisms(t.hello()) == ["PLAIN", "LOGIN"]


# Debian's libpq brings libldap along.
OWN = {"sqlite": {"libsqlite3"}, "postgresql": {"libpq", "libldap"},
       "ldap": {"libldap"}, "pam": {"libpam"}, "dovecot": set(),
       "token": {"libcurl"}}


@pytest.mark.shows("PRV-1", "SUP-1")
def test_process(both):
    """Its own user, no rights, and of the libraries of all kinds its own."""
    assert both.code() == 235
    pid = both.pid()
    s = status(pid)
    assert s["Uid"].split() == [str(ID)] * 4 and s["Groups"] == ""
    assert int(s["CapEff"], 16) == int(s["CapPrm"], 16) == 0
    assert s["Seccomp"] == "2"
    assert s["NoNewPrivs"] == str(int(both.outside.program != "pam"))
    text = pathlib.Path(f"/proc/{pid}/maps").read_text()
    loaded = {lib for lib in set().union(*OWN.values())
              if re.search(rf"/{lib}[-.][^/\n]*\.?so", text)}
    assert loaded <= OWN[both.outside.program], loaded
    assert not re.search(r"^\S+ .wx", text, re.M)


@pytest.mark.shows("OPS-6", "PRV-3")
def test_killed(both):
    """It is replaced, and its users log in again."""
    pid = both.pid()
    os.kill(pid, signal.SIGKILL)
    assert both.code("user@example.org", PASSWORD) == 235
    assert wait_for(lambda: both.code(password=OUTSIDE) == 235, 20)
    assert both.pid() != pid


@pytest.mark.kinds("sqlite", "pam")
@pytest.mark.shows("AUTH-7", "OPS-6")
def test_stands_still(both):
    """454 for who waits for it, and for nobody else."""
    pid = both.pid()
    os.kill(pid, signal.SIGSTOP)
    try:
        with both.talk() as t:
            t.raw(b"AUTH PLAIN " + plain(ANNA, "not said before") + b"\r\n")
            assert both.code("user@example.org", PASSWORD) == 235
            assert not select.select([t.sock], [], [], 0)[0]
            assert t.reply()[0] == 454
            assert t.ask("MAIL FROM:<anna@example.org>")[0] == 530
    finally:
        os.kill(pid, signal.SIGCONT)
    assert wait_for(lambda: both.code() == 235, 20)


@pytest.mark.kinds("sqlite")
@pytest.mark.shows("AUTH-5", "OPS-6")
def test_is_asked_so_much(both):
    """64 wait for one that stands still; the others hear 454 at once."""
    # What came before is answered by then.
    assert wait_for(lambda: both.code("before@example.org") == 535, 20)
    pid = both.pid()
    talks = [both.talk() for _ in range(80)]
    # Not a user whom others need: each failure slows the next answer down.
    line = b"AUTH PLAIN " + plain("guess@example.org", "this?") + b"\r\n"
    os.kill(pid, signal.SIGSTOP)
    try:
        for t in talks:
            t.raw(line)
        socks = [t.sock for t in talks]

        def heard():
            return select.select(socks, [], [], 0)[0]
        assert wait_for(lambda: len(heard()) >= 16, 6)
        assert len(heard()) == 16
        early = [t for t in talks if t.sock in heard()]
        assert {t.reply()[0] for t in early} == {454}
    finally:
        os.kill(pid, signal.SIGCONT)
    late = [t for t in talks if t not in early]
    assert {t.reply()[0] for t in late} <= {535, 454}
    for t in talks:
        t.close()
    assert wait_for(lambda: both.code() == 235, 20)


@pytest.mark.shows("AUTH-5", "OPS-6")
@pytest.mark.kinds("sqlite", "ldap")
@pytest.mark.parametrize("how", ["away", "still"])
def test_outside_system(both, how):
    """Away or silent it is a 454, in time; then it is asked again."""
    getattr(both.outside, how)()
    try:
        began = time.monotonic()
        assert both.code(password="not said before") == 454
        assert time.monotonic() - began < 30
        assert both.code("user@example.org", PASSWORD) == 235
    finally:
        both.outside.back()
    assert wait_for(lambda: both.code() == 235, 30), both.server.log_tail()
    assert wait_for(lambda: "backend-trouble backend=outside" in
                    both.server.log.read_text(errors="replace"))


@pytest.mark.kinds("sqlite", "ldap")
@pytest.mark.shows("AUTH-5")
@pytest.mark.parametrize("kind", KINDS)
def test_attempts_are_counted(make_both, kind):
    """As for users of a file: of this account from anywhere, then 421."""
    both = make_both(kind, "limit auth-per-account 5\n")
    codes = [both.code(password=f"guess {i}") for i in range(4)]
    assert codes == [535] * 4
    assert both.code() == 235			# counted for nothing
    assert both.code(password="guess 5") == 535
    assert both.code() == 421
    assert both.code("user@example.org", PASSWORD) == 235


@pytest.mark.kinds("sqlite", "ldap")
@pytest.mark.shows("AUTH-5", "LOG-2")
def test_is_remembered(both):
    """What was right is, for a while; a back end that hands out what is
    stored is asked for that all the same."""
    assert both.code() == 235
    pid = both.pid()
    os.kill(pid, signal.SIGSTOP)
    try:
        if both.outside.has_secrets:
            assert both.code() == 454
        else:
            assert both.code() == 235
            assert both.code(password="wrong") == 454
    finally:
        os.kill(pid, signal.SIGCONT)
    assert wait_for(lambda: both.code() == 235, 20)
    log = both.server.log.read_text(errors="replace")
    assert OUTSIDE not in log and "$6$" not in log
