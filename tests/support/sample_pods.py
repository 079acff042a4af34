"""Random pods: every notation of quantities, init containers and sidecars in any order, resizes in every state.

One generator serves two uses: `random_pod` with a seeded `Random` makes many pods fast, and `pods()` lets hypothesis
shrink a failure. Sums of the values fit into 64 bits, so that overflows in Go do not distort a comparison.
"""

import random
from random import Random
from typing import Any

from hypothesis import strategies as st

Json = dict[str, Any]

_ZEROS = ("0", 0, "0.0", "-0", "000", "0Gi", "0m", 0.0, None)
# For each suffix, the largest mantissa with which values of memory, or of cpu, can still be summed in 64 bits.
_SUFFIXES = {
    "memory": {"n": 10**12, "u": 10**12, "m": 10**12, "": 10**12, "k": 10**9, "M": 10**7, "G": 10**6, "T": 10**4}
    | {"P": 100, "Ki": 10**9, "Mi": 10**6, "Gi": 10**4, "Ti": 10**3, "Pi": 100},
    "cpu": {"n": 10**12, "u": 10**10, "m": 10**8, "": 10**5, "k": 100, "M": 10, "Ki": 100},
}


def pods() -> st.SearchStrategy[Json]:
    """Pods as JSON objects; shrinks towards few containers and zeros."""
    return st.randoms(use_true_random=False).map(random_pod)


def random_pod(rng: Random) -> Json:
    """Make a pod as a JSON object."""
    containers = [_container(rng, f"app-{index}") for index in range(rng.choice((1, 1, 1, 2, 2, 3, 4, 0)))]
    init = [_init_container(rng, f"init-{index}") for index in range(rng.choice((0, 0, 1, 2, 3, 4)))]
    spec: Json = {"containers": containers, "initContainers": init}
    if rng.random() < 0.3:
        spec["overhead"] = _list(rng)
    if rng.random() < 0.35:
        spec["resources"] = _resources(rng)
    pod: Json = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "pod", "creationTimestamp": None},
        "spec": spec,
    }
    if rng.random() < 0.6:
        pod["status"] = _status(rng, [each["name"] for each in containers], [each["name"] for each in init])
    return _sometimes_null(rng, pod)


def many(count: int) -> list[Json]:
    """Make that many random pods by the run's own seed, which pytest-randomly prints."""
    rng = Random(random.getrandbits(64))  # noqa: S311 - test data, no secret
    return [random_pod(rng) for _ in range(count)]


def quantity(rng: Random, resource: str) -> str | int | float | None:
    """Make a quantity in any notation that Go's decoder takes."""
    style = rng.randrange(10)
    if style == 0:
        return rng.choice(_ZEROS)
    suffix, largest = rng.choice(list(_SUFFIXES[resource].items()))
    mantissa = rng.randint(1, rng.choice((9, 1000, largest)) if largest > 9 else largest)
    if style < 5:
        return f"{mantissa}{suffix}"
    if style < 8:
        return rng.choice(("", "+", "00")) + _with_fraction(rng, mantissa) + suffix
    if style == 8:
        return _exponential(rng, resource)
    return rng.choice((mantissa % 10**5, (mantissa % 10**5) / 8, mantissa % 10**5 / 1000, float(mantissa % 1000)))


def _with_fraction(rng: Random, mantissa: int) -> str:
    digits = "".join(rng.choice("0123456789") for _ in range(rng.choice((0, 1, 2, 3, 9, 12))))
    return rng.choice((f"{mantissa}.{digits}", f"{mantissa}.{digits}", f".{digits}5"))


def _exponential(rng: Random, resource: str) -> str:
    exponent = rng.randint(-14, 12 if resource == "memory" else 6)
    letter = rng.choice("eE")
    sign = rng.choice(("", "+", "+0")) if exponent >= 0 else ""
    return f"{rng.choice(('1', '12', '1.5', '999', '0.001', '5.'))}{letter}{sign}{exponent}"


