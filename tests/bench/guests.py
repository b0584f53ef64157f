"""Other people's servers, Debian's packages, each in an overlay of the running
root, like a guest: nothing of the machine's own is changed."""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from peers import (SECRET, SITES, USER, Peer, make_certificate, site_address,
                   wait_port)


class Guest(Peer):
    """package: of Debian; program: what it brings; spool: where mail is."""

    @classmethod
    def home(cls):
        return pathlib.Path(os.environ.get("BENCH_ROOT",
                                           tempfile.gettempdir()),
                            f"posthorse-bench-{cls.__name__.lower()}")

    @classmethod
    def root(cls):
        return cls.home() / "root"

    @classmethod
    def mount(cls):
        home, root = cls.home(), cls.root()
        for name in ("up", "work", "root", "spool"):
            (home / name).mkdir(parents=True, exist_ok=True)
        if os.path.ismount(root):
            return True
        if subprocess.run(
                ["mount", "-t", "overlay", "overlay", "-o",
                 f"lowerdir=/,upperdir={home}/up,workdir={home}/work", root],
                capture_output=True).returncode != 0:
            return False
        for kind in ("proc", "dev"):
            subprocess.run(["mount", "--rbind", f"/{kind}", root / kind],
                           check=True)
            subprocess.run(["mount", "--make-rprivate", root / kind],
                           check=True)
        return True

    @classmethod
    def is_to_be_had(cls):
        if os.geteuid() != 0 or not cls.mount():
            return False
        if not (cls.root() / cls.program).exists():
            rc = cls.root() / "usr/sbin/policy-rc.d"
            rc.write_text("#!/bin/sh\nexit 101\n")
            rc.chmod(0o755)
            cls.inside("dpkg", "--configure", "-a")
            cls.inside("apt-get", "install", "-y", "--no-install-recommends",
                       *cls.packages)
        if not (cls.root() / cls.program).exists():
            return False
        if not os.path.ismount(cls.root() / cls.spool):
            # On the disk itself, as posthorse's spool is.
            owner = (cls.root() / cls.spool).stat()
            os.chown(cls.home() / "spool", owner.st_uid, owner.st_gid)
            subprocess.run(["mount", "--bind", cls.home() / "spool",
                            cls.root() / cls.spool], check=True)
        return True

    @classmethod
    def put_away(cls):
        for where in (cls.spool, "dev", "proc", ""):
            path = cls.root() / where
            if os.path.ismount(path):
                subprocess.run(["umount", "-l", path], capture_output=True)

    @classmethod
    def inside(cls, *words, **how):
        return subprocess.run(
            ["chroot", cls.root(), *words], capture_output=True, text=True,
            env=dict(os.environ, DEBIAN_FRONTEND="noninteractive"), **how)

    def certificate(self, where):
        """Inside, at where; only root and who is named there may read it."""
        folder = self.root() / where
        folder.mkdir(exist_ok=True)
        return [f"/{where}/{path.name}" for path in make_certificate(folder)]


