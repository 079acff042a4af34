"""Nodes whose pods are processes of this machine, for tests of the manifests as they ship.

A kubelet is simulated: it starts each pod's command with the Secret's files and the service account's rights, probes
its readiness, and ends it as a kubelet does (SIGTERM, the grace period). There is no image and no container.
The API server reaches a pod's address through `tests/docs/egress.py`, in place of a pod network and kube-proxy.
"""

import base64
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from devcluster import nodes
from devcluster.api import ApiError, Object
from devcluster.components import LOOPBACK
from devcluster.controlplane import ControlPlane
from devcluster.ports import free_port
from devcluster.processes import Program, until
from devcluster.replica import ready
from devcluster.replicas import headroom_serve
from tests.docs.egress import Egress

LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
LOOK_SECONDS, RENEW_SECONDS = 0.1, 10.0
_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"


class Kubelet:
    """Runs the pods of the nodes `process-1` and `process-2`. Its `hurry` divides the --shutdown-delay."""

    def __init__(self, plane: ControlPlane, egress: Egress, work: Path, *, hurry: float = 1.0) -> None:
        self.plane, self.egress, self.work, self.hurry = plane, egress, work, hurry
        self.names = ("process-1", "process-2")
        self.failures: list[BaseException] = []
        self._pods: dict[str, Object] = {}  # as last listed, by uid
        self._lives: dict[str, threading.Thread] = {}
        self._numbers = count(1)
        self._over = threading.Event()

    @contextmanager
    def running(self) -> Iterator["Kubelet"]:
        """Run until the block ends; whatever goes wrong in a thread is raised there."""
        self.work.mkdir(parents=True)
        for name in self.names:
            labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
            nodes.add_one(self.plane, name, nodes.Shape(labels=labels))
            self.plane.api.patch(f"{nodes.NODES}/{name}", {"metadata": {"annotations": {"kwok.x-k8s.io/node": None}}})
        loops = [threading.Thread(target=self._loop, args=each, daemon=True) for each in self._duties()]
        for loop in loops:
            loop.start()
        try:
            yield self
        finally:
            self._over.set()
            for thread in (*loops, *self._lives.values()):
                thread.join(60)
        if self.failures:
            raise self.failures[0]

    def said(self) -> str:
        """Return the last lines of each pod's log, for a test that has failed."""
        logs = sorted(self.work.glob("*/log"))
        return "\n".join("\n  ".join([log.parent.name, *log.read_text().splitlines()[-8:]]) for log in logs)

    def ready_port(self) -> int:
        """Return a port of loopback at which a ready Headroom answers, as the Service's address would."""
        return next(port for target, port in self.egress.routes.items() if str(target).endswith(":8443"))

    def _duties(self) -> tuple[tuple[object, float], ...]:
        return (self._look, LOOK_SECONDS), (self._renew, RENEW_SECONDS)

    def _loop(self, duty: object, seconds: float) -> None:
        assert callable(duty)
        while not self._over.is_set():
            try:
                duty()
            except Exception as error:  # noqa: BLE001 - it is raised where the block ends
                self.failures.append(error)
                return
            self._over.wait(seconds)

    def _renew(self) -> None:
        """Renew the nodes' leases, or else they would be taken for dead."""
        for name in self.names:
            spec = {"holderIdentity": name, "renewTime": datetime.now(UTC).strftime(_FORMAT)}
            kind = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"name": name}}
            self.plane.api.apply(f"{LEASES}/{name}", {**kind, "spec": spec})

    def _look(self) -> None:
        listed = [
            pod
            for name in self.names
            for pod in self.plane.api.items("/api/v1/pods", fieldSelector=f"spec.nodeName={name}")
        ]
        self._pods = {pod["metadata"]["uid"]: pod for pod in listed}
        for uid, pod in self._pods.items():
            if uid not in self._lives:
                self._lives[uid] = threading.Thread(target=self._live, args=(pod,), daemon=True)
                self._lives[uid].start()

    def _live(self, pod: Object) -> None:
        try:
            _Pod(self, pod, next(self._numbers)).live()
        except Exception as error:  # noqa: BLE001 - it is raised where the block ends
            self.failures.append(error)

    def wanted(self, uid: str) -> bool:
        """Whether the pod is there and is not being deleted."""
        return not self._over.is_set() and "deletionTimestamp" not in self._pods.get(uid, GONE)["metadata"]


GONE: Object = {"metadata": {"deletionTimestamp": ""}}


