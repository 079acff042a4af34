"""Traits: what reports say of a pod beside what it commits: its workload, and marks that no event changes.

The workload of a pod is its top owner, as far as the pod's own metadata tell. That is a heuristic, with a price: the
owners of an owner are not read, since that would take a watch on each kind of owner.

- A ReplicaSet whose name ends in the pod's label `pod-template-hash` is that of the Deployment whose name comes before
  it: `kubernetes/pkg/controller/deployment/sync.go` names it `<deployment>-<hash>` and writes the label.
- A Job whose name ends in the minutes since 1970 at which it was scheduled is that of a CronJob: `getJobName` in
  `kubernetes/pkg/controller/cronjob/utils.go` names it `<cronjob>-<minutes>`. So that a Job called `report-20261130` is
  not mistaken for one, the minutes must lie within a year before the pod was created.
- Any other controller is the workload itself, and a pod without a controller is its own workload.

So a Job or ReplicaSet that somebody made by hand and named just like that is taken for that of a CronJob or Deployment
that may not exist, and an owner of an owner of another kind (an Argo Rollout, a Spark application) is not found.
"""

from typing import Final

from msgspec import Struct

from webhook.core.api.types import OwnerReference, WatchedMeta
from webhook.core.values.moments import DAY

BARE: Final = "Pod"


class Traits(Struct, frozen=True, gc=False):
    """What is said of a pod beside what it commits. All pods of a workload share one.

    `name` is empty for a pod without a controller, whose workload is the pod itself. `unbounded` counts its app
    containers and sidecars without a memory limit. `static`: it mirrors a static pod of a kubelet.
    """

    kind: str = BARE
    name: str = ""
    unbounded: int = 0
    static: bool = False


NO_TRAITS: Final = Traits()


def traits_of(meta: WatchedMeta, created: int, unbounded: int) -> Traits:
    """Return the traits of a pod; `created` is when it was created, in seconds since 1970, 0 if that is not known."""
    kind, name = _workload(meta, created)
    key = (kind, name, unbounded, meta.annotations.mirror is not None)
    known = _known.get(key)
    if known is None:
        if len(_known) >= _MOST:
            _known.clear()
        known = _known[key] = Traits(*key)
    return known


def _workload(meta: WatchedMeta, created: int) -> tuple[str, str]:
    owner = _controller(meta.owner_references)
    if owner is None:
        return BARE, ""
    kind, name = owner.kind, owner.name
    if kind == "ReplicaSet" and meta.labels.template_hash:
        made_for = name.removesuffix(f"-{meta.labels.template_hash}")
        return ("Deployment", made_for) if made_for and made_for != name else (kind, name)
    if kind == "Job":
        made_for, _, minutes = name.rpartition("-")
        if made_for and minutes.isascii() and minutes.isdigit() and _is_schedule(minutes, created):
            return "CronJob", made_for
    return kind, name


def _controller(references: tuple[OwnerReference, ...]) -> OwnerReference | None:
    for reference in references:
        if reference.controller and reference.kind and reference.name:
            return reference
    return None


def _is_schedule(minutes: str, created: int) -> bool:
    if len(minutes) > _LONGEST or minutes[0] == "0":
        return False
    return -DAY <= created - 60 * int(minutes) <= _YEAR


_LONGEST: Final = 12  # digits
_YEAR: Final = 366 * DAY
_MOST: Final = 16_384  # more only costs memory: equal ones are then kept twice
_known: dict[tuple[str, str, int, bool], Traits] = {}
