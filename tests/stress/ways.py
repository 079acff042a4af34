"""The ways to install Headroom that docs/install.md has: each can install, enforce, change, go back and remove."""

import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Final

import yaml

from devcluster.cluster import Cluster
from devcluster.helm import Helm
from tests.packaging.chart import CHART
from tests.support.kustomize import MANIFESTS

NAMESPACE: Final = "headroom-system"
PRODUCTION: Final = f"--values={CHART / 'values-production.yaml'}"


class Way(ABC):
    """One way; every step returns once its commands have."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    @abstractmethod
    def install(self) -> None:
        """Install it as a trial."""

    @abstractmethod
    def enforce(self) -> None:
        """Change to what production has."""

    @abstractmethod
    def change(self) -> None:
        """Change to another version of the image, which replaces every pod."""

    @abstractmethod
    def back(self) -> None:
        """Take that change back."""

    @abstractmethod
    def remove(self) -> None:
        """Remove it."""


class Kustomize(Way):
    """`kubectl apply -k` of a folder of one's own."""

    def __init__(self, cluster: Cluster, work: Path) -> None:
        super().__init__(cluster)
        self._folder = work
        work.mkdir(parents=True)

    def __str__(self) -> str:
        """Name it as people do."""
        return "kustomize"

    def install(self) -> None:
        """Apply overlays/try."""
        self._apply("try", "0.1.0")

    def enforce(self) -> None:
        """Apply overlays/production over it."""
        self._apply("production", "0.1.0")

    def change(self) -> None:
        """Name another tag of the image."""
        self._apply("production", "next")

    def back(self) -> None:
        """Apply what was before."""
        self._apply("production", "0.1.0")

    def remove(self) -> None:
        """Delete the gate, and then everything."""
        self.cluster.kubectl("delete", "validatingwebhookconfiguration", "headroom")
        self.cluster.kubectl("delete", "-k", self._folder, "--ignore-not-found")

    def _apply(self, overlay: str, tag: str) -> None:
        kustomization = {
            "resources": [os.path.relpath(MANIFESTS / "overlays" / overlay, self._folder)],
            "images": [{"name": "headroom", "newTag": tag}],
        }
        (self._folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
        self.cluster.kubectl("apply", "-k", self._folder)


class WithHelm(Way):
    """`helm install` and `helm upgrade` of the chart, by one version of Helm."""

    def __init__(self, cluster: Cluster, helm: Helm) -> None:
        super().__init__(cluster)
        self._helm = helm

    def __str__(self) -> str:
        """Name it as people do."""
        return str(self._helm)

    def install(self) -> None:
        """Install the chart with its defaults."""
        self.run("install", "headroom", CHART, "--create-namespace")

    def enforce(self) -> None:
        """Upgrade to the values of production."""
        self.run("upgrade", "headroom", CHART, PRODUCTION)

    def change(self) -> None:
        """Name another tag of the image."""
        self.run("upgrade", "headroom", CHART, PRODUCTION, "--set=image.tag=next")

    def back(self) -> None:
        """Roll back by one revision."""
        self.run("rollback", "headroom")

    def remove(self) -> None:
        """Uninstall the release; the namespace stays."""
        self.run("uninstall", "headroom")

    def ask(self) -> str:
        """Run the chart's own test; return what it says."""
        return self.run("test", "headroom", "--timeout=60s")

    def run(self, *arguments: str | Path) -> str:
        """Run Helm in Headroom's namespace; return what it prints."""
        return self._helm.run(*arguments, f"--namespace={NAMESPACE}", cluster=self.cluster).stdout
