"""The witness can tell: it flags what is over, at the revision where it happened, and misses nothing."""

import time
from contextlib import closing
from pathlib import Path

import pytest

from devcluster.processes import until
from tests.stress.churn import Churn
from tests.stress.clients import Client, Tally, pod
from tests.stress.conftest import Record
from tests.stress.evidence import Evidence, Moment
from tests.stress.figures import MI, Figures
from tests.stress.scene import BOUND, POD, STEADY, Scene
from tests.stress.witness import PODS, Witness, size

CLIENTS = 16
LAG_SECONDS = 2.0


@pytest.mark.parametrize(("text", "amount"), [("64Mi", 64 * MI), ("1Gi", 1024 * MI), ("65536Ki", 64 * MI), ("5", 5)])
def test_its_arithmetic(text: str, amount: int) -> None:
    assert size(text) == amount


def test_its_median_goes_by_time_and_its_maximum_by_revision() -> None:
    held = [Moment(1, 0, 0.0), Moment(2, 9, 1.0), Moment(3, 5, 2.0), Moment(4, 9, 9.0)]
    seen = Evidence(tuple(held), ended=9.5, caught_up=0)
    assert (seen.median, seen.maximum, seen.over(8)) == (5, held[1], [held[1], held[3]])


@pytest.mark.live
def test_it_sees_every_revision_even_those_that_no_watch_tells_any_more(bare: Scene) -> None:
    """Nothing guards here, so what happened is known exactly: up to three pods, one by one, and down again."""
    listed = bare.server.get(PODS)
    with closing(Client(bare.server, bare.namespace, Tally())) as client:
        for number in range(3):
            client.create(pod(f"one-{number}", POD))
        for number in range(3):
            client.delete(f"one-{number}")
    bare.plane.stop_apiserver()
    bare.plane.start_apiserver()
    with Witness(bare.server, listed) as witness:
        seen = witness.testify()
    assert seen.caught_up >= 6
    steps = [moment.held // POD for moment in seen.moments]
    changes = [now for before, now in zip([None, *steps], steps, strict=False) if now != before]
    assert changes == [0, 1, 2, 3, 2, 1, 0]


@pytest.mark.live
@pytest.mark.parametrize(
    ("fault", "count"), [("reserve-nothing", 1), pytest.param("forget-others", 2, marks=pytest.mark.slow)]
)
def test_it_flags_a_careless_headroom(bare: Scene, work: Path, figures: Record, fault: str, count: int) -> None:
    tally = Tally()
    with bare.guarded(work, count, fault=fault), Witness(bare.server) as witness:
        with Churn(bare, tally, creators=CLIENTS).running():
            until(lambda: witness.most() > BOUND, "what the fault leads to", 60)
        seen = witness.testify()
    figures.append(Figures(f"seeded fault: {fault}", str(count), BOUND, seen, tally))
    assert seen.over(BOUND)


@pytest.mark.live
def test_it_flags_a_headroom_that_releases_on_sight(bare: Scene, work: Path, figures: Record) -> None:
    """One replica sees late: the other must not take for granted that it has seen what itself has."""
    tally = Tally()
    with bare.proxied(work, 2, STEADY, fault="release-on-sight") as (_, proxies), Witness(bare.server) as witness:
        with proxies[1].lagging(LAG_SECONDS):
            until(lambda: overfilled(bare, witness, tally), "what the fault leads to", 120)
        seen = witness.testify()
    figures.append(Figures("seeded fault: release-on-sight", "2", BOUND, seen, tally))
    assert seen.over(BOUND)


def overfilled(scene: Scene, witness: Witness, tally: Tally) -> bool:
    """Fill the cluster, and say whether more was let in than fits; if not, clear it: chance decides who grants what."""
    with Churn(scene, tally, creators=CLIENTS, deleters=0, patience=0.05).running():
        until(lambda: witness.held >= BOUND, "a full cluster", 60)
        time.sleep(LAG_SECONDS)
    if witness.most() > BOUND:
        return True
    scene.clear()
    time.sleep(2 * LAG_SECONDS)
    return False
