"""Programs that nobody here wrote send mail: plain, STARTTLS, TLS, AUTH."""
import os
import smtplib
import ssl
import subprocess

import pytest

from server import PASSWORD, Server, free_port, wait_for

BODY = "a line\n.a dot first\nlast line\n"
MESSAGE = ("From: someone@example.net\nTo: user@example.org\n"
           "Subject: {subject}\n\n" + BODY)
USER = "user@example.org"


def run(*words, stdin=None, env=None):
    done = subprocess.run([str(w) for w in words], input=stdin, text=True,
                          capture_output=True, timeout=60,
                          env=dict(os.environ, **(env or {})))
    assert done.returncode == 0, f"{words}\n{done.stdout}{done.stderr}"


def swaks(s, way, subject):
    words = ["swaks", "--server", "127.0.0.1", "--from", USER, "--to", USER,
             "--helo", "client.example.net", "--header", f"Subject: {subject}",
             "--body", BODY, "--silent", "2", "--suppress-data"]
    words += {
        "plain": ["--port", s.port("mx")],
        "starttls": ["--port", s.port("mx"), "--tls"],
        "starttls auth": ["--port", s.port("submission"), "--tls",
                          "--auth", "PLAIN"],
        "starttls login": ["--port", s.port("submission"), "--tls",
                           "--auth", "LOGIN"],
        "tls": ["--port", s.port("relays"), "--tlsc"],
        "tls auth": ["--port", s.port("submissions"), "--tlsc",
                     "--auth", "PLAIN"],
        "tls login": ["--port", s.port("submissions"), "--tlsc",
                      "--auth", "LOGIN"],
    }[way]
    if "auth" in way or "login" in way:
        words += ["--auth-user", USER, "--auth-password", PASSWORD]
    run(*words)


def curl(s, way, subject):
    words = ["curl", "-sS", "--max-time", "30", "--mail-from", USER,
             "--mail-rcpt", USER, "--upload-file", "-", "-k"]
    words += {
        "plain": [f"smtp://127.0.0.1:{s.port('mx')}/client.example.net"],
        "starttls": ["--ssl-reqd",
                     f"smtp://127.0.0.1:{s.port('mx')}/client.example.net"],
        "starttls auth": ["--ssl-reqd", "--user", f"{USER}:{PASSWORD}",
                          f"smtp://127.0.0.1:{s.port('submission')}"],
        "starttls login": ["--ssl-reqd", "--user", f"{USER}:{PASSWORD}",
                           "--login-options", "AUTH=LOGIN",
                           f"smtp://127.0.0.1:{s.port('submission')}"],
        "tls": [f"smtps://127.0.0.1:{s.port('relays')}/client.example.net"],
        "tls auth": ["--user", f"{USER}:{PASSWORD}",
                     "--login-options", "AUTH=PLAIN",
                     f"smtps://127.0.0.1:{s.port('submissions')}"],
        "tls login": ["--user", f"{USER}:{PASSWORD}",
                      "--login-options", "AUTH=LOGIN",
                      f"smtps://127.0.0.1:{s.port('submissions')}"],
    }[way]
    run(*words, stdin=MESSAGE.format(subject=subject).replace("\n", "\r\n"))


def msmtp(s, way, subject):
    port, tls, starttls, auth = {
        "plain": ("mx", "off", "off", "off"),
        "starttls": ("mx", "on", "on", "off"),
        "starttls auth": ("submission", "on", "on", "plain"),
        "starttls login": ("submission", "on", "on", "login"),
        "tls": ("relays", "on", "off", "off"),
        "tls auth": ("submissions", "on", "off", "plain"),
        "tls login": ("submissions", "on", "off", "login"),
    }[way]
    words = ["msmtp", "--file=/dev/null", "--host=127.0.0.1",
             f"--port={s.port(port)}", f"--from={USER}", f"--tls={tls}",
             f"--tls-starttls={starttls}", f"--auth={auth}",
             "--domain=client.example.net"]
    if tls == "on":
        words += ["--tls-certcheck=off"]
    if auth != "off":
        words += [f"--user={USER}", "--passwordeval=printenv TEST_PASSWORD"]
    run(*words, USER, stdin=MESSAGE.format(subject=subject),
        env={"TEST_PASSWORD": PASSWORD})


