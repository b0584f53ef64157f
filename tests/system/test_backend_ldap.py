"""A directory: how an entry is named or found, and its certificate."""
import subprocess

import pytest

import certificates
from outside import ANNA, OUTSIDE, Ldap
from server import wait_for
from test_backends import Both, STRANGE


class Found(Ldap):
    """By a filter, with a name and a password of our own."""

    def how(self):
        return (f"base \"{self.BASE}\" filter \"(|(mail={{user}})(uid={{name}}"
                f"))\" login \"uid=reader,{self.BASE}\" password-file "
                f"{self.secret}")


class WrongLogin(Found):
    def how(self):
        self.secret.write_text("not ours\n")
        return super().how()


class Tls(Ldap):
    scheme = "ldaps"
    name = "ldap.example.org"
    ca = "ldap"

    def tls(self):
        for name, says in (("ldap", "DNS:ldap.example.org"),
                           ("another", "DNS:ldap.example.org")):
            certificates.make(self.folder, name, says)
        return (f"TLSCertificateFile {self.folder}/ldap.pem\n"
                f"TLSCertificateKeyFile {self.folder}/ldap.key\n")

    def how(self):
        return super().how() + \
            f" tls {self.name} ca-file {self.folder}/{self.ca}.pem"


class WrongName(Tls):
    name = "ldap.example.net"


class WrongAuthority(Tls):
    ca = "another"


@pytest.fixture
def make(tmp_path):
    made = []

    def begin(kind):
        made.append(Both(tmp_path, "ldap", made=kind))
        return made[-1]

    yield begin
    for one in made:
        one.close()


@pytest.mark.shows("AUTH-2", "AUTH-8")
def test_found_by_a_filter(make):
    both = make(Found)
    assert both.code() == 235, both.log()
    assert both.code(password="wrong") == 535
    assert both.code("nobody@example.org") == 535
    # Each would find somebody, or more, if it were not one value.
    for name in STRANGE + ["a*", "anna)(uid=*", "*)(uid=anna", "anna*"]:
        assert both.code(f"{name}@example.org") == 535, name
    assert "backend-trouble" not in both.server.log.read_text()
    both.outside.away()
    both.outside.add("anna2", OUTSIDE)
    both.outside.ldif(f"uid=double,{Ldap.BASE}", "objectClass: inetOrgPerson",
                      "cn: d", "sn: d", "mail: anna2@example.org")
    both.outside.back()
    assert wait_for(lambda: both.code() == 235, 20)
    assert both.code("anna2@example.org") == 454	# which of the two?
    assert wait_for(lambda: "more than one entry" in both.log())


@pytest.mark.shows("AUTH-2")
def test_cannot_look(make):
    both = make(WrongLogin)
    assert both.code() == 454
    assert wait_for(lambda: "backend-trouble" in both.log())


@pytest.mark.shows("AUTH-2", "TLS-11")
@pytest.mark.parametrize("kind,code", [(Tls, 235), (WrongName, 454),
                                       (WrongAuthority, 454)])
def test_certificate(make, kind, code):
    both = make(kind)
    assert both.code() == code, both.log()
    if code == 235:
        assert both.code(password="wrong") == 535
        assert both.code(ANNA, "") in (501, 535)
