"""Refusals: keeps recent denials and blocked owners, shares them between replicas, and nudges who may try again.

`take` is all that a review's thread does. A thread of its own does the rest, every half second: it looks up owners,
publishes what changed, reads the controllers of blocked owners within strict limits, and, where the configuration says
`nudge: true`, touches those for which room came back. If the API server is slow, only this falls behind.
"""

import logging
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Event, Lock
from typing import Final, NamedTuple

from msgspec.structs import replace

from webhook.controllers.owner_reads import GoneError, OwnerReads
from webhook.controllers.refusal_exchange import RefusalExchange
from webhook.core.events.reference import Reference
from webhook.core.reporting.blocked import Blocked, BlockedOwners
from webhook.core.reporting.denials import Denials, merged
from webhook.core.reporting.nudges import Nudges
from webhook.core.reporting.publication import Publication, blocked_of, denials_of, fitted, joined
from webhook.core.reporting.refusal import Refusal, is_bare
from webhook.core.reporting.room import Balances, missing, row_of
from webhook.core.reporting.rows import BlockedRow, DenialRow
from webhook.core.values.bucket import Bucket
from webhook.kube.stream import KubeError
from webhook.state.room_view import RoomView

log = logging.getLogger(__name__)

_EVERY = 0.5  # seconds between two looks; a look touches one owner at most, beside those that are gone
_QUEUE = 1_000  # refusals that wait for a look; of more, the oldest are dropped and counted
_READS, _BURST = 5.0, 10  # reads of controllers a second
_WITHIN = 0.3  # seconds that a look spends on finding owners, on reading and on touching controllers, each
_PAUSE = 5.0  # seconds without reads or nudges after one has failed
_SILENCE: Final = 3600.0  # seconds until the log says again that owners cannot be touched


class _Joined(NamedTuple):
    """What all replicas show, at one version of the exchange."""

    version: int = 0
    denials: tuple[DenialRow, ...] = ()
    blocked: tuple[Blocked, ...] = ()


