"""`kill -9` of one of two replicas in the middle of a storm, and its restart."""

import time
from pathlib import Path

import pytest

from devcluster.processes import until
from tests.stress.churn import Churn
from tests.stress.clients import CONFLICT, Tally
from tests.stress.conftest import Record
from tests.stress.figures import Figures
from tests.stress.recovery import AFTER_SECONDS, documented, full_again, longest_silence, patience
from tests.stress.scene import BOUND, PODS, SHIPPED, SHORT, Scene, Times
from tests.stress.witness import Witness

pytestmark = pytest.mark.live


@pytest.mark.parametrize(
    ("count", "times"),
    [
        pytest.param(2, SHORT, id="2-short"),
        pytest.param(3, SHORT, id="3-short", marks=pytest.mark.slow),
        pytest.param(2, SHIPPED, id="2-shipped", marks=pytest.mark.slow),
    ],
)
def test_a_killed_replica_costs_its_share_for_a_while_and_nothing_else(
    bare: Scene, work: Path, figures: Record, count: int, times: Times
) -> None:
    tally = Tally()
    with bare.guarded(work, count, times) as replicas, Witness(bare.server) as witness:
        churn = Churn(bare, tally, deleters=1, patience=0.1)
        churn.level = PODS // 2  # so that replicas hold something to spare
        with churn.running():
            until(lambda: witness.held >= BOUND // 2, "the first half", 60)
            time.sleep(AFTER_SECONDS)
            killed = time.monotonic()
            replicas[0].program.kill()
            churn.level = 2 * PODS
            back = full_again(witness, churn, killed, patience(times))
            silence = longest_silence(tally, killed, time.monotonic())
            replicas[0].start()
            replicas[0].wait()
            time.sleep(AFTER_SECONDS)
        seen = witness.testify()
    note = f"full again after {back:.1f} s, longest without an answer {silence:.1f} s"
    figures.append(Figures(f"kill -9, {documented(times):.0f} s", str(count), BOUND, seen, tally, note))
    assert seen.over(BOUND) == []
    assert tally[CONFLICT] == 0
    assert back <= patience(times)
    assert silence < times.validity + times.lapse, "it took everything along for as long as its share is held"
