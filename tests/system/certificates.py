"""Certificates for tests, made on the spot."""
import hashlib
import ssl
import subprocess


def make(folder, name, alt, kind="ec"):
    """NAME.pem and NAME.key in folder, self-signed, for these names."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"] \
        if kind == "ec" else ["-newkey", "rsa:2048"]
    cert, secret = folder / f"{name}.pem", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-x509", *key, "-nodes", "-days", "30", "-subj",
         f"/CN={name}", "-addext", f"subjectAltName={alt}", "-keyout", secret,
         "-out", cert], check=True, capture_output=True)
    secret.chmod(0o600)
    return cert, secret


def fingerprint(path):
    """SHA-256 of a PEM file's first certificate."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(path.read_text())) \
        .hexdigest()


def shown(sock, name=None, alpn=None, context=None):
    """A handshake for this name; the SHA-256 of what was shown."""
    context = context or ssl._create_unverified_context()
    if alpn:
        context.set_alpn_protocols(alpn)
    with context.wrap_socket(sock, server_hostname=name) as s:
        return hashlib.sha256(s.getpeercert(binary_form=True)).hexdigest()
