"""Manifests: what the objects of a file would commit, without a cluster.

    `contents`, file by file:   text ──► documents ──► objects (a List is taken apart) ──► pod, or template and replicas
    `holdings`, of all files:   objects that no other one of them makes ──► defaults ──► settings ──► breakdown

A Job counts the pods that it runs at one time, a CronJob counts one run of its Job, suspended or not. A DaemonSet runs
a pod on each node that it selects. Once it is in a cluster its status has their number; in a file it has none, and then
its replicas are None. A pod that has run to its end commits nothing. An object whose controller is in the same input is
counted with that controller.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Annotated, NamedTuple

from msgspec import Meta, Struct

from webhook.core.api.types import ObjectError, OwnerReference, Pod, PodSpec, convert
from webhook.core.manifests.documents import ManifestError, Value, documents
from webhook.core.manifests.guess import templates
from webhook.core.manifests.settings import Setting, Settings, limit_range, runtime_class
from webhook.core.pods.defaults import with_defaults
from webhook.core.pods.footprint import check_quantities, explain, fractional_memory
from webhook.core.pods.rules import NEWEST, RuleSet
from webhook.core.pods.terms import Breakdown, Commitment

_ENDED = ("Succeeded", "Failed")
_Count = Annotated[int, Meta(ge=0)]


class Holding(NamedTuple):
    """What one object commits: `replicas` times what one of its pods commits; None: once for each node."""

    kind: str
    namespace: str | None
    name: str
    replicas: int | None
    pod: Pod
    breakdown: Breakdown
    guessed_at: str = ""  # the path of the pod template in the object, if its kind is not known
    warnings: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()  # names of the settings in the input that filled something in

    @property
    def memory(self) -> Commitment:
        """What one pod commits of memory, in nanos (10^-9 bytes)."""
        return self.breakdown.memory

    @property
    def cpu(self) -> Commitment:
        """What one pod commits of cpu, in nanos (10^-9 CPUs)."""
        return self.breakdown.cpu


class Other(NamedTuple):
    """An object without known pods; `commits_nothing` says whether it certainly has none."""

    kind: str
    group: str = ""

    @property
    def commits_nothing(self) -> bool:
        """Say whether its kind belongs to Kubernetes itself, whose kinds with pods are all known here."""
        return not self.group or "." not in self.group or self.group.endswith(".k8s.io")


class Item(NamedTuple):
    """An object with pods, read without regard to the other objects of the input."""

    head: "_Head"
    pods: "_Pods"

    @property
    def owner(self) -> OwnerReference | None:
        """The controller that made the object, if it names one."""
        return next((each for each in self.head.metadata.owner_references if each.controller), None)


class Counted(NamedTuple):
    """What each object commits, and the objects that are counted with their controller instead."""

    holdings: list[Holding]
    with_controllers: list[Item]


class _Part(Struct, frozen=True, rename="camel"):
    """Base of the types that have the fields which are read of an object."""


class _Meta(_Part, frozen=True):
    name: str = ""
    generate_name: str = ""
    namespace: str | None = None
    uid: str = ""
    owner_references: tuple[OwnerReference, ...] = ()


class _Head(_Part, frozen=True):
    api_version: str
    kind: str
    metadata: _Meta = _Meta()


class _Template(_Part, frozen=True):
    spec: PodSpec = PodSpec()


class _Job(_Part, frozen=True):
    template: _Template = _Template()
    parallelism: _Count = 1
    completions: _Count | None = None


class _Replicated(_Part, frozen=True):
    template: _Template = _Template()
    replicas: _Count = 1


class _JobTemplate(_Part, frozen=True):
    spec: _Job = _Job()


class _Cron(_Part, frozen=True):
    job_template: _JobTemplate = _JobTemplate()


class _Status(_Part, frozen=True):
    desired_number_scheduled: _Count | None = None


class _Workload(_Part, frozen=True):
    spec: _Replicated = _Replicated()
    status: _Status = _Status()


class _Runtime(_Part, frozen=True):
    runtime_class_name: str = ""


class _RuntimePod(_Part, frozen=True):
    spec: _Runtime = _Runtime()


class _JobObject(_Part, frozen=True):
    spec: _Job = _Job()


class _CronObject(_Part, frozen=True):
    spec: _Cron = _Cron()


class _Pods(NamedTuple):
    """`replicas` pods like `pod`, which is at `path` of its object."""

    pod: Pod
    replicas: int | None
    path: str = ""
    runtime_class: str = ""
    guessed: bool = False


Content = Item | Setting | Other | ManifestError


def contents(data: bytes, *, guess: bool = False) -> Iterator[Content]:
    """Yield what a whole file contains; an error in one object does not keep the others from being read.

    With `guess`, objects of unknown kinds are searched for pod templates.
    """
    try:
        for number, document in enumerate(documents(data), 1):
            yield from _objects(document, number, "", guess=guess)
    except ManifestError as fault:
        yield fault


def holdings(items: Sequence[Item], settings: Iterable[Setting], rule_set: RuleSet = NEWEST[-1]) -> Counted:
    """Say what the objects of all files commit, each once, beside the settings that are there too."""
    beside = Settings(settings, rule_set)
    known = {item.head.metadata.uid for item in items if item.head.metadata.uid}
    counted: list[Item] = []
    owned: list[Item] = []
    for item in items:
        owner = item.owner
        (owned if owner is not None and owner.uid in known else counted).append(item)
    more = _repeated(counted)
    return Counted([_holding(item, beside, more.pop(id(item.head), None)) for item in counted], owned)


def _repeated(items: Sequence[Item]) -> dict[int, str]:
    """Return a note for each object that the input has several times, by the id of its first head.

    With `--guess` one object may have several pod templates; it is still one object.
    """
    alike: dict[tuple[str, str, str | None, str, str], list[int]] = {}
    for head in {id(item.head): item.head for item in items}.values():
        meta = head.metadata
        if meta.name:
            alike.setdefault((head.api_version, head.kind, meta.namespace, meta.name, meta.uid), []).append(id(head))
    return {heads[0]: _often(len(heads)) for heads in alike.values() if len(heads) > 1}


def _often(times: int) -> str:
    said = "twice" if times == 2 else f"{times} times"
    return f"occurs {said}, and is counted {said}"


def _objects(value: Value, number: int, path: str, *, guess: bool) -> Iterator[Content]:
    """Yield the contents of a document, or of an item of a list."""
    if value is None:
        return
    try:
        head = _head(value)
        items = value.get("items") if isinstance(value, dict) else None
        if head.kind.endswith("List") and isinstance(items, list):
            for index, item in enumerate(items):
                yield from _objects(item, number, f"{path}items[{index}].", guess=guess)
        else:
            yield from _one(head, value, guess=guess)
    except ObjectError as error:
        yield ManifestError(number, f"{path}{error}")


def _head(value: Value) -> _Head:
    if not isinstance(value, dict):
        raise ObjectError("object: is not an object; a manifest starts with apiVersion and kind")
    for key in ("apiVersion", "kind"):
        if value.get(key) in (None, ""):
            raise ObjectError(f"{key} is missing")
    return convert(value, _Head)


def _one(head: _Head, value: Value, *, guess: bool) -> Iterator[Item | Setting | Other]:
    group = head.api_version.partition("/")[0] if "/" in head.api_version else ""
    meta = head.metadata
    pods_of = _KINDS.get((group, head.kind))
    if pods_of is not None:
        yield _item(head, pods_of(value))
    elif (group, head.kind) == ("", "LimitRange"):
        yield limit_range(meta.namespace, meta.name, value)
    elif (group, head.kind) == ("node.k8s.io", "RuntimeClass"):
        yield runtime_class(meta.name, value)
    else:
        other = Other(head.kind, group)
        guesses = [] if other.commits_nothing or not guess else [*templates(value)]
        for each in guesses:
            pod = _Pods(convert(each.template, Pod), each.replicas, f"{each.path}.", _runtime(each.template), True)
            yield _item(head, pod)
        if not guesses:
            yield other


def _item(head: _Head, pods: _Pods) -> Item:
    """Return an object after checking that it has containers and that its quantities can be read."""
    if not pods.pod.spec.containers:
        raise ObjectError(f"{pods.path}spec.containers: is missing or empty; a pod has one container at least")
    try:
        check_quantities(pods.pod)
    except ObjectError as error:
        raise ObjectError(f"{pods.path}{error}") from error
    return Item(head, pods)


def _holding(item: Item, beside: Settings, repeated: str | None) -> Holding:
    meta, pods = item.head.metadata, item.pods
    pod = with_defaults(pods.pod, beside.rule_set)
    applied: list[str] = []
    if not _admitted(item):
        pod, applied = beside.apply(pod, meta.namespace, pods.runtime_class)
    return Holding(
        item.head.kind,
        meta.namespace,
        meta.name or meta.generate_name,
        pods.replicas,
        pod,
        explain(pod, beside.rule_set),
        pods.path.removesuffix(".") if pods.guessed else "",
        (*_warnings(item, beside), *([repeated] if repeated else [])),
        tuple(applied),
    )


def _admitted(item: Item) -> bool:
    """Say whether this is a pod from an API server, which already has all that admission adds."""
    return item.head.kind == "Pod" and bool(item.head.metadata.uid)


def _warnings(item: Item, beside: Settings) -> Iterator[str]:
    """Yield the reasons for which the sums may be wrong."""
    pods = item.pods
    for path, raw in fractional_memory(pods.pod):
        meant = f"{raw.removesuffix('m')}Mi" if isinstance(raw, str) and raw.endswith("m") else "a whole number"
        yield f'{pods.path}{path}: "{raw}" is not a whole number of bytes; did you mean {meant}?'
    if not _admitted(item) and beside.lacks(pods.runtime_class):
        yield (
            f"{pods.path}spec.runtimeClassName: RuntimeClass {pods.runtime_class} is not in the input, so its "
            "overhead, if it has one, is missing: these sums may be too low"
        )


def _runtime(pod: Value) -> str:
    return convert(pod, _RuntimePod).spec.runtime_class_name


def _in(value: Value, *path: str) -> Value:
    """Return the value at a path of an object; an empty object if there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value or {}


