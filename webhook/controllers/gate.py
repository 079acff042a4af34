"""The gate, Headroom's own ValidatingWebhookConfiguration: what each of its entries trusts, and where it leads.

Only `caBundle` and the path are written, under a field manager of their own; all else is the owner's. An entry is
Headroom's if it has the name of one of its webhooks.
"""

from base64 import b64decode, b64encode
from collections.abc import Mapping
from copy import deepcopy
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from certs.bundle import Bundle, read_certificates, write_certificates
from certs.keyring import PLAIN, is_token
from certs.rotation import Entry
from webhook.core.values.domain import DOMAIN
from webhook.kube.objects import Object

NAME: Final = "headroom"
_PATHS: Final[Mapping[str, str]] = {
    f"pods.{DOMAIN}": "/validate",
    f"workloads.{DOMAIN}": "/workloads",
    f"config.{DOMAIN}": "/config",
}
_OWN_KEY: Final = "kubernetes.io/metadata.name"


def entries(gate: Object) -> tuple[Entry, ...]:
    """Return the entries that are Headroom's, as they are."""
    return tuple(Entry(_trusted(each), _token(each)) for each in gate.get("webhooks") or () if _is_ours(each))


def pointed(gate: Object, trusted: Bundle, token: str) -> Object:
    """Return the gate with every entry of Headroom's trusting that bundle and leading to that path."""
    changed = deepcopy(gate)
    bundle = b64encode(write_certificates(trusted)).decode()
    for each in changed.get("webhooks") or ():
        if _is_ours(each):
            each["clientConfig"]["caBundle"] = bundle
            base = _PATHS[each["name"]]
            _lead(each["clientConfig"], base if token == PLAIN else f"{base}/{token}")
    return changed


def foreign_terms(gate: Object) -> tuple[str, ...]:
    """Return the keys by which namespaces are left out and that are not Headroom's own: a cloud may have added them."""
    found = dict[str, None]()
    for each in gate.get("webhooks") or ():
        selector = each.get("namespaceSelector") or {}
        keys = [term.get("key") for term in selector.get("matchExpressions") or ()]
        found |= dict.fromkeys(key for key in (*keys, *(selector.get("matchLabels") or ())) if key != _OWN_KEY)
    return tuple(found)


def _is_ours(entry: Object) -> bool:
    return entry.get("name") in _PATHS


def _trusted(entry: Object) -> Bundle:
    try:
        return read_certificates(b64decode(entry["clientConfig"].get("caBundle") or ""))
    except ValueError:  # what cannot be read verifies nobody
        return ()


def _token(entry: Object) -> str | None:
    config = entry["clientConfig"]
    path = urlsplit(config["url"]).path if config.get("url") else config["service"].get("path")
    base = _PATHS[entry["name"]]
    if path == base:
        return PLAIN
    token = (path or "").removeprefix(f"{base}/")
    return token if is_token(token) and path == f"{base}/{token}" else None


def _lead(config: Object, path: str) -> None:
    if config.get("url"):
        config["url"] = urlunsplit(urlsplit(config["url"])._replace(path=path))
    else:
        config["service"]["path"] = path
