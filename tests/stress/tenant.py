"""Objects that a user with the stock role `edit` in one namespace can apply to attack the bound.

Each form asks for more than there is, for what no node can hold, or for an exemption to which it has no right. Two
nodes have 4096Mi each, and the bound is 6144Mi. A pod of `FITTING` fits twice, and leaves room for others.
"""

from collections.abc import Iterator
from typing import NamedTuple

from tests.stress.wire import Object

FITTING = "2200Mi"
NO_NODE = "5000Mi"
HUGE = "1Pi"
MANY = 50


class Form(NamedTuple):
    """One object to create, with its API and collection, and a patch (subresource, body) to send after it."""

    name: str
    api: str
    kind: str
    body: Object
    patch: tuple[str, Object] | None = None


def container(memory: str, **more: object) -> Object:
    """Make a container with `memory` as request and limit."""
    resources = {"requests": {"memory": memory}, "limits": {"memory": memory}}
    return {"name": "main", "image": "none", "resources": resources, **more}


def pod_spec(memory: str, **more: object) -> Object:
    """Make the spec of a pod of one container."""
    return {"containers": [container(memory)], **more}


def forms() -> Iterator[Form]:
    """Yield all forms."""
    yield from _pods()
    yield from _claims()
    yield from _workloads()
    yield from _growth()


def _pods() -> Iterator[Form]:
    small = container("1Mi")
    init = {**container(HUGE), "name": "init"}
    yield _pod("huge pod", pod_spec(HUGE))
    yield _pod("pod that no node can hold", pod_spec(NO_NODE))
    yield _pod("the same on a node that it names", pod_spec(NO_NODE, nodeName="node-1"))
    yield _pod("pod for a node that is not there", pod_spec(NO_NODE, nodeSelector={"there": "not"}))
    yield _pod("gated pod that no node can hold", pod_spec(NO_NODE, schedulingGates=[{"name": "later.example/gate"}]))
    yield _pod("huge init container", {"containers": [small], "initContainers": [init]})
    yield _pod("huge sidecar", {"containers": [small], "initContainers": [{**init, "restartPolicy": "Always"}]})
    yield _pod("huge pod-level resources", {"containers": [small], "resources": container(HUGE)["resources"]})
    yield _pod("no requests, huge limits", {"containers": [{**small, "resources": {"limits": {"memory": HUGE}}}]})
    yield _pod("nobody schedules it", pod_spec(NO_NODE, schedulerName="nobody"))
    yield _pod("generated name", pod_spec(NO_NODE), generateName="tenant-")


def _claims() -> Iterator[Form]:
    daemon_set = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "claimed", "uid": "claimed", "controller": True}
    yield _pod("claims to be of a DaemonSet", pod_spec(NO_NODE), ownerReferences=[daemon_set])
    mirror = {"kubernetes.io/config.mirror": "claimed"}
    yield _pod("claims to be a mirror pod", pod_spec(NO_NODE, nodeName="node-1"), annotations=mirror)
    yield _pod("claims a critical priority", pod_spec(NO_NODE, priorityClassName="system-node-critical"))


def _workloads() -> Iterator[Form]:
    for memory in (NO_NODE, FITTING):
        yield _workload("Deployment", f"Deployment of {MANY} x {memory}", memory, replicas=MANY)
        yield _workload("ReplicaSet", f"ReplicaSet of {MANY} x {memory}", memory, replicas=MANY)
        parallel = {"podManagementPolicy": "Parallel", "serviceName": "none"}
        yield _workload("StatefulSet", f"StatefulSet of {MANY} x {memory}", memory, replicas=MANY, **parallel)
    for memory in (HUGE, "3500Mi"):
        yield _workload("DaemonSet", f"DaemonSet of {memory}", memory)
    anywhere = [{"operator": "Exists"}]
    spec = _template(HUGE, tolerations=anywhere)
    yield _object("DaemonSet that tolerates everything", "/apis/apps/v1", "DaemonSet", {**_selecting(), **spec})
    job = {"parallelism": MANY, "completions": MANY, **_template(FITTING, restartPolicy="Never")}
    yield _object(f"Job of parallelism {MANY}", "/apis/batch/v1", "Job", job)
    controller = {"replicas": MANY, "selector": {"app": "tenant"}, **_template(FITTING)}
    yield _object("ReplicationController", "/api/v1", "ReplicationController", controller)


def _growth() -> Iterator[Form]:
    grown = {"spec": {"containers": [{"name": "main", "resources": container(HUGE)["resources"]}]}}
    yield _pod("resized to be huge", pod_spec("64Mi"))._replace(patch=("resize", grown))
    gate = pod_spec(FITTING, schedulingGates=[{"name": "later.example/gate"}])
    steered = {"spec": {"nodeSelector": {"there": "not"}}}
    yield _pod("gated, then steered", gate)._replace(patch=("", steered))
    debug = {"spec": {"ephemeralContainers": [{"name": "debug", "image": "none", "targetContainerName": "main"}]}}
    yield _pod("debugged", pod_spec("64Mi"))._replace(patch=("ephemeralcontainers", debug))


def _pod(name: str, spec: Object, **metadata: object) -> Form:
    return Form(name, "/api/v1", "Pod", {"metadata": {"name": "tenant", **metadata}, "spec": spec})


def _workload(kind: str, name: str, memory: str, **spec: object) -> Form:
    return _object(name, "/apis/apps/v1", kind, {**spec, **_selecting(), **_template(memory)})


def _object(name: str, api: str, kind: str, spec: Object) -> Form:
    return Form(name, api, kind, {"metadata": {"name": "tenant"}, "spec": spec})


def _selecting() -> Object:
    return {"selector": {"matchLabels": {"app": "tenant"}}}


def _template(memory: str, **spec: object) -> Object:
    return {"template": {"metadata": {"labels": {"app": "tenant"}}, "spec": pod_spec(memory, **spec)}}
