"""Encoded answers, kept as long as what they show: many readers of the same thing cost little more than one."""

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Encoded(NamedTuple):
    """A body and its entity tag, which is the same for all bodies that show the same."""

    body: bytes
    etag: str


class Shelf(Generic[T]):
    """Keeps values as long as one version of the account is the newest, within `most` of a measure; for any thread.

    Versions are compared by identity. Two threads that ask for the same new value at once may both make it.
    """

    def __init__(self, most: int, measure: Callable[[T], int]) -> None:
        self._lock = Lock()
        self._version: object = None
        self._kept: OrderedDict[Hashable, T] = OrderedDict()
        self._most, self._measure = most, measure
        self._held = 0

    def get(self, version: object, key: Hashable, make: Callable[[], T]) -> T:
        """Return the value for a key and a version of the account; make it if there is none."""
        with self._lock:
            self._turn_to(version)
            if (found := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
                return found
        made = make()
        with self._lock:
            if version is self._version and key not in self._kept:
                self._put(key, made)
        return made

    def _turn_to(self, version: object) -> None:
        if version is not self._version:
            self._version, self._held = version, 0
            self._kept.clear()

    def _put(self, key: Hashable, made: T) -> None:
        size = self._measure(made)
        if size > self._most:
            return
        self._kept[key] = made
        self._held += size
        while self._held > self._most:
            _, oldest = self._kept.popitem(last=False)
            self._held -= self._measure(oldest)
