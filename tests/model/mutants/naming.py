"""Broken rules of repeated names."""

from tests.model.mutants.registry import Patches, mutant
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.interval import Interval, Sums
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.reservations import Reservation, Reservations, _Name
from webhook.core.sharing import allotment as allotment_module
from webhook.core.sharing import proposal as proposal_module
from webhook.core.sharing.allotment import Allotment
from webhook.core.sharing.name_claims import held_by_others
from webhook.core.sharing.shared_state import Shared
from webhook.core.values.amounts import NOTHING, Amounts


def _counted(count: object) -> Patches:
    return [(proposal_module, "held_by_others", count), (allotment_module, "held_by_others", count)]


@mutant("names: what is held for a name counts, once")
def names_count_nothing() -> Patches:
    def rest(ledger: Ledger, shared: Shared, replica: str, scope: str, pod: PodInfo | None = None) -> Amounts:
        total = NOTHING
        for other, holding in shared.holdings.items():
            total = total if other == replica else total.plus(holding.beside_names(scope))
        return total

    return _counted(rest)


@mutant("names: what is open here counts with them", "I2")
def own_grants_count_beside_names() -> Patches:
    def beside(self: Reservations, name: str, high: Amounts, scope: str, more: Interval | None = None) -> Amounts:
        live = self._live(name).in_scope(scope)
        return high.beyond(live) if more is None else more.leaves(high, live)

    return [(Reservations, "growth_by_others", beside)]


@mutant("names: a pod that is asked about counts with them", "I2")
def asked_counts_beside_its_name() -> Patches:
    def beside(ledger: Ledger, shared: Shared, replica: str, scope: str, pod: PodInfo | None = None) -> Amounts:
        return held_by_others(ledger, shared, replica, scope)

    return _counted(beside)


@mutant("names: growth is not named")
def growth_is_named() -> Patches:
    def cost(self: Reservations, name: str) -> Sums:
        group = self._names.get(name)
        return {scope: interval.cost for scope, interval in group.open.items()} if group else {}

    return [(Reservations, "open_from_nothing", cost)]


@mutant("names: what is settled is not named")
def settled_is_named() -> Patches:
    def unretired(self: Reservations, name: str) -> Sums:
        group = self._names.get(name)
        return {scope: interval.cost for scope, interval in group.unretired.items()} if group else {}

    return [(Reservations, "open_from_nothing", unretired)]


@mutant("names: what is held for one becomes less by a write alone")
def another_pool_releases() -> Patches:
    def forget(self: Reservations, name: str, group: _Name, replaced: Reservation) -> None:
        self._forget(replaced)

    return [(Reservations, "_set_aside", forget)]


@mutant("names: who holds nothing to spare tells them at once")
def repeated_and_not_told() -> Patches:
    return [(Allotment, "_says_too_little", lambda *_: False)]
