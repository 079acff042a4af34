"""Two real nodes beside the project's control plane, with Headroom as it ships; only with `--real`, as root.

`make real` runs these tests. The ordinary suite leaves them out: they take minutes, and they change the machine while
they run.
"""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from devcluster import namespaces, nodes
from devcluster.processes import until
from devcluster.realnode import images, install
from devcluster.realnode.cluster import GIB, RealCluster
from tests.realnode.stream import SIMULATED, Stream

HERE = Path(__file__).parent
SETTLED_SECONDS = 240.0


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option; pytest knows it only if it is started for this folder alone."""
    parser.addoption("--real", action="store_true", help="start real nodes, as root")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the tests of this folder out unless they are asked for; first the one that starts nodes of its own.

    Only one run at a time has real nodes on a machine, and the others keep theirs to the end.
    """
    items.sort(key=lambda item: item.path != HERE / "test_crash.py")
    if not config.getoption("real", default=False):
        left_out = [item for item in items if item.path.is_relative_to(HERE)]
        items[:] = [item for item in items if item not in left_out]
        if left_out:
            config.hook.pytest_deselected(items=left_out)


class Installed(RealCluster):
    """The cluster of these tests; it notes how long the installation took, in seconds since `apply`."""

    ready_seconds = 0.0
    refused_seconds = 0.0
    refusal = ""
    applied_again = ""


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """Two real nodes of 3Gi, a simulated one for pods that only have to be created, and Headroom, which enforces."""
    work = tmp_path_factory.mktemp("real")
    with Installed(work, 2, 3 * GIB) as cluster:
        cluster.load([images.pause(work), images.headroom(cluster, install.TRY, work)])
        cluster.start_kubelets()
        began = time.monotonic()
        install.apply(cluster, install.TRY)
        cluster.ready_seconds = time.monotonic() - began
        install.apply(cluster, install.PRODUCTION)
        cluster.refusal = install.wait_until_enforced(cluster, too_large())
        cluster.refused_seconds = time.monotonic() - began
        cluster.applied_again = cluster.kubectl("apply", "-k", install.PRODUCTION).stdout
        nodes.add(cluster, 1, SIMULATED)
        print(f"\nready after {cluster.ready_seconds:.1f} s, refusing after {cluster.refused_seconds:.1f} s")
        yield cluster


@pytest.fixture
def real(installed: Installed) -> Iterator[Installed]:
    """The same with both nodes Ready and schedulable, and every replica ready, before the test and after it."""
    settle(installed)
    yield installed
    settle(installed)


@pytest.fixture
def stream(real: Installed) -> Iterator[Stream]:
    """Clients that create pods in a namespace of their own."""
    with namespaces.temporary(real) as name:
        yield Stream(real.api, name)


def settle(cluster: Installed) -> None:
    """Put the nodes back to work and wait until Headroom is whole."""
    for node in cluster.nodes:
        node.connect()
        cluster.kubectl("uncordon", node.name)
        until(partial(cluster.is_ready, node.name), f"{node.name} Ready", SETTLED_SECONDS)
    install.rolled_out(cluster)
    until(lambda: len(install.replicas(cluster)) == 3, "the three replicas", SETTLED_SECONDS)


def too_large() -> dict[str, object]:
    """A pod that needs more memory than all nodes have together."""
    container = {
        "name": "main",
        "image": "localhost/headroom-pause:1",
        "resources": {"requests": {"memory": "1Mi"}, "limits": {"memory": "512Gi"}},
    }
    metadata = {"name": "too-large", "namespace": "default"}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": {"containers": [container]}}
