"""How a domain reads the names before its @: details, and mail for nobody."""
import re

import pytest

from server import PASSWORD
from talk import Talk
from test_auth_in import plain

GOOD = b"Subject: hi\r\n\r\nhi\r\n"


def with_names(text):
    """In example.org; example.com, with the same users, has none of it."""
    def change(conf):
        block = re.search(r"domain example\.org \{\n.*?\n\}\n", conf, re.S)[0]
        return conf.replace(block, block.replace(
            "users file", text + "\n\tusers file")) \
            + block.replace("example.org", "example.com")
    return change


def gets(server, local, user, n):
    """Mail for it is the n-th in that user's mailbox."""
    with Talk(server.port("mx")) as t:
        t.hello()
        t.mail(GOOD, to=f"{local}@example.org")
    assert len(server.wait_messages(n, user)) == n, server.log_tail()


def code(server, local):
    with Talk(server.port("mx")) as t:
        t.hello()
        t.ask("MAIL FROM:<s@example.net>", 250)
        return t.ask(f"RCPT TO:<{local}@example.org>")[0]


def test_separators(make_server):
    """Any of those that are set; a whole name goes before a detail."""
    server = make_server(change=with_names("separator -="))
    server.add_user("user-two")
    server.start()
    for n, local in enumerate(("user", "user-x", "USER=x-y", "user-x=y"), 1):
        gets(server, local, "user", n)
    gets(server, "user-two", "user-two", 1)
    gets(server, "user-two=x", "user", 5)	# the first separator counts
    for local in ("user+x", "-user", "=", "nobody"):
        assert code(server, local) == 550, local


def test_no_separator(make_server):
    server = make_server(change=with_names("separator none")).start()
    assert code(server, "user") == 250
    for local in ("user+x", "user-x"):
        assert code(server, local) == 550, local


@pytest.mark.shows("RLY-1")
def test_catch_all(make_server):
    """All that nobody has, in this domain alone; its user may send so, and no
    other user may."""
    server = make_server(change=with_names("catch-all third"))
    server.add_user("third")
    server.start()
    gets(server, "nobody", "third", 1)
    gets(server, '"no body"', "third", 2)
    gets(server, "user+x", "user", 1)
    gets(server, "postmaster", "user", 2)
    with Talk(server.port("mx")) as t:
        t.hello()
        t.ask("MAIL FROM:<s@example.net>", 250)
        assert t.ask("RCPT TO:<nobody@example.com>")[0] == 550
        assert t.ask("RCPT TO:<nobody@example.net>")[0] == 550
    for user, want in (("third", 250), ("user", 550)):
        with Talk(server.port("submissions"), tls=True) as t:
            t.hello()
            t.ask(b"AUTH PLAIN " + plain(f"{user}@example.org", PASSWORD), 235)
            assert t.ask("MAIL FROM:<nobody@example.org>")[0] == want, user
    told = server.command("explain", "--from", "s@example.net", "--to",
                          "nobody@example.org", "--client", "192.0.2.1")
    assert "to the mailbox third of example.org" in told, told


def test_catch_all_of_nobody(make_server):
    """A user who is not there gets nothing: 550 as without."""
    server = make_server(change=with_names("catch-all gone")).start()
    assert code(server, "nobody") == 550
    assert code(server, "user") == 250
