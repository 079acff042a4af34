"""Kubeconfig files, with which kubectl, the controllers and Headroom itself find an API server and authenticate."""

import json
from pathlib import Path
from typing import Any

import yaml

# The cluster entry of a kubeconfig: the API server's URL, and the authority that signed its certificate.
Address = dict[str, Any]


def address(url: str, ca_file: Path) -> Address:
    """The address of a server whose certificate the authority in `ca_file` signed."""
    return {"server": url, "certificate-authority": str(ca_file.resolve())}


def address_in(kubeconfig: Path) -> Address:
    """The address of the cluster in the current context of a kubeconfig."""
    document = yaml.safe_load(kubeconfig.read_text())
    context = _named(document, "context", document["current-context"])
    found = _named(document, "cluster", context["cluster"])
    ca_file = found.get("certificate-authority")
    # A path in a kubeconfig is relative to the folder of the file.
    return found | {"certificate-authority": str(kubeconfig.parent.resolve() / ca_file)} if ca_file else found


def write(path: Path, server: Address, *, user: str, token: str) -> Path:
    """Write a kubeconfig that only its owner may read, because it has a token; it is JSON, which is valid YAML."""
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
