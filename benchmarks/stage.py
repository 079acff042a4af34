"""Stage: a real API server with rivals that take turns; it calls each of them about the pods of one namespace.

All rivals are registered from the start, and the namespace alone decides which one is called. So a change of turn needs
no new registration, which the API server would take a while to see.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import yaml

from benchmarks import load
from benchmarks.rest import comes_to_rest
from benchmarks.rivals import Command, Files, Nobody, Rival
from devcluster import gate, nodes
from devcluster.api import ApiError, Object
from devcluster.controlplane import ControlPlane
from devcluster.namespaces import NAMESPACES
from devcluster.processes import NotReadyError, until
from devcluster.replicas import ACCOUNT, NAMESPACE, issue_certificates

NODES = 3
NODE_MEMORY = "16Ti"
CROWD = "crowd"
QUOTA = "quota"
PODS_HOOK = "pods.headroom.internal"
SECONDS = 60.0
COMPONENTS = ("etcd", "kube-apiserver")
CONTROLLERS = ("kube-controller-manager", "kube-scheduler", "kwok")
# One of the API server's metrics; a call that failed has a status of 500 or more, or 0.
ANSWERED = r'^apiserver_admission_webhook_request_total\{code="2\d\d",name="NAME",.*\} [1-9]'
CONFIG = "headroom-config"
# Pods: two containers with probes; one container with only a size; the first again, which the scheduler places.
USUAL, SMALL, SCHEDULED = "create.json", "small.json", "scheduled.json"


@contextmanager
def taking_turn(rival: Rival) -> Iterator[None]:
    """Let the rival run during the block; afterwards no rival runs."""
    rival.resume()
    try:
        yield
    finally:
        rival.pause()


class Stage:
    """The control plane, its nodes, the rivals' namespaces and registrations, and the crowd of other pods."""

    def __init__(self, work: Path, *, controllers: bool = True, pod: str = USUAL) -> None:
        work.mkdir(parents=True)
        flags = ["--delete-collection-workers=8"]
        self.plane = ControlPlane(work / "control-plane", controllers=controllers, apiserver_flags=flags)
        self._work = work
        self._pod = load.DATA / pod
        self._playing: list[Rival] = []
        self._turn = 0
        self.crowd = 0
        self.unsettled = 0  # how often the control plane was not at rest when a turn began

    def __enter__(self) -> Self:
        try:
            self.plane.start()
            nodes.add(self.plane, NODES, nodes.Shape(memory=NODE_MEMORY, cpu="4k"))
            issue_certificates(self._certificates)
            gate.apply_all_but_the_gate(self.plane)
            self.plane.service_account_kubeconfig(NAMESPACE, ACCOUNT, self.files.kubeconfig)
        except BaseException:
            self.plane.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for rival in self._playing:
            rival.stop()  # with all its processes, some of which may be stopped by SIGSTOP
        self.plane.stop()

    @property
    def _certificates(self) -> Path:
        return self._work / "certificates"

    @cached_property
    def files(self) -> Files:
        """Return the files that rivals need."""
        made = self._certificates
        return Files(
            self._work, made / "tls.crt", made / "tls.key", made / "ca.crt", self._work / "headroom.kubeconfig"
        )

    def admit(self, rivals: Sequence[Rival]) -> None:
        """Register and start the rivals; wait until the API server has had an answer from each, and pause them all."""
        for rival in rivals:
            self._make_namespace(rival.name)
            if rival.url is not None:
                self.plane.api.apply(f"{gate.CONFIGURATIONS}/{rival.name}", _gate(rival, self.files.ca_file))
        for rival in rivals:
            if rival.url is not None:
                rival.start()
                self._playing.append(rival)
                with taking_turn(rival):
                    self._prove(rival)

    def second_home(self) -> Command:
        """Make another namespace with a configuration for a second Headroom; return its flags.

        It runs with an administrator's rights, because the manifests grant rights to one installation only.
        """
        home = "headroom-two"
        self.plane.api.create(NAMESPACES, {"metadata": {"name": home}})
        config = self.plane.api.get(f"{NAMESPACES}/{NAMESPACE}/configmaps/{CONFIG}")
        self.plane.api.create(f"{NAMESPACES}/{home}/configmaps", {"metadata": {"name": CONFIG}, "data": config["data"]})
        return "--namespace", home, "--kubeconfig", self.plane.kubeconfig

    def limit(self, name: str, pods: int = 1_000_000) -> Nobody:
        """Make a rival that is only a ResourceQuota with room for everything."""
        rival = Nobody(name)
        self._make_namespace(name)
        hard = {"requests.memory": NODE_MEMORY, "limits.memory": NODE_MEMORY, "pods": str(pods)}
        path = f"{NAMESPACES}/{name}/resourcequotas"
        self.plane.api.create(path, {"metadata": {"name": QUOTA}, "spec": {"hard": hard}})
        ready = lambda: bool(self.plane.api.get(f"{path}/{QUOTA}").get("status", {}).get("hard"))  # noqa: E731
        until(ready, "the quota's first count", SECONDS)
        return rival

    def create(self, namespace: str, **flags: object) -> load.Measured:
        """Create pods that no scheduler places; `flags` are for the load generator."""
        self._turn += 1
        given = {name.replace("_", "-"): value for name, value in flags.items()}
        usual = {
            "server": self.plane.url,
            "ca-file": self.plane.ca_file,
            "namespace": namespace,
            "body": self._pod,
            "prefix": f"t{self._turn}-",
        }
        return load.run("create", usual | given, token=self.plane.admin_token)

    def gather(self, pods: int) -> None:
        """Let the cluster have `pods` other pods, bound to nodes and running, besides the measured ones."""
        if not self.plane.api.exists(f"{NAMESPACES}/{CROWD}"):
            self._make_namespace(CROWD)
        body = self._work / "bound.json"
        unbound = self._pod.read_text()
        body.write_text(unbound.replace('"spec":{', '"spec":{"nodeName":"@NODE@",'))
        self.create(CROWD, body=body, count=pods - self.crowd, clients=8, nodes=NODES, seconds=load.LONGEST)
        self.crowd = pods
        until(lambda: self._running() >= pods, f"{pods} running pods", load.LONGEST)

    def clear(self, namespace: str) -> None:
        """Delete all pods of a namespace."""
        path = f"{NAMESPACES}/{namespace}/pods"
        self.plane.api.request("DELETE", path, query={"gracePeriodSeconds": 0}, timeout=load.LONGEST)
        until(lambda: not self.plane.api.items(path, limit=1), f"an empty {namespace}", SECONDS)

    @property
    def parts(self) -> dict[str, int]:
        """The processes of the control plane by name."""
        return {name: self.plane.pid(name) for name in (*COMPONENTS, *(CONTROLLERS if self.plane.controllers else ()))}

    @property
    def pids(self) -> list[int]:
        """The processes of the control plane."""
        return [*self.parts.values()]

    def settle(self) -> None:
        """Wait until earlier work has no more effects: watch events, deletions, quotas that are counted again."""
        self.unsettled += not comes_to_rest(self.pids)

    def _running(self) -> int:
        path = f"{NAMESPACES}/{CROWD}/pods"
        listed = self.plane.api.get(path, fieldSelector="status.phase!=Running", limit=1)
        waiting = len(listed["items"]) + listed["metadata"].get("remainingItemCount", 0)
        return 0 if waiting else self.crowd

    def _make_namespace(self, name: str) -> None:
        self.plane.api.create(NAMESPACES, {"metadata": {"name": name}})
        if not self.plane.controllers:
            return  # without controllers there is no ServiceAccount, and pods need none
        account = f"{NAMESPACES}/{name}/serviceaccounts/default"
        until(lambda: self.plane.api.exists(account), f"the default service account of {name}", SECONDS)

    def _prove(self, rival: Rival) -> None:
        answered = re.compile(ANSWERED.replace("NAME", re.escape(_hook_name(rival))), re.MULTILINE)
        pod = {"metadata": {"generateName": "proof-"}, "spec": {"containers": [{"name": "none", "image": "none"}]}}

        def asked() -> bool:
            try:
                self.plane.api.create(f"{NAMESPACES}/{rival.name}/pods", pod, dryRun="All")
            except ApiError as error:
                if "webhook" not in error.message:
                    raise
            return bool(answered.search(self.plane.api.text("/metrics")))

        try:
            until(asked, f"the API server's first question to {rival.name}", SECONDS)
        except NotReadyError as error:
            raise NotReadyError(f"{error}; see {self._work / rival.name}*.log") from error


def _gate(rival: Rival, ca_file: Path) -> Object:
    """Make the shipped webhook registration for pods, for one rival and its namespace."""
    shipped: Object = yaml.safe_load((gate.BASE / "webhook.yaml").read_text())
    led = gate.led_to(shipped, rival.url or "", ca_file)
    (hook,) = [each for each in led["webhooks"] if each["name"] == PODS_HOOK]
    only = {"key": "kubernetes.io/metadata.name", "operator": "In", "values": [rival.name]}
    hook |= {"name": _hook_name(rival), "namespaceSelector": {"matchExpressions": [only]}}
    return led | {"metadata": {"name": rival.name}, "webhooks": [hook]}


def _hook_name(rival: Rival) -> str:
    return f"{rival.name}.bench.headroom.internal"
