"""
Section 19, how many may come: a row each, and three tests of each row.

Clients stand at addresses of their own in 127.0.0.0/8, so that the rows do not
count each other's connections; those of IPv6 come through a proxy, which says
where they are.
"""
import dataclasses
import itertools
import socket
import time
import typing

import pytest

from cost import Cost
from server import Server, free_port, wait_for
from talk import Talk
from test_limits import GOOD, limited
from test_proxy import PROXY, Proxied, v1

CROWD = """\
limit sessions 40
limit sessions-per-address 5
limit sessions-per-network 8
limit connections-per-minute 12
limit idle-full 60s
receivers 1
"""
FAR = 100
NETWORKS = itertools.count(1)	# a /24 that no test has used yet


def one_address():
    n = next(NETWORKS)
    return lambda i: f"127.1.{n}.1"


def one_network():
    n = next(NETWORKS)
    return lambda i: f"127.1.{n}.{1 + i % 200}"


def one_address_6():
    """Of IPv6 it is a /64 (`role/lookup/limits.h`)."""
    n = next(NETWORKS)
    return lambda i: f"2001:db8:{n:x}:1::{1 + i:x}"


def one_network_6():
    """A /48."""
    n = next(NETWORKS)
    return lambda i: f"2001:db8:{n:x}:{i:x}::1"


def everywhere():
    n = next(NETWORKS)
    return lambda i: f"127.{100 + n}.{1 + i // 4 % 200}.{1 + i % 4}"


@dataclasses.dataclass
class Row:
    """
    n: how many may come from where source() says, and stay if is_held.
    says: what the next one is told.
    """
    name: str
    n: int
    source: typing.Callable
    says: str
    is_held: bool = True


ROWS = [
    Row("sessions of an address", 5, one_address,
        "421 4.7.0 Too many connections"),
    Row("sessions of a network", 8, one_network,
        "421 4.7.0 Too many connections"),
    Row("sessions of an address, IPv6", 5, one_address_6,
        "421 4.7.0 Too many connections"),
    Row("sessions of a network, IPv6", 8, one_network_6,
        "421 4.7.0 Too many connections"),
    Row("connections a minute", 12, one_address,
        "421 4.7.0 Too many connections", is_held=False),
    Row("connections a minute, IPv6", 12, one_address_6,
        "421 4.7.0 Too many connections", is_held=False),
    Row("sessions", 38, everywhere,		# the last two are for users
        "421 4.3.2 No place is free, try again later"),
]


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    made, port = [], free_port()

    def make(**how):
        made.append(Server(tmp_path_factory.mktemp("crowd") / "server",
                           extra=f"listen mx on 127.0.0.1:{port} "
                           f"proxy {PROXY}/32\n", **how))
        made[-1].behind_proxy = port
        return made[-1]

    yield limited(make, CROWD)
    made[0].end()


class Clients:
    """As many as may be, from where a row says."""

    def __init__(self, server, row):
        self.server, self.row = server, row
        self.source, self.held = row.source(), []
        for i in range(row.n):
            t = self.come(i)
            assert t.greeting[0] == 220, (i, t.greeting)
            if row.is_held:
                self.held.append(t)
            else:
                t.ask("QUIT", 221)
                t.close()

    def come(self, i):
        client = self.source(i)
        if ":" in client:
            return Proxied(self.server.behind_proxy, v1(client))
        return Talk(self.server.port("mx"), source=client)

    def __enter__(self):
        return self

    def __exit__(self, *why):
        for t in self.held:
            t.close()
        # The next row finds the places free.
        assert wait_for(lambda: is_served(self.server), 10)


def is_served(server):
    """Somebody else is let in, and sends mail."""
    try:
        with Talk(server.port("mx"), source=everywhere()(0)) as t:
            t.hello()
            t.mail(GOOD)
            return True
    except Exception:
        return False


@pytest.mark.shows("OPS-2")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_at_the_limit(crowd, row):
    """Each of them is served; when one goes, there is a place again."""
    with Clients(crowd, row) as clients:
        for t in clients.held:
            t.hello()
            t.mail(GOOD)
        if row.is_held:
            clients.held.pop(0).close()
            assert wait_for(lambda: clients.come(0).greeting[0] == 220, 5)


@pytest.mark.shows("OPS-2")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_one_past_it(crowd, row):
    """The exact reply, closed; who was there before is in step."""
    with Clients(crowd, row) as clients:
        past = clients.come(row.n)
        code, text = past.greeting
        assert f"{code} {text}" == row.says
        assert past.is_closed()
        for t in clients.held:
            t.hello()
            t.mail(GOOD)
        if row.name != "sessions":
            assert is_served(crowd), "another network"


