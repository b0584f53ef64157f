"""Fixtures: a server of one's own, sinks, and what a failed test shows."""
import os
import pathlib
import shutil
import signal
import ssl
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.dirname(__file__))

import sinks
from server import BUILD, IS_ROOT, LONG, VECTORS, Server
from talk import Talk


def pytest_configure():
    """A box of time that closes ends us like Ctrl-C: what was seen is told."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def is_for_the_long_run(item):
    """`kinds` names those that the normal run looks at, of many."""
    mark = item.get_closest_marker("kinds")
    if mark is None or LONG:
        return False
    values = item.callspec.params
    return not any(values.get(name) in mark.args
                   for name in ("both", "kind", "sql"))


def pytest_collection_modifyitems(items):
    items[:] = [item for item in items if not is_for_the_long_run(item)]
    for item in items:
        if item.get_closest_marker("ordinary") is None and not IS_ROOT:
            item.add_marker(pytest.mark.skip("runs as root"))


@pytest.fixture
def make_server(tmp_path, request):
    """make_server(...): Server(...), ended with the test whatever happens."""
    made = []

    def make(name="server", **how):
        server = Server(tmp_path / name, **how)
        made.append(server)
        return server

    yield make
    for server in made:
        server.end()


@pytest.fixture
def server(make_server):
    """One with the ordinary configuration, running."""
    return make_server().start()


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """One server for all the rows that leave it as it was."""
    from test_limits import limited
    made = []

    def make(**how):
        made.append(Server(tmp_path_factory.mktemp("in") / "server", **how))
        return made[-1]

    yield limited(make, "receivers 1\nlimit errors 1000\nlimit errors-soft "
                  "1000\nlimit commands 1000\nlimit auth-per-session 100\n"
                  "limit auth-per-minute 100000\nlimit auth-per-day 100000\n"
                  "limit auth-per-account 100000\nlimit bad-recipients 1000\n"
                  "hold deliveries yes")
    made[0].end()


@pytest.fixture(autouse=True)
def show_log(request, tmp_path):
    yield
    report = getattr(request.node, "report", None)
    if report is not None and report.failed:
        for log in tmp_path.glob("*/log"):
            tail = log.read_text(errors="replace").splitlines()[-30:]
            print(f"--- end of {log}:", *tail, sep="\n")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call":
        item.report = outcome.get_result()


@pytest.fixture
def aio_sink():
    """aio_sink(...): AioSink(...), closed with the test."""
    made = []

    def make(**how):
        made.append(sinks.AioSink(**how))
        return made[-1]

    yield make
    for sink in made:
        sink.close()


@pytest.fixture
def postfix_sink(tmp_path):
    if sinks.postfix_folder() is None:
        pytest.skip("Postfix's smtp-sink cannot be fetched")
    sink = sinks.PostfixSink(tmp_path / "sink")
    yield sink
    sink.close()


@pytest.fixture
def vectors():
    if not VECTORS.is_dir():
        pytest.skip("no ../shared/vectors beside this checkout")
    return VECTORS


def server_tls(folder):
    """A context for a sink, with the certificate of a server's folder."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    return context


@pytest.fixture
def talk():
    """talk(port, ...): Talk(...), closed with the test."""
    made = []

    def make(*where, **how):
        made.append(Talk(*where, **how))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def dns(tmp_path):
    """dns({zone: text}): Dns, closed with the test."""
    from dns_server import Dns, find_knotd
    if find_knotd() is None:
        pytest.skip("knot is not installed")
    made = []

    def make(zones):
        made.append(Dns(tmp_path / f"dns{len(made)}", zones))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def memory():
    """A folder on tmpfs, where there is one, that every role can walk to."""
    shm = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    folder = pathlib.Path(tempfile.mkdtemp(prefix="posthorse-", dir=shm))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
