"""Restores of etcd: what this replica takes in when history was replaced, or may have been."""

from typing import NamedTuple

from webhook.state.guarded import Guarded


class Restore(NamedTuple):
    """What is known about restores of etcd at one moment.

    `restarts` counts those that were found, and `evidence` says by what the last one was. `doubted_since` is since when
    the view may show a history that was replaced; None: it does not. After a restore, nothing is granted for `release`
    seconds.
    """

    restarts: int
    doubted_since: float | None
    evidence: str
    release: float


class Restores:
    """Takes in restores and outages; any thread may call it."""

    def __init__(self, guarded: Guarded) -> None:
        self._guarded = guarded
        self._evidence = ""

    def known(self) -> Restore:
        """Return what is known now."""
        guarded = self._guarded
        with guarded.lock:
            ledger, allotment = guarded.ledger, guarded.allotment
            doubted = ledger.doubted_since if ledger.outdated else None
            return Restore(allotment.restarts, doubted, self._evidence, allotment.timing.release)

    def lose_touch(self) -> None:
        """Record that the API server cannot be reached; etcd may be restored in the meantime."""
        guarded = self._guarded
        with guarded.lock:
            guarded.allotment.lose_touch(guarded.clock())
            guarded.wakeup.wake()

    def begin_again(self, what: str, known: int, found: int, since: float) -> None:
        """Record that etcd was restored: a list of `what` has revision `found`, which is lower than the `known` one.

        `since` is when that list was requested; the watch delivers it next. The ledger ignores all events of pods until
        it gets a list of pods that is new enough.
        """
        guarded = self._guarded
        with guarded.lock:
            doubted, awaits_list = guarded.ledger.doubted_since, guarded.ledger.awaits_list
            if since < doubted or (awaits_list and since == doubted):
                return  # this is about the same restore, and a later list is awaited already
            is_pods = what == guarded.readiness.pods.resource
            guarded.allotment.begin_again(guarded.clock(), since if is_pods else None)
            self._tell_outdated(f"{what} were at revision {known}, and a consistent read of them said {found}")

    def compare(self, restarts: int, known: int, found: int) -> None:
        """Mark the views as outdated if the allotment has just found that etcd was restored. The caller holds the lock.

        `restarts` is the allotment's count from before; `known` and `found` are revisions, for the log.
        """
        if self._guarded.allotment.restarts > restarts:
            what = "the object that replicas share"
            self._tell_outdated(f"{what} was at revision {known}, and a consistent read or write of it said {found}")

    def _tell_outdated(self, evidence: str) -> None:
        self._evidence = evidence
        for feed in (self._guarded.readiness.pods, self._guarded.readiness.nodes):
            feed.tell_outdated()
        self._guarded.wakeup.wake()
