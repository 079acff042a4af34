"""What Kubernetes' own admission says of pods and quotas: the Go command `quota`, asked in one batch."""

import json
import subprocess
from collections.abc import Iterable

import msgspec

from devcluster.binaries import NEWEST, Release, binary
from tests.unit.core.quotas.samples import Case


class Opinion(msgspec.Struct, frozen=True):
    """What is said against the pod, or why Go cannot decode the case."""

    said: str = ""
    error: str = ""


def kubernetes_says(cases: Iterable[Case], version: Release = NEWEST) -> list[Opinion]:
    """Ask about each, in order."""
    lines = "".join(json.dumps(each.json) + "\n" for each in cases)
    said = subprocess.run(
        [binary("quota", version)], input=lines.encode(), capture_output=True, timeout=120, check=True
    )
    return [msgspec.json.decode(line, type=Opinion) for line in said.stdout.splitlines()]
