"""Asks Kubernetes' own code about pods, by the Go commands `footprint` and `affinity`, many pods in one call."""

import json
import subprocess
from collections.abc import Iterable
from typing import Any

import msgspec

from devcluster.binaries import binary


class Sums(msgspec.Struct, frozen=True):
    """Memory in bytes, cpu in millicores, in 64 bits with Go's overflows."""

    memory: int
    cpu: int


class Opinion(msgspec.Struct, frozen=True):
    """One pod's sums, or the reason why Go cannot decode the pod."""

    requests: Sums = Sums(0, 0)
    limits: Sums = Sums(0, 0)
    error: str = ""


def kubernetes_says(pods: Iterable[dict[str, Any]]) -> list[Opinion]:
    """Return the sums of each pod by Kubernetes' own code, in order."""
    lines = "".join(json.dumps(pod, ensure_ascii=False) + "\n" for pod in pods)
    said = subprocess.run([binary("footprint")], input=lines.encode(), capture_output=True, timeout=120, check=True)
    return [msgspec.json.decode(line, type=Opinion) for line in said.stdout.splitlines()]


def kubernetes_admits(questions: Iterable[dict[str, Any]]) -> list[list[bool]]:
    """Return, for each `{"pod": …, "nodes": […]}`, on which of the nodes the pod may run by Kubernetes' own code."""
    lines = "".join(json.dumps(question) + "\n" for question in questions)
    said = subprocess.run([binary("affinity")], input=lines.encode(), capture_output=True, timeout=120, check=True)
    return [msgspec.json.decode(line, type=list[bool]) for line in said.stdout.splitlines()]
