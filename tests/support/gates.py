"""Headroom's gate as an object: its three entries, and one of somebody else."""

from base64 import b64encode
from typing import Any

from certs.bundle import Bundle, write_certificates
from webhook.kube.objects import Object

NAMES = ("pods", "workloads", "config")
PATHS = ("/validate", "/workloads", "/config")


def gate(bundle: Bundle | None = None, token: str | None = None, *, url: str = "") -> Object:
    """Return a gate; without a bundle as the manifests have it, with a token as the rotation has written it."""
    return {
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "headroom", "resourceVersion": "1"},
        "webhooks": [
            *(
                _entry(f"{name}.headroom.internal", path, bundle, token, url)
                for name, path in zip(NAMES, PATHS, strict=True)
            ),
            {"name": "other.example.com", "clientConfig": {"service": {"name": "other", "path": "/x"}}},
        ],
    }


def _entry(name: str, path: str, bundle: Bundle | None, token: str | None, url: str) -> Object:
    led = "" if token is None else f"{path}/{token}" if token else path
    config: dict[str, Any] = {"url": url + led} if url else {"service": {"name": "headroom", "namespace": "ns"}}
    if led and not url:
        config["service"]["path"] = led
    if bundle is not None:
        config["caBundle"] = b64encode(write_certificates(bundle)).decode()
    return {"name": name, "clientConfig": config, "namespaceSelector": {}}
