"""The sync status of one watched resource: whether the view is complete, and how old it may be."""

from dataclasses import dataclass

_TOLERANCE = 5.0  # seconds: a watch that is merely reopened is back sooner, and the view still holds


@dataclass(slots=True)
class SyncStatus:
    """How complete and how fresh the view of one resource is; times are seconds on the replica's clock."""

    resource: str
    synced: bool = False
    broken_since: float | None = None
    fault: str = ""
    heard: float = float("-inf")
    again: bool = False  # the view was complete before, and the resource is being listed again

    def tell_synced(self, now: float) -> None:
        """Record that a complete, consistent list has arrived."""
        self.synced, self.again = True, False
        self.tell_live(now)

    def tell_outdated(self, why: str = "etcd was put back") -> None:
        """Record that what came so far may never have happened, or has to be taken in again; `why` is the cause."""
        self.again = self.synced or self.again
        self.synced, self.fault = False, why

    def tell_live(self, now: float) -> None:
        """Record that an event has arrived, or that the watch is open."""
        self.broken_since, self.heard = None, now

    def tell_broken(self, fault: str, now: float) -> None:
        """Record that no watch is open, and why; the view is kept and grows old."""
        if self.broken_since is None:
            self.broken_since = now
        self.fault = fault

    def problem(self, now: float) -> str | None:
        """Say why this view cannot be judged by; None when it can."""
        if not self.synced:
            still = "listed again" if self.again else "still being listed"
            return f"the {self.resource} are {still}" + (f" ({self.fault})" if self.fault else "")
        since = self.broken_since  # read once: the watch's thread may clear it in the meantime
        if since is not None and now >= since + _TOLERANCE:
            return f"the watch on {self.resource} has been broken for {now - since:.0f} s ({self.fault})"
        return None

    def age(self, now: float) -> float:
        """Return for how many seconds the watch has been broken; 0 while it is open."""
        since = self.broken_since
        return 0.0 if since is None else max(0.0, now - since)
