"""The room view: what is committed and free now, as reports and nudges ask for it; each call holds the lock briefly."""

from webhook.core.ledger.balance import Balance
from webhook.core.ledger.info import PodInfo
from webhook.state.cluster_state import ClusterState


class RoomView:
    """Reads a replica's state for what is not a review. Any thread may call it."""

    def __init__(self, account: ClusterState) -> None:
        self._account = account

    @property
    def nudges(self) -> bool:
        """Say whether blocked owners are to be touched when room comes back."""
        return self._account.config.nudge

    def balances(self) -> dict[str, Balance]:
        """Return the balance of each scope; empty while there is no account to judge by."""
        account = self._account
        with account.lock:
            if account.problem(account.clock()) is not None:
                return {}
            return {scope: account.ledger.standing(scope) for scope in account.ledger.accounting.scopes}

    def scopes_of(self, pod: PodInfo) -> tuple[str, ...]:
        """Return the scopes that a pod is charged to."""
        with self._account.lock:
            return tuple(self._account.ledger.spread(pod).scopes)

    def is_there(self, name: str) -> bool:
        """Say whether a pod has this name (namespace/name), or was admitted under it and has not been seen yet."""
        with self._account.lock:
            return not self._account.ledger.is_unknown(name)

    def comes_first(self) -> bool:
        """Say whether this replica is the first by name of those that grant, so that one replica does what one must.

        For some seconds two may take themselves for it, or none.
        """
        account = self._account
        with account.lock:
            allotment, now = account.allotment, account.clock()
            if not allotment.valid(now) or allotment.shared is None:
                return False
            return allotment.replica == min(allotment.shared.holdings.keys() - allotment.silent(now).keys())
