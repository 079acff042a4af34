"""Booking: the one thread that writes the shared object, with compare-and-swap, as the allotment proposes.

wait for work ──► next proposal ──► write ──► written │ lost: read it again, propose again │ unknown: write it again

A write that lost is another's success, so the next one is tried at once; but after some in a row with growing pauses.
"""

import logging
import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event
from typing import NamedTuple

from webhook.admission.pods import PodAdmission
from webhook.controllers.allotment_store import NAME, AllotmentStore, state
from webhook.controllers.relist import RelistController
from webhook.core.sharing.allotment import Proposal
from webhook.core.sharing.shared_state import NewerVersionError, Shared, SharedError
from webhook.kube.backoff import Backoff
from webhook.kube.configmaps import ConfigMap, ConfigMaps
from webhook.kube.stream import ApiError, Conflict, KubeError, NotFound, Unanswered, Unreachable

log = logging.getLogger(__name__)

_IDLE = 0.2  # seconds between looks at what time alone makes due
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.1, 1.0  # seconds before an object is tried again that could not be read or written
TIMEOUT = 5.0  # seconds for one call
_SERVER_ERROR = 500  # from this HTTP status on, a write may have been carried out all the same
_BETWEEN_PROOFS = 5.0  # seconds: a proof takes up to three
_MARKED_FOR = 10.0  # seconds for which having made the mark says that no object was there; less than any validity
_FAREWELL = 1.5  # seconds for the last write
_LOSSES = 4  # writes that lost in a row and are tried again at once: as many as other replicas may well have won
_SHORTEST_TRUCE, _LONGEST_TRUCE = 0.01, 1.0  # seconds before the next, after more of them
_LOOKS = 20  # with pauses between them, for an object that another replica is about to make


class _Write(NamedTuple):
    """A proposal, and the revision of the object that it replaces (0: it makes the object)."""

    proposal: Proposal
    revision: int


@dataclass(slots=True)
class Tally:
    """What became of the writes so far: each ends as one of the first four, and is sent again after the last two."""

    written: int = 0
    conflicts: int = 0
    failed: int = 0
    unanswered: int = 0
    hand_backs: int = 0  # of those written, the ones that answered another replica's call


