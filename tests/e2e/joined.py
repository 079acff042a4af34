"""More replicas beside the one of all tests, for one test, and a balancer in front of all of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import urllib3

from devcluster.api import ApiError
from devcluster.binaries import binary
from devcluster.cluster import Cluster
from devcluster.components import LOOPBACK
from devcluster.ports import free_port
from devcluster.processes import Program, until
from devcluster.replica import Replica, ready
from devcluster.replicas import Replicas
from tests.e2e.exposition import Exposition
from tests.e2e.headroom import GATE, SECONDS

_IN_A_ROW = 5
_POD = {"metadata": {"generateName": "for-show-"}, "spec": {"containers": [{"name": "none", "image": "none"}]}}
_DENIED = 403


class Joined(NamedTuple):
    """Replicas, and the address of a balancer in front of all of them, which gives each connection to another one."""

    replicas: Sequence[Replica]
    url: str


@contextmanager
def joined(cluster: Cluster, replicas: Replicas, more: int, work: Path) -> Iterator[Joined]:
    """Start so many more replicas, which the API server does not ask yet; afterwards it asks the first one alone."""
    first = replicas[0]
    every = [first, *(Replica(number, work, first._serve, None) for number in range(2, more + 2))]
    address = f"{LOOPBACK}:{free_port()}"
    command: list[str | Path] = [binary("balancer"), "--listen", address]
    for replica in every:
        command += ["--backend", f"{LOOPBACK}:{replica.port}"]
    balancer: Program | None = None
    try:
        for replica in every[1:]:
            replica.start()
        for replica in every[1:]:
            replica.wait()
        balancer = Program("balancer", command, work / "balancer.log")
        balancer.until(lambda: ready(f"https://{address}"), "the balancer's start", SECONDS)
        yield Joined(every, f"https://{address}")
    finally:
        lead(cluster, first.url)
        until(lambda: all(_asks(cluster, every[:1]) for _ in range(_IN_A_ROW)), "reviews for one replica", SECONDS)
        if balancer is not None:
            balancer.kill()
        for replica in every[1:]:
            replica.stop()


def lead(cluster: Cluster, url: str) -> None:
    """Have the API server ask this address; it takes a moment to follow."""
    configuration = cluster.api.get(GATE)
    for webhook in configuration["webhooks"]:
        webhook["clientConfig"]["url"] = f"{url}/{webhook['clientConfig']['url'].rpartition('/')[2]}"
    cluster.api.replace(GATE, configuration)


def _asks(cluster: Cluster, replicas: Sequence[Replica]) -> bool:
    """Say whether the API server asks one of these replicas about the next pod."""
    before = reviews(replicas)
    try:
        cluster.api.create("/api/v1/namespaces/default/pods", _POD, dryRun="All")
    except ApiError as error:
        if error.code != _DENIED:
            raise
    return reviews(replicas) > before


def reviews(replicas: Sequence[Replica]) -> float:
    """Return how many reviews these replicas have answered."""
    pages = (urllib3.request("GET", f"{each.metrics_url}/metrics", retries=False).data.decode() for each in replicas)
    return sum(Exposition(page).value("headroom_admission_reviews_total") for page in pages)
