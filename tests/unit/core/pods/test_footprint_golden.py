"""Golden footprints: each file's name is the rule it shows, and Kubernetes' own code agrees with its figures."""

import json
from pathlib import Path
from typing import Any

import pytest

from devcluster.binaries import RELEASES, Release
from tests.support.kubernetes_footprint import Footprint, Sums, kubernetes_says
from webhook.core.api.types import Pod, reader
from webhook.core.pods.footprint import footprint
from webhook.core.pods.rules import chosen

GOLDEN = sorted((Path(__file__).parents[3] / "data" / "footprints").glob("*.json"))


def _read(path: Path) -> dict[str, Any]:
    golden: dict[str, Any] = json.loads(path.read_text())
    return golden


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
@pytest.mark.parametrize("version", RELEASES, ids=lambda version: version.minor)
def test_a_golden_pod_has_its_footprint(path: Path, version: Release) -> None:
    golden = _read(path)
    pod = reader(Pod)(json.dumps(golden["pod"]).encode())
    assert footprint(pod, (chosen(version.version).rule_set,))._asdict() == _figures(golden, version)


@pytest.mark.parametrize("version", RELEASES, ids=lambda version: version.minor)
def test_kubernetes_agrees_with_every_golden_figure(version: Release) -> None:
    goldens = {path.stem: _read(path) for path in GOLDEN}
    said = kubernetes_says((golden["pod"] for golden in goldens.values()), version)
    stands = [each.as_it_stands for each in said]
    assert dict(zip(goldens, stands, strict=True)) == {name: _sums(each, version) for name, each in goldens.items()}
    assert len(goldens) > 30
    assert sum("footprint_1_36" in golden for golden in goldens.values()) >= 3


def _figures(golden: dict[str, Any], version: Release) -> dict[str, int]:
    """The figures of the newest version, or those of an older one where that counts by another rule."""
    figures: dict[str, int] = golden.get(f"footprint_{version.minor.replace('.', '_')}", golden["footprint"])
    return figures


def _sums(golden: dict[str, Any], version: Release) -> Footprint:
    figures = _figures(golden, version)
    return Footprint(
        Sums(figures["memory_requests"], figures["cpu_requests"]), Sums(figures["memory_limits"], figures["cpu_limits"])
    )