def _wait(seconds: float, done: Callable[[], bool]) -> bool:
    """Wait until something is done, or for so long; say whether it is."""
    deadline = time.monotonic() + seconds
    while not (is_done := done()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return is_done


def _may_be_done(error: KubeError) -> bool:
    """Say whether a write may have been carried out although it failed."""
    return isinstance(error, Unanswered) or (isinstance(error, ApiError) and error.status >= _SERVER_ERROR)


class AllotmentController:
    """Keeps this replica's share of the shared object; `run` belongs to one thread, `tell` to any."""

    def __init__(
        self,
        configmaps: ConfigMaps,
        admission: PodAdmission,
        stop: Event,
        request_proof: Callable[[], None],
        rereading: RelistController | None = None,
    ) -> None:
        self._escrow = AllotmentStore(configmaps)
        self._admission = admission
        self._account = admission.account
        self._stop = stop
        self._request_proof = request_proof
        self._rereading = rereading or RelistController(admission.account)
        self._losses = 0  # writes that lost, since one did not
        self._truce = Backoff(_SHORTEST_TRUCE, _LONGEST_TRUCE, random.random)
        self._deaf = False  # what the watch tells is of a history that was replaced
        self.tally = Tally()
        self._proof_due = float("-inf")
        self._answered = 0
        self._fault = ""
        self._backoff = Backoff(_SHORTEST_PAUSE, _LONGEST_PAUSE, random.random)
        self._known = False  # whether the object was looked for since something went wrong with it
        self._marked_until = float("-inf")
        self._unsettled: _Write | None = None

    def run(self) -> None:
        """Book until stopped; never raises and never gives up."""
        while not self._stop.is_set():
            try:
                self._step()
            except Exception as error:  # noqa: BLE001 - whatever fails, what waits for a booking goes on waiting for one
                self._recover(error)
            else:
                self._backoff.reset()
                self._fault = ""

    def _recover(self, error: Exception) -> None:
        """Say what went wrong, once; look at the object again after a while."""
        self._known = False
        if self._unsettled is None:
            self._account.proposal_failed()  # what was proposed, and not sent
        self._account.excuse()
        if isinstance(error, Unreachable):
            self._account.lose_touch()
        if isinstance(error, KubeError | NewerVersionError):
            if str(error) != self._fault:
                log.warning("the shared object %s could not be read or written: %s", NAME, error)
            self._fault = str(error)
        else:
            log.error("the booking failed; looking at the shared object again", exc_info=error)
        self._stop.wait(self._backoff.next())

    def _step(self) -> None:
        self._rereading.look(self._turn_deaf)
        if self._unsettled is not None:
            self._again(self._unsettled)
            return
        if not self._known and self._account.problem(self._account.clock()) is None:
            self._look()
        self._ask_for_proof()
        epoch = secrets.token_hex(6)
        proposed = self._admission.next_proposal(epoch, fresh=self._is_fresh(), may_write=self._known)
        if proposed is None:
            self._account.await_work(_IDLE)
        else:
            self._write(_Write(*proposed))

    def _turn_deaf(self) -> None:
        """Believe no watch before its list, which may come as soon as it is asked for."""
        self._deaf, self._known = True, False

    def _ask_for_proof(self) -> None:
        now = self._account.clock()
        if now >= self._proof_due and self._account.wants_proof():
            self._proof_due = now + _BETWEEN_PROOFS
            self._request_proof()

    def leave(self, patience: float) -> None:
        """Hand back what is not spent, once `run` has ended and the last review was answered.

        Waits up to `patience` seconds for the watch to show the pods that were let in last, since what may still come
        has to stay in the object until others see that it lapsed; and takes some seconds for the write.
        """
        _wait(patience, lambda: not self._account.still_to_come())
        self._escrow.hurry(_FAREWELL)
        if not _wait(_FAREWELL, self._left):
            log.warning("what this replica holds could not be handed back: others get it when it has lapsed")
        elif open_still := self._account.still_to_come():
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
            proposed = self._account.farewell()
            if proposed is None:
                return True
            self._write(_Write(*proposed))
        except (KubeError, NewerVersionError) as error:
            log.warning("the shared object %s could not be read or written: %s", NAME, error)
            return False
        return self.tally.written > written

    def tell(self, configmap: ConfigMap | None, revision: int) -> None:
        """Take in what the watch shows of the object; None: it was deleted."""
        try:
            shown = None if configmap is None else state(configmap)
        except (SharedError, NewerVersionError):
            shown = None
        with self._account.lock:  # any watch may find out that history was replaced
            if self._deaf or self._rereading.restarted:
                return
            if shown is None:
                self._known = False  # look for oneself: this may be old news
            else:
                self._account.observe(shown, revision)

    def listed(self, configmap: ConfigMap | None, revision: int) -> None:
        """Take in what the watch begins with; after a restore the object is read instead, past all caches."""
        if not self._account.allotment.restarts:
            self.tell(configmap, revision)
        else:
            self._deaf = self._known = False

    def _look(self) -> None:
        self._known = True  # first: news that come while we look make it false again
        known = self._account.newest()
        found, revision = self._escrow.find()
        if not revision and not self._is_fresh() and not self._mark():
            known = self._account.newest()
            found, revision = self._await_maker()
        self._account.observe(found, revision, known)

    def _is_fresh(self) -> bool:
        """Say whether no object was ever there, since our own mark is the first."""
        return self._account.clock() < self._marked_until

    def _mark(self) -> bool:
        sent = self._account.clock()
        if not self._escrow.mark():
            return False
        self._marked_until = sent + _MARKED_FOR
        return True

    def _await_maker(self) -> tuple[Shared | None, int]:
        """Look a few times more: whoever made the mark is about to make the object, unless it was lost."""
        for _ in range(_LOOKS):
            self._stop.wait(_SHORTEST_PAUSE)
            found, revision = self._escrow.find()
            if revision:
                return found, revision
        log.warning("%s is lost: it is made anew, and opened after a while", NAME)
        return None, 0

    def _write(self, write: _Write) -> None:
        """Send a write, as often as it takes to know what became of it."""
        self._unsettled = write
        try:
            revision = self._escrow.write(write.proposal.shared, write.revision)
        except (Conflict, NotFound):
            self._resolve(write)
        except KubeError as error:
            if _may_be_done(error):
                self.tally.unanswered += 1
                raise  # it stays unsettled, and is sent again
            self.tally.failed += 1
            self._unsettled = None
            self._account.proposal_failed()
            raise
        else:
            self._count(write.proposal)
            self._admission.proposal_written(write.proposal, revision)
        self._unsettled = None

    def _count(self, proposal: Proposal) -> None:
        self._losses = 0
        self._truce.reset()
        self.tally.written += 1
        mine = proposal.shared.holdings.get(self._account.allotment.replica)
        if mine is not None and mine.answered > self._answered:
            self._answered = mine.answered
            self.tally.hand_backs += 1
            log.debug("handed back what was not spent, for call %d", mine.answered)

    def _again(self, write: _Write) -> None:
        """Settle a write of which nothing is known; one that made the object made it closed, whenever that happened."""
        if write.revision:
            self._write(write)
        else:
            self._resolve(write)
            self._unsettled = None

    def _resolve(self, write: _Write) -> None:
        """Find out whether an earlier attempt at this write was carried out after all."""
        known = self._account.newest()
        found, revision = self._escrow.find()
        if self._admission.resolve(write.proposal, found, revision, known):
            self._count(write.proposal)
            return
        self.tally.conflicts += 1
        self._losses += 1
        if self._losses > _LOSSES:
            self._stop.wait(self._truce.next())
