"""A Kubernetes cluster as tests use it: its address, an administrator's kubeconfig, and calls that need both."""

import os
import shutil
import subprocess
from functools import cached_property
from pathlib import Path

from devcluster import kubeconfig
from devcluster.api import Api
from devcluster.binaries import binary

EXISTING = "HEADROOM_KUBECONFIG"
TOKEN_SECONDS = 365 * 24 * 3600


class Cluster:
    """Any cluster, reached by a kubeconfig with an administrator's rights."""

    def __init__(self, kubeconfig_file: Path, *, controllers: bool = True) -> None:
        self.kubeconfig = kubeconfig_file
        self.controllers = controllers

    @cached_property
    def api(self) -> Api:
        """A client of the API server, as administrator."""
        return Api(self.kubeconfig)

    @property
    def url(self) -> str:
        """The API server's address."""
        return self.api.url

    @property
    def kubectl_path(self) -> Path:
        """The kubectl to use: the one on PATH, or else one that is built."""
        found = shutil.which("kubectl")
        return Path(found) if found else binary("kubectl")

    def kubectl(
        self,
        *arguments: str | Path,
        input: str | None = None,  # noqa: A002 - as subprocess.run calls it
        check: bool = True,
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as administrator; with `check`, raises RuntimeError with its message if it fails."""
        command = [self.kubectl_path, f"--kubeconfig={self.kubeconfig}", *arguments]
        done = subprocess.run(command, input=input, capture_output=True, text=True, check=False)
        if check and done.returncode != 0:
            said = " ".join(str(part) for part in arguments)
            raise RuntimeError(f"kubectl {said} ended with {done.returncode}: {done.stderr.strip()}")
        return done

    def service_account_kubeconfig(self, namespace: str, name: str, path: Path) -> Path:
        """Write a kubeconfig with a token of that service account, valid for a year, and with only its rights."""
        account = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}"
        answer = self.api.create(f"{account}/token", {"spec": {"expirationSeconds": TOKEN_SECONDS}})
        server = kubeconfig.address_in(self.kubeconfig)
        return kubeconfig.write(path, server, user=name, token=answer["status"]["token"])


def existing_cluster() -> Cluster | None:
    """The cluster of the kubeconfig that HEADROOM_KUBECONFIG names; None if that variable is not set."""
    path = os.environ.get(EXISTING)
    if not path:
        return None
    if not Path(path).is_file():
        raise FileNotFoundError(f"{EXISTING} names {path}, which is not a file: correct it or unset it")
    return Cluster(Path(path))
