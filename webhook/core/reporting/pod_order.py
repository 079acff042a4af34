"""The first pods in an order, of many: of 150,000 pods, a page shows a hundred, and few others are looked at."""

from collections.abc import Callable, Iterable, Iterator
from heapq import nlargest, nsmallest
from typing import Any

from webhook.core.ledger.entry import Entry
from webhook.core.ledger.tallies import Namespace

Named = tuple[str, Entry]
"""A pod as the ledger keeps it, with its "namespace/name"."""

Part = tuple[str, Namespace]
"""The name of a namespace, and its pods or some of them; there is one at least."""


def pods_of(namespace: Namespace) -> Iterator[Named]:
    """Yield the pods of a namespace, in no order."""
    for group in namespace.workloads.values():
        yield from group.items()


def first_by_amount(parts: Iterable[Part], index: int, number: int, *, descending: bool) -> list[Named]:
    """Return the first pods by one amount (its index in the footprint), equal ones by "namespace/name".

    The namespaces are looked at in the order of their best pod's place, as far as their extent tells it, until none
    that follows can have a pod among the first. So it takes time only for the namespaces of the pods that are returned.
    """
    sign, end = (-1, 1) if descending else (1, 0)
    places = sorted(((sign * part.extent()[end][index], f"{name}/"), part) for name, part in parts)
    found: list[tuple[int, str, Entry]] = []
    worst: tuple[int, str] | None = None  # the place of the last one, once there are enough
    for place, namespace in places:
        if worst is not None and place > worst:
            break
        named = [(sign * pod.footprint[index], name, pod) for name, pod in pods_of(namespace)]
        found += named if worst is None else [each for each in named if each[0] <= worst[0]]
        if len(found) >= (number if worst is None else 2 * number):
            found = nsmallest(number, found)
            worst = found[-1][:2]
    return [(name, pod) for _, name, pod in nsmallest(number, found)]


def first_by_key(parts: Iterable[Part], key: Callable[[Entry], Any], number: int, *, descending: bool) -> list[Named]:
    """Return the first pods by a key, equal ones by "namespace/name". It looks at all of them."""
    named = [each for _, namespace in parts for each in pods_of(namespace)]
    keys = [key(pod) for _, pod in named]
    last = (nlargest if descending else nsmallest)(number, keys)[-1]
    before = [each for each, at in zip(named, keys, strict=True) if (at > last if descending else at < last)]
    before.sort()
    before.sort(key=lambda named: key(named[1]), reverse=descending)
    alike = (each for each, at in zip(named, keys, strict=True) if at == last)
    return before + nsmallest(number - len(before), alike)
