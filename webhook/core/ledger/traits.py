"""Traits: what reports say of a pod beside what it commits: its workload, and marks that no event changes.

The workload of a pod is its top owner, as far as the pod's own metadata tell. That is a heuristic, with a price: the
owners of an owner are not read, since that would take a watch on each kind of owner.

- A ReplicaSet whose name ends in the pod's label `pod-template-hash` is that of the Deployment whose name comes before
  it: `kubernetes/pkg/controller/deployment/sync.go` names it `<deployment>-<hash>` and writes the label.
- A Job whose name ends in the minutes since 1970 at which it was scheduled is that of a CronJob: `getJobName` in
  `kubernetes/pkg/controller/cronjob/utils.go` names it `<cronjob>-<minutes>`. So that a Job called `report-20261130` is
  not mistaken for one, the minutes must lie within a year before the pod was created.
- Any other controller is the workload itself. A pod without a controller, or with one that is a pod, is its own
  workload.

So a Job or ReplicaSet that somebody made by hand and named just like that is taken for that of a CronJob or Deployment
that may not exist, and an owner of an owner of another kind (an Argo Rollout, a Spark application) is not found.
"""

from typing import Final

from msgspec import Struct

from webhook.core.api.types import OwnerReference, WatchedMeta
from webhook.core.values.moments import DAY, moment

Workload = tuple[str, str]
"""Kind and name of a workload in its namespace; the name is empty for all pods that are their own workload."""

BARE: Final[Workload] = ("Pod", "")
"""The workload of each pod that has no controller: the pod itself."""


_Key = tuple[str, str, str, int, bool]


class Traits(Struct, frozen=True, gc=False):
    """What is said of a pod beside what it commits. All pods of a workload share one.

    `unbounded` counts its app containers and sidecars without a memory limit. `static`: it mirrors a static pod of a
    kubelet.
    """

    workload: Workload = BARE
    unbounded: int = 0
    static: bool = False


NO_TRAITS: Final = Traits()


def traits_of(meta: WatchedMeta, owner: OwnerReference | None, unbounded: int) -> Traits:
    """Return the traits of a pod; `owner` is its controller."""
    static = meta.annotations.mirror is not None
    if owner is None or owner.kind == BARE[0]:
        key: _Key = (*BARE, "", unbounded, static)
    elif owner.kind == "Job":  # of two pods of one Job, one may be too old to be of a CronJob
        key = (*_of_job(owner.name, meta.creation_timestamp), "", unbounded, static)
    else:
        key = (owner.kind, owner.name, meta.labels.template_hash, unbounded, static)
    return _known.get(key) or _kept(key, Traits(_workload(*key[:3]), unbounded, static))


def _kept(key: _Key, traits: Traits) -> Traits:
    if len(_known) >= _MOST:
        _known.clear()
    return _known.setdefault(key, traits)


def _workload(kind: str, name: str, template_hash: str) -> Workload:
    if kind == "ReplicaSet" and template_hash:
        made_for = name.removesuffix(f"-{template_hash}")
        return ("Deployment", made_for) if made_for and made_for != name else (kind, name)
    return kind, name


def _of_job(job: str, created: str) -> Workload:
    made_for, _, minutes = job.rpartition("-")
    return ("CronJob", made_for) if made_for and _is_schedule(minutes, moment(created)) else ("Job", job)


def _is_schedule(minutes: str, created: int) -> bool:
    """Say whether digits are the minutes since 1970 of a moment not long before a pod was created."""
    if not (minutes.isascii() and minutes.isdigit()) or len(minutes) > _LONGEST or minutes[0] == "0":
        return False
    return -DAY <= created - 60 * int(minutes) <= _YEAR


_LONGEST: Final = 12  # digits
_YEAR: Final = 366 * DAY
_MOST: Final = 16_384  # more only costs memory: equal ones are then kept twice
_known: dict[_Key, Traits] = {}
