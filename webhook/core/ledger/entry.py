"""Entries: live pods as the ledger keeps them. There may be hundreds of thousands, so every byte counts."""

from msgspec import Struct

from webhook.core.ledger.traits import NO_TRAITS, Traits
from webhook.core.pods.confinement import Ways
from webhook.core.values.amounts import Amounts


class Entry(Struct, frozen=True, gc=False):
    """A pod that counts. It has no reference cycles, so the garbage collector need not track it.

    `node` is empty while the pod is unbound, and `confined_to` is kept only then: a bound pod is in its node's pool.
    `traits` and `created` (its creationTimestamp) are for reports alone: no sum that is judged by depends on them.
    """

    uid: str
    footprint: Amounts
    node: str = ""
    confined_to: Ways = ()
    traits: Traits = NO_TRAITS
    created: str = ""


class Unbound(Entry, frozen=True, gc=False):
    """A pod that is not bound yet, with the fields that tell whether policy lets it in; bound pods do without them."""

    priority_class: str = ""
    of_daemon_set: bool = False
    host_network: bool = False
