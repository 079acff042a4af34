"""`python -m tests.stress.flood`: peers of one replica that send one request and idle, or never finish a body.

A peer that is cut off connects again after a while. The program prints `flooding` once all peers have connected. When
its standard input ends, it prints how often peers of each kind came and were cut off.
"""

import argparse
import asyncio
import json
import os
import ssl
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

IDLE, SLOW = "idle", "slow"
BODY = 4 << 20  # bytes that a slow peer announces
SENT = 262_144  # bytes that it sends at once; after that it sends byte by byte
AGAIN_SECONDS = 10.0  # after which a peer that was cut off connects again
COME_SECONDS = 60.0  # for all peers to have connected once
AT_ONCE = 50  # handshakes at the same time
ASK = b"GET /healthz HTTP/1.1\r\nHost: flood\r\n\r\n"
BEGIN = b"POST /validate HTTP/1.1\r\nHost: flood\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % BODY


class Flood:
    """The program's process."""

    def __init__(self, port: int, idle: int, slow: int) -> None:
        line = [sys.executable, "-m", "tests.stress.flood", str(port), str(idle), str(slow)]
        self._process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        return self

    def await_all(self) -> None:
        """Wait until every peer has connected."""
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "flooding\n":
            raise RuntimeError("the flood could not be raised")

    def end(self) -> Counter[str]:
        """End the program; return how often peers came and were cut off."""
        said, _ = self._process.communicate("", timeout=30)
        return Counter(json.loads(said))

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.communicate()


class _Peers:
    def __init__(self, port: int) -> None:
        self._port = port
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.check_hostname, self._context.verify_mode = False, ssl.CERT_NONE
        self._places = asyncio.Semaphore(AT_ONCE)
        self.seen: Counter[str] = Counter()

    async def peer(self, kind: str, come: Callable[[], object]) -> None:
        """Connect again and again."""
        behave = self._idle if kind == IDLE else self._slow
        while True:
            with suppress(OSError, asyncio.IncompleteReadError):
                async with self._places:
                    reader, writer = await asyncio.open_connection("127.0.0.1", self._port, ssl=self._context)
                try:
                    self.seen[f"{kind} came"] += 1
                    await behave(reader, writer, come)
                finally:
                    writer.transport.abort()
            self.seen[f"{kind} cut off"] += 1
            come()
            await asyncio.sleep(AGAIN_SECONDS)

    async def _idle(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, come: Callable[[], object]
    ) -> None:
        writer.write(ASK)
        await reader.readuntil(b"\r\n\r\n")
        come()
        await reader.read()

    async def _slow(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, come: Callable[[], object]
    ) -> None:
        writer.write(BEGIN + b" " * SENT)
        await writer.drain()
        come()
        while not reader.at_eof():
            writer.write(b" ")
            with suppress(TimeoutError):
                await asyncio.wait_for(reader.read(1 << 16), 1.0)


async def _flood(port: int, idle: int, slow: int) -> None:
    peers, running = _Peers(port), list[asyncio.Task[None]]()  # keeps references: the loop does not
    coming: list[Awaitable[bool]] = []
    for kind in (IDLE,) * idle + (SLOW,) * slow:
        came = asyncio.Event()
        coming.append(came.wait())
        running.append(asyncio.create_task(peers.peer(kind, came.set)))
    await asyncio.wait_for(asyncio.gather(*coming), COME_SECONDS)
    print("flooding", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    print(json.dumps(peers.seen), flush=True)
    os._exit(0)  # closing thousands of connections would take longer than everything else


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    for name in ("port", IDLE, SLOW):
        parser.add_argument(name, type=int)
    asked = parser.parse_args()
    asyncio.run(_flood(asked.port, asked.idle, asked.slow))
