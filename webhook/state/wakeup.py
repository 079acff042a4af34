"""Wake-up: when the allotment controller's thread has work, and whether the watch of pods may be read late.

Both follow from the same things, so they are kept in one place. The watch's reader owns its pace (kube/throttle.py):
this module sets it, and the reader asks nobody.
"""

from collections.abc import Callable
from threading import Condition, RLock
from typing import Protocol


class Pace(Protocol):
    """The pace at which the watch of pods is read."""

    def hurry(self) -> None:
        """Read again soon."""

    def ease(self, at_ease: bool) -> None:
        """Read late from now on, or do not."""


class Wakeup:
    """Wakes one thread. The caller of every method holds the lock of the state."""

    def __init__(self, lock: RLock) -> None:
        self._changed = Condition(lock)
        self._work = False  # True while there may be work for the allotment controller
        self.awaits_pods = False  # True while a review waits for earlier pods to be seen; set by `await_pods`
        self._behind = False  # True while the allotment controller waits for a view by which it may book
        self._near = False  # True if a bound was near when the allotment controller last waited
        self._pace: Pace | None = None

    def set_pace(self, pace: Pace) -> None:
        """Tell the reader of the watch of pods from now on whether events may be read late."""
        self._pace = pace
        self._tell_pace()

    @property
    def at_ease(self) -> bool:
        """Say whether events of pods may be read later than usual.

        True if no bound is near, no booking waits for the view to advance, and no review waits for earlier pods.
        """
        return not (self.awaits_pods or self._behind or self._near)

    def wake(self) -> None:
        """Wake the allotment controller, because there may be work."""
        self._work = True
        if self._pace is not None:
            self._pace.hurry()
        self._changed.notify_all()

    def wait(self, seconds: float, *, behind: bool, near: bool) -> None:
        """Wait until `wake` is called, or `seconds` have passed; the lock is released meanwhile.

        `behind`: the view must advance before anything can be booked. `near`: a bound is near.
        """
        self._behind, self._near = behind, near
        self._tell_pace()
        self._changed.wait_for(lambda: self._work, seconds)
        self._work = False

    def advance(self, may_book: Callable[[], bool]) -> None:
        """Wake the allotment controller if it waits for the view, and `may_book` says that it came far enough."""
        if self._behind and may_book():
            self._behind = False
            self._tell_pace()
            self.wake()

    def await_pods(self, awaiting: bool) -> None:
        """Record whether any review waits for earlier pods to be seen."""
        if awaiting != self.awaits_pods:
            self.awaits_pods = awaiting
            self._tell_pace()

    def _tell_pace(self) -> None:
        if self._pace is not None:
            self._pace.ease(self.at_ease)
