"""Feeds: whether what a watch told is whole and how old it may be."""

from dataclasses import dataclass

_TOLERANCE = 5.0  # seconds: a watch that is opened anew is back sooner, and what was told still stands


@dataclass(slots=True)
class SyncStatus:
    """The state of one watched resource; times are seconds of the replica's clock."""

    resource: str
    synced: bool = False
    broken_since: float | None = None
    fault: str = ""
    heard: float = float("-inf")
    again: bool = False  # it was whole before, and is listed again

    def tell_synced(self, now: float) -> None:
        """A whole consistent list has come."""
        self.synced, self.again = True, False
        self.tell_live(now)

    def tell_outdated(self, why: str = "etcd was put back") -> None:
        """What was told may never have happened, or has to be taken in once more."""
        self.again = self.synced or self.again
        self.synced, self.fault = False, why

    def tell_live(self, now: float) -> None:
        """Something has come, or the watch is open."""
        self.broken_since, self.heard = None, now

    def tell_broken(self, fault: str, now: float) -> None:
        """No watch is open; what was told stands, and grows old."""
        if self.broken_since is None:
            self.broken_since = now
        self.fault = fault

    def problem(self, now: float) -> str | None:
        """Say why there is no account to judge by; None when there is."""
        if not self.synced:
            still = "listed again" if self.again else "still being listed"
            return f"the {self.resource} are {still}" + (f" ({self.fault})" if self.fault else "")
        since = self.broken_since  # read once: the watch's own thread may mend it meanwhile
        if since is not None and now >= since + _TOLERANCE:
            return f"the watch on {self.resource} has been broken for {now - since:.0f} s ({self.fault})"
        return None

    def age(self, now: float) -> float:
        """How long ago the feed was known to be up to date; zero while the watch is open."""
        since = self.broken_since
        return 0.0 if since is None else max(0.0, now - since)
