"""ResourceQuotas, and pods with the fields that a quota may look at; all else is skipped unread.

Pods are read a second time for this, where their namespace has a quota: the account's own view of them
(`core/api/types.py`) does without most of it. Field names and their meaning: k8s.io/api/core/v1.
"""

from typing import Any

from msgspec import Struct

from webhook.core.api.types import reader
from webhook.core.values.quantity import RawQuantity


class _Part(Struct, frozen=True, gc=False, rename="camel"):
    """Base of all parts; without cycles, so nothing here is of interest to the garbage collector."""


Quantities = dict[str, RawQuantity]
"""Quantities as written, by the resource's name."""


class Selector(_Part, frozen=True):
    """One condition on the pods that a quota is about: k8s.io/api/core/v1.ScopedResourceSelectorRequirement."""

    scope_name: str = ""
    operator: str = ""
    values: tuple[str, ...] = ()


class ScopeSelector(_Part, frozen=True):
    """Conditions that must all hold."""

    match_expressions: tuple[Selector, ...] = ()


class QuotaSpec(_Part, frozen=True):
    """Which pods a quota is about; what it allows is judged by its status, as the API server does."""

    scopes: tuple[str, ...] = ()
    scope_selector: ScopeSelector | None = None


class QuotaStatus(_Part, frozen=True):
    """What a quota allows and what is used of it, as its controller has seen it last."""

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
        """Say whether an init container runs on beside the others."""
        return self.restart_policy == "Always"


class PodAffinityTerm(_Part, frozen=True):
    """Which namespaces' pods a pod wants to be near to, or far from; an empty selector is one, too."""

    namespaces: tuple[str, ...] = ()
    namespace_selector: dict[str, Any] | None = None


class WeightedPodAffinityTerm(_Part, frozen=True):
    """The same as a preference."""

    pod_affinity_term: PodAffinityTerm = PodAffinityTerm()


class PodAffinity(_Part, frozen=True):
    """Other pods to be near to, or far from."""

    required_during_scheduling_ignored_during_execution: tuple[PodAffinityTerm, ...] = ()
    preferred_during_scheduling_ignored_during_execution: tuple[WeightedPodAffinityTerm, ...] = ()

    @property
    def terms(self) -> tuple[PodAffinityTerm, ...]:
        """All of them."""
        preferred = self.preferred_during_scheduling_ignored_during_execution
        return self.required_during_scheduling_ignored_during_execution + tuple(p.pod_affinity_term for p in preferred)


class Affinity(_Part, frozen=True):
    """Where a pod is to be."""

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
    """What a kubelet has allocated to a container, and what is in force (none: it has not said)."""

    name: str = ""
    resources: InForce | None = None
    allocated_resources: Quantities | None = None


class Condition(_Part, frozen=True):
    """A condition of a pod."""

    type: str = ""
    reason: str = ""


class PodStatus(_Part, frozen=True):
    """What is known of a pod's life."""

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
