"""Continuity: whether what this replica knows is still true, or etcd was restored from a snapshot (rule 7).

A *history* is all that one etcd has gone through, up to a restore; a restore begins another one (docs/protocol.md,
"When etcd is put back"). Times are seconds of the replica's own clock.
"""

from webhook.core.sharing.proposal import Proposal

_OUTAGE = 5.0  # seconds: no restore takes less, because every API server is stopped for it


class Continuity:
    """What this replica knows of restores from its outages and its writes; peers.py has what the object shows."""

    def __init__(self) -> None:
        self.restarts = 0  # how often etcd was restored, as far as this replica knows
        self._confirmed = True  # False: no write since the last restore has gone past the view
        self._ahead = False  # a write since the last restore was at a revision that the view has passed
        self._sent_after = 0  # the newest revision of the object known when the last write was sent
        self._view = 0  # the revision of the pods' view at that moment
        self._lost_at: float | None = None  # when touch was lost; None: in touch with the API server
        self._doubtful: Proposal | None = None  # the write that was pending when touch was lost
        self._outdated: Proposal | None = None  # a write sent before an outage had lasted long enough for a restore
        self._overtaken: Proposal | None = None  # the write that was pending when a restore was noticed

    # -- outages -------------------------------------------------------------------------------------------------------

    @property
    def in_touch(self) -> bool:
        """Say whether a write was carried out since the API server was last out of reach."""
        return self._lost_at is None

    def lose_touch(self, now: float, pending: Proposal | None) -> None:
        """Take in that the API server cannot be reached, with the write that is pending."""
        if self._lost_at is None:
            self._lost_at = now
        self._doubtful = pending
        self._ahead = False  # the API server may be restarted meanwhile

    def doubted_since(self, now: float) -> float | None:
        """Return when the outage had lasted long enough for a restore; None if it has not, or a write has ended it."""
        if self._lost_at is None or now < self._lost_at + _OUTAGE:
            return None
        return self._lost_at + _OUTAGE

    def outlast(self, doubted_since: float, pending: Proposal | None) -> None:
        """Take in an outage that was long enough for a restore: a pending write may arrive after the restore."""
        if pending is not None and pending.sent_at < doubted_since:
            self._doubtful = self._outdated = pending

    # -- writes --------------------------------------------------------------------------------------------------------

    def send(self, newest: int, view: int) -> None:
        """Take in that a write is sent, and which revisions of the shared object and of the pods are known by then."""
        self._sent_after, self._view = newest, view

    def contradicts(self, revision: int) -> bool:
        """Say whether a write that was carried out at this revision proves that etcd was restored since it was sent."""
        return revision <= self._sent_after

    def carried_out(self, proposal: Proposal, revision: int) -> None:
        """Take in that a write was carried out at this revision; 0: the revision is not known."""
        if proposal is not self._doubtful:
            self._lost_at = None
        if revision and self.restarts:
            self._ahead = self._ahead or revision <= self._view
            self._confirmed = True

    @property
    def confirmed(self) -> bool:
        """Say whether each write known since the last restore was at a higher revision than all that the view showed.

        True if there was no restore, and False after one until the first such write. Once one write was at a lower
        revision, later ones prove nothing until touch is lost again: the revisions of the new history have only caught
        up with the view.
        """
        return self._confirmed and not self._ahead

    def is_overtaken(self, proposal: Proposal) -> bool:
        """Say whether a restore was noticed while this write was pending."""
        return proposal is self._overtaken

    def vouches(self, proposal: Proposal, *, outdated: bool) -> bool:
        """Say whether the pods that a written proposal booked for may be admitted.

        They may not if the proposal was worked out from a view that a restore may have made untrue.
        """
        if proposal is self._overtaken or proposal is self._outdated:
            return False
        return not (outdated and proposal is self._doubtful)

    # -- restores ------------------------------------------------------------------------------------------------------

    def begin_again(self, pending: Proposal | None) -> None:
        """Take in that etcd was restored, with the write that is pending."""
        self.restarts += 1
        self._confirmed = self._ahead = False
        self._overtaken = pending
