"""Micro: what each step costs for a review and for a line of a watch, in this process and without a network.

All times are processor time of this thread, so other load on the machine is not part of them.
"""

import gc
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from benchmarks.account import Bodies, Synced
from benchmarks.figures import Chapter, Claim
from benchmarks.spreads import Spread
from webhook.core.reviews.evaluation import Evaluation, evaluate
from webhook.core.reviews.review import decode_of_pod

ROUNDS = 9
REVIEWS = 500
NODES = 300
COLD = 100
BOOKED_EVERY = 20
SWEEP = 16 << 20  # bytes: more than a processor's caches hold
COLUMNS = ("us", "per_second")
ADMITTED, REFUSED, WATCH, NODE = (
    "a review that is admitted",
    "a review that is refused",
    "a line about a pod",
    "a line about a node",
)
WHOLE = "all of it"
UNCOUNTED = "a pod changes in ways that do not count"
T = TypeVar("T")


class Timer:
    """Calls a function for each item, and records the cost."""

    def __init__(self, chapter: Chapter, size: int, number: int) -> None:
        self._chapter, self._size, self._number = chapter, size, number

    def __call__(self, case: str, step: str, do: Callable[[T], object], items: Sequence[T]) -> float:
        """Return the mean cost of a call in microseconds.

        Results are not kept, because the garbage collector would then have more to look at than in a server.
        """
        start = time.thread_time()
        for each in items:
            do(each)
        spent = (time.thread_time() - start) / len(items) * 1e6
        self.note(case, step, spent)
        return spent

    def note(self, case: str, step: str, microseconds: float) -> None:
        """Record a cost in microseconds."""
        self._chapter.add(
            at(case, self._size), step, self._number, {"us": microseconds, "per_second": 1e6 / microseconds}
        )


def at(case: str, size: int) -> str:
    """Return the heading of a table."""
    return f"{case}, {size:,} pods"


def measure(sizes: Sequence[int], say: Callable[[str], None]) -> Chapter:
    """Measure with each of these numbers of pods in the ledger."""
    chapter = Chapter("In one process, without a network", COLUMNS)
    for size in sizes:
        say(f"an account of {size:,} pods")
        synced = Synced(size, NODES)
        # As the server does once it has started: then the collector looks only at new objects.
        gc.collect()
        gc.freeze()
        for number in range(1, ROUNDS + 1):
            timer = Timer(chapter, size, number)
            names = [f"new-{number}-{index}" for index in range(REVIEWS)]
            _admissions(synced, timer, names)
            _refusals(synced, timer, names)
            _changes(synced, timer, size)
            _nodes(synced, timer, number)
        if size == sizes[0]:
            chapter.notes.append(_calls(synced))
        synced.close()
        gc.unfreeze()
    _conclude(chapter, sizes)
    return chapter


def _admissions(synced: Synced, timer: Timer, names: Sequence[str]) -> None:
    """Process reviews up to the first, second and third step and to the end; each difference is a step's cost."""
    state = synced.admission.state
    bodies = [synced.bodies.review(name) for name in names]

    def work_out(body: bytes) -> Evaluation:
        asked = evaluate(decode_of_pod(body), state.basis.accounting)
        if not isinstance(asked, Evaluation):
            raise TypeError(f"nothing was asked: {asked}")
        return asked

    def judge(body: bytes) -> None:
        asked = work_out(body)
        judged = state.reviews.decide(asked, state.basis, state.clock())
        if judged is None or not (judged[0].settled and judged[0].verdict.allowed):
            raise RuntimeError(f"not admitted at once: {judged}")

    decoded = timer(ADMITTED, "decode the review and its pod", decode_of_pod, bodies)
    worked_out = timer(ADMITTED, "then work out what the pod asks", work_out, bodies)
    judged = timer(ADMITTED, "then judge and reserve, under the lock", judge, bodies)
    _visit(synced, timer, names)
    whole = timer(ADMITTED, WHOLE, synced.ask, bodies)
    _visit(synced, timer, names)
    cold = statistics.median(_cold(synced, bodies[:COLD]))
    timer.note(ADMITTED, f"{WHOLE}, after something else had the processor's caches", cold)
    _visit(synced, timer, names)
    timer.note(ADMITTED, "alone: work out what the pod asks", worked_out - decoded)
    timer.note(ADMITTED, "alone: judge and reserve", judged - worked_out)
    timer.note(ADMITTED, "alone: count, see that no audit line is due, write the answer", whole - judged)