def _pod(value: Value) -> _Pods:
    pod = convert(value, Pod)
    return _Pods(pod, 0 if pod.status.phase in _ENDED else 1, runtime_class=_runtime(value))


def _replicated(value: Value) -> _Pods:
    spec = convert(value, _Workload).spec
    runtime = _runtime(_in(value, "spec", "template"))
    return _Pods(Pod(spec=spec.template.spec), spec.replicas, "spec.template.", runtime)


def _on_each_node(value: Value) -> _Pods:
    return _replicated(value)._replace(replicas=convert(value, _Workload).status.desired_number_scheduled)


def _job(value: Value) -> _Pods:
    job = convert(value, _JobObject).spec
    return _running(job, "spec.template.", _runtime(_in(value, "spec", "template")))


def _cron_job(value: Value) -> _Pods:
    job = convert(value, _CronObject).spec.job_template.spec
    runtime = _runtime(_in(value, "spec", "jobTemplate", "spec", "template"))
    return _running(job, "spec.jobTemplate.spec.template.", runtime)


def _running(job: _Job, path: str, runtime_class: str) -> _Pods:
    at_one_time = job.parallelism if job.completions is None else min(job.parallelism, job.completions)
    return _Pods(Pod(spec=job.template.spec), at_one_time, path, runtime_class)


_KINDS: dict[tuple[str, str], Callable[[Value], _Pods]] = {
    ("", "Pod"): _pod,
    ("", "ReplicationController"): _replicated,
    ("apps", "Deployment"): _replicated,
    ("apps", "ReplicaSet"): _replicated,
    ("apps", "StatefulSet"): _replicated,
    ("apps", "DaemonSet"): _on_each_node,
    ("batch", "Job"): _job,
    ("batch", "CronJob"): _cron_job,
}
