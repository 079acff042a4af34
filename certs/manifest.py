"""Output for a cluster: plain data in the shapes that `kubectl apply` and `kubectl patch` read.

Only this module of the package knows Kubernetes: it knows two shapes of data, and uses no client.
"""

from base64 import b64encode
from collections.abc import Iterable
from typing import Any


def secret(name: str, namespace: str, certificate: bytes, key: bytes, trusted: bytes) -> dict[str, Any]:
    """Return a Secret of type kubernetes.io/tls; certificate, key and trusted bundle are PEM."""
    files = {"tls.crt": certificate, "tls.key": key, "ca.crt": trusted}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "type": "kubernetes.io/tls",
        "data": {file: b64encode(content).decode() for file, content in files.items()},
    }


def trust_patch(webhooks: Iterable[str], trusted: bytes) -> dict[str, Any]:
    """Return a strategic merge patch that makes the named webhooks of one configuration trust a bundle (PEM)."""
    bundle = b64encode(trusted).decode()
    return {"webhooks": [{"name": name, "clientConfig": {"caBundle": bundle}} for name in webhooks]}
