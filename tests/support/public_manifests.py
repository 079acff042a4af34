"""`python -m tests.support.public_manifests DIR ...`: hold `headroom footprint` against sums that are made another way.

Manifests that nobody here wrote are added up by plain arithmetic on exact fractions, without any of Headroom's
code: PyYAML reads them, and the rule is the one of Kubernetes' documentation (overhead, sidecars, init containers,
pod-level resources). Object by object, both must say the same. Nothing public is kept in this repository: clone what is
to be added up, and name its folders.
"""

import json
import math
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import yaml

Object = dict[str, Any]

KINDS = {
    "v1": ("Pod", "ReplicationController"),
    "apps/v1": ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"),
    "batch/v1": ("Job", "CronJob"),
}
SUFFIXES = {"": Fraction(1), "n": Fraction(1, 10**9), "u": Fraction(1, 10**6), "m": Fraction(1, 1000)}
SUFFIXES |= {name: Fraction(1000) ** power for power, name in enumerate("kMGTPE", 1)}
SUFFIXES |= {f"{name}i": Fraction(1024) ** power for power, name in enumerate("KMGTPE", 1)}
SUFFIXES_READ = {".yaml", ".yml", ".json"}
DOCUMENT = re.compile(r"^---(?:[ \t].*)?$", re.MULTILINE)


class Sum(NamedTuple):
    """One object: a replica's memory in bytes and cpu in thousandths, rounded up; None where no limit is declared."""

    kind: str
    namespace: str | None
    name: str | None
    replicas: int | None
    requests: int
    limits: int | None
    unbounded: bool
    cpu_requests: int
    cpu_limits: int | None


def quantity(value: object) -> Fraction:
    """The number that a quantity stands for; ValueError if it is none."""
    found = re.fullmatch(r"([+-]?[0-9.]+)(?:[eE]([+-]?\d+)|([numkKMGTPE]?i?))", str(value).strip())
    if not found or (found[3] or "") not in SUFFIXES:
        raise ValueError(f"no quantity: {value!r}")
    return Fraction(found[1]) * (Fraction(10) ** int(found[2]) if found[2] else SUFFIXES[found[3] or ""])


def of_pod(spec: Object, resource: str, kind: str) -> Fraction | None:
    """What one pod asks of a resource (`kind` is requests or limits); None if it declares none."""
    init = spec.get("initContainers") or []
    running = _added([_asked(each, resource, kind) for each in spec["containers"]])
    sidecars: list[Fraction | None] = []
    peaks: list[Fraction | None] = []
    for each in init:
        asked = _asked(each, resource, kind)
        peaks.append(_added([asked, *sidecars]))
        if each.get("restartPolicy") == "Always":
            sidecars.append(asked)
    least = [each for each in (_added([running, *sidecars]), *peaks) if each is not None]
    total = max(least) if least else None
    own = _own(spec, resource, kind, total)
    overhead = (spec.get("overhead") or {}).get(resource)
    # Overhead is added to limits only where there are some.
    if overhead is not None and (kind == "requests" or own is not None):
        return (own or Fraction(0)) + quantity(overhead)
    return own


def _own(spec: Object, resource: str, kind: str, total: Fraction | None) -> Fraction | None:
    """What the pod itself says of a resource replaces what its containers say."""
    resources = spec.get("resources") or {}
    said = (resources.get(kind) or {}).get(resource)
    if said is not None:
        return quantity(said)
    limit = (resources.get("limits") or {}).get(resource)
    return quantity(limit) if kind == "requests" and total is None and limit is not None else total


def _asked(container: Object, resource: str, kind: str) -> Fraction | None:
    """A container's; a request that is left out is the limit."""
    resources = container.get("resources") or {}
    said = (resources.get(kind) or {}).get(resource)
    if said is None and kind == "requests":
        said = (resources.get("limits") or {}).get(resource)
    return None if said is None else quantity(said)


def _added(amounts: list[Fraction | None]) -> Fraction | None:
    known = [each for each in amounts if each is not None]
    return sum(known, Fraction(0)) if known else None


