"""Sessions that send all the time and remember what was acknowledged."""
import os
import threading
import time

from talk import Reply, Talk, message_id


class Load:
    """
    sessions threads send small messages to one user, each on a connection
    that is made again when it breaks.  acked: mark -> (id, time of the 250);
    unsure: marks whose connection broke behind the content.
    """

    def __init__(self, port, sessions=8, pause=0.0, to="user@example.org",
                 size=200, tag="L", patience=60):
        self.patience = patience
        self.port, self.pause, self.to, self.tag = port, pause, to, tag
        self.filler = b"filler line\r\n" * (size // 13 + 1)
        self.acked, self.unsure, self.refused = {}, set(), 0
        self.is_over = threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._session, args=(n,),
                                         daemon=True)
                        for n in range(sessions)]

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *why):
        self.stop()

    def stop(self):
        self.is_over.set()
        for t in self.threads:
            t.join(70)

    def _session(self, n):
        number, talk = 0, None
        while not self.is_over.is_set():
            mark = f"{self.tag}{n}x{number}"
            number += 1
            try:
                if talk is None:
                    talk = Talk(self.port, timeout=self.patience)
                    talk.hello()
                text = talk.mail(
                    b"Subject: %s\r\n\r\n" % mark.encode() + self.filler,
                    sender=f"{mark}@example.net", to=self.to)
                with self.lock:
                    self.acked[mark] = (message_id(text), time.monotonic())
            except Reply:
                with self.lock:
                    self.refused += 1
                talk.close()
                talk = None
                time.sleep(0.02)
            except (OSError, ConnectionError, ValueError):
                with self.lock:
                    self.unsure.add(mark)
                if talk is not None:
                    talk.close()
                talk = None
                time.sleep(0.02)
            if self.pause:
                time.sleep(self.pause)
        if talk is not None:
            talk.close()


def mark_of(path):
    """From Return-Path; None: the file has gone."""
    try:
        with open(path, "rb") as f:
            head = f.read(300)
    except FileNotFoundError:
        return None
    return head.split(b"<", 1)[1].split(b"@", 1)[0].decode()


def marks_in(files):
    """Mark -> how many copies, from Return-Path of delivered files."""
    found = {}
    for path in files:
        mark = mark_of(path)
        if mark is not None:
            found[mark] = found.get(mark, 0) + 1
    return found


class Marks:
    """The same of a growing mailbox: a file in new/ is read once."""

    def __init__(self, folder):
        self.folder, self.seen, self.found = folder, set(), {}

    def look(self):
        names = set(os.listdir(self.folder)) if self.folder.is_dir() else set()
        for name in names - self.seen:
            mark = mark_of(self.folder / name)
            if mark is not None:
                self.found[mark] = self.found.get(mark, 0) + 1
        self.seen |= names
        return self.found
