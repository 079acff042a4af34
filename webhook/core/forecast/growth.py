"""Growth: workloads at their largest, as their autoscalers and rolling updates may make them, all at once.

    Deployment, HorizontalPodAutoscaler ──► `peak`: how many pods there may be in all ──► `Growth`
    the account, `Growth` ──► `grown`: what the pods that are not there yet would commit

The pods that would come are taken to be like the largest one of the workload that lives: that one has whatever the
cluster adds to a template, such as sidecars and the defaults of a LimitRange. Only where none lives does the template
say what one asks. Where a bound pod may go is not known, since only its node is kept; if all pods of a workload are in
one pool, those that come are taken to go there.
"""

from collections.abc import Iterable, Iterator
from functools import reduce
from typing import Annotated, Any, Final, NamedTuple

from msgspec import Meta, Raw, Struct, json

from webhook.core.api.types import ObjectError
from webhook.core.api.workloads import Workload
from webhook.core.forecast.plan import fenceposts
from webhook.core.ledger.account import AccountSnapshot
from webhook.core.ledger.entry import Entry
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.rules import AccountingRules
from webhook.core.pods.confinement import Way, Ways
from webhook.core.pods.defaults import pod_of
from webhook.core.reviews.evaluation import foreseen
from webhook.core.values.amounts import NOTHING, Amounts
from webhook.core.values.quantity import QuantityError

_OF: Final = "~grown"  # begins the names of pods that stand for others; no namespace of Kubernetes does
_MOST: Final = 1_000_000


class Growth(Struct, frozen=True, rename="camel"):
    """A workload that would have so many `pods` in all; `template` is its pod template, for when no pod of it lives."""

    namespace: str
    kind: str
    name: str
    pods: Annotated[int, Meta(ge=0, le=_MOST)]
    template: dict[str, Any] | None = None


class Grown(NamedTuple):
    """The pods that would come: one for all of each workload, what each workload's commit, and how many they are.

    `unknown` names the workloads of which neither a pod nor a template is known.
    """

    pods: tuple[PodInfo, ...]
    amounts: dict[tuple[str, str, str], Amounts]
    number: int
    unknown: tuple[str, ...]


def peak(kind: str, workload: Workload, most: int | None, *, surge: bool) -> int:
    """Return the most pods that a workload has at once.

    `most` is its autoscaler's maxReplicas, None without one: a workload that is scaled to 0 is not autoscaled. With
    `surge`, a Deployment is in the middle of its rolling update.
    """
    spec = workload.spec
    replicas = most if most is not None and spec.replicas else spec.replicas
    if kind != "Deployment" or not surge or spec.paused or spec.strategy.type != "RollingUpdate":
        return replicas
    return replicas + min(replicas, fenceposts(spec.strategy.rolling_update, replicas)[0])


def grown(account: AccountSnapshot, accounting: AccountingRules, asked: Iterable[Growth]) -> Grown:
    """Return the pods that would come; raises `ObjectError` for a template that cannot be read."""
    pods: list[PodInfo] = []
    amounts: dict[tuple[str, str, str], Amounts] = {}
    number, unknown = 0, []
    for each in asked:
        living = list(_living(account, each))
        more = each.pods - len(living)
        if more <= 0:
            continue
        one = _like(account, accounting, living) if living else _made(accounting, each)
        if one is None:
            unknown.append(f"{each.namespace}/{each.kind}/{each.name}")
            continue
        key, footprint = (each.namespace, each.kind, each.name), one[0].times(more)
        uid = f"{_OF}-{len(pods)}"
        pods.append(PodInfo(f"{_OF}/{uid}", uid, 0, footprint, confined_to=one[1]))
        amounts[key] = amounts.get(key, NOTHING).plus(footprint)
        number += more
    return Grown(tuple(pods), amounts, number, tuple(unknown))


def _living(account: AccountSnapshot, of: Growth) -> Iterator[Entry]:
    namespace = account.tallies.namespaces.get(of.namespace)
    group = namespace and namespace.workloads.get((of.kind, of.name))
    for _, entry in group.items() if group else ():
        yield entry


def _like(account: AccountSnapshot, accounting: AccountingRules, living: list[Entry]) -> tuple[Amounts, Ways]:
    """Return what the largest of some pods commits, and where pods like them may go."""
    largest = max(living, key=lambda entry: entry.footprint)
    if any(not entry.node for entry in living):
        return largest.footprint, next(entry.confined_to for entry in living if not entry.node)
    pools = {_pool(account, accounting, entry.node) for entry in living}
    selected = next((pool for pool in accounting.config.pools if {pool.name} == pools), None)
    return largest.footprint, (Way(tuple(sorted(selected.node_selector.items()))),) if selected else ()


def _pool(account: AccountSnapshot, accounting: AccountingRules, name: str) -> str | None:
    node = account.nodes.get(name)
    return None if node is None else accounting.pool_of(dict(node.info.labels))


def _made(accounting: AccountingRules, of: Growth) -> tuple[Amounts, Ways] | None:
    """Return what a pod of the template commits, and where it may go; None without a template."""
    if of.template is None:
        return None
    try:
        info = foreseen(pod_of(Raw(json.encode(of.template))), f"{of.namespace}/{of.name}", accounting).info
    except QuantityError as error:
        raise ObjectError(f"{of.namespace}/{of.kind}/{of.name}: {error}") from error
    return info.footprint, info.confined_to


def total(found: Grown) -> Amounts:
    """Return what all pods that would come commit together."""
    return reduce(Amounts.plus, found.amounts.values(), NOTHING)
