"""A replica next to another one whose entry in the shared object the test writes."""

from msgspec.structs import replace

from tests.support.replica import Judge
from webhook.core.sharing.shared_state import Holding, Shared
from webhook.core.values.amounts import Amounts

GI = 1 << 30


class Beside:
    """A replica, and the other replica's entry in the shared object."""

    def __init__(self, other: float, *, opened: bool = True) -> None:
        self.judge = Judge()
        self.judge.configure()
        self.judge.sync(memory=8)
        self._shared = Shared("epoch", open=opened)
        self._revision = 1
        self._renewal = 0
        self.tell(other)
        self.judge.book(fresh=False)

    def tell(self, other: float, answered: int = 0) -> None:
        """Let the other replica write that it holds `other` Gi and has answered all calls up to `answered`."""
        shared = self.judge.admission.state._guarded.allotment.shared or self._shared
        self._revision = max(self._revision, self.judge.admission.state._guarded.allotment.revision) + 1
        self._renewal += 1
        held = {"cluster": Amounts(memory_requests=int(other * GI))} if other else {}
        view = self.judge.admission.state._guarded.ledger.revision
        holdings = {**shared.holdings, "r2": Holding(self._renewal, view, answered, lean=answered > 0, held=held)}
        self.judge.admission.state.bookings.observe(
            replace(shared, serial=shared.serial + 1, holdings=holdings), self._revision
        )
