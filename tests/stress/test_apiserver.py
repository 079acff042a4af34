"""The API server is killed and started again in the middle of a storm."""

import time
from pathlib import Path

import pytest

from tests.stress.churn import Churn
from tests.stress.clients import CONFLICT, CREATED, Tally
from tests.stress.conftest import Record
from tests.stress.figures import Figures
from tests.stress.recovery import AFTER_SECONDS, full_again, patience
from tests.stress.scene import BOUND, SHORT, Scene
from tests.stress.witness import Witness

pytestmark = pytest.mark.live


@pytest.mark.parametrize("count", [pytest.param(1, marks=pytest.mark.slow), 2, pytest.param(3, marks=pytest.mark.slow)])
def test_a_restart_of_the_api_server_leaves_nothing_over_and_nothing_lost(
    bare: Scene, work: Path, figures: Record, full: bool, count: int
) -> None:
    tally = Tally()
    with bare.guarded(work, count, SHORT), Witness(bare.server) as witness:
        with Churn(bare, tally, deleters=1, patience=0.05).running() as churn:
            for _ in range(3 if full else 1):
                time.sleep(4)
                bare.plane.stop_apiserver()
                time.sleep(SHORT.validity / 2)
                bare.plane.start_apiserver()
            restarted = time.monotonic()
            back = full_again(witness, churn, restarted, patience(SHORT))
            time.sleep(AFTER_SECONDS)
        seen = witness.testify()
    note = f"full again after {back:.1f} s, {seen.caught_up} revisions by exact lists"
    figures.append(Figures("API server restart", str(count), BOUND, seen, tally, note))
    assert seen.over(BOUND) == []
    assert tally[CONFLICT] == 0
    assert tally.outcomes(since=restarted)[CREATED] > 0
    assert back <= patience(SHORT)
