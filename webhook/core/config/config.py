"""The configuration: the content of one `config.yaml` as typed, frozen values.

`parse.parse` reads it from text, `render.render` writes it as text, `render.digest` returns a short name for it.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

from msgspec import Meta, Struct

from webhook.core.config.names import Contact
from webhook.core.config.percentage import Part
from webhook.core.config.types import (
    Answer,
    Exempt,
    Fault,
    Group,
    MissingLimits,
    Mode,
    Nodes,
    Override,
    PoolConfig,
    Reserve,
    Thresholds,
)
from webhook.core.values.scopes import CLUSTER

API_VERSION: Literal["headroom.internal/v1"] = "headroom.internal/v1"
KIND: Literal["HeadroomConfig"] = "HeadroomConfig"


class Policy(Struct, frozen=True, gc=False):
    """The settings that hold in one namespace."""

    mode: Mode
    missing_requests: Answer
    unplaceable: Answer
    workloads: Answer


class HeadroomConfig(Group, frozen=True, kw_only=True):
    """Everything that can be set while Headroom runs."""

    api_version: Annotated[Literal["headroom.internal/v1"], Meta(description="Version of this schema; required.")] = (
        API_VERSION
    )
    kind: Annotated[Literal["HeadroomConfig"], Meta(description="Kind of this document; required.")] = KIND
    mode: Annotated[
        Mode,
        Meta(
            description="A pod that does not fit is refused (enforce), let in with a warning (warn), or only logged "
            "(audit)."
        ),
    ] = Mode.ENFORCE
    thresholds: Annotated[
        Thresholds,
        Meta(description="Thresholds of the cluster. What has none is not judged; at least one is required."),
    ] = Thresholds()
    warn_at: Annotated[
        Part,
        Meta(
            description="A pod that takes what is committed past this share of a threshold is let in with a warning; "
            "100%: never."
        ),
    ] = Part(90_000)
    reserve: Annotated[Reserve, Meta(description="Reserve of the cluster.")] = Reserve()
    missing_limits: Annotated[
        MissingLimits,
        Meta(
            description="A container without a limit adds its request to the sum of limits (count-request), or nothing "
            "(ignore), or its request and a warning (warn), or is refused (deny). warn and deny look at init "
            "containers as well."
        ),
    ] = MissingLimits.COUNT_REQUEST
    missing_requests: Annotated[
        Answer,
        Meta(
            description="A pod that requests no memory at all (best-effort) passes (allow), gets a warning (warn) or "
            "is refused (deny)."
        ),
    ] = Answer.ALLOW
    unplaceable: Annotated[
        Answer,
        Meta(
            description="A pod that no node can hold passes (allow), gets a warning (warn) or is refused (deny): its "
            "requests are compared with what is allocatable on each node that counts and that it may go to."
        ),
    ] = Answer.WARN
    workloads: Annotated[
        Answer,
        Meta(
            description="A Deployment or other workload whose replicas will not all fit passes (allow), gets a warning "
            "(warn) or is refused (deny)."
        ),
    ] = Answer.WARN
    nudge: Annotated[
        bool,
        Meta(
            description="When room comes back, controllers whose pods were refused are touched in order, so that they "
            "try again at once and not after up to 16 minutes; needs manifests/components/nudge."
        ),
    ] = False
    message: Annotated[
        Contact,
        Meta(description="What a refusal ends with: whom to ask, or where to read on. Empty: nothing."),
    ] = ""
    nodes: Annotated[Nodes, Meta(description="Which nodes count.")] = Nodes()
    pools: Annotated[
        tuple[PoolConfig, ...], Meta(description="Pools of nodes; a node belongs to the first that fits it.")
    ] = ()
    exempt: Annotated[Exempt, Meta(description="Pods that are counted and never refused.")] = Exempt()
    overrides: Annotated[
        tuple[Override, ...],
        Meta(description="Other policies for some namespaces; the first that fits wins, as a whole."),
    ] = ()

    def faults(self) -> Iterator[Fault]:
        """Yield a fault if no sum is bounded at all, and one for each pool that is not distinct from an earlier one."""
        if not any(each.bounds_something for each in (self.thresholds, *(pool.thresholds for pool in self.pools))):
            yield Fault("thresholds", "has no threshold; write one such as memory: {requests: 75%}")
        for index, pool in enumerate(self.pools):
            earlier = self.pools[:index]
            if pool.name == CLUSTER:
                yield Fault(f"pools[{index}].name", f'"{CLUSTER}" means the whole cluster; write another name')
            if any(pool.name == other.name for other in earlier):
                yield Fault(f"pools[{index}].name", f'"{pool.name}" names an earlier pool too; write another name')
            if any(other.node_selector.items() <= pool.node_selector.items() for other in earlier):
                yield Fault(
                    f"pools[{index}].nodeSelector",
                    "selects only nodes that an earlier pool takes; move this pool before it, or select others",
                )

    def policy(self, namespace: str) -> Policy:
        """Return the settings that hold in a namespace."""
        for override in self.overrides:
            if override.matches(namespace):
                return Policy(
                    override.mode or self.mode,
                    override.missing_requests or self.missing_requests,
                    override.unplaceable or self.unplaceable,
                    override.workloads or self.workloads,
                )
        return Policy(self.mode, self.missing_requests, self.unplaceable, self.workloads)

    def lets_in(self, namespace: str, priority_class: str, *, of_daemon_set: bool, host_network: bool = False) -> bool:
        """Say whether policy lets such a pod in whatever is committed, as far as the pod itself tells."""
        exempt = self.exempt
        return (
            self.policy(namespace).mode is not Mode.ENFORCE
            or exempt.covers_namespace(namespace)
            or exempt.covers_priority_class(priority_class, namespace)
            or (of_daemon_set and exempt.covers_daemon_sets(namespace))
            or (host_network and exempt.covers_system_pod(priority_class, namespace))
        )

    def pools_of(self, labels: Mapping[str, str]) -> tuple[PoolConfig, ...]:
        """Return the pools that select a node with these labels: the node belongs to the first; the others overlap."""
        return tuple(pool for pool in self.pools if pool.matches(labels))

    def reserve_of(self, pool: PoolConfig) -> Reserve:
        """Return the reserve that holds in a pool."""
        return self.reserve if pool.reserve is None else pool.reserve
