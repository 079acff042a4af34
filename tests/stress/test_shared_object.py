"""The one object that replicas share is deleted, damaged or set back in the middle of a storm."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from devcluster.api import Api, Object
from tests.e2e.headroom import SHARED
from tests.stress.churn import Churn
from tests.stress.clients import CONFLICT, Tally
from tests.stress.conftest import Record
from tests.stress.figures import Figures
from tests.stress.recovery import AFTER_SECONDS, full_again, patience
from tests.stress.scene import BOUND, SHORT, Scene
from tests.stress.witness import Witness

pytestmark = pytest.mark.live

OBJECT, _ = SHARED
KEY = "state.json"
Harm = Callable[[Api, Object], object]


def deleted(api: Api, _: Object) -> None:
    """As by `kubectl delete`."""
    api.delete(OBJECT)


def emptied(api: Api, _: Object) -> None:
    """As by an edit that leaves nothing."""
    api.patch(OBJECT, {"data": None})


def unreadable(api: Api, _: Object) -> None:
    """As by an edit that leaves a brace too many."""
    api.patch(OBJECT, {"data": {KEY: "}"}})


def robbed(api: Api, _: Object) -> None:
    """Nobody holds anything any more, if one believes it."""
    edit(api, holdings={})


def from_the_future(api: Api, _: Object) -> None:
    """The floor is a revision that no cluster has reached."""
    edit(api, floor=10**9)


def edit(api: Api, **values: object) -> None:
    """Change something by hand, in good JSON."""
    text = json.loads(api.get(OBJECT)["data"][KEY])
    text["state"] |= values
    api.patch(OBJECT, {"data": {KEY: json.dumps(text, separators=(",", ":"))}})


def set_back(api: Api, before: Object) -> None:
    """As by a backup that is put in its place again."""
    api.patch(OBJECT, {"data": before["data"]})


HARMS: tuple[Harm, ...] = (emptied, unreadable, robbed, from_the_future, set_back)


@pytest.mark.parametrize(
    ("harm", "count"),
    [
        pytest.param(deleted, 2, id="deleted-2"),
        *(pytest.param(deleted, count, id=f"deleted-{count}", marks=pytest.mark.slow) for count in (1, 3)),
        *(pytest.param(harm, 2, id=f"{harm.__name__}-2", marks=pytest.mark.slow) for harm in HARMS),
    ],
)
def test_a_harmed_object_is_made_anew_and_nothing_is_granted_twice(
    bare: Scene, work: Path, figures: Record, harm: Harm, count: int
) -> None:
    tally, api = Tally(), bare.plane.api
    with bare.guarded(work, count, SHORT), Witness(bare.server) as witness:
        before = api.get(OBJECT)
        with Churn(bare, tally, deleters=1, patience=0.1).running() as churn:
            time.sleep(3)
            harm(api, before)
            harmed = time.monotonic()
            time.sleep(SHORT.validity)  # in which whoever did not notice would go on as before
            back = SHORT.validity + full_again(witness, churn, harmed + SHORT.validity, patience(SHORT))
            time.sleep(AFTER_SECONDS)
        seen = witness.testify()
    note = f"full again after {back:.1f} s, the latest answer after {tally.latest():.1f} s"
    figures.append(Figures(f"shared object {harm.__name__.replace('_', ' ')}", str(count), BOUND, seen, tally, note))
    assert seen.over(BOUND) == []
    assert tally[CONFLICT] == 0
    assert tally.timeouts() == []
    assert back <= patience(SHORT)
