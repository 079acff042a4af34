"""Info: what the ledger takes from the API's objects."""

from collections.abc import Callable
from hashlib import sha256
from typing import TypeVar

from msgspec import UNSET, Struct

from webhook.core.api.types import Node, NodeResources, OwnerReference, Pod, WatchedMeta
from webhook.core.ledger import nodes
from webhook.core.ledger.interval import UNBORN, Before, key_of
from webhook.core.ledger.nodes import Allocatable, NodeInfo
from webhook.core.ledger.subjects import USER
from webhook.core.ledger.traits import NO_TRAITS, Traits, traits_of
from webhook.core.pods.confinement import Ways, ways
from webhook.core.pods.footprint import measured
from webhook.core.pods.rules import NEWEST, Rules
from webhook.core.pods.shape import infeasible
from webhook.core.values.amounts import Amounts
from webhook.core.values.quantity import QuantityError, RawQuantity, millis, nanos, whole

T = TypeVar("T")
R = TypeVar("R")

_ENDED = ("Succeeded", "Failed")


class PodInfo(Struct, frozen=True, gc=False):
    """What the API says of a pod, as far as the ledger needs it.

    `name` is "namespace/name". `confined_to` holds the ways to place the pod while it is unbound. A pod that has ended
    (phase Succeeded or Failed) no longer `counts`, but its name is still taken.
    """

    name: str
    uid: str
    revision: int
    footprint: Amounts
    node: str = ""
    counts: bool = True
    confined_to: Ways = ()
    infeasible: bool = False  # the kubelet has refused its resize: what the resize asks for does not count
    priority_class: str = ""  # kept only while it is unbound
    of_daemon_set: bool = False  # as its metadata claims; kept only while it is unbound
    before: Before = UNBORN  # set in the review of a change
    was_confined_to: Ways | None = None  # set in the review of a change of where the pod may run
    owner: str = ""  # the UID of the controller that it names; if a review's pod names none, "~" and the user
    deleting: bool = False
    claims: bool = False  # DRA has allocated something to it, which counts though nobody was asked
    traits: Traits = NO_TRAITS  # of a pod that the watch shows
    created: str = ""  # of such a pod: its creationTimestamp
    host_network: bool = False  # kept only while it is unbound

    @property
    def key(self) -> str:
        """The key that distinguishes a grant of this review from others of the same name."""
        return key_of(self.uid, self.before, self.footprint)

    @property
    def asked(self) -> Amounts:
        """What the review adds to the object: all of it for a create, or where its pool may change; else its growth."""
        if self.before == UNBORN or self.was_confined_to is not None:
            return self.footprint
        return self.footprint.beyond(self.before.footprint)


def revision(resource_version: str) -> int:
    """Read a resourceVersion; 0 if the object has none yet.

    Since Kubernetes 1.35, resourceVersions of one resource type are comparable.
    """
    return int(resource_version) if resource_version else 0


def pod_info(
    pod: Pod, name: str = "", uid: str = "", at: int | None = None, user: str | None = None, rules: Rules = NEWEST
) -> PodInfo:
    """Take a pod in, under the name and uid and by the user of its review; raises `ObjectError`.

    In a review, `name`, `uid` and `user` are those of the review. `at` is the revision at which the pod was deleted.
    Only a pod that the watch shows (`WatchedPod`) has traits.
    """
    meta, spec = pod.metadata, pod.spec
    owner, of_daemon_set = _controller(meta.owner_references)
    owner_uid = None if owner is None else _short(owner.uid)
    size, unbounded = measured(pod, rules)
    traits, created = NO_TRAITS, ""
    if isinstance(meta, WatchedMeta):
        traits, created = traits_of(meta, owner, unbounded), _moment(meta.creation_timestamp)
    return PodInfo(
        name or f"{meta.namespace}/{meta.name}",
        uid or meta.uid,
        revision(meta.resource_version) if at is None else at,
        size,
        _shared(spec.node_name) if spec.node_name else "",
        pod.status.phase not in _ENDED,
        () if spec.node_name else ways(spec),
        infeasible(pod.status.conditions) if pod.status.conditions else False,
        _shared(spec.priority_class_name) if spec.priority_class_name and not spec.node_name else "",
        of_daemon_set and not spec.node_name,
        UNBORN,
        None,
        f"{USER}{user}" if owner_uid is None and user is not None else owner_uid or "",
        meta.deletion_timestamp != "",
        pod.status.node_allocatable_resource_claim_statuses != (),
        traits,
        created,
        spec.host_network and not spec.node_name,
    )


def _controller(references: tuple[OwnerReference, ...]) -> tuple[OwnerReference | None, bool]:
    """Return the controller, and whether the pod claims a DaemonSet (as `PodMeta.of_daemon_set` does)."""
    owner, of_daemon_set = None, False
    for reference in references:
        if reference.controller:
            owner = reference if owner is None else owner
            of_daemon_set = of_daemon_set or reference.kind == "DaemonSet"
    return owner, of_daemon_set


def _short(uid: str) -> str:
    """Return a UID as it is, or a digest if it is long: the API server does not bound it, and reservations keep it."""
    if len(uid) <= _LONGEST_OWNER:
        return uid
    return f"#{sha256(uid.encode(errors='surrogatepass')).hexdigest()}"


def _shared(name: str) -> str:
    """Return one string for all pods that name the same node or priority class; the decoder makes a copy for each pod.

    The interpreter's own table (`sys.intern`) may keep a string for ever, and a review can name anything.
    """
    if len(_names) >= _MOST_NAMES:
        _names.clear()
    return _names.setdefault(name, name)


def _moment(text: str) -> str:
    """Return one string for pods that were created in the same second, as those of one workload often are."""
    if len(_moments) >= _MOST_MOMENTS:
        _moments.clear()
    return _moments.setdefault(text, text)


_LONGEST_OWNER = 128  # characters; a UID of Kubernetes' own has 36
_names: dict[str, str] = {}
_moments: dict[str, str] = {}
_MOST_MOMENTS = 4_096
_MOST_NAMES = 16_384  # more than any cluster has nodes and priority classes


def node_info(node: Node) -> NodeInfo:
    """Return what the ledger needs of a node; raises `QuantityError`."""
    capacity, allocatable = node.status.capacity, node.status.allocatable
    return NodeInfo(
        node.metadata.name,
        _room(allocatable),
        ready=any(c.type == "Ready" and c.status == "True" for c in node.status.conditions),
        cordoned=node.spec.unschedulable,
        repelling_taints=nodes.repelling((t.key, t.effect) for t in node.spec.taints),
        labels=tuple(sorted(node.metadata.labels.items())),
        capacity=_reported(_room, capacity) if capacity.memory is not UNSET or capacity.cpu is not UNSET else None,
        most_pods=None if allocatable.pods is UNSET else _reported(_pods, allocatable.pods),
    )


def _reported(read: Callable[[T], R], said: T) -> R | None:
    """Read what only reports show; what cannot be read there must not make the node count as having nothing."""
    try:
        return read(said)
    except QuantityError:
        return None


def _pods(said: RawQuantity) -> int:
    return whole(nanos(said))


def _room(resources: NodeResources) -> Allocatable:
    return Allocatable(whole(nanos(resources.memory or None)), millis(nanos(resources.cpu or None)))
