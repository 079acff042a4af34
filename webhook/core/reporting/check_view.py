"""The answer to a check as the page lays it out: the sentence, a table, and what is to be said of single objects."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from webhook.core.reporting.answer_text import check_table, checked
from webhook.core.reporting.rows import CheckRow
from webhook.core.reporting.tables import Table
from webhook.core.reviews.messages import printable

_NOTHING: Final = Table((), (), ())
_LONGEST: Final = 400  # characters of a text that somebody else wrote
_MOST: Final = 100  # rows and sentences


class CheckView(NamedTuple):
    """What is shown beside the box for manifests. `fits` is False too where nothing could be checked."""

    fits: bool
    sentence: str
    table: Table = _NOTHING
    notes: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


def check_view(rows: Sequence[CheckRow], skipped: Sequence[str], faults: Sequence[str], *, fits: bool) -> CheckView:
    """Return the answer; of many objects the first ones are shown."""
    sentence = "Some of these manifests cannot be read." if faults and not rows else checked(rows)
    return CheckView(
        fits,
        sentence,
        check_table(rows[:_MOST]),
        tuple(_notes(rows, skipped))[:_MOST],
        tuple(printable(fault, _LONGEST) for fault in faults[:_MOST]),
    )


def uncheckable(why: str) -> CheckView:
    """Return that nothing could be checked, and why."""
    return CheckView(fits=False, sentence="Nothing was checked.", faults=(printable(why, _LONGEST),))


def _notes(rows: Sequence[CheckRow], skipped: Sequence[str]) -> list[str]:
    notes = [f"{row.kind}/{row.name}: {row.message}" for row in rows if row.message]
    notes += [f"Warning: {row.kind}/{row.name}: {printable(each, _LONGEST)}" for row in rows for each in row.warnings]
    if len(rows) > _MOST:
        notes.insert(0, f"The first {_MOST} of {len(rows)} objects are shown; kubectl headroom check shows them all.")
    if skipped:
        kinds = ", ".join(sorted({printable(each, _LONGEST) for each in skipped}))
        notes.append(f"Skipped, because they commit no resources: {kinds}.")
    return notes
