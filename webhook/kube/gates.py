"""Reads a ValidatingWebhookConfiguration: by which name and authorities the API server calls each webhook of it."""

import base64
import binascii
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from webhook.kube.client import Api
from webhook.kube.stream import NotFound

_PATH = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/"


class Called(NamedTuple):
    """How the API server calls one webhook.

    `host` is the name that the certificate must be for. `authorities` (PEM) is empty where the API server trusts those
    of its machine. With `required`, nothing is admitted unless the call succeeds (failurePolicy Fail).
    """

    webhook: str
    host: str
    authorities: str
    required: bool


class _Service(msgspec.Struct):
    name: str
    namespace: str


class _Client(msgspec.Struct, rename="camel"):
    service: _Service | None = None
    url: str | None = None
    ca_bundle: str | None = None


class _Webhook(msgspec.Struct, rename="camel"):
    name: str
    client_config: _Client
    failure_policy: str = "Fail"


class _Gate(msgspec.Struct):
    webhooks: list[_Webhook] = []


_read = msgspec.json.Decoder(_Gate).decode


def read_gate(api: Api, name: str, timeout: float) -> tuple[Called, ...] | None:
    """Read how the webhooks of a configuration are called; None if there is no such configuration.

    `timeout` is in seconds. Raises KubeError.
    """
    try:
        return called(api.get(_PATH + name, timeout=timeout).body)
    except NotFound:
        return None


def called(body: bytes) -> tuple[Called, ...]:
    """Return how each webhook of a configuration (JSON) is called; raises ValueError for anything else."""
    return tuple(_called(each) for each in _read(body).webhooks)


def _called(webhook: _Webhook) -> Called:
    config = webhook.client_config
    service = config.service
    host = f"{service.name}.{service.namespace}.svc" if service else urlsplit(config.url or "").hostname or ""
    try:
        authorities = base64.b64decode(config.ca_bundle or "", validate=True).decode("ascii")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise ValueError(f"the caBundle of {webhook.name} is not PEM in base64: {error}") from error
    return Called(webhook.name, host, authorities, webhook.failure_policy == "Fail")
