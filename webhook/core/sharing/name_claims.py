"""Name claims: for which pod names a replica writes into the object that it holds room, and how others count that.

A holding is a sum, and two sums do not show how much of them is for the same pod. Most pods are granted by one replica
only. So a replica writes only the names that are *repeated*: more than one pod was admitted under the name, or one pod
beside a pod that lives there. At most one pod lives under a name at any moment, so a name costs the largest of what
lives there and of what any replica holds for it.
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

MOST = 8  # names that one replica writes at most, if its share of the text (size.py) has room for them
_CONSIDERED = 100  # repeated names are considered, the oldest ones: the caller holds the lock meanwhile


def namable(reservations: Reservations, shared: Shared, replica: str) -> dict[str, Sums]:
    """Return the open creates, by name and scope, of each name that is repeated here or that another replica names.

    Settled reservations are left out, because the write no longer holds room for them. So is growth of a living pod,
    which comes on top of what lives there.
    """
    theirs = [name for other, holding in shared.holdings.items() if other != replica for name in holding.named]
    names = [*islice(reservations.repeated, _CONSIDERED), *theirs]
    costs = {name: reservations.open_from_nothing(name) for name in names}
    return {name: sums for name, sums in costs.items() if any(map(any, sums.values()))}


def named(reservations: Reservations, shared: Shared, replica: str) -> dict[str, Sums]:
    """Choose the names to write, the largest first; what is held for all other names counts in full."""
    costs = namable(reservations, shared, replica)
    largest = nsmallest(MOST, costs, key=lambda name: (*(-amount for amount in costs[name][CLUSTER]), name))
    chosen: dict[str, Sums] = {}
    left = for_names(shared, replica)
    for name in largest:
        sums = _more_than_nothing(costs[name])
        size = of_name(name, sums)
        if size <= left:
            chosen[name] = sums
            left -= size
    return chosen


def _more_than_nothing(sums: Sums) -> Sums:
    return {scope: amounts for scope, amounts in sums.items() if amounts != NOTHING}


def held_by_others(ledger: Ledger, shared: Shared, replica: str, scope: str, pod: PodInfo | None = None) -> Amounts:
    """What all other replicas hold in a scope, beyond what this replica's ledger has as live or open.

    With `pod`, the answer is as if that pod were granted here: other replicas may hold room under its name already.
    """
    others = [holding for other, holding in shared.holdings.items() if other != replica]
    total = NOTHING
    names: Sums = {}
    for holding in others:
        total = total.plus(holding.beside_names(scope))
        for name, sums in holding.named.items():
            names[name] = names.get(name, NOTHING).or_more(sums.get(scope, NOTHING))
    for name, high in names.items():
        more = None if pod is None or pod.name != name else ledger.interval(pod, scope)
        total = total.plus(ledger.reservations.growth_by_others(name, high, scope, more))
    return total
