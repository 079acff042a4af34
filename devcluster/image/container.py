"""The image's own command in a container, as a pod's container runs it, but on this machine's loopback.

runc runs it as the image's user, without capabilities, on a root file system that cannot be written, with a service
account's files where a pod has them. Unlike in a pod, the network is the machine's, so that it reaches an API server on
loopback, and there is no seccomp profile.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self
from urllib.parse import urlsplit

from devcluster.components import LOOPBACK
from devcluster.image.buildah import Buildah, check
from devcluster.ports import free_port
from devcluster.processes import Program
from devcluster.replica import READY_SECONDS, ready

TLS: Final = "/etc/headroom/tls"
ACCOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
MEMORY_MIB: Final = 448  # as in manifests/base/deployment.yaml


class Server(NamedTuple):
    """The API server that the container watches, and the service account that it does so as."""

    url: str
    ca_file: Path
    token: str
    namespace: str = "headroom-system"


class Container:
    """One container of an image, for a `with` statement: started on entering, killed on leaving.

    `certificates` is a folder with tls.crt and tls.key. `arguments` replace the image's, as a Deployment's do; an
    address in them is replaced by a free one on loopback. `ready_seconds` is how long it took from start to ready.
    """

    def __init__(
        self, image: str, work: Path, server: Server, certificates: Path, arguments: Sequence[str] | None = None
    ) -> None:
        self.port, self.metrics_port = free_port(), free_port()
        self.log = work / "container.log"
        self._image, self._work, self._server = image, work, server
        self._certificates, self._arguments = certificates, arguments
        self._name = f"headroom-{os.getpid()}"
        self._runc: list[str | Path] = ["runc", "--root", work / "runc"]
        self._stack = ExitStack()
        self._began = self.ready_seconds = 0.0
        self._program: Program | None = None

    def __enter__(self) -> Self:
        check()
        try:
            self._make()
            self.start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    @property
    def url(self) -> str:
        """The URL at which it answers reviews."""
        return f"https://{LOOPBACK}:{self.port}"

    @property
    def metrics_url(self) -> str:
        """The URL below which it answers reports, over plain HTTP."""
        return f"http://{LOOPBACK}:{self.metrics_port}"

    @property
    def program(self) -> Program:
        """Its process on this machine: the parent of the container's first process."""
        if self._program is None:
            raise RuntimeError("the container does not run: call start() first")
        return self._program

    def start(self) -> None:
        """Start the container's process."""
        # In a process namespace of its own, so that the container ends with its parent, whatever ends that.
        isolated = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
        command = [*self._runc, "run", "--bundle", self._bundle, self._name]
        self._began = time.monotonic()
        self._program = Program(
            "the container", [shutil.which("env") or "env", *isolated, *command], self.log, env=_environment()
        )
        self._stack.callback(self.stop)

    def wait(self) -> None:
        """Return once it is ready; the message of a NotReadyError has the end of its log."""
        self.program.until(lambda: ready(self.url), "the container, which was to become ready,", READY_SECONDS)
        self.ready_seconds = time.monotonic() - self._began

    def stop(self) -> None:
        """End it as Kubernetes does, with SIGTERM first."""
        if self._program is not None:
            self._program.stop()
            self._program = None
            # If it had to be killed, runc had no time to remove its cgroups.
            command = [*self._runc, "delete", "--force", self._name]
            subprocess.run(command, env=_environment(), capture_output=True, check=False)

    def _make(self) -> None:
        """Write all that the container sees, and how runc has to run it."""
        self._bundle = self._work / "bundle"
        self._bundle.mkdir(parents=True)
        buildah = Buildah()
        root = self._stack.enter_context(buildah.mounted(self._image))
        of_image = buildah.inspect(self._image)["OCIv1"]["config"]
        user, _, group = of_image["User"].partition(":")
        owner = int(user), int(group)
        tls = self._folder(
            "tls", {f"tls.{end}": (self._certificates / f"tls.{end}").read_text() for end in ("crt", "key")}, owner
        )
        account = {
            "ca.crt": self._server.ca_file.read_text(),
            "token": self._server.token,
            "namespace": self._server.namespace,
        }
        arguments = [*of_image["Entrypoint"], *map(self._on_loopback, self._arguments or of_image["Cmd"])]
        bound = {TLS: tls, ACCOUNT: self._folder("account", account, owner)}
        spec = _spec(root, owner, arguments, [*of_image["Env"], *self._api()], bound)
        (self._bundle / "config.json").write_text(json.dumps(spec, indent=2))

    def _folder(self, name: str, files: Mapping[str, str], owner: tuple[int, int]) -> Path:
        """A folder of files that only the container's user may read, as a volume with fsGroup."""
        folder = self._work / name
        folder.mkdir()
        for file, text in files.items():
            (folder / file).write_text(text)
            (folder / file).chmod(0o400)
            os.chown(folder / file, *owner)
        os.chown(folder, *owner)
        return folder

    def _on_loopback(self, argument: str) -> str:
        flag, _, _ = argument.partition("=")
        ports = {"--listen": self.port, "--metrics-listen": self.metrics_port}
        return f"{flag}={LOOPBACK}:{ports[flag]}" if flag in ports else argument

    def _api(self) -> list[str]:
        """What the kubelet tells each container."""
        found = urlsplit(self._server.url)
        return [f"KUBERNETES_SERVICE_HOST={found.hostname}", f"KUBERNETES_SERVICE_PORT={found.port}"]


def _environment() -> dict[str, str]:
    """With the folder of an administrator's programs, which runc is in."""
    return os.environ | {"PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}


def _spec(
    root: Path, owner: tuple[int, int], arguments: Sequence[str], environment: Sequence[str], bound: Mapping[str, Path]
) -> dict[str, Any]:
    """Return the configuration of the container (OCI runtime specification)."""
    limits = ["nosuid", "noexec", "nodev"]
    return {
        "ociVersion": "1.0.2",
        "process": {
            "user": {"uid": owner[0], "gid": owner[1]},
            "args": list(arguments),
            "env": list(environment),
            "cwd": "/",
            "noNewPrivileges": True,
            "capabilities": {kind: [] for kind in ("bounding", "effective", "permitted")},
        },
        "root": {"path": str(root), "readonly": True},
        "hostname": "headroom",
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc", "options": limits},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755", "size=64k"]},
            {"destination": "/dev/shm", "type": "tmpfs", "source": "shm", "options": [*limits, "size=64m"]},
            {"destination": "/tmp", "type": "tmpfs", "source": "tmp", "options": [*limits, "size=16m"]},
            *(
                {
                    "destination": there,
                    "type": "bind",
                    "source": str(here),
                    "options": ["bind", "ro", "nosuid", "nodev"],
                }
                for there, here in bound.items()
            ),
        ],
        "linux": {
            "namespaces": [{"type": kind} for kind in ("pid", "ipc", "uts", "mount")],
            "resources": {"memory": {"limit": MEMORY_MIB << 20}},
            "maskedPaths": ["/proc/kcore", "/proc/keys", "/proc/timer_list"],
            "readonlyPaths": ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
        },
    }
