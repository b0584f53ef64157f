"""PAM: the one process whose helpers may gain rights."""
import os
import shutil

import pytest

from outside import ID, Pam
from server import wait_for
from test_backends import Both
from test_profiles import status


class Helper(Pam):
    """Its check runs a setuid program, which tells who it is."""

    def __init__(self, folder):
        super().__init__(folder)
        shutil.copy("/usr/bin/python3", self.folder / "python")
        (self.folder / "python").chmod(0o4755)
        (self.folder / "said").touch()
        (self.folder / "said").chmod(0o666)
        self.script("check", "cat >/dev/null\n"
                    f"exec {self.folder}/python -I -c 'import os, re; "
                    f"open(\"{self.folder}/said\", \"w\").write(\"%d %d %s\" "
                    "% (os.getuid(), os.geteuid(), re.search(\"CapEff:\\t(.*)"
                    "\", open(\"/proc/self/status\").read())[1]))'")


@pytest.mark.shows("PRV-1")
def test_helper(tmp_path):
    """A setuid helper has root's id and none of its capabilities; every other
    process has no_new_privs and its list of calls."""
    both = Both(tmp_path, "pam", made=Helper)
    try:
        assert both.code() == 235
        said = (both.outside.folder / "said").read_text().split()
        assert said == [str(ID), "0", "0" * 16], both.log()
        for role, pids in both.server.roles().items():
            for pid in pids:
                s = status(pid)
                is_pam = role == "backend-pam"
                assert s["NoNewPrivs"] == str(int(not is_pam)), role
                assert int(s["CapEff"], 16) == int(s["CapPrm"], 16) == 0
                # The supervisor's list of what is denied holds for it, too.
                assert s["Seccomp"] == "2", role
                if is_pam:
                    assert s["Uid"].split() == [str(ID)] * 4
                    assert s["Groups"] == "" and int(s["CapBnd"], 16) == 0
        assert status(both.server.process.pid)["Seccomp"] == "2"
    finally:
        both.close()


@pytest.mark.shows("AUTH-5", "OPS-6")
def test_never_answers(tmp_path):
    """One that hangs for ever is ended with its process, and replaced."""
    both = Both(tmp_path, "pam")
    try:
        pid = both.pid()
        both.outside.still()
        assert both.code() == 454
        assert wait_for(lambda: not os.path.exists(f"/proc/{pid}"), 60)
        both.outside.back()
        assert wait_for(lambda: both.code() == 235, 20)
        assert "backend-stuck backend=outside" in \
            both.server.log.read_text(errors="replace")
    finally:
        both.close()


@pytest.mark.shows("AUTH-3")
def test_another_user(tmp_path):
    """A module that makes another user of this one makes nobody of it."""
    class Another(Pam):
        def __init__(self, folder):
            super().__init__(folder)
            self.pam.write_text("auth required pam_permit.so\n"
                                "account required pam_deny.so\n")

    both = Both(tmp_path, "pam", made=Another)
    try:
        assert both.code() == 535		# the account may not
    finally:
        both.close()
