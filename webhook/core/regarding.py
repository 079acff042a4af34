"""Regarding: the object that an Event is about, from a reference that a user may have written."""

import re
from typing import NamedTuple

from webhook.core.objects import OwnerReference

# Tighter than what the API server lets into a reference (any text): what no object can be called would end up in
# paths and terminals. Each pattern bounds what it repeats.
_PATTERNS = {
    "api_version": re.compile(r"([a-z0-9][-a-z0-9.]{0,252}/)?[a-z0-9]{1,63}"),
    "kind": re.compile(r"[A-Za-z][A-Za-z0-9]{0,62}"),
    "namespace": re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"),
    "name": re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?"),
    "uid": re.compile(r"[-A-Za-z0-9]{1,64}"),
}


class Regarding(NamedTuple):
    """A reference to an object of a namespace."""

    api_version: str
    kind: str
    namespace: str
    name: str
    uid: str


def regarding(owner: OwnerReference, namespace: str) -> Regarding | None:
    """Read a reference; None where no object can be meant by it."""
    found = Regarding(owner.api_version, owner.kind, namespace, owner.name, owner.uid)
    fits = all(_PATTERNS[field].fullmatch(text) for field, text in found._asdict().items())
    return found if fits else None


def controller(owners: tuple[OwnerReference, ...], namespace: str) -> Regarding | None:
    """Return the one owner that made an object and makes it again; None where there is none that can be meant."""
    return next((regarding(owner, namespace) for owner in owners if owner.controller), None)
