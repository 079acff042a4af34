"""Workloads as the API shows them: Deployments and all the other kinds whose controllers create pods.

One type serves every kind, because no field means two things in two kinds. Field names: k8s.io/api/apps/v1,
batch/v1 and, for `Scale`, autoscaling/v1.
"""

from msgspec import Raw, Struct, field, structs

from webhook.core.api.types import Condition, OwnerReference, sent_reader

IntOrPercent = int | str


class _Part(Struct, frozen=True, gc=False, rename="camel"):
    """Base of all parts."""


class Annotations(_Part, frozen=True):
    """The one that matters: `kubectl create job --from` marks with it what a person made of a CronJob."""

    instantiate: str = field(name="cronjob.kubernetes.io/instantiate", default="")


class Meta(_Part, frozen=True):
    """Metadata of a workload."""

    name: str = ""
    uid: str = ""
    generation: int = 0
    annotations: Annotations = Annotations()
    deletion_timestamp: str = ""
    labels: dict[str, str] = {}
    owner_references: tuple[OwnerReference, ...] = ()


class RollingUpdate(_Part, frozen=True):
    """The parameters of a rolling update; None: the kind's own default."""

    max_surge: IntOrPercent | None = None
    max_unavailable: IntOrPercent | None = None
    partition: int = 0


class Strategy(_Part, frozen=True):
    """`strategy` of a Deployment, `updateStrategy` of a StatefulSet or DaemonSet."""

    type: str = "RollingUpdate"
    rolling_update: RollingUpdate = RollingUpdate()


class Ordinals(_Part, frozen=True):
    """From which number on the pods of a StatefulSet are counted."""

    start: int = 0


class Requirement(_Part, frozen=True):
    """What a label must be."""

    key: str = ""
    operator: str = ""
    values: tuple[str, ...] = ()


class Selector(_Part, frozen=True):
    """Which objects a workload takes for its own, by their labels."""

    match_labels: dict[str, str] = {}
    match_expressions: tuple[Requirement, ...] = ()


class JobTemplate(_Part, frozen=True):
    """The template from which a CronJob creates its Jobs."""

    spec: "Spec"


class Spec(_Part, frozen=True):
    """What a workload asks for. The template is not decoded, so two templates can be compared byte by byte."""

    replicas: int = 1
    selector: Selector = Selector()
    template: Raw = Raw(b"{}")
    strategy: Strategy = Strategy()
    update_strategy: Strategy = Strategy()
    paused: bool = False
    parallelism: int = 1
    completions: int | None = None
    suspend: bool = False
    manual_selector: bool = False
    managed_by: str = ""
    ordinals: Ordinals = Ordinals()
    job_template: JobTemplate | None = None


class Status(_Part, frozen=True):
    """What the controller last reported of the workload's pods, without those that are being deleted."""

    observed_generation: int = 0
    conditions: tuple[Condition, ...] = ()
    replicas: int = 0
    updated_replicas: int = 0
    available_replicas: int = 0
    current_number_scheduled: int = 0
    desired_number_scheduled: int = 0
    updated_number_scheduled: int = 0
    active: int = 0
    succeeded: int = 0


class Workload(_Part, frozen=True):
    """A workload."""

    metadata: Meta = Meta()
    spec: Spec = Spec()
    status: Status = Status()

    @property
    def controller(self) -> OwnerReference | None:
        """The controller that made it, if one did."""
        return next((owner for owner in self.metadata.owner_references if owner.controller), None)

    @property
    def owned(self) -> bool:
        """Say whether a controller made it."""
        return self.controller is not None

    @property
    def updated(self) -> int:
        """How many of the pods were surely created from the current template."""
        return 0 if self.outdated else min(self.status.updated_replicas, self.status.replicas)

    @property
    def outdated(self) -> bool:
        """Say whether the controller has not observed the last edit yet."""
        return self.status.observed_generation < self.metadata.generation

    @property
    def finished(self) -> bool:
        """Say whether it is a Job that makes no pods any more."""
        return any(c.type in _ENDS and c.status == "True" for c in self.status.conditions)

    @property
    def elsewhere(self) -> bool:
        """Say whether it is a Job whose pods another controller makes, often in another cluster."""
        return self.spec.managed_by not in {"", "kubernetes.io/job-controller"}

    @property
    def coming(self) -> bool:
        """Say whether pods of a Deployment or ReplicaSet may be about to come: some are missing, none was refused."""
        failed = any(c.type == "ReplicaFailure" and c.status == "True" for c in self.status.conditions)
        return self.status.replicas < self.spec.replicas and not failed


_ENDS = ("Complete", "Failed", "SuccessCriteriaMet", "FailureTarget")


class _ScaleSpec(_Part, frozen=True):
    replicas: int = 0  # the API server leaves a zero out


class _Scale(_Part, frozen=True):
    spec: _ScaleSpec = _ScaleSpec()


class _Toleration(_Part, frozen=True):
    key: str = ""


class Placement(_Part, frozen=True):
    """What a template's `spec` says of nodes: the labels they must have, and the keys of tolerated taints."""

    tolerations: tuple[_Toleration, ...] = ()
    node_selector: dict[str, str] = {}


class _Template(_Part, frozen=True):
    spec: Placement = Placement()


read_workload = sent_reader(Workload)
_read_scale = sent_reader(_Scale)
_read_template = sent_reader(_Template)


def read_scale(scale: bytes) -> int:
    """Read the number of replicas that a `Scale` asks for; raises `ObjectError`."""
    return _read_scale(scale).spec.replicas


def scaled(live: Workload, replicas: int) -> Workload:
    """Return the workload with another number of replicas."""
    return structs.replace(live, spec=structs.replace(live.spec, replicas=replicas))


def placement_of(template: Raw) -> Placement:
    """Return what a template says of the nodes that its pods may run on; raises `ObjectError`."""
    return _read_template(bytes(template)).spec
