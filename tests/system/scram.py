"""SCRAM-SHA-256 as a client, by RFC 5802 and nothing else of ours."""
import base64
import hashlib
import hmac
import os


def digest(key, text):
    return hmac.digest(key, text, "sha256")


class Scram:
    """
    first() -> message; final(server_first) -> message; check(server_final).
    gs2: the header; channel: what it names, of this connection.
    """

    def __init__(self, user, password, gs2="n,,", channel=b""):
        self.user = user.replace("=", "=3D").replace(",", "=2C")
        self.password = password
        self.gs2, self.channel = gs2, channel
        self.nonce = base64.b64encode(os.urandom(12)).decode()

    def first(self):
        self.bare = f"n={self.user},r={self.nonce}"
        return self.gs2 + self.bare

    def final(self, server_first):
        said = dict(part.split("=", 1) for part in server_first.split(","))
        assert said["r"].startswith(self.nonce) and said["r"] != self.nonce
        self.salt, self.iterations = said["s"], int(said["i"])
        binding = base64.b64encode(self.gs2.encode() + self.channel).decode()
        without = f"c={binding},r={said['r']}"
        salted = hashlib.pbkdf2_hmac(
            "sha256", self.password.encode(), base64.b64decode(self.salt),
            self.iterations)
        key = digest(salted, b"Client Key")
        message = f"{self.bare},{server_first},{without}".encode()
        signature = digest(hashlib.sha256(key).digest(), message)
        proof = bytes(a ^ b for a, b in zip(key, signature))
        self.signature = digest(digest(salted, b"Server Key"), message)
        return f"{without},p={base64.b64encode(proof).decode()}"

    def check(self, server_final):
        want = "v=" + base64.b64encode(self.signature).decode()
        assert server_final == want, (server_final, want)
