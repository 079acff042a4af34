"""Figures: the sums of a scope beside a review, at the moment of its verdict.

They are the same whatever the verdict is: what the review would add is never part of what is committed, even if the
pod is admitted and reserved for by the time that the figures are read.
"""

from msgspec import Struct

from webhook.core.ledger.capacity import ScopeLimits
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.rules import bounded_sums
from webhook.core.values.amounts import Amounts


class Figures(Struct, frozen=True, gc=False):
    """One scope: the review would add `asked` to what live pods and pods being created have `committed` there."""

    scope: str
    asked: Amounts
    committed: Amounts
    scope_limits: ScopeLimits

    def short_by(self, index: int) -> int | None:
        """How much of a sum is missing: 0 if it fits or is not raised, None if it is not bounded."""
        bound = self.scope_limits.bound[index]
        if bound is None:
            return None
        return max(0, self.committed[index] + self.asked[index] - bound) if self.asked[index] else 0

    def short(self) -> list[int]:
        """Return the sums (indexes into `Amounts`) that are short."""
        return [index for index, _ in bounded_sums(self.scope_limits.bound) if self.short_by(index)]


def figures_of(ledger: Ledger, pod: PodInfo) -> tuple[Figures, ...]:
    """Return the figures beside a pod under review, for every scope that the pod is charged to."""
    return tuple(_beside(ledger, pod, scope) for scope in ledger.charge(pod).scopes)


def _beside(ledger: Ledger, pod: PodInfo, scope: str) -> Figures:
    balance, own = ledger.balance(scope), ledger.part_of(pod, scope)
    charged = balance.committed.plus(balance.unseen)
    if own is None:
        return Figures(scope, ledger.growth(pod, scope), charged, balance.scope_limits)
    return Figures(scope, own, charged.minus(own), balance.scope_limits)
