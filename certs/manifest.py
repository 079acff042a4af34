"""What a cluster is given: plain data in the shapes that `kubectl apply` and `kubectl patch` read.

This is the only module here that knows of Kubernetes, and it knows two shapes, no client.
"""

from base64 import b64encode
from collections.abc import Iterable
from typing import Any


def secret(name: str, namespace: str, certificate: bytes, key: bytes, trusted: bytes) -> dict[str, Any]:
    """Shape a Secret of type kubernetes.io/tls from PEM."""
    files = {"tls.crt": certificate, "tls.key": key, "ca.crt": trusted}
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": namespace},
        "type": "kubernetes.io/tls",
        "data": {file: b64encode(content).decode() for file, content in files.items()},
    }


def trust_patch(webhooks: Iterable[str], trusted: bytes) -> dict[str, Any]:
    """Shape a strategic merge patch that makes the named webhooks of one configuration trust a bundle (PEM)."""
    bundle = b64encode(trusted).decode()
    return {"webhooks": [{"name": name, "clientConfig": {"caBundle": bundle}} for name in webhooks]}
