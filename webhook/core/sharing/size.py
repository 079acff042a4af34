"""Size: how much of the shared object one replica may write, so that the object always stays small.

Users choose names, pools and amounts, and so does anybody who can reach a replica's port. If the object were too large
to be written, no replica could grant. So each replica has a share of the text, and fills it in this order:

1. What is open in a scope. It must be written, or another replica would book that room. So a replica grants nothing in
   a scope for which the next write may have no room: such a pod waits for a write, which books it only if it has room.
2. Repeated names, the largest first, up to a part of the share. A name that is left out costs the others more, never
   less.
3. The subjects whose pods lapsed unseen, the worst first, up to another part.
4. What is booked to spare, the cluster's first. In a scope without any, each pod waits for a write of its own. Which
   part of a holding is to spare is written only if there is room for that in all scopes; otherwise all of it counts as
   open.
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
"""Grants under one name at most: all of them are looked at whenever a pod of that name changes."""

LARGEST: Final = 60 << 10  # bytes of the text; as JSON and with its metadata the object is below 64 KiB
LEFT: Final = 56 << 10  # bytes that replicas share out; a replica that joins meanwhile has the rest
_SHARERS: Final = 3  # replicas that have room at least: two, and a third while they are being replaced
BARE: Final = 256  # bytes of a holding without scopes and names, but with the replica's id
_DIGITS: Final = 32  # of the largest sum: 50,000 grants, each with millions of containers of 2^63
_AMOUNTS: Final = len(Amounts._fields) * (_DIGITS + 1) + 1
_LONGEST_SCOPE: Final = 63
_LEVEL: Final = 18  # bytes of one subject's level (history.py)

MOST_GRANTS: Final = 50_000
"""Grants that a replica keeps at most, about 1 KiB each: 1,000 a second, if none is seen for a whole lapse."""


def share(shared: Shared, replica: str) -> int:
    """Return how many bytes of the text this replica may use."""
    return LEFT // max(_SHARERS, len(shared.holdings) + (replica not in shared.holdings))


def for_names(shared: Shared, replica: str) -> int:
    """Return how many bytes of the share are for names."""
    return share(shared, replica) // 4 - _for_levels(shared, replica)


def levels(shared: Shared, replica: str) -> int:
    """Return for how many subjects the level may be written."""
    return _for_levels(shared, replica) // _LEVEL


def _for_levels(shared: Shared, replica: str) -> int:
    return share(shared, replica) // 16


def has_room_for_spare(ledger: Ledger, shared: Shared, replica: str) -> bool:
    """Say whether each scope has room for what is to spare beside what is held, however large the amounts are."""
    return 2 * len(ledger.accounting.scopes) * _most(_LONGEST_SCOPE) <= for_scopes(shared, replica)


def for_scopes(shared: Shared, replica: str) -> int:
    """Return how many bytes of the share are for what is open."""
    return share(shared, replica) * 3 // 4 - BARE


def is_tight(ledger: Ledger, shared: Shared, replica: str) -> bool:
    """Say whether there are more scopes than the share certainly has room for, if something is open in all of them."""
    if len(ledger.accounting.scopes) == 1:  # the cluster alone always has room
        return False
    return len(ledger.accounting.scopes) * _most(_LONGEST_SCOPE) > for_scopes(shared, replica)


def by_others(shared: Shared, replica: str) -> int:
    """Return how many bytes the holdings of other replicas take."""
    return sum(_length({other: holding}) for other, holding in shared.holdings.items() if other != replica)


def of_open(scopes: Iterable[str]) -> int:
    """Return how many bytes the amounts that are open in these scopes take at most, however large they are."""
    return sum(_most(len(scope)) for scope in scopes)


def of_name(name: str, sums: Sums) -> int:
    """Return how many bytes a name and its amounts take."""
    return _length({name: sums})


def of_names(names: dict[str, Sums]) -> int:
    """Return how many bytes these names and their amounts take."""
    return _length(names)


def open_scopes(ledger: Ledger) -> set[str]:
    """Return the scopes in which anything is open."""
    return {scope for scope in ledger.accounting.scopes if ledger.reservations.open(scope) != NOTHING}


def can_hold(ledger: Ledger, pod: PodInfo, *, forced: bool) -> bool:
    """Say whether a pod that is admitted is reserved for: there are not too many grants, and each bound could hold it.

    A pod that asks for more than a whole bound is admitted by policy only (`forced`). No room kept free for it would
    keep the sums within their bounds, so it costs the others nothing until it is there.
    """
    if ledger.reservations.are_too_many(pod.name, MOST_GRANTS, MOST_OF_ONE_NAME):
        return False
    return not forced or _bears(ledger, pod)


def _bears(ledger: Ledger, pod: PodInfo) -> bool:
    return all(
        bound is None or not asked or asked <= bound
        for scope in ledger.charge(pod).scopes
        for asked, bound in zip(ledger.asked(pod, scope), ledger.capacity.scope_limits(scope).bound, strict=True)
    )


def _most(name: int) -> int:
    return name + 4 + _AMOUNTS


def _length(value: object) -> int:
    return len(json.encode(value))