class Postfix(Guest):
    packages = ("postfix", "sasl2-bin", "libsasl2-modules")
    program = "usr/sbin/postfix"
    spool = "var/spool/postfix"

    def start(self):
        root = self.root()
        shutil.copy(root / "usr/share/postfix/main.cf.debian",
                    root / "etc/postfix/main.cf")
        master = (root / "usr/share/postfix/master.cf.dist").read_text()
        master = re.sub(r"(?m)^smtp +inet", f"127.0.0.1:{self.port} inet",
                        master, count=1)
        (root / "etc/postfix/master.cf").write_text(
            re.sub(r"(?m)^(\S+\s+\S+\s+\S\s+\S\s+)y\b", r"\1n", master))
        rows = ["compatibility_level=3.6", "myhostname=mx.example.net",
                "mydestination=localhost", "inet_interfaces=127.0.0.1",
                "inet_protocols=ipv4", "mynetworks=127.0.0.0/8",
                "maillog_file=/var/log/postfix.log", "alias_maps=",
                "alias_database=", "default_process_limit=200",
                "in_flow_delay=0", "smtpd_client_connection_count_limit=0",
                "smtpd_peername_lookup=no", "disable_dns_lookups=yes",
                "smtpd_recipient_restrictions=permit_mynetworks,reject",
                "default_destination_concurrency_limit=100",
                "initial_destination_concurrency=20",
                "qmgr_message_active_limit=20000", "mailbox_size_limit=0",
                "virtual_mailbox_limit=0", "smtp_tls_security_level=none",
                "smtpd_tls_security_level=none", "local_recipient_maps=",
                "relay_domains="]
        if self.mode == "intake":
            rows += ["smtpd_client_restrictions=static:HOLD"]
        if self.mode == "secure":
            rows += self.secured()
        if self.mode in ("intake", "relay", "wide", "sites"):
            rows += [f"relayhost=[127.0.0.1]:{self.sink_port}"]
        if self.mode == "sites":
            (root / "etc/postfix/transport").write_text("".join(
                f"d{i}.example.com smtp:[{site_address(i)}]:{self.sink_port}\n"
                for i in range(SITES)))
            rows += ["transport_maps=texthash:/etc/postfix/transport"]
        if self.mode == "maildir":
            users = "".join(f"user{i}@example.org user{i}/\n"
                            for i in range(100))
            (root / "etc/postfix/vmailbox").write_text(users)
            mail = root / "var/vmail"
            shutil.rmtree(mail, ignore_errors=True)
            mail.mkdir()
            os.chown(mail, 5000, 5000)
            rows += ["virtual_mailbox_domains=example.org",
                     "virtual_mailbox_base=/var/vmail",
                     "virtual_uid_maps=static:5000",
                     "virtual_gid_maps=static:5000",
                     "virtual_destination_concurrency_limit=100",
                     "virtual_destination_recipient_limit=1",
                     "virtual_mailbox_maps=texthash:/etc/postfix/vmailbox"]
        self.inside("postconf", "-e", *rows)
        self.inside("postfix", "set-permissions")
        self.inside("postfix", "check")
        self.spawn("chroot", root, "/usr/lib/postfix/sbin/master", "-d")
        wait_port(self.port)

    def secured(self):
        """STARTTLS and AUTH PLAIN, behind which mail is held."""
        cert, key = self.certificate("etc/postfix/tls")
        sasl = self.root() / "etc/postfix/sasl"
        sasl.mkdir(exist_ok=True)
        (sasl / "smtpd.conf").write_text(
            "pwcheck_method: auxprop\nauxprop_plugin: sasldb\n"
            "mech_list: PLAIN\n")
        name, domain = USER.split("@")
        self.inside("saslpasswd2", "-p", "-c", "-u", domain, name,
                    input=SECRET + "\n")
        self.inside("chgrp", "postfix", "/etc/sasldb2")
        return ["smtpd_client_restrictions=static:HOLD",
                "smtpd_tls_security_level=may", "smtpd_tls_auth_only=yes",
                f"smtpd_tls_chain_files={key},{cert}",
                "smtpd_sasl_auth_enable=yes", "smtpd_sasl_type=cyrus",
                "smtpd_sasl_path=smtpd", "smtpd_client_connection_rate_limit=0",
                "smtpd_recipient_restrictions="
                "permit_sasl_authenticated,reject"]

    def delivered(self):
        return sum(1 for d in (self.root() / "var/vmail").glob("*/new")
                   for _ in os.scandir(d))

    def stop(self):
        super().stop()
        self.inside("postsuper", "-d", "ALL")


EXIM = """\
primary_hostname = mx.example.net
qualify_domain = example.net
tls_advertise_hosts = *
tls_certificate = {cert}
tls_privatekey = {key}
acl_smtp_rcpt = acl_rcpt
acl_smtp_data = accept
queue_only = true
split_spool_directory = true
smtp_accept_max = 0
smtp_accept_max_per_connection = 0
smtp_accept_queue_per_connection = 0
smtp_connect_backlog = 1024
message_size_limit = 50M
rfc1413_query_timeout = 0s
host_lookup =
never_users =
keep_environment =
begin acl
acl_rcpt:
  accept authenticated = *
  deny
begin routers
begin transports
begin retry
* * F,2h,15m
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{{user}}}}}\
    {{eq{{$auth3}}{{{secret}}}}}}}{{1}}{{0}}}}
  server_set_id = $auth2
  server_advertise_condition = ${{if def:tls_in_cipher}}
"""


class Exim(Guest):
    """
    exim4-daemon-light, which does TLS with GnuTLS.  The password is compared
    with a text in the configuration, no tickets are given (both its cheapest
    way), mail is queued and not delivered.
    """

    packages = ("exim4-daemon-light",)
    program = "usr/sbin/exim4"
    spool = "var/spool/exim4"

    def start(self):
        cert, key = self.certificate("etc/exim4/tls")
        self.inside("chown", "-R", "Debian-exim", "/etc/exim4/tls")
        (self.root() / "etc/exim4/exim4.conf").write_text(
            EXIM.format(cert=cert, key=key, user=USER, secret=SECRET))
        self.inside("mkdir", "-p", "/var/log/exim4")
        self.inside("chown", "-R", "Debian-exim:adm", "/var/log/exim4")
        self.spawn("chroot", self.root(), "/usr/sbin/exim4", "-bdf",
                   "-oX", f"<; 127.0.0.1.{self.port}")
        wait_port(self.port)

    def stop(self):
        super().stop()
        for what in ("input", "msglog", "db"):
            shutil.rmtree(self.home() / "spool" / what, ignore_errors=True)
