"""What this replica has witnessed of the shared object, by its own clock: who lives, since when, and what came back.

Nobody's clock is compared with another's. Each replica measures from the moment at which it first saw a thing itself,
which can only be later than the moment at which the thing happened.
"""

from typing import NamedTuple

from webhook.core.sharing.shared_state import Shared

_REMEMBERED = 100  # epochs; each is at least as long as it takes to open one, unless somebody deletes in a loop


class Timing(NamedTuple):
    """Seconds. `lapse` must be more than what the API server gives a create (34 s) and etcd to finish its write."""

    validity: float = 15.0
    lapse: float = 45.0
    renew: float = 5.0
    lean: float = 2.0

    @property
    def release(self) -> float:
        """How long after its last write a replica's last grant may still come."""
        return self.validity + self.lapse


class _Heard(NamedTuple):
    renewal: int
    at: float


class Peers:
    """The observations of one replica."""

    def __init__(self, replica: str, timing: Timing) -> None:
        self._replica = replica
        self._timing = timing
        self._epoch = ""
        self._since = float("-inf")  # when this epoch was first seen
        self._last: Shared | None = None  # the last state of this epoch that was seen
        self._past: dict[str, None] = {}  # earlier epochs, oldest first
        self._restarted = float("-inf")  # when history was last known to have been replaced
        self._heard: dict[str, _Heard] = {}

    def see(self, shared: Shared, now: float) -> None:
        """Take in the state of the object; the same one may be seen again."""
        if shared.epoch != self._epoch:
            self.lose()
            self._epoch, self._since = shared.epoch, now
        self._last = shared
        for replica in self._heard.keys() - shared.holdings.keys():
            del self._heard[replica]
        for replica, holding in shared.holdings.items():
            heard = self._heard.get(replica)
            if replica != self._replica and (heard is None or heard.renewal != holding.renewal):
                self._heard[replica] = _Heard(holding.renewal, now)

    def lose(self) -> None:
        """Take in that the object is gone or damaged: what comes next is a new one, whatever it calls itself."""
        if self._epoch:
            self._past[self._epoch] = None
            if len(self._past) > _REMEMBERED:
                del self._past[next(iter(self._past))]
        self._epoch, self._last = "", None
        self._heard.clear()

    def begin_again(self, now: float) -> None:
        """Take in that history was replaced: what was seen is lost, and what is there may be older than all of it."""
        self.lose()
        self._restarted = now

    def is_another(self, shared: Shared | None) -> bool:
        """Say whether the life of the object that was seen last has ended by now, or another has begun."""
        return bool(self._epoch or (self._past and shared)) and (shared is None or shared.epoch != self._epoch)

    def contradicts(self, shared: Shared, written_at: float, now: float) -> bool:
        """Say whether this state, newer by its revision, is older by what it says: an old copy was put back.

        Or somebody has built on an old copy, and this replica's own last write is not in it. Or it is a new life of the
        object which is open already, though this replica's own last write (`written_at`) went to the old one so
        recently that nobody can have waited for as long as it takes to open a new one, or history was replaced so
        recently.
        """
        last = self._last
        if last is not None and shared.epoch == self._epoch:
            if shared.serial == last.serial:
                return shared != last
            return shared.serial < last.serial or self._lacks_mine(last, shared, written_at, now)
        unknown_since = max(written_at, self._restarted)
        return shared.epoch in self._past or (shared.open and now < unknown_since + self._timing.release)

    def _lacks_mine(self, last: Shared, shared: Shared, written_at: float, now: float) -> bool:
        """Say whether an own write is undone: nobody else writes a holding, or takes it back before its time."""
        mine, there = last.holdings.get(self._replica), shared.holdings.get(self._replica)
        if mine is None:
            return False
        return now < written_at + self._timing.release if there is None else there.renewal < mine.renewal

    @property
    def knows_of_another(self) -> bool:
        """Say whether there was an object before this one, so that somebody may have granted from it."""
        return bool(self._past)

    def silent(self, now: float) -> dict[str, float]:
        """Return the replicas that stopped renewing, each with the moment from which its share can be taken back."""
        return {
            replica: heard.at + self._timing.release
            for replica, heard in self._heard.items()
            if now >= heard.at + self._timing.validity
        }

    def opens_at(self, shared: Shared | None) -> float | None:
        """Return from when on a closed object can be opened; None when it is open or lost."""
        if shared is None or shared.open or shared.epoch != self._epoch:
            return None
        return self._since + self._timing.release
