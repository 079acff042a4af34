"""Asks Kubernetes' own code about pods, by the Go commands `footprint` and `affinity`, many pods in one call."""

import json
import subprocess
from collections.abc import Iterable
from typing import Any

import msgspec

from devcluster.binaries import NEWEST, Release, binary


class Sums(msgspec.Struct, frozen=True):
    """Memory in bytes, cpu in millicores, in 64 bits with Go's overflows."""

    memory: int
    cpu: int


class Footprint(msgspec.Struct, frozen=True):
    """One pod's sums."""

    requests: Sums = Sums(0, 0)
    limits: Sums = Sums(0, 0)


class Opinion(Footprint, frozen=True):
    """One pod's sums as it stands, and with what an API server fills in; or why Go cannot decode it."""

    defaulted: Footprint = Footprint()
    error: str = ""

    @property
    def as_it_stands(self) -> Footprint:
        """The sums alone."""
        return Footprint(self.requests, self.limits)


def kubernetes_says(pods: Iterable[dict[str, Any]], version: Release = NEWEST) -> list[Opinion]:
    """Ask Kubernetes' own code of a version about each pod, in order."""
    lines = "".join(json.dumps(pod, ensure_ascii=False) + "\n" for pod in pods)
    command = [binary("footprint", version)]
    said = subprocess.run(command, input=lines.encode(), capture_output=True, timeout=120, check=True)
    return [msgspec.json.decode(line, type=Opinion) for line in said.stdout.splitlines()]


def kubernetes_admits(cases: Iterable[dict[str, Any]]) -> list[list[bool]]:
    """Return, for each `{"pod": …, "nodes": […]}`, on which of the nodes the pod may run by Kubernetes' own code."""
    lines = "".join(json.dumps(case) + "\n" for case in cases)
    said = subprocess.run([binary("affinity")], input=lines.encode(), capture_output=True, timeout=120, check=True)
    return [msgspec.json.decode(line, type=list[bool]) for line in said.stdout.splitlines()]
