"""Pods and nodes as the API shows them: only the fields that the account needs; all else is skipped unread.

Field names and their meaning: k8s.io/api/core/v1. Everything is frozen, so equal parts may serve as keys.
"""

from collections.abc import Callable
from typing import TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from webhook.core.values.quantity import RawQuantity

Kind = TypeVar("Kind")

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class ObjectError(ValueError):
    """An object that cannot be read: names the path of the fault and says what is wrong there."""


class _Part(Struct, frozen=True, gc=False, rename="camel"):
    """Base of all parts; without cycles, so nothing here is of interest to the garbage collector."""


HUGE_PAGES = ("hugepages-2Mi", "hugepages-1Gi")


class ResourceList(_Part, frozen=True):
    """Quantities as written; unset and null differ, because to Go a null is a present zero.

    Huge pages commit neither memory nor cpu; that there are any decides what the API server fills in. They come in two
    sizes nearly everywhere.
    """

    cpu: RawQuantity | UnsetType = UNSET
    memory: RawQuantity | UnsetType = UNSET
    huge_pages: RawQuantity | UnsetType = msgspec.field(name=HUGE_PAGES[0], default=UNSET)
    huger_pages: RawQuantity | UnsetType = msgspec.field(name=HUGE_PAGES[1], default=UNSET)


class Resources(_Part, frozen=True):
    """Requests and limits of a container."""

    requests: ResourceList = ResourceList()
    limits: ResourceList | None = None


class PodResources(_Part, frozen=True):
    """Requests and limits of a pod as a whole, of any resource: that there are any is one thing that counts."""

    requests: dict[str, RawQuantity] = {}
    limits: dict[str, RawQuantity] = {}


class OwnerReference(_Part, frozen=True):
    """Who made the object; at most one owner is its controller."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool = False


class Annotations(_Part, frozen=True):
    """The one annotation that matters: the kubelet marks its static pods with it."""

    mirror: str | None = msgspec.field(name="kubernetes.io/config.mirror", default=None)


class PodMeta(_Part, frozen=True):
    """Metadata of a pod."""

    name: str = ""
    generate_name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    creation_timestamp: str = ""
    deletion_timestamp: str = ""
    owner_references: tuple[OwnerReference, ...] = ()
    annotations: Annotations = Annotations()

    @property
    def of_daemon_set(self) -> bool:
        """Say whether its controller is said to be a DaemonSet, which anybody who may create pods could say."""
        return any(owner.controller and owner.kind == "DaemonSet" for owner in self.owner_references)


class Container(_Part, frozen=True):
    """A container, or an init container; with restart policy `Always` the latter is a sidecar."""

    name: str = ""
    resources: Resources = Resources()
    restart_policy: str = ""


class NodeRequirement(_Part, frozen=True):
    """What a label, or a field, of a node must be."""

    key: str = ""
    operator: str = ""
    values: tuple[str, ...] = ()


class NodeSelectorTerm(_Part, frozen=True):
    """Requirements that a node must meet all of; one without any selects no node."""

    match_expressions: tuple[NodeRequirement, ...] = ()
    match_fields: tuple[NodeRequirement, ...] = ()


class NodeSelector(_Part, frozen=True):
    """Terms of which a node must meet one."""

    node_selector_terms: tuple[NodeSelectorTerm, ...] = ()


class NodeAffinity(_Part, frozen=True):
    """On which nodes a pod must be; on which it had better be is no matter."""

    required_during_scheduling_ignored_during_execution: NodeSelector | None = None


class Affinity(_Part, frozen=True):
    """Where a pod is to be."""

    node_affinity: NodeAffinity | None = None


class PodSpec(_Part, frozen=True):
    """What a pod asks for."""

    node_name: str = ""
    node_selector: dict[str, str] = {}
    affinity: Affinity | None = None
    priority_class_name: str = ""
    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    overhead: ResourceList = ResourceList()
    resources: PodResources | None = None


class InForce(_Part, frozen=True):
    """What a kubelet says is in force. No list is not the same as an empty one."""

    requests: ResourceList | None = None
    limits: ResourceList | None = None


class ContainerStatus(_Part, frozen=True):
    """What a kubelet has allocated to a container, and what is in force (none: it has not said)."""

    name: str = ""
    resources: InForce | None = None
    allocated_resources: ResourceList | None = None


class Mapped(_Part, frozen=True):
    """What the devices of a claim take of a resource of the node."""

    name: str = ""
    quantity: RawQuantity | UnsetType = UNSET


class ClaimOverhead(_Part, frozen=True):
    """What the devices of a claim take beside that: once for the pod, and once for each container that uses them."""

    name: str = ""
    per_pod: RawQuantity | UnsetType = UNSET
    per_container: RawQuantity | UnsetType = UNSET


class ClaimStatus(_Part, frozen=True):
    """What DRA allocated to a pod of the node's own resources: `resources` in 1.36, the others since then."""

    containers: tuple[str, ...] = ()
    resources: ResourceList = ResourceList()
    mapping: tuple[Mapped, ...] = ()
    overhead: tuple[ClaimOverhead, ...] = ()


