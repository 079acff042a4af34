"""Replicas are stopped and started one after the other under load, as a rolling update does."""

import time
from pathlib import Path

import pytest

from tests.storm.churn import Churn
from tests.storm.clients import CONFLICT, Tally
from tests.storm.conftest import Record
from tests.storm.figures import Figures
from tests.storm.recovery import full_again, longest_silence
from tests.storm.scene import BOUND, Scene
from tests.storm.witness import Witness

pytestmark = pytest.mark.live

CALM_SECONDS = 10.0


@pytest.mark.parametrize("count", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_a_rolling_restart_leaves_nothing_over_and_hands_back_what_was_held(
    bare: Scene, work: Path, figures: Record, full: bool, count: int
) -> None:
    tally = Tally()
    with bare.guarded(work, count) as replicas, Witness(bare.server) as witness:
        with Churn(bare, tally, patience=0.02).running():
            time.sleep(3)
            began = time.monotonic()
            for _ in range(3 if full else 1):
                for replica in replicas:
                    replica.stop()
                    time.sleep(1)
                    replica.start()
                    replica.wait()
                    time.sleep(1)
            ended = time.monotonic()
            time.sleep(CALM_SECONDS)
        seen = witness.testify()
    back, silence = full_again(seen, ended), longest_silence(tally, began, ended)
    note = f"full again after {back or -1:.1f} s, longest without an answer {silence:.1f} s"
    figures.append(Figures("rolling restart", str(count), BOUND, seen, tally, note))
    assert seen.over(BOUND) == []
    assert tally[CONFLICT] == 0
    assert back is not None
