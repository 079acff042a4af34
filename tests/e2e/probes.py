"""Probes: small creates by another user, every few seconds, while a tenant does whatever it likes.

A tenant must never be able to shut out other users. So every refusal of a probe is kept, with its sentence.
"""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self

from devcluster.api import TIMED_OUT, Api, ApiError
from devcluster.processes import until
from tests.e2e.headroom import SECONDS
from tests.e2e.pods import asking
from tests.e2e.story import DENIED, LATE

EVERY = 2.0  # seconds between probes
DRY_RUN, REAL = "dry run", "for real"


class Probed(NamedTuple):
    """One probe: when it ran (seconds since the first was due), how, its refusal (empty: admitted), its duration."""

    at: float
    how: str
    said: str
    took: float


def gone(api: Api, path: str) -> bool:
    """Delete a pod; say whether that was done before the API server gave up, in this or an earlier attempt."""
    try:
        api.delete_now(path)
    except ApiError as error:
        if error.code not in {404, TIMED_OUT}:
            raise
        return error.code == 404
    return True


class Probes:
    """Creates pods of `memory` in a namespace of its own while the `with` block runs, by dry runs and for real in turn.

    An admitted pod is deleted before the next probe, which waits until `seen` says that Headroom knows. Headroom's
    refusals are kept; any other failure ends the probing and is raised at the end of the block. Where a machine is so
    busy that nobody could answer in time, the next probe asks again. One thread appends to `all`; other threads may
    read it meanwhile.
    """

    def __init__(
        self,
        api: Api,
        namespace: str,
        memory: str = "1Gi",
        every: float = EVERY,
        seen: Callable[[], bool] = lambda: True,
    ) -> None:
        self._api, self._every, self._seen = api, every, seen
        self._pods = f"/api/v1/namespaces/{namespace}/pods"
        self._memory = memory
        self.all: list[Probed] = []
        self._stop = threading.Event()
        self._fault: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="probes", daemon=True)

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        if self._fault is not None and error is None:
            raise self._fault

    @property
    def refused(self) -> list[Probed]:
        """The probes that Headroom refused, oldest first."""
        return [each for each in list(self.all) if each.said]

    def refused_before(self, seconds: float) -> list[Probed]:
        """Return the probes that Headroom refused within `seconds` of the first one."""
        return [each for each in self.refused if each.at < seconds]

    def __str__(self) -> str:
        """Say how many were refused, how, and the first sentence."""
        probed, refused = list(self.all), self.refused
        by = ", ".join(f"{sum(each.how == how for each in refused)} {how}" for how in (DRY_RUN, REAL))
        slowest = max((each.took for each in probed), default=0.0)
        first = f"; the first after {refused[0].at:.0f} s: {refused[0].said}" if refused else ""
        return f"{len(refused)} of {len(probed)} probes refused ({by}), slowest {slowest:.2f} s{first}"

    def _run(self) -> None:
        number = 0
        try:
            while not self._stop.is_set():
                until(self._seen, "Headroom's view of the pods", SECONDS)
                self._probe(number)
                number += 1
                self._stop.wait(max(0.0, self._began + number * self._every - time.monotonic()))
        except BaseException as fault:  # noqa: BLE001 - raised at the end of the `with` block
            self._fault = fault

    def _probe(self, number: int) -> None:
        name = f"probe-{number}"
        self._ask(name, DRY_RUN, dryRun="All")
        if self._ask(name, REAL):
            until(lambda: gone(self._api, f"{self._pods}/{name}"), f"the end of {name}", SECONDS)

    def _ask(self, name: str, how: str, **query: str) -> bool:
        """Create a pod; say whether it may be there now."""
        began = time.monotonic()
        said = ""
        try:
            self._api.create(self._pods, asking(name, self._memory, self._memory), **query)
        except ApiError as error:
            if error.code == TIMED_OUT or LATE in error.message:
                return error.code == TIMED_OUT and self._api.exists(f"{self._pods}/{name}")
            if not error.message.startswith(DENIED):
                raise
            said = error.message.removeprefix(DENIED)
        now = time.monotonic()
        self.all.append(Probed(began - self._began, how, said, now - began))
        return not said
