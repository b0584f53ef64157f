"""An issuer of tokens: its key, its JWK set, what it signs (openssl does it)."""
import base64
import json
import subprocess
import time

ISSUER, AUDIENCE = "https://id.example.net", "posthorse"


def url(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


def openssl(*words, stdin=None):
    return subprocess.run(["openssl", *map(str, words)], input=stdin,
                          check=True, capture_output=True).stdout


class Issuer:
    def __init__(self, folder, name="issuer"):
        self.key = folder / f"{name}.pem"
        self.file = folder / f"{name}.json"
        openssl("genrsa", "-out", self.key, 2048)
        modulus = openssl("rsa", "-in", self.key, "-noout", "-modulus")
        n = bytes.fromhex(modulus.decode().partition("=")[2].strip())
        self.file.write_text(json.dumps({"keys": [{
            "kty": "RSA", "kid": name, "use": "sig", "alg": "RS256",
            "n": url(n), "e": "AQAB"}]}))
        self.name = name

    def statement(self):
        return (f"oauth issuer {ISSUER} audience {AUDIENCE} keys {self.file} "
                "user-claim sub\n")

    def token(self, user, header=None, **claims):
        said = {"iss": ISSUER, "aud": AUDIENCE, "sub": user,
                "exp": int(time.time()) + 300, **claims}
        text = ".".join(url(json.dumps(part).encode()) for part in (
            header or {"alg": "RS256", "kid": self.name, "typ": "at+jwt"},
            said))
        signature = openssl("dgst", "-sha256", "-sign", self.key,
                            stdin=text.encode())
        return text + "." + url(signature)
