"""Postfix, Exim and OpenSMTPD as sending servers, unpacked and not installed.

Their packages conflict.  Each is unpacked into overlays of /usr, /etc and /var
which only its own processes see (a mount namespace of their own), so nothing on
this machine changes; the network is the machine's.  Needs root and Debian.
"""
import os
import pathlib
import subprocess

import pytest

from server import children, wait_for
from sinks import CACHE

# What only the private namespace sees, made before anything else there.
OVERLAYS = r"""
set -e
mount --make-rprivate /
mount -t tmpfs -o size=1g tmpfs "$1"
cd "$1"
for d in usr etc var; do
    mkdir -p $d/up $d/work
    mount -t overlay overlay \
        -o "lowerdir=/$d,upperdir=$1/$d/up,workdir=$1/$d/work" /$d
done
shift
for package; do
    dpkg-deb --fsys-tarfile "$package" | tar -x -C / --no-overwrite-dir \
        --keep-directory-symlink --wildcards './usr/?*' './etc/?*' './var/?*' \
        2>/dev/null || true
done
for name in postfix postdrop Debian-exim opensmtpd opensmtpq; do
    groupadd -r $name 2>/dev/null || true
    useradd -r -M -d /nonexistent -g $name $name 2>/dev/null || true
done
echo ready
exec sleep infinity
"""


def is_installed(package):
    said = subprocess.run(["dpkg-query", "-W", "-f", "${db:Status-Status}",
                           package], capture_output=True, text=True)
    return said.stdout == "installed"


def fetch(*packages):
    """Their .deb files, kept for the next run; None: they cannot be had."""
    folder = CACHE / "packages"
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for name in packages:
        if not list(folder.glob(f"{name}_*.deb")):
            try:
                subprocess.run(["apt-get", "download", name], cwd=folder,
                               check=True, capture_output=True, timeout=120)
            except (OSError, subprocess.SubprocessError):
                return None
        found += list(folder.glob(f"{name}_*.deb"))[:1]
    return found


class Peer:
    """A name space with the packages of one server in it."""

    packages, libraries = (), ()

    def __init__(self, folder, server, password):
        if os.geteuid() != 0:
            pytest.skip(f"{self.name} needs root to be unpacked")
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)
        wanted = [*self.packages,
                  *(p for p in self.libraries if not is_installed(p))]
        files = fetch(*wanted)
        if files is None:
            pytest.skip(f"{self.name} cannot be fetched: {wanted}")
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child",
             "--mount-proc", "sh", "-c", OVERLAYS, "sh",
             self.folder, *files], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        if self.process.stdout.readline() != "ready\n":
            self.close()
            pytest.skip(f"{self.name} needs overlays of its own")
        self.inside = children(self.process.pid)[0]
        try:
            self.configure(server, password)
        except BaseException:
            self.close()
            raise

    def run(self, script, *words, stdin=None, check=True):
        done = subprocess.run(
            ["nsenter", f"--target={self.inside}", "--mount", "--pid",
             "sh", "-c", script, "sh", *map(str, words)], input=stdin,
            text=True, capture_output=True, timeout=60)
        assert not check or done.returncode == 0, \
            f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    def write(self, path, text):
        self.run('cat >"$1"', path, stdin=text)

    def log(self):
        return ""

    def close(self):
        self.process.kill()     # and with it all that it began
        self.process.wait()


MESSAGE = ("From: <user@example.org>\nTo: <{to}>\nSubject: {subject}\n\n"
           "a line\n.a dot first\nlast line\n")


