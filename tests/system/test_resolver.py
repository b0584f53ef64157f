"""DNSSEC as our own resolver role sees it: signed, unsigned and bogus zones."""
import threading

import dns.message
import dns.query
import pytest

import dns_server
from server import LONG, figure, free_port, wait_for
from talk import Talk
from test_relay import BODY, QUICK, send

ZONE = "@ MX 10 mx\nmx A 127.0.0.2\n"
ZONES = {"signed.example": ZONE, "bogus.example": ZONE,
         "plain.example": ZONE}
SIGNED = ("signed.example", "bogus.example")


class SignedDns(dns_server.Dns):
    """Knot signs two of the zones with keys of its own."""

    def start(self):
        text = self.conf.read_text()
        if "dnssec-signing" not in text:
            for name in SIGNED:
                text = text.replace(
                    f"  - domain: {name}.\n",
                    f"  - domain: {name}.\n    dnssec-signing: on\n"
                    "    dnssec-policy: one\n")
            text = text.replace("template:\n", "policy:\n  - id: one\n"
                                "    algorithm: ecdsap256sha256\n"
                                "    single-type-signing: on\n"
                                "template:\n")
            self.conf.write_text(text)
        super().start()
        assert wait_for(lambda: all(self.keys(n) for n in SIGNED), 15)
        # For the bogus zone: a key that is somebody else's.
        self.anchor.write_text(
            self.keys("signed.example")
            + self.keys("signed.example").replace("signed.", "bogus."))

    def keys(self, name):
        """The zone's keys as lines of an anchor file."""
        try:
            answer = dns.query.udp(
                dns.message.make_query(name, "DNSKEY"), "127.0.0.1", 1,
                self.port)
        except Exception:
            return ""
        return "".join(f"{name}. IN DNSKEY {key.to_text()}\n"
                       for rows in answer.answer for key in rows)


@pytest.fixture
def signed_dns(tmp_path):
    if dns_server.find_knotd() is None:
        pytest.skip("knot is not installed")
    one = SignedDns(tmp_path / "dns", ZONES)
    yield one
    one.close()


@pytest.mark.shows("DNS-3", "DNS-4")
def test_signed_unsigned_and_bogus(make_server, signed_dns, aio_sink):
    """What holds or needs no proof is used; what is forged is put off."""
    port = free_port()
    sink = aio_sink(port=port, host="127.0.0.2")
    server = make_server(extra=signed_dns.config + f"mx-port {port}\n"
                         + QUICK).start()
    forged = send(server, "a@bogus.example")
    send(server, "a@signed.example")
    send(server, "a@plain.example")
    assert sink.wait(2, 20), server.log_tail()
    assert wait_for(lambda: "deferred to=a@bogus.example status=4.4.3"
                    in server.log.read_text(errors="replace"), 10)
    assert any(r.get("id") == forged for r in server.rows("queue", "list"))
    got = sorted(r for m in sink.mails for r in m.recipients)
    assert got == ["a@plain.example", "a@signed.example"]
    assert not server.messages(), "a bounce"


@pytest.mark.shows("DNS-3", "DNS-4")
def test_resolver_that_strips_dnssec(make_server, dns):
    """A chosen resolver without signatures: said once, and mail waits."""
    d = dns({"": "plain.example MX 10 mx\nmx A 127.0.0.2\n"})
    # The root has a key, says the anchor; this server shows none.
    d.anchor.write_text(". IN DS 20326 8 2 " + "ab" * 32 + "\n")
    server = make_server(extra=d.config + f"mx-port {free_port()}\n"
                         + QUICK).start()
    names = [send(server, f"a{i}@plain.example") for i in range(3)]

    def told():
        return server.log.read_text(errors="replace")

    assert wait_for(lambda: "resolver-strips-dnssec" in told(), 20), \
        server.log_tail()
    assert wait_for(lambda: all(
        any(r.get("id") == name and r.get("attempts", 0) > 1
            for r in server.rows("queue", "list")) for name in names), 30)
    assert "bogus (DNSSEC)" in told()
    assert told().count("resolver-strips-dnssec") == 1
    assert not server.messages(), "a bounce"


@pytest.mark.shows("DNS-1", "DNS-4")
@pytest.mark.timeout(600 if LONG else 300)
def test_resolver_killed_under_load(make_server, dns, aio_sink):
    """Each letter needs the DNS, and the DNS dies all the time: all arrive."""
    port = free_port()
    sink = aio_sink(port=port, host="127.0.0.2")
    # Each name of its own: nothing is answered from what is known already.
    d = dns({"any.example": "* A 127.0.0.2\n"})
    server = make_server(extra=d.config + f"mx-port {port}\n" + QUICK).start()
    count = 3000 if LONG else 150
    is_over = threading.Event()
    killed = []

    def kill():
        while not is_over.wait(0.15):
            pid = server.kill_role("resolver")
            if pid and pid not in killed:
                killed.append(pid)

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        with Talk(server.port("relay")) as t:
            t.hello()
            for i in range(count):
                # Intake goes on whatever the resolver does.
                t.mail(BODY, sender="user@example.org",
                       to=f"r@d{i}.any.example")
        wait_for(lambda: len(killed) > 5, 20)
    finally:
        is_over.set()
        killer.join()
    got = sorted(r for m in sink.wait(count, 300 if LONG else 60)
                 for r in m.recipients)
    assert got == sorted(f"r@d{i}.any.example" for i in range(count)), \
        server.log_tail()
    assert len(killed) > 5 and not server.messages(), "a bounce"
    figure("kills-of-resolver", len(killed), "kills")
