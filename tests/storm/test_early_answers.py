"""Early answers at length: random edits of every kind of workload, and what then happens."""

import os
import random
from collections import Counter
from pathlib import Path

import pytest

from tests.cluster import nodes
from tests.live.conftest import local
from tests.live.edits import NODE_GI, NODES, SHAPE, Edits
from tests.live.story import Story
from tests.storm.scene import Scene

pytestmark = [pytest.mark.live, pytest.mark.slow]

SEED = int(os.environ.get("HEADROOM_SEED", "0")) or random.SystemRandom().randrange(1 << 32)
ROUNDS = {"Deployment": (12, 8), "StatefulSet": (6, 5), "DaemonSet": (3, 4), "ReplicaSet": (2, 5), "Job": (2, 5)}
LEAST = 150  # edits of all of them together
EXPECTED = {
    "Deployment": ("short", "stall", "surge", "recreated", "hurried"),
    "StatefulSet": ("short", "stall"),
    "Job": ("short",),
}

assert sum(rounds * (edits + 1) for rounds, edits in ROUNDS.values()) >= LEAST


@pytest.mark.parametrize("kind", ROUNDS)
def test_what_is_said_of_random_edits_comes_about_or_nothing_is_said(
    controlled: Scene, work: Path, capsys: pytest.CaptureFixture[str], kind: str
) -> None:
    nodes.remove_all(controlled.plane)
    nodes.add(controlled.plane, NODES, SHAPE)
    told: Counter[str] = Counter()
    rounds, edits = ROUNDS[kind]
    with controlled.guarded(work, 1) as replicas:
        headroom = local(controlled.plane, replicas)
        headroom.sees(NODES * NODE_GI << 30)
        for number in range(rounds):
            with_dice = Edits(Story(headroom, controlled.namespace), SEED + number)
            with_dice.round(kind, edits)
            told += with_dice.told
            with capsys.disabled():
                print(f"\n{kind}, seed {SEED + number}: {dict(told)}", end="", flush=True)
    assert sum(told[each] for each in ("silent", "short", "stall", "surge")) >= rounds * (edits + 1)
    assert min((told[each] for each in EXPECTED.get(kind, ())), default=1) > 0
