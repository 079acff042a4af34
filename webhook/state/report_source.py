"""Where every surface gets its report: one for all readers, and a new one at most twice a second."""

from collections.abc import Callable
from threading import Lock
from typing import Final

from webhook.core.reporting.report import Circumstances, Report
from webhook.state.cluster_state import AccountMark, ClusterState

INTERVAL: Final = 0.5  # seconds


class ReportSource:
    """Hands out reports of one replica's account; any thread may call `latest`, however many readers there are.

    The state's lock is held for as long as the account takes to copy, at most once in `INTERVAL`; everything else is
    worked out without it, once for all readers. `wall_clock` returns the time in RFC 3339.
    """

    def __init__(self, account: ClusterState, wall_clock: Callable[[], str]) -> None:
        self._account = account
        self._wall_clock = wall_clock
        self._lock = Lock()
        self._looked = float("-inf")
        self._mark: AccountMark | None = None
        self._report: Report | None = None

    def latest(self) -> Report:
        """Return a report that is at most `INTERVAL` seconds old: the same object for as long as nothing has changed.

        It waits only for another reader that is copying the account. Its `as_of` is when this account was first shown.
        """
        with self._lock:
            now = self._account.clock()
            if self._report is None or now >= self._looked + INTERVAL:
                self._looked = now
                self._look()
            if self._report is None:
                raise AssertionError("the first look always makes a report")
            return self._report

    def _look(self) -> None:
        mark, snapshot = self._account.look(self._mark)
        if mark == self._mark and snapshot is None:
            return
        account = snapshot or (self._report.account if self._report else None)
        if account is None:
            raise AssertionError("the first look always copies the account")
        self._mark = mark
        elsewhere = {scope: granted for scope, _, granted in mark.granted}
        said = Circumstances(self._wall_clock(), mark.age, mark.problem, mark.config_hash, elsewhere)
        self._report = Report(account, said)
