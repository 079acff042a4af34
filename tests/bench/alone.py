"""Alone: recorded reviews sent straight to one server process over TLS, connections kept alive."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from tests.bench import load, rivals
from tests.bench.feed import Feed
from tests.bench.figures import Chapter, Claim, Spread, in_turn, smallest
from tests.bench.rivals import Files, Headroom, Rival
from tests.bench.stage import taking_turn
from tests.bench.usage import cpu_seconds

GO, BYTES, FLASK = "go", "bytes", "flask"
HEADROOM, WATCHING = "headroom", "headroom-watching"
THREADS = (4, 8, 16)
COLUMNS = ("per_second", "p50_ms", "p99_ms", "cpu_us", "per_cpu_second", "load_cpu_us", "failures")
NODES = 500
TURN_SECONDS = 0.8
PATH = "/validate?timeout=5s"
WARM = 10  # reviews of each client before the clock starts
NOTES = (
    f"{HEADROOM} judges, reserves and books for each review as ever; its watch shows it those pods after its turn",
    f"{WATCHING} is the same process; its watch shows it each pod within 20 ms, and 2 s later that it is gone",
    "all others answer without a look at more than the uid",
)


def case(clients: int) -> str:
    """What a table is headed with."""
    return f"{clients} client{'s' if clients > 1 else ''}"


class Entry(NamedTuple):
    """One that takes part; the pods that it let in come back through its watch as they would in a cluster, or later."""

    name: str
    rival: Rival
    tells: bool = False


def measure(work: Path, rounds: int, clients: Sequence[int], say: Callable[[str], None]) -> Chapter:
    """Measure all servers."""
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
        for number in range(1, rounds + 1):
            say(f"one process alone, round {number} of {rounds}")
            for many in clients:
                for entry in in_turn(entries, number):
                    _turn(entry, feed, many, number, chapter)
    return chapter


def replay(rival: Rival, files: Files, clients: int, prefix: str, *, tell: str = "", seconds: float) -> load.Measured:
    """Send reviews about pods that are called by the prefix and a number from 1 on."""
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
        before = cpu_seconds(rival.pids)
        seen = replay(rival, feed.files, clients, prefix, tell=tell, seconds=TURN_SECONDS)
        spent = cpu_seconds(rival.pids) - before
        answers = seen.answers + WARM * clients
        if isinstance(rival, Headroom) and not entry.tells:
            feed.show([f"{prefix}{index}" for index in range(1, answers + 1)])
            rival.resume()  # that is, once it has seen them, so that what it holds for them is free again
    figures = seen.figures("allowed") | {"cpu_us": spent / answers * 1e6, "per_cpu_second": answers / spent}
    figures["load_cpu_us"] = seen.cpu_seconds / seen.answers * 1e6
    chapter.add(case(clients), entry.name, number, figures)


def _servers(files: Files) -> list[rivals.Server]:
    gthreads = [rivals.python_webhook(_gthread(n), "flask-gthread", files, n) for n in THREADS]
    ours = [rivals.python_webhook(name, name, files) for name in (BYTES, FLASK)]
    return [rivals.go_nothing(files), *ours, *gthreads]


def _gthread(threads: int) -> str:
    return f"flask-gthread-{threads}"


def claims(chapter: Chapter, clients: int) -> list[Claim]:
    """What Headroom promises of its server."""
    made = [Claim("failures of all, in all rounds", Spread.of([chapter.total("failures")]), 0)]
    for name in (HEADROOM, WATCHING, BYTES):
        ratios = [chapter.ratio(case(clients), name, _gthread(threads), "per_second") for threads in THREADS]
        text = f"{name}: reviews/s over gthread's with Flask that does nothing, at its best"
        made.append(Claim(text, smallest(ratios), 8.0, least=True))
    return made
