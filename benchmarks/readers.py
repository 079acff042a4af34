"""Readers: what reviews cost while others read reports of the same replica. `python -m benchmarks.readers`.

Ten readers ask for a page once a second each, and three follow the stream of changes, as pages and terminals do. Turns
with and without them alternate; the readers are a process of their own, which waits in the turns without them. In other
turns such a process reads the same from a stand-in: what that costs, the machine's processors cost, and not Headroom.
"""

import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

import urllib3

from benchmarks import alone
from benchmarks.feed import Feed
from benchmarks.figures import Chapter, Claim, in_turn
from benchmarks.pace import PACE, measured
from benchmarks.rivals import Headroom
from benchmarks.spreads import Spread
from benchmarks.usage import cpu_seconds

PODS, NODES, CLIENTS, TURN_SECONDS = 150_000, 5_000, 16, 2.0
READERS, STREAMS, EVERY = 10, 3, 1.0
WITH, WITHOUT, ELSEWHERE = "with readers", "without readers", "with readers of a stand-in"
COLUMNS = ("p50_ms", "p99_ms", "per_second", "cpu_us", "failures", PACE)
PATHS = (
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
CASE = f"{CLIENTS} clients, {PODS:,} pods on {NODES:,} nodes"


def main() -> None:
    """Measure, or be the readers."""
    if sys.argv[1:2] == ["read"]:
        read(sys.argv[2])
        return
    rounds = int(sys.argv[1]) if sys.argv[1:] else 10
    with TemporaryDirectory() as folder:
        chapter = measure(Path(folder), rounds)
    for what in (WITHOUT, WITH, ELSEWHERE):
        print(what, {name: str(chapter.spread(CASE, what, name)) for name in COLUMNS})
    for claim in claims(chapter):
        print(claim)


def measure(work: Path, rounds: int) -> Chapter:
    """Measure so many pairs of turns."""
    chapter = Chapter("Reviews beside readers of reports", COLUMNS)
    with ExitStack() as stack:
        feed = stack.enter_context(Feed(work / "feed", PODS, NODES))
        headroom = stack.enter_context(feed.headroom())
        url = headroom.replicas[0].metrics_url
        for path in PATHS:
            print(f"{path}: {_first(url, path):.0f} ms at first, {_median(url, path):.1f} ms at the median")
        readers = {
            WITH: stack.enter_context(Readers(url)),
            ELSEWHERE: stack.enter_context(Readers(stack.enter_context(_stand_in(url, work)))),
        }
        for number in range(1, rounds + 1):
            for what in in_turn((WITHOUT, WITH, ELSEWHERE), number):
                with readers[what].reading() if what in readers else nullcontext():
                    _turn(feed, headroom, what, number, chapter)
                feed.end_turn(headroom)
        for what, each in readers.items():
            print(f"{what}: they saw {each.tell('rest')}")
    return chapter


@contextmanager
def _stand_in(url: str, work: Path) -> Iterator[str]:
    """Run a stand-in that answers what `url` answers now; yield its address."""
    lines = list[str]()
    for number, path in enumerate(PATHS):
        file = work / f"{number}.body"
        file.write_bytes(urllib3.request("GET", url + path, retries=False, timeout=60.0).data)
        lines.append(f"{path} {file}\n")
    line = [sys.executable, "-m", "benchmarks.stand_in"]
    process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("".join(lines) + "\n")
        process.stdin.flush()
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def _turn(feed: Feed, headroom: Headroom, what: str, number: int, chapter: Chapter) -> None:
    prefix = f"{number}-{what.replace(' ', '-')}-"
    with measured() as pace:
        before = cpu_seconds(headroom.pids)
        seen = alone.replay(headroom, feed.files, CLIENTS, prefix, tell=feed.url, seconds=TURN_SECONDS)
        spent = cpu_seconds(headroom.pids) - before
    figures = {"cpu_us": spent / (seen.answers + alone.WARM * CLIENTS) * 1e6}
    chapter.add(CASE, what, number, pace.figures | seen.figures("allowed") | figures)


def _first(url: str, path: str) -> float:
    began = time.perf_counter()
    answer = urllib3.request("GET", url + path, retries=False, timeout=60.0)
    assert answer.status == 200, answer.data
    return (time.perf_counter() - began) * 1e3


def _median(url: str, path: str) -> float:
    return sorted(_first(url, path) for _ in range(9))[4]


def claims(chapter: Chapter) -> list[Claim]:
    """Return what Headroom promises about readers."""
    return [
        Claim("failures in all rounds", Spread.of([chapter.total("failures")]), 0),
        Claim("p99 with readers over p99 without", chapter.ratio(CASE, WITH, WITHOUT, "p99_ms"), 1.2),
        Claim("reviews/s with over without", chapter.ratio(CASE, WITH, WITHOUT, "per_second"), 0.97, least=True),
        Claim("p99 with readers over with those of a stand-in", chapter.ratio(CASE, WITH, ELSEWHERE, "p99_ms"), 1.2),
        Claim(
            "reviews/s with over with those of a stand-in",
            chapter.ratio(CASE, WITH, ELSEWHERE, "per_second"),
            0.97,
            least=True,
        ),
    ]


class Readers:
    """The readers as a process of their own, which does nothing outside of `reading`."""

    def __init__(self, url: str) -> None:
        line = [sys.executable, "-m", "benchmarks.readers", "read", url]
        self._process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()

    @contextmanager
    def reading(self) -> Iterator[None]:
        """Let them read during the block."""
        self.tell("go")
        try:
            yield
        finally:
            self.tell("rest")

    def tell(self, word: str) -> str:
        """Send a command; return what they say once they have carried it out."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().strip()


class Turn:
    """One turn of all readers."""

    def __init__(self, url: str, seen: Counter[str]) -> None:
        self._url, self._seen, self._over, self._lock = url, seen, threading.Event(), threading.Lock()
        self._streams: list[urllib3.BaseHTTPResponse] = []
        self._threads = [threading.Thread(target=self._poll, args=[number]) for number in range(READERS)]
        self._threads += [threading.Thread(target=self._follow) for _ in range(STREAMS)]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """Return once all have left."""
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _poll(self, number: int) -> None:
        with urllib3.PoolManager() as pool:
            tags = dict[str, str]()
            while not self._over.is_set():
                path = PATHS[number % len(PATHS)]
                given = {"If-None-Match": tags[path]} if path in tags else {}
                answer = pool.request("GET", self._url + path, headers=given, retries=False, timeout=60.0)
                tags |= {path: answer.headers["ETag"]} if "ETag" in answer.headers else {}
                self._count(f"{answer.status}")
                number += 1
                self._over.wait(EVERY)

    def _follow(self) -> None:
        url = f"{self._url}/api/v1/events"
        answer = urllib3.request("GET", url, preload_content=False, retries=False, timeout=0.5)
        while not self._over.is_set():
            try:
                if b"event: changed" in answer.read1(65536):
                    self._count("events")
            except urllib3.exceptions.ReadTimeoutError:
                continue
        answer.close()

    def _count(self, what: str) -> None:
        with self._lock:
            self._seen[what] += 1


def read(url: str) -> None:
    """Be the readers: read when standard input says go, until it says rest."""
    seen, turn = Counter[str](), None
    for line in sys.stdin:
        if turn is not None:
            turn.end()
            turn = None
        if line.strip() == "go":
            turn = Turn(url, seen)
        print(json.dumps(seen), flush=True)


if __name__ == "__main__":
    main()
