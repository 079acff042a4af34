"""Every fault and every change once, as fast as they can be had, on the real API server."""

from pathlib import Path

import pytest

from tests.stress.conftest import Record
from tests.stress.figures import Figures
from tests.stress.scene import BOUND, Scene
from tests.stress.soak.report import problems, table
from tests.stress.soak.run import ONCE, soak

pytestmark = [pytest.mark.live, pytest.mark.timeout(600)]  # on a machine that is busy

SEED = 1


def test_each_fault_once_leaves_nothing_lost_nothing_over_and_nothing_wrong(
    bare: Scene, work: Path, figures: Record
) -> None:
    found = soak(bare, work, SEED, ONCE, print)
    print(table(found))
    figures.append(Figures("soak, each once", "2", BOUND, found.evidence, None, f"{found.seconds:.0f} s"))
    assert problems(found) == []
