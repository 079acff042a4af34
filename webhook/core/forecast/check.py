"""Checks: whether the pods of manifests would be admitted, one after the other, by the code that judges reviews.

What lives of a workload already counts as it is; only its missing pods are tried. A pod that would be admitted is
granted in the scratch ledger, so the next one finds less room, within a workload and from one manifest to the next.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from msgspec.structs import replace

from webhook.core.api.types import ObjectError, OwnerReference
from webhook.core.ledger.account import AccountSnapshot
from webhook.core.ledger.ledger import Ledger
from webhook.core.manifests.manifest import Holding
from webhook.core.reporting.rows import CheckRow
from webhook.core.reviews.decision import foretell
from webhook.core.reviews.evaluation import Evaluation, foreseen
from webhook.core.reviews.messages import NO_HELP, Help
from webhook.core.reviews.response import message, respond
from webhook.core.reviews.verdict import Decision, Reason, Verdict


class _Try(NamedTuple):
    """What is tried of one object: its pod, how many are wanted and live, and the object's name."""

    holding: Holding
    namespace: str
    wanted: int
    living: int


def check(
    ledger: Ledger, account: AccountSnapshot, holdings: Iterable[Holding], namespace: str, help_: Help = NO_HELP
) -> Iterator[CheckRow]:
    """Yield a row for each object: how many of its pods are missing, how many of these fit, and why the next does not.

    `namespace` is that of objects that name none. The ledger changes: pods that fit are granted in it.
    """
    for holding in holdings:
        where = holding.namespace or namespace
        living = _living(account, where, holding.kind, holding.name)
        wanted = _nodes_for(ledger) if holding.replicas is None else holding.replicas
        yield _checked(ledger, _Try(holding, where, wanted, living), account.now, help_)


def _living(account: AccountSnapshot, namespace: str, kind: str, name: str) -> int:
    found = account.tallies.namespaces.get(namespace)
    if found is None:
        return 0
    if kind == "Pod":
        return int(any(group.get(f"{namespace}/{name}") for group in found.workloads.values()))
    group = found.workloads.get((kind, name))
    return len(group) if group else 0


def _nodes_for(ledger: Ledger) -> int:
    """Return how many pods a DaemonSet has at most: one on each node that counts."""
    return sum(ledger.capacity.counts(node.info.name) for node in ledger.capacity.all())


def _checked(ledger: Ledger, tried: _Try, now: float, help_: Help) -> CheckRow:
    missing = max(0, tried.wanted - tried.living)
    try:
        first = _evaluated(ledger, tried, 0)
    except ObjectError as error:
        return _row(tried, 0, None, Verdict(Decision.DENY, Reason.INVALID, detail=str(error)), str(error))
    fits, verdict = 0, Verdict(Decision.ALLOW, Reason.FITS, first.mode)
    warning = verdict
    for number in range(missing):
        asked = first if number == 0 else _again(first, tried, number)
        verdict = foretell(ledger, asked)
        if verdict.decision in (Decision.DENY, Decision.CANNOT_TELL):
            break
        warning = verdict if verdict.reason is not Reason.FITS else warning
        ledger.grant(asked.info, now)
        fits += 1
    if verdict.allowed:
        verdict = warning
    name = f"{tried.namespace}/{tried.holding.name}"
    said = message(first.request, verdict, respond(first.request, verdict, name, help_), name, help_)
    return _row(tried, fits, first, verdict, said)


def _evaluated(ledger: Ledger, tried: _Try, number: int) -> Evaluation:
    holding = tried.holding
    meta = replace(
        holding.pod.metadata, namespace=tried.namespace, owner_references=_owners(holding), uid="", resource_version=""
    )
    pod = replace(holding.pod, metadata=meta)
    return foreseen(pod, _name(tried, number), ledger.accounting)


def _again(first: Evaluation, tried: _Try, number: int) -> Evaluation:
    """Return the evaluation of another pod of the same template: only its name and UID differ."""
    name = _name(tried, number)
    return replace(first, info=replace(first.info, name=name, uid=name))


def _name(tried: _Try, number: int) -> str:
    name = tried.holding.name or "unnamed"
    if tried.holding.kind == "Pod":
        return f"{tried.namespace}/{name}"
    return f"{tried.namespace}/{name}-{tried.holding.kind.lower()}-{number + 1}"


def _owners(holding: Holding) -> tuple[OwnerReference, ...]:
    if holding.kind == "Pod":
        return holding.pod.metadata.owner_references
    return (OwnerReference("apps/v1", holding.kind, holding.name, f"uid-{holding.name}", controller=True),)


def _row(tried: _Try, fits: int, first: Evaluation | None, verdict: Verdict, message: str) -> CheckRow:
    missing = max(0, tried.wanted - tried.living)
    asks = first.info.footprint if first else None
    return CheckRow(
        kind=tried.holding.kind,
        namespace=tried.namespace,
        name=tried.holding.name,
        wanted=tried.wanted,
        living=tried.living,
        missing=missing,
        fits=fits,
        decision=verdict.decision.value if missing else Decision.ALLOW.value,
        reason=verdict.reason.value if missing else Reason.FITS.value,
        message=message if missing else "",
        asks_requests=asks.memory_requests if asks else 0,
        asks_limits=asks.memory_limits if asks else 0,
        warnings=tried.holding.warnings,
    )
