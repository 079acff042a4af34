"""Churn of creates and deletes at the bound: all of it is used, and never more; ResourceQuota beside it."""

import time
from pathlib import Path

import pytest

from devcluster.processes import until
from tests.stress.churn import Churn
from tests.stress.clients import CREATED, Tally
from tests.stress.conftest import Record
from tests.stress.evidence import Evidence
from tests.stress.figures import Figures
from tests.stress.pulse import Pulse
from tests.stress.scene import BOUND, PODS, Scene
from tests.stress.witness import Witness

pytestmark = pytest.mark.live

SECONDS = 40.0
SHORT_SECONDS = 10.0
slow = pytest.mark.slow


@pytest.mark.parametrize("count", [pytest.param(1, marks=slow), 2, pytest.param(3, marks=slow)])
def test_churn_at_the_bound_uses_all_of_it_and_never_more(bare: Scene, work: Path, figures: Record, count: int) -> None:
    tally = Tally()
    with bare.guarded(work, count), Pulse(bare.plane.api, bare.namespace) as pulse:
        seen = churned(bare, tally, SECONDS)
    figures.append(Figures("churn", str(count), BOUND, seen, tally, str(pulse), at_bound=True))
    assert seen.over(BOUND) == []
    assert seen.maximum.held == BOUND
    assert seen.median >= 0.95 * BOUND
    assert not tally.unusual(slow=pulse.slow)


def test_the_same_churn_under_a_resource_quota(controlled: Scene, figures: Record, full: bool) -> None:
    quota = {"metadata": {"name": "all"}, "spec": {"hard": {"requests.memory": str(BOUND)}}}
    path = f"/api/v1/namespaces/{controlled.namespace}/resourcequotas"
    api = controlled.plane.api
    api.create(path, quota)
    until(lambda: "used" in api.get(f"{path}/all").get("status", {}), "the quota's first count", 60)
    tally = Tally()
    seen = churned(controlled, tally, SECONDS if full else SHORT_SECONDS)
    figures.append(Figures("churn", "ResourceQuota", BOUND, seen, tally, _most_in_pods(seen), at_bound=True))
    assert tally[CREATED] > PODS  # what it does beyond that is its own affair, and stands in the table


def churned(scene: Scene, tally: Tally, seconds: float) -> Evidence:
    """What is held while clients fight for room for so long, once the room is full for the first time."""
    with Witness(scene.server) as witness:
        with Churn(scene, tally).running():
            until(lambda: tally[CREATED] >= PODS, "the first pods", 60)
            since = witness.since_now()
            time.sleep(seconds)
            ended = time.monotonic()
        return witness.testify(since).until(ended)


def _most_in_pods(seen: Evidence) -> str:
    return f"{seen.maximum.held * PODS // BOUND} of {PODS} pods at most"
