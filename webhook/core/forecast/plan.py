"""Plans: what an edit of a workload makes its controller do, as pods that come and pods that go.

Only what raises or replaces pods has a plan: a controller's own edits, annotations, a new schedule or a scale-down have
none. What exists is taken from the old object's status. Where that lags behind, or an update is under way, the plan is
unsettled, and nothing can be foreseen: see presence.py for the other half of that.
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
_MANUAL = "manual"


class Plan(NamedTuple):
    """Pods like `new` come and pods like `old` go, as `course` says.

    `exist` is how many pods there are, by what their controller said last; None: it could not have said. `pods` names
    them for people, `controller` what makes them. A `mild` plan is never refused: it asks for less than before, or for
    nothing yet, or a controller asks. `unsettled` says why nothing can be foreseen. `advice` says how to do without
    surge, where there is any. `rooms` are those of the nodes, where each is to have a pod of its own.
    """

    new: Pod
    old: Pod
    course: Rollout
    exist: int | None = None
    pods: str = "replicas"
    controller: str = "ReplicaSet"
    mild: bool = False
    unsettled: str = ""
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
    return made if edit.old is None else made._replace(unsettled=_unsettled(kind, edit.old) or made.unsettled)


def adopting(made: Plan, alive: int) -> Plan:
    """Return the plan for a new workload where so many of its pods are there already, and are adopted."""
    return made._replace(course=course.growth(made.course.wanted, alive))


def _unsettled(kind: str, old: Workload) -> str:
    """Say why what the old object's status says of its pods is not how things are."""
    if kind in {"Job", "CronJob"}:  # these do not say which edit they have looked at
        return ""
    if old.outdated:
        return "its controller has not looked at the last edit yet"
    if kind in {"Deployment", "ReplicaSet"} and old.coming:
        return "pods may be about to come"
    return ""


def _grown(edit: Edit, alive: int) -> Plan | None:
    """Plan more or fewer pods of the new template, without replacing any."""
    new, old = edit.new.spec, edit.old.spec if edit.old else None
    if old is not None and old.replicas == new.replicas and not edit.retold:
        return None
    pod = pod_of(new.template)
    fewer = old is not None and new.replicas < old.replicas and not edit.retold
    return Plan(
        pod, pod if old is None else pod_of(old.template), course.growth(new.replicas, alive), alive, mild=fewer
    )


def _deployment(edit: Edit) -> Plan | None:
    new, old = edit.new.spec, edit.old
    if old is None:
        return None if new.paused else _grown(edit, 0)
    alive = old.status.replicas
    under_way = 0 < old.updated < alive or (old.updated == 0 < alive and not old.spec.paused)
    if new.paused:  # it scales what is there, and leaves the rest for later
        made = _grown(Edit(_with_template(edit.new, old.spec), old), alive)
    elif not (edit.retold or (old.spec.paused and old.updated < alive)) or old.spec.replicas == 0:
        made = _grown(edit, alive)
    else:
        made = Plan(pod_of(new.template), pod_of(old.spec.template), _rollout(new, alive), alive)
        made = made._replace(advice=_advice(new.strategy.rolling_update))
    return made and made._replace(unsettled="an update of it is under way" if under_way else "")


def _rollout(new: Spec, alive: int) -> Rollout:
    if new.strategy.type == "Recreate":
        return course.recreation(new.replicas, alive)
    return course.rolling(new.replicas, alive, *fenceposts(new.strategy.rolling_update, new.replicas))


def fenceposts(asked: RollingUpdate, replicas: int) -> tuple[int, int]:
    """Return a Deployment's `maxSurge` and `maxUnavailable` as pods: `ResolveFenceposts`."""
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
        made = _grown(edit, old.status.replicas if old else 0)
    else:
        alive = old.status.replicas
        made = Plan(pod_of(new.template), pod_of(old.spec.template), _replacement(new, alive), alive)
    made = made and made._replace(controller="StatefulSet")
    if made is None or old is None:
        return made
    return made._replace(unsettled=_mixed(old, new.update_strategy.rolling_update.partition))


