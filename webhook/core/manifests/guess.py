"""Guesses: pod templates in objects of kinds that Headroom does not know, such as a Rollout or a JobSet.

An object whose `spec` has a list of `containers` is taken for a PodTemplateSpec. Its number of pods is the product of
all `replicas` and `parallelism` on the path to it.
"""

from collections.abc import Iterator
from typing import NamedTuple

from webhook.core.manifests.documents import Value

_DEEPEST = 16  # fields and list items between an object and a template in it
_NUMBERS = ("replicas", "parallelism")


class Guess(NamedTuple):
    """A pod template, its path in the object, and how many pods it seems to have."""

    path: str
    template: dict[str, Value]
    replicas: int


def templates(value: Value) -> Iterator[Guess]:
    """Yield the pod templates in an object, outside its status and its metadata."""
    if isinstance(value, dict):
        inner = {key: each for key, each in value.items() if key not in {"metadata", "status"}}
        yield from _below(inner, "", 1, _DEEPEST)


def _below(value: Value, path: str, replicas: int, levels: int) -> Iterator[Guess]:
    if isinstance(value, list) and levels:
        for index, each in enumerate(value):
            yield from _below(each, f"{path}[{index}]", replicas, levels - 1)
    if not isinstance(value, dict) or not levels:
        return
    if path and _is_template(value):
        yield Guess(path, value, replicas)
        return
    for name in _NUMBERS:
        number = value.get(name)
        if isinstance(number, int) and not isinstance(number, bool) and number >= 0:
            replicas *= number
    for key, each in value.items():
        yield from _below(each, f"{path}.{key}" if path else key, replicas, levels - 1)


def _is_template(value: dict[str, Value]) -> bool:
    spec = value.get("spec")
    containers = spec.get("containers") if isinstance(spec, dict) else None
    return isinstance(containers, list) and bool(containers) and all(isinstance(each, dict) for each in containers)
