"""The figures of all storms, as one table."""

import re
from collections import Counter
from typing import NamedTuple

from tests.stress.clients import BUSINESS_AS_USUAL, CONFLICT, CREATED, EXISTS, REFUSED, Tally
from tests.stress.evidence import Evidence

MI = 1 << 20
LONGEST = 300  # characters of a text
ORDINARY = {*BUSINESS_AS_USUAL, EXISTS}


class Figures(NamedTuple):
    """One storm: how much of the bound pods held, and what answers clients got.

    The median of what pods held means something only if clients wanted the whole bound all the time (`at_bound`).
    """

    storm: str
    replicas: str
    bound: int
    evidence: Evidence
    tally: Tally | None = None
    note: str = ""
    at_bound: bool = False

    def row(self) -> tuple[str, ...]:
        """Return the row of the table."""
        most, tally = self.evidence.maximum, self.tally
        over = len(self.evidence.over(self.bound))
        told = tally.outcomes() if tally else {}
        other = {name: count for name, count in told.items() if name not in {*BUSINESS_AS_USUAL, CONFLICT}}
        return (
            self.storm,
            self.replicas,
            f"{self.bound // MI}",
            f"{most.held / MI:g} at {most.revision}",
            f"{self.evidence.median / self.bound:.1%}" if self.at_bound else "",
            f"{over} of {len(self.evidence.moments)}",
            *(str(told.get(name, 0)) if tally else "" for name in (CREATED, REFUSED, CONFLICT)),
            ", ".join(f"{count} {name}" for name, count in sorted(other.items())),
            self.note,
        )


HEAD = (
    *("storm", "replicas", "bound Mi", "maximum Mi", "median", "revisions over"),
    *("created", "refused", "conflicts", "other", "note"),
)


def table(figures: list[Figures]) -> str:
    """Return the table of all storms, sorted by name, and the unusual answers that clients got."""
    rows = [HEAD, *sorted(each.row() for each in figures)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    for each in figures:
        for text, count in sorted(_otherwise(each.tally).items() if each.tally else ()):
            lines.append(f"{each.storm}, {each.replicas}: {count} x {text}")
    return "\n".join(lines)


def _otherwise(tally: Tally) -> Counter[str]:
    return Counter(f"{told.outcome}: {_plain(told.text)}" for told in tally if told.outcome not in ORDINARY)


def _plain(text: str) -> str:
    """Return the message of a text, without the names and numbers that differ in each."""
    found = re.search(r'"message":"((?:[^"\\]|\\.)*)"', text)
    said = found.group(1) if found else text
    return re.sub(r"[a-z]+-[0-9a-f]{8}(/\S+)?|\d+(\.\d+)*(:\d+)?", "#", said)[:LONGEST]
