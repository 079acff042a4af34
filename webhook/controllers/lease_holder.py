"""The Lease's holder: one replica at a time does what only one should do."""

import logging
from collections.abc import Callable
from threading import Event, Lock

from webhook.core.sharing.leasing import DURATION, EVERY, Leasing
from webhook.kube.leases import Leases
from webhook.kube.stream import Conflict, KubeError

log = logging.getLogger(__name__)

NAME = "headroom"
TIMEOUT = 3.0  # seconds for a call; two of them and a pause are shorter than the time for which a renewal holds


class LeaseHolder:
    """Takes and renews the Lease; `run` needs a thread of its own, and gives it up at the end.

    Any thread may call `held` and `lose`. `clock` only rises, `wall_clock` is in seconds since 1970.
    """

    def __init__(
        self,
        leases: Leases,
        replica: str,
        stop: Event,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
    ) -> None:
        self._leases, self._replica, self._stop = leases, replica, stop
        self._clock, self._wall_clock = clock, wall_clock
        self._leasing = Leasing(replica)
        self._lock = Lock()
        self._wanted = True
        self._logged = ""

    def held(self) -> bool:
        """Say whether this replica holds the Lease now, and no other can."""
        with self._lock:
            return self._wanted and self._leasing.held(self._clock())

    def lose(self) -> None:
        """Give the Lease up for good: the work that it is for has ended here, and another replica shall do it."""
        with self._lock:
            self._wanted = False

    def run(self) -> None:
        """Renew until stopped; never raises."""
        while not self._stop.wait(EVERY):
            self._try(self.renew if self._wanted else self.release)
        self._try(self.release)

    def renew(self) -> None:
        """Take the Lease or renew it, if this replica may; raises KubeError."""
        seen = self._leases.get()
        now = self._clock()
        if seen is None:
            made = self._leases.create(self._replica, DURATION, self._wall_clock())
        elif self._may_take(seen.holder, seen.revision, now):
            made = self._leases.replace(seen, self._replica, DURATION, self._wall_clock())
        else:
            return
        with self._lock:
            self._leasing.wrote(made.revision, now)

    def release(self) -> None:
        """Let another replica take it at once; raises KubeError."""
        with self._lock:
            held = self._leasing.held(self._clock())
            self._leasing.lose()
        if not held:
            return
        seen = self._leases.get()
        if seen is not None and seen.holder == self._replica:
            self._leases.replace(seen, "", 1, self._wall_clock())

    def _may_take(self, holder: str, revision: str, now: float) -> bool:
        with self._lock:
            return self._leasing.may_take(holder, revision, now)

    def _try(self, step: Callable[[], None]) -> None:
        problem = ""
        try:
            step()
        except Conflict:
            pass  # another replica was faster
        except KubeError as error:
            problem = str(error)
        except Exception:
            log.exception("the Lease could not be renewed")
        if problem != self._logged:
            self._logged = problem
            if problem:
                log.warning("the Lease %s cannot be read or written: %s", NAME, problem)
