"""Continuity: whether what one replica knows is of the history that is true now, or etcd was put back (rule 7).

Times are seconds of the replica's own clock.
"""

from webhook.core.sharing.proposal import Proposal

_OUTAGE = 5.0  # seconds: no etcd is put back in less, for every API server is stopped for it


class Continuity:
    """What is known of that, besides what the shared object says (peers.py)."""

    def __init__(self) -> None:
        self.restarts = 0  # how often history was replaced, as far as is known
        self._confirmed = True  # false: since then no write was carried out past what the view shows
        self._ahead = False  # a write was carried out before what the view shows
        self._sent_after = 0  # the newest revision of the object that was known when a write was sent
        self._view = 0  # and that of the pods' view
        self._lost_at: float | None = None  # None: in touch with the API server
        self._doubtful: Proposal | None = None  # it was pending when touch was lost
        self._outdated: Proposal | None = None  # it was sent before the end of an outage that was long enough
        self._overtaken: Proposal | None = None  # it was pending when history was replaced

    # -- outages -------------------------------------------------------------------------------------------------------

    @property
    def in_touch(self) -> bool:
        """Say whether a write was carried out since the API server was away."""
        return self._lost_at is None

    def lose_touch(self, now: float, pending: Proposal | None) -> None:
        """Take in that the API server is away."""
        if self._lost_at is None:
            self._lost_at = now
        self._doubtful = pending
        self._ahead = False  # it may be restarted by now

    def doubted_since(self, now: float) -> float | None:
        """Return the end of an outage that was long enough for a restore; None: there was none since the last write."""
        if self._lost_at is None or now < self._lost_at + _OUTAGE:
            return None
        return self._lost_at + _OUTAGE

    def outlast(self, doubted_since: float, pending: Proposal | None) -> None:
        """Take in an outage that was long enough for a restore, with what is on its way: it may arrive after that."""
        if pending is not None and pending.sent_at < doubted_since:
            self._doubtful = self._outdated = pending

    # -- writes --------------------------------------------------------------------------------------------------------

    def send(self, newest: int, view: int) -> None:
        """A write is sent, with these revisions known of the shared object and of the pods."""
        self._sent_after, self._view = newest, view

    def contradicts(self, revision: int) -> bool:
        """Say whether a write that was carried out at a revision shows that etcd was put back since it was sent."""
        return revision <= self._sent_after

    def carried_out(self, proposal: Proposal, revision: int) -> None:
        """A write was carried out; revision 0: nobody can tell at which."""
        if proposal is not self._doubtful:
            self._lost_at = None
        if revision and self.restarts:
            self._ahead = self._ahead or revision <= self._view
            self._confirmed = True

    @property
    def confirmed(self) -> bool:
        """Say whether a write was carried out past all that the view shows, since history was replaced.

        Once one was not, that the revisions have caught up with the view says nothing.
        """
        return self._confirmed and not self._ahead

    def is_overtaken(self, proposal: Proposal) -> bool:
        """Say whether history was replaced while a write was on its way."""
        return proposal is self._overtaken

    def vouches(self, proposal: Proposal, *, outdated: bool) -> bool:
        """Say whether those may be let in whom a written proposal booked for.

        Not if it was worked out from a view of what may never have happened.
        """
        if proposal is self._overtaken or proposal is self._outdated:
            return False
        return not (outdated and proposal is self._doubtful)

    # -- restores ------------------------------------------------------------------------------------------------------

    def begin_again(self, pending: Proposal | None) -> None:
        """History was replaced."""
        self.restarts += 1
        self._confirmed = self._ahead = False
        self._overtaken = pending
