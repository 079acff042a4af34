"""Where every surface gets its report: one for all readers, and a new one at most twice a second."""

from collections.abc import Callable
from threading import Lock
from typing import Final, NamedTuple

from webhook.core.ledger.account import AccountSnapshot
from webhook.core.ledger.ledger import Ledger
from webhook.core.reporting.report import Circumstances, Memo, Report
from webhook.core.sharing.allotment import Allotment
from webhook.core.values.amounts import Amounts
from webhook.state.cluster_state import ClusterState

INTERVAL: Final = 0.5  # seconds


class _Mark(NamedTuple):
    """By what an account is known to be another one; `granted` has by scope what this replica and others granted."""

    changes: int
    revision: int
    granted: tuple[tuple[str, Amounts, Amounts], ...]
    config_hash: str


class _Around(NamedTuple):
    """What is wrong with the account, and for how long a watch has been broken, in seconds."""

    problem: str | None
    age: float


class ReportSource:
    """Hands out reports of one replica's account; any thread may call `latest`, however many readers there are.

    The state's lock is held for as long as the account takes to copy, at most once in `INTERVAL`; everything else is
    worked out without it, once for all readers. `wall_clock` returns the time in RFC 3339.
    """

    def __init__(self, state: ClusterState, wall_clock: Callable[[], str]) -> None:
        self._state = state
        self._wall_clock = wall_clock
        self._lock = Lock()
        self._looked = float("-inf")
        self._memo = Memo()
        self._seen: tuple[_Mark, _Around, Report] | None = None

    def latest(self) -> Report:
        """Return a report that is at most `INTERVAL` seconds old: the same object for as long as nothing has changed.

        It waits only for another reader that is copying the account. Its `as_of` is when this account was first shown.
        """
        with self._lock:
            now = self._state.clock()
            if self._seen is None or now >= self._looked + INTERVAL:
                self._looked = now
                self._seen = self._look(now)
            return self._seen[2]

    def _look(self, now: float) -> tuple[_Mark, _Around, Report]:
        known = None if self._seen is None else self._seen[0]

        def take(ledger: Ledger, allotment: Allotment) -> tuple[_Mark, AccountSnapshot | None]:
            mark = _mark(ledger, allotment, self._state.basis.config_hash)
            return mark, None if mark == known else ledger.account(now)

        mark, account = self._state.read_holdings(take)
        around = _Around(self._state.readiness.problem(now), self._state.readiness.age(now))
        if self._seen is not None:
            if account is None and around == self._seen[1]:
                return self._seen
            account = account or self._seen[2].account
        assert account is not None  # noqa: S101 - the first look has no known mark, so it takes the account
        elsewhere = {scope: granted for scope, _, granted in mark.granted}
        said = Circumstances(self._wall_clock(), around.age, around.problem, mark.config_hash, elsewhere)
        return mark, around, Report(account, said, self._memo)


def _mark(ledger: Ledger, allotment: Allotment, config_hash: str) -> _Mark:
    granted = tuple(
        (scope, ledger.reservations.unseen(scope), allotment.granted_elsewhere(scope))
        for scope in ledger.accounting.scopes
    )
    return _Mark(ledger.changes, ledger.revision, granted, config_hash)
