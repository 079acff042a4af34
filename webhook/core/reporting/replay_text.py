"""A replay as text for people, and as data for programs."""

from collections.abc import Iterator
from typing import Any

from webhook.core.reporting.auditlines import NEWEST, Faulty
from webhook.core.reporting.replay import Replay
from webhook.core.reporting.tables import Table
from webhook.core.reviews.messages import printable
from webhook.core.reviews.verdict import Decision

_NAME = 120
_WORDS = {
    Decision.ALLOW: "admitted",
    Decision.WARN: "admitted on trial",
    Decision.AUDIT: "admitted on trial",
    Decision.DENY: "refused",
    Decision.CANNOT_TELL: "refused",
}


def replayed(found: Replay) -> Iterator[str]:
    """Yield how many logged decisions would be others, and a row for each owner of pods that they are about."""
    number = found.changed + found.same + found.untold
    yield f"Of {number} logged decision{'' if number == 1 else 's'}, {found.changed} would be different."
    if found.untold:
        yield f"{found.untold} cannot be told: their lines lack figures, or concern several scopes."
    if found.changes:
        yield ""
        yield from _table(found).lines()


def replay_notes(found: Replay) -> Iterator[str]:
    """Yield what was left out, and why."""
    if (damaged := found.faults.get(Faulty.DAMAGED, 0)) > 0:
        yield f"{damaged} lines are damaged, and left out."
    if (newer := found.faults.get(Faulty.NEWER, 0)) > 0:
        yield f"{newer} lines are of a newer schema than {NEWEST}, and left out: use a newer headroom."


def replay_data(found: Replay) -> dict[str, Any]:
    """Return a replay as plain data."""
    changes = [
        {
            "namespace": each.owner.namespace,
            "ownerKind": each.owner.kind,
            "ownerName": each.owner.name,
            "was": each.was.value,
            "then": each.then.value,
            "decisions": each.number,
            "first": each.first,
            "last": each.last,
        }
        for each in found.changes
    ]
    return {"changed": found.changed, "same": found.same, "untold": found.untold, "changes": changes}


def _table(found: Replay) -> Table:
    rows = tuple(
        (
            printable(each.owner.namespace, _NAME),
            printable(f"{each.owner.kind}/{each.owner.name}", _NAME),
            str(each.number),
            _WORDS[each.was],
            _WORDS[each.then],
            each.first[:19],
            each.last[:19],
        )
        for each in found.changes
    )
    titles = ("NAMESPACE", "OWNER", "DECISIONS", "WAS", "THEN", "FIRST", "LAST")
    return Table(titles, rows, (False, False, True, False, False, False, False))
