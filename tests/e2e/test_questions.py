"""What `check`, `fit` and `simulate` say is what then happens; `python -m tests.stress` asks more of it."""

import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from devcluster.replicas import Replicas
from tests.e2e.headroom import Headroom
from tests.e2e.joined import Joined, joined, reviews
from tests.e2e.questions import Questions

pytestmark = pytest.mark.live

# The same questions each time; another seed, or 0 for any, makes others.
SEED = int(os.environ.get("HEADROOM_SEED", "20261130")) or random.SystemRandom().randrange(1 << 32)
SHORT, FULL = 24, 200  # cases


@pytest.fixture
def three(replicas: Replicas, headroom: Headroom, no_nodes: None, tmp_path: Path) -> Iterator[Joined]:
    """Two more replicas beside the one of the other tests, and a balancer in front of all three."""
    headroom.account()
    with joined(headroom.cluster, replicas, 2, tmp_path) as found:
        yield found


@pytest.mark.timeout(3600)  # for the full length, on a machine that is busy
def test_what_is_said_to_fit_is_admitted_and_what_is_not_is_refused(
    three: Joined, headroom: Headroom, namespace: str, pytestconfig: pytest.Config
) -> None:
    cases = FULL if pytestconfig.getoption("storm_full", default=False) else SHORT
    try:
        tally = Questions(headroom, three, namespace, SEED).run(cases)
    finally:
        headroom.configure({"requests": "100%"})
    print(tally)
    assert all(reviews([replica]) for replica in three.replicas)
    assert tally.pods["said to fit, admitted"] >= cases // 2, tally
    assert tally.pods["said not to fit, refused"] >= cases // 2, tally