def _cold(synced: Synced, bodies: Sequence[bytes]) -> Iterator[float]:
    """Process reviews after sweeps through much memory, as in a server whose processor caches other work has filled."""
    other = bytearray(SWEEP)
    for index, body in enumerate(bodies):
        if index % BOOKED_EVERY == 0:
            synced.book()  # on a busy machine, all reviews together take longer than a booking stays valid
        other[:] = bytes(SWEEP)
        start = time.thread_time_ns()
        synced.ask(body)
        yield (time.thread_time_ns() - start) / 1000


def _calls(synced: Synced) -> str:
    """Count the function calls of a review: a cost that does not depend on the machine."""
    counted: Counter[str] = Counter()
    bodies = [synced.bodies.review(f"counted-{index}") for index in range(100)]
    sys.setprofile(lambda _, event, __: counted.update([event]))
    for body in bodies:
        synced.ask(body)
    sys.setprofile(None)
    python, c = (counted[event] // len(bodies) for event in ("call", "c_call"))
    return f"calls of functions for one admitted review: {python} in Python, {c} in C"


def _visit(synced: Synced, timer: Timer, names: Sequence[str]) -> None:
    """Let the watch show and then delete the granted pods, with a booking after each, which retires reservations."""
    for change, step in (("ADDED", "a pod comes that was granted here"), ("DELETED", "it goes")):
        first = synced.revision + 1
        pods = [synced.bodies.pod(name, first + index) for index, name in enumerate(names)]
        timer(WATCH, step, synced.take, [synced.bodies.event(change, "Pod", pod) for pod in pods])
        synced.revision += len(pods)
        synced.book()


def _refusals(synced: Synced, timer: Timer, names: Sequence[str]) -> None:
    """Review pods that ask for more memory than there is."""

    def ask_and_write(body: bytes) -> None:
        synced.ask(body)
        synced.write_audit_line()

    bodies = [synced.bodies.review(f"big-{name}").replace(b'"memory":"128Mi"', b'"memory":"9Pi"') for name in names]
    timer(REFUSED, f"{WHOLE}, with its audit line written", ask_and_write, bodies)


def _changes(synced: Synced, timer: Timer, size: int) -> None:
    """Change pods in ways that do not affect the ledger, as most changes do."""
    if size == 0:
        return
    pods = [synced.old_pod(number % size, synced.revision + 1, NODES) for number in range(REVIEWS)]
    lines = [synced.bodies.event("MODIFIED", "Pod", pod) for pod in pods]
    timer(WATCH, "decode", synced.pods_wire.event, lines)
    timer(WATCH, UNCOUNTED, synced.take, lines)


def _nodes(synced: Synced, timer: Timer, number: int) -> None:
    """Change nodes in ways that affect the ledger and in ways that do not."""
    for step, memory in (("nothing of it counts", "64Gi"), ("its memory", f"{65 + number}Gi"), ("back again", "64Gi")):
        items = [synced.bodies.node(n, synced.revision, memory) for n in range(1, 101)]
        lines = [synced.bodies.event("MODIFIED", "Node", item) for item in items]
        timer(NODE, step, lambda line: synced.see_nodes(synced.nodes_wire.event(line)), lines)


def _conclude(chapter: Chapter, sizes: Sequence[int]) -> None:
    bodies = Bodies()
    line = len(bodies.event("MODIFIED", "Pod", bodies.pod("web-1234", 123_456, node="node-123")))
    refusal = f"{WHOLE}, with its audit line written"
    for size in sizes:
        admitted, refused = (
            chapter.values(at(ADMITTED, size), WHOLE, "us"),
            chapter.values(at(REFUSED, size), refusal, "us"),
        )
        ratio = Spread.of([refused[number] / admitted[number] for number in admitted])
        chapter.notes.append(f"a refused review over an admitted one, without a network, {size:,} pods: {ratio}")
        rates = chapter.spread(at(WATCH, size), UNCOUNTED, "per_second")
        if rates is not None:
            megabytes = Spread(*(rate * line / 1e6 for rate in rates))
            chapter.notes.append(
                f"the same in megabytes per second, {size:,} pods, a line being {line:,} bytes: {megabytes}"
            )
            chapter.claims.append(Claim(f"changes of pods per second, {size:,} pods", rates, 10_000, least=True))
