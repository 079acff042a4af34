"""Credit: what the limits for owners and namespaces add to a burst, in this process and without a network.

A burst is the pods of one ReplicaSet with room for twice as much, all of them open at once. Each rival has its turn in
each round, with the same account and right after the others. All times are processor time of this thread.

No pod of such a burst waits for credit (tests/stress/test_bursts.py), so its rate is lower only by this processor time.
"""

import gc
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from statistics import median
from typing import Final

from benchmarks.account import Synced
from benchmarks.creates import NONE, TWO, Plan
from benchmarks.creates import case as of_creates
from benchmarks.estimates import Estimate
from benchmarks.figures import Chapter, Claim, in_turn
from benchmarks.spreads import Spread
from webhook.core.ledger.costs import Costs
from webhook.core.ledger.subjects import Owners, Subjects
from webhook.core.sharing.credit import SHARES
from webhook.core.values.amounts import Amounts

ROUNDS = 80
NODES = 4
PODS = 400  # half of what the nodes hold; more would need a booking, because a replica alone has half of a bound
COLUMNS = ("us",)
LIMITED, UNLIMITED, UNTRACKED = (
    "with credit",
    "without",
    "nor with what owners have open",  # a count that is kept even where credit is switched off
)
RIVALS = (LIMITED, UNLIMITED, UNTRACKED)
REVIEW, SEEN = "a review of a burst", "the pod is seen, and settled with the next booking"
CASES: Final[Mapping[str, bool]] = {"": False, ", while another namespace is in bad standing": True}
"""What is said of each case, and whether a namespace is in bad standing: then most pods are looked at closely."""

REPLICAS = 2
CREATES = Plan(rivals=(NONE, TWO), sizes=(0,), clients=(16,), fewest=8, seconds=0.0, what="pods, whole")
AT_LEAST = 0.97  # of the rate without credit


class _Untracked(Subjects):
    """Keeps no count of what anybody has open."""

    def saw(self, name: str, owner: str, size: Amounts) -> None:
        """Do nothing."""

    def add(self, name: str, owners: Owners, costs: Mapping[str, Costs]) -> None:
        """Do nothing."""

    def remove(self, name: str, owners: Owners, costs: Mapping[str, Costs]) -> None:
        """Do nothing."""


class Burst:
    """Has one burst after the other reviewed, seen and deleted by one account."""

    def __init__(self, chapter: Chapter) -> None:
        self._chapter = chapter
        self._synced = Synced(0, NODES)
        self._numbers = count()

    def turn(self, rival: str, number: int, case: str) -> None:
        """Let one rival have its turn, and record what a pod costs."""
        synced = self._synced
        self._begin(rival, is_suspicious=CASES[case])
        names = [f"burst-{next(self._numbers)}" for _ in range(PODS)]
        spent = _spent(synced.ask, [synced.bodies.review(name) for name in names])
        self._chapter.add(REVIEW + case, rival, number, {"us": spent})
        spent = _spent(synced.take, self._lines("ADDED", names)) + _spent(lambda _: synced.book(), [b""]) / PODS
        self._chapter.add(SEEN + case, rival, number, {"us": spent})
        for line in self._lines("DELETED", names):
            synced.take(line)
        synced.book()

    def close(self) -> None:
        """Close the account."""
        self._synced.close()

    def _begin(self, rival: str, *, is_suspicious: bool) -> None:
        state = self._synced.admission.state
        guarded = state._guarded
        with guarded.lock:
            ledger = guarded.ledger
            if len(ledger.reservations):
                raise RuntimeError("something of the last turn is still open")
            guarded.allotment._credit._shares = SHARES if rival == LIMITED else None
            ledger.reservations.subjects = _Untracked() if rival == UNTRACKED else Subjects()
            if is_suspicious:
                now = state.clock()
                ledger.history.lapsed("elsewhere", Amounts(memory_limits=1), now, now, 45.0)
            if ledger.history.any != is_suspicious:
                raise RuntimeError("the wrong standing")

    def _lines(self, change: str, names: Sequence[str]) -> list[bytes]:
        synced = self._synced
        first = synced.revision + 1
        synced.revision += len(names)
        pods = (synced.bodies.pod(name, first + index) for index, name in enumerate(names))
        return [synced.bodies.event(change, "Pod", pod) for pod in pods]


def measure(say: Callable[[str], None]) -> Chapter:
    """Measure all cases."""
    chapter = Chapter("What credit costs a burst, in one process and without a network", COLUMNS)
    for case in CASES:
        say(f"bursts of {PODS} pods{case}")
        burst = Burst(chapter)
        gc.collect()
        gc.freeze()
        for number in range(ROUNDS):
            for rival in in_turn(RIVALS, number):
                burst.turn(rival, number, case)
        burst.close()
        gc.unfreeze()
    for case in CASES:
        _note(chapter, case)
    return chapter


def _spent(do: Callable[[bytes], object], items: Sequence[bytes]) -> float:
    """Return the mean cost of a call in microseconds."""
    start = time.thread_time()
    for each in items:
        do(each)
    return (time.thread_time() - start) / len(items) * 1e6


def _note(chapter: Chapter, case: str) -> None:
    for step in (REVIEW, SEEN):
        for rival in RIVALS[1:]:
            chapter.notes.append(f"{step}{case}, {LIMITED} / {rival}: {_ratio(chapter, step + case, rival)}")
    told = f"µs that credit, and the count of what owners have open, add for a pod in {REPLICAS} replicas{case}"
    chapter.notes.append(f"{told}, with its 95 % interval: {added(chapter, case)}")


def claims(chapter: Chapter, creates: Chapter) -> list[Claim]:
    """Compare with what a create costs replicas and control plane in all."""
    plane, ours = (creates.spread(of_creates(16, 0), TWO, figure) for figure in ("plane_cpu_ms", "webhook_cpu_ms"))
    if plane is None or ours is None:
        return []
    whole = (plane.median + ours.median) * 1e3
    text = "rate of a burst, by processor time of replicas and control plane, over that without credit"
    made = []
    for case in CASES:
        more = added(chapter, case)
        rate = Spread(*(whole / (whole + each) for each in (more.median, more.high, more.low)))
        made.append(Claim(f"{text}{case}", rate, AT_LEAST, least=True))
    return made


def _ratio(chapter: Chapter, case: str, over: str) -> Estimate:
    mine, theirs = (chapter.values(case, rival, "us") for rival in (LIMITED, over))
    return Estimate.of([mine[number] / theirs[number] for number in mine])


def added(chapter: Chapter, case: str) -> Spread:
    """Return what a pod costs more, with its 95 % interval: one replica reviews it, and each of them sees it."""
    mine, theirs = (_totals(chapter, case, rival) for rival in (LIMITED, UNTRACKED))
    ratio = Estimate.of([a / b for a, b in zip(mine, theirs, strict=True)])
    return Spread(*(median(theirs) * (each - 1) for each in (ratio.ratio, ratio.low, ratio.high)))


def _totals(chapter: Chapter, case: str, rival: str) -> list[float]:
    review, seen = (chapter.values(step + case, rival, "us") for step in (REVIEW, SEEN))
    return [review[number] + REPLICAS * seen[number] for number in review]
