"""Builders of refusals, blocked owners and balances, with defaults for everything that a test is not about."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.accounts import footprint, ledger, node
from webhook.core.events.reference import Reference
from webhook.core.ledger.balance import Balance
from webhook.core.reporting.blocked import Blocked
from webhook.core.reporting.refusal import Refusal
from webhook.core.reporting.rows import DenialRow
from webhook.core.values.amounts import Amounts

_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def at(seconds: float) -> str:
    """Write a moment as audit lines do."""
    return (_BEGAN + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")


def owner(name: str = "web-1", namespace: str = "default", kind: str = "ReplicaSet") -> Reference:
    """Make the reference of a controller."""
    version = {"Job": "batch/v1", "Pod": "v1", "Workflow": "example.com/v1"}.get(kind, "apps/v1")
    return Reference(version, kind, namespace, name, "" if kind == "Pod" else f"uid-{name}")


def row(name: str = "web-1-a", seconds: float = 0, **fields: Any) -> DenialRow:
    """Make a row for one refusal of a pod of ReplicaSet web-1, at so many seconds."""
    made: dict[str, Any] = {
        "ts": at(seconds),
        "since": at(seconds),
        "count": 1,
        "replica": "r1",
        "decision": "deny",
        "reason": "MemoryCommitmentExceeded",
        "message": f"pod default/{name} exceeds the cluster's memory headroom",
        "dry_run": False,
        "mode": "enforce",
        "operation": "CREATE",
        "user": "system:serviceaccount:kube-system:replicaset-controller",
        "kind": "Pod",
        "namespace": "default",
        "name": name,
        "owner_kind": "ReplicaSet",
        "owner_name": "web-1",
        "top_owner_kind": None,
        "top_owner_name": None,
        "scope": "cluster",
        "asked_requests": 1 << 30,
        "asked_limits": None,
        "short_by_requests": 1 << 29,
        "short_by_limits": None,
        "short_sums": ("cluster/memory-requests",),
    }
    return DenialRow(**made | fields)


def refused(who: Reference, seconds: float = 0, asks: float = 1, **fields: Any) -> Refusal:
    """Make the refusal of a pod of an owner that asks so many Gi; a reference of kind Pod stands for a bare pod."""
    bare = who.kind == "Pod"
    named = {"owner_kind": None, "owner_name": None} if bare else {"owner_kind": who.kind, "owner_name": who.name}
    name = who.name if bare else f"{who.name}-a"
    told = row(name, seconds, namespace=who.namespace, **named | fields)
    return Refusal(told, None if bare else who, footprint(asks), ("cluster",))


def blocked(name: str = "web-1", seconds: float = 0, asks: float | Amounts = 1, **fields: Any) -> Blocked:
    """Make a blocked ReplicaSet whose pods ask so many Gi, or these amounts."""
    made: dict[str, Any] = {
        "owner": owner(name),
        "top": None,
        "scopes": ("cluster",),
        "asks": asks if isinstance(asks, Amounts) else footprint(asks),
        "scope": "cluster",
        "reason": "MemoryCommitmentExceeded",
        "message": "no room",
        "count": 1,
        "since": at(seconds),
        "last": at(seconds),
    }
    return Blocked(**made | fields)


def balances(free: float, settings: str = "", **pools: float) -> dict[str, Balance]:
    """Make the balances of a cluster with so many Gi free, and of pools with so many on their nodes."""
    nodes = [node("node", free - sum(pools.values())), *(node(name, size, pool=name) for name, size in pools.items())]
    made = ledger(settings, *nodes)
    return {scope: made.balance(scope) for scope in made.accounting.scopes}
