"""Programs that nobody here wrote send mail: plain, STARTTLS, TLS, AUTH."""
import json
import os
import shutil
import smtplib
import ssl
import subprocess

import pytest

from server import PASSWORD, Server, free_port, wait_for

BODY = "a line\n.a dot first\nlast line\n"
MESSAGE = ("From: user@example.org\nTo: user@example.org\n"
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
        "starttls scram": ("submission", "on", "on", "scram-sha-256"),
        "tls scram": ("submissions", "on", "off", "scram-sha-256"),
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


SEND = """
const t = require("nodemailer").createTransport({...JSON.parse(
    process.env.TEST_OPTIONS), tls: {rejectUnauthorized: false}});
t.sendMail(JSON.parse(process.env.TEST_MAIL)).then(() => t.close(), (e) => {
    console.error(e.message); process.exit(1); });
"""


def nodemailer(s, port, is_implicit, auth=None, more=None, subject="node"):
    options = {"host": "127.0.0.1", "port": s.port(port),
               "secure": is_implicit, "name": "client.example.net",
               **(more or {}), **({"auth": auth} if auth else {})}
    mail = {"from": USER, "to": USER, "subject": subject, "text": BODY}
    return subprocess.run(
        ["node", "-e", SEND], capture_output=True, text=True, timeout=60,
        env=dict(os.environ, NODE_PATH="/usr/share/nodejs",
                 TEST_OPTIONS=json.dumps(options),
                 TEST_MAIL=json.dumps(mail)))


def nodemailer_(s, way, subject):
    port = {"plain": "mx", "starttls": "mx", "tls": "relays",
            "starttls auth": "submission", "starttls login": "submission",
            "tls auth": "submissions", "tls login": "submissions"}[way]
    auth = {"user": USER, "pass": PASSWORD} if " " in way else None
    method = {"auth": "PLAIN", "login": "LOGIN"}.get(way.split()[-1])
    done = nodemailer(s, port, way.startswith("tls"), auth, {
        "ignoreTLS": way == "plain", "requireTLS": "starttls" in way,
        **({"authMethod": method} if method else {})}, subject)
    assert done.returncode == 0, done.stdout + done.stderr


PERL = r"""
use Net::SMTP; use Authen::SASL; use IO::Socket::SSL;
my ($port, $tls, $mechanism, $user, $password) = @ARGV;
my @how = (SSL_verify_mode => 0);
my $s = Net::SMTP->new("127.0.0.1", Port => $port, Timeout => 30,
    Hello => "client.example.net", SSL => $tls eq "tls", @how)
    or die "connect: $@";
$s->starttls(@how) or die "STARTTLS: " . $s->message if $tls eq "starttls";
if ($mechanism) {
    my $sasl = Authen::SASL->new(mechanism => $mechanism, callback =>
        { user => $user, authname => "", pass => $password });
    $s->auth($sasl) or die "AUTH: " . $s->message;
}
$s->mail($user) && $s->to($user) && $s->data(<STDIN>) && $s->quit
    or die $s->message;
"""


def net_smtp(s, way, subject):
    port, tls, mechanism = {
        "plain": ("mx", "", ""), "starttls": ("mx", "starttls", ""),
        "starttls auth": ("submission", "starttls", "PLAIN"),
        "starttls login": ("submission", "starttls", "LOGIN"),
        "tls": ("relays", "tls", ""),
        "tls auth": ("submissions", "tls", "PLAIN"),
        "tls login": ("submissions", "tls", "LOGIN"),
    }[way]
    run("perl", "-e", PERL, s.port(port), tls, mechanism, USER, PASSWORD,
        stdin=MESSAGE.format(subject=subject))


MUTTRC = """\
set from="{user}" use_from=yes envelope_from=yes hostname=client.example.net
set record="" copy=no sendmail_wait=0 ssl_force_tls=no ssl_use_sslv3=no
set ssl_ca_certificates_file="{folder}/cert.pem"
set certificate_file="{folder}/accepted"
"""


def mutt(s, way, subject):
    port, scheme, starttls, mechanism = {
        "plain": ("mx", "smtp", "no", ""),
        "starttls": ("mx", "smtp", "yes", ""),
        "starttls auth": ("submission", "smtp", "yes", "plain"),
        "starttls login": ("submission", "smtp", "yes", "login"),
        "tls": ("relays", "smtps", "no", ""),
        "tls auth": ("submissions", "smtps", "no", "plain"),
        "tls login": ("submissions", "smtps", "no", "login"),
        "starttls scram": ("submission", "smtp", "yes", "scram-sha-256"),
        "tls scram": ("submissions", "smtps", "no", "scram-sha-256"),
    }[way]
    who = USER.replace("@", "%40") + "@" if mechanism else ""
    text = MUTTRC.format(user=USER, folder=s.folder) + (
        f'set smtp_url="{scheme}://{who}127.0.0.1:{s.port(port)}/"\n'
        f'set ssl_starttls={starttls}\n')
    if mechanism:
        text += f'set smtp_authenticators="{mechanism}" ' \
            f'smtp_pass="{PASSWORD}"\n'
    rc = s.folder / "muttrc"
    rc.write_text(text)
    run("mutt", "-n", "-F", rc, "-s", subject, "--", USER, stdin=BODY,
        env={"HOME": str(s.folder), "TERM": "dumb"})


# Without TLS no client may log in (AUTH-1), so that is all there is.
WAYS = ("plain", "starttls", "starttls auth", "starttls login",
        "tls", "tls auth", "tls login")
CLIENTS = (swaks, curl, msmtp, smtplib_, s_nail, mutt, net_smtp,
           nodemailer_)
# The others speak PLAIN and LOGIN only.
SCRAM = ((msmtp, "starttls scram"), (msmtp, "tls scram"),
         (mutt, "starttls scram"), (mutt, "tls scram"))
ROWS = [(c, w) for c in CLIENTS for w in WAYS] + list(SCRAM)
# Where a program is when it is there.
WHERE = {"smtplib_": "python3", "s_nail": "s-nail", "net_smtp": "perl",
         "nodemailer_": "/usr/share/nodejs/nodemailer"}


def needs(name):
    where = WHERE.get(name, name)
    if shutil.which(where) is None and not os.path.isdir(where):
        pytest.skip(f"{name} is not installed")


@pytest.mark.ordinary
@pytest.mark.shows("SPL-1", "AUTH-1", "TLS-4")
@pytest.mark.parametrize("client,way", [
    pytest.param(c, w, id=f"{c.__name__.strip('_')}-{w.replace(' ', '-')}")
    for c, w in ROWS])
def test_client_sends(shared_server, client, way):
    """Each client, each way: the message is in the mailbox, once."""
    s = shared_server
    needs(client.__name__)
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
    # Without a login s-nail says HELO, and so does mutt without TLS.
    says_helo = (client is s_nail and way in ("plain", "starttls", "tls")) or \
        (client is mutt and way == "plain")
    if not says_helo:
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
