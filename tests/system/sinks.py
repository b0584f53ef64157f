"""Where relayed mail ends in tests: servers that nobody here wrote."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from server import free_port, wait_for
import socket

CACHE = pathlib.Path(os.environ.get(
    "POSTHORSE_TEST_CACHE", os.path.join(tempfile.gettempdir(),
                                         f"posthorse-cache-{os.geteuid()}")))


class Delivered:
    def __init__(self, sender, recipients, content, options=()):
        self.sender = sender
        self.recipients = recipients
        self.content = content
        self.options = list(options)


class AioSink:
    """aiosmtpd: keeps what comes; answers can be scripted a command.

    answers: function (stage, number, argument) -> reply or None, with stage
    one of "MAIL", "RCPT", "DATA" and number counting calls of that stage.
    """

    def __init__(self, port=None, tls=None, auth=None, answers=None,
                 host="127.0.0.1", is_implicit=False):
        from aiosmtpd.controller import Controller
        from aiosmtpd.smtp import SMTP, AuthResult
        self.host, self.port = host, port or free_port()
        self.mails, self.lock = [], threading.Lock()
        self.answers = answers or (lambda *a: None)
        self.counts = {}
        self.logins = []
        self.was_tls = []
        sink = self

        class Handler:
            async def handle_MAIL(self, server, session, envelope, address,
                                  options):
                said = sink._answer("MAIL", address)
                if said:
                    return said
                envelope.mail_from = address
                envelope.mail_options.extend(options)
                return "250 2.1.0 sender ok"

            async def handle_RCPT(self, server, session, envelope, address,
                                  options):
                said = sink._answer("RCPT", address)
                if said:
                    return said
                envelope.rcpt_tos.append(address)
                return "250 2.1.5 recipient ok"

            async def handle_DATA(self, server, session, envelope):
                said = sink._answer("DATA", envelope.mail_from)
                if said:
                    return said
                with sink.lock:
                    sink.was_tls.append(session.ssl is not None)
                    sink.mails.append(Delivered(
                        envelope.mail_from, list(envelope.rcpt_tos),
                        envelope.original_content, envelope.mail_options))
                return "250 2.0.0 kept"

        def authenticator(server, session, envelope, mechanism, data):
            pair = (data.login, data.password)
            sink.logins.append(pair)
            return AuthResult(success=pair == auth)

        class Endpoint(Controller):
            def factory(self):
                options = dict(data_size_limit=1 << 27, hostname=host,
                               enable_SMTPUTF8=False, timeout=60)
                if tls and not is_implicit:
                    options["tls_context"] = tls
                if auth:
                    options.update(authenticator=authenticator,
                                   auth_required=True,
                                   auth_require_tls=bool(tls) and
                                   not is_implicit)
                made = SMTP(self.handler, **options)
                made.line_length_limit = 1 << 20
                made.command_size_limits.clear()
                return made

        SMTP.line_length_limit = 1 << 20
        self.controller = Endpoint(Handler(), hostname=host, port=self.port,
                                   ssl_context=tls if is_implicit else None)
        self.controller.start()

    def _answer(self, stage, argument):
        with self.lock:
            n = self.counts[stage] = self.counts.get(stage, 0) + 1
        return self.answers(stage, n, argument)

    def close(self):
        self.controller.stop()

    def wait(self, count, seconds=10):
        wait_for(lambda: len(self.mails) >= count, seconds)
        return list(self.mails)


def install_libraries(package):
    """As root, the shared libraries that a package names (never itself)."""
    needs = subprocess.run(["dpkg-deb", "-f", package, "Depends"], check=True,
                           capture_output=True, text=True).stdout
    names = [re.split(r"[ (:|]", n.strip())[0] for n in needs.split(",")]
    libraries = [n for n in names if n.startswith("lib")]
    if os.geteuid() == 0:
        subprocess.run(["apt-get", "install", "-y", "--no-install-recommends",
                        *libraries], check=True, capture_output=True,
                       env=dict(os.environ, DEBIAN_FRONTEND="noninteractive"))


def postfix_folder():
    """Postfix's programs, unpacked and not installed; None: cannot be had."""
    folder = CACHE / "postfix"
    if (folder / "usr/sbin/smtp-sink").exists():
        return folder
    CACHE.mkdir(parents=True, exist_ok=True)
    work = pathlib.Path(tempfile.mkdtemp(dir=CACHE))
    try:
        subprocess.run(["apt-get", "download", "postfix"], cwd=work,
                       check=True, capture_output=True, timeout=120)
        package = next(work.glob("postfix_*.deb"))
        subprocess.run(["dpkg-deb", "-x", package, work / "x"], check=True)
        install_libraries(package)
        shutil.rmtree(folder, ignore_errors=True)
        (work / "x").rename(folder)
    except (OSError, subprocess.SubprocessError, StopIteration):
        return None
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return folder


class PostfixSink:
    """Postfix's smtp-sink, which writes each message to a file."""

    def __init__(self, folder, options=()):
        home = postfix_folder()
        assert home, "smtp-sink is not to be had"
        self.port = free_port()
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        if os.geteuid() == 0:
            # It refuses to run as root, and must reach its folder as nobody.
            options = ("-u", "nobody", *options)
            for path in (self.folder, *self.folder.parents):
                if path.stat().st_uid == 0 and path.stat().st_mode & 5 != 5:
                    path.chmod(path.stat().st_mode | 0o005)
            self.folder.chmod(0o777)
        self.process = subprocess.Popen(
            [home / "usr/sbin/smtp-sink", "-d",
             str(self.folder / "mail.%M."), *options,
             f"127.0.0.1:{self.port}", "100"],
            env=dict(os.environ, LD_LIBRARY_PATH=str(home / "usr/lib/postfix")),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        assert wait_for(self._is_up, 10), "smtp-sink did not start"

    def _is_up(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def read(self):
        """What came, whole files only: sender, recipients, LF-ended content."""
        found = []
        for path in self.folder.iterdir():
            head, _, rest = path.read_bytes().partition(b"\nReceived: from ")
            args = dict(re.findall(rb"^X-([\w-]+): (.*)$", head, re.M))
            # smtp-sink's own Received field has three lines.
            content = rest.split(b"\n", 3)[3] if rest.count(b"\n") >= 3 else b""
            # It ends a file with an empty line, as a mailbox wants it.
            content = content.removesuffix(b"\n")
            found.append(Delivered(
                args.get(b"Mail-Args", b"").decode(),
                re.findall(r"^X-Rcpt-Args: (.*)$", head.decode(), re.M),
                content))
        return found

    def _sizes(self):
        """Of each file; -1 while the empty line at its end is missing."""
        return {path: path.stat().st_size
                if path.read_bytes()[-2:] == b"\n\n" else -1
                for path in self.folder.iterdir()}

    def _has_whole(self, count):
        """So many, and none of them is written any more."""
        if len(list(self.folder.iterdir())) < count:
            return False
        before = self._sizes()
        time.sleep(0.2)
        return -1 not in before.values() and before == self._sizes()

    def wait(self, count, seconds=10):
        wait_for(lambda: self._has_whole(count), seconds)
        return self.read()

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
