"""Adoption: which pods are there already for a workload that is made, as its controller will find them.

A controller adopts what its selector finds and no other controller has: the pods that `delete --cascade=orphan` leaves
behind, or the ReplicaSet that has them. Those need no room. What cannot be known beforehand raises `UnsettledError`.
Sources: `ClaimPods` and `ClaimReplicaSets` in k8s.io/kubernetes/pkg/controller/controller_ref_manager.go, `isMemberOf`
in pkg/controller/statefulset, `FindNewReplicaSet` and `EqualIgnoreHash` in pkg/controller/deployment/util.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Raw, Struct

from webhook.core.api.types import ObjectError, OwnerReference, reader
from webhook.core.api.workloads import Selector, Workload

_HASH = "pod-template-hash"
_MEANS = {"In": "{} in ({})", "NotIn": "{} notin ({})", "Exists": "{}", "DoesNotExist": "!{}"}


class UnsettledError(Exception):
    """What comes of an edit cannot be known now; the message says why."""


class _Meta(Struct, frozen=True, rename="camel"):
    name: str = ""
    labels: dict[str, str] = {}
    owner_references: tuple[OwnerReference, ...] = ()
    deletion_timestamp: str = ""


class _Item(Struct, frozen=True):
    metadata: _Meta = _Meta()


class _More(Struct, frozen=True, rename="camel"):
    continue_: str = msgspec.field(name="continue", default="")


class _List(Struct, frozen=True):
    metadata: _More = _More()
    items: tuple[_Item, ...] = ()


_read_list = reader(_List)


class Found(Struct, frozen=True):
    """A pod that a selector finds: its name, what of its labels matters, its controller, whether it is going."""

    name: str
    hashed: bool
    controller: OwnerReference | None
    going: bool


def adopts(kind: str, new: Workload) -> bool:
    """Say whether a new workload of that kind may find pods that are there."""
    return kind not in {"CronJob", "Job"} or new.spec.manual_selector


def selector_text(selector: Selector) -> str:
    """Write a selector as the API takes it in a query."""
    parts = [f"{key}={value}" for key, value in selector.match_labels.items()]
    parts += [_MEANS[each.operator].format(each.key, ",".join(each.values)) for each in selector.match_expressions]
    return ",".join(parts)


def read_found(body: bytes) -> list[Found]:
    """Read what a list of pods says of their owners; raises `ObjectError`, or `UnsettledError` for a part of a list."""
    listed = _read_list(body)
    if listed.metadata.continue_:
        raise UnsettledError("there are too many pods that its selector finds")
    return [_found(item.metadata) for item in listed.items]


def _found(meta: _Meta) -> Found:
    owner = next((each for each in meta.owner_references if each.controller), None)
    return Found(meta.name, _HASH in meta.labels, owner, meta.deletion_timestamp != "")


def adopted(kind: str, name: str, new: Workload, found: Iterable[Found]) -> list[str]:
    """Return the names of the pods that a new workload which makes pods itself adopts; raises `UnsettledError`."""
    return [each.name for each in _free(kind, name, found) if _suits(kind, name, new, each.name)]


def _free(kind: str, name: str, found: Iterable[Found]) -> Iterator[Found]:
    for each in found:
        owner = each.controller
        if each.going:
            raise UnsettledError("pods that its selector finds are being deleted")
        if owner is None:
            yield each
        elif (owner.kind, owner.name) == (kind, name):
            raise UnsettledError("pods of one that had this name are still there")


def _suits(kind: str, name: str, new: Workload, pod: str) -> bool:
    if kind != "StatefulSet":
        return True
    parts = re.fullmatch("(.*)-([0-9]+)", pod)
    if parts is None or parts[1] != name:
        return False
    start = new.spec.ordinals.start
    if not start <= int(parts[2]) < start + new.spec.replicas:
        raise UnsettledError("it would adopt pods that it does not want")
    return True


def sets_of(found: Iterable[Found]) -> dict[str, list[str]]:
    """Return the ReplicaSets that have the pods which a new Deployment finds, and their pods; raises `UnsettledError`.

    A pod that nobody has may come to a ReplicaSet that is made, whose hash only its controller can work out.
    """
    sets: dict[str, list[str]] = {}
    for each in found:
        if each.going or (each.controller is None and each.hashed):
            raise UnsettledError("pods that its selector finds are being deleted, or nobody has them")
        if each.controller is not None and each.controller.kind == "ReplicaSet":
            sets.setdefault(each.controller.name, []).append(each.name)
    return sets


def adopts_set(name: str, new: Workload, found: Workload) -> bool:
    """Say whether a new Deployment adopts a ReplicaSet; raises `UnsettledError` if that is of another template."""
    meta, owner = found.metadata, found.controller
    if meta.deletion_timestamp or (owner is not None and (owner.kind, owner.name) == ("Deployment", name)):
        raise UnsettledError("what one that had this name left is being deleted")
    if owner is not None or not _matches(new.spec.selector, meta.labels):
        return False
    if _made(new.spec.template) != _made(found.spec.template):
        raise UnsettledError("it would adopt pods of another template, and replace them")
    return True


def _matches(selector: Selector, labels: Mapping[str, str]) -> bool:
    if any(labels.get(key) != value for key, value in selector.match_labels.items()):
        return False
    for each in selector.match_expressions:
        among = labels.get(each.key) in each.values if each.values else each.key in labels
        if among is each.operator.startswith(("Not", "DoesNot")):
            return False
    return True


def _made(template: Raw) -> Any:
    """Return a template without what a Deployment adds to it in a ReplicaSet."""
    try:
        made = msgspec.json.decode(template)
        made["metadata"]["labels"].pop(_HASH, None)
        made["metadata"].pop("creationTimestamp", None)
    except (msgspec.DecodeError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise ObjectError(f"spec.template: {error}") from error
    return made
