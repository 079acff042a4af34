"""Creates that come long after they were let in, or never: another webhook, and a store that stands still."""

import time
from pathlib import Path

import pytest

from tests.stress.bystander import standing_by
from tests.stress.churn import Churn
from tests.stress.clients import CONFLICT, Tally
from tests.stress.conftest import Record
from tests.stress.figures import Figures
from tests.stress.recovery import AFTER_SECONDS, full_again, patience
from tests.stress.scene import BOUND, SHORT, Scene
from tests.stress.witness import Witness

pytestmark = [pytest.mark.live, pytest.mark.slow]

SECONDS = 30.0
STANDSTILLS = 4
STANDSTILL_SECONDS = 6.0  # most of what a create is given in all
counts = pytest.mark.parametrize("count", [1, 2, 3])


@counts
def test_what_another_webhook_delays_is_reserved_for_and_what_it_refuses_is_free_after_the_lapse(
    bare: Scene, work: Path, figures: Record, count: int
) -> None:
    tally = Tally()
    with bare.guarded(work, count, SHORT), Witness(bare.server) as witness:
        with standing_by(bare.plane, work / "bystander", bare.namespace), Churn(bare, tally, patience=0.02).running():
            time.sleep(SECONDS)
        alone = time.monotonic()
        with Churn(bare, tally, deleters=0, patience=0.05).running() as churn:
            back = full_again(witness, churn, alone, patience(SHORT))
            time.sleep(AFTER_SECONDS)
        seen = witness.testify()
    note = f"full {back:.1f} s after the last was refused elsewhere"
    figures.append(Figures("late and refused elsewhere", str(count), BOUND, seen, tally, note))
    assert seen.over(BOUND) == []
    assert tally[CONFLICT] == 0
    assert back <= patience(SHORT)


@counts
def test_a_store_that_stands_still_lets_nothing_through_twice(
    bare: Scene, work: Path, figures: Record, count: int
) -> None:
    tally = Tally()
    with bare.guarded(work, count, SHORT), Witness(bare.server) as witness:
        with Churn(bare, tally, patience=0.05).running() as churn:
            for _ in range(STANDSTILLS):
                time.sleep(3)
                with bare.standstill():
                    time.sleep(STANDSTILL_SECONDS)
            moved = time.monotonic()
            back = full_again(witness, churn, moved, patience(SHORT))
            time.sleep(AFTER_SECONDS)
        seen = witness.testify()
    note = f"full again after {back:.1f} s"
    figures.append(Figures("etcd stands still", str(count), BOUND, seen, tally, note))
    assert seen.over(BOUND) == []
    assert tally[CONFLICT] == 0
    assert back <= patience(SHORT)
