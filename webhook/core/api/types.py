"""Pods and nodes as the API shows them: only the fields that Headroom needs. The decoder skips all others.

Field names and their meaning: k8s.io/api/core/v1. Everything is frozen, so parts can serve as dictionary keys.
"""

from collections.abc import Callable
from typing import TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from webhook.core.values.quantity import RawQuantity

Kind = TypeVar("Kind")

_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class ObjectError(ValueError):
    """An object cannot be read: the message names the path of the fault and says what is wrong there."""


class _Part(Struct, frozen=True, gc=False, rename="camel"):
    """Base of all parts. They have no reference cycles, so the garbage collector need not track them."""


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
    """An owner of the object; at most one owner is its controller."""

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
        """Say whether the pod claims a DaemonSet as its controller; any client that may create pods can claim that."""
        return any(owner.controller and owner.kind == "DaemonSet" for owner in self.owner_references)


class Labels(_Part, frozen=True):
    """The one label that matters: the Deployment controller writes it on its ReplicaSets and on their pods."""

    template_hash: str = msgspec.field(name="pod-template-hash", default="")


class WatchedMeta(PodMeta, frozen=True):
    """Metadata of a pod as the watch reads them; a review has no use for labels, and does not decode them."""

    labels: Labels = Labels()


class Container(_Part, frozen=True):
    """A container, or an init container; with restart policy `Always` the latter is a sidecar."""

    name: str = ""
    resources: Resources = Resources()
    restart_policy: str = ""


class NodeRequirement(_Part, frozen=True):
    """A requirement on a label or a field of a node."""

    key: str = ""
    operator: str = ""
    values: tuple[str, ...] = ()


class NodeSelectorTerm(_Part, frozen=True):
    """Requirements of which a node must meet all; a term without requirements selects no node."""

    match_expressions: tuple[NodeRequirement, ...] = ()
    match_fields: tuple[NodeRequirement, ...] = ()


class NodeSelector(_Part, frozen=True):
    """Terms of which a node must meet one."""

    node_selector_terms: tuple[NodeSelectorTerm, ...] = ()


class NodeAffinity(_Part, frozen=True):
    """The nodes that a pod must run on; preferences do not matter here."""

    required_during_scheduling_ignored_during_execution: NodeSelector | None = None


class Affinity(_Part, frozen=True):
    """The affinity of a pod, as far as it constrains nodes."""

    node_affinity: NodeAffinity | None = None


class PodSpec(_Part, frozen=True):
    """What a pod asks for."""

    node_name: str = ""
    node_selector: dict[str, str] = {}
    affinity: Affinity | None = None
    priority_class_name: str = ""
    host_network: bool = False
    containers: tuple[Container, ...] = ()
    init_containers: tuple[Container, ...] = ()
    overhead: ResourceList = ResourceList()
    resources: PodResources | None = None


class InForce(_Part, frozen=True):
    """What a kubelet says is in force. No list is not the same as an empty one."""

    requests: ResourceList | None = None
    limits: ResourceList | None = None


class ContainerStatus(_Part, frozen=True):
    """What the kubelet has allocated to a container, and what is in force (`resources`; None: not reported)."""

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
    """The status of a pod: its phase, and what the kubelet reports."""

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


class WatchedPod(Pod, frozen=True):
    """A pod as the watch reads it."""

    metadata: WatchedMeta = WatchedMeta()


class Target(_Part, frozen=True):
    """The node that a pod is to be bound to."""

    name: str = ""


class Binding(_Part, frozen=True):
    """A request to bind a pod to a node, as a scheduler makes it; the metadata are the pod's."""

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
    """The spec of a node: whether it is cordoned, and its taints."""

    unschedulable: bool = False
    taints: tuple[Taint, ...] = ()


class NodeResources(_Part, frozen=True):
    """What a node has of each resource; `pods` is how many pods it takes."""

    cpu: RawQuantity | UnsetType = UNSET
    memory: RawQuantity | UnsetType = UNSET
    pods: RawQuantity | UnsetType = UNSET


class NodeStatus(_Part, frozen=True):
    """The status of a node, as its kubelet reports it."""

    capacity: NodeResources = NodeResources()
    allocatable: NodeResources = NodeResources()
    conditions: tuple[Condition, ...] = ()


class Node(_Part, frozen=True):
    """A node."""

    metadata: NodeMeta = NodeMeta()
    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()


def reader(kind: type[Kind]) -> Callable[[bytes], Kind]:
    """Return a JSON decoder for a type made of the parts above; the decoder raises `ObjectError`.

    A null is taken as absent, as Go's decoder does. The API server writes hardly any nulls, so the fast way does
    without that rule. An object that the fast way refuses is decoded again, with the nulls taken out.
    """
    decoder = msgspec.json.Decoder(kind)

    def read(data: bytes) -> Kind:
        try:
            return decoder.decode(data)
        except _UNREADABLE:
            return convert(_parsed(data), kind)

    return read


def sent_reader(kind: type[Kind]) -> Callable[[bytes], Kind]:
    """Return a decoder like `reader` for objects from any client; it reads a large one in the fast way or not at all.

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


LARGE = 64 << 10  # bytes of JSON; a smaller object is harmless whatever it is made of


def convert(value: object, kind: type[Kind]) -> Kind:
    """Convert the result of a JSON or YAML parser into a type made of the parts above; raises `ObjectError`."""
    try:
        return msgspec.convert(_without_nulls(value), kind)
    except msgspec.ValidationError as error:
        raise ObjectError(_located(str(error))) from error
    except RecursionError as error:
        raise ObjectError(f"nested too deeply: {error}") from error
    except UnicodeEncodeError as error:  # Python's JSON parser lets half a surrogate pair through
        raise ObjectError("object: has text that is not valid Unicode") from error


def _parsed(data: bytes) -> object:
    try:
        return msgspec.json.decode(data)
    except _UNREADABLE as error:
        raise ObjectError(f"no readable JSON: {error}") from error


def _without_nulls(value: object) -> object:
    """Return the value without nulls, except those of quantities; a null in a list becomes {}, as Go reads it."""
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
    """Return a message of msgspec with the path first; msgspec writes "Expected ... - at `$.spec.nodeName`"."""
    fault, _, place = message.replace("`", "").partition(" - at ")
    path = place.removeprefix("key in ").removeprefix("$").removeprefix(".")
    return f"{path or 'object'}: {fault[0].lower()}{fault[1:]}"
