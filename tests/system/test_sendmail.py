"""Programs hand mail in through the command that they know as sendmail."""
import os
import resource
import shutil
import subprocess

import pytest

from server import BUILD, wait_for

USER = "user@example.org"
TEXT = ("From: user@example.org\nTo: user@example.org\nBcc: other@example.org\n"
        "Subject: {}\n\na line\n.\n..two\nlast line\n")


@pytest.fixture
def sendmail(server, tmp_path):
    """The command, with -C CONFIGURATION behind it."""
    link = tmp_path / "sendmail"
    link.symlink_to(BUILD / "src" / "posthorse")
    return [str(link), "-C", str(server.conf)]


def found(server, subject, user="user"):
    def look():
        return [text for text in
                (p.read_bytes().replace(b"\r\n", b"\n")
                 for p in server.messages(user))
                if f"Subject: {subject}\n".encode() in text]
    return wait_for(look)


def run(words, text, **how):
    return subprocess.run(words, input=text, text=True, capture_output=True,
                          timeout=60, **how)


@pytest.mark.ordinary
@pytest.mark.shows("PRV-5")
@pytest.mark.parametrize("words", [
    ["-t", "-i"], ["-ti"], ["-t", "-oi", "-f", USER], ["-t", f"-f{USER}"],
    ["-oem", "-oi", "-f", USER, "--", USER], ["-i", USER],
    ["-FName", "-i", "-B8BITMIME", "-oem", "user"],     # as cron does
    ["-bm", "-N", "failure", "-R", "hdrs", "-V", "x1", USER],
    [USER, "-r", USER, "-odb", "-O", "DeliveryMode=b", "-v", "-n", "-U"],
], ids=" ".join)
def test_as_sendmail(server, sendmail, words):
    """The options that programs type: silent, the whole message, no Bcc."""
    subject = "options " + " ".join(words)
    done = run([*sendmail, *words], TEXT.format(subject))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    texts = found(server, subject)
    assert len(texts) == 1, server.log_tail()
    assert texts[0].endswith(b"\n\na line\n.\n..two\nlast line\n")
    if any(w.startswith("-t") for w in words):
        assert b"\nBcc:" not in texts[0]
        assert len(found(server, subject, "other")) == 1
    if "-f" in words or f"-f{USER}" in words or "-r" in words:
        assert texts[0].startswith(f"Return-Path: <{USER}>\n".encode())


@pytest.mark.ordinary
@pytest.mark.shows("PRV-5")
def test_statuses(server, sendmail):
    """What a program reads from the exit status: sysexits.h."""
    text = TEXT.format("status")
    for words, status in ((["nobody@example.org"], 67), ([], 64),
                          (["-f", "a@b@c", USER], 69), (["-bp"], 64)):
        done = run([*sendmail, "-i", *words], text)
        assert done.returncode == status, (words, done)
        assert done.stderr.startswith("posthorse: ")
    server.stop()
    done = run([*sendmail, "-i", USER], text)
    assert done.returncode == 75, done      # EX_TEMPFAIL: keep it, try again


@pytest.mark.ordinary
@pytest.mark.shows("PRV-5")
def test_hostile_caller(server, sendmail):
    """Nothing that a caller can prepare makes it more than a plain client."""
    program = BUILD / "src" / "posthorse"
    assert not program.stat().st_mode & 0o6000
    hostile = {"PATH": "", "IFS": "/", "HOME": "/dev/null", "TZ": "A" * 5000,
               "LANG": "../../x", "MALLOC_ARENA_MAX": "x", "LD_BIND_NOW": "1",
               "POSTHORSE_CONF": "/dev/null", "MAIL_CONFIG": "/dev/null"}
    done = run([*sendmail, "-i", USER], TEXT.format("hostile"), env=hostile)
    assert done.returncode == 0, done
    assert len(found(server, "hostile")) == 1
    for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        done = run(["sh", "-c", f'exec "$@" {closed}', "sh", *sendmail, "-i",
                    USER], TEXT.format(f"closed {closed}"))
        assert 0 <= done.returncode < 80, (closed, done)
    # Its last reply cannot be told: that is no reason to say it was not sent.
    assert len(found(server, "closed >&-")) == 1
    for name in ("RLIMIT_FSIZE", "RLIMIT_NPROC", "RLIMIT_CORE",
                 "RLIMIT_MEMLOCK", "RLIMIT_NOFILE", "RLIMIT_AS"):
        def limit(which=getattr(resource, name)):
            resource.setrlimit(which, (0, 0))
        try:
            done = run([*sendmail, "-i", USER], TEXT.format(name),
                       preexec_fn=limit)
        except subprocess.SubprocessError:
            continue            # it did not even start
        assert done.returncode < 128, (name, done)


@pytest.mark.ordinary
@pytest.mark.shows("PRV-5")
def test_php_mail(server, sendmail):
    """mail() of PHP, with an envelope sender in its fifth argument."""
    if shutil.which("php") is None:
        pytest.skip("php is not installed")
    code = ('exit(mail("user@example.org", "php", "a line\\n.\\nlast line\\n", '
            '"From: user@example.org\\nBcc: other@example.org", '
            '"-fuser@example.org") ? 0 : 1);')
    done = run(["php", "-n", "-d", "sendmail_path=" + " ".join(sendmail) +
                " -t -i", "-r", code], "")
    assert (done.returncode, done.stdout) == (0, ""), done
    texts = found(server, "php")
    assert len(texts) == 1 and b"\na line\n.\nlast line\n" in texts[0]
    assert texts[0].startswith(b"Return-Path: <user@example.org>\n")
    assert len(found(server, "php", "other")) == 1


@pytest.mark.ordinary
@pytest.mark.shows("PRV-5")
@pytest.mark.parametrize("program,words", [
    ("mutt", ["-n", "-F", "{rc}", "-s", "{subject}", "--", USER]),
    ("s-nail", ["-:/", "-Sv15-compat", "-Smta={sendmail}", "-Smta-arguments="
                "-C{conf}", "-Ssendwait", "-Sfrom=" + USER, "-s",
                "{subject}", USER]),
], ids=["mutt", "s-nail"])
def test_mail_program(server, sendmail, tmp_path, program, words):
    """Programs with a setting of that name."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    rc = tmp_path / "muttrc"
    rc.write_text(f'set sendmail="{" ".join(sendmail)} -oem -oi"\n'
                  f'set from="{USER}" use_from=yes envelope_from=yes\n'
                  'set record="" copy=no sendmail_wait=0\n')
    subject = f"{program} hands in"
    words = [w.format(rc=rc, subject=subject, sendmail=sendmail[0],
                      conf=server.conf) for w in words]
    done = run([program, *words], "a line\n.\nlast line\n",
               env=dict(os.environ, HOME=str(tmp_path), TERM="dumb"))
    assert done.returncode == 0, done
    texts = found(server, subject)
    assert len(texts) == 1, (done, server.log_tail())
    assert texts[0].endswith(b"\na line\n.\nlast line\n")
