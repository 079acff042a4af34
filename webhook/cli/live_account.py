"""The account and the refusals as a person's own program reads them, again and again, for a page that stays open."""

import time
from collections.abc import Callable, Sequence
from threading import Event, Lock
from typing import Final, NamedTuple

from webhook.cli.cluster import CannotTell
from webhook.core.config.render import digest
from webhook.core.reporting.report import Report
from webhook.core.reporting.rows import BlockedRow, DenialRow
from webhook.web.sources import Settings

_TIMES: Final = 9  # a rest is so many times as long as the read before it: a large cluster is read less often


class Refused(NamedTuple):
    """What Headroom in the cluster says of refusals."""

    denials: Sequence[DenialRow] = ()
    blocked: Sequence[BlockedRow] = ()


class LastRefusals:
    """The refusals as they were read last. Any thread may ask; `revision` changes whenever the rows do."""

    def __init__(self, first: Refused) -> None:
        self._last = (first, 0)

    @property
    def revision(self) -> int:
        """Return a number that changes whenever the rows do."""
        return self._last[1]

    def denials(self) -> Sequence[DenialRow]:
        """Return recent refusals."""
        return self._last[0].denials

    def blocked(self) -> Sequence[BlockedRow]:
        """Return the owners that are still short of pods."""
        return self._last[0].blocked

    def put(self, rows: Refused) -> None:
        """Keep newer rows. One thread calls it."""
        before, revision = self._last
        if rows != before:
            self._last = (rows, revision + 1)


class LiveAccount:
    """The account as it was read last. Any thread may ask; one thread calls `refresh` or `run`.

    Making it reads for the first time, and raises `CannotTell`. Where a later read fails, the account stays as it was,
    and says why it cannot be trusted. `refused` reads the refusals; None: nobody knows them.
    """

    def __init__(
        self,
        read: Callable[[], Report],
        refused: Callable[[], Refused] | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read, self._ask, self._clock = read, refused, clock
        self._lock = Lock()
        self._report = read()
        self._read_at = clock()
        self.refusals = None if refused is None else LastRefusals(refused())

    def latest(self) -> Report:
        """Return the account that was read last; the same object until the next read."""
        with self._lock:
            return self._report

    def settings(self) -> Settings:
        """Return the configuration that it is counted under."""
        config = self.latest().account.accounting.config
        return Settings(config, digest(config), None)

    def refresh(self) -> None:
        """Read again."""
        try:
            report = self._read()
            if self._ask is not None and self.refusals is not None:
                self.refusals.put(self._ask())
        except CannotTell as error:
            report = self._stale(error.message)
        else:
            self._read_at = self._clock()
        with self._lock:
            self._report = report

    def run(self, interval: float, ending: Event) -> None:
        """Read every `interval` seconds, less often if a read takes long, until `ending` is set."""
        spent = 0.0
        while not ending.wait(max(interval, _TIMES * spent)):
            began = self._clock()
            self.refresh()
            spent = self._clock() - began

    def _stale(self, problem: str) -> Report:
        before = self.latest()
        age = self._clock() - self._read_at
        return Report(before.account, before.circumstances._replace(problem=problem, age=age))
