"""Replicas are stopped and started one after the other under load, as a rolling update does.

Each is stopped as the kubelet stops it: by SIGTERM, after which it says that it is not ready, while the nodes' proxies
learn only later to lead new connections elsewhere. Connections that are open stay open.
"""

import time
from pathlib import Path

import pytest

from devcluster.processes import until
from tests.stress.churn import Churn
from tests.stress.clients import CONFLICT, Tally
from tests.stress.conftest import Record
from tests.stress.figures import Figures
from tests.stress.recovery import AFTER_SECONDS, BACK_SECONDS, full_again, longest_silence
from tests.stress.scene import BOUND, SHIPPED, Scene
from tests.stress.witness import Witness

pytestmark = pytest.mark.live

LATE_SECONDS = 2.0  # by which new connections may still be led to a replica that stops
DELAY_SECONDS = 4.0  # for which it goes on serving: the shipped delay is longer, as are the proxies' worst times


@pytest.mark.parametrize("count", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_who_is_stopped_hands_back_so_that_all_is_used_long_before_it_would_have_lapsed(
    bare: Scene, work: Path, figures: Record, full: bool, count: int
) -> None:
    tally, backs = Tally(), []
    started = bare.guarded(work, count, SHIPPED, shutdown_delay=DELAY_SECONDS, look_seconds=LATE_SECONDS)
    with started as replicas, Witness(bare.server) as witness:
        with Churn(bare, tally, deleters=1, patience=0.05).running() as churn:
            until(lambda: witness.held > BOUND // 2, "the first half", 60)
            began = time.monotonic()
            for replica in [*replicas] * (3 if full else 1):
                replica.stop()
                backs.append(full_again(witness, churn, time.monotonic(), BACK_SECONDS))
                replica.start()
                replica.wait()
                # The endpoints of a Service name the new replica before the next old one is stopped.
                until(lambda: replicas.leads_to(replica), "the balancer to lead to it", 30)  # noqa: B023 - now
            ended = time.monotonic()
            time.sleep(AFTER_SECONDS)
        seen = witness.testify()
    silence = longest_silence(tally, began, ended)
    note = f"full again after {max(backs):.1f} s at most, longest without an answer {silence:.1f} s"
    figures.append(Figures("rolling restart", str(count), BOUND, seen, tally, note))
    assert seen.over(BOUND) == []
    assert tally[CONFLICT] == 0
    assert tally.unusual() == {}  # no create has failed, and none went without an answer
    assert max(backs) < BACK_SECONDS
