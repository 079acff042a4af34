"""The images of the nodes: Headroom's as it ships, and what holds a pod's namespaces; no registry has to be reached."""

from pathlib import Path
from typing import Final

import yaml

from devcluster.binaries import binary
from devcluster.cluster import Cluster
from devcluster.image.build import CHECKOUT, Wanted, build
from devcluster.image.buildah import Buildah
from devcluster.realnode.configs import PAUSE
from devcluster.store import only_one

LIBRARY: Final = "docker.io/library/"
"""What a name without a registry stands for, to every container runtime."""
MONSTER: Final = f"{LIBRARY}headroom-demo:1.0"


def headroom(cluster: Cluster, overlay: Path, folder: Path) -> Path:
    """Build the image of this checkout under the name that an overlay gives it; return an archive of it."""
    name = LIBRARY + named(cluster, overlay)
    buildah = Buildah()
    build(Wanted(name=name), buildah)
    return _archive(buildah, name, folder / "headroom.tar")


def named(cluster: Cluster, overlay: Path) -> str:
    """The image in the Deployment of an overlay."""
    objects = yaml.safe_load_all(cluster.kubectl("kustomize", overlay).stdout)
    (deployment,) = [each for each in objects if each["kind"] == "Deployment"]
    return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])


def pause(folder: Path) -> Path:
    """Make the image that holds a pod's namespaces: one static program and nothing else."""
    buildah = Buildah()
    with only_one("image"):
        container = buildah("from", "scratch")
        try:
            buildah("add", "--quiet", container, binary("pause"), "/pause")
            buildah("config", '--entrypoint=["/pause"]', "--cmd=", "--user=65535:65535", container)
            buildah("commit", "--quiet", container, PAUSE)
        finally:
            buildah("rm", container)
    return _archive(buildah, PAUSE, folder / "pause.tar")


def monster(folder: Path) -> Path:
    """Build the demonstration application, whose memory grows with its visitors."""
    buildah = Buildah()
    build(Wanted(name=MONSTER, checkout=CHECKOUT / "demo"), buildah)
    return _archive(buildah, MONSTER, folder / "demo.tar")


def _archive(buildah: Buildah, name: str, archive: Path) -> Path:
    archive.unlink(missing_ok=True)
    with only_one("image"):
        buildah("push", "--quiet", name, f"docker-archive:{archive}:{name}")
    return archive
