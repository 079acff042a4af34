"""Renders the shipped manifests as `kubectl apply -k` would send them."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from devcluster.binaries import binary

Manifest = dict[str, Any]

MANIFESTS = Path(__file__).parents[2] / "manifests"


def render(folder: Path) -> list[Manifest]:
    """Return the manifests of a base or an overlay, in the order in which kubectl applies them."""
    return list(yaml.safe_load_all(rendered(folder)))


def rendered(folder: Path) -> str:
    """Return the same as text."""
    kubectl = shutil.which("kubectl") or binary("kubectl")
    done = subprocess.run([kubectl, "kustomize", folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def one(manifests: list[Manifest], kind: str, name: str = "headroom") -> Manifest:
    """Return the only manifest of that kind and name."""
    (found,) = [m for m in manifests if m["kind"] == kind and m["metadata"]["name"] == name]
    return found


def own_ca(checkout: Path, files: dict[str, str]) -> Path:
    """Return a copy of the overlay own-ca, which takes the certificate from files, with these files in it."""
    shutil.copytree(MANIFESTS, checkout / "manifests", ignore=shutil.ignore_patterns("tls"))
    overlay = checkout / "manifests" / "overlays" / "own-ca"
    (overlay / "tls").mkdir()
    for name, text in files.items():
        (overlay / "tls" / name).write_text(text)
    return overlay


def compose(folder: Path, resources: Sequence[Path], components: Sequence[Path] = ()) -> list[Manifest]:
    """Render these together, as a kustomization of somebody's own in `folder` would."""
    parts = {"resources": resources, "components": components}
    kustomization = {kind: [os.path.relpath(each, folder.resolve()) for each in paths] for kind, paths in parts.items()}
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(kustomization))
    return render(folder)
