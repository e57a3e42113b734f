"""A mail server that takes everything, in a process of its own; at the end it says how often it took each Message-ID.

Prints its port, and when its input ends the counts and one whole mail as JSON.
"""

import asyncio
import json
import sys
from collections import Counter

taken: Counter[str] = Counter()
sample = b""


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"220 sink\r\n")
    try:
        while line := await reader.readline():
            command = line[:4].upper()
            if command == b"DATA":
                writer.write(b"354 go on\r\n")
                take(await reader.readuntil(b"\r\n.\r\n"))
            writer.write(b"221 bye\r\n" if command == b"QUIT" else b"250 ok\r\n")
            if command == b"QUIT":
                break
        await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


def take(mail: bytes) -> None:
    global sample
    start = mail.index(b"Message-ID: ") + len(b"Message-ID: ")
    taken[mail[start : mail.index(b"\r\n", start)].decode().strip()] += 1
    sample = sample or mail


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=2**22)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    print(json.dumps({"taken": taken, "sample": sample.decode("latin-1")}), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
