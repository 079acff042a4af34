"""The allotment controller: the one thread that writes the shared object, by compare-and-swap, as `Allotment` proposes.

wait for work ──► next proposal ──► write ──► written │ lost: read it again, propose again │ unknown: write it again

If a write loses, another replica's write has succeeded. So the next one is tried immediately; after some losses in a
row, with growing pauses.
"""

import logging
import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import NamedTuple

from webhook.controllers.allotment_store import NAME, AllotmentStore, state
from webhook.controllers.relist import RelistController
from webhook.core.sharing.allotment import Proposal
from webhook.core.sharing.shared_state import NewerVersionError, Shared, SharedError
from webhook.kube.backoff import Backoff
from webhook.kube.configmaps import ConfigMap, ConfigMaps
from webhook.kube.stream import ApiError, Conflict, KubeError, NotFound, Unanswered, Unreachable
from webhook.state.bookings import Bookings

log = logging.getLogger(__name__)

_IDLE = 0.2  # the longest wait for work, in seconds, because some work becomes due by time alone
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.1, 1.0  # seconds before the next try, after the object could not be read or written
_LONGEST_ASKED = 5.0  # seconds that a busy API server may ask for; after more, a share would become too old to use
TIMEOUT = 5.0  # seconds for one call
_SERVER_ERROR = 500  # with an HTTP status from this on, the write may have been carried out nevertheless
_BETWEEN_PROOFS = 5.0  # seconds between requests for a proof; a proof takes up to 3 s
_MARKED_FOR = 10.0  # seconds for which a mark made here shows that no object existed before; less than any validity
_FAREWELL = 1.5  # seconds for the last write
_LOSSES = 4  # up to this many losses in a row, the next write is tried at once: other replicas can well win as many
_SHORTEST_TRUCE, _LONGEST_TRUCE = 0.01, 1.0  # seconds before the next write, after more losses
_LOOKS = 20  # reads, with pauses between them, of an object that another replica may be about to create


class _Write(NamedTuple):
    """A proposal, and the revision of the object that it replaces (0: it creates the object)."""

    proposal: Proposal
    revision: int


@dataclass(slots=True)
class Tally:
    """Counts of attempts to write, by result, for metrics. An attempt without an answer is sent again."""

    written: int = 0
    conflicts: int = 0
    failed: int = 0
    unanswered: int = 0
    hand_backs: int = 0  # those of `written` that answered another replica's call


