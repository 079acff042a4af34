"""Connections between a replica and the API server are cut, held up, or late, each replica's by itself."""

import time
from pathlib import Path

import pytest

from devcluster.processes import until
from tests.stress.churn import Churn
from tests.stress.clients import CONFLICT, CREATED, Tally
from tests.stress.conftest import Record
from tests.stress.figures import Figures
from tests.stress.proxy import Proxy
from tests.stress.recovery import AFTER_SECONDS, full_again, patience
from tests.stress.scene import BOUND, SHORT, Scene
from tests.stress.witness import Witness

pytestmark = pytest.mark.live

ROUNDS = 6
PAUSE_SECONDS = 0.5


@pytest.mark.parametrize("count", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_whatever_becomes_of_its_connections_no_replica_goes_past_the_bound(
    bare: Scene, work: Path, figures: Record, full: bool, count: int
) -> None:
    tally = Tally()
    with bare.proxied(work, count, SHORT) as (_, proxies), Witness(bare.server) as witness:
        with Churn(bare, tally, patience=0.02).running() as churn:
            time.sleep(2)
            for number in range(ROUNDS if full else 1):
                trouble(proxies[number % count])
            calm = time.monotonic()
            back = full_again(witness, churn, calm, patience(SHORT))
            time.sleep(AFTER_SECONDS)
        seen = witness.testify()
    note = f"full again after {back:.1f} s"
    figures.append(Figures("watches cut, late, stalled", str(count), BOUND, seen, tally, note))
    assert seen.over(BOUND) == []
    assert tally[CONFLICT] == 0
    assert tally.outcomes(since=calm)[CREATED] > 0
    assert back <= patience(SHORT)


def trouble(proxy: Proxy) -> None:
    """A bad time for one replica, longer than its validity where nothing goes through at all."""
    for _ in range(5):
        until(lambda: proxy.cut() > 0, "a connection to cut", 60)
        time.sleep(PAUSE_SECONDS)
    with proxy.lagging(2.0):
        time.sleep(4)
    with proxy.stalled():
        time.sleep(SHORT.validity + 2)
    proxy.cut()
