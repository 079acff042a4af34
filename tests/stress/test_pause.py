"""A replica that is paused (SIGSTOP) for longer than its validity, and goes on as if nothing had happened."""

import time
from pathlib import Path

import pytest

from devcluster.processes import until
from tests.stress.churn import Churn
from tests.stress.clients import CONFLICT, Tally
from tests.stress.conftest import Record
from tests.stress.figures import Figures
from tests.stress.recovery import (
    AFTER_SECONDS,
    BUSY_SECONDS,
    PROOF_SECONDS,
    documented,
    full_again,
    longest_silence,
)
from tests.stress.scene import BOUND, SHORT, Scene
from tests.stress.witness import Witness

pytestmark = pytest.mark.live

# What the API server asks a paused replica goes unanswered for as long as a webhook may take.
TIMEOUT_SECONDS = 5.0
BACK_SECONDS = SHORT.lapse + PROOF_SECONDS + BUSY_SECONDS


@pytest.mark.parametrize(
    ("count", "seconds"),
    [
        pytest.param(2, SHORT.validity + 1, id="2-until-it-is-silent"),
        pytest.param(2, documented(SHORT), id="2-until-its-share-is-taken", marks=pytest.mark.slow),
        pytest.param(3, documented(SHORT), id="3-until-its-share-is-taken", marks=pytest.mark.slow),
    ],
)
def test_a_replica_that_slept_grants_nothing_on_what_it_held_before(
    bare: Scene, work: Path, figures: Record, count: int, seconds: float
) -> None:
    tally = Tally()
    with bare.guarded(work, count, SHORT) as replicas, Witness(bare.server) as witness:
        with Churn(bare, tally, deleters=1, patience=0.1).running() as churn:
            until(lambda: witness.held > BOUND // 2, "the first half", 60)
            paused = time.monotonic()
            replicas[0].program.pause()
            time.sleep(seconds)
            replicas[0].program.resume()
            resumed = time.monotonic()
            silence = longest_silence(tally, paused, resumed)
            # What it was asked while it slept, it answers now: nobody uses that, so it costs its share for a lapse.
            back = full_again(witness, churn, resumed, BACK_SECONDS)
            replicas[0].wait()
            time.sleep(AFTER_SECONDS)
        seen = witness.testify()
    note = f"full again {back:.1f} s after its end, longest without an answer {silence:.1f} s"
    figures.append(Figures(f"SIGSTOP for {seconds:.0f} s", str(count), BOUND, seen, tally, note))
    assert seen.over(BOUND) == []
    assert tally[CONFLICT] == 0
    assert back <= BACK_SECONDS
    assert silence < TIMEOUT_SECONDS + 5, "the rest is a busy machine's"