class Postfix(Peer):
    name = "Postfix"
    packages = ("postfix",)
    libraries = ("libsasl2-2", "libsasl2-modules", "libsasl2-modules-db",
                 "libnsl2", "libdb5.3", "libicu72")

    def configure(self, server, password):
        mx, submission, submissions, relays = (
            server.port(p) for p in ("mx", "submission", "submissions",
                                     "relays"))
        tls = "-o smtp_tls_security_level=encrypt"
        wrapped = f"{tls} -o smtp_tls_wrappermode=yes"
        sasl = "-o smtp_sasl_auth_enable=yes -o smtp_sasl_mechanism_filter="
        self.ways = {
            "plain": (mx, ""), "starttls": (mx, tls), "tls": (relays, wrapped),
            "starttls-plain": (submission, f"{tls} {sasl}plain"),
            "starttls-login": (submission, f"{tls} {sasl}login"),
            "tls-plain": (submissions, f"{wrapped} {sasl}plain"),
            "tls-login": (submissions, f"{wrapped} {sasl}login"),
            "starttls-scram": (submission, f"{tls} {sasl}scram-sha-256"),
            "tls-scram": (submissions, f"{wrapped} {sasl}scram-sha-256"),
        }
        self.run("cp /usr/share/postfix/main.cf.debian /etc/postfix/main.cf;"
                 "cp /usr/share/postfix/master.cf.dist /etc/postfix/master.cf "
                 "|| true")
        options = {
            "compatibility_level": "3.6", "myhostname": "postfix.example.net",
            "mydestination": "", "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4", "maillog_file": "/var/log/postfix.log",
            "alias_maps": "", "alias_database": "", "local_recipient_maps": "",
            "disable_dns_lookups": "yes", "smtp_tls_security_level": "none",
            "smtp_sasl_security_options": "noanonymous",
            "smtp_sasl_tls_security_options": "noanonymous",
            "smtp_sasl_password_maps": "texthash:/etc/postfix/passwords",
            "transport_maps": "texthash:/etc/postfix/transport",
            "import_environment": "",
        }
        self.run("postconf -e " + " ".join(f"'{k}={v}'"
                                           for k, v in options.items()))
        self.write("/etc/postfix/transport", "".join(
            f"{way}@example.org {way}:[127.0.0.1]:{port}\n"
            for way, (port, _) in self.ways.items()))
        self.write("/etc/postfix/passwords", "".join(
            f"[127.0.0.1]:{port} user@example.org:{password}\n"
            for port in (submission, submissions)))
        services = "".join(f"{way} unix - - n - - smtp {more}\n"
                           for way, (_, more) in self.ways.items())
        self.run('cat >>/etc/postfix/master.cf', stdin=services)
        self.run("postconf -F '*/*/chroot=n'; postconf -MX smtp/inet || true;"
                 "postfix set-permissions >/dev/null 2>&1; postfix start")

    def send(self, way, subject):
        to = f"{way}@example.org"
        self.run('sendmail -i -f user@example.org "$1"', to,
                 stdin=MESSAGE.format(to=to, subject=subject))

    def log(self):
        return self.run("cat /var/log/postfix.log; mailq", check=False)


class Exim(Peer):
    name = "Exim"
    packages = ("exim4-daemon-light", "exim4-base")
    libraries = ("libgnutls-dane0", "libidn12", "libnsl2", "libdb5.3",
                 "libpcre2-8-0")
    ROUTER = "r_{name}:\n  driver = manualroute\n  local_parts = {way}\n" \
        "  transport = t_{name}\n  route_list = * 127.0.0.1\n  self = send\n"
    LOGINS = {"plain": "PLAIN", "login": "LOGIN"}

    def configure(self, server, password):
        mx, submission, submissions, relays = (
            server.port(p) for p in ("mx", "submission", "submissions",
                                     "relays"))
        none, tls = "  hosts_avoid_tls = *\n", "  hosts_require_tls = *\n" \
            "  tls_verify_certificates =\n  tls_try_verify_hosts =\n"
        smtps, auth = tls + "  protocol = smtps\n", "  hosts_require_auth = *\n"
        self.ways = {
            "plain": (mx, none), "starttls": (mx, tls), "tls": (relays, smtps),
            "starttls-plain": (submission, tls + auth),
            "starttls-login": (submission, tls + auth),
            "tls-plain": (submissions, smtps + auth),
            "tls-login": (submissions, smtps + auth),
        }
        # Its names have no hyphens.
        names = {way: way.replace("-", "_") for way in self.ways}
        routers = "".join(self.ROUTER.format(way=way, name=names[way])
                          for way in self.ways)
        transports = "".join(
            f"t_{names[way]}:\n  driver = smtp\n  port = {port}\n{more}"
            for way, (port, more) in self.ways.items())
        secret = password.replace("^", "^^")
        send = {"plain": f"^user@example.org^{secret}",
                "login": f": user@example.org : {secret}"}
        self.run("mkdir -p /etc/exim4 /var/spool/exim4 /var/log/exim4; chown -R "
                 "Debian-exim:Debian-exim /var/spool/exim4 /var/log/exim4")
        for which, public in self.LOGINS.items():
            self.write(f"/etc/exim4/{which}.conf", (
                "primary_hostname = exim.example.net\n"
                "qualify_domain = example.net\nkeep_environment =\n"
                "never_users =\ntrusted_users = root\nhost_lookup =\n"
                "begin routers\n" + routers + "begin transports\n" +
                transports + "begin authenticators\nlogin:\n"
                f"  driver = plaintext\n  public_name = {public}\n"
                f"  client_send = {send[which]}\n"))

    def send(self, way, subject):
        to = f"{way}@example.org"
        conf = "login" if way.endswith("login") else "plain"
        self.run('exim4 -C "/etc/exim4/$1.conf" -odi -i -f user@example.org '
                 '"$2"', conf, to, stdin=MESSAGE.format(to=to,
                                                        subject=subject))

    def log(self):
        return self.run("cat /var/log/exim4/*", check=False)


