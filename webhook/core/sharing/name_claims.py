"""Naming: which names a replica tells the others that it holds room for, and what those make of it.

A holding is a sum, and of two sums nobody can say how far they are for the same pods. Most are not: so only the names
are told that are *repeated*, under which more than one pod was let in, or one beside a pod that lives there. At most
one of them lives at any moment, so a name costs the largest of what lives there and what anybody holds for it.
"""

from heapq import nsmallest
from itertools import islice

from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.interval import Sums
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.reservations import Reservations
from webhook.core.sharing.shared_state import Shared
from webhook.core.sharing.size import for_names, of_name
from webhook.core.values.amounts import NOTHING, Amounts
from webhook.core.values.scopes import CLUSTER

MOST = 8  # names that one replica writes, if its share of the text (size.py) has room for them
_CONSIDERED = 100  # of those that are repeated, the first: the caller holds the lock


def namable(reservations: Reservations, shared: Shared, replica: str) -> dict[str, Sums]:
    """Return what may still come under the names that are repeated, or told by others.

    What is settled already is not part of it, for it is not held any more; nor is growth, which comes on top.
    """
    told = [name for other, holding in shared.holdings.items() if other != replica for name in holding.named]
    names = [*islice(reservations.repeated, _CONSIDERED), *told]
    costs = {name: reservations.open_from_nothing(name) for name in names}
    return {name: sums for name, sums in costs.items() if any(map(any, sums.values()))}


def named(reservations: Reservations, shared: Shared, replica: str) -> dict[str, Sums]:
    """Choose the names to tell, the largest first; what is held for the others counts in full."""
    costs = namable(reservations, shared, replica)
    largest = nsmallest(MOST, costs, key=lambda name: (*(-amount for amount in costs[name][CLUSTER]), name))
    told: dict[str, Sums] = {}
    left = for_names(shared, replica)
    for name in largest:
        sums = _more_than_nothing(costs[name])
        size = of_name(name, sums)
        if size <= left:
            told[name] = sums
            left -= size
    return told


def _more_than_nothing(sums: Sums) -> Sums:
    return {scope: amounts for scope, amounts in sums.items() if amounts != NOTHING}


def held_by_others(ledger: Ledger, shared: Shared, replica: str, scope: str, pod: PodInfo | None = None) -> Amounts:
    """What all other replicas hold in a scope, beyond what lives and may still come by this one's account.

    With a pod as if that had been let in: under its own name others may hold room already.
    """
    others = [holding for other, holding in shared.holdings.items() if other != replica]
    total = NOTHING
    names: Sums = {}
    for holding in others:
        total = total.plus(holding.beside_names(scope))
        for name, sums in holding.named.items():
            names[name] = names.get(name, NOTHING).or_more(sums.get(scope, NOTHING))
    for name, high in names.items():
        more = None if pod is None or pod.name != name else ledger.extent(pod, scope)
        total = total.plus(ledger.reservations.growth_by_others(name, high, scope, more))
    return total
