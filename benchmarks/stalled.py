"""Stalled: whether peers that stop halfway delay other peers, and how the server ends their connections."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from benchmarks import alone
from benchmarks.feed import Feed
from benchmarks.figures import Chapter, Claim
from benchmarks.load import Stalled
from benchmarks.pace import PACE, measured
from benchmarks.rivals import Headroom
from benchmarks.spreads import Spread
from benchmarks.usage import descriptors
from webhook.http.listeners import Limits

STAGES = ("tcp", "hello", "handshake", "headers", "body")
PARKED = "parked"
CROWDED = "crowded"
CROWDS = {"hello": 1_000, "headers": 1_000}  # handshakes and requests that stop halfway, all at the same time
COLUMNS = ("p50_ms", "p99_ms", "max_ms", "per_second", "failures", PACE)
WITHOUT, WITH = "without", "with"
CLIENTS = 16
TURN_SECONDS = 1.5
# The server must close a connection without a complete first request after 10 s; its checks may add a little to that.
CLOSED_AFTER = 11.0
HELD = 14.0
PEERS_EACH = 100
CROWD = 1_500
# The connections that a replica accepts, and some files and connections of its own.
MOST_DESCRIPTORS = Limits().connections + 20


def measure(
    work: Path,
    peers: int,
    parked: int,
    rounds: int,
    say: Callable[[str], None],
    stages: Sequence[str] = (*STAGES, PARKED, CROWDED),
) -> Chapter:
    """Measure with `peers` stalled peers at each stage, with `parked` that idle after a request, and beside CROWDS."""
    chapter = Chapter(f"{CLIENTS} clients beside {peers} peers that stall ({parked} that park)", COLUMNS)
    with Feed(work / "feed", 0, 500) as feed, feed.headroom() as replica:
        baseline = descriptors(replica.pids[0])
        for number in range(1, rounds + 1):
            say(f"stalled peers, round {number} of {rounds}")
            for index, stage in enumerate(stages):
                crowds = CROWDS if stage == CROWDED else {stage: parked if stage == PARKED else peers}
                # Which one comes first alternates, so that the effects of a turn on the next favour neither.
                for rival in (WITHOUT, WITH) if (number + index) % 2 else (WITH, WITHOUT):
                    turn = number * 100 + index * 10 + (rival == WITH)
                    with ExitStack() as beside:
                        for at, count in crowds.items() if rival == WITH else ():
                            lossy = stage == CROWDED  # there are more than the connections that a replica accepts
                            beside.enter_context(Stalled(replica.url or "", feed.files.ca_file, at, count, lossy=lossy))
                        _turn(chapter, feed, replica, stage, number, rival, turn)
        say("more peers than connections are granted")
        _capped(chapter, feed, replica, baseline)
        say("what becomes of stalled peers")
        _closing(chapter, feed, replica)
        _descriptors(chapter, replica, baseline)
    return chapter


def _turn(chapter: Chapter, feed: Feed, replica: Headroom, stage: str, number: int, rival: str, turn: int) -> None:
    with measured() as pace:
        seen = alone.replay(replica, feed.files, CLIENTS, f"{turn}-", tell=feed.url, seconds=TURN_SECONDS)
    feed.end_turn(replica)
    figures = pace.figures | seen.figures("allowed")
    figures["max_ms"] = max(outcome.max_ms for outcome in seen.outcomes.values())
    chapter.add(stage, rival, number, figures)


def _capped(chapter: Chapter, feed: Feed, replica: Headroom, baseline: int) -> None:
    """Open more connections than a replica accepts: it keeps not all of them, and still answers requests."""
    with Stalled(replica.url or "", feed.files.ca_file, "tcp", CROWD):
        seen = alone.replay(replica, feed.files, CLIENTS, "crowd-", tell=feed.url, seconds=TURN_SECONDS)
        open_at_once = descriptors(replica.pids[0]) - baseline
    text = f"descriptors above the start's beside {CROWD:,} peers that only connect"
    chapter.claims.append(Claim(text, Spread.of([open_at_once]), MOST_DESCRIPTORS))
    failures = seen.figures("allowed")["failures"]
    chapter.claims.append(Claim(f"failures beside {CROWD:,} peers that only connect", Spread.of([failures]), 0))


def _closing(chapter: Chapter, feed: Feed, replica: Headroom) -> None:
    with ExitStack() as stack:
        url, ca_file = replica.url or "", feed.files.ca_file
        held = {stage: stack.enter_context(Stalled(url, ca_file, stage, PEERS_EACH)) for stage in STAGES}
        time.sleep(HELD)
        for stage, stalled in held.items():
            lost = stalled.release()
            text = f"{stage}: {lost.ended} of {lost.peers} closed, {lost.first_s:.1f} to {lost.last_s:.1f} s after"
            chapter.notes.append(text)
            last = lost.last_s if lost.ended == lost.peers else float("inf")
            chapter.claims.append(Claim(f"{stage}: seconds until the last is closed", Spread.of([last]), CLOSED_AFTER))


def _descriptors(chapter: Chapter, replica: Headroom, baseline: int) -> None:
    deadline = time.monotonic() + 30
    while (now := descriptors(replica.pids[0])) > baseline and time.monotonic() < deadline:
        time.sleep(0.5)
    text = f"descriptors above the {baseline} of the start, at most 30 s after all"
    chapter.claims.append(Claim(text, Spread.of([now - baseline]), 0))


def claims(chapter: Chapter, stages: Sequence[str] = (*STAGES, PARKED, CROWDED)) -> list[Claim]:
    """Return what Headroom promises about peers that do not stall."""
    made = []
    for stage in stages:
        most = 2.0 if stage == CROWDED else 1.5
        made.append(Claim(f"{stage}: p99 over that without them", chapter.ratio(stage, WITH, WITHOUT, "p99_ms"), most))
        failures = sum(chapter.values(stage, WITH, "failures").values())
        made.append(Claim(f"{stage}: failures in all rounds", Spread.of([failures]), 0))
    return made
