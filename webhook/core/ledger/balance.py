"""Balance: what is committed, granted and free in one scope."""

from msgspec import Struct

from webhook.core.config.percentage import Share
from webhook.core.ledger.capacity import ScopeLimits
from webhook.core.ledger.unbound import NONE_STUCK, Stuck
from webhook.core.values.amounts import Amounts


class Balance(Struct, frozen=True, gc=False):
    """The figures of one scope at one moment.

    `unseen` is what was granted and not seen yet. `stuck` says how much of `committed` no node can hold, and how much
    stands apart, outside `committed`.
    """

    scope: str
    committed: Amounts
    unseen: Amounts
    scope_limits: ScopeLimits
    stuck: Stuck = NONE_STUCK

    def is_past(self, share: Share) -> bool:
        """Say whether any sum, with what was granted and not seen yet, is past a share of its bound."""
        sums = zip(self.scope_limits.bound, self.committed, self.unseen, strict=True)
        return any(bound is not None and held + granted > share.of(bound) for bound, held, granted in sums)

    def headroom(self, index: int) -> int | None:
        """Return what is free of one sum (an index into `Amounts`): negative past the bound, None if not bounded."""
        bound = self.scope_limits.bound[index]
        return None if bound is None else bound - self.committed[index] - self.unseen[index]
