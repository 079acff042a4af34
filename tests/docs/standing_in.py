"""A cluster on which Headroom is installed as its pages say: its Deployment's pods are played by one process.

KWOK says that the pods run. As soon as the Deployment is there, `headroom serve` is started with the Deployment's own
arguments, the Secret's certificate and the service account's rights; what is asked of the Service reaches it.
"""

import base64
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import yaml

from devcluster import nodes
from devcluster.api import Object
from devcluster.binaries import binary
from devcluster.components import KWOK_STAGES, LOOPBACK
from devcluster.controlplane import ControlPlane
from devcluster.ports import free_port
from devcluster.processes import Program
from devcluster.replica import ready
from tests.docs.egress import Egress
from tests.e2e import patient

NAMESPACE = "headroom-system"
DEPLOYMENT = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/headroom"
SECRET = f"/api/v1/namespaces/{NAMESPACE}/secrets/headroom-tls"
READY_SECONDS = 180.0


class StandIn:
    """Three nodes of 8Gi and nothing on them; `after` is to be called after each command."""

    def __init__(self, work: Path) -> None:
        work.mkdir(parents=True)
        self._work = work
        self._egress = Egress(work)
        self.plane = ControlPlane(work / "plane", apiserver_flags=self._egress.flags)
        self._reviews, self._metrics, self._kubelet_port = free_port(), free_port(), free_port()
        self._kubelet: Program | None = None
        self._headroom: Program | None = None

    def __enter__(self) -> Self:
        self.plane.start()
        nodes.add(self.plane, 3)
        self._start_kubelet()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for program in (self._headroom, self._kubelet):
            if program is not None:
                program.kill()
        self.plane.stop()
        self._egress.stop()

    def after(self) -> None:
        """Let the process be there if and only if the Deployment has pods; let the kubelet have its log."""
        wanted = self.plane.api.exists(DEPLOYMENT) and self.plane.api.get(DEPLOYMENT)["spec"]["replicas"] > 0
        if wanted and self._headroom is None:
            self._headroom = self._serve()
            self._egress.routes |= {443: self._reviews, 8443: self._reviews, 8080: self._metrics}
        elif not wanted and self._headroom is not None:
            self._headroom.stop()
            self._headroom, self._egress.routes = None, self._to_kubelet()
        self._hand_over_log()

    def _serve(self) -> Program:
        folder = self._work / "pod"
        folder.mkdir(exist_ok=True)
        for name, text in self.plane.api.get(SECRET)["data"].items():
            (folder / name).write_bytes(base64.b64decode(text))
        rights = self.plane.service_account_kubeconfig(NAMESPACE, "headroom", self._work / "headroom.kubeconfig")
        (container,) = self.plane.api.get(DEPLOYMENT)["spec"]["template"]["spec"]["containers"]
        command = [*self._here(container, folder), f"--kubeconfig={rights}"]
        program = Program("headroom", [sys.executable, Path(patient.__file__), *command], self._log)
        program.until(lambda: ready(f"https://{LOOPBACK}:{self._reviews}"), "Headroom's start", READY_SECONDS)
        return program

    def _here(self, container: Object, folder: Path) -> list[str]:
        """The container's arguments, with the addresses and folders of this machine."""
        here = {
            "0.0.0.0:8443": f"{LOOPBACK}:{self._reviews}",
            "0.0.0.0:8080": f"{LOOPBACK}:{self._metrics}",
            "/etc/headroom/tls": str(folder),
        }
        arguments = container["args"]
        for there, value in here.items():
            arguments = [each.replace(there, value) for each in arguments]
        return list(arguments)

    @property
    def _log(self) -> Path:
        return self._work / "headroom.log"

    def _start_kubelet(self) -> None:
        """What answers for the kubelets: the pods' logs, and ports of theirs."""
        (self._work / "pod.log").touch()
        rules = self._work / "kubelet.yaml"
        rules.write_text(yaml.safe_dump_all([self._logs(), self._ports()]))
        self._kubelet = Program(
            "kubelet",
            [
                binary("kwok"),
                f"--kubeconfig={self.plane.kubeconfig}",
                f"--config={KWOK_STAGES}",
                f"--config={rules}",
                "--manage-single-node=none",
                f"--server-address={LOOPBACK}:{self._kubelet_port}",
                f"--tls-cert-file={self.plane.keys.cert_file}",
                f"--tls-private-key-file={self.plane.keys.key_file}",
            ],
            self._work / "kubelet.log",
        )
        self._egress.routes = self._to_kubelet()
        status = {"status": {"daemonEndpoints": {"kubeletEndpoint": {"Port": self._kubelet_port}}}}
        for node in self.plane.api.items(nodes.NODES):
            self.plane.api.patch(f"{nodes.NODES}/{node['metadata']['name']}/status", status)

    def _to_kubelet(self) -> dict[int | str, int]:
        return {self._kubelet_port: self._kubelet_port}

    def _logs(self) -> Object:
        return _rule("ClusterLogs", {"logs": [{"logsFile": str(self._work / "pod.log")}]})

    def _ports(self) -> Object:
        target = {"address": LOOPBACK, "port": self._metrics}
        return _rule("ClusterPortForward", {"forwards": [{"ports": [8080], "target": target}]})

    def _hand_over_log(self) -> None:
        """As a container runtime writes it: time, stream, whether the line is whole."""
        if self._log.exists():
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000000000Z")
            lines = self._log.read_text().splitlines()
            (self._work / "pod.log").write_text("".join(f"{now} stdout F {line}\n" for line in lines))


def _rule(kind: str, spec: Object) -> Object:
    return {"apiVersion": "kwok.x-k8s.io/v1alpha1", "kind": kind, "metadata": {"name": "all"}, "spec": spec}
