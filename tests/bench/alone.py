"""Alone: recorded reviews sent straight to one server process over TLS, connections kept alive."""

from collections.abc import Callable, Sequence
from pathlib import Path

from tests.bench import load, rivals
from tests.bench.feed import Feed
from tests.bench.figures import Chapter, Claim, smallest
from tests.bench.rivals import Files, Headroom, Rival
from tests.bench.stage import taking_turn
from tests.bench.usage import cpu_seconds

GO, BYTES, FLASK, HEADROOM = "go", "bytes", "flask", "headroom"
THREADS = (4, 8, 16)
COLUMNS = ("per_second", "p50_ms", "p99_ms", "cpu_us", "per_cpu_second", "failures")
NODES = 500
TURN_SECONDS = 1.0
PATH = "/validate?timeout=5s"


def case(clients: int) -> str:
    """What a table is headed with."""
    return f"{clients} client{'s' if clients > 1 else ''}"


def measure(work: Path, rounds: int, clients: Sequence[int], say: Callable[[str], None]) -> Chapter:
    """Measure all servers."""
    chapter = Chapter("Reviews sent straight to one process, over TLS", COLUMNS)
    with Feed(work / "feed", 0, NODES) as feed, feed.headroom(HEADROOM) as headroom:
        servers: list[Rival] = [headroom, *_servers(feed.files)]
        headroom.pause()
        try:
            for server in servers[1:]:
                server.start()
                server.pause()
            for number in range(1, rounds + 1):
                say(f"one process alone, round {number} of {rounds}")
                for many in clients:
                    for server in servers:
                        _turn(server, feed, many, number, chapter)
        finally:
            for server in servers[1:]:
                server.stop()
    return chapter


def replay(rival: Rival, files: Files, clients: int, number: int, *, tell: str = "", seconds: float) -> load.Measured:
    """Send reviews; `number` makes the names of their pods different from those of other rounds."""
    return load.run(
        "replay",
        {
            "url": (rival.url or "") + PATH,
            "ca-file": files.ca_file,
            "review": load.DATA / "review.json",
            "clients": clients,
            "seconds": seconds,
            "warm": 10,
            "prefix": f"r{number}-{clients}-",
            "tell": tell,
        },
    )


def _turn(rival: Rival, feed: Feed, clients: int, number: int, chapter: Chapter) -> None:
    # Whoever keeps an account is shown the pods that it let in, as in a real cluster.
    tell = feed.url if isinstance(rival, Headroom) else ""
    with taking_turn(rival):
        before = cpu_seconds(rival.pids)
        seen = replay(rival, feed.files, clients, number, tell=tell, seconds=TURN_SECONDS)
        spent = cpu_seconds(rival.pids) - before
    answers = seen.answers + 10 * clients
    figures = seen.figures("allowed") | {"cpu_us": spent / answers * 1e6, "per_cpu_second": answers / spent}
    chapter.add(case(clients), rival.name, number, figures)


def _servers(files: Files) -> list[rivals.Server]:
    gthreads = [rivals.python_webhook(_gthread(n), "flask-gthread", files, n) for n in THREADS]
    ours = [rivals.python_webhook(name, name, files) for name in (BYTES, FLASK)]
    return [rivals.go_nothing(files), *ours, *gthreads]


def _gthread(threads: int) -> str:
    return f"flask-gthread-{threads}"


def claims(chapter: Chapter, clients: int) -> list[Claim]:
    """What Headroom promises of its server."""
    made = []
    for name in (HEADROOM, BYTES):
        ratios = [chapter.ratio(case(clients), name, _gthread(threads), "per_second") for threads in THREADS]
        text = f"{name}: reviews/s over gthread's with Flask that does nothing, at its best"
        made.append(Claim(text, smallest(ratios), 8.0, least=True))
    return made