def _replacement(new: Spec, alive: int) -> Rollout:
    if new.update_strategy.type == "Recreate":  # from Kubernetes 1.37 on, behind a gate
        return course.recreation(new.replicas, alive)
    asked = new.update_strategy.rolling_update
    # Only an API server whose controllers go by it keeps this field: by default from Kubernetes 1.37 on.
    unavailable = 1 if asked.max_unavailable is None else _scaled(asked.max_unavailable, new.replicas, up=False)
    return course.in_place(new.replicas, alive, asked.partition, max(1, unavailable))


def _mixed(old: Workload, partition: int) -> str:
    """Say why it is not known of which template the pods are, or the missing ones will be."""
    if old.updated < old.status.replicas:
        return "not all of its pods are of one template"
    missing = old.status.replicas < old.spec.replicas
    return "some of the pods that miss come from the template before" if missing and partition else ""


def _daemon_set(edit: Edit) -> Plan | None:
    new, old = edit.new.spec, edit.old
    rooms = _nodes_for(edit)
    wanted = len(rooms)
    after = pod_of(new.template)
    if old is None:
        made = Plan(after, after, course.growth(wanted, 0), None, "pods", "DaemonSet", rooms=rooms)
        return made._replace(unsettled=_unplaced(after))
    if not edit.retold or new.update_strategy.type == "OnDelete":
        return None
    alive = old.status.current_number_scheduled
    then = course.on_nodes(wanted, min(alive, wanted), *daemon_fenceposts(new.update_strategy.rolling_update, wanted))
    made = Plan(after, pod_of(old.spec.template), then, alive, "pods", "DaemonSet", rooms=rooms)
    unsettled = _unplaced(after) or _spread(edit.new, old, wanted, then.surge)
    return made._replace(advice="maxSurge: 0, maxUnavailable: 1" if then.surge else "", unsettled=unsettled)


def daemon_fenceposts(asked: RollingUpdate, wanted: int) -> tuple[int, int]:
    """Return the same of a DaemonSet; both are rounded up, unlike a Deployment's: `updatedDesiredNodeCounts`."""
    surge = _scaled(asked.max_surge or 0, wanted, up=True)
    unavailable = _scaled(1 if asked.max_unavailable is None else asked.max_unavailable, wanted, up=True)
    return surge, unavailable if surge else max(1, unavailable)


def _unplaced(pod: Pod) -> str:
    affinity = pod.spec.affinity and pod.spec.affinity.node_affinity
    required = affinity and affinity.required_during_scheduling_ignored_during_execution
    return "which nodes it is for depends on its affinity" if required else ""


def _spread(new: Workload, old: Workload, wanted: int, surge: int) -> str:
    """Say why it is not known where the pods are, or which of them are made first."""
    if placement_of(new.spec.template) != placement_of(old.spec.template):
        return "it is for other nodes than before"
    status = old.status
    if status.desired_number_scheduled != wanted:
        return "its controller counts other nodes"
    if status.updated_number_scheduled < status.current_number_scheduled:
        return "an update of it is under way"
    bare = surge and status.current_number_scheduled < wanted
    return "nodes without a pod get theirs at the same time" if bare else ""


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
    new, old = edit.new, edit.old
    resumed = old is not None and old.spec.suspend and not new.spec.suspend
    by_hand = new.metadata.annotations.instantiate == _MANUAL  # `kubectl create job --from`
    if (new.owned and not (by_hand or resumed)) or new.elsewhere or (old is not None and old.finished):
        return None  # its CronJob had the early answer, or no pod is made here, or no further one
    succeeded, active = (old.status.succeeded, old.status.active) if old else (0, 0)
    wanted = at_one_time(new.spec, succeeded)
    if old is not None and wanted <= at_one_time(old.spec, succeeded):
        return None
    pod = pod_of(new.spec.template)
    mild = new.owned and not by_hand  # a controller may be who asks
    return Plan(pod, pod, course.growth(wanted, active), None if old is None else active, "pods", "Job", mild)


def _cron_job(edit: Edit) -> Plan | None:
    """Plan one run of its Job, as a mild plan: the run comes later, when there may be more or less room."""
    new, old = edit.new.spec, edit.old
    job = new.job_template
    if job is None or new.suspend or (old is not None and not old.spec.suspend and old.spec.job_template == job):
        return None
    pod = pod_of(job.spec.template)
    return Plan(pod, pod, course.growth(at_one_time(job.spec, 0), 0), None, "pods of a run", "Job", mild=True)


def at_one_time(job: Spec, succeeded: int) -> int:
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