@pytest.mark.shows("OPS-2")
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_far_past_it(crowd, row):
    """A hundred times as many: refused, and they cost a bounded amount."""
    with Clients(crowd, row) as clients, Cost(crowd) as cost:
        for i in range(row.n * FAR):
            with clients.come(i) as t:
                assert t.greeting[0] == 421, (i, t.greeting)
    cost.check(4096, 10.0)


@pytest.mark.shows("OPS-3")
def test_without_a_place_on_each_port(make_server):
    """421 where there is plain text to say it in; else closed at once."""
    server = limited(make_server, "limit sessions 3\nreceivers 1")
    held = [Talk(server.port("mx")) for _ in range(3)]
    try:
        for name in ("mx", "submission", "relay"):
            with Talk(server.port(name)) as t:
                assert t.greeting[0] == 421, name
                assert t.is_closed()
        with socket.create_connection(
                ("127.0.0.1", server.port("submissions")), 10) as s:
            assert s.recv(100) == b""
        local = socket.socket(socket.AF_UNIX)
        local.settimeout(10)
        local.connect(str(server.folder / "submission"))
        assert local.recv(100).startswith(b"421 4.3.2 ")
        local.close()
    finally:
        for t in held:
            t.close()
    assert wait_for(lambda: is_served(server), 10)


@pytest.mark.shows("OPS-1")
def test_last_places_are_for_users(make_server):
    """Of forty two: strangers get 421, users are greeted; then nobody is."""
    server = limited(make_server, "limit sessions 40\nreceivers 1")
    held = [Talk(server.port("mx")) for _ in range(38)]
    try:
        for name in ("mx", "relay"):
            with Talk(server.port(name)) as t:
                assert t.greeting[0] == 421, name
        held.append(Talk(server.port("submission")))
        held.append(Talk(server.port("submissions"), tls=True))
        assert [t.greeting[0] for t in held[-2:]] == [220, 220]
        with Talk(server.port("submission")) as t:
            assert t.greeting == (421, "4.3.2 No place is free, try again "
                                  "later")
        held.pop(0).close()
        assert wait_for(lambda: Talk(server.port("submission")).greeting[0]
                        == 220, 10)
        with Talk(server.port("mx")) as t:
            assert t.greeting[0] == 421
    finally:
        for t in held:
            t.close()
    assert wait_for(lambda: is_served(server), 10)


@pytest.mark.shows("OPS-1")
def test_last_places_of_two_receivers(make_server):
    """They are the last of all sessions, wherever the kernel puts these."""
    server = limited(make_server, "limit sessions 40\nreceivers 2")
    held = [Talk(server.port("mx")) for _ in range(38)]
    try:
        for name in ("mx", "relay"):
            with Talk(server.port(name)) as t:
                assert t.greeting[0] == 421, name
        held += [Talk(server.port("submission")) for _ in range(2)]
        assert [t.greeting[0] for t in held] == [220] * 40
        with Talk(server.port("submission")) as t:
            assert t.greeting[0] == 421
    finally:
        for t in held:
            t.close()
    assert wait_for(lambda: is_served(server), 10)


@pytest.mark.shows("OPS-1")
def test_less_time_when_it_is_full(make_server):
    """75 %: idle clients wait shorter.  90 %: shorter still, and 2 errors."""
    server = limited(make_server, "limit sessions 20\nreceivers 1\n"
                     "limit idle 60s\nlimit idle-busy 8s\nlimit idle-full 1s")
    held = [Talk(server.port("mx")) for _ in range(14)]
    try:
        time.sleep(2)
        for t in held:			# below 75 %: nobody is hurried
            t.ask("NOOP", 250)
        began = time.monotonic()
        held.append(Talk(server.port("mx")))
        assert held[0].reply() == (421, "4.4.2 Too slow, closing")
        assert 2 < time.monotonic() - began < 30
        for t in held:
            t.close()
        began = time.monotonic()
        held = [Talk(server.port("mx")) for _ in range(18)]
        assert held[0].reply() == (421, "4.4.2 Too slow, closing")
        assert time.monotonic() - began < 7
    finally:
        for t in held:
            t.close()
    assert wait_for(lambda: is_served(server), 10)
    log = server.log.read_text(errors="replace")
    assert "load what=busy" in log and "load what=full" in log


@pytest.mark.shows("OPS-1")
def test_less_patience_when_it_is_full(make_server):
    """Ten commands without mail, and two errors."""
    server = limited(make_server, "limit sessions 10\nreceivers 1\n"
                     "limit idle-full 60s")
    held = [Talk(server.port("mx")) for _ in range(9)]
    try:
        codes = [held[0].ask("NOOP")[0] for _ in range(11)]
        assert codes == [250] * 10 + [421], codes
        codes = [held[1].ask("NONSENSE")[0] for _ in range(3)]
        assert codes == [500, 500, 421], codes
    finally:
        for t in held:
            t.close()
