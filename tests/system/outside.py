"""Outside systems that know users, each the real one, started for a test."""
import os
import pathlib
import pwd
import signal
import socket
import sqlite3
import subprocess

import pytest

from server import FIRST_ID, IS_ROOT, USERS, children, free_port, wait_for

ANNA, OUTSIDE = "anna@example.org", "outside 17"
ID = FIRST_ID + USERS.index("backend")


def crypt(password, method="sha512"):
    """A hash by a program that nobody here wrote."""
    return subprocess.run(["openssl", "passwd", "-6", "-stdin"],
                          input=password, capture_output=True, text=True,
                          check=True).stdout.strip()


def give(path, number=ID):
    if IS_ROOT:
        os.chown(path, number, number)


def is_alive(pid):
    try:
        stat = pathlib.Path("/proc", str(pid), "stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


class Outside:
    """
    statement: of the configuration, its backend's name is `outside`.
    has_secrets: it hands out what is stored.
    away(), still(): it is not there, it does not answer; back(): it is again.
    """
    has_secrets = True
    program = "sqlite"

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(mode=0o755, parents=True)
        give(self.folder)

    def close(self):
        pass


class Sqlite(Outside):
    more = ""
    QUERY = ("SELECT secret FROM users WHERE name = $2 AND domain = $3 AND "
             "address = $1")

    def __init__(self, folder):
        super().__init__(folder)
        self.file = self.folder / "users.db"
        self.db = sqlite3.connect(self.file, isolation_level=None)
        self.db.execute("CREATE TABLE users (address TEXT, name TEXT, "
                        "domain TEXT, secret TEXT)")
        self.add("anna", crypt(OUTSIDE))
        self.file.chmod(0o640)
        give(self.file)
        self.statement = (f"backend sqlite outside file {self.file} "
                          f"query \"{self.QUERY}\"{self.more}\n")

    def add(self, name, secret):
        self.db.execute("INSERT INTO users VALUES (?, ?, ?, ?)",
                        (f"{name}@example.org", name, "example.org", secret))

    def change(self, name, secret):
        self.db.execute("UPDATE users SET secret = ? WHERE name = ?",
                        (secret, name))

    def count(self):
        return self.db.execute("SELECT count(*) FROM users").fetchone()[0]

    def away(self):
        self.file.rename(self.file.with_suffix(".away"))

    def still(self):
        self.db.execute("BEGIN EXCLUSIVE")

    def back(self):
        if self.db.in_transaction:
            self.db.execute("ROLLBACK")
        if not self.file.exists():
            self.file.with_suffix(".away").rename(self.file)

    def close(self):
        self.db.close()


class Process(Outside):
    """One that runs: ended, stopped, started again."""
    process = None
    command = ()

    def start(self):
        log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen(
            self.command, stdin=subprocess.DEVNULL, stdout=log,
            stderr=subprocess.STDOUT, start_new_session=True)
        log.close()
        if not wait_for(self.is_up, 30):
            self.close()
            raise AssertionError((self.folder / "log").read_text())

    def pids(self):
        """It, and all below it."""
        found = [self.process.pid]
        for pid in found:
            found += [p for p in children(pid) if p not in found]
        return found

    def signal(self, how):
        for pid in self.pids():
            try:
                os.kill(pid, how)
            except ProcessLookupError:
                pass

    def away(self):
        pids = self.pids()
        self.signal(signal.SIGCONT)
        # At once, whoever is connected; what is left of it goes as well.
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None
        for pid in filter(is_alive, pids):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        assert wait_for(lambda: not any(map(is_alive, pids)), 20)

    def still(self):
        self.signal(signal.SIGSTOP)

    def back(self):
        if self.process is None:
            self.start()
        else:
            self.signal(signal.SIGCONT)

    def close(self):
        if self.process is not None:
            self.away()


class Dovecot(Process):
    has_secrets = False
    program = "dovecot"
    CONFIG = """\
base_dir = {folder}/run
log_path = {folder}/dovecot.log
protocols =
ssl = no
auth_mechanisms = plain
auth_verbose = yes
default_login_user = {login}
default_internal_user = {internal}
default_internal_group = {group}
passdb {{
  driver = passwd-file
  args = scheme=SHA512-CRYPT username_format=%u {folder}/passwd
}}
userdb {{
  driver = static
  args = uid=65534 gid=65534 home=/nonexistent
}}
service anvil {{
  chroot =
}}
service stats {{
  chroot =
}}
service auth {{
  unix_listener {folder}/auth-client {{
    mode = 0666
  }}
}}
"""

    def __init__(self, folder):
        super().__init__(folder)
        (self.folder / "passwd").write_text(f"{ANNA}:{crypt(OUTSIDE)}\n")
        conf = self.folder / "dovecot.conf"
        conf.write_text(self.CONFIG.format(
            folder=self.folder, login="dovenull",
            internal="dovecot", group="dovecot"))
        self.command = ["dovecot", "-F", "-c", conf]
        self.socket = self.folder / "auth-client"
        self.statement = f"backend dovecot outside socket {self.socket}\n"
        self.start()

    def is_up(self):
        if self.process.poll() is not None:
            raise AssertionError((self.folder / "log").read_text())
        with socket.socket(socket.AF_UNIX) as s:
            try:
                s.settimeout(5)
                s.connect(str(self.socket))
                s.sendall(b"VERSION\t1\t1\nCPID\t1\n")
                return b"VERSION" in s.recv(4096)
            except OSError:
                return False


class Postgresql(Process):
    program = "postgresql"
    more = ""
    QUERY = Sqlite.QUERY
    BIN = pathlib.Path("/usr/lib/postgresql")

    def __init__(self, folder):
        super().__init__(folder)
        found = sorted(self.BIN.glob("*/bin"))
        if not found:
            pytest.skip("postgresql is not installed")
        self.bin = found[-1]
        self.port = free_port()
        admin = self.folder / "admin"
        admin.write_text("admin\n")
        self.uid = pwd.getpwnam("nobody").pw_uid
        for path in (admin, self.folder):
            give(path, self.uid)
        self.run("initdb", "-D", self.folder / "data", "-A", "scram-sha-256",
                 "-U", "admin", f"--pwfile={admin}", "--no-sync")
        secret = self.folder / "password"
        secret.write_text("of our's\n")
        secret.chmod(0o600)
        self.command = self.as_server(
            self.bin / "postgres", "-D", self.folder / "data", "-k", "",
            "-h", "127.0.0.1", "-p", self.port, "-c", "fsync=off",
            *self.settings())
        self.start()
        self.sql("CREATE TABLE users (address TEXT, name TEXT, domain TEXT, "
                 "secret TEXT)")
        self.sql("CREATE USER reader PASSWORD 'of our''s'")
        self.sql("GRANT SELECT ON users TO reader")
        self.add("anna", crypt(OUTSIDE))
        self.statement = (
            f"backend postgresql outside at 127.0.0.1:{self.port} database "
            f"postgres login reader password-file {secret}{self.tls()} query "
            f"\"{self.QUERY}\"{self.more}\n")

    def settings(self):
        return ()

    def tls(self):
        return ""

    def as_server(self, *words):
        """It will not run as root, nor as nobody known."""
        words = [str(word) for word in words]
        if not IS_ROOT:
            return words
        return ["setpriv", f"--reuid={self.uid}", "--regid=65534", "--clear-groups",
                *words]

    def run(self, program, *words, stdin=""):
        return subprocess.run(
            self.as_server(self.bin / program, *words), input=stdin,
            capture_output=True, text=True, check=True, cwd="/",
            env={"PGPASSWORD": "admin", "PATH": os.environ["PATH"],
                 "HOME": "/nonexistent"}).stdout

    def sql(self, text):
        return self.run("psql", "-h", "127.0.0.1", "-p", self.port, "-U",
                        "admin", "-tA", "-v", "ON_ERROR_STOP=1", "postgres",
                        stdin=text)

    @staticmethod
    def quote(text):
        return "NULL" if text is None else "'" + text.replace("'", "''") + "'"

    def add(self, name, secret):
        self.sql(f"INSERT INTO users VALUES ('{name}@example.org', '{name}', "
                 f"'example.org', {self.quote(secret)})")

    def change(self, name, secret):
        self.sql(f"UPDATE users SET secret = {self.quote(secret)} WHERE name "
                 f"= '{name}'")

    def count(self):
        return int(self.sql("SELECT count(*) FROM users"))

    def is_up(self):
        if self.process.poll() is not None:
            raise AssertionError((self.folder / "log").read_text())
        try:
            self.sql("SELECT 1")
            return True
        except subprocess.CalledProcessError:
            return False


class Ldap(Process):
    has_secrets = False
    program = "ldap"
    scheme = "ldap"
    BASE = "ou=people,dc=example,dc=org"
    CONFIG = """\
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_ldif
pidfile {folder}/pid
password-hash {{CRYPT}}
disallow bind_anon
{tls}database ldif
suffix dc=example,dc=org
rootdn cn=admin,dc=example,dc=org
rootpw admin
directory {folder}/data
access to attrs=userPassword by anonymous auth by * none
access to * by dn.base="uid=reader,{base}" read by * none
"""

    def __init__(self, folder):
        super().__init__(folder)
        if not os.path.exists("/usr/sbin/slapd"):
            pytest.skip("slapd is not installed")
        self.port = free_port()
        (self.folder / "data").mkdir()
        conf = self.folder / "slapd.conf"
        conf.write_text(self.CONFIG.format(folder=self.folder, base=self.BASE,
                                           tls=self.tls()))
        self.ldif("dc=example,dc=org", "objectClass: dcObject",
                  "objectClass: organization", "o: example")
        self.ldif(self.BASE, "objectClass: organizationalUnit")
        self.add("anna", OUTSIDE)
        self.add("reader", "of ours")
        self.secret = self.folder / "password"
        self.secret.write_text("of ours\n")
        self.secret.chmod(0o600)
        self.command = ["/usr/sbin/slapd", "-d", "0", "-f", conf, "-h",
                        f"{self.scheme}://127.0.0.1:{self.port}/"]
        self.statement = (f"backend ldap outside at 127.0.0.1:{self.port} "
                          + self.how() + "\n")
        self.start()

    def tls(self):
        return ""

    def how(self):
        return f"dn \"uid={{name}},{self.BASE}\""

    def ldif(self, dn, *rows):
        subprocess.run(["/usr/sbin/slapadd", "-f", self.folder / "slapd.conf"],
                       input="\n".join((f"dn: {dn}", *rows)) + "\n",
                       text=True, check=True, capture_output=True)

    def add(self, name, password):
        self.ldif(f"uid={name},{self.BASE}", "objectClass: inetOrgPerson",
                  f"cn: {name}", f"sn: {name}", f"mail: {name}@example.org",
                  f"userPassword: {{CRYPT}}{crypt(password)}")

    def is_up(self):
        if self.process.poll() is not None:
            raise AssertionError((self.folder / "log").read_text())
        try:
            with socket.create_connection(("127.0.0.1", self.port), 5):
                return True
        except OSError:
            return False


class Pam(Outside):
    """A stack of its own, which runs two scripts."""
    has_secrets = False
    program = "pam"

    def __init__(self, folder):
        super().__init__(folder)
        if not IS_ROOT:
            pytest.skip("/etc/pam.d is root's")
        self.service = f"posthorse-test-{os.getpid()}"
        self.pam = pathlib.Path("/etc/pam.d", self.service)
        self.alive = self.folder / "alive"
        self.stopped = self.folder / "stopped"
        self.script("alive", f"while test -e {self.stopped}; do sleep 0.2; "
                    "done")
        self.script("check", "read -r said\n"
                    "test \"$PAM_USER\" = anna && "
                    f"test \"$said\" = \"{OUTSIDE}\"")
        exec_ = "pam_exec.so quiet"
        self.pam.write_text(
            f"auth [success=ignore default=die] {exec_} {self.alive}\n"
            f"auth [success=1 default=ignore] {exec_} expose_authtok "
            f"{self.folder}/check\n"
            "auth requisite pam_deny.so\nauth required pam_permit.so\n"
            "account required pam_permit.so\n")
        self.statement = f"backend pam outside service {self.service}\n"

    def script(self, name, text):
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def away(self):
        self.alive.rename(self.folder / "away")

    def still(self):
        self.stopped.touch()

    def back(self):
        self.stopped.unlink(missing_ok=True)
        if not self.alive.exists():
            (self.folder / "away").rename(self.alive)

    def close(self):
        self.stopped.unlink(missing_ok=True)
        self.pam.unlink(missing_ok=True)


KINDS = {"sqlite": Sqlite, "dovecot": Dovecot, "postgresql": Postgresql,
         "ldap": Ldap, "pam": Pam}
