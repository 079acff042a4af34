"""Recount: the ledger's figures worked out once more from their parts, to see whether they drifted.

The ledger keeps its sums event by event; this adds them up from nothing, by their definitions, and returns what differs
as data. There must be no difference: whoever finds one reports it, and never mends it in silence.

`Ledger.parts` copies under the lock: shallow copies, for all in them is frozen, so a few milliseconds for 150,000 pods.
`recount` then needs no lock and computes for about 0.1 s, on a thread of its own, which `pause` lets stand back.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import NamedTuple

from webhook.core.accounting import Accounting
from webhook.core.amounts import NOTHING, Amounts
from webhook.core.capacity import Bearing
from webhook.core.entry import Entry
from webhook.core.nodes import Node, Room, reserve
from webhook.core.reservations import NOWHERE, Spread

SLICE = 2_000  # pods between two pauses, counted in about a millisecond

Figure = tuple[str, str]
"""What is summed (`committed`, `held`, `unseen`, `open`, `unretired`) and where: in a scope; for `held`, on a node."""


class Parts(NamedTuple):
    """What a ledger's figures are made of at one moment, and the figures as it kept them."""

    now: float
    accounting: Accounting
    pods: Mapping[str, Entry]
    nodes: Mapping[str, Node]
    grants: tuple[tuple[str, Spread, bool], ...]  # the name, what was granted, whether it is open
    sums: Mapping[Figure, Amounts]
    bearings: Mapping[str, Bearing]

    def why_not(self, node: str) -> str | None:
        """Say why a node does not count; a node that is not known takes nothing out of the account."""
        return self.nodes[node].why_not(self.accounting.nodes, self.now) if node in self.nodes else None

    def pool_of(self, pod: Entry) -> str | None:
        """Return the pool that a pod is charged to."""
        if not pod.node:
            return self.accounting.pool_of(dict(pod.confined_to)) if pod.confined_to else None
        return self.nodes[pod.node].pool if pod.node in self.nodes else None


class Drift(NamedTuple):
    """A figure that is not what its parts come to; `bearing` of a scope is what its nodes can bear."""

    figure: str
    where: str
    kept: Amounts | Bearing
    recounted: Amounts | Bearing


def recount(parts: Parts, pause: Callable[[], None] = lambda: None) -> tuple[Drift, ...]:
    """Return every figure that drifted; none may. `pause` is called between slices of the pods."""
    sums: defaultdict[Figure, Amounts] = defaultdict(lambda: NOTHING)
    for add in (_committed(parts, pause), _granted(parts)):
        for figure, amounts in add:
            sums[figure] = sums[figure].plus(amounts)
    for figure, amounts in list(_excused(parts, sums)):
        sums[figure] = sums[figure].minus(amounts)
    drifts = [Drift(*f, parts.sums.get(f, NOTHING), sums[f]) for f in sorted(parts.sums.keys() | sums.keys())]
    drifts += [Drift("bearing", scope, kept, _bearing(parts, scope)) for scope, kept in parts.bearings.items()]
    return tuple(drift for drift in drifts if drift.kept != drift.recounted)


def _committed(parts: Parts, pause: Callable[[], None]) -> Iterator[tuple[Figure, Amounts]]:
    """Charge every pod to its scopes and its node; those that are alike are counted first, and added once."""
    alike: Counter[tuple[Amounts, str, str | None]] = Counter()
    pods = iter(parts.pods.values())
    while some := list(islice(pods, SLICE)):
        alike.update((pod.footprint, pod.node, parts.pool_of(pod)) for pod in some)
        pause()
    for (footprint, node, pool), number in alike.items():
        amounts = footprint.times(number)
        for scope in Spread(amounts, pool).scopes:
            yield ("committed", scope), amounts
        if node:
            yield ("held", node), amounts


def _excused(parts: Parts, sums: Mapping[Figure, Amounts]) -> Iterator[tuple[Figure, Amounts]]:
    """Take out the pods of nodes that do not count, up to what these nodes took out of the bound."""
    for name, node in parts.nodes.items():
        if parts.why_not(name) is not None:
            held = sums.get(("held", name), NOTHING)
            for scope in node.scopes:
                yield ("committed", scope), held.upto(parts.accounting.bearing_of(scope, node.facts.room))


def _granted(parts: Parts) -> Iterator[tuple[Figure, Amounts]]:
    """A name costs the largest of what was granted under it; what lives there surely covers as much of it."""
    by_name: defaultdict[str, list[tuple[Spread, bool]]] = defaultdict(list)
    for name, spread, is_open in parts.grants:
        by_name[name].append((spread, is_open))
    for name, grants in by_name.items():
        live = _live(parts, name)
        for scope in parts.accounting.scopes:
            unretired = still_open = NOTHING
            for spread, is_open in grants:
                unretired = unretired.or_more(spread.in_scope(scope))
                still_open = still_open.or_more(spread.in_scope(scope)) if is_open else still_open
            yield ("unretired", scope), unretired
            yield ("open", scope), still_open
            yield ("unseen", scope), still_open.beyond(live.in_scope(scope))


def _live(parts: Parts, name: str) -> Spread:
    pod = parts.pods.get(name)
    if pod is None or parts.why_not(pod.node) is not None:
        return NOWHERE
    return Spread(pod.footprint, parts.pool_of(pod))


def _bearing(parts: Parts, scope: str) -> Bearing:
    rules, now = parts.accounting.nodes, parts.now
    members = [node for node in parts.nodes.values() if scope in node.scopes]
    counted = [node.facts.room for node in members if node.why_not(rules, now) is None]
    down = [node.facts.room for node in members if node.down(rules, now)]
    room = Room(sum(each.memory for each in counted), sum(each.cpu for each in counted))
    kept = reserve(counted, down, parts.accounting.reserve_nodes(scope))
    return Bearing(room, kept, parts.accounting.bound(scope, room.minus(kept)))
