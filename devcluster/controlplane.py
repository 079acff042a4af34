"""A control plane of our own on loopback: etcd and an API server, with or without the controllers."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import urllib3

from devcluster import components, keys, kubeconfig
from devcluster.api import ApiError
from devcluster.binaries import binary
from devcluster.cluster import Cluster
from devcluster.journal import Journal
from devcluster.processes import Program

START_SECONDS = 180.0
DEFAULT_ACCOUNT = "/api/v1/namespaces/default/serviceaccounts/default"


class ControlPlane(Cluster):
    """Keeps everything below the folder `work`: keys, data, one log per program, the administrator's kubeconfig.

    `controllers` adds controller-manager, scheduler and KWOK. With a `journal` it outlives this process, and
    whoever has the journal can end it. `apiserver_flags` are added to the API server's own and win over them.
    """

    def __init__(
        self,
        work: Path,
        *,
        controllers: bool = True,
        journal: Journal | None = None,
        apiserver_flags: Sequence[str] = (),
    ) -> None:
        work.mkdir(parents=True, exist_ok=True)
        super().__init__(work / "kubeconfig", controllers=controllers)
        self.work = work
        self._journal, self._apiserver_flags = journal, apiserver_flags
        self._ports = components.Ports.choose()
        self._programs: dict[str, Program] = {}
        self._keys: keys.Keys | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def keys(self) -> keys.Keys:
        """The files that the API server was started with."""
        if self._keys is None:
            raise RuntimeError("this control plane was never started: call start() first")
        return self._keys

    @property
    def url(self) -> str:
        """The API server's address."""
        return f"https://{components.LOOPBACK}:{self._ports.apiserver}"

    @property
    def admin_token(self) -> str:
        """A bearer token of the group system:masters: exempt from RBAC, and from priority and fairness."""
        return self.keys.admin_token

    @property
    def ca_file(self) -> Path:
        """The certificate that the API server's is signed with."""
        return self.keys.ca_file

    @property
    def kubectl_path(self) -> Path:
        """The kubectl of the API server's own version."""
        return binary("kubectl")

    def pid(self, name: str) -> int:
        """The process id of etcd, kube-apiserver, kube-controller-manager, kube-scheduler or kwok."""
        return self._programs[name].pid

    def start(self) -> None:
        """Start everything and wait until pods can be created; what did start is stopped again if something fails."""
        try:
            self.start_etcd()
            self._keys = keys.make(self.work)
            address = kubeconfig.address(self.url, self.ca_file)
            kubeconfig.write(self.kubeconfig, address, user="admin", token=self.admin_token)
            self.start_apiserver()
            if self.controllers:
                self._start_controllers()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End everything, the last started first; without goodbyes, which take a second and keep nothing of use."""
        for name in reversed(list(self._programs)):
            self._programs.pop(name).kill()

    def start_apiserver(self) -> None:
        """Start the API server (again), at the same address and over the same data, and wait until it is ready."""
        flags = components.apiserver(self._ports, self.keys, controllers=self.controllers, extra=self._apiserver_flags)
        self._start("kube-apiserver", flags).until(self._ready, "the API server's start", START_SECONDS)

    def stop_apiserver(self) -> None:
        """Break every connection and watch, as a crash does; everything else runs on."""
        self._programs.pop("kube-apiserver").kill()

    @property
    def etcd_data(self) -> Path:
        """The folder of etcd's data."""
        return self.work / "etcd"

    def start_etcd(self) -> None:
        """Start etcd (again), over whatever its folder holds."""
        self._start("etcd", components.etcd(self._ports, self.etcd_data))

    def stop_etcd(self) -> None:
        """End etcd as a crash does."""
        self._programs.pop("etcd").kill()

    def pause_apiserver(self) -> None:
        """Leave every connection open and answer nothing, as a hung server or a lost network does."""
        self._programs["kube-apiserver"].pause()

    def resume_apiserver(self) -> None:
        """End the pause."""
        self._programs["kube-apiserver"].resume()

    def _start_controllers(self) -> None:
        manager = self._start("kube-controller-manager", components.controller_manager(self.kubeconfig, self.keys))
        self._start("kube-scheduler", components.scheduler(self.kubeconfig))
        self._start("kwok", components.kwok(self.kubeconfig))
        manager.until(lambda: self.api.exists(DEFAULT_ACCOUNT), "the controllers' start", START_SECONDS)

    def _start(self, name: str, command: components.Command) -> Program:
        program = Program(name, command, self.work / f"{name}.log", journal=self._journal)
        self._programs[name] = program
        return program

    def _ready(self) -> bool:
        try:
            self.api.text("/readyz", timeout=1.0)
        except (ApiError, urllib3.exceptions.HTTPError):
            return False
        return True
