"""Early answers at length: random edits of every kind of workload, and what then happens."""

import os
import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devcluster import nodes
from tests.e2e.conftest import local
from tests.e2e.edits import NODE_GI, NODES, SHAPE, Edits
from tests.e2e.story import Story
from tests.stress.scene import Scene

pytestmark = [pytest.mark.live, pytest.mark.slow, pytest.mark.timeout(3600)]  # about 25 s for each round

SEED = int(os.environ.get("HEADROOM_SEED", "0")) or random.SystemRandom().randrange(1 << 32)
ROUNDS = {"Deployment": (12, 8), "StatefulSet": (6, 5), "DaemonSet": (3, 4), "ReplicaSet": (2, 5), "Job": (2, 5)}
TWICE = 34
LEAST = 150  # edits of all of them together
EXPECTED = {
    "Deployment": ("short", "stall", "recreated", "hurried", "rolled at a full bound"),
    "StatefulSet": ("short",),
    "Job": ("short",),
}

assert sum(rounds * (edits + 1) for rounds, edits in ROUNDS.values()) >= LEAST


@contextmanager
def guarded(scene: Scene, work: Path) -> Iterator[Story]:
    """Let one replica guard large nodes."""
    nodes.remove_all(scene.plane)
    nodes.add(scene.plane, NODES, SHAPE)
    with scene.guarded(work, 1) as replicas:
        headroom = local(scene.plane, replicas)
        headroom.sees(NODES * NODE_GI << 30)
        yield Story(headroom, scene.namespace)


@pytest.mark.parametrize("kind", ROUNDS)
def test_what_is_said_of_random_edits_comes_about_or_nothing_is_said(
    controlled: Scene, work: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    told: Counter[str] = Counter()
    rounds, edits = ROUNDS[kind]
    with guarded(controlled, work) as story:
        for number in range(rounds):
            with_dice = Edits(story, SEED + number)
            with_dice.round(kind, edits)
            told += with_dice.told
            with capsys.disabled():
                print(f"\n{kind}, seed {SEED + number}: {dict(told)}", end="", flush=True)
    assert sum(told[each] for each in ("silent", "short", "stall", "surge")) >= rounds * (edits + 1)
    assert min((told[each] for each in EXPECTED.get(kind, ())), default=1) > 0


def test_who_scales_twice_in_quick_succession_hears_the_right_number_or_none(
    controlled: Scene, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with guarded(controlled, work) as story:
        edits = Edits(story, SEED)
        edits.hurry(TWICE, 23)
    with capsys.disabled():
        print(f"\ntwice, seed {SEED}: {dict(edits.told)}", end="", flush=True)
