"""The manifest by which krew installs the kubectl plugin."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import yaml

import webhook

RELEASES: Final = "https://github.com/OWNER/headroom/releases/download"
PROGRAM: Final = "kubectl-headroom"


def manifest(archives: Mapping[str, Path]) -> str:
    """Return the manifest for archives, by platform, each of which holds the program and the licence."""
    version = f"v{webhook.__version__}"
    spec = {
        "version": version,
        "homepage": "https://github.com/OWNER/headroom",
        "shortDescription": "Ask what memory a cluster has promised, and what fits",
        "description": (
            "Shows what the pods of a cluster commit and what may be committed, says whether the pods of manifests\n"
            "would be admitted, and why Headroom refuses pods. Works without Headroom, too (--direct).\n"
        ),
        "caveats": "Needs Python 3.11 or newer as `python3`.\n",
        "platforms": [_platform(name, archive, version) for name, archive in sorted(archives.items())],
    }
    found = {
        "apiVersion": "krew.googlecontainertools.github.com/v1alpha2",
        "kind": "Plugin",
        "metadata": {"name": "headroom"},
        "spec": spec,
    }
    return yaml.safe_dump(found, sort_keys=False, width=120)


def _platform(name: str, archive: Path, version: str) -> dict[str, object]:
    system, _, machine = name.partition("-")
    return {
        "selector": {"matchLabels": {"os": system, "arch": machine}},
        "uri": f"{RELEASES}/{version}/{archive.name}",
        "sha256": hashlib.sha256(archive.read_bytes()).hexdigest(),
        "bin": PROGRAM,
        "files": [{"from": name, "to": "."} for name in (PROGRAM, "LICENSE")],
    }
