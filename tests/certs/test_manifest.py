"""The shapes that a cluster is given."""

from base64 import b64decode

from certs.manifest import secret, trust_patch


def test_a_secret_carries_the_three_files() -> None:
    made = secret("headroom-tls", "headroom-system", b"certificate", b"key", b"trusted")
    data = made.pop("data")
    assert made == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "headroom-tls", "namespace": "headroom-system"},
        "type": "kubernetes.io/tls",
    }
    decoded = {name: b64decode(content, validate=True) for name, content in data.items()}
    assert decoded == {"tls.crt": b"certificate", "tls.key": b"key", "ca.crt": b"trusted"}


def test_a_patch_names_each_webhook() -> None:
    bundle = {"caBundle": "dHJ1c3RlZA=="}
    assert trust_patch(["a.example.test", "b.example.test"], b"trusted") == {
        "webhooks": [
            {"name": "a.example.test", "clientConfig": bundle},
            {"name": "b.example.test", "clientConfig": bundle},
        ]
    }
