"""Duplicates of one live name: they cost one footprint at most while they are open, and nothing after the lapse.

Each replica that was asked about them holds room for one, and all tell each other of the name: beside the living pod
nothing is lost, and one footprint in all once it is gone.
"""

import itertools
import time
import uuid
from contextlib import closing
from pathlib import Path

import pytest

from tests.stress.clients import CREATED, EXISTS, Client, Tally, crowd, pod
from tests.stress.conftest import Record
from tests.stress.figures import Figures
from tests.stress.recovery import BUSY_SECONDS, PROOF_SECONDS
from tests.stress.scene import BOUND, POD, PODS, SHIPPED, STEADY, Scene, Times
from tests.stress.witness import Witness

pytestmark = pytest.mark.live

DUPLICATES, CLIENTS = 200, 16
slow = pytest.mark.slow


@pytest.mark.parametrize("stays", [pytest.param(True, id="it-stays"), pytest.param(False, id="it-goes")])
@pytest.mark.parametrize(
    ("count", "times"),
    [
        pytest.param(1, STEADY, id="1-short", marks=slow),
        pytest.param(2, STEADY, id="2-short", marks=slow),
        pytest.param(3, STEADY, id="3-short"),
        pytest.param(2, SHIPPED, id="2-shipped", marks=slow),
    ],
)
def test_duplicates_cost_one_footprint_at_most_and_nothing_after_the_lapse(
    bare: Scene, work: Path, figures: Record, count: int, times: Times, stays: bool
) -> None:
    tally = Tally()
    with bare.guarded(work, count, times), Witness(bare.server) as witness:
        with crowd(bare.server, bare.namespace, tally, CLIENTS) as run:
            run(duplicate)
        told = time.monotonic()
        assert (tally[CREATED], tally[EXISTS]) == (1, DUPLICATES), str(tally)
        with closing(Client(bare.server, bare.namespace, tally)) as client:
            if not stays:
                client.delete("live")
            at_once = fill(client, "at-once")
            later = at_once
            while later < PODS - stays and time.monotonic() < told + times.lapse + PROOF_SECONDS + BUSY_SECONDS:
                time.sleep(0.2)
                later += fill(client, "later")
            took = time.monotonic() - told
        seen = witness.testify()
    note = f"{at_once + stays} of {PODS} fit at once, {later + stays} after {took:.1f} s"
    name = f"{DUPLICATES} duplicates, it {'stays' if stays else 'goes'}, lapse {times.lapse:.0f} s"
    figures.append(Figures(name, str(count), BOUND, seen, tally, note))
    assert seen.over(BOUND) == []
    assert PODS - at_once - stays <= (0 if stays else 1)
    assert later + stays == PODS


def duplicate(client: Client, number: int) -> None:
    """Create the one name; one client once more, for the first of all is no duplicate."""
    each, more = divmod(DUPLICATES + 1, CLIENTS)
    for _ in range(each + (number < more)):
        client.insist(pod("live", POD))


def fill(client: Client, prefix: str) -> int:
    """Create until refused; return how many were let in."""
    names = (f"{prefix}-{uuid.uuid4().hex[:8]}" for _ in range(PODS + 1))
    return sum(1 for _ in itertools.takewhile(lambda name: client.insist(pod(name, POD)) == CREATED, names))
