"""Peers: what this replica has seen of the shared object, by its own clock: which replicas renew, and old copies.

No clock is compared with another replica's. Each replica measures from the moment at which it first saw a thing itself,
which can only be later than the moment at which the thing happened.
"""

from typing import NamedTuple

from webhook.core.sharing.shared_state import Shared

_REMEMBERED = 100  # epochs; each lasts at least until an object is opened, unless somebody deletes in a loop


class Timing(NamedTuple):
    """The protocol's times in seconds.

    A replica may grant for `validity` after its last write was sent, and writes again every `renew`. After an answer to
    a call it books nothing to spare for `lean`. `lapse` must be longer than the API server's time for a create (34 s)
    and etcd's time to finish the write.
    """

    validity: float = 15.0
    lapse: float = 45.0
    renew: float = 5.0
    lean: float = 2.0

    @property
    def release(self) -> float:
        """How long after a replica's last write the pods that it granted may still come."""
        return self.validity + self.lapse


class _Heard(NamedTuple):
    renewal: int
    at: float


class Peers:
    """What one replica has seen of the others and of the object's lives."""

    def __init__(self, replica: str, timing: Timing) -> None:
        self._replica = replica
        self._timing = timing
        self._epoch = ""
        self._since = float("-inf")  # when this replica first saw this epoch
        self._last: Shared | None = None  # the last state of this epoch that it saw
        self._past: dict[str, None] = {}  # earlier epochs, oldest first
        self._restarted = float("-inf")  # when the last restore of etcd was noticed
        self._heard: dict[str, _Heard] = {}

    def see(self, shared: Shared, now: float) -> None:
        """Take in a state of the object; it may be the one that was seen last."""
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
        """Take in that the object is gone or damaged: the next one is a new one, whatever epoch it has."""
        if self._epoch:
            self._past[self._epoch] = None
            if len(self._past) > _REMEMBERED:
                del self._past[next(iter(self._past))]
        self._epoch, self._last = "", None
        self._heard.clear()

    def begin_again(self, now: float) -> None:
        """Take in that etcd was restored: the object that was seen is lost, and the one that is there may be older."""
        self.lose()
        self._restarted = now

    def is_another(self, shared: Shared | None) -> bool:
        """Say whether the epoch that was seen last has ended, or another has begun; None: the object is gone."""
        return bool(self._epoch or (self._past and shared)) and (shared is None or shared.epoch != self._epoch)

    def contradicts(self, shared: Shared, written_at: float, now: float) -> bool:
        """Say whether this state is an old copy that was put back, or was built on one, though its revision is newer.

        Three things show that. In the same epoch, its serial number is lower, its content differs under the same serial
        number, or this replica's own last write is missing from it. Its epoch is one that has ended. Or its epoch is
        new to this replica and it is open already, although this replica's last write (`written_at`) to the object
        before, or the last restore, is less than `Timing.release` ago: a new object cannot be opened so soon.
        """
        last = self._last
        if last is not None and shared.epoch == self._epoch:
            if shared.serial == last.serial:
                return shared != last
            return shared.serial < last.serial or self._lacks_mine(last, shared, written_at, now)
        unknown_since = max(written_at, self._restarted)
        return shared.epoch in self._past or (shared.open and now < unknown_since + self._timing.release)

    def _lacks_mine(self, last: Shared, shared: Shared, written_at: float, now: float) -> bool:
        """Say whether this replica's last write is undone: others never write its holding, nor expire it so early."""
        mine, there = last.holdings.get(self._replica), shared.holdings.get(self._replica)
        if mine is None:
            return False
        return now < written_at + self._timing.release if there is None else there.renewal < mine.renewal

    @property
    def knows_of_another(self) -> bool:
        """Say whether this replica knows an object before this one, from which replicas may have granted."""
        return bool(self._past)

    def silent(self, now: float) -> dict[str, float]:
        """Return the replicas that stopped renewing, each with the moment from which it can be expired (rule 5)."""
        return {
            replica: heard.at + self._timing.release
            for replica, heard in self._heard.items()
            if now >= heard.at + self._timing.validity
        }

    def opens_at(self, shared: Shared | None) -> float | None:
        """Return the moment from which a closed object can be opened (rule 7); None if it is open or lost."""
        if shared is None or shared.open or shared.epoch != self._epoch:
            return None
        return self._since + self._timing.release
