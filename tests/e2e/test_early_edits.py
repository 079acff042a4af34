"""What early answers say of random edits is what controllers then do; at full length this is among the storms."""

import os
import random
from collections.abc import Iterator

import pytest

from devcluster import nodes
from devcluster.controlplane import ControlPlane
from tests.e2e.edits import NODE_GI, NODES, SHAPE, Edits
from tests.e2e.headroom import Headroom
from tests.e2e.story import Story

pytestmark = pytest.mark.live

# The same edits each time; another seed, or 0 for any, makes others.
SEED = int(os.environ.get("HEADROOM_SEED", "20261130")) or random.SystemRandom().randrange(1 << 32)


@pytest.fixture
def large_nodes(control_plane: ControlPlane, headroom: Headroom, no_nodes: None) -> Iterator[None]:
    """Room for every pod; what there is room for is a matter of the bound alone."""
    nodes.add(control_plane, NODES, SHAPE)
    headroom.sees(NODES * NODE_GI << 30)
    yield
    headroom.configure({"requests": "100%"})


@pytest.mark.parametrize(
    ("kind", "edits"), [("Deployment", 8), ("StatefulSet", 4), ("DaemonSet", 2), ("ReplicaSet", 2), ("Job", 2)]
)
def test_what_is_said_of_an_edit_comes_about_or_nothing_is_said(
    large_nodes: None, story: Story, kind: str, edits: int
) -> None:
    Edits(story, SEED).round(kind, edits)
