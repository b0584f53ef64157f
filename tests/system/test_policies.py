"""
The policies of doc/guide/policies.md, each by its text in the guide: only the
networks of documentation are put onto loopback, where a test can come from.
"""
import base64
import re

import pytest

from server import PASSWORD, TOP, Server, wait_for
from talk import Talk, message_id

GOOD = b"Subject: x\r\n\r\nx\r\n"
ONTO = [("192.0.2.", "127.0.2."), ("198.51.100.", "127.0.100."),
        ("203.0.113.", "127.0.113.")]
INSIDE, PARTNER, OUTSIDE = "127.0.2.9", "127.0.100.7", "127.0.113.5"
PEOPLE = ["ann", "scanner", "all", "tickets", "sales", "archive",
          "moving", "noreply"]
FILES = {"blocked-networks": "127.0.66.0/24\n", "partners": "127.0.100.0/24\n",
         "retired": "carl@example.org\n"}


def policies():
    """Number -> (its title, its lines)."""
    text = (TOP / "doc" / "guide" / "policies.md").read_text()
    found = {}
    for part in text.split("\n## ")[1:]:
        number, _, title = part.partition("\n")[0].partition(". ")
        block = re.findall(r"^    (match .*)$", part, re.M)
        found[int(number)] = title, "\n".join(block) + "\n"
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """All ten in one configuration: they do not stand in each other's way."""
    text = "".join(block for _, block in policies().values())
    for ours, loopback in ONTO:
        text = text.replace(ours, loopback)
    made = Server(tmp_path_factory.mktemp("policies") / "server", extra=text)
    for name, lines in FILES.items():
        (made.folder / name).write_text(lines)
    for name in PEOPLE:
        made.add_user(name)
    made.start()
    yield made
    made.end()


class Session(Talk):
    """Greeted; as a user it has logged in."""

    def __init__(self, server, source=OUTSIDE, user=None, name="c.example.net"):
        port = server.port("submissions" if user else "mx")
        super().__init__(port, source=source, tls=user is not None)
        self.said = self.ask(f"EHLO {name}")
        if user:
            plain = f"\0{user}@example.org\0{PASSWORD}".encode()
            self.ask(f"AUTH PLAIN {base64.b64encode(plain).decode()}", 235)

    def try_(self, sender="s@example.net", to="user@example.org",
             content=None):
        """The first reply that is no 2yz, or the last one; then RSET."""
        said = self.ask(f"MAIL FROM:<{sender}>")
        if said[0] == 250:
            said = self.ask(f"RCPT TO:<{to}>")
        if said[0] == 250 and content is not None:
            said = self.content(content)
        self.ask("RSET", 250)
        return said


def no(text):
    return 550, f"5.7.1 {text}"


def test_the_guide_has_ten():
    assert sorted(policies()) == list(range(1, 11))
    for number, (title, block) in policies().items():
        assert title and block.strip(), number
        assert all(row.startswith("match ") for row in block.splitlines())


def test_the_manual_has_the_same(server):
    """posthorse.conf(5) shows each line of them."""
    rows = server.command("print", "--manual").splitlines()
    for title, block in policies().values():
        assert title + ":" in rows
        for row in block.splitlines():
            assert row in rows


def test_1_block_list(server):
    text = "Your network is blocked, ask postmaster"
    with Session(server, "127.0.66.6") as t:
        assert t.try_() == no(text)
        assert t.try_(to="postmaster@example.org")[0] == 250
        assert t.try_(to="Abuse@example.org")[1] == "5.1.1 No such user here"
    with Session(server, "127.0.67.6") as t:
        assert t.try_(content=GOOD)[0] == 250


def test_2_names(server):
    for name in ("mx.example.org", "MX.Example.Org", "example.org",
                 "[127.0.2.3]"):
        with Session(server, name=name) as t:
            assert t.said == no("That is our name"), name
    with Session(server, INSIDE, name="mx.example.org") as t:
        assert t.try_()[0] == 250
    with Session(server, name="localhost") as t:
        assert t.said == no("Say your full name")
    for name in ("[127.0.113.5]", "mail.example.com", "mx.example.org.net"):
        with Session(server, name=name) as t:
            assert t.try_()[0] == 250, name
    with Session(server, user="ann", name="localhost") as t:
        assert t.said[0] == 250


def test_3_own_domain(server):
    with Session(server) as t:
        assert t.try_("ann@example.org") == no("Use submission")
        assert t.try_('"ann"@EXAMPLE.org') == no("Use submission")
        assert t.try_("x@sub.example.org") == no("Use submission")
        assert t.try_("ann@example.org.example.net")[0] == 250
    with Session(server, INSIDE) as t:
        assert t.try_("ann@example.org")[0] == 250