def smtplib_(s, way, subject):
    port = {"tls": "relays", "tls auth": "submissions",
            "tls login": "submissions", "starttls auth": "submission",
            "starttls login": "submission"}.get(way, "mx")
    context = ssl._create_unverified_context()
    if way.startswith("tls"):
        client = smtplib.SMTP_SSL("127.0.0.1", s.port(port), context=context,
                                  timeout=30)
    else:
        client = smtplib.SMTP("127.0.0.1", s.port(port), timeout=30)
    with client:
        if way.startswith("starttls"):
            client.starttls(context=context)
        if "auth" in way or "login" in way:
            client.ehlo()
            client.user, client.password = USER, PASSWORD
            if "login" in way:
                client.auth("LOGIN", client.auth_login)
            else:
                client.auth("PLAIN", client.auth_plain)
        client.sendmail(USER, [USER], MESSAGE.format(subject=subject))


def s_nail(s, way, subject):
    quoted = USER.replace("@", "%40") + ":" + PASSWORD.replace(" ", "%20")
    url, more = {
        "plain": (f"smtp://127.0.0.1:{s.port('mx')}", ["-Ssmtp-auth=none"]),
        "starttls": (f"smtp://127.0.0.1:{s.port('mx')}",
                     ["-Ssmtp-auth=none", "-Ssmtp-use-starttls"]),
        "starttls auth": (f"smtp://{quoted}@127.0.0.1:{s.port('submission')}",
                          ["-Ssmtp-auth=plain", "-Ssmtp-use-starttls"]),
        "starttls login": (f"smtp://{quoted}@127.0.0.1:{s.port('submission')}",
                           ["-Ssmtp-auth=login", "-Ssmtp-use-starttls"]),
        "tls": (f"smtps://127.0.0.1:{s.port('relays')}",
                ["-Ssmtp-auth=none"]),
        "tls auth": (f"smtps://{quoted}@127.0.0.1:{s.port('submissions')}",
                     ["-Ssmtp-auth=plain"]),
        "tls login": (f"smtps://{quoted}@127.0.0.1:{s.port('submissions')}",
                      ["-Ssmtp-auth=login"]),
    }[way]
    run("s-nail", "-:/", "-Sv15-compat", f"-Smta={url}",
        "-Stls-verify=ignore", f"-Sfrom={USER}",
        "-Ssendwait", "-Shostname=client.example.net", *more,
        "-s", subject, USER, stdin=BODY)


# Without TLS no client may log in (AUTH-1), so that is all there is.
WAYS = ("plain", "starttls", "starttls auth", "starttls login",
        "tls", "tls auth", "tls login")
CLIENTS = (swaks, curl, msmtp, smtplib_, s_nail)


@pytest.mark.ordinary
@pytest.mark.shows("SPL-1", "AUTH-1", "TLS-4")
@pytest.mark.parametrize("client,way", [
    pytest.param(c, w, id=f"{c.__name__.strip('_')}-{w.replace(' ', '-')}")
    for c in CLIENTS for w in WAYS])
def test_client_sends(shared_server, client, way):
    """Each client, each way: the message is in the mailbox, once."""
    s = shared_server
    subject = f"{client.__name__} by {way}"
    client(s, way, subject)

    def arrived():
        return [p for p in s.messages()
                if f"Subject: {subject}\n".encode() in
                p.read_bytes().replace(b"\r\n", b"\n")]

    files = wait_for(arrived)
    assert len(files) == 1, s.log_tail()
    text = files[0].read_bytes().replace(b"\r\n", b"\n")
    assert BODY.encode() in text
    assert text.count(b"\nReceived: ") + text.startswith(b"Received: ") == 1
    protocol = {"plain": b"ESMTP", "starttls": b"ESMTPS",
                "tls": b"ESMTPS"}.get(way, b"ESMTPSA")
    if "tls" in way:
        assert b"(TLSv1." in text
    # Without a login s-nail says HELO.
    if client is not s_nail or "auth" in way or "login" in way:
        assert b"with " + protocol in text.replace(b"\n\t", b" "), text[:800]


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory):
    port = free_port()
    s = Server(tmp_path_factory.mktemp("clients") / "server",
               extra=f"listen relay on 127.0.0.1:{port} from 127.0.0.0/8 "
               "tls implicit\n")
    # TLS from the first octet, and nobody need log in.
    s.ports["relays"] = port
    s.start()
    yield s
    s.end()
