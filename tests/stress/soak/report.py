"""What a soak has found, as a table, and what of it must not be. Pure: values in, values out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import median
from typing import NamedTuple

from tests.stress.clients import CANNOT_TELL, CREATED, REFUSED, TOO_LATE, Told
from tests.stress.evidence import Evidence
from tests.stress.figures import MI
from tests.stress.soak.outages import ANSWERED, LOST, RESIZED, Down, Outage, cause
from tests.stress.soak.phases import Phase, beyond
from tests.stress.soak.schedule import Change, Fault
from tests.stress.soak.vitals import SHORTEST, Life, leaks

TEXTS = 5
LONGEST = 400


class Found(NamedTuple):
    """All that a soak has found. `events` has seconds, for each time that one came.

    For a fault, they are from the moment at which it was mended until all was well again; for a change, all of it.
    """

    seed: int
    seconds: float
    bound: int
    evidence: Evidence
    phases: Sequence[Phase]
    counts: Mapping[str, int]
    failed: Sequence[Told]
    outages: Sequence[Outage]
    events: Mapping[Fault | Change, Sequence[float]]
    lives: Sequence[Life]
    stuck: Sequence[str]
    torn: int
    refused: int
    kills: int
    clients: int

    @property
    def causes(self) -> Counter[str]:
        """Why calls failed."""
        return Counter(cause(told, self.outages) for told in self.failed)

    @property
    def lost(self) -> list[Told]:
        """The calls that nothing explains."""
        return [told for told in self.failed if cause(told, self.outages) == LOST]


def problems(found: Found) -> list[str]:
    """Return what must not be."""
    wrong = [f"lost: {told.outcome} {told.text[:LONGEST]}" for told in found.lost[:TEXTS]]
    wrong += [f"over the threshold: {moment}" for moment in found.evidence.over(found.bound)[:TEXTS]]
    wrong += [f"added beyond a lowered threshold: {each}" for each in beyond(found.evidence.moments, found.phases)]
    # Each client has at most one call on its way, and may make another one before the balancer knows.
    if found.causes[Down.KILLED] > 2 * found.clients * found.kills:
        wrong.append(f"{found.causes[Down.KILLED]} calls failed with {found.kills} kills of {found.clients} clients")
    return [*wrong, *found.stuck, *(leak for life in found.lives for leak in leaks(life))]


def table(found: Found) -> str:
    """Return the table."""
    minutes, seconds = divmod(round(found.seconds), 60)
    lines = [f"soak of {minutes} min {seconds} s, seed {found.seed}", ""]
    lines += _columns([("event", "times", "median", "longest"), *_events(found)])
    lines += ["", *_columns([("figure", "seen"), *_figures(found)])]
    lines += [
        "",
        *_columns([("process", "looked at", "memory Mi", "threads", "descriptors", "inbound"), *_lives(found)]),
    ]
    return "\n".join(lines)


def _events(found: Found) -> list[tuple[str, ...]]:
    known = [*Fault, *Change]
    return [
        (str(what), str(len(times)), f"{median(times):.1f} s", f"{max(times):.1f} s")
        for what, times in sorted(found.events.items(), key=lambda item: known.index(item[0]))
    ]


def _figures(found: Found) -> list[tuple[str, ...]]:
    counts = found.counts
    answered = sum(count for outcome, count in counts.items() if outcome in ANSWERED)
    grown = [*found.evidence.moments]
    return [
        ("calls answered", f"{answered:,}"),
        ("… created, resized, refused", ", ".join(f"{counts.get(each, 0):,}" for each in (CREATED, RESIZED, REFUSED))),
        ("… cannot tell, too late", ", ".join(f"{counts.get(each, 0):,}" for each in (CANNOT_TELL, TOO_LATE))),
        *((f"calls failed: {down}", f"{found.causes[down]:,}") for down in Down),
        ("calls lost", str(len(found.lost))),
        ("most in pods, of the threshold", f"{found.evidence.maximum.held / MI:g} of {found.bound / MI:g} Mi"),
        ("revisions over the threshold", f"{len(found.evidence.over(found.bound))} of {len(grown):,}"),
        ("… added beyond a lowered one", f"{len(beyond(grown, found.phases))} in {len(found.phases)} phases"),
        ("account against a list at the end", "equal, in all replicas"),
        ("watches cut in a line", f"{found.torn:,}"),
        ("requests answered 429", f"{found.refused:,}"),
    ]


def _lives(found: Found) -> list[tuple[str, ...]]:
    return [
        (
            f"replica {life.replica}, pid {life.pid}",
            f"{life.seconds:.0f} s",
            f"{early.memory / MI:.0f} → {late.memory / MI:.0f}",
            f"{early.threads} → {late.threads}",
            f"{early.descriptors} → {late.descriptors}",
            f"{early.inbound} → {late.inbound}",
        )
        for life in found.lives
        if life.seconds >= SHORTEST
        for early, late in [(life.early(), life.late())]
    ]


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
