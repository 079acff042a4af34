"""Manifests: what the objects of a file would commit, without a cluster.

    text ──► documents ──► objects (a List is taken apart) ──► pod, or template and replicas ──► defaults ──► breakdown

A Job counts the pods that it runs at one time, a CronJob one run of its Job, suspended or not. A DaemonSet runs a pod
on each node that it selects, which no file tells: its replicas are None. A pod that has run to its end commits nothing.
"""

from collections.abc import Callable, Iterator
from typing import Annotated, NamedTuple

from msgspec import Meta, Struct

from webhook.core.manifests.text import ManifestError, Value, documents
from webhook.core.pods.breakdown import Breakdown, Commitment
from webhook.core.pods.defaults import with_defaults
from webhook.core.pods.footprint import explain
from webhook.core.pods.objects import ObjectError, Pod, PodSpec, convert

_ENDED = ("Succeeded", "Failed")
_Count = Annotated[int, Meta(ge=0)]


class Holding(NamedTuple):
    """What one object commits: so many times (None: once for each node) what one of its pods does."""

    kind: str
    namespace: str | None
    name: str
    replicas: int | None
    pod: Pod
    breakdown: Breakdown

    @property
    def memory(self) -> Commitment:
        """What one pod commits of memory, in nanos."""
        return self.breakdown.memory

    @property
    def cpu(self) -> Commitment:
        """What one pod commits of cpu, in nanos."""
        return self.breakdown.cpu


class Other(NamedTuple):
    """An object that commits nothing."""

    kind: str


class _Part(Struct, frozen=True, rename="camel"):
    """Base of what is read of an object."""


class _Meta(_Part, frozen=True):
    name: str = ""
    generate_name: str = ""
    namespace: str | None = None


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


class _Workload(_Part, frozen=True):
    spec: _Replicated = _Replicated()


class _JobObject(_Part, frozen=True):
    spec: _Job = _Job()


class _CronObject(_Part, frozen=True):
    spec: _Cron = _Cron()


class _Pods(NamedTuple):
    """So many pods like this one, which stands at `path` of its object."""

    pod: Pod
    replicas: int | None
    path: str = ""


def contents(data: bytes) -> Iterator[Holding | Other | ManifestError]:
    """Read a whole file; whatever is wrong with one object does not keep the others from being read."""
    try:
        for number, document in enumerate(documents(data), 1):
            yield from _objects(document, number, "")
    except ManifestError as fault:
        yield fault


def _objects(value: Value, number: int, path: str) -> Iterator[Holding | Other | ManifestError]:
    """Read a document, or an item of a list."""
    if value is None:
        return
    try:
        head = _head(value)
        items = value.get("items") if isinstance(value, dict) else None
        if head.kind.endswith("List") and isinstance(items, list):
            for index, item in enumerate(items):
                yield from _objects(item, number, f"{path}items[{index}].")
        else:
            yield _one(head, value)
    except ObjectError as error:
        yield ManifestError(number, f"{path}{error}")


def _head(value: Value) -> _Head:
    if not isinstance(value, dict):
        raise ObjectError("object: is no object; a manifest starts with apiVersion and kind")
    return convert(value, _Head)


def _one(head: _Head, value: Value) -> Holding | Other:
    group = head.api_version.partition("/")[0] if "/" in head.api_version else ""
    pods_of = _KINDS.get((group, head.kind))
    return Other(head.kind) if pods_of is None else _holding(head, pods_of(value))


def _holding(head: _Head, pods: _Pods) -> Holding:
    meta, spec = head.metadata, pods.pod.spec
    if not spec.containers:
        raise ObjectError(f"{pods.path}spec.containers: is missing or empty; a pod has one container at least")
    try:
        explain(pods.pod)
    except ObjectError as error:
        raise ObjectError(f"{pods.path}{error}") from error
    pod = with_defaults(pods.pod)
    return Holding(head.kind, meta.namespace, meta.name or meta.generate_name, pods.replicas, pod, explain(pod))


def _pod(value: Value) -> _Pods:
    pod = convert(value, Pod)
    return _Pods(pod, 0 if pod.status.phase in _ENDED else 1)


def _replicated(value: Value) -> _Pods:
    spec = convert(value, _Workload).spec
    return _Pods(Pod(spec=spec.template.spec), spec.replicas, "spec.template.")


def _on_each_node(value: Value) -> _Pods:
    return _replicated(value)._replace(replicas=None)


def _job(value: Value) -> _Pods:
    return _running(convert(value, _JobObject).spec, "spec.template.")


def _cron_job(value: Value) -> _Pods:
    return _running(convert(value, _CronObject).spec.job_template.spec, "spec.jobTemplate.spec.template.")


def _running(job: _Job, path: str) -> _Pods:
    at_one_time = job.parallelism if job.completions is None else min(job.parallelism, job.completions)
    return _Pods(Pod(spec=job.template.spec), at_one_time, path)


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