class RefusalController:
    """The denials and blocked owners of all replicas. One thread calls `run`; any thread may call `take` and the rest.

    `top` finds the owner of a controller (top_owners.py); only the thread of `run` calls it. `wall_clock` is for the
    time that a nudge notes, `clock` for everything else.
    """

    def __init__(
        self,
        room: RoomView,
        reads: OwnerReads,
        exchange: RefusalExchange,
        stop: Event,
        *,
        top: Callable[[Reference], Reference | None],
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
    ) -> None:
        self._room, self._reads, self._exchange = room, reads, exchange
        self._stop, self._top = stop, top
        self._clock, self._wall_clock = clock, wall_clock
        self._queue: deque[Refusal] = deque(maxlen=_QUEUE)
        self._denials, self._blocked, self._nudges = Denials(), BlockedOwners(), Nudges()
        self._bucket = Bucket(_READS, _BURST)
        self._again_at = self._warned_at = float("-inf")
        self._last = _Joined()
        self._lock, self._revision = Lock(), 0  # guards `_rows` and `_revision`
        self._rows: tuple[tuple[DenialRow, ...], tuple[BlockedRow, ...]] = (), ()
        self.dropped = 0  # refusals that came faster than they could be taken in
        self.nudged = 0  # owners touched

    # -- what any thread may ask ---------------------------------------------------------------------------------------

    def take(self, refusal: Refusal) -> None:
        """Take in a refusal; never waits."""
        if len(self._queue) == _QUEUE:
            self.dropped += 1
        self._queue.append(refusal)

    @property
    def revision(self) -> int:
        """A number that changes whenever the rows do."""
        rows = self.denials(), self.blocked()
        with self._lock:
            if rows != self._rows:
                self._rows = rows
                self._revision += 1
            return self._revision

    def denials(self) -> tuple[DenialRow, ...]:
        """Return the recent denials of all replicas, newest first."""
        return self._joined().denials

    def blocked(self) -> tuple[BlockedRow, ...]:
        """Return the blocked owners of all replicas, first those that have been so for longest."""
        balances = self._room.balances()
        return tuple(row_of(each, balances) for each in self._joined().blocked)

    def blocked_count(self) -> int:
        """Return how many owners are blocked, whichever replica refused them."""
        return len(self._joined().blocked)

    def _joined(self) -> _Joined:
        """Return what all replicas show; it is made once for each change."""
        version, known = self._exchange.version, self._last
        if known.version != version:
            views = self._exchange.views
            self._last = known = _Joined(version, denials_of(views), blocked_of(views))
        return known

    @property
    def forgotten(self) -> int:
        """How many blocked owners this replica had no room for."""
        return self._blocked.dropped

    # -- the loop ------------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Look until stopped; never raises."""
        while not self._stop.wait(_EVERY):
            try:
                self.look()
            except Exception:
                log.exception("what was refused could not be taken in")

    def look(self) -> None:
        """Do once what is due."""
        changed = self._drain()
        if self._expire(self._clock()) or changed:
            self._show()
        self._take_over()
        self._exchange.write()
        if len(self._blocked) and self._read_owners():
            self._show()
            self._exchange.write()
        if self._room.nudges:
            until = self._clock() + _WITHIN
            while self._nudge() and self._clock() < until:
                pass  # what is gone holds up nobody

    def _drain(self) -> bool:
        found = [self._queue.popleft() for _ in range(len(self._queue))]
        until = self._clock() + _WITHIN
        for refusal in found:
            now = self._clock()
            top = self._top(refusal.owner) if refusal.owner is not None and now < until else None
            row = refusal.row if top is None else replace(refusal.row, top_owner_kind=top.kind, top_owner_name=top.name)
            self._denials.add(row, now)
            if refusal.blocks:
                self._blocked.refused(refusal, top, now)
        return bool(found)

    def _expire(self, now: float) -> bool:
        came = [
            self._blocked.gone(each.owner)
            for each in self._blocked.owners()
            if is_bare(each.owner) and self._room.is_there(f"{each.owner.namespace}/{each.owner.name}")
        ]
        return any([*came, self._denials.expire(now), self._blocked.expire(now)])

    def _show(self) -> None:
        self._exchange.show(fitted(self._denials.rows(), self._blocked.owners()))

    def _take_over(self) -> None:
        """Take over what a replica that has ended showed; if that fails, everything stays as it is."""

        def beside(ended: Publication) -> Publication:
            denials = merged([*self._denials.rows(), *ended.denials])
            return fitted(denials, joined([*self._blocked.owners(), *ended.blocked]))

        ended = self._exchange.take_over(beside)
        if ended is not None:
            now = self._clock()
            self._blocked.adopt(ended.blocked, now)
            for row in reversed(ended.denials):
                self._denials.add(row, now)

    # -- controllers ---------------------------------------------------------------------------------------------------

    def _read_owners(self) -> bool:
        """Read the controllers that are due, as far as the limits allow; say whether anything changed."""
        began = self._clock()
        if began < self._again_at:
            return False
        balances, changed = self._room.balances(), False
        for owner in self._blocked.due(began, lambda each: _fits(each, balances)):
            now = self._clock()
            if now >= began + _WITHIN or not self._bucket.take(now):
                break
            self._blocked.begin_read(owner, now)
            try:
                changed |= self._read(owner)
            except KubeError as error:
                log.info("controllers of blocked pods are not read for %.0f s: %s", _PAUSE, error)
                self._again_at = self._clock() + _PAUSE
                break
        return changed

    def _read(self, owner: Reference) -> bool:
        try:
            found = self._reads.read(owner)
        except GoneError:
            return self._blocked.gone(owner)
        if found is None:
            return False
        lacks, top = found
        return self._blocked.read(owner, lacks.missing, stuck=lacks.stuck, top=top)

    def _nudge(self) -> bool:
        """Touch the next owner for which there is room, if this replica is the one that does it; say if it is gone."""
        now = self._clock()
        if now < self._again_at or not (blocked := self._joined().blocked) or not self._room.comes_first():
            return False
        target = self._nudges.next(blocked, self._room.balances(), now)
        if target is None:
            return False
        owner = target.owner
        try:
            self._reads.touch(owner, datetime.fromtimestamp(self._wall_clock(), UTC).isoformat(timespec="milliseconds"))
        except GoneError:
            self._nudges.gone(owner)
            if self._blocked.gone(owner):
                self._show()
            return True
        except KubeError as error:
            self._tell_of_failure(owner, error, now)
        else:
            self.nudged += 1
            log.info("room is free again: touched %s %s/%s", owner.kind, owner.namespace, owner.name)
        return False

    def _tell_of_failure(self, owner: Reference, error: KubeError, now: float) -> None:
        if now >= self._warned_at + _SILENCE:
            self._warned_at = now
            about = owner.kind, owner.namespace, owner.name
            text = "%s %s/%s could not be touched (nudge: true needs manifests/components/nudge): %s"
            log.warning(text, *about, error)


def _fits(blocked: Blocked, balances: Balances) -> bool:
    short = missing(blocked, balances)
    return short is not None and short.fits
