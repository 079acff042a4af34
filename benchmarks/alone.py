"""Alone: recorded reviews sent directly to one server process over TLS, with kept-alive connections."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import NamedTuple

from benchmarks import load, rivals
from benchmarks.feed import Feed
from benchmarks.figures import Chapter, Claim, in_turn
from benchmarks.pace import PACE, measured
from benchmarks.rivals import Files, Headroom, Rival
from benchmarks.spreads import Ratio, Spread, smallest
from benchmarks.stage import taking_turn
from benchmarks.usage import cpu_seconds

GO, BYTES, FLASK = "go", "bytes", "flask"
HEADROOM, WATCHING = "headroom", "headroom-watching"
CLAIMED = (HEADROOM, WATCHING, BYTES)
THREADS = (4, 8, 16)
COLUMNS = ("per_second", "p50_ms", "p99_ms", "cpu_us", "per_cpu_second", "load_cpu_us", "failures", PACE)
NODES = 500
TURN_SECONDS = 0.5
CALM_ROUNDS = 6
SECONDS = 195.0
PATH = "/validate?timeout=5s"
WARM = 10  # reviews by each client before the measurement starts
NOTES = (
    f"{HEADROOM} judges, reserves and books for each review as ever; its watch shows it those pods after its turn",
    f"{WATCHING} is the same process; its watch shows it each pod within 20 ms",
    "before the next turn, their watch shows both of them that all those pods are gone",
    "all others answer without a look at more than the uid",
)


def case(clients: int) -> str:
    """Return the heading of a table."""
    return f"{clients} client{'s' if clients > 1 else ''}"


class Entry(NamedTuple):
    """One rival that takes part; its watch shows the pods that it admitted, as in a cluster, or later."""

    name: str
    rival: Rival
    tells: bool = False


def measure(work: Path, rounds: Mapping[int, int], say: Callable[[str], None]) -> Chapter:
    """Measure all servers; `rounds` says how many rounds there are for each number of clients."""
    chapter = Chapter("Reviews sent straight to one process, over TLS", COLUMNS, notes=list(NOTES))
    with ExitStack() as stack:
        feed = stack.enter_context(Feed(work / "feed", 0, NODES))
        headroom = stack.enter_context(feed.headroom(HEADROOM))
        headroom.pause()
        entries = [Entry(HEADROOM, headroom), Entry(WATCHING, headroom, tells=True)]
        for server in _servers(feed.files):
            stack.callback(server.stop)
            server.start()
            server.pause()
            entries.append(Entry(server.name, server))
        for number, clients in in_rounds(chapter, rounds):
            say(f"one process alone, round {number}")
            for many in clients:
                for entry in in_turn(entries, number):
                    _turn(entry, feed, many, number, chapter)
    return chapter


def in_rounds(chapter: Chapter, wanted: Mapping[int, int]) -> Iterator[tuple[int, Sequence[int]]]:
    """Yield the number of each round, with the numbers of clients to measure in it.

    After the wanted rounds come more rounds with the most clients, while too few rounds were calm and there is time.
    """
    end, most = time.monotonic() + SECONDS, max(wanted)
    for number in count(1):
        clients = [many for many, rounds in wanted.items() if number <= rounds]
        if not clients and (_calm_rounds(chapter, most) >= CALM_ROUNDS or time.monotonic() > end):
            return
        yield number, clients or [most]


def _calm_rounds(chapter: Chapter, clients: int) -> int:
    """Return the smallest number of calm rounds behind any of the claimed ratios."""
    pairs = ((name, _gthread(threads)) for name in CLAIMED for threads in THREADS)
    return min(len(chapter.calm(case(clients), *pair)) for pair in pairs)


def replay(rival: Rival, files: Files, clients: int, prefix: str, *, tell: str = "", seconds: float) -> load.Measured:
    """Send reviews of pods whose names are the prefix and a number from 1 on."""
    return load.run(
        "replay",
        {
            "url": (rival.url or "") + PATH,
            "ca-file": files.ca_file,
            "review": load.DATA / "review.json",
            "clients": clients,
            "seconds": seconds,
            "warm": WARM,
            "prefix": prefix,
            "tell": tell,
        },
    )


def _turn(entry: Entry, feed: Feed, clients: int, number: int, chapter: Chapter) -> None:
    rival, tell = entry.rival, feed.url if entry.tells else ""
    prefix = f"{number}-{clients}-{'told' if entry.tells else 'alone'}-"
    with taking_turn(rival):
        with measured() as pace:
            before = cpu_seconds(rival.pids)
            seen = replay(rival, feed.files, clients, prefix, tell=tell, seconds=TURN_SECONDS)
            spent = cpu_seconds(rival.pids) - before
        answers = seen.answers + WARM * clients
        if isinstance(rival, Headroom):
            if not entry.tells:
                feed.show([f"{prefix}{index}" for index in range(1, answers + 1)])
            feed.end_turn(rival)
    figures = (
        pace.figures | seen.figures("allowed") | {"cpu_us": spent / answers * 1e6, "per_cpu_second": answers / spent}
    )
    figures["load_cpu_us"] = seen.cpu_seconds / seen.answers * 1e6
    chapter.add(case(clients), entry.name, number, figures)


def _servers(files: Files) -> list[rivals.Server]:
    gthreads = [rivals.python_webhook(_gthread(n), "flask-gthread", files, n) for n in THREADS]
    ours = [rivals.python_webhook(name, name, files) for name in (BYTES, FLASK)]
    return [rivals.go_nothing(files), *ours, *gthreads]


def _gthread(threads: int) -> str:
    return f"flask-gthread-{threads}"


def claims(chapter: Chapter, clients: int) -> list[Claim]:
    """Return what Headroom promises about its server."""
    made = [Claim("failures of all, in all rounds", Spread.of([chapter.total("failures")]), 0)]
    text = "reviews/s over gthread's with Flask that does nothing, at its best"
    made += [Claim(f"{name}: {text}", _over_gthread(chapter, name, clients), 8.0, least=True) for name in CLAIMED]
    return made


def _over_gthread(chapter: Chapter, name: str, clients: int) -> Ratio:
    return smallest(chapter.ratio(case(clients), name, _gthread(threads), "per_second") for threads in THREADS)
