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
ROUNDS = {"Deployment": (12, 9), "StatefulSet": (6, 5), "DaemonSet": (3, 4), "ReplicaSet": (2, 5), "Job": (2, 5)}
LEAST = 150


def test_what_is_said_of_random_edits_comes_about_or_nothing_is_said(
    controlled: Scene, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nodes.remove_all(controlled.plane)
    nodes.add(controlled.plane, NODES, SHAPE)
    told: Counter[str] = Counter()
    with controlled.guarded(work, 1) as replicas:
        headroom = local(controlled.plane, replicas)
        headroom.sees(NODES * NODE_GI << 30)
        rounds = [(kind, edits) for kind, (times, edits) in ROUNDS.items() for _ in range(times)]
        for number, (kind, edits) in enumerate(rounds):
            with_dice = Edits(Story(headroom, controlled.namespace), SEED + number)
            with_dice.round(kind, edits)
            told += with_dice.told
    with capsys.disabled():
        print(f"\nseed {SEED}: {dict(told)}")
    assert sum(told[each] for each in ("silent", "short", "stall", "surge")) >= LEAST
    assert min(told[each] for each in ("short", "stall", "surge", "recreated", "hurried")) > 0
