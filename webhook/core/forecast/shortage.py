"""Shortages: how many pods a controller lacks, by what it last reported, and whether its rollout waits for itself."""

from typing import NamedTuple

from webhook.core.api.workloads import Workload
from webhook.core.forecast.plan import at_one_time, daemon_fenceposts, fenceposts


class Shortage(NamedTuple):
    """How many pods a controller lacks; None if its report is from before its last edit, and so says nothing.

    `stuck`: its rollout removes no old pod before a new one comes.
    """

    missing: int | None
    stuck: bool = False


ENDED = Shortage(0)


def shortage(kind: str, controller: Workload, top: Workload | None = None) -> Shortage:
    """Return what a controller of pods lacks; `top` is the Deployment that made it, if there is one."""
    if controller.metadata.deletion_timestamp:
        return ENDED
    if kind == "Job":
        return _job(controller)
    if controller.outdated:
        return Shortage(None)
    if kind == "DaemonSet":
        return _daemon_set(controller)
    missing = max(0, controller.spec.replicas - controller.status.replicas)
    if kind == "StatefulSet":
        return Shortage(missing, missing > 0 and _stateful_set_is_stuck(controller))
    return Shortage(missing, top is not None and missing > 0 and _deployment_is_stuck(top))


def _deployment_is_stuck(top: Workload) -> bool:
    """Say whether old pods stay until new ones come: no more may be unavailable than already are.

    Source: `reconcileOldReplicaSets` in k8s.io/kubernetes/pkg/controller/deployment/rolling.go, which removes old pods
    only while more than `replicas - maxUnavailable` are available.
    """
    if top.outdated or top.spec.paused or top.spec.strategy.type == "Recreate" or not _old(top):
        return False
    _, unavailable = fenceposts(top.spec.strategy.rolling_update, top.spec.replicas)
    return top.status.available_replicas <= top.spec.replicas - unavailable


def _stateful_set_is_stuck(controller: Workload) -> bool:
    """Say whether there are old pods, which go one after the other, each only when its predecessor's successor runs."""
    update = controller.spec.update_strategy
    return update.type != "OnDelete" and _old(controller) > update.rolling_update.partition


def _old(workload: Workload) -> int:
    """Return how many pods are of an older template."""
    return workload.status.replicas - workload.updated


def _daemon_set(controller: Workload) -> Shortage:
    """A DaemonSet with `maxSurge` makes new pods beside old ones; without, it first removes the old one of a node."""
    status = controller.status
    wanted, there = status.desired_number_scheduled, status.current_number_scheduled
    surge, _ = daemon_fenceposts(controller.spec.update_strategy.rolling_update, wanted)
    rolls = controller.spec.update_strategy.type != "OnDelete"
    old = max(0, there - status.updated_number_scheduled) if rolls else 0
    missing = max(0, wanted - there) or (min(surge, old) if rolls else 0)
    return Shortage(missing, missing > 0 and old > 0)


def _job(controller: Workload) -> Shortage:
    if controller.finished or controller.elsewhere:
        return ENDED
    status = controller.status
    return Shortage(max(0, at_one_time(controller.spec, status.succeeded) - status.active))