class Condition(_Part, frozen=True):
    """A condition of a pod or a node."""

    type: str = ""
    status: str = ""
    reason: str = ""


class PodStatus(_Part, frozen=True):
    """What is known of a pod's life."""

    phase: str = ""
    conditions: tuple[Condition, ...] = ()
    container_statuses: tuple[ContainerStatus, ...] = ()
    init_container_statuses: tuple[ContainerStatus, ...] = ()
    resources: InForce | None = None
    allocated_resources: ResourceList | None = None
    node_allocatable_resource_claim_statuses: tuple[ClaimStatus, ...] = ()


class Pod(_Part, frozen=True):
    """A pod."""

    metadata: PodMeta = PodMeta()
    spec: PodSpec = PodSpec()
    status: PodStatus = PodStatus()


class Target(_Part, frozen=True):
    """What a pod is bound to: a node."""

    name: str = ""


class Binding(_Part, frozen=True):
    """A pod's way to its node, as a scheduler asks for it; the metadata are the pod's."""

    metadata: PodMeta = PodMeta()
    target: Target = Target()


class NodeMeta(_Part, frozen=True):
    """Metadata of a node."""

    name: str = ""
    uid: str = ""
    resource_version: str = ""
    labels: dict[str, str] = {}


class Taint(_Part, frozen=True):
    """A taint of a node."""

    key: str = ""
    value: str = ""
    effect: str = ""


class NodeSpec(_Part, frozen=True):
    """What an administrator says of a node."""

    unschedulable: bool = False
    taints: tuple[Taint, ...] = ()


class NodeStatus(_Part, frozen=True):
    """What a kubelet says of its node."""

    allocatable: ResourceList = ResourceList()
    conditions: tuple[Condition, ...] = ()


class Node(_Part, frozen=True):
    """A node."""

    metadata: NodeMeta = NodeMeta()
    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()


def reader(kind: type[Kind]) -> Callable[[bytes], Kind]:
    """Make a decoder of JSON for a type made of the parts above; it raises `ObjectError`.

    Null is as good as absent, as it is to Go's decoder. The API server writes hardly any, so the fast way does without
    that rule, and what it refuses is read once more with the nulls taken out.
    """
    decoder = msgspec.json.Decoder(kind)

    def read(data: bytes) -> Kind:
        try:
            return decoder.decode(data)
        except _UNREADABLE:
            return convert(_parsed(data), kind)

    return read


def sent_reader(kind: type[Kind]) -> Callable[[bytes], Kind]:
    """Make the same for objects that anybody may have sent: what is large is read in the fast way or not at all.

    The slow way takes twenty times the memory, and the API server sends no large object with nulls where they matter.
    """
    read, decoder = reader(kind), msgspec.json.Decoder(kind)

    def read_sent(data: bytes) -> Kind:
        if len(data) <= LARGE:
            return read(data)
        try:
            return decoder.decode(data)
        except _UNREADABLE as error:
            raise ObjectError(_located(str(error))) from error

    return read_sent


LARGE = 64 << 10  # bytes of JSON; a smaller object may be made of anything


def convert(value: object, kind: type[Kind]) -> Kind:
    """Turn what a JSON or YAML parser returned into a type made of the parts above; raises `ObjectError`."""
    try:
        return msgspec.convert(_without_nulls(value), kind)
    except msgspec.ValidationError as error:
        raise ObjectError(_located(str(error))) from error
    except RecursionError as error:
        raise ObjectError(f"nested too deeply: {error}") from error


def _parsed(data: bytes) -> object:
    try:
        return msgspec.json.decode(data)
    except _UNREADABLE as error:
        raise ObjectError(f"no readable JSON: {error}") from error


def _without_nulls(value: object) -> object:
    """Take out the nulls, but for those of quantities; in a list Go reads a null as an empty object."""
    if isinstance(value, dict):
        return {
            key: _without_nulls(item)
            for key, item in value.items()
            if item is not None or key in ResourceList.__struct_fields__
        }
    if isinstance(value, list):
        return [{} if item is None else _without_nulls(item) for item in value]
    return value


def _located(message: str) -> str:
    """Put the path first: "Expected `str`, got `int` - at `$.spec.nodeName`" is how msgspec has it."""
    fault, _, place = message.replace("`", "").partition(" - at ")
    path = place.removeprefix("key in ").removeprefix("$").removeprefix(".")
    return f"{path or 'object'}: {fault[0].lower()}{fault[1:]}"
