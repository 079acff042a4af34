"""References: the object that an Event is about, read from a reference that a user may have written."""

import re
from typing import NamedTuple

from webhook.core.api.types import OwnerReference

# Stricter than the API server, which accepts any text in a reference: a text that cannot be the name of an object would
# end up in paths and terminals. Each part bounds what it repeats, and none matches the newline between them.
_API_VERSION = r"([a-z0-9][-a-z0-9.]{0,252}/)?[a-z0-9]{1,63}"
_KIND = r"[A-Za-z][A-Za-z0-9]{0,62}"
_NAMESPACE = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
_NAME = r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?"
_UID = r"[-A-Za-z0-9]{1,64}"
_REFERENCE = re.compile("\n".join((_API_VERSION, _KIND, _NAMESPACE, _NAME, _UID)))


class Reference(NamedTuple):
    """A reference to a namespaced object."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str


def regarding(owner: OwnerReference, namespace: str) -> Reference | None:
    """Return an owner as a reference; None if it cannot be the name of an object."""
    found = Reference(owner.api_version, owner.kind, namespace, owner.name, owner.uid)
    return found if _REFERENCE.fullmatch("\n".join(found)) else None


def controller(owners: tuple[OwnerReference, ...], namespace: str) -> Reference | None:
    """Return the controller of an object, which creates it again when it is gone; None if it names no valid one."""
    return next((regarding(owner, namespace) for owner in owners if owner.controller), None)
