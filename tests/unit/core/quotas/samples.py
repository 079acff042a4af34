"""Pods and the quotas of their namespace at random, for a comparison with Kubernetes' own code.

Quantities are written so that Go writes them as they are, or in its canonical form: some others it repeats as they were
given (`12.125`) where nothing was added to them.
"""

import random
from random import Random
from typing import Any

Json = dict[str, Any]

RESOURCES = (
    *("cpu", "memory", "ephemeral-storage", "hugepages-2Mi", "hugepages-1Gi", "example.com/gpu", "x.io/y"),
    *("deviceclass.resource.kubernetes.io/fast", "kubernetes.io/batch-cpu"),
)
NAMES = (
    *("pods", "count/pods", "cpu", "memory", "ephemeral-storage", "hugepages-2Mi"),
    *(f"requests.{each}" for each in RESOURCES),
    *(f"limits.{each}" for each in ("cpu", "memory", "ephemeral-storage")),
    *("services", "persistentvolumeclaims", "requests.storage", "count/configmaps"),
)
CLASSES = ("", "low", "high", "system-cluster-critical")
SCOPES = ("Terminating", "NotTerminating", "BestEffort", "NotBestEffort", "CrossNamespacePodAffinity", "PriorityClass")
_SUFFIXES = ("", "", "k", "M", "G", "Ki", "Mi", "Mi", "Gi", "Gi", "m", "u", "n", "e3", "e6", "e-3")


class Case(tuple[Json, Json | None, list[Json]]):
    """A pod, what it was before a resize, and the quotas."""

    __slots__ = ()

    @property
    def json(self) -> Json:
        """As the Go command reads it."""
        pod, before, quotas = self
        return {"pod": pod, "quotas": quotas} | ({} if before is None else {"before": before})


def many(count: int) -> list[Case]:
    """Make so many by the run's own seed, which pytest-randomly prints."""
    rng = Random(random.getrandbits(64))  # noqa: S311 - test data, no secret
    return [case(rng) for _ in range(count)]


def case(rng: Random) -> Case:
    """Make one; a third are resizes."""
    made = pod(rng)
    before = None
    if rng.random() < 0.35:
        before = resized(rng, made)
    names = rng.sample(("a", "b", "c", "zz"), rng.choice((1, 1, 1, 2, 3)))
    return Case((made, before, [quota(rng, name) for name in sorted(names)]))


def pod(rng: Random) -> Json:
    """Make a pod."""
    demanding = rng.random() < 0.6  # where a quota demands cpu or memory, few pods at random would say all of them
    containers = [_container(rng, f"c{n}", demanding=demanding) for n in range(rng.choice((1, 1, 2, 3)))]
    init = [_init_container(rng, f"i{n}", demanding=demanding) for n in range(rng.choice((0, 0, 0, 1, 2, 3)))]
    spec: Json = {"containers": containers, "initContainers": init, "priorityClassName": rng.choice(CLASSES)}
    if rng.random() < 0.2:
        spec["overhead"] = _list(rng)
    if rng.random() < 0.2:
        spec["resources"] = _resources(rng)
    if rng.random() < 0.3:
        spec["activeDeadlineSeconds"] = rng.choice((0, 1, 3600))
    if rng.random() < 0.3:
        spec["affinity"] = _affinity(rng)
    made: Json = {"metadata": {"name": "web", "namespace": "default", "resourceVersion": "7"}, "spec": spec}
    if rng.random() < 0.4:
        made["status"] = _status(rng, [c["name"] for c in containers], [c["name"] for c in init])
    return made


def resized(rng: Random, after: Json) -> Json:
    """Make what a pod was before: other resources, and once in a while another scope."""
    spec = after["spec"]
    before = {**after, "spec": dict(spec)}
    for kind in ("containers", "initContainers"):
        before["spec"][kind] = [
            each if rng.random() < 0.3 else {**each, "resources": _resources(rng)} for each in spec[kind]
        ]
    if rng.random() < 0.1:
        before["spec"].pop("activeDeadlineSeconds", None)
    return before


def quota(rng: Random, name: str) -> Json:
    """Make a quota; now and then without its usage, or of a scope that nobody can compare."""
    restricted = rng.sample(NAMES, rng.choice((1, 1, 2, 3, 5)))
    if rng.random() < 0.5:
        restricted = [each for each in restricted if each.rpartition(".")[2] not in ("cpu", "memory")]
    spec: Json = {"hard": {}}
    if rng.random() < 0.2:
        spec["scopes"] = rng.sample(SCOPES, rng.choice((1, 1, 2)))
    if rng.random() < 0.2:
        spec["scopeSelector"] = {"matchExpressions": [_selector(rng)]}
    hard = {each: _hard(rng, each) for each in restricted}
    used = {each: _hard(rng, each) for each in restricted if rng.random() < 0.97}
    return {"metadata": {"name": name, "namespace": "default"}, "spec": spec, "status": {"hard": hard, "used": used}}


