"""Messages of every awkward shape, the same ones each time."""
import random

from server import VECTORS

HEADER = (b"From: A <a@example.net>\r\nTo: user@example.org\r\n"
          b"Subject: %s\r\nDate: Mon, 02 Nov 2026 10:00:00 +0000\r\n"
          b"Message-ID: <%d@example.net>\r\n")


def canonical(octets):
    """As it will be stored: CRLF lines, the last one ended."""
    octets = octets.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    if octets and not octets.endswith(b"\r\n"):
        octets += b"\r\n"
    return octets


def dots(r):
    return b"\r\n".join(r.choice([b".", b"..", b"...", b".a", b"a.", b"", b". "])
                        for _ in range(r.randrange(1, 60)))


def eight_bit(r):
    octets = bytes(c for c in range(1, 256) if c not in (10, 13))
    return b"\r\n".join(bytes(r.choices(octets, k=r.randrange(0, 200)))
                        for _ in range(r.randrange(1, 20)))


def long_line(r):
    return b"x" * r.choice([997, 998, 999, 1000, 2048, 4096, 16384, 65000])


def lines(r):
    return b"\r\n".join(b"line %d " % i + b"y" * r.randrange(0, 70)
                        for i in range(r.randrange(0, 400)))


def utf8(r):
    return "\r\n".join("".join(chr(r.randrange(0xa1, 0x2fff))
                               for _ in range(40))
                       for _ in range(10)).encode()




BODIES = (dots, eight_bit, long_line, lines, utf8)
ENDS = (b"", b"\r\n", b"\r\n\r\n", b"\r\n.", b"\r\n..\r\n", b"\r\n.\r")


def generated(count=500):
    """(name, content as the client has it), count of them and a few more."""
    r = random.Random(20261123)
    for i in range(count):
        body = BODIES[i % len(BODIES)]
        head = HEADER % (b"no. %d" % i, i)
        if i % 11 == 0:
            head += b"X-Folded: a\r\n\tb\r\n " + b"c" * r.randrange(1, 900) \
                + b"\r\n"
        end = ENDS[i % 5]
        yield f"{body.__name__} {i}", head + b"\r\n" + body(r) + end
    yield "empty", b""
    yield "one empty line", b"\r\n"
    yield "header only", HEADER % (b"header only", 1)
    yield "header and empty line", HEADER % (b"empty body", 2) + b"\r\n"
    yield "no header", b"\r\nbody\r\n"
    yield "no final line end", HEADER % (b"no end", 3) + b"\r\nlast words"
    yield "one dot", b".\r\n"
    yield "many dots", b".\r\n" * 1000
    yield "at the line limit", HEADER % (b"line", 4) + b"\r\n" \
        + b"z" * 65534 + b"\r\n"
    for size in (255 * 1024, 256 * 1024, 257 * 1024, 1 << 20):
        yield f"{size} octets", sized(size)


def sized(size):
    """Close to so many octets, each line different."""
    head = HEADER % (b"%d octets" % size, size) + b"\r\n"
    out, length, i = [head], len(head), 0
    while length < size:
        line = b"%08d." % i + b"abcdefghijklmnopqrstuvwxyz" * 2 + b"\r\n"
        out.append(line)
        length += len(line)
        i += 1
    return b"".join(out)


def collected(kinds=("messages", "bounces")):
    """Real messages that others collected; (name, content)."""
    for kind in kinds:
        for path in sorted((VECTORS / kind).rglob("*.eml")):
            yield f"{kind}/{path.name}", path.read_bytes()