class OpenSMTPD(Peer):
    name = "OpenSMTPD"
    packages = ("opensmtpd",)
    libraries = ("libevent-2.1-7", "libdb5.3")

    def configure(self, server, password):
        mx, submission, submissions, relays = (
            server.port(p) for p in ("mx", "submission", "submissions",
                                     "relays"))
        # Of the two mechanisms it takes PLAIN, whenever that is offered.
        auth = "auth <secrets>"
        self.ways = {
            "plain": f"smtp+notls://127.0.0.1:{mx}",
            "starttls": f"smtp+tls://127.0.0.1:{mx}\" tls no-verify \"",
            "tls": f"smtps://127.0.0.1:{relays}\" tls no-verify \"",
            "starttls-plain":
                f"smtp+tls://us@127.0.0.1:{submission}\" tls no-verify "
                f"{auth} \"",
            "tls-plain":
                f"smtps://us@127.0.0.1:{submissions}\" tls no-verify "
                f"{auth} \"",
        }
        hosts = {way: (text + '"').replace(' ""', "")
                 for way, text in self.ways.items()}
        self.write("/etc/secrets", f"us user@example.org:{password}\n")
        self.write("/etc/smtpd.conf", (
            "table secrets file:/etc/secrets\n"
            "mta limit conn-delay-host 0\nmta limit conn-delay-route 0\n"
            "mta limit conn-delay-source 0\nmta limit conn-delay-connector 0\n"
            "mta limit conn-delay-relay 0\nmta limit conn-delay-domain 0\n"
            "listen on socket\n" + "".join(
                f'action "{way}" relay host "{host}\n'
                f'match from any for rcpt-to "{way}@example.org" '
                f'action "{way}"\n' for way, host in hosts.items())))
        self.run("chmod 600 /etc/secrets; mkdir -p /var/spool/smtpd "
                 "/var/lib/opensmtpd/empty; "
                 "chgrp opensmtpq /usr/sbin/smtpctl; "
                 "chmod 2755 /usr/sbin/smtpctl; "
                 "usermod -d /var/lib/opensmtpd/empty opensmtpd; "
                 "usermod -d /var/lib/opensmtpd/empty opensmtpq; "
                 "echo opensmtpd.example.net >/etc/mailname; "
                 "chmod 711 /var/spool/smtpd; cd /var/spool/smtpd; "
                 "mkdir -p purge queue incoming temporary corrupt offline; "
                 "chown opensmtpq:root purge queue incoming temporary corrupt;"
                 "chmod 700 purge queue incoming temporary corrupt; "
                 "chown root:opensmtpq offline; chmod 770 offline; "
                 "smtpd -n && (smtpd -dv >/var/log/smtpd.log 2>&1 &)")
        assert wait_for(lambda: "smtpctl" not in self.run(
            "smtpctl show status", check=False), 5), self.log()

    def send(self, way, subject):
        to = f"{way}@example.org"
        self.run('sendmail -f user@example.org "$1"', to,
                 stdin=MESSAGE.format(to=to, subject=subject))

    def log(self):
        return self.run("tail -n 60 /var/log/smtpd.log; smtpctl show queue",
                        check=False)