def test_4_machine(server):
    me = "scanner@example.org"
    with Session(server, user="scanner") as t:
        assert t.try_(me, "x@example.com") == \
            no("This login writes to the house only")
        assert t.try_(me, "nobody@example.org")[1] == "5.1.1 No such user here"
        assert t.try_(me, "user@example.org")[0] == 250
    with Session(server, user="ann") as t:
        assert t.try_("ann@example.org", "x@example.com")[0] == 250


def test_5_for_the_house(server):
    with Session(server) as t:
        assert t.try_(to="All@example.org") == no("Only from inside")
        assert t.try_(to="user@example.org")[0] == 250
    with Session(server, INSIDE) as t:
        assert t.try_(to="all@example.org")[0] == 250
    with Session(server, user="ann") as t:
        assert t.try_("ann@example.org", "all@example.org")[0] == 250


def test_6_backup(server):
    with Session(server, PARTNER) as t:
        assert t.try_(to="x@partner.example.com")[0] == 250
        assert t.try_(to="x@partner.example.net")[0] == 250
        for other in ("x@sub.partner.example.com", "x@example.com",
                      "x%partner.example.com@example.net"):
            assert t.try_(to=other) == no("Relaying denied"), other
    for source in ("127.0.100.8", OUTSIDE, INSIDE):
        with Session(server, source) as t:
            assert t.try_(to="x@partner.example.com") == \
                no("Relaying denied"), source


def test_7_tls(server):
    with Session(server) as t:
        assert t.try_("a@partner.example.com") == \
            (450, "4.7.1 We agreed on TLS")
        assert t.try_("a@bank.example.com") == no("Only over TLS 1.3")
        assert t.try_("a@mail.bank.example.com") == no("Only over TLS 1.3")
        t.ask("STARTTLS", 220)
        t.start_tls()
        t.hello()
        assert t.sock.version() == "TLSv1.3"
        assert t.try_("a@partner.example.com", content=GOOD)[0] == 250
        assert t.try_("a@bank.example.com", content=GOOD)[0] == 250


def large(kilobytes, header=b"Subject: x\r\n"):
    return header + b"\r\n" + (b"x" * 62 + b"\r\n") * 16 * kilobytes


def test_8_large(server):
    with Session(server) as t:
        assert t.try_(to="tickets@example.org", content=GOOD)[0] == 250
        assert t.try_(to="tickets@example.org", content=large(21)) == \
            no("Send a link instead")
        assert t.try_(content=large(21))[0] == 250
        news = b"List-Id: <news.example.net>\r\n"
        code, said = t.try_(content=large(101, news))
        held = message_id(said)
        free = message_id(t.try_(content=large(50, news))[1])
        last = message_id(t.try_(content=large(101))[1])

    def text():
        return " ".join(path.read_text() for path in server.messages("user"))
    assert code == 250
    assert wait_for(lambda: free in text() and last in text(), 10)
    assert held not in text()
    row = next(r for r in server.rows("queue", "list") if r["id"] == held)
    assert row["why"] == "held"
    server.command("queue", "release", held)
    assert wait_for(lambda: held in text(), 10)


def test_9_archive_and_tags(server):
    def archived():
        return " ".join(path.read_text()
                        for path in server.messages("archive"))
    with Session(server, user="sales") as t:
        sent = message_id(t.try_(
            "sales@example.org",
            content=b"From: sales@example.org\r\n" + GOOD)[1])
    with Session(server, PARTNER) as t:
        got = message_id(t.try_(to="sales@example.org", content=b"Subject: "
                                b"Your order, 17\r\n\r\nx\r\n")[1])
        other = message_id(t.try_(content=GOOD)[1])
    assert wait_for(lambda: sent in archived() and got in archived(), 10)
    assert other not in archived()

    def accepted(name):
        return [line for line in server.log.read_text().splitlines()
                if f" {name} accepted " in line]
    assert wait_for(lambda: accepted(other), 5)
    assert 'tags="partner order"' in accepted(got)[0]
    assert "tags=partner" in accepted(other)[0]
    assert "tags=" not in accepted(sent)[0]


def test_10_moving(server):
    with Session(server) as t:
        assert t.try_(to="moving@example.org") == \
            (450, "4.7.1 Moving house, try again in an hour")
        assert t.try_(to="carl@example.org") == no("This person has left")
        assert t.try_("", "noreply@example.org") == \
            no("That address sends no mail")
        assert t.try_("a@example.net", "noreply@example.org")[0] == 250
        assert t.try_("", "user@example.org", GOOD)[0] == 250
