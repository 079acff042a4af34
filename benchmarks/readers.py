"""Readers: what reviews cost while others read reports of the same replica. `python -m benchmarks.readers`.

Turns with readers (reading.py) and without alternate. In other turns, readers read the same from a stand-in: what that
costs, the machine's processors cost, and not Headroom.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import urllib3

from benchmarks import alone
from benchmarks.feed import Feed
from benchmarks.figures import Chapter, Claim, in_turn
from benchmarks.pace import PACE, measured
from benchmarks.reading import PART, PATHS, SECTIONS, Readers
from benchmarks.rivals import Headroom
from benchmarks.spreads import Spread
from benchmarks.usage import cpu_seconds

PODS, NODES, CLIENTS, TURN_SECONDS = 150_000, 5_000, 16, 2.0
WITH, WITHOUT, ELSEWHERE = "with readers", "without readers", "with readers of a stand-in"
COLUMNS = ("p50_ms", "p99_ms", "per_second", "cpu_us", "answers", "answer_ms", "readers_cpu", "failures", PACE)
CASE = f"{CLIENTS} clients, {PODS:,} pods on {NODES:,} nodes"
AT_REST_MS = 300.0


def main() -> None:
    """Measure."""
    rounds = int(sys.argv[1]) if sys.argv[1:] else 10
    with TemporaryDirectory() as folder:
        chapter = measure(Path(folder), rounds)
    for what in (WITHOUT, WITH, ELSEWHERE):
        print(what, {name: str(chapter.spread(CASE, what, name)) for name in COLUMNS})
    for claim in [*chapter.claims, *claims(chapter)]:
        print(claim)


def measure(work: Path, rounds: int) -> Chapter:
    """Measure so many rounds of turns."""
    chapter = Chapter("Reviews beside readers of reports", COLUMNS)
    with ExitStack() as stack:
        feed = stack.enter_context(Feed(work / "feed", PODS, NODES))
        headroom = stack.enter_context(feed.headroom())
        url = headroom.replicas[0].metrics_url
        _at_rest(url, chapter)
        readers = {
            WITH: stack.enter_context(Readers(url)),
            ELSEWHERE: stack.enter_context(Readers(stack.enter_context(_stand_in(url, work)))),
        }
        for number in range(1, rounds + 1):
            for what in in_turn((WITHOUT, WITH, ELSEWHERE), number):
                _turn(feed, headroom, readers.get(what), number, chapter, what)
                feed.end_turn(headroom)
    return chapter


def _at_rest(url: str, chapter: Chapter) -> None:
    """Measure how long each answer takes while nothing else happens, and claim that it is short."""
    for path in (*PATHS, SECTIONS):
        first = _milliseconds(url, path)
        seen = Spread.of([_milliseconds(url, path) for _ in range(9)])
        chapter.notes.append(f"{path}: {first:.0f} ms at first, {seen} ms later")
        chapter.claims.append(Claim(f"ms to answer {path}", seen, AT_REST_MS))


@contextmanager
def _stand_in(url: str, work: Path) -> Iterator[str]:
    """Run a stand-in that answers what `url` answers now; yield its address."""
    lines = list[str]()
    for number, path in enumerate((*PATHS, SECTIONS)):
        file = work / f"{number}.body"
        file.write_bytes(_got(url, path))
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


def _turn(feed: Feed, headroom: Headroom, readers: Readers | None, number: int, chapter: Chapter, what: str) -> None:
    prefix = f"{number}-{what.replace(' ', '-')}-"
    before = 0.0 if readers is None else readers.cpu_seconds()
    began = time.monotonic()
    with measured() as pace, readers.reading() if readers is not None else nullcontext():
        spent = cpu_seconds(headroom.pids)
        seen = alone.replay(headroom, feed.files, CLIENTS, prefix, tell=feed.url, seconds=TURN_SECONDS)
        spent = cpu_seconds(headroom.pids) - spent
    figures = pace.figures | seen.figures("allowed")
    figures["cpu_us"] = spent / (seen.answers + alone.WARM * CLIENTS) * 1e6
    if readers is not None:
        passed, read = time.monotonic() - began, readers.seen[-1]
        figures |= {
            "answers": (read.answers + read.sections) / passed,
            "answer_ms": read.median_ms,
            "readers_cpu": (readers.cpu_seconds() - before) / passed,
        }
        figures["failures"] += read.ended
    chapter.add(CASE, what, number, figures)


def _milliseconds(url: str, path: str) -> float:
    began = time.perf_counter()
    _got(url, path)
    return (time.perf_counter() - began) * 1e3


def _got(url: str, path: str) -> bytes:
    answer = urllib3.request("GET", url + path, headers=PART, retries=False, timeout=60.0)
    assert answer.status == 200, answer.data
    return answer.data


def claims(chapter: Chapter) -> list[Claim]:
    """Return what Headroom promises about reviews beside readers."""
    made = [Claim("failures in all rounds, of reviews and of readers", Spread.of([chapter.total("failures")]), 0)]
    for over, text in ((WITHOUT, "those without readers"), (ELSEWHERE, "those with readers of a stand-in")):
        p99, rate = (chapter.ratio(CASE, WITH, over, figure) for figure in ("p99_ms", "per_second"))
        made.append(Claim(f"p99 of reviews with readers over {text}", p99, 1.2))
        made.append(Claim(f"reviews/s with readers over {text}", rate, 0.97, least=True))
    return made


if __name__ == "__main__":
    main()
