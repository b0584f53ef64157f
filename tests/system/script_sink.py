"""A server that says exactly what a test wants, and when."""
import socket
import threading
import time

STAGES = ("greeting", "EHLO", "MAIL", "RCPT", "DATA", "block", "final", "QUIT")
REPLIES = {"greeting": b"220 script.example\r\n", "DATA": b"354 go on\r\n",
           "QUIT": b"221 bye\r\n", "block": b"not read yet"}


class ScriptSink:
    """
    Takes any number of connections, each in a thread.  answer(stage, text, n)
    gives the octets that a command of connection n is answered with; None:
    the usual; b"": silence.  Without SIZE, PIPELINING and all the rest: one
    command, one reply.  Nothing is said at block: it is when content begins,
    and b"" means that it is not read.
    """

    def __init__(self, answer=None, host="127.0.0.1", port=0, buffer=None):
        self.answer = answer or (lambda stage, text, n: None)
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if buffer:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF,
                                     buffer)
        self.listener.bind((host, port))
        self.listener.listen(200)
        self.host, self.port = self.listener.getsockname()
        self.lock = threading.Lock()
        self.seen = []		# (connection, stage, text, time)
        self.mails = []		# content, whole
        self.closed = {}	# connection -> when its client had gone
        self.now = self.most = self.count = 0
        self.is_over = False
        self.accepting = threading.Thread(target=self._accept, daemon=True)
        self.accepting.start()

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.count += 1
                self.now += 1
                self.most = max(self.most, self.now)
                n = self.count
            threading.Thread(target=self._serve, args=(sock, n),
                             daemon=True).start()

    def _say(self, sock, stage, text, n):
        with self.lock:
            self.seen.append((n, stage, text, time.monotonic()))
        said = self.answer(stage, text, n)
        if said is None:
            said = REPLIES.get(stage, b"250 yes\r\n")
        if stage == "block":
            return said != b""
        for piece in [said] if isinstance(said, bytes) else said:
            sock.sendall(piece)
        return True

    def _line(self, sock, left):
        while b"\r\n" not in left:
            more = sock.recv(65536)
            if not more:
                raise ConnectionError("closed")
            left += more
        line, _, left = left.partition(b"\r\n")
        return line, left

    def _content(self, sock, left):
        while not left.endswith(b"\r\n.\r\n"):
            more = sock.recv(1 << 20)
            if not more:
                raise ConnectionError("closed")
            left += more
        return left

    def _serve(self, sock, n):
        left, has_left = b"", False
        sock.settimeout(60)
        try:
            self._say(sock, "greeting", b"", n)
            while True:
                line, left = self._line(sock, left)
                stage = line.split(b" ")[0].decode("ascii", "replace").upper()
                if stage == "QUIT":
                    # Counted out before 221: its client may dial at once.
                    with self.lock:
                        self.now -= 1
                    has_left = True
                self._say(sock, stage, line, n)
                if stage == "QUIT":
                    while sock.recv(4096):
                        pass
                    break
                if stage == "DATA":
                    if not self._say(sock, "block", b"", n):
                        while not self.is_over:
                            time.sleep(0.05)
                        break
                    text = self._content(sock, left)
                    left = b""
                    self._say(sock, "final", b"", n)
                    with self.lock:
                        self.mails.append(text)
        except OSError:
            pass
        finally:
            sock.close()
            with self.lock:
                self.now -= not has_left
                self.closed[n] = time.monotonic()

    def when(self, stage, n=1):
        """When a connection came to a stage, or None."""
        with self.lock:
            for number, name, _, at in self.seen:
                if (number, name) == (n, stage):
                    return at
        return None

    def close(self):
        self.is_over = True
        # close() alone leaves the thread in accept(): the port listens on, and a
        # call that the kernel begins anew takes from whoever has the number next.
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.accepting.join(10)
        self.listener.close()



