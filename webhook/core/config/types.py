"""The groups of settings of a configuration, each setting with its default and its description.

Errors, the JSON Schema and the table in docs/configuration.md are made from these types. To add a setting, add it here
(or, at the top level, in `config`), and nowhere else.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, NamedTuple

from msgspec import Meta, Struct

from webhook.core.config.duration import Duration
from webhook.core.config.names import (
    LabelKey,
    LabelValue,
    NamespacePattern,
    PoolName,
    PriorityClassName,
    TaintKey,
    fits_any,
)
from webhook.core.config.percentage import Share

WORDS = "words"
"""The key in a list's `Meta.extra` for the words that may stand for the list, each with the items that it means."""


class Mode(StrEnum):
    """What happens to a pod that does not fit."""

    ENFORCE = "enforce"
    WARN = "warn"
    AUDIT = "audit"


class MissingLimits(StrEnum):
    """How a container without a limit counts in the sum of limits, and how the webhook answers for it."""

    COUNT_REQUEST = "count-request"
    IGNORE = "ignore"
    WARN = "warn"
    DENY = "deny"


class Answer(StrEnum):
    """How the webhook answers the user: it lets the object in, lets it in with a warning, or refuses it."""

    ALLOW = "allow"
    WARN = "warn"
    DENY = "deny"


class Fault(NamedTuple):
    """Settings that are each valid but make no sense together; the path is relative to the group that found them."""

    path: str
    message: str


class Group(Struct, frozen=True, kw_only=True, rename="camel"):
    """Settings under one key."""

    def faults(self) -> Iterator[Fault]:
        """Yield the faults between the settings of this group."""
        yield from ()


class Sums(Group, frozen=True, kw_only=True):
    """The thresholds of one resource."""

    requests: Annotated[
        Share | None, Meta(description="Share of allocatable that may be committed in requests; absent: not judged.")
    ] = None
    limits: Annotated[
        Share | None, Meta(description="Share of allocatable that may be committed in limits; absent: not judged.")
    ] = None


class Thresholds(Group, frozen=True, kw_only=True):
    """Which sums are bounded in a scope, and by what share of its allocatable."""

    memory: Annotated[Sums, Meta(description="Thresholds for memory.")] = Sums()
    cpu: Annotated[Sums, Meta(description="Thresholds for cpu.")] = Sums()

    @property
    def bounds_something(self) -> bool:
        """Say whether any sum is bounded."""
        return any((self.memory.requests, self.memory.limits, self.cpu.requests, self.cpu.limits))


class Reserve(Group, frozen=True, kw_only=True):
    """The room that is kept for the loss of nodes."""

    nodes: Annotated[
        int,
        Meta(
            ge=0,
            le=10_000,
            examples=[1],
            description="Keep room for losing or draining this many of the largest nodes.",
        ),
    ] = 0


class Nodes(Group, frozen=True, kw_only=True):
    """Which nodes count, and for how long a lost one is remembered."""

    exclude_taints: Annotated[
        frozenset[TaintKey],
        Meta(description="Nodes with a NoSchedule or NoExecute taint of one of these keys do not count."),
    ] = frozenset({"node-role.kubernetes.io/control-plane"})
    not_ready_grace: Annotated[
        Duration, Meta(description="A node counts on for this long after it stopped being Ready; it returns at once.")
    ] = Duration(10_000)
    forget_deleted_after: Annotated[
        Duration,
        Meta(
            examples=["10m"],
            description="For this long a deleted node is taken as lost, so that the reserve pays for its replacements.",
        ),
    ] = Duration(600_000)


