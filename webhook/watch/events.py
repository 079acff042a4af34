"""What a reflector tells its consumer, in order: what there is, what became of it, and how far that can be trusted."""

from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")
"""What is kept of an object."""


class Unreadable(msgspec.Struct, frozen=True):
    """An object that is there (or, `deleted`, is no longer) but does not fit its type; names are empty if unknown."""

    namespace: str
    name: str
    uid: str
    revision: int
    fault: str
    deleted: bool = False


class Replaced(msgspec.Struct, Generic[T], frozen=True):
    """All there is as of `revision`, from a consistent list; whatever else the consumer holds is gone.

    The list was asked for at `since`, on the reflector's clock in seconds.
    """

    objects: list[T]
    revision: int
    unreadable: list[Unreadable]
    since: float = float("-inf")


class WentBack(msgspec.Struct, frozen=True):
    """History was replaced: a consistent read returned revision `found`, though `known` had been seen when it was sent.

    Earlier news may be of what never happened. A list that was requested at `since` comes next.
    """

    known: int
    found: int
    since: float


class Changed(msgspec.Struct, Generic[T], frozen=True):
    """An object that is new or different."""

    object: T
    revision: int


class Deleted(msgspec.Struct, Generic[T], frozen=True):
    """An object that is no more, in its last state; `revision` is that of the deletion."""

    object: T
    revision: int


class Bookmark(msgspec.Struct, frozen=True):
    """Everything up to `revision` has been told."""

    revision: int


class Connected(msgspec.Struct, frozen=True):
    """A watch is open: from now on changes are told as they happen, after those that were missed."""


class Disconnected(msgspec.Struct, frozen=True):
    """No watch is open: what was told stands, but may be out of date until `Connected`."""

    fault: str


class Fresh(msgspec.Struct, frozen=True):
    """All that had happened before `since` (on the reflector's clock, seconds) has been told."""

    since: float


Event = Changed[T] | Deleted[T] | Unreadable | Bookmark
WatchEvent = Replaced[T] | WentBack | Event[T] | Connected | Disconnected | Fresh
