"""Golden footprints: each file's name is the rule it shows, and Kubernetes' own code agrees with its figures."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.kubernetes_footprint import Opinion, Sums, kubernetes_says
from webhook.core.api.types import Pod, reader
from webhook.core.pods.footprint import footprint

GOLDEN = sorted((Path(__file__).parents[3] / "data" / "footprints").glob("*.json"))


def _read(path: Path) -> dict[str, Any]:
    golden: dict[str, Any] = json.loads(path.read_text())
    return golden


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
def test_a_golden_pod_has_its_footprint(path: Path) -> None:
    golden = _read(path)
    pod = reader(Pod)(json.dumps(golden["pod"]).encode())
    assert footprint(pod)._asdict() == golden["footprint"]


def test_kubernetes_agrees_with_every_golden_figure() -> None:
    goldens = {path.stem: _read(path) for path in GOLDEN}
    said = kubernetes_says(golden["pod"] for golden in goldens.values())
    assert dict(zip(goldens, said, strict=True)) == {name: _expected(each) for name, each in goldens.items()}
    assert len(goldens) > 30


def _expected(golden: dict[str, Any]) -> Opinion:
    figures = golden["footprint"]
    return Opinion(
        Sums(figures["memory_requests"], figures["cpu_requests"]), Sums(figures["memory_limits"], figures["cpu_limits"])
    )
