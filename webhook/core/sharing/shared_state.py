"""Shared state: the one object that replicas share, with what each holds and the floor that a view must have reached.

It is small at any size of the cluster: one entry for each replica, with one vector for each scope in which the replica
holds something, and the same for a few names. It carries its own digest, because a state that somebody edited by hand
counts as damaged even if it can still be read.
"""

from collections.abc import Iterator
from hashlib import sha256

import msgspec
from msgspec import Struct

from webhook.core.ledger.interval import Sums
from webhook.core.values.amounts import NOTHING, Amounts

VERSION = 1


class SharedError(ValueError):
    """The text is not a state that a replica wrote; the object is made again."""


class NewerVersionError(ValueError):
    """A newer Headroom wrote the state; this one neither reads nor changes it."""


class Holding(Struct, frozen=True):
    """What one replica has booked.

    `renewal` counts its writes; other replicas see by it that this one lives. `view` is the pod revision that its view
    had reached at the write. `answered` is the number of the last call that it answered. `held` has the amounts by
    scope. `lean` says that all of `held` is for pods that may still come. `named` says which part of it is for creates
    under which repeated names (name_claims.py).

    `spare` is the part of `held` that is for no pod yet. `lapsed` has the owners and namespaces whose pods lapsed
    unseen, by digest, each with how often in a row (history.py). No bound depends on these two.
    """

    renewal: int
    view: int = 0
    answered: int = 0
    lean: bool = False
    held: Sums = {}
    named: dict[str, Sums] = {}
    spare: Sums = {}
    lapsed: dict[str, int] = {}

    def beside_names(self, scope: str) -> Amounts:
        """What the replica holds in a scope beside what it names."""
        held = self.held.get(scope, NOTHING)
        for sums in self.named.values():
            held = held.minus(sums.get(scope, NOTHING))
        return held

    @property
    def names_more_than_it_holds(self) -> bool:
        """Say whether the names come to more than `held`, which no replica writes."""
        scopes = {scope for sums in self.named.values() for scope in sums}
        return any(amount < 0 for scope in scopes for amount in self.beside_names(scope))


class Shared(Struct, frozen=True):
    """The whole state.

    `epoch` names one life of the object, from its making to its loss; `serial` counts the writes in that epoch. No
    replica books from the object until it is `open`. `floor` is a pod's resourceVersion: a replica books only with a
    view at or past it. `call` numbers the calls to hand back; `called_at` is the revision that the view of an answering
    replica must have reached.
    """

    epoch: str
    open: bool
    serial: int = 0
    floor: int = 0
    call: int = 0
    called_at: int = 0
    holdings: dict[str, Holding] = {}


class _Written(Struct):
    """The text: every version of Headroom can read `version`, and only one that knows the version reads the rest."""

    version: int
    digest: str = ""
    state: msgspec.Raw = msgspec.Raw(b"{}")


_text = msgspec.json.Decoder(_Written)
_state = msgspec.json.Decoder(Shared)


def read(text: str) -> Shared:
    """Decode the state; raises `SharedError` if it is damaged and `NewerVersionError` if a newer Headroom wrote it."""
    try:
        written = _text.decode(text)
        if written.version > VERSION:
            raise NewerVersionError(
                f"the shared state has version {written.version}, this Headroom knows {VERSION}: upgrade it"
            )
        if written.digest != _digest(bytes(written.state)):
            raise SharedError("the shared state was changed by hand: its digest does not fit")
        shared = _state.decode(written.state)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise SharedError(f"the shared state cannot be read: {error}") from error
    if any(number < 0 for number in _numbers(shared)):
        raise SharedError("the shared state holds a number below zero")
    if any(holding.names_more_than_it_holds for holding in shared.holdings.values()):
        raise SharedError("in the shared state names come to more than what is held")
    return shared


def write(shared: Shared) -> str:
    """Encode the state."""
    state = msgspec.json.encode(shared)
    return msgspec.json.encode(_Written(VERSION, _digest(state), msgspec.Raw(state))).decode()


def _digest(state: bytes) -> str:
    return sha256(state).hexdigest()[:16]


def _numbers(shared: Shared) -> Iterator[int]:
    yield from (shared.serial, shared.floor, shared.call, shared.called_at)
    for holding in shared.holdings.values():
        yield from (holding.renewal, holding.view, holding.answered, *holding.lapsed.values())
        for sums in (holding.held, holding.spare, *holding.named.values()):
            for amounts in sums.values():
                yield from amounts
