"""Size: how much of the shared object one replica may write, so that all of it stays small whatever is asked for.

Anybody who reaches a replica's port can choose names, pools and amounts, and if the object is too large to be written,
nobody can grant. So each replica has a share of the text, and fills it in this order:

1. what is open in a scope: it must be told, or another replica would book that room. So nothing is let in that would
   have to be told in one scope too many: it waits for a write, in which it is booked only if there is room for it;
2. names that are repeated, the largest first, up to a part of the share: one that is left out costs more, never less;
3. whose pods lapsed unseen, the worst first, up to another part;
4. what is booked to spare, the cluster's first: where none is told, each pod there waits for a write of its own.
   Which part of what is held is to spare is told only if there is room for that in all scopes; else all counts as open.
"""

from collections.abc import Iterable
from typing import Final

from msgspec import json

from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.interval import Sums
from webhook.core.ledger.ledger import Ledger
from webhook.core.sharing.shared_state import Shared
from webhook.core.values.amounts import NOTHING, Amounts

MOST_OF_ONE_NAME: Final = 1_000
"""Grants under one name: all of them are looked at whenever a pod of that name changes."""

LARGEST: Final = 60 << 10  # bytes of the text; as JSON and with its metadata the object is below 64 KiB
LEFT: Final = 56 << 10  # bytes that replicas share out: who joins meanwhile has the rest
_SHARERS: Final = 3  # replicas there are at least room for: two, and a third one while they are being replaced
BARE: Final = 256  # bytes of a holding besides scopes and names, the replica's id among them
_DIGITS: Final = 32  # of the largest sum: 50,000 grants, each of millions of containers, of 2^63 each
_AMOUNTS: Final = len(Amounts._fields) * (_DIGITS + 1) + 1
_LONGEST_SCOPE: Final = 63
_LEVEL: Final = 18  # bytes of one subject's level (history.py)

MOST_GRANTS: Final = 50_000
"""Grants that a replica keeps, about 1 KiB each: of 1,000 creates a second none would have to be seen for the lapse."""


def share(shared: Shared, replica: str) -> int:
    """Return how many bytes of the text are this replica's."""
    return LEFT // max(_SHARERS, len(shared.holdings) + (replica not in shared.holdings))


def for_names(shared: Shared, replica: str) -> int:
    """Return how many of them are for names."""
    return share(shared, replica) // 4 - _for_levels(shared, replica)


def levels(shared: Shared, replica: str) -> int:
    """Return of how many subjects their levels may be told."""
    return _for_levels(shared, replica) // _LEVEL


def _for_levels(shared: Shared, replica: str) -> int:
    return share(shared, replica) // 16


def has_room_for_spare(ledger: Ledger, shared: Shared, replica: str) -> bool:
    """Say whether what is to spare can be told in every scope besides what is held there, however much that is."""
    return 2 * len(ledger.accounting.scopes) * _most(_LONGEST_SCOPE) <= for_scopes(shared, replica)


def for_scopes(shared: Shared, replica: str) -> int:
    """Return how many of them are for what is open."""
    return share(shared, replica) * 3 // 4 - BARE


def is_tight(ledger: Ledger, shared: Shared, replica: str) -> bool:
    """Say whether there are so many scopes that something may be open in more of them than could be told."""
    if len(ledger.accounting.scopes) == 1:  # which has room however many replicas there are
        return False
    return len(ledger.accounting.scopes) * _most(_LONGEST_SCOPE) > for_scopes(shared, replica)


def by_others(shared: Shared, replica: str) -> int:
    """Return how many bytes the others take."""
    return sum(_length({other: holding}) for other, holding in shared.holdings.items() if other != replica)


def of_open(scopes: Iterable[str]) -> int:
    """Return how many bytes it may take to tell what is open in these scopes, however much that is."""
    return sum(_most(len(scope)) for scope in scopes)


def of_name(name: str, sums: Sums) -> int:
    """Return how many bytes it takes to tell a name."""
    return _length({name: sums})


def of_names(names: dict[str, Sums]) -> int:
    """Return how many bytes it takes to tell these names."""
    return _length(names)


def open_scopes(ledger: Ledger) -> set[str]:
    """Return the scopes in which anything is open."""
    return {scope for scope in ledger.accounting.scopes if ledger.reservations.open(scope) != NOTHING}


def can_hold(ledger: Ledger, pod: PodInfo, *, forced: bool) -> bool:
    """Say whether room is held for a pod that is let in: there are not too many, and a bound could hold all of it.

    What no bound could ever hold comes by policy alone (`forced`). Nothing that is kept free for it would keep the sums
    within their bounds, so until it is there it costs others nothing.
    """
    if ledger.reservations.are_too_many(pod.name, MOST_GRANTS, MOST_OF_ONE_NAME):
        return False
    return not forced or _bears(ledger, pod)


def _bears(ledger: Ledger, pod: PodInfo) -> bool:
    return all(
        bound is None or not asked or asked <= bound
        for scope in ledger.spread(pod).scopes
        for asked, bound in zip(ledger.asked(pod, scope), ledger.capacity.bearing(scope).bound, strict=True)
    )


def _most(name: int) -> int:
    return name + 4 + _AMOUNTS


def _length(value: object) -> int:
    return len(json.encode(value))
