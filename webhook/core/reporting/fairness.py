"""Fairness: which entry leaves a full table, so that one namespace cannot push out what is shown of the others."""

from collections import Counter
from collections.abc import Mapping
from typing import TypeVar

Key = TypeVar("Key")


def leaving(entries: Mapping[Key, tuple[str, float]]) -> Key:
    """Return the key of the entry that leaves next: the oldest of the namespace that has the most entries.

    The values are the entry's namespace and its time. Raises ValueError if there is no entry.
    """
    counts = Counter(namespace for namespace, _ in entries.values())
    return max(entries, key=lambda key: (counts[entries[key][0]], -entries[key][1]))