class PoolConfig(Group, frozen=True, kw_only=True):
    """Nodes with thresholds of their own."""

    name: Annotated[PoolName, Meta(description="Name in answers and metrics; any but `cluster`, which is taken.")]
    node_selector: Annotated[
        Mapping[LabelKey, LabelValue],
        Meta(
            min_length=1,
            examples=[{"karpenter.sh/nodepool": "high-mem"}],
            description="Nodes that have all these labels belong to the pool; the first pool that fits wins.",
        ),
    ]
    thresholds: Annotated[Thresholds, Meta(description="Thresholds of the pool; the cluster's hold as well.")] = (
        Thresholds()
    )
    reserve: Annotated[Reserve | None, Meta(description="Absent: as for the cluster.")] = None

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Say whether a node with these labels is selected."""
        return all(labels.get(key) == value for key, value in self.node_selector.items())


CRITICAL = frozenset({"system-node-critical", "system-cluster-critical"})
"""The priority classes that every cluster has, for pods that it cannot do without."""


class Exempt(Group, frozen=True, kw_only=True):
    """The pods that are counted but never refused."""

    namespaces: Annotated[
        frozenset[NamespacePattern],
        Meta(examples=[["kube-system"]], description="Pods in these namespaces are never refused."),
    ] = frozenset({NamespacePattern("kube-system")})
    priority_classes: Annotated[
        frozenset[PriorityClassName],
        Meta(description="Pods of these priority classes are never refused, in `priorityClassNamespaces` only."),
    ] = frozenset({"system-node-critical", "system-cluster-critical"})
    priority_class_namespaces: Annotated[
        frozenset[NamespacePattern],
        Meta(
            examples=[["kube-system", "monitoring"]],
            description="Where `priorityClasses` counts; elsewhere anybody could claim such a class.",
        ),
    ] = frozenset({NamespacePattern("kube-system")})
    daemon_sets: Annotated[
        frozenset[NamespacePattern],
        Meta(
            examples=[["kube-system", "monitoring"]],
            description="Pods that the DaemonSet controller itself creates in these namespaces are never refused; "
            "`true` means all namespaces, `false` none.",
            extra={WORDS: {"true": ("*",), "false": ()}},
        ),
    ] = frozenset({NamespacePattern("kube-system")})

    system_pods: Annotated[
        frozenset[NamespacePattern],
        Meta(
            examples=[["calico-system"]],
            description="Pods on the host's network with the class system-node-critical or system-cluster-critical are "
            "never refused in these namespaces: a network plug-in must come up first.",
        ),
    ] = frozenset()

    def covers_namespace(self, namespace: str) -> bool:
        """Say whether every pod of the namespace is exempt."""
        return fits_any(self.namespaces, namespace)

    def covers_priority_class(self, name: str, namespace: str) -> bool:
        """Say whether pods of this priority class are exempt in the namespace."""
        return name in self.priority_classes and fits_any(self.priority_class_namespaces, namespace)

    def covers_system_pod(self, priority_class: str, namespace: str) -> bool:
        """Say whether pods of this priority class on the host's network are exempt in the namespace."""
        return priority_class in CRITICAL and fits_any(self.system_pods, namespace)

    def covers_daemon_sets(self, namespace: str) -> bool:
        """Say whether pods of DaemonSets are exempt in the namespace."""
        return fits_any(self.daemon_sets, namespace)


class Override(Group, frozen=True, kw_only=True):
    """Another policy for some namespaces; the first override that matches wins. What it leaves out stays as it is."""

    namespaces: Annotated[
        frozenset[NamespacePattern], Meta(min_length=1, description="Namespaces for which this override holds.")
    ]
    mode: Annotated[Mode | None, Meta(description="`mode` for these namespaces.")] = None
    missing_requests: Annotated[Answer | None, Meta(description="`missingRequests` for these namespaces.")] = None
    unplaceable: Annotated[Answer | None, Meta(description="`unplaceable` for these namespaces.")] = None
    workloads: Annotated[Answer | None, Meta(description="`workloads` for these namespaces.")] = None

    def faults(self) -> Iterator[Fault]:
        """Yield a fault if the override changes nothing: then a line must have been lost."""
        if not (self.mode or self.missing_requests or self.unplaceable or self.workloads):
            yield Fault("", "changes nothing; add mode, missingRequests, unplaceable or workloads, or remove it")

    def matches(self, namespace: str) -> bool:
        """Say whether the override holds in a namespace."""
        return fits_any(self.namespaces, namespace)
