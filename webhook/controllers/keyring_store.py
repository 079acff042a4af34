"""The Secret that holds the keyring, and the annotation by which a rotation is asked for."""

from base64 import b64decode, b64encode
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from certs import keyring as keyrings
from certs.keyring import Keyring, Waits
from certs.rotation import Asked
from webhook.core.values.domain import DOMAIN
from webhook.kube.objects import Found, Object, Objects

NAME: Final = "headroom-certificate"
ANNOTATION: Final = f"{DOMAIN}/rotate"
"""`certificate` or `authority`, then, if wanted, `publish=SECONDS` and `retire=SECONDS`."""

_LABELS: Final = {"app.kubernetes.io/name": "headroom", "app.kubernetes.io/managed-by": "headroom"}
_LONGEST: Final = 30 * 86400.0  # seconds


class Stored(NamedTuple):
    """The Secret as it was read: its keyring, or the fault; who asks for a rotation, or what is wrong with that."""

    keyring: Keyring | None
    fault: str
    revision: str  # empty: there is no Secret
    asked: Asked | None
    bad_request: str
    at: datetime | None
    secret: Object


class KeyringStore:
    """Reads and writes the Secret; every call may raise `KubeError`."""

    def __init__(self, secrets: Objects, namespace: str) -> None:
        self._secrets = secrets
        self._namespace = namespace

    def read(self, usual: Waits) -> Stored:
        """Read the Secret; a request has the usual waits unless it names others."""
        found = self._secrets.get(NAME)
        if found is None:
            return Stored(None, "there is no Secret", "", None, "", None, {})
        return _stored(found, usual)

    def write(self, stored: Stored, keyring: Keyring, *, taken: bool) -> None:
        """Write the keyring if the Secret is still as it was `stored`, else raises `Conflict` or `NotFound`.

        With `taken`, the request is removed in the same write.
        """
        data = {key: b64encode(content).decode() for key, content in keyrings.write(keyring).items()}
        if not stored.revision:
            metadata = {"name": NAME, "namespace": self._namespace, "labels": _LABELS}
            kind = {"apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/tls"}
            self._secrets.create({**kind, "metadata": metadata, "data": data})
            return
        changed: Object = dict(stored.secret["metadata"])
        if taken:
            marks = changed.get("annotations") or {}
            changed["annotations"] = {key: value for key, value in marks.items() if key != ANNOTATION}
        self._secrets.replace(stored.secret | {"metadata": changed, "data": data})


def request(text: str, usual: Waits) -> Asked:
    """Read a request for a rotation; the ValueError says what is right."""
    what, *settings = text.split() or [""]
    if what not in ("certificate", "authority"):
        raise ValueError(f"{ANNOTATION} is {text!r}, and must begin with certificate or authority")
    waits = {"publish": usual.publish, "retire": usual.retire}
    for setting in settings:
        name, _, seconds = setting.partition("=")
        if name not in waits:
            raise ValueError(f"{ANNOTATION} has {setting!r}: only publish=SECONDS and retire=SECONDS are known")
        waits[name] = timedelta(seconds=_seconds(name, seconds))
    return Asked(what == "authority", Waits(**waits))


def _seconds(name: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= _LONGEST:
        raise ValueError(f"{ANNOTATION} has {name}={text}: write seconds, from 0 to {_LONGEST:.0f}")
    return seconds


def _stored(found: Found, usual: Waits) -> Stored:
    keyring, fault, asked, bad = None, "", None, ""
    try:
        encoded = found.object.get("data") or {}
        keyring = keyrings.read({key: b64decode(value) for key, value in encoded.items()})
    except ValueError as error:
        fault = f"the Secret {NAME} is damaged: {error}"
    text = (found.object["metadata"].get("annotations") or {}).get(ANNOTATION)
    if text is not None:
        try:
            asked = request(text, usual)
        except ValueError as error:
            bad = str(error)
    return Stored(keyring, fault, found.revision, asked, bad, found.at, found.object)
