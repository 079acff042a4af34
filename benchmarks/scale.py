"""Scale: one replica with a feed of 150,000 pods on 5,000 nodes: its start, its memory, its watch, its reviews."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from benchmarks import alone, rivals
from benchmarks.feed import Feed
from benchmarks.figures import Chapter, Claim, in_turn
from benchmarks.pace import PACE, measured
from benchmarks.rivals import Files, Headroom, Rival
from benchmarks.spreads import Spread, furthest
from benchmarks.stage import taking_turn
from benchmarks.usage import cpu_seconds, peak_bytes, resident_bytes

NODES = 5000
STARTS = 3
STORM = 60_000
TURN_SECONDS = 0.5
BYTES = "bytes"
START_COLUMNS = ("ready_s", "pages_s", "resident_mib", "peak_mib")
REVIEW_COLUMNS = ("p50_ms", "p99_ms", "per_second", "failures", PACE)
STORM_COLUMNS = ("per_cpu_second", "per_second", "us")


class Chapters(NamedTuple):
    """The chapters that this part of a run makes."""

    starts: Chapter
    watch: Chapter
    reviews: Chapter


def measure(work: Path, sizes: Sequence[int], rounds: int, say: Callable[[str], None]) -> Chapters:
    """Measure at all sizes; the first one is that of the empty process."""
    made = Chapters(
        Chapter("From its start to ready", START_COLUMNS),
        Chapter("Events of the watch", STORM_COLUMNS),
        Chapter("Reviews sent straight to one replica, by the size of the cluster", REVIEW_COLUMNS),
    )
    with ExitStack() as stack:
        feeds = {size: stack.enter_context(Feed(work / f"feed-{size}", size, NODES)) for size in sizes}
        for number in range(1, STARTS + 1):
            for size, feed in feeds.items():
                say(f"{size:,} pods on {NODES:,} nodes, start {number} of {STARTS}")
                _start(feed, number, made.starts)
        replicas = {size: stack.enter_context(feed.headroom()) for size, feed in feeds.items()}
        for replica in replicas.values():
            replica.pause()
        for number in range(1, STARTS + 1):
            for size, replica in replicas.items():
                say(f"{size:,} pods, storm {number} of {STARTS}")
                _storm(feeds[size], replica, number, made.watch)
        _reviews(feeds, replicas, rounds, made.reviews, say)
    return made


def _start(feed: Feed, number: int, chapter: Chapter) -> None:
    began = time.monotonic()
    with feed.headroom() as replica:
        ready = time.monotonic() - began
        replica.resume()  # waits until the replica has nothing left to do
        figures = {
            "ready_s": ready,
            "resident_mib": resident_bytes(replica.pids[0]) / 2**20,
            "peak_mib": peak_bytes(replica.pids[0]) / 2**20,
        }
    if feed.pods:
        line = [sys.executable, "-m", "benchmarks.pages", feed.url]
        figures["pages_s"] = float(subprocess.run(line, capture_output=True, text=True, check=True).stdout)
    chapter.add("one replica", _size(feed), number, figures)


def _storm(feed: Feed, replica: Headroom, number: int, chapter: Chapter) -> None:
    kinds = {"modified": "pods change in ways that do not count", "guests": "pods come and go"}
    for kind, what in kinds.items():
        if kind == "modified" and not feed.pods:
            continue  # there are no pods to modify
        with taking_turn(replica):
            before, began = cpu_seconds(replica.pids), time.monotonic()
            feed.storm(STORM, kind)
            took = time.monotonic() - began
            replica.resume()
            spent = cpu_seconds(replica.pids) - before
        figures = {"per_second": STORM / took, "per_cpu_second": STORM / spent, "us": spent / STORM * 1e6}
        chapter.add(what, _size(feed), number, figures)


def _reviews(
    feeds: dict[int, Feed], replicas: dict[int, Headroom], rounds: int, chapter: Chapter, say: Callable[[str], None]
) -> None:
    files = next(iter(feeds.values())).files
    inert = rivals.python_webhook(BYTES, BYTES, files)
    inert.start()
    inert.pause()
    try:
        for number in range(1, rounds + 1):
            say(f"reviews at all sizes, round {number} of {rounds}")
            for size in in_turn(list(feeds), number):
                feed = feeds[size]
                # The inert rival is measured again for each size, so that compared turns are next to each other.
                beside: list[tuple[Rival, Files, str]] = [(inert, files, ""), (replicas[size], feed.files, feed.url)]
                for rival, its, tell in in_turn(beside, number):
                    with taking_turn(rival):
                        with measured() as pace:
                            seen = alone.replay(rival, its, 1, f"{number}-", tell=tell, seconds=TURN_SECONDS)
                        if isinstance(rival, Headroom):
                            feed.end_turn(rival)
                    chapter.add(_size(feed), rival.name, number, pace.figures | seen.figures("allowed"))
    finally:
        inert.stop()


def _size(feed: Feed) -> str:
    return f"{feed.pods:,} pods"


def claims(made: Chapters, sizes: Sequence[int]) -> None:
    """Add what Headroom promises at these sizes, each claim to its chapter."""
    empty, full = (f"{size:,} pods" for size in (min(sizes), max(sizes)))
    starts, case = made.starts, "one replica"

    def pairs(figure: str) -> list[float]:
        more, base = starts.values(case, full, figure), starts.values(case, empty, figure)
        return [more[number] - base[number] for number in more]

    resident = Spread.of([mib * 2**20 / max(sizes) for mib in pairs("resident_mib")])
    starts.claims.append(Claim(f"bytes in memory for each of {full}", resident, 600))
    peak = Spread.of([mib * 2**20 / max(sizes) for mib in pairs("peak_mib")])
    starts.notes.append(f"bytes in memory for each of {full} at the peak: {peak}")
    pages = starts.values(case, full, "pages_s")
    synced = [seconds / pages[number] for number, seconds in enumerate(pairs("ready_s"), 1)]
    text = f"from start to ready, over that of {empty}, and over a script's reading of the same pages"
    starts.claims.append(Claim(text, Spread.of(synced), 2.0))
    for what in made.watch.cases():
        rate = made.watch.spread(what, full, "per_cpu_second")
        if rate is not None:
            made.watch.claims.append(Claim(f"{what}: events per second of processor", rate, 10_000, least=True))
    ratios = {size: made.reviews.ratio(f"{size:,} pods", "headroom", BYTES, "p50_ms") for size in sizes}
    made.reviews.claims.append(Claim("failures of all", Spread.of([made.reviews.total("failures")]), 0))
    for size, ratio in ratios.items():
        made.reviews.notes.append(f"p50 of a review, Headroom over a do-nothing webhook, {size:,} pods: {ratio}")
    text = "p50 of a review over a do-nothing webhook's: difference between the sizes"
    made.reviews.claims.append(Claim(text, furthest(ratios.values()), 0.15))
