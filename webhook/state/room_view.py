"""The room view: what is committed and free now, as reports and nudges ask for it; each call holds the lock briefly."""

from webhook.core.ledger.balance import Balance
from webhook.core.ledger.info import PodInfo
from webhook.core.sharing.allotment import Allotment
from webhook.state.cluster_state import ClusterState


class RoomView:
    """Reads a replica's state for what is not a review. Any thread may call it."""

    def __init__(self, state: ClusterState) -> None:
        self._state = state

    @property
    def nudges(self) -> bool:
        """Say whether blocked owners are to be touched when room comes back."""
        return self._state.basis.config.nudge

    def balances(self) -> dict[str, Balance]:
        """Return the balance of each scope; empty while there is no account to judge by."""
        if self._state.readiness.problem(self._state.clock()) is not None:
            return {}
        return self._state.read(lambda ledger: {scope: ledger.balance(scope) for scope in ledger.accounting.scopes})

    def scopes_of(self, pod: PodInfo) -> tuple[str, ...]:
        """Return the scopes that a pod is charged to."""
        return self._state.read(lambda ledger: tuple(ledger.charge(pod).scopes))

    def is_there(self, name: str) -> bool:
        """Say whether a pod has this name (namespace/name), or was admitted under it and has not been seen yet."""
        return self._state.read(lambda ledger: not ledger.is_unknown(name))

    def comes_first(self) -> bool:
        """Say whether this replica is the first by name of those that grant, so that one replica does what one must.

        For some seconds two may take themselves for it, or none.
        """
        now = self._state.clock()
        return self._state.read_holdings(lambda _, allotment: _is_first(allotment, now))


def _is_first(allotment: Allotment, now: float) -> bool:
    if not allotment.valid(now) or allotment.shared is None:
        return False
    return allotment.replica == min(allotment.shared.holdings.keys() - allotment.silent(now).keys())
