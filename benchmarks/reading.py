"""The readers of reports, as a process of its own: `python -m benchmarks.reading URL`.

Ten readers ask for an answer once a second each, one after the other, and three pages do what the page's script does:
they follow the stream of changes, and fetch their sections after each event. It reads only when it is told to, and it
does as little as it can: real readers run on other machines, and what these take of the processors, reviews lack.
"""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPResponse
from statistics import median
from types import TracebackType
from typing import Final, Self
from urllib.parse import urlsplit

import msgspec

from benchmarks.usage import cpu_seconds

POLLERS, PAGES, EVERY = 10, 3, 1.0
SECTIONS: Final = "/ui/"
EVENTS: Final = "/api/v1/events"
PART: Final = {"X-Headroom-Part": "sections"}
PATHS: Final = (
    "/api/v1/commitment",
    "/",
    "/api/v1/nodes?sortBy=-memory.requestsRatio&limit=100",
    "/api/v1/namespaces?sortBy=-memory.requests",
    "/api/v1/workloads?sortBy=-memory.requests&limit=100",
    "/api/v1/pods?limit=100",
    "/api/v1/pods?sortBy=-memory.requests&limit=100",
    "/api/v1/pods?node=node-7",
    "/api/v1/pools",
    "/metrics",
)
_TIMEOUT = 60.0  # seconds


class Seen(msgspec.Struct):
    """What the readers got in one turn; `ended` counts answers that failed and streams that the server ended."""

    answers: int = 0
    unchanged: int = 0  # those of `answers` that were 304
    events: int = 0
    sections: int = 0
    ended: int = 0
    milliseconds: list[float] = []  # of each answer

    @property
    def median_ms(self) -> float:
        """The median time to an answer; 0 without any."""
        return median(self.milliseconds) if self.milliseconds else 0.0


class Readers:
    """The process; it waits for a `reading` to begin."""

    def __init__(self, url: str) -> None:
        line = [sys.executable, "-m", "benchmarks.reading", url]
        self._process = subprocess.Popen(
            line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        self.seen = list[Seen]()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()

    def cpu_seconds(self) -> float:
        """Return the processor time that they have taken so far."""
        return cpu_seconds([self._process.pid])

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Let them read during the block; what they saw is the last of `seen` then."""
        self._tell("go")
        try:
            yield
        finally:
            self.seen.append(msgspec.json.decode(self._tell("rest"), type=Seen))

    def _tell(self, word: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline()


class Turn:
    """One turn of all readers, each of them a thread."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._host, self._port = address.hostname or "", address.port or 80
        self.seen, self._lock, self._over = Seen(), threading.Lock(), threading.Event()
        self._streams = list[socket.socket]()
        self._threads = [threading.Thread(target=self._poll, args=[number]) for number in range(POLLERS)]
        self._threads += [threading.Thread(target=self._follow) for _ in range(PAGES)]
        for thread in self._threads:
            thread.start()

    def end(self) -> Seen:
        """Return what they saw once all have left."""
        self._over.set()
        with self._lock:
            for stream in self._streams:
                stream.shutdown(socket.SHUT_RDWR)  # ends its thread's wait for the next event
        for thread in self._threads:
            thread.join()
        return self.seen

    def _poll(self, number: int) -> None:
        tags = dict[str, str]()
        self._over.wait(number * EVERY / POLLERS)
        with closing(self._connection()) as connection:
            while not self._over.is_set():
                path = PATHS[number % len(PATHS)]
                answer = self._get(connection, path, {"If-None-Match": tags[path]} if path in tags else {})
                with self._lock:
                    self.seen.answers += 1
                    self.seen.unchanged += answer.status == 304
                if (tag := answer.headers["ETag"]) is not None:
                    tags[path] = tag
                number += 1
                self._over.wait(EVERY)

    def _follow(self) -> None:
        with closing(self._connection()) as connection, closing(self._stream()) as stream:
            while data := stream.recv(1 << 16):
                events = data.count(b"event: changed")
                if not events or self._over.is_set():
                    continue
                self._get(connection, SECTIONS, PART)
                with self._lock:
                    self.seen.events += events
                    self.seen.sections += 1
        with self._lock:
            self.seen.ended += not self._over.is_set()

    def _stream(self) -> socket.socket:
        made = socket.create_connection((self._host, self._port), _TIMEOUT)
        made.sendall(f"GET {EVENTS} HTTP/1.1\r\nHost: {self._host}\r\n\r\n".encode())
        with self._lock:
            self._streams.append(made)
        return made

    def _connection(self) -> HTTPConnection:
        return HTTPConnection(self._host, self._port, timeout=_TIMEOUT)

    def _get(self, connection: HTTPConnection, path: str, fields: Mapping[str, str]) -> HTTPResponse:
        began = time.monotonic()
        connection.request("GET", path, headers=fields)
        answer = connection.getresponse()
        answer.read()
        took = (time.monotonic() - began) * 1e3
        with self._lock:
            self.seen.milliseconds.append(took)
            self.seen.ended += answer.status not in {200, 304}
        return answer


def main() -> None:
    """Read when standard input says go, until it says rest; print what was seen."""
    turn: Turn | None = None
    for line in sys.stdin:
        seen = turn.end() if turn is not None else Seen()
        turn = Turn(sys.argv[1]) if line.strip() == "go" else None
        print(msgspec.json.encode(seen).decode(), flush=True)


if __name__ == "__main__":
    main()
