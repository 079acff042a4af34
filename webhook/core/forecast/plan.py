"""Plans: what an edit of a workload makes its controller do, as pods that come and pods that go.

Only an edit that adds or replaces pods has a plan. Annotations, a new schedule, a scale-down and a controller's own
edits have none. The number of pods that exist is taken from the old object's status, so if the status lags behind, the
plan does too.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from webhook.core.api.types import Pod
from webhook.core.api.workloads import IntOrPercent, RollingUpdate, Spec, Workload, placement_of
from webhook.core.forecast import rollout as course
from webhook.core.forecast.rollout import Rollout
from webhook.core.ledger.nodes import Allocatable, NodeInfo
from webhook.core.pods.defaults import pod_of

# The DaemonSet controller lets its pods tolerate taints with this prefix: `AddOrUpdateDaemonPodTolerations`.
_SUFFERED = "node.kubernetes.io/"


class Plan(NamedTuple):
    """Pods like `new` come and pods like `old` go, as `course` says.

    `pods` names them for people. A `mild` plan is never refused: it asks for less than before, or for nothing yet, or
    the controller has not counted its pods since the last edit. `advice` is the setting that avoids surge, if there is
    any surge. `rooms` has what is allocatable on each node, for a workload that runs one pod on each node.
    """

    new: Pod
    old: Pod
    course: Rollout
    pods: str = "replicas"
    mild: bool = False
    advice: str = ""
    rooms: tuple[Allocatable, ...] = ()


class Edit(NamedTuple):
    """A workload before and after an edit; `nodes` are the nodes of the cluster, for kinds that run a pod on each."""

    new: Workload
    old: Workload | None
    nodes: tuple[NodeInfo, ...] = ()

    @property
    def retold(self) -> bool:
        """Say whether the pod template changed."""
        return self.old is not None and bytes(self.new.spec.template) != bytes(self.old.spec.template)


def plan(kind: str, edit: Edit) -> Plan | None:
    """Return what an edit leads to; None if no new pod comes. Raises `ObjectError` for a template it cannot read."""
    made = KINDS[kind](edit)
    if made is None or made.course.come <= 0:
        return None
    return made._replace(mild=True) if edit.old is not None and _uncounted(kind, edit.old) else made


def _uncounted(kind: str, old: Workload) -> bool:
    return old.outdated or (kind in {"Deployment", "ReplicaSet"} and old.coming)


def _grown(edit: Edit, alive: int) -> Plan | None:
    """Plan more or fewer pods of the new template, without replacing any."""
    new, old = edit.new.spec, edit.old.spec if edit.old else None
    if old is not None and old.replicas == new.replicas and not edit.retold:
        return None
    pod = pod_of(new.template)
    fewer = old is not None and new.replicas < old.replicas and not edit.retold
    return Plan(pod, pod, course.growth(new.replicas, alive), mild=fewer)


def _deployment(edit: Edit) -> Plan | None:
    new, old = edit.new.spec, edit.old
    if old is None:
        return None if new.paused else _grown(edit, 0)
    alive = old.status.replicas
    resumed = old.spec.paused and not new.paused and old.updated < alive
    if new.paused:  # a paused Deployment scales, and leaves a new template for later
        return _grown(Edit(_with_template(edit.new, old.spec), old), alive)
    if not (edit.retold or resumed) or old.spec.replicas == 0:
        return _grown(edit, alive)
    then = (
        _rollout(new, old.updated, alive - old.updated)
        if edit.retold
        else _rollout(new, alive - old.updated, old.updated)
    )
    return Plan(pod_of(new.template), pod_of(old.spec.template), then, advice=_advice(new.strategy.rolling_update))


def _rollout(new: Spec, going: int, kept: int) -> Rollout:
    """Replace `going` old pods, and keep `kept` others.

    Pods that an unfinished update has not replaced yet are kept: they may already be what the new template makes, as in
    a rollback, and a rollback must not be refused or warned about.
    """
    if new.strategy.type == "Recreate":
        return course.recreation(new.replicas - kept, going)._replace(kept=kept)
    surge, unavailable = _fenceposts(new.strategy.rolling_update, new.replicas)
    return course.rolling(new.replicas - kept, going, surge, unavailable)._replace(kept=kept)


def _fenceposts(asked: RollingUpdate, replicas: int) -> tuple[int, int]:
    surge = _scaled("25%" if asked.max_surge is None else asked.max_surge, replicas, up=True)
    unavailable = _scaled("25%" if asked.max_unavailable is None else asked.max_unavailable, replicas, up=False)
    return surge, 1 if surge == unavailable == 0 else unavailable


def _scaled(value: IntOrPercent, of: int, *, up: bool) -> int:
    if isinstance(value, int):
        return value
    share = int(value.removesuffix("%")) * of
    return -(-share // 100) if up else share // 100


def _advice(asked: RollingUpdate) -> str:
    """Name the setting without surge; with it a `maxUnavailable` of 0 must be raised: both 0 is invalid."""
    return "maxSurge: 0, maxUnavailable: 1" if asked.max_unavailable in {0, "0%"} else "maxSurge: 0"


def _replica_set(edit: Edit) -> Plan | None:
    if edit.new.owned:  # the review of its Deployment was about these pods
        return None
    return _grown(edit, edit.old.status.replicas if edit.old else 0)


def _stateful_set(edit: Edit) -> Plan | None:
    new, old = edit.new.spec, edit.old
    if old is None or not edit.retold or new.update_strategy.type == "OnDelete":
        return _grown(edit, old.status.replicas if old else 0)
    below = new.update_strategy.rolling_update.partition
    kept = old.status.replicas - old.updated  # not replaced yet by an unfinished update; see _rollout
    then = course.in_place(new.replicas, old.status.replicas, below + kept)
    return Plan(pod_of(new.template), pod_of(old.spec.template), then)


def _daemon_set(edit: Edit) -> Plan | None:
    new, old = edit.new.spec, edit.old
    rooms = _nodes_for(edit)
    wanted = len(rooms)
    after = pod_of(new.template)
    if old is None:
        return Plan(after, after, course.growth(wanted, 0), "pods", rooms=rooms)
    asked = new.update_strategy.rolling_update
    if not edit.retold or new.update_strategy.type == "OnDelete":
        return None
    surge = _scaled(asked.max_surge or 0, wanted, up=True)
    unavailable = _scaled(1 if asked.max_unavailable is None else asked.max_unavailable, wanted, up=True)
    alive = min(old.status.current_number_scheduled, wanted)
    then = course.on_nodes(wanted, alive, surge, unavailable)
    advice = "maxSurge: 0, maxUnavailable: 1"
    return Plan(after, pod_of(old.spec.template), then, "pods", advice=advice, rooms=rooms)


def _nodes_for(edit: Edit) -> tuple[Allocatable, ...]:
    """Return what is allocatable on each node that nodeSelector and tolerations allow; affinity is not looked at."""
    placed = placement_of(edit.new.spec.template)
    keys = {each.key for each in placed.tolerations}
    return tuple(node.room for node in edit.nodes if _takes(node, placed.node_selector, keys))


def _takes(node: NodeInfo, selector: Mapping[str, str], keys: Iterable[str]) -> bool:
    labels = dict(node.labels)
    suits = all(labels.get(key) == value for key, value in selector.items())
    return suits and ("" in keys or all(t in keys or t.startswith(_SUFFERED) for t in node.repelling_taints))


def _job(edit: Edit) -> Plan | None:
    if edit.new.owned:  # the review of its CronJob was about these pods
        return None
    old = edit.old
    succeeded, active = (old.status.succeeded, old.status.active) if old else (0, 0)
    wanted = _at_one_time(edit.new.spec, succeeded)
    if old is not None and wanted <= _at_one_time(old.spec, succeeded):
        return None
    pod = pod_of(edit.new.spec.template)
    return Plan(pod, pod, course.growth(wanted, active), "pods")


def _cron_job(edit: Edit) -> Plan | None:
    """Plan one run of its Job, as a mild plan: the run comes later, when there may be more or less room."""
    new, old = edit.new.spec, edit.old
    job = new.job_template
    if job is None or new.suspend or (old is not None and not old.spec.suspend and old.spec.job_template == job):
        return None
    pod = pod_of(job.spec.template)
    return Plan(pod, pod, course.growth(_at_one_time(job.spec, 0), 0), "pods of a run", mild=True)


def _at_one_time(job: Spec, succeeded: int) -> int:
    """Return how many pods a Job runs at one time; without `completions` the first success ends it."""
    if job.suspend or (job.completions is None and succeeded):
        return 0
    return job.parallelism if job.completions is None else min(job.parallelism, job.completions - succeeded)


def _with_template(workload: Workload, spec: Spec) -> Workload:
    return Workload(workload.metadata, Spec(replicas=workload.spec.replicas, template=spec.template), workload.status)


KINDS: Mapping[str, Callable[[Edit], Plan | None]] = {
    "Deployment": _deployment,
    "ReplicaSet": _replica_set,
    "StatefulSet": _stateful_set,
    "DaemonSet": _daemon_set,
    "Job": _job,
    "CronJob": _cron_job,
}
