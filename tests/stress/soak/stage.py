"""What a soak plays on: replicas with everything between them and the world, load, the witness and the observers."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

import urllib3

from devcluster import kubeconfig
from devcluster.api import ApiError
from devcluster.processes import until
from devcluster.replica import Replica, ready
from devcluster.replicas import ACCOUNT, NAMESPACE
from tests.e2e.headroom import forget
from tests.stress.churn import Churn
from tests.stress.proxy import Proxy
from tests.stress.scene import LAUNCH, SHORT, Scene
from tests.stress.self_certified import SelfCertified
from tests.stress.soak.books import Books
from tests.stress.soak.outages import Down, Outage
from tests.stress.soak.phases import Phase
from tests.stress.soak.places import Disk, Outlet
from tests.stress.wire import FAULTS
from tests.stress.witness import PODS

REPLICAS = 2
CREATORS, DELETERS = 6, 2
STORMERS = 12
CLIENTS = CREATORS + DELETERS + STORMERS + 1  # with the one that resizes: as many calls can be on their way at once
PATIENCE_SECONDS = 0.1  # of a client that was refused
RECOVERY_SECONDS = 240.0  # for what takes a few seconds, on a busy machine
TOKEN_SECONDS = 24 * 3600
T = TypeVar("T")
UNREACHABLE = (ApiError, urllib3.exceptions.HTTPError, *FAULTS)


class Stage:
    """Everything that faults and changes act on; the lanes, which run on two threads, add to its records."""

    def __init__(
        self,
        place: Scene,
        replicas: SelfCertified,
        proxies: Sequence[Proxy],
        outlets: Sequence[Outlet],
        disks: Sequence[Disk],
    ) -> None:
        self.place, self.replicas = place, replicas
        self.proxies, self.outlets, self.disks = proxies, outlets, disks
        self.books = Books()
        self.churn = Churn(place, self.books, creators=CREATORS, deleters=DELETERS, patience=PATIENCE_SECONDS)
        self.outages: list[Outage] = []
        self.phases: list[Phase] = []
        self.kills = 0
        self.stuck: list[str] = []  # replicas that did not end as they should

    def note(self, down: Down, began: float, later: float = 0.0) -> None:
        """Record that answers may have been missing from a moment until now, and for `later` seconds more."""
        self.outages.append(Outage(down, began, time.monotonic() + later))

    def revision(self) -> int:
        """Return the newest revision of pods."""
        return int(self.insist(lambda: self.place.server.get(f"{PODS}?limit=1"))["metadata"]["resourceVersion"])

    def insist(self, act: Callable[[], T]) -> T:
        """Do something to the cluster, again and again while the API server is away."""
        deadline = time.monotonic() + RECOVERY_SECONDS
        while True:
            try:
                return act()
            except UNREACHABLE:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    def await_(self, done: Callable[[], bool], what: str) -> None:
        """Wait until something is done, which may not be seen while the API server or a replica is away."""

        def seen() -> bool:
            try:
                return done()
            except UNREACHABLE:
                return False

        until(seen, what, RECOVERY_SECONDS)

    def recover(self) -> float:
        """Wait until every replica is ready and clients get answers; return after how many seconds."""
        began = time.monotonic()
        self.await_(lambda: all(ready(each.url) for each in self.replicas), "that every replica is ready")
        # A Service leads to a replica again before the next one ends.
        self.await_(lambda: all(map(self.replicas.leads_to, self.replicas)), "the balancer to lead to every replica")
        self.await_(lambda: self.books.answered > began, "an answer")
        return time.monotonic() - began

    def adopt(self) -> None:
        """Let clients delete pods that nobody knows, such as those of creates that were not answered."""
        found = self.insist(lambda: self.place.plane.api.items(self.place.pods))
        self.churn.adopt(each["metadata"]["name"] for each in found)

    def trim(self) -> None:
        """Empty audit files that have become large."""
        for disk in self.disks:
            disk.trim()


@contextmanager
def staged(place: Scene, work: Path, *, disks: bool) -> Iterator[Stage]:
    """Start replicas that look after their certificates, each behind a proxy, with a pipe and, if wanted, a disk."""
    forget(place.plane)
    work.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        replicas = SelfCertified(
            place.plane, work, REPLICAS, [sys.executable, LAUNCH, *SHORT.flags, "--shutdown-delay=2"]
        )
        proxies = [stack.enter_context(Proxy(place.server)) for _ in replicas]
        outlets = [stack.enter_context(Outlet(work / f"output-{each.number}", each.log)) for each in replicas]
        mounted = [stack.enter_context(Disk(work / f"disk-{each.number}")) for each in replicas if disks]
        for replica, proxy, outlet in zip(replicas, proxies, outlets, strict=True):
            _lead(place, work, replica, proxy, outlet)
        for replica, disk in zip(replicas, mounted, strict=disks):
            replica.audit_file = disk.audit_file
        yield Stage(place, stack.enter_context(replicas), proxies, outlets, mounted)


def _lead(place: Scene, work: Path, replica: Replica, proxy: Proxy, outlet: Outlet) -> None:
    path = work / f"proxied-{replica.number}.kubeconfig"
    kubeconfig.write(path, {"server": proxy.url}, user=ACCOUNT, token=_token(place))
    replica._serve = [*replica._serve, "--kubeconfig", path, "--output", outlet.path]  # the last flag counts


def _token(place: Scene) -> str:
    path = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts/{ACCOUNT}/token"
    token: str = place.plane.api.create(path, {"spec": {"expirationSeconds": TOKEN_SECONDS}})["status"]["token"]
    return token
