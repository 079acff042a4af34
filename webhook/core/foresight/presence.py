"""Presence: whether the pods that a workload's status speaks of are those that the account has.

A status lags behind its pods, and so does the account, each by its own time. What is foreseen is right only where both
show the same moment: as many pods as the controller said, each charged what the plan takes it to be, and none of them
on its way in or out. The account knows no owners of pods that were seen, so it goes by the names that controllers give.
Sources: `SafeEncodeString` and `String` in k8s.io/apimachinery/pkg/util/rand, `SimpleNameGenerator` in
k8s.io/apiserver/pkg/storage/names, `getPodName` in k8s.io/kubernetes/pkg/controller/statefulset.
"""

import re
from collections.abc import Collection, Mapping
from typing import Final

from webhook.core.account.extent import Spread
from webhook.core.account.facts import PodFacts
from webhook.core.account.ledger import Ledger
from webhook.core.foresight.plan import Plan

_LETTERS = "[bcdfghjklmnpqrstvwxz2456789]"
_DRAWN = f"{_LETTERS}{{5}}"
_ENDINGS: Final[Mapping[str, re.Pattern[str]]] = {
    "Deployment": re.compile(f"{_LETTERS}{{1,10}}-{_DRAWN}"),
    "ReplicaSet": re.compile(_DRAWN),
    "DaemonSet": re.compile(_DRAWN),
    "StatefulSet": re.compile("[0-9]+"),
    "Job": re.compile(f"([0-9]+-)?{_DRAWN}"),
}


def doubt(ledger: Ledger, *, kind: str, name: str, plan: Plan, new: PodFacts, old: PodFacts) -> str:
    """Say why the account may not show the pods of a workload that changes as its status does; empty: it does.

    `name` is "namespace/name" of the workload, `new` and `old` what its pods are taken to be.
    """
    prefix, ending = f"{name}-", _ENDINGS[kind]
    if any(ending.fullmatch(each, len(prefix)) for each in ledger.moving(prefix)):
        return "pods of it are on their way"
    found = [charged for each, charged in ledger.charged(prefix).items() if ending.fullmatch(each, len(prefix))]
    if len(found) != plan.exist:
        return f"its controller counts {plan.exist} pods, and there are {len(found)}"
    return _unlike(ledger, found, new, old) if plan.course.going or plan.course.fill else ""


def doubt_of(ledger: Ledger, *, namespace: str, pods: Collection[str], new: PodFacts, old: PodFacts) -> str:
    """Say why pods that a new workload adopts may not be what it would make itself; empty: they are.

    `old` is the same as `new`.
    """
    names = {f"{namespace}/{pod}" for pod in pods}
    if not names.isdisjoint(ledger.moving(f"{namespace}/")):
        return "pods that it would adopt are on their way"
    return _unlike(ledger, [ledger.charged_to(name) for name in names], new, old)


def _unlike(ledger: Ledger, found: Collection[Spread], new: PodFacts, old: PodFacts) -> str:
    """Compare where new pods would count: there the old ones give something back."""
    scopes, taken_for = ledger.spread(new).scopes, ledger.spread(old)
    alike = all(each.in_scope(scope) == taken_for.in_scope(scope) for each in found for scope in scopes)
    return "" if alike else "its pods are not all what its template makes"
