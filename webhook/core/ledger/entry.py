"""Entries: a live pod as the ledger keeps it. There may be hundreds of thousands, so every byte counts."""

from msgspec import Struct

from webhook.core.pods.confinement import Ways
from webhook.core.values.amounts import Amounts


class Entry(Struct, frozen=True, gc=False):
    """A pod that counts; without cycles, so the garbage collector need not look at it.

    `node` is empty while the pod is unbound; only then is it confined. A bound pod is in its node's pool.
    """

    uid: str
    footprint: Amounts
    node: str = ""
    confined_to: Ways = ()


class Unbound(Entry, frozen=True, gc=False):
    """A pod that is not bound yet, with what may tell that policy let it in; only such a pod takes room for this."""

    priority_class: str = ""
    of_daemon_set: bool = False
