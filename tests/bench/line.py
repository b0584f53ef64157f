"""A line between a server and its sink: each octet takes a while, both ways.

    line.py LISTEN TARGET MILLISECONDS      ports on 127.0.0.1

What was said first arrives first, and nothing waits for an answer, so that a
round trip costs twice the time and a pipeline costs it once.
"""
import asyncio
import socket
import sys


async def carry(reader, writer, delay):
    loop, waiting = asyncio.get_running_loop(), asyncio.Queue()

    async def deliver():
        while True:
            due, octets = await waiting.get()
            await asyncio.sleep(max(0, due - loop.time()))
            if not octets:
                writer.close()
                return
            writer.write(octets)

    task = asyncio.create_task(deliver())
    octets = b"-"
    while octets:
        try:
            octets = await reader.read(1 << 18)
        except OSError:
            octets = b""
        waiting.put_nowait((loop.time() + delay, octets))
    await task


async def main(listen, target, delay):
    async def connected(reader, writer):
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1",
                                                               target)
        for w in (writer, far_writer):
            w.get_extra_info("socket").setsockopt(
                socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.gather(carry(reader, far_writer, delay),
                             carry(far_reader, writer, delay))

    server = await asyncio.start_server(connected, "127.0.0.1", listen)
    print("ready", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]),
                     int(sys.argv[3]) / 1000))
