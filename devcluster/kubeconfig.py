"""Kubeconfig files: how kubectl, the controllers and Headroom itself find an API server and say who they are."""

import json
from pathlib import Path
from typing import Any

import yaml

# The part of a kubeconfig that says where the API server is and whom it is signed by.
Address = dict[str, Any]


def address(url: str, ca_file: Path) -> Address:
    """The address of a server whose certificate the authority in `ca_file` signed."""
    return {"server": url, "certificate-authority": str(ca_file.resolve())}


def address_in(kubeconfig: Path) -> Address:
    """The address that the current context of a kubeconfig leads to."""
    document = yaml.safe_load(kubeconfig.read_text())
    context = _named(document, "context", document["current-context"])
    found = _named(document, "cluster", context["cluster"])
    ca_file = found.get("certificate-authority")
    # A path in a kubeconfig is meant from the file's own folder.
    return found | {"certificate-authority": str(kubeconfig.parent.resolve() / ca_file)} if ca_file else found


def write(path: Path, server: Address, *, user: str, token: str) -> Path:
    """Write a kubeconfig that only its owner may read, since it holds a token; JSON is YAML too."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "local", "cluster": server}],
        "users": [{"name": user, "user": {"token": token}}],
        "contexts": [{"name": "local", "context": {"cluster": "local", "user": user}}],
        "current-context": "local",
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(document, indent=2) + "\n")
    return path


def _named(document: dict[str, Any], kind: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each[kind] for each in document[f"{kind}s"] if each["name"] == name)
    return found
