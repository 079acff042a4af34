"""Values that are kept for a time, and no more than so many of them."""

from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Kept(Generic[K, V]):
    """Values by key, each until a time of its own; of more than `most`, the one that was put first goes.

    Times are seconds of one monotonic clock. Not thread-safe: the caller holds a lock.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._values: OrderedDict[K, tuple[float, V]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: K, now: float) -> tuple[V] | None:
        """Return the value in a tuple; None if there is none, or its time is over."""
        found = self._values.get(key)
        if found is None or now >= found[0]:
            return None
        return (found[1],)

    def put(self, key: K, value: V, until: float) -> None:
        """Keep a value until then, in the place of the one before."""
        self._values.pop(key, None)
        self._values[key] = (until, value)
        if len(self._values) > self._most:
            self._values.popitem(last=False)
