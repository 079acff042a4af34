"""Headroom as it ships, on a kind cluster: build the image, install the manifests, run a command against it.

This module was written on a machine without a Docker engine, so nothing of it has ever run on a real kind cluster. What
needs no engine is tested (test_kind.py): the real kind reads kind.yaml and plans these nodes; the steps of this module
run in their order, with stand-ins for docker and kind that use the local control plane. There the manifests are really
applied, and KWOK pretends that the pods run.
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
from devcluster.toolchain import MODULE
from devcluster.tools import Tool, programs

CHECKOUT = Path(__file__).parents[1]
CONFIGURATION = Path(__file__).with_name("kind.yaml")
NAME = "headroom"
NAMESPACE = "headroom-system"
ELSE = "or use `make demo` and `make test`, which need no Docker"
TOOL = Tool("kind", MODULE / "kind-modules", ("sigs.k8s.io/kind",))
LIVE_TESTS = (sys.executable, "-m", "pytest", "tests/e2e")
SERVICE_NAMES = (f"headroom.{NAMESPACE}.svc", f"headroom.{NAMESPACE}.svc.cluster.local")


def run(command: Sequence[str], *, keep: bool = False, state: Path = STATE) -> int:
    """Run `command` with HEADROOM_KUBECONFIG set to a new kind cluster that runs Headroom; return its exit code."""
    _check_machine()
    state.mkdir(parents=True, exist_ok=True)
    kubeconfig = state / "kind.kubeconfig"
    _say(program(), "create", "cluster", f"--config={CONFIGURATION}", f"--kubeconfig={kubeconfig}", "--wait=180s")
    try:
        install(Cluster(kubeconfig), state)
        print("+", *command, flush=True)
        environment = os.environ | {EXISTING: str(kubeconfig)}
        return subprocess.run(command, cwd=CHECKOUT, env=environment, check=False).returncode
    finally:
        if not keep:
            _say(program(), "delete", "cluster", f"--name={NAME}")


def install(cluster: Cluster, state: Path) -> None:
    """Load the image, apply the manifests, and close the gate only once Headroom is rolled out."""
    overlay = overlay_with_certificates(state / "kind-manifests")
    image = image_of(cluster, overlay)
    _say("docker", "build", f"--tag={image}", str(CHECKOUT))
    _say(program(), "load", "docker-image", image, f"--name={NAME}")
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


def program() -> str:
    """The path of kind: the one on PATH, or else one that is built."""
    return shutil.which("kind") or str(programs(TOOL) / "kind")


def _check_machine() -> None:
    if shutil.which("docker") is None:
        raise FileNotFoundError(f"docker is not on PATH: install it (https://docs.docker.com/engine/install), {ELSE}")
    if subprocess.run(["docker", "info"], capture_output=True, check=False).returncode != 0:
        raise FileNotFoundError(f"docker has no engine to talk to (`docker info` fails): start it, {ELSE}")


def _say(command: str, *arguments: str) -> None:
    """Print a command, then run it with its output shown."""
    print("+", Path(command).name, *arguments, flush=True)
    subprocess.run([command, *arguments], cwd=CHECKOUT, check=True)