def quantity(rng: Random) -> str | int:
    """Make a quantity."""
    style = rng.randrange(12)
    if style == 0:
        return rng.choice(("0", "0Gi", 0))
    if style == 1:
        return rng.randint(1, 10**6)
    number: int | str = rng.randint(1, rng.choice((4, 64, 2048, 10**5)))
    suffix = rng.choice(_SUFFIXES)
    if style < 4 and not suffix.startswith("e"):
        number = f"{number}.{rng.choice(('5', '25', '1', '75'))}"
    return f"{number}{suffix}"


def _hard(rng: Random, name: str) -> str | int:
    if "pods" in name or "/" in name:
        return str(rng.randint(0, 6))
    return quantity(rng) if rng.random() < 0.5 else f"{rng.randint(1, 4096)}{rng.choice(('Gi', 'Ti', 'G', ''))}"


def _selector(rng: Random) -> Json:
    operator = rng.choice(("In", "NotIn", "Exists", "DoesNotExist"))
    values = rng.sample(CLASSES[1:], rng.choice((1, 2))) if operator in ("In", "NotIn") else []
    if values and rng.random() < 0.05:
        values.append("x" * 64)
    if rng.random() < 0.3:
        return {"scopeName": rng.choice(SCOPES), "operator": "Exists"}
    return {"scopeName": "PriorityClass", "operator": operator, "values": values}


def _list(rng: Random, *, demanding: bool = False) -> Json:
    named = rng.sample(RESOURCES, rng.choice((0, 1, 2, 3, 5)))
    if demanding:
        named = [*named, "cpu", "memory"]
    return {each: quantity(rng) for each in named}


def _resources(rng: Random, *, demanding: bool = False) -> Json:
    likely = 1.0 if demanding else 0.7
    return {side: _list(rng, demanding=demanding) for side in ("requests", "limits") if rng.random() < likely}


def _container(rng: Random, name: str, *, demanding: bool) -> Json:
    return {"name": name, "image": "none", "resources": _resources(rng, demanding=demanding)}


def _init_container(rng: Random, name: str, *, demanding: bool) -> Json:
    policy = {"restartPolicy": "Always"} if rng.random() < 0.5 else {}
    return _container(rng, name, demanding=demanding) | policy


def _affinity(rng: Random) -> Json:
    terms = [
        {"topologyKey": "zone"},
        {"topologyKey": "zone", "namespaces": ["other"]},
        {"topologyKey": "zone", "namespaceSelector": {}},
        {"topologyKey": "zone", "namespaceSelector": {"matchLabels": {"a": "b"}}},
    ]
    required, preferred = rng.sample(terms, rng.randrange(2)), rng.sample(terms, rng.randrange(2))
    side = {
        "requiredDuringSchedulingIgnoredDuringExecution": required,
        "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": t} for t in preferred],
    }
    return {rng.choice(("podAffinity", "podAntiAffinity")): side, "nodeAffinity": {}}


def _status(rng: Random, names: list[str], init_names: list[str]) -> Json:
    pending = [{"type": "PodResizePending", "status": "True", "reason": why} for why in ("Infeasible", "Deferred")]
    status: Json = {
        "phase": rng.choice(("Pending", "Running", "Running", "Succeeded", "Failed")),
        "conditions": rng.sample([*pending, {"type": "Ready", "status": "False"}], rng.randrange(3)),
        "containerStatuses": [_container_status(rng, each) for each in names if rng.random() < 0.7],
        "initContainerStatuses": [_container_status(rng, each) for each in init_names if rng.random() < 0.7],
    }
    if rng.random() < 0.3:
        status["qosClass"] = rng.choice(("BestEffort", "Burstable", "Guaranteed"))
    if rng.random() < 0.3:
        status |= {"resources": _resources(rng), "allocatedResources": _list(rng)}
    return status


def _container_status(rng: Random, name: str) -> Json:
    status: Json = {"name": name, "restartCount": 0, "ready": True}
    if rng.random() < 0.8:
        status["resources"] = _resources(rng)
    if rng.random() < 0.7:
        status["allocatedResources"] = _list(rng)
    return status