class _Pod:
    """One pod, from its start to its end; its thread alone calls it."""

    def __init__(self, kubelet: Kubelet, pod: Object, number: int) -> None:
        self._kubelet, self._pod = kubelet, pod
        meta = pod["metadata"]
        self._uid, self._namespace = meta["uid"], meta["namespace"]
        self._path = f"/api/v1/namespaces/{self._namespace}/pods/{meta['name']}"
        self._folder = kubelet.work / meta["name"]
        self._address = f"10.245.0.{number}"
        (self._container,) = pod["spec"]["containers"]

    def live(self) -> None:
        """Start it, report what it is, and end it when it is deleted."""
        self._folder.mkdir()
        if not self._mounted():
            return self._gone()
        serves = "command" not in self._container
        reviews, metrics = free_port(), free_port()
        program = Program("pod", self._serve(reviews, metrics) if serves else self._once(), self._folder / "log")
        try:
            if serves:
                self._while_serving(program, reviews, metrics)
            else:
                self._until_done(program)
        finally:
            program.stop(20.0)
            for port in (8443, 8080):
                self._kubelet.egress.routes.pop(f"{self._address}:{port}", None)
        return self._gone()

    def _while_serving(self, program: Program, reviews: int, metrics: int) -> None:
        routes, shown = self._kubelet.egress.routes, False
        self._report("Running", ready=False)
        while self._kubelet.wanted(self._uid):
            program.check()
            if not shown and ready(f"https://{LOOPBACK}:{reviews}"):
                routes |= {f"{self._address}:8443": reviews, f"{self._address}:8080": metrics}
                self._report("Running", ready=True)
                shown = True
            time.sleep(LOOK_SECONDS)

    def _until_done(self, program: Program) -> None:
        self._report("Running", ready=True)
        until(lambda: not program.identity.alive(), "the end of a pod's command", 60)
        said = (self._folder / "log").read_text()
        self._report("Succeeded" if said.startswith("200 ") else "Failed", ready=False)
        while self._kubelet.wanted(self._uid):
            time.sleep(LOOK_SECONDS)

    def _gone(self) -> None:
        with suppress(ApiError):  # whoever forced it has deleted it already
            self._kubelet.plane.api.delete_now(self._path)

    def _mounted(self) -> bool:
        """Write the files of its Secrets, once they are there; False if the pod is deleted before."""
        volumes = [each["secret"] for each in self._pod["spec"].get("volumes", []) if "secret" in each]
        for volume in volumes:
            path = f"/api/v1/namespaces/{self._namespace}/secrets/{volume['secretName']}"
            while not self._kubelet.plane.api.exists(path):
                if not self._kubelet.wanted(self._uid):
                    return False
                time.sleep(LOOK_SECONDS)
            for name, text in self._kubelet.plane.api.get(path)["data"].items():
                (self._folder / name).write_bytes(base64.b64decode(text))
        return True

    def _serve(self, reviews: int, metrics: int) -> list[str | Path]:
        """The container's arguments, with the addresses and folders of this machine."""
        account = self._pod["spec"]["serviceAccountName"]
        rights = self._kubelet.plane.service_account_kubeconfig(self._namespace, account, self._folder / "kubeconfig")
        here = {
            "0.0.0.0:8443": f"{LOOPBACK}:{reviews}",
            "0.0.0.0:8080": f"{LOOPBACK}:{metrics}",
            "/etc/headroom/tls": str(self._folder),
            "--shutdown-delay=10": f"--shutdown-delay={10 / self._kubelet.hurry}",
        }
        program, _ = headroom_serve()
        return [program, *(_replaced(each, here) for each in self._container["args"]), f"--kubeconfig={rights}"]

    def _once(self) -> list[str | Path]:
        """The container's command, by the Python that runs here, with the Service's name as an address."""
        service = {f"headroom.{self._namespace}.svc:443": f"{LOOPBACK}:{self._kubelet.ready_port()}"}
        _, *rest = self._container["command"]
        return [sys.executable, *rest, *(_replaced(each, service) for each in self._container["args"])]

    def _report(self, phase: str, *, ready: bool) -> None:
        now = datetime.now(UTC).strftime(_FORMAT)
        done = phase in {"Succeeded", "Failed"}
        state = (
            {"terminated": {"exitCode": int(phase == "Failed"), "finishedAt": now, "startedAt": now}}
            if done
            else {"running": {"startedAt": now}}
        )
        conditions = dict.fromkeys(("PodReadyToStartContainers", "Initialized"), True)
        conditions |= {"ContainersReady": ready, "Ready": ready}
        status = {
            "phase": phase,
            "hostIP": LOOPBACK,
            "podIP": self._address,
            "podIPs": [{"ip": self._address}],
            "conditions": [
                {"type": name, "status": str(value), "lastTransitionTime": now} for name, value in conditions.items()
            ],
            "containerStatuses": [
                {
                    "name": self._container["name"],
                    "image": self._container["image"],
                    "imageID": "",
                    "restartCount": 0,
                    "ready": ready,
                    "started": True,
                    "state": state,
                }
            ],
        }
        with suppress(ApiError):  # it may have been deleted meanwhile
            self._kubelet.plane.api.patch(f"{self._path}/status", {"status": status})


def _replaced(text: str, here: dict[str, str]) -> str:
    for there, value in here.items():
        text = text.replace(there, value)
    return text
