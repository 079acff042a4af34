"""Headroom as it ships, on a kind cluster: build the image, install the manifests, run the live tests against it.

This module was written on a machine without a Docker engine, so kind.yaml, the image and its start in a real pod have
never been tried. The steps of this module and their order are tested, with stand-ins for docker and kind that use the
local control plane. There the manifests are really applied, and KWOK pretends that the pods run (test_kind.py).
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from devcluster.cluster import EXISTING, Cluster
from devcluster.local import STATE

CHECKOUT = Path(__file__).parents[1]
CONFIGURATION = Path(__file__).with_name("kind.yaml")
NAME = "headroom"
NAMESPACE = "headroom-system"
LIVE_TESTS = (sys.executable, "-m", "pytest", "tests/e2e")
SERVICE_NAMES = (f"headroom.{NAMESPACE}.svc", f"headroom.{NAMESPACE}.svc.cluster.local")


def run(command: Sequence[str], *, keep: bool = False, state: Path = STATE) -> int:
    """Run `command` with HEADROOM_KUBECONFIG set to a new kind cluster that runs Headroom; return its exit code."""
    _check_machine()
    state.mkdir(parents=True, exist_ok=True)
    kubeconfig = state / "kind.kubeconfig"
    _say("kind", "create", "cluster", f"--config={CONFIGURATION}", f"--kubeconfig={kubeconfig}", "--wait=180s")
    try:
        install(Cluster(kubeconfig), state)
        print("+", *command, flush=True)
        environment = os.environ | {EXISTING: str(kubeconfig)}
        return subprocess.run(command, cwd=CHECKOUT, env=environment, check=False).returncode
    finally:
        if not keep:
            _say("kind", "delete", "cluster", f"--name={NAME}")


def install(cluster: Cluster, state: Path) -> None:
    """Load the image, apply the manifests, and close the gate only once Headroom is rolled out."""
    overlay = overlay_with_certificates(state / "kind-manifests")
    image = image_of(cluster, overlay)
    _say("docker", "build", f"--tag={image}", str(CHECKOUT))
    _say("kind", "load", "docker-image", image, f"--name={NAME}")
    cluster.kubectl("apply", "-k", overlay, "-l", "app.kubernetes.io/component!=gate")
    cluster.kubectl("rollout", "status", f"deployment/{NAME}", f"--namespace={NAMESPACE}", "--timeout=180s")
    cluster.kubectl("apply", "-k", overlay)


def overlay_with_certificates(folder: Path) -> Path:
    """Copy the manifests and give the copy's overlay own-ca new certificates; the checkout's own are not changed."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(CHECKOUT / "manifests", folder, ignore=shutil.ignore_patterns("tls"))
    overlay = folder / "overlays" / "own-ca"
    _say(sys.executable, "-m", "certs", "issue", f"--out={overlay / 'tls'}", "--dns", *SERVICE_NAMES)
    return overlay


def image_of(cluster: Cluster, overlay: Path) -> str:
    """The image in the Deployment of the manifests."""
    objects = yaml.safe_load_all(cluster.kubectl("kustomize", overlay).stdout)
    (deployment,) = [each for each in objects if each["kind"] == "Deployment"]
    return str(deployment["spec"]["template"]["spec"]["containers"][0]["image"])


def _check_machine() -> None:
    for program, source in (("docker", "https://docs.docker.com/engine/install"), ("kind", "https://kind.sigs.k8s.io")):
        if shutil.which(program) is None:
            raise FileNotFoundError(f"{program} is not on PATH: install it ({source}), or use `make test`")
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode != 0:
        raise FileNotFoundError("docker has no engine to talk to (`docker info` fails): start it, or use `make test`")


def _say(*command: str) -> None:
    """Print a command, then run it with its output shown."""
    print("+", *command, flush=True)
    subprocess.run(command, cwd=CHECKOUT, check=True)
