"""A next hop that does what a test says, at each stage of the dialogue."""
import select
import socket
import ssl
import threading
import time

from server import free_port

SILENT = object()	# nothing is said any more, the connection stays
DROP = object()		# the connection goes
OFFERS = ("PIPELINING", "8BITMIME", "SIZE 104857600")
GOOD = {"greeting": "220 script.example hi", "HELO": "250 hi",
        "MAIL": "250 2.1.0 ok", "RCPT": "250 2.1.5 ok", "DATA": "354 go on",
        "content": "250 2.0.0 kept", "RSET": "250 2.0.0 ok",
        "QUIT": "221 2.0.0 bye", ".": "554 5.5.1 for nobody"}


class Script:
    """
    answers: function (stage, n, argument) -> reply, SILENT, DROP or None for
    the good one; stage is "greeting", "content" or a verb, n counts the calls
    of that stage from 1 on.  A reply may have several lines ("\\r\\n").
    offers: what EHLO shows; None: EHLO is refused.
    reads: the octets of content that it takes before it stops to read.
    moment: seconds at most for which it looks, before it answers content, for
    what comes behind the dot; self.ahead counts envelopes that did.
    tls: a context of ssl; then STARTTLS is offered until it was said.
    """

    def __init__(self, answers=None, offers=OFFERS, port=None,
                 host="127.0.0.1", reads=None, moment=0, tls=None):
        self.answers = answers or (lambda *a: None)
        self.offers, self.reads, self.moment = offers, reads, moment
        self.tls = tls
        self.host, self.port = host, port or free_port(host=host)
        self.mails, self.counts = [], {}
        self.said = []		# connection, when it was read, the line
        self.connections, self.ahead = 0, 0
        self.began = None	# the first connection
        self.ends = {}		# connection: when the client hung up
        self.lock = threading.Lock()
        self.is_over = threading.Event()
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reads is not None:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.listener.bind((self.host, self.port))
        self.listener.listen(64)
        self.accepting = threading.Thread(target=self._accept, daemon=True)
        self.accepting.start()

    def _accept(self):
        while not self.is_over.is_set():
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.connections += 1
                self.began = self.began or time.monotonic()
                number = self.connections
            threading.Thread(target=self._serve, args=(s, number),
                             daemon=True).start()

    def _serve(self, s, number):
        try:
            Session(self, s, number).run()
        except (OSError, EOFError):
            pass
        finally:
            with self.lock:
                self.ends[number] = time.monotonic()
            s.close()

    def answer(self, stage, argument="", has_tls=False):
        with self.lock:
            n = self.counts[stage] = self.counts.get(stage, 0) + 1
            said = self.answers(stage, n, argument)
        return said if said is not None else self.good(stage, has_tls)

    def good(self, stage, has_tls):
        if stage == "STARTTLS" and self.tls:
            return "220 2.0.0 go on"
        if stage != "EHLO":
            return GOOD.get(stage, "502 5.5.1 no such command")
        if self.offers is None:
            return "502 5.5.1 no EHLO"
        rows = ["hello", *self.offers]
        if self.tls and not has_tls:
            rows.append("STARTTLS")
        return "\r\n".join(f"250{' ' if i == len(rows) - 1 else '-'}{row}"
                           for i, row in enumerate(rows))

    def lines(self, verb):
        with self.lock:
            return [line for _, _, line in self.said
                    if line.upper().startswith(verb)]

    def close(self):
        self.is_over.set()
        # close() alone leaves the thread in accept(): the port listens on, and a
        # call that the kernel begins anew takes from whoever has the number next.
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.accepting.join(10)
        self.listener.close()


class Session:
    def __init__(self, script, s, number):
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.script, self.s, self.number = script, s, number
        self.have = b""
        self.sender, self.recipients, self.is_open = "", [], False

    def more(self):
        octets = self.s.recv(65536)
        if not octets:
            raise EOFError
        self.have += octets

    def line(self):
        while b"\r\n" not in self.have:
            self.more()
        line, _, self.have = self.have.partition(b"\r\n")
        text = line.decode("latin-1")
        with self.script.lock:
            self.script.said.append((self.number, time.monotonic(), text))
        return text

    def say(self, stage, argument=""):
        """The reply that was given; None: the session is over."""
        said = self.script.answer(stage, argument,
                                  isinstance(self.s, ssl.SSLSocket))
        if said is SILENT:
            while True:
                self.more()
        if said is DROP:
            raise EOFError
        self.s.sendall(said.encode("latin-1") + b"\r\n")
        return said

    def run(self):
        self.say("greeting")
        while True:
            line = self.line()
            verb = line.split(" ")[0].split(":")[0].upper()
            said = self.say(verb, line[len(verb):])
            getattr(self, "on_" + verb.lower(), self.on_other)(line, said)
            if verb == "QUIT" or said.startswith("421"):
                return

    def on_other(self, line, said):
        pass

    def on_starttls(self, line, said):
        if said.startswith("220"):
            self.s = self.script.tls.wrap_socket(self.s, server_side=True)

    def on_mail(self, line, said):
        # Without it the recipients count for nothing, though they may be told
        # 250 and DATA 354: the awkward case of RFC 2920 3.1.
        self.sender, self.recipients = line, []
        self.is_open = said.startswith("2")

    def on_rcpt(self, line, said):
        if said.startswith("2") and self.is_open:
            self.recipients.append(line)

    def on_data(self, line, said):
        if said.startswith("354"):
            self.content()

    def content(self):
        if not self.recipients:
            while not self.have.startswith(b".\r\n"):
                self.more()
            return
        end = b"\r\n.\r\n"
        self.have = b"\r\n" + self.have
        while end not in self.have:
            if self.script.reads is not None and \
                    len(self.have) > self.script.reads:
                self.wait_gone()
            self.more()
        content, _, self.have = self.have.partition(end)
        if self.script.moment:
            self.wait_ahead()
        said = self.say("content", self.sender)
        if said.startswith("2"):
            with self.script.lock:
                self.script.mails.append((self.sender, self.recipients,
                                          content[2:] + b"\r\n"))

    def wait_gone(self):
        """Read nothing more; the client's end shows as a hang-up."""
        poll = select.poll()
        poll.register(self.s, select.POLLRDHUP)
        while not poll.poll(200) and not self.script.is_over.is_set():
            pass
        raise EOFError

    def wait_ahead(self):
        """A moment for what may come behind the dot, to be counted."""
        self.s.settimeout(self.script.moment)
        try:
            if not self.have:
                self.more()
        except TimeoutError:
            pass
        finally:
            self.s.settimeout(None)
        if self.have.startswith(b"MAIL"):
            with self.script.lock:
                self.script.ahead += 1
