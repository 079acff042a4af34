"""Regarding: the object that an Event is about, from a reference that a user may have written."""

import re
from typing import NamedTuple

from webhook.core.api.types import OwnerReference

# Tighter than what the API server lets into a reference (any text): what no object can be called would end up in
# paths and terminals. Each part bounds what it repeats, and none matches the newline between them.
_API_VERSION = r"([a-z0-9][-a-z0-9.]{0,252}/)?[a-z0-9]{1,63}"
_KIND = r"[A-Za-z][A-Za-z0-9]{0,62}"
_NAMESPACE = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_NAME = r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?"
_UID = r"[-A-Za-z0-9]{1,64}"
_REFERENCE = re.compile("\n".join((_API_VERSION, _KIND, _NAMESPACE, _NAME, _UID)))


class Reference(NamedTuple):
    """A reference to an object of a namespace."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str


def regarding(owner: OwnerReference, namespace: str) -> Reference | None:
    """Read a reference; None where no object can be meant by it."""
    found = Reference(owner.api_version, owner.kind, namespace, owner.name, owner.uid)
    return found if _REFERENCE.fullmatch("\n".join(found)) else None


def controller(owners: tuple[OwnerReference, ...], namespace: str) -> Reference | None:
    """Return the one owner that made an object and makes it again; None where there is none that can be meant."""
    return next((regarding(owner, namespace) for owner in owners if owner.controller), None)