def _wait(seconds: float, done: Callable[[], bool]) -> bool:
    """Wait until `done` returns True, for up to `seconds`; return its last result."""
    deadline = time.monotonic() + seconds
    while not (is_done := done()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return is_done


def _may_be_done(error: KubeError) -> bool:
    """Say whether a write that failed with this error may have been carried out nevertheless."""
    return isinstance(error, Unanswered) or (isinstance(error, ApiError) and error.status >= _SERVER_ERROR)


class AllotmentController:
    """Writes this replica's holding into the shared object.

    One thread calls `run`, and then another may call `leave`. The watch of the object calls `tell` and `listed`.
    """

    def __init__(
        self,
        configmaps: ConfigMaps,
        bookings: Bookings,
        stop: Event,
        request_proof: Callable[[], None],
        rereading: RelistController,
    ) -> None:
        self._store = AllotmentStore(configmaps)
        self._timeout: float | None = None  # of each call; None: the usual one
        self._bookings = bookings
        self._stop = stop
        self._request_proof = request_proof
        self._rereading = rereading
        self._losses = 0  # writes that lost since the last successful one
        self._truce = Backoff(_SHORTEST_TRUCE, _LONGEST_TRUCE, random.random)
        self._deaf = False  # True after a restore of etcd until the watch lists: its events may be of the old history
        self.tally = Tally()
        self._proof_due = float("-inf")
        self._answered = 0
        self._fault = ""
        self._backoff = Backoff(_SHORTEST_PAUSE, _LONGEST_PAUSE, random.random)
        self._known = False  # whether the object has been read since the last problem with it
        self._marked_until = float("-inf")
        self._unsettled: _Write | None = None

    def run(self) -> None:
        """Write bookings until stopped; never raises and never gives up."""
        while not self._stop.is_set():
            try:
                self._step()
            except Exception as error:  # noqa: BLE001 - after any failure, pending reviews still need a booking
                self._recover(error)
            else:
                self._backoff.reset()
                self._fault = ""

    def _recover(self, error: Exception) -> None:
        """Log what went wrong, once for each new problem of the API, and read the object again after a pause."""
        self._known = False
        if self._unsettled is None:
            self._bookings.failed()  # a proposal that was never sent
        self._bookings.excuse()
        if isinstance(error, Unreachable):
            self._bookings.lose_touch()
        if isinstance(error, KubeError | NewerVersionError):
            if str(error) != self._fault:
                log.warning("the shared object %s could not be read or written: %s", NAME, error)
            self._fault = str(error)
        else:
            log.error("the booking failed; looking at the shared object again", exc_info=error)
        self._stop.wait(self._backoff.after(error, _LONGEST_ASKED))

    def _step(self) -> None:
        self._rereading.look(self._turn_deaf)
        if self._unsettled is not None:
            self._again(self._unsettled)
            return
        if not self._known and self._bookings.problem() is None:
            self._look()
        self._ask_for_proof()
        epoch = secrets.token_hex(6)
        proposed = self._bookings.next_proposal(epoch, fresh=self._is_fresh(), may_write=self._known)
        if proposed is None:
            self._bookings.await_work(_IDLE)
        else:
            self._write(_Write(*proposed))

    def _turn_deaf(self) -> None:
        """Ignore the watch's events until its next list. Called before that list is requested: it may come at once."""
        self._deaf, self._known = True, False

    def _ask_for_proof(self) -> None:
        now = self._bookings.clock()
        if now >= self._proof_due and self._bookings.wants_proof():
            self._proof_due = now + _BETWEEN_PROOFS
            self._request_proof()

    def leave(self, patience: float) -> None:
        """Hand back what is not spent; call it after `run` has ended and the last review was answered.

        It waits up to `patience` seconds for the watch to show the pods that were admitted last, because room for a pod
        that may still come has to stay in the object until other replicas see it lapse. The write may take some more
        seconds.
        """
        _wait(patience, lambda: not self._bookings.still_to_come())
        self._timeout = _FAREWELL
        if not _wait(_FAREWELL, self._left):
            log.warning("what this replica holds could not be handed back: others get it when it has lapsed")
        elif open_still := self._bookings.still_to_come():
            log.warning(
                "%d pods that were let in have not been seen: their room is free when it has lapsed", open_still
            )
        else:
            log.info("everything is handed back")

    def _left(self) -> bool:
        written = self.tally.written
        try:
            if self._unsettled is not None:
                self._again(self._unsettled)
                return False
            proposed = self._bookings.farewell()
            if proposed is None:
                return True
            self._write(_Write(*proposed))
        except (KubeError, NewerVersionError) as error:
            log.warning("the shared object %s could not be read or written: %s", NAME, error)
            return False
        return self.tally.written > written

    def tell(self, configmap: ConfigMap | None, revision: int) -> None:
        """Record what the watch shows of the object; None: it was deleted."""
        try:
            shown = None if configmap is None else state(configmap)
        except (SharedError, NewerVersionError):
            shown = None
        if configmap is not None:
            self._bookings.born(configmap.metadata.creation_timestamp)
        restarts = self._rereading.restarts  # read before `_deaf`, which is set before it grows
        if self._deaf or not self._bookings.watched(shown, revision, restarts):
            return
        if shown is None:
            self._known = False  # read the object: the watch's event may be outdated

    def listed(self, configmap: ConfigMap | None, revision: int) -> None:
        """Record the watch's list. After a restore of etcd, the object is read instead, past all caches."""
        if not self._bookings.restores().restarts:
            self.tell(configmap, revision)
        else:
            self._deaf = self._known = False

    def _look(self) -> None:
        self._known = True  # before the read: an event that arrives during the read sets it to False again
        known = self._bookings.newest()
        found, revision = self._store.find(self._timeout)
        if not revision and not self._is_fresh() and not self._mark():
            known = self._bookings.newest()
            found, revision = self._await_maker()
        self._bookings.observe(found, revision, known)

    def _is_fresh(self) -> bool:
        """Say whether there has never been a shared object: this replica made the mark, and only a moment ago."""
        return self._bookings.clock() < self._marked_until

    def _mark(self) -> bool:
        sent = self._bookings.clock()
        if not self._store.mark(self._timeout):
            return False
        self._marked_until = sent + _MARKED_FOR
        return True

    def _await_maker(self) -> tuple[Shared | None, int]:
        """Read the object a few more times: the replica that made the mark will create it, unless it was lost."""
        for _ in range(_LOOKS):
            self._stop.wait(_SHORTEST_PAUSE)
            found, revision = self._store.find(self._timeout)
            if revision:
                return found, revision
        log.warning("%s is lost: it is created again, and opened after a while", NAME)
        return None, 0

    def _write(self, write: _Write) -> None:
        """Send a write; if its result stays unknown, keep it as unsettled, so that it is sent again."""
        self._unsettled = write
        try:
            revision = self._store.write(write.proposal.shared, write.revision, self._timeout)
        except (Conflict, NotFound):
            self._resolve(write)
        except KubeError as error:
            if _may_be_done(error):
                self.tally.unanswered += 1
                raise  # the write stays unsettled, and the next step sends it again
            self.tally.failed += 1
            self._unsettled = None
            self._bookings.failed()
            raise
        else:
            self._count(write.proposal)
            self._bookings.written(write.proposal, revision)
        self._unsettled = None

    def _count(self, proposal: Proposal) -> None:
        self._losses = 0
        self._truce.reset()
        self.tally.written += 1
        mine = proposal.shared.holdings.get(self._bookings.replica)
        if mine is not None and mine.answered > self._answered:
            self._answered = mine.answered
            self.tally.hand_backs += 1
            log.debug("handed back what was not spent, for call %d", mine.answered)

    def _again(self, write: _Write) -> None:
        """Settle a write whose result is unknown: send it again, or, if it creates the object, read the object.

        A create need not be sent again: even if it arrives late, it creates a closed object, which grants nothing.
        """
        if write.revision:
            self._write(write)
        else:
            self._resolve(write)
            self._unsettled = None

    def _resolve(self, write: _Write) -> None:
        """Read the object to find out whether an earlier attempt at this write was carried out; else count a loss."""
        known = self._bookings.newest()
        found, revision = self._store.find(self._timeout)
        if self._bookings.lost(write.proposal, found, revision, known):
            self._count(write.proposal)
            return
        self.tally.conflicts += 1
        self._losses += 1
        if self._losses > _LOSSES:
            self._stop.wait(self._truce.next())
