"""The one object that replicas share: who holds how much, and how far a view must have come to book.

It is small at any size of the cluster: one entry for each replica, one vector for each scope in which it holds.
"""

import msgspec
from msgspec import Struct

from webhook.core.amounts import NOTHING, Amounts
from webhook.core.reservations import Sums

VERSION = 1


class SharedError(ValueError):
    """The text is not a state that any replica wrote; it is made anew."""


class NewerVersionError(ValueError):
    """A newer Headroom wrote the state; this one neither understands nor changes it."""


class Holding(Struct, frozen=True):
    """What one replica has booked. `renewal` counts its writes, so that others see that it lives."""

    renewal: int
    answered: int = 0
    held: Sums = {}


class Shared(Struct, frozen=True):
    """The whole state.

    `epoch` names one life of the object, from its making to its loss. Until it is `open` nobody books from it. `floor`
    is a pod's resourceVersion: whoever books must have a view at or past it. `call` numbers the calls to hand back.
    """

    epoch: str
    open: bool
    version: int = VERSION
    floor: int = 0
    call: int = 0
    holdings: dict[str, Holding] = {}

    def held_by_others(self, replica: str, scope: str) -> Amounts:
        """What all other replicas hold in a scope."""
        total = NOTHING
        for name, holding in self.holdings.items():
            if name != replica:
                total = total.plus(holding.held.get(scope, NOTHING))
        return total


class _Versioned(Struct):
    version: int


_version = msgspec.json.Decoder(_Versioned)
_state = msgspec.json.Decoder(Shared)


def read(text: str) -> Shared:
    """Decode the state; raises `SharedError` for a damaged one and `NewerVersionError` for a newer one."""
    try:
        version = _version.decode(text).version
        if version > VERSION:
            raise NewerVersionError(
                f"the shared state has version {version}, this Headroom knows {VERSION}: upgrade it"
            )
        return _state.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SharedError(f"the shared state cannot be read: {error}") from error


def write(shared: Shared) -> str:
    """Encode the state."""
    return msgspec.json.encode(shared).decode()
