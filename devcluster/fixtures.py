"""Fixtures for tests that need a real API server; a conftest loads them with `pytest_plugins`.

Each control plane is started once and shared by all tests. A test must leave no pods and no nodes behind, because the
next test would count them.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from devcluster import namespaces
from devcluster.cluster import EXISTING, Cluster, existing_cluster
from devcluster.controlplane import ControlPlane


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Cluster:
    """The cluster that HEADROOM_KUBECONFIG names, or else `control_plane`."""
    found = existing_cluster()
    if found is not None:
        return found
    own: ControlPlane = request.getfixturevalue("control_plane")
    return own


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane of our own with controllers, scheduler and KWOK, for tests that stop and start parts of it."""
    yield from _own(tmp_path_factory.mktemp("control-plane"), controllers=True)


@pytest.fixture(scope="session")
def bare_control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Only etcd and an API server: pods stay as the test created them, because no controller changes anything."""
    yield from _own(tmp_path_factory.mktemp("bare-control-plane"), controllers=False)


@pytest.fixture
def namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace of `cluster` for one test; after the test, its pods are deleted."""
    with namespaces.temporary(cluster) as name:
        yield name


@pytest.fixture
def bare_namespace(bare_control_plane: ControlPlane) -> Iterator[str]:
    """The same on `bare_control_plane`."""
    with namespaces.temporary(bare_control_plane) as name:
        yield name


def _own(work: Path, *, controllers: bool) -> Iterator[ControlPlane]:
    if os.environ.get(EXISTING):
        pytest.skip(f"{EXISTING} is set, and this test stops and starts the control plane")
    with ControlPlane(work, controllers=controllers) as plane:
        yield plane
