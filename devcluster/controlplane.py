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
from devcluster.keys import Keys
from devcluster.processes import Program

START_SECONDS = 180.0
DEFAULT_ACCOUNT = "/api/v1/namespaces/default/serviceaccounts/default"


class ControlPlane(Cluster):
    """A control plane that this process starts and stops.

    All its files are below the folder `work`: keys, data, one log per program, the administrator's kubeconfig.
    `controllers` adds controller-manager, scheduler and KWOK. With a `journal`, the control plane outlives this
    process, and any process that has the journal can end it. `apiserver_flags` come after the API server's usual flags
    and override them.
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
        """A bearer token of the group system:masters, which is exempt from RBAC and from priority and fairness."""
        return self.keys.admin_token

    @property
    def ca_file(self) -> Path:
        """The certificate of the authority that signed the API server's certificate."""
        return self.keys.ca_file

    @property
    def kubectl_path(self) -> Path:
        """The kubectl of the API server's own version."""
        return binary("kubectl")

    def pid(self, name: str) -> int:
        """The process id of etcd, kube-apiserver, kube-controller-manager, kube-scheduler or kwok."""
        return self._programs[name].pid

    def start(self) -> None:
        """Start everything and wait until pods can be created; if anything fails, stop what has started."""
        try:
            self.start_etcd()
            self._keys = self._make_keys()
            address = kubeconfig.address(self.url, self.ca_file)
            kubeconfig.write(self.kubeconfig, address, user="admin", token=self.admin_token)
            self.start_apiserver()
            if self.controllers:
                self._start_controllers()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Kill everything, the last started first: an orderly end would take a second, and nothing needs it."""
        for name in reversed(list(self._programs)):
            self._programs.pop(name).kill()

    def start_apiserver(self) -> None:
        """Start or restart the API server, with the same address and data, and wait until it is ready."""
        flags = components.apiserver(self._ports, self.keys, controllers=self.controllers, extra=self._apiserver_flags)
        self._start("kube-apiserver", flags).until(self._ready, "the API server's start", START_SECONDS)

    def stop_apiserver(self) -> None:
        """Kill the API server, which breaks every connection and watch, as a crash does; all else goes on running."""
        self._programs.pop("kube-apiserver").kill()

    @property
    def etcd_data(self) -> Path:
        """The folder of etcd's data."""
        return self.work / "etcd"

    def start_etcd(self) -> None:
        """Start or restart etcd, with the data in its folder."""
        self._start("etcd", components.etcd(self._ports, self.etcd_data))

    def stop_etcd(self) -> None:
        """Kill etcd, as a crash does."""
        self._programs.pop("etcd").kill()

    def pause_apiserver(self) -> None:
        """Freeze the API server: every connection stays open and nothing is answered, as when a server hangs."""
        self._programs["kube-apiserver"].pause()

    def resume_apiserver(self) -> None:
        """Let the API server go on."""
        self._programs["kube-apiserver"].resume()

    def _make_keys(self) -> Keys:
        return keys.make(self.work)

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