def _list(rng: Random) -> Json:
    """Make a resource list; other resources must not matter."""
    amounts = {name: quantity(rng, name) for name in ("memory", "cpu") if rng.random() < 0.75}
    others = {"ephemeral-storage": "1Gi", "hugepages-2Mi": "4Mi", "nvidia.com/gpu": 1}
    return amounts | {name: value for name, value in others.items() if rng.random() < 0.1}


def _resources(rng: Random) -> Json:
    return {side: _list(rng) for side in ("requests", "limits") if rng.random() < 0.7}


def _container(rng: Random, name: str) -> Json:
    return {"name": name, "image": "registry.example/app:1", "resources": _resources(rng)}


def _init_container(rng: Random, name: str) -> Json:
    policy = rng.choice(({}, {"restartPolicy": "Always"}, {"restartPolicy": "OnFailure"}, {"restartPolicy": None}))
    return _container(rng, name) | policy | ({"restartPolicy": "Always"} if rng.random() < 0.3 else {})


def _status(rng: Random, names: list[str], init_names: list[str]) -> Json:
    """Make a status; sometimes with an entry for a container that no longer exists, or with two for the same one."""
    seen_init = [name for name in [*init_names, *names[:1]] if rng.random() < 0.7]
    seen = [name for name in [*names, "stranger", *names[:1]] if rng.random() < 0.8]
    pending = [{"type": "PodResizePending", "status": "True", "reason": why} for why in ("Infeasible", "Deferred")]
    progress = {"type": "PodResizeInProgress", "status": "True"}
    status: Json = {
        "phase": rng.choice(("Pending", "Running")),
        "conditions": rng.sample([*pending, progress, {"type": "Ready", "status": "False"}], rng.randrange(4)),
        "containerStatuses": [_container_status(rng, name) for name in seen],
        "initContainerStatuses": [_container_status(rng, name) for name in seen_init],
    }
    if rng.random() < 0.6:
        status["resources"] = _resources(rng)
    if rng.random() < 0.6:
        status["allocatedResources"] = _list(rng)
    if rng.random() < 0.25:
        status["nodeAllocatableResourceClaimStatuses"] = [
            _claim_status(rng, f"claim-{index}", [*names, *init_names]) for index in range(rng.choice((1, 1, 2)))
        ]
    return status


def _claim_status(rng: Random, name: str, names: list[str]) -> Json:
    """Make the status of a claim, as 1.36 writes it and as later versions do: each reads its own."""
    overhead = []
    for resource in ("memory", "cpu", "memory"):
        if rng.random() < 0.4:
            fields = [field for field in ("perPod", "perContainer") if rng.random() < 0.7]
            overhead.append({"name": resource, **{field: quantity(rng, resource) for field in fields}})
    mapping = [{"name": each, "quantity": quantity(rng, each)} for each in ("memory", "cpu") if rng.random() < 0.6]
    mapping += [{"name": "ephemeral-storage", "quantity": "1Gi"}] if rng.random() < 0.1 else []
    users = [each for each in names if rng.random() < 0.6]
    return {
        "resourceClaimName": name,
        "containers": users,
        "resources": _list(rng),
        "mapping": mapping,
        "overhead": overhead,
    }


def _container_status(rng: Random, name: str) -> Json:
    status: Json = {"name": name, "restartCount": 0, "ready": True}
    if rng.random() < 0.8:
        status["resources"] = _resources(rng)
    if rng.random() < 0.7:
        status["allocatedResources"] = _list(rng)
    return status


def _sometimes_null(rng: Random, part: Json) -> Json:
    """Sometimes set a field to null where Go treats null as absent."""
    if rng.random() < 0.9:
        return part
    place = part[rng.choice([key for key in ("spec", "status") if key in part])] if rng.random() < 0.7 else part
    nullable = [key for key in place if key not in ("apiVersion", "kind", "spec")]
    if nullable:
        place[rng.choice(nullable)] = None
    return part
