"""Standing: what the account of one scope comes to."""

from msgspec import Struct

from webhook.core.config.percentage import Share
from webhook.core.ledger.capacity import ScopeLimits
from webhook.core.ledger.unbound import NONE_STUCK, Stuck
from webhook.core.values.amounts import Amounts


class Balance(Struct, frozen=True, gc=False):
    """One scope's account at one moment; `stuck` says what of `committed` no node can hold, and what stands apart."""

    scope: str
    committed: Amounts
    unseen: Amounts
    bearing: ScopeLimits
    stuck: Stuck = NONE_STUCK

    def is_past(self, share: Share) -> bool:
        """Say whether any sum is past a share of its bound."""
        sums = zip(self.bearing.bound, self.committed, self.unseen, strict=True)
        return any(bound is not None and held + granted > share.of(bound) for bound, held, granted in sums)

    def headroom(self, index: int) -> int | None:
        """What is left of one sum (an index into Amounts): below zero when over, None when it is not bounded."""
        bound = self.bearing.bound[index]
        return None if bound is None else bound - self.committed[index] - self.unseen[index]
