"""What a reflector delivers to its consumer, in order: the objects, their changes, and how fresh the view is."""

from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")
"""What is kept of an object."""


class Unreadable(msgspec.Struct, frozen=True):
    """An object that does not fit its type, and exists or, with `deleted`, is deleted; unknown names are empty."""

    namespace: str
    name: str
    uid: str
    revision: int
    fault: str
    deleted: bool = False


class Replaced(msgspec.Struct, Generic[T], frozen=True):
    """All objects at `revision`, from a consistent list; every other object that the consumer holds is deleted.

    The list was requested at `since`, in seconds of the reflector's clock.
    """

    objects: list[T]
    revision: int
    unreadable: list[Unreadable]
    since: float = float("-inf")


class WentBack(msgspec.Struct, frozen=True):
    """History was replaced: a consistent read returned revision `found`, lower than `known`, seen before the read.

    Events delivered before may be about changes that no longer exist. A list that was requested at `since` comes next.
    """

    known: int
    found: int
    since: float


class Changed(msgspec.Struct, Generic[T], frozen=True):
    """An object that is new or different."""

    object: T
    revision: int


class Deleted(msgspec.Struct, Generic[T], frozen=True):
    """An object that is deleted, in its last state; `revision` is that of the deletion."""

    object: T
    revision: int


class Bookmark(msgspec.Struct, frozen=True):
    """Everything up to `revision` has been delivered."""

    revision: int


class Connected(msgspec.Struct, frozen=True):
    """A watch is open: the changes that were missed come next, then changes as they happen."""


class Disconnected(msgspec.Struct, frozen=True):
    """No watch is open: what was delivered remains, but may be out of date until `Connected`."""

    fault: str


class Fresh(msgspec.Struct, frozen=True):
    """Every change that happened before `since` (seconds of the reflector's clock) has been delivered."""

    since: float


Event = Changed[T] | Deleted[T] | Unreadable | Bookmark
WatchEvent = Replaced[T] | WentBack | Event[T] | Connected | Disconnected | Fresh
