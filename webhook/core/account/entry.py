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