def summed(item: Object) -> Sum | None:
    """The sum of an object that commits something; None for others, and for what is only part of one (a patch)."""
    if item.get("kind") not in KINDS.get(str(item.get("apiVersion")), ()):
        return None
    spec = item.get("spec") or {}
    job = ((spec.get("jobTemplate") or {}).get("spec") or {}) if item["kind"] == "CronJob" else spec
    pod = spec if item["kind"] == "Pod" else (job.get("template") or {}).get("spec") or {}
    if not pod.get("containers"):
        return None
    figures = [of_pod(pod, resource, kind) for resource in ("memory", "cpu") for kind in ("requests", "limits")]
    memory, limit, cpu, cpu_limit = (None if each is None else each for each in figures)
    metadata = item.get("metadata") or {}
    return Sum(
        kind=item["kind"],
        namespace=metadata.get("namespace"),
        name=metadata.get("name") or metadata.get("generateName"),
        replicas=_replicas(item["kind"], job),
        requests=math.ceil(memory or 0),
        limits=None if limit is None else math.ceil(limit),
        unbounded=_unbounded(pod),
        cpu_requests=math.ceil((cpu or 0) * 1000),
        cpu_limits=None if cpu_limit is None else math.ceil(cpu_limit * 1000),
    )


def _replicas(kind: str, spec: Object) -> int | None:
    if kind == "DaemonSet":
        return None
    if kind == "Pod":
        return 1
    if kind in {"Job", "CronJob"}:
        least = [int(spec[key]) for key in ("parallelism", "completions") if spec.get(key) is not None]
        # Without `parallelism` one pod runs at a time, however many are to complete.
        return min(least) if spec.get("parallelism") is not None else min([1, *least])
    return 1 if spec.get("replicas") is None else int(spec["replicas"])


def _unbounded(pod: Object) -> bool:
    """Whether something that runs for as long as the pod may take any amount of memory."""
    if ((pod.get("resources") or {}).get("limits") or {}).get("memory") is not None:
        return False
    stay = [each for each in pod.get("initContainers") or [] if each.get("restartPolicy") == "Always"]
    return any(
        ((c.get("resources") or {}).get("limits") or {}).get("memory") is None for c in [*pod["containers"], *stay]
    )


def objects(folder: Path) -> Iterator[Object]:
    """All objects in the YAML and JSON files of a tree that PyYAML can read."""
    for path in sorted(each for each in folder.rglob("*") if each.suffix in SUFFIXES_READ and each.is_file()):
        for text in DOCUMENT.split(path.read_text(errors="replace")):
            try:
                found = yaml.safe_load(text)
            except (yaml.YAMLError, ValueError):
                continue
            if isinstance(found, dict):
                yield from _flat(found)


def _flat(item: Object) -> Iterator[Object]:
    if str(item.get("kind", "")).endswith("List") and isinstance(item.get("items"), list):
        for each in item["items"]:
            yield from _flat(each)
    else:
        yield item


def ours(folder: Path) -> Counter[Sum]:
    """The sums that are made here. Quantities that are none leave an object out, as Headroom does with an error."""
    found: Counter[Sum] = Counter()
    for item in objects(folder):
        try:
            one = summed(item)
        except (ValueError, TypeError, AttributeError):
            continue
        if one is not None:
            found[one] += 1
    return found


def theirs(folder: Path) -> Counter[Sum]:
    """What `headroom footprint` says of the same tree."""
    headroom = Path(sys.executable).parent / "headroom"
    command = [str(headroom), "footprint", "-R", "-f", str(folder), "-o", "json"]
    entries = json.loads(subprocess.run(command, capture_output=True, text=True, check=False).stdout)
    return Counter(
        Sum(
            *(each[key] for key in ("kind", "namespace", "name", "replicas")),
            *(each["memory"][key] for key in ("requestsBytes", "limitsBytes", "unbounded")),
            *(each["cpu"][key] for key in ("requestsMillis", "limitsMillis")),
        )
        for each in entries
    )


def main(folders: list[Path]) -> int:
    """Compare the sums of each folder; 1 if any differ, or if a folder has none."""
    wrong = False
    for folder in folders:
        one, other = ours(folder), theirs(folder)
        total = sum((each.requests or 0) * (each.replicas or 0) * count for each, count in one.items())
        limits = sum((each.limits or 0) * (each.replicas or 0) * count for each, count in one.items())
        differing = (one - other) + (other - one)
        print(f"{folder}: {one.total()} objects, requests {total}, limits {limits} bytes: {differing.total()} differ")
        for each in differing:
            print(f"  {'here' if one[each] > other[each] else 'headroom'}: {each}")
        wrong |= bool(differing) or not one
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main([Path(each) for each in sys.argv[1:]]))
