"""Fairness: which entries leave a full table, so that one namespace cannot push out what is shown of the others."""

from collections import defaultdict
from collections.abc import Mapping
from typing import TypeVar

Key = TypeVar("Key")


def leaving(entries: Mapping[Key, tuple[str, float]], most: int) -> list[Key]:
    """Return the keys of the entries that must leave so that `most` are left.

    The values are the entry's namespace and its time. Namespaces get equal shares, and what one does not need goes to
    the others; of one namespace, the oldest leave.
    """
    spaces: defaultdict[str, list[Key]] = defaultdict(list)
    for key in sorted(entries, key=lambda key: entries[key][1]):
        spaces[entries[key][0]].append(key)
    left, gone = most, list[Key]()
    for behind, space in enumerate(sorted(spaces, key=lambda space: len(spaces[space]))):
        keys = spaces[space]
        share = min(len(keys), left // (len(spaces) - behind))
        gone.extend(keys[: len(keys) - share])
        left -= share
    return gone
