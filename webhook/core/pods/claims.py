"""Claims: what DRA allocated to a pod of the node's own memory and cpu, as the pod's status reports it.

Field names: `NodeAllocatableResourceClaimStatus` in k8s.io/api/core/v1. The scheduler writes them when it places the
pod, so nobody is asked about them.
"""

from typing import NamedTuple

from msgspec import UNSET, UnsetType

from webhook.core.api.types import ClaimStatus
from webhook.core.pods.rules import RuleSet
from webhook.core.pods.shape import Claims, amount
from webhook.core.values.quantity import RawQuantity, nanos


class Claimed(NamedTuple):
    """What claims come to of one resource, in nanos: for the pod, and for each container that uses them."""

    pod: int
    containers: tuple[int, ...]
    init_containers: tuple[int, ...]


def claimed(claims: Claims | None, resource: str, rule_set: RuleSet) -> Claimed | None:
    """Return what claims come to; None where there are none. Raises `QuantityError`."""
    if claims is None:
        return None
    if rule_set.claims == "mapped by container":
        return Claimed(
            sum(_of_the_pod(each, resource) for each in claims.statuses),
            tuple(_of_container(claims, name, resource) for name in claims.containers),
            tuple(_of_container(claims, name, resource) for name in claims.init_containers),
        )
    whole = _resources if rule_set.claims == "resources" else _mapped
    pod = sum(whole(each, resource) for each in claims.statuses)
    return Claimed(pod, (0,) * len(claims.containers), (0,) * len(claims.init_containers))


def _resources(claim: ClaimStatus, resource: str) -> int:
    return amount(claim.resources, resource)


def _mapped(claim: ClaimStatus, resource: str) -> int:
    return _of_the_pod(claim, resource) + len(claim.containers) * _per_container(claim, resource)


def _of_the_pod(claim: ClaimStatus, resource: str) -> int:
    mapped = sum(_nanos(each.quantity) for each in claim.mapping if each.name == resource)
    return mapped + sum(_nanos(each.per_pod) for each in claim.overhead if each.name == resource)


def _per_container(claim: ClaimStatus, resource: str) -> int:
    return sum(_nanos(each.per_container) for each in claim.overhead if each.name == resource)


def _of_container(claims: Claims, name: str, resource: str) -> int:
    return sum(each.containers.count(name) * _per_container(each, resource) for each in claims.statuses)


def _nanos(quantity: RawQuantity | UnsetType) -> int:
    return 0 if quantity is UNSET else nanos(quantity)
