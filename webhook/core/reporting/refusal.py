"""Refusals: the decisions that are worth showing, as plain values, and which of them mean that an owner is blocked."""

from typing import Final

from msgspec import Struct

from webhook.core.events.reference import Reference
from webhook.core.reporting.rows import DenialRow
from webhook.core.reporting.trial import Kind, kind_of
from webhook.core.reviews.verdict import Reason
from webhook.core.values.amounts import NOTHING, Amounts

_SHOWN: Final = (Kind.ENFORCED, Kind.REFUSED)

PASSING: Final = frozenset({Reason.MEMORY, Reason.CPU, Reason.AWAITING, Reason.UNAVAILABLE, Reason.UNPLACEABLE})
"""Reasons that pass without anybody changing the pod: room comes back, earlier pods appear, the account is current
again, a larger node comes. What a pod leaves unsaid and what a quota refuses stays refused until somebody edits it."""

_BARE: Final = "Pod"


class Refusal(Struct, frozen=True, gc=False):
    """One refusal, or what a trial mode would have refused.

    `owner` is the controller that the pod names; None if it names none, or one that cannot be an object's name. `asks`
    is the pod's footprint and `scopes` what it would be charged to; without a pod, `scopes` is empty. The pod itself is
    not kept, because it may be large.
    """

    row: DenialRow
    owner: Reference | None
    asks: Amounts = NOTHING
    scopes: tuple[str, ...] = ()

    @property
    def blocks(self) -> bool:
        """Say whether somebody now lacks a pod that may be admitted later as it is."""
        row = self.row
        return (
            self.scopes != ()
            and not row.dry_run
            and row.kind == _BARE
            and row.operation == "CREATE"
            and row.reason in PASSING
            and kind_of(row.decision, row.mode, row.reason) is Kind.ENFORCED
        )

    @property
    def lacking(self) -> Reference:
        """Return who lacks the pod: its controller, or the pod itself, without a uid, where it has none."""
        return self.owner or Reference("v1", _BARE, self.row.namespace, self.row.name, "")


def is_shown(decision: str, mode: str, reason: str) -> bool:
    """Say whether a decision refused, or is known to be one that mode enforce would have refused."""
    return kind_of(decision, mode, reason) in _SHOWN


def is_bare(owner: Reference) -> bool:
    """Say whether this stands for a pod without a controller, which nobody creates again."""
    return owner.kind == _BARE
