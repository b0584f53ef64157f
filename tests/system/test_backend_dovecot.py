"""A Dovecot that is played: what the real one seldom does."""
import socket
import threading

from outside import ANNA
from test_backends import Both

GREETING = (b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\n"
            b"COOKIE\tabc\nDONE\n")


class Played:
    """Its first connection falls silent behind the greeting."""
    has_secrets = False
    program = "dovecot"

    def __init__(self, folder):
        folder.mkdir()
        folder.chmod(0o755)
        path = folder / "auth-client"
        self.statement = f"backend dovecot outside socket {path}\n"
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(str(path))
        path.chmod(0o666)
        self.listening.listen()
        self.asked = []		# of each connection
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                peer = self.listening.accept()[0]
            except OSError:
                return
            self.asked.append(0)
            threading.Thread(target=self.talk, daemon=True,
                             args=(peer, len(self.asked) - 1)).start()

    def talk(self, peer, n):
        peer.sendall(GREETING)
        for line in peer.makefile("rb"):
            word, _, rest = line.rstrip(b"\n").partition(b"\t")
            if word != b"AUTH":
                continue
            self.asked[n] += 1
            if n > 0:
                number = rest.partition(b"\t")[0].decode()
                peer.sendall(f"OK\t{number}\tuser={ANNA}\n".encode())

    def close(self):
        self.listening.close()


def test_falls_silent(tmp_path):
    """Each unanswered question is a 454; behind the third one another connection
    is made, and answered."""
    both = Both(tmp_path, "dovecot", made=Played)
    try:
        assert [both.code() for _ in range(4)] == [454, 454, 454, 235]
        assert both.outside.asked == [3, 1]
    finally:
        both.close()
