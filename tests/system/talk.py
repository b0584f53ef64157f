"""A client that sends exactly the octets it is told to."""
import itertools
import re
import socket
import ssl

# Addresses of clients that nobody has yet: what failed for one slows no other.
STRANGERS = (f"127.{a}.{b}.{c}" for a, b, c in itertools.product(
    range(64, 255), range(255), range(1, 255)))


class Reply(Exception):
    """An unexpected reply."""


def stuff(content):
    """Content as it crosses the wire, without the final dot."""
    if content and not content.endswith(b"\r\n"):
        content += b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", content)


class Talk:
    def __init__(self, port, host="127.0.0.1", tls=False, timeout=60,
                 source=None):
        self.sock = socket.create_connection(
            (host, port), timeout, (source, 0) if source else None)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            self.start_tls()
        self.left = b""
        self.greeting = self.reply()

    def start_tls(self):
        context = ssl._create_unverified_context()
        self.sock = context.wrap_socket(self.sock)

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.close()

    def close(self):
        self.sock.close()

    def raw(self, octets):
        self.sock.sendall(octets)

    def line(self):
        while b"\n" not in self.left:
            more = self.sock.recv(65536)
            if not more:
                raise ConnectionError("closed by the server")
            self.left += more
        line, _, self.left = self.left.partition(b"\n")
        return line.rstrip(b"\r").decode("utf-8", "backslashreplace")

    def reply(self):
        """(code, text) of one reply, its lines joined by newlines."""
        lines = []
        while True:
            line = self.line()
            lines.append(line[4:])
            if line[3:4] != "-":
                return int(line[:3]), "\n".join(lines)

    def ask(self, command, want=None):
        self.raw(command.encode() + b"\r\n" if isinstance(command, str)
                 else command + b"\r\n")
        code, text = self.reply()
        if want is not None and code // 100 != want // 100:
            raise Reply(f"{command!r}: {code} {text}")
        return code, text

    def hello(self, name="client.example.net"):
        return self.ask(f"EHLO {name}", 250)[1]

    def is_closed(self, seconds=5):
        """True when the server closes within so long."""
        self.sock.settimeout(seconds)
        try:
            while self.sock.recv(65536):
                pass
            return True
        except (ConnectionError, ssl.SSLError):
            return True
        except OSError:
            return False

    def content(self, content):
        """The content and the final dot; the reply to it."""
        self.ask("DATA", 354)
        self.raw(stuff(content) + b".\r\n")
        return self.reply()

    def mail(self, content, sender="sender@example.net",
             to="user@example.org"):
        """A whole transaction; the text of the last reply."""
        self.ask(f"MAIL FROM:<{sender}>", 250)
        for rcpt in [to] if isinstance(to, str) else to:
            self.ask(f"RCPT TO:<{rcpt}>", 250)
        code, text = self.content(content)
        if code != 250:
            raise Reply(f"content: {code} {text}")
        return text


def message_id(text):
    """Our id out of a 250."""
    found = re.search(r"\b([0-9A-HJKMNP-TV-Z]{26})\b", text)
    assert found, text
    return found.group(1)
