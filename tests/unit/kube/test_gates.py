"""A gate is read as the API server will use it: which name, which authorities, and whether anything depends on it."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from kubernetes.client.configuration import Configuration

from tests.support.fake_cluster import FakeCluster
from webhook.kube.client import Api
from webhook.kube.gates import Called, called, read_gate
from webhook.kube.stream import KubeError

PEM = "-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"
BUNDLE = base64.b64encode(PEM.encode()).decode()


def gate(*webhooks: dict[str, Any]) -> dict[str, Any]:
    return {"kind": "ValidatingWebhookConfiguration", "metadata": {"name": "headroom"}, "webhooks": list(webhooks)}


def webhook(name: str, policy: str | None = None, **client: Any) -> dict[str, Any]:
    return {"name": name, "clientConfig": client, **({"failurePolicy": policy} if policy else {})}


SERVICE = {"name": "headroom", "namespace": "headroom-system", "path": "/validate", "port": 443}


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        (
            webhook("a", "Fail", service=SERVICE, caBundle=BUNDLE),
            Called("a", "headroom.headroom-system.svc", PEM, True),
        ),
        (webhook("a", "Ignore", service=SERVICE), Called("a", "headroom.headroom-system.svc", "", False)),
        (webhook("a", url="https://127.0.0.1:9443/x", caBundle=BUNDLE), Called("a", "127.0.0.1", PEM, True)),
        (webhook("a", url="https://[::1]:9443/x"), Called("a", "::1", "", True)),
        (webhook("a"), Called("a", "", "", True)),
    ],
)
def test_each_webhook_is_read(asked: dict[str, Any], found: Called) -> None:
    assert called(json.dumps(gate(asked)).encode()) == (found,)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"webhooks": [{}]}',
        json.dumps(gate(webhook("a", caBundle="%"))).encode(),
        json.dumps(gate(webhook("a", caBundle=base64.b64encode(b"\xff").decode()))).encode(),
    ],
)
def test_anything_else_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        called(body)


@pytest.fixture
def server() -> Iterator[FakeCluster]:
    with FakeCluster() as server:
        yield server


def test_it_is_read_over_http(server: FakeCluster) -> None:
    api = Api(Configuration(host=server.url))
    assert read_gate(api, "headroom", 1.0) is None
    server.gate = gate(webhook("a", service=SERVICE, caBundle=BUNDLE))
    assert read_gate(api, "headroom", 1.0) == (Called("a", "headroom.headroom-system.svc", PEM, True),)
    assert server.calls[-1].path.endswith("/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/headroom")
    server.refuse("list", 500)
    with pytest.raises(KubeError):
        read_gate(api, "headroom", 1.0)
    api.close()
