"""Presence: whether the pods that a workload's status speaks of are those that the account has.

A status lags behind its pods, and so does the account, each by its own time. What is foreseen is right only where both
show the same moment: as many pods as the controller said, each charged what the plan takes it to be, and none of them
on its way in or out. The account knows no owners of pods that were seen, so it goes by the names that controllers give.
Sources: `SafeEncodeString` and `String` in k8s.io/apimachinery/pkg/util/rand, `SimpleNameGenerator` in
k8s.io/apiserver/pkg/storage/names, `getPodName` in k8s.io/kubernetes/pkg/controller/statefulset.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

from webhook.core.forecast.plan import Plan
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.interval import Charge
from webhook.core.ledger.ledger import Ledger

_LETTERS = "[bcdfghjklmnpqrstvwxz2456789]"
_DRAWN = f"{_LETTERS}{{5}}"
_ENDINGS: Final[Mapping[str, re.Pattern[str]]] = {
    "Deployment": re.compile(f"{_LETTERS}{{1,10}}-{_DRAWN}"),
    "ReplicaSet": re.compile(_DRAWN),
    "DaemonSet": re.compile(_DRAWN),
    "StatefulSet": re.compile("[0-9]+"),
    "Job": re.compile(f"([0-9]+-)?{_DRAWN}"),
}


class Names(NamedTuple):
    """The names of a workload's pods that the account had at a moment, and the account's mark of that moment."""

    own: list[str]
    mark: int


def own(kind: str, name: str, names: Iterable[str]) -> list[str]:
    """Return those of some pods' names that the controller of a workload gives; `name` is its "namespace/name"."""
    prefix = f"{name}-"
    ending, at = _ENDINGS[kind], len(prefix)
    return [each for each in names if each.startswith(prefix) and ending.fullmatch(each, at)]


def doubt(ledger: Ledger, *, kind: str, name: str, known: Names, plan: Plan, new: PodInfo, old: PodInfo) -> str:
    """Say why the account may not show the pods of a workload that changes as its status does; empty: it does.

    `new` and `old` are what its pods are taken to be. To look through all names takes long, so it is done without the
    lock, before: `known` is what was found then, and here it is brought up to date.
    """
    if own(kind, name, ledger.moving(f"{name}-")):
        return "pods of it are on their way"
    names = {*known.own, *own(kind, name, ledger.came_since(known.mark))}
    found = [charged for each in names if (charged := ledger.charged_to(each)) is not None]
    if len(found) != plan.exist:
        return f"its controller counts {plan.exist} pods, and there are {len(found)}"
    return _unlike(ledger, found, new, old) if plan.course.going or plan.course.fill else ""


def doubt_of(ledger: Ledger, *, namespace: str, pods: Collection[str], new: PodInfo, old: PodInfo) -> str:
    """Say why pods that a new workload adopts may not be what it would make itself; empty: they are.

    `old` is the same as `new`.
    """
    names = {f"{namespace}/{pod}" for pod in pods}
    if not names.isdisjoint(ledger.moving(f"{namespace}/")):
        return "pods that it would adopt are on their way"
    return _unlike(ledger, [ledger.charged_to(name) for name in names], new, old)


def _unlike(ledger: Ledger, found: Iterable[Charge | None], new: PodInfo, old: PodInfo) -> str:
    """Compare where new pods would count: there the old ones give something back."""
    scopes, taken_for = ledger.charge(new).scopes, ledger.charge(old)
    alike = all(
        each is not None and each.in_scope(scope) == taken_for.in_scope(scope) for each in found for scope in scopes
    )
    return "" if alike else "its pods are not all what its template makes"
