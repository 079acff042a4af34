"""ResourceQuotas, and pods with the fields that a quota may look at. The decoder skips all other fields.

A pod whose namespace has a quota is decoded a second time for this, because the types that the ledger needs
(`core/api/types.py`) lack most of these fields. Field names and their meaning: k8s.io/api/core/v1.
"""

from typing import Any

from msgspec import Struct

from webhook.core.api.types import reader
from webhook.core.values.quantity import RawQuantity


class _Part(Struct, frozen=True, gc=False, rename="camel"):
    """Base of all parts. They have no reference cycles, so the garbage collector need not track them."""


Quantities = dict[str, RawQuantity]
"""Quantities as written, by resource name."""


class Selector(_Part, frozen=True):
    """One condition on the pods that a quota covers: k8s.io/api/core/v1.ScopedResourceSelectorRequirement."""

    scope_name: str = ""
    operator: str = ""
    values: tuple[str, ...] = ()


class ScopeSelector(_Part, frozen=True):
    """Conditions that a pod must all meet."""

    match_expressions: tuple[Selector, ...] = ()


class QuotaSpec(_Part, frozen=True):
    """Which pods a quota covers. What it allows is read from its status, as the API server does."""

    scopes: tuple[str, ...] = ()
    scope_selector: ScopeSelector | None = None


class QuotaStatus(_Part, frozen=True):
    """What a quota allows and how much of it is used, as its controller last reported."""

    hard: Quantities = {}
    used: Quantities = {}


class QuotaMeta(_Part, frozen=True):
    """Metadata of a quota."""

    name: str = ""
    namespace: str = ""
    resource_version: str = ""


class ResourceQuota(_Part, frozen=True):
    """A ResourceQuota."""

    metadata: QuotaMeta = QuotaMeta()
    spec: QuotaSpec = QuotaSpec()
    status: QuotaStatus = QuotaStatus()


class Resources(_Part, frozen=True):
    """Requests and limits of a container or of a whole pod."""

    requests: Quantities = {}
    limits: Quantities = {}


class Container(_Part, frozen=True):
    """A container, or an init container; with restart policy `Always` the latter is a sidecar."""

    name: str = ""
    resources: Resources = Resources()
    restart_policy: str = ""

    @property
    def is_sidecar(self) -> bool:
        """Say whether it is an init container that keeps running beside the app containers."""
        return self.restart_policy == "Always"


class PodAffinityTerm(_Part, frozen=True):
    """The namespaces of the pods that a pod wants to be near to, or far from; an empty selector counts as one, too."""

    namespaces: tuple[str, ...] = ()
    namespace_selector: dict[str, Any] | None = None


class WeightedPodAffinityTerm(_Part, frozen=True):
    """A term that is a preference."""

    pod_affinity_term: PodAffinityTerm = PodAffinityTerm()


class PodAffinity(_Part, frozen=True):
    """The other pods that a pod wants to be near to, or far from."""

    required_during_scheduling_ignored_during_execution: tuple[PodAffinityTerm, ...] = ()
    preferred_during_scheduling_ignored_during_execution: tuple[WeightedPodAffinityTerm, ...] = ()

    @property
    def terms(self) -> tuple[PodAffinityTerm, ...]:
        """All terms, required and preferred."""
        preferred = self.preferred_during_scheduling_ignored_during_execution
        return self.required_during_scheduling_ignored_during_execution + tuple(p.pod_affinity_term for p in preferred)


class Affinity(_Part, frozen=True):
    """The affinity of a pod, as far as it refers to other pods."""

    pod_affinity: PodAffinity = PodAffinity()
    pod_anti_affinity: PodAffinity = PodAffinity()


class PodSpec(_Part, frozen=True):
    """What a pod asks for."""

    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    overhead: Quantities = {}
    resources: Resources | None = None
    active_deadline_seconds: int | None = None
    priority_class_name: str = ""
    affinity: Affinity = Affinity()


class InForce(_Part, frozen=True):
    """What a kubelet says is in force. No list is not the same as an empty one."""

    requests: Quantities | None = None
    limits: Quantities | None = None


class ContainerStatus(_Part, frozen=True):
    """What the kubelet has allocated to a container, and what is in force (`resources`; None: not reported)."""

    name: str = ""
    resources: InForce | None = None
    allocated_resources: Quantities | None = None


class Condition(_Part, frozen=True):
    """A condition of a pod."""

    type: str = ""
    reason: str = ""


class PodStatus(_Part, frozen=True):
    """The status of a pod: its phase, its QoS class, and what the kubelet reports."""

    phase: str = ""
    qos_class: str = ""
    conditions: tuple[Condition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()


class Pod(_Part, frozen=True):
    """A pod as quotas see it."""

    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


read_pod = reader(Pod)
"""Reads a pod's JSON; raises `ObjectError`."""

read_quota = reader(ResourceQuota)
"""Reads a quota's JSON; raises `ObjectError`."""
