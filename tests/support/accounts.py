"""Builders of pods, nodes and ledgers, with defaults for everything that a test is not about. Memory is in Gi."""

from webhook.core.config.config import HeadroomConfig
from webhook.core.config.parse import parse
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.nodes import Allocatable, NodeInfo
from webhook.core.ledger.rules import AccountingRules
from webhook.core.pods.confinement import Way
from webhook.core.values.amounts import Amounts
from webhook.core.values.scopes import CLUSTER

GI = 1 << 30
REQUESTS = Amounts._fields.index("memory_requests")
LIMITS = Amounts._fields.index("memory_limits_filled")

HIGH_MEM = "pools: [{name: high-mem, nodeSelector: {pool: high-mem}, thresholds: {memory: {requests: 75%}}}]"


def config(settings: str = "", requests: str = "100%") -> HeadroomConfig:
    """Make a configuration from YAML; without thresholds in it, memory requests get the threshold `requests`."""
    text = f"apiVersion: headroom.internal/v1\nkind: HeadroomConfig\n{settings}\n"
    return parse(text if "\nthresholds:" in text else f"{text}thresholds: {{memory: {{requests: {requests}}}}}\n")


def footprint(requests: float = 0, limits: float | None = None, cpu: int = 0) -> Amounts:
    """Make a footprint, memory in Gi and cpu in millicores; without `limits` it counts as unbounded."""
    asked = int(requests * GI)
    declared = 0 if limits is None else int(limits * GI)
    return Amounts(asked, declared, max(asked, declared), int(limits is None), cpu, cpu, cpu, 0)


def pod(
    name: str,
    requests: float = 0,
    node: str = "",
    *,
    limits: float | None = None,
    cpu: int = 0,
    uid: str | None = None,
    revision: int = 1,
    counts: bool = True,
    confined_to: dict[str, str] | None = None,
    infeasible: bool = False,
) -> PodInfo:
    """Make the PodInfo of a pod in the namespace default."""
    amounts = footprint(requests, limits, cpu)
    ways = (Way(tuple(sorted(confined_to.items()))),) if confined_to else ()
    return PodInfo(f"default/{name}", uid or f"{name}-uid", revision, amounts, node, counts, ways, infeasible)


def node(
    name: str,
    memory: float = 8,
    *,
    cpu: int = 4000,
    ready: bool = True,
    cordoned: bool = False,
    taints: frozenset[str] = frozenset(),
    pool: str = "",
) -> NodeInfo:
    """Make the NodeInfo of a node."""
    labels = (("pool", pool),) if pool else ()
    return NodeInfo(name, Allocatable(int(memory * GI), cpu), ready, cordoned, taints, labels)


def ledger(settings: str = "", *nodes: NodeInfo, requests: str = "100%") -> Ledger:
    """Make a ledger that has listed its nodes at time 0."""
    made = Ledger(AccountingRules(config(settings, requests)))
    made.relist_nodes(nodes, 0.0)
    return made


def headroom(of: Ledger, scope: str = CLUSTER, index: int = REQUESTS) -> float:
    """Return the headroom of a bounded sum, in Gi."""
    left = of.balance(scope).headroom(index)
    assert left is not None
    return left / GI


def committed(of: Ledger, scope: str = CLUSTER) -> float:
    """Return the memory requests that count, in Gi."""
    return of.balance(scope).committed.memory_requests / GI


def bound(of: Ledger, scope: str = CLUSTER, index: int = REQUESTS) -> float:
    """Return the bound of a sum, in Gi."""
    limit = of.balance(scope).scope_limits.bound[index]
    assert limit is not None
    return limit / GI
