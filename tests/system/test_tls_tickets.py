"""Session tickets: good with each receiver, where they were given (TLS-5)."""
import ssl

import pytest

from server import wait_for
from talk import Talk
from test_keys import shake
from test_tls_in import start_tls

VERSIONS = pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])


def context_of(version):
    context = ssl._create_unverified_context()
    context.minimum_version = context.maximum_version = \
        ssl.TLSVersion[version]
    return context


def visit(server, port, context, session=None, name="mx.example.org"):
    """(was it resumed, the session for the next visit)."""
    with context.wrap_socket(start_tls(server, port), server_hostname=name,
                             session=session) as s:
        s.settimeout(10)
        # A ticket of TLS 1.3 comes behind the handshake, before a reply.
        if port != "submissions":
            s.sendall(b"NOOP\r\n")
        assert s.recv(1000)[:3] in (b"250", b"220")
        return s.session_reused, s.session


def first(server, context):
    """A session that every receiver resumes: each has heard of the key."""
    def resumed():
        _, session = visit(server, "submissions", context)
        return session if session.has_ticket and all(
            visit(server, "submissions", context, session)[0]
            for _ in range(8)) else None

    session = wait_for(resumed, 15)
    assert session
    return session


@pytest.mark.shows("TLS-5")
@VERSIONS
def test_each_receiver_knows_it(make_server, version):
    """Whichever receiver the kernel chooses, and one that was born later."""
    server = make_server().start()
    context = context_of(version)
    session = first(server, context)
    assert all(visit(server, "submissions", context, session)[0]
               for _ in range(20))
    pid = server.kill_role("receiver")
    assert wait_for(lambda: pid not in server.roles()["receiver"] and
                    len(server.roles()["receiver"]) == 2, 10)
    assert wait_for(lambda: all(
        visit(server, "submissions", context, session)[0]
        for _ in range(20)), 10)


@pytest.mark.shows("TLS-5")
@VERSIONS
@pytest.mark.parametrize("port,name", [
    ("submissions", "localhost"), ("submissions", None),
    ("mx", "mx.example.org"), ("submission", "mx.example.org")])
def test_not_elsewhere(running, version, port, name):
    """Another listener, or another name of the same certificate."""
    context = context_of(version)
    session = first(running, context)
    assert not visit(running, port, context, session, name)[0]
    assert running.is_ready()


@pytest.mark.shows("TLS-5")
def test_new_keys(make_server):
    """A keys process that is replaced makes a key of its own: what was sealed
    under the last one is still opened."""
    server = make_server().start()
    context = context_of("TLSv1_3")
    session = first(server, context)
    pid = server.kill_role("keys")
    assert wait_for(lambda: pid not in server.roles().get("keys", [pid]), 10)
    assert wait_for(lambda: shake(server), 10)
    assert all(visit(server, "submissions", context, session)[0]
               for _ in range(10))
