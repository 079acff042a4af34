"""Recount: the ledger's figures worked out once more from their parts, to see whether they drifted.

The ledger keeps its sums event by event; this adds them up from nothing, by their definitions, and returns what differs
as data. There must be no difference: whoever finds one reports it, and never mends it in silence.

`Ledger.parts` copies under the lock: shallow copies, for all in them is frozen, so a few milliseconds for 150,000 pods.
`recount` then needs no lock and computes for about 0.1 s, on a thread of its own, which `pause` lets stand back.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from webhook.core.account.accounting import SUMS, Accounting
from webhook.core.account.capacity import Bearing
from webhook.core.account.entry import Entry
from webhook.core.account.extent import NOWHERE, Before, Spread
from webhook.core.account.nodes import Node, Room, reserve
from webhook.core.account.placement import Placement
from webhook.core.values.amounts import NOTHING, Amounts

SLICE = 2_000  # pods between two pauses, counted in about a millisecond
SLICE_OF_NODES = 50

PoolOf = Callable[[Entry], str | None]
"""Tells which pool a live pod is charged to."""

Figure = tuple[str, str]
"""What is summed (`committed`, `held`, `unseen`, `open`, `unretired`) and where: in a scope; for `held`, on a node."""


class Grant(NamedTuple):
    """A reservation: what was granted under a name, on top of what, and whether it may still come."""

    name: str
    spread: Spread
    before: Before
    is_open: bool


_Sized = list[tuple[Room, Amounts | None]]
"""Nodes by their room and, where only their pods matter, what these hold."""


class Parts(NamedTuple):
    """What a ledger's figures are made of at one moment, and the figures as it kept them."""

    now: float
    accounting: Accounting
    pods: Mapping[str, Entry]
    nodes: Mapping[str, Node]
    grants: tuple[Grant, ...]
    sums: Mapping[Figure, Amounts]
    bearings: Mapping[str, Bearing]

    def why_not(self, node: str) -> str | None:
        """Say why a node does not count; a node that is not known takes nothing out of the account."""
        return self.nodes[node].why_not(self.accounting.nodes, self.now) if node in self.nodes else None

    def pools(self, pause: Callable[[], None] = lambda: None) -> PoolOf:
        """Work out from the nodes which pool pods are charged to; `pause` is called between slices of them."""
        placement = Placement(self.accounting.pool_of)
        if self.accounting.config.pools:
            for number, (name, node) in enumerate(self.nodes.items()):
                placement.put(name, node.facts.labels, node.pool, exists=node.deleted_at is None)
                if number % SLICE_OF_NODES == 0:
                    pause()
        placed = {name: node.pool for name, node in self.nodes.items()}
        return lambda pod: placed.get(pod.node) if pod.node else placement.pool_of(pod.confined_to)


class Drift(NamedTuple):
    """A figure that is not what its parts come to; `bearing` of a scope is what its nodes can bear."""

    figure: str
    where: str
    kept: Amounts | Bearing
    recounted: Amounts | Bearing


def recount(parts: Parts, pause: Callable[[], None] = lambda: None) -> tuple[Drift, ...]:
    """Return every figure that drifted; none may. `pause` is called between slices of the pods."""
    pool_of = parts.pools(pause)
    sums, bearings = figures(parts, _committed(parts, pool_of, pause), pool_of)
    drifts = [
        Drift(*f, parts.sums.get(f, NOTHING), sums.get(f, NOTHING)) for f in sorted(parts.sums.keys() | sums.keys())
    ]
    drifts += [Drift("bearing", scope, kept, bearings[scope]) for scope, kept in parts.bearings.items()]
    return tuple(drift for drift in drifts if drift.kept != drift.recounted)


def figures(
    parts: Parts, charged: Iterable[tuple[Figure, Amounts]], pool_of: PoolOf
) -> tuple[Mapping[Figure, Amounts], Mapping[str, Bearing]]:
    """Work out every figure, and what each scope can bear, from what the live pods are charged to."""
    sums: defaultdict[Figure, Amounts] = defaultdict(lambda: NOTHING)
    for add in (charged, _granted(parts, pool_of)):
        for figure, amounts in add:
            sums[figure] = sums[figure].plus(amounts)
    for figure, amounts in list(_excused(parts, sums)):
        sums[figure] = sums[figure].minus(amounts)
    return sums, {scope: _bearing(parts, sums, scope) for scope in parts.accounting.scopes}


def _committed(parts: Parts, pool_of: PoolOf, pause: Callable[[], None]) -> Iterator[tuple[Figure, Amounts]]:
    """Charge every pod to its scopes and its node; those that are alike are counted first, and added once."""
    alike: Counter[tuple[Amounts, str, str | None]] = Counter()
    pods = iter(parts.pods.values())
    while some := list(islice(pods, SLICE)):
        alike.update((pod.footprint, pod.node, pool_of(pod)) for pod in some)
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


def _granted(parts: Parts, pool_of: PoolOf) -> Iterator[tuple[Figure, Amounts]]:
    """A name costs the way from the least before its grants to the most after; what lives there surely covers some."""
    by_name: defaultdict[str, list[Grant]] = defaultdict(list)
    for grant in parts.grants:
        by_name[grant.name].append(grant)
    for name, grants in by_name.items():
        live = _live(parts, name, pool_of)
        for scope in parts.accounting.scopes:
            within = [grant for grant in grants if scope in grant.spread.scopes]
            still_open = [grant for grant in within if grant.is_open]
            yield ("unretired", scope), _way(within, scope, NOTHING)
            yield ("open", scope), _way(still_open, scope, NOTHING)
            yield ("unseen", scope), _way(still_open, scope, live.in_scope(scope))


def _way(grants: Sequence[Grant], scope: str, live: Amounts) -> Amounts:
    """What one does not raise tells nothing of how far the others reach."""
    ways = [zip(grant.before.within(scope), grant.spread.footprint, strict=True) for grant in grants]
    return Amounts._make(
        _beyond([w for w in each if w[0] < w[1]], lives) for lives, *each in zip(live, *ways, strict=True)
    )


def _beyond(ways: Sequence[tuple[int, int]], lives: int) -> int:
    return max(0, max(high for _, high in ways) - max(lives, min(low for low, _ in ways))) if ways else 0


def _live(parts: Parts, name: str, pool_of: PoolOf) -> Spread:
    pod = parts.pods.get(name)
    if pod is None or parts.why_not(pod.node) is not None:
        return NOWHERE
    return Spread(pod.footprint, pool_of(pod))


def _bearing(parts: Parts, sums: Mapping[Figure, Amounts], scope: str) -> Bearing:
    counted, standing, lost = _losable(parts, sums, scope)
    accounting, kept = parts.accounting, []
    for index in SUMS:
        still = [accounting.size(scope, index, room, held) for room, held in standing]
        gone = [accounting.size(scope, index, room, held) for room, held in lost]
        kept.append(reserve(still, gone, accounting.reserve_nodes(scope)))
    room = Room(sum(each.memory for each in counted), sum(each.cpu for each in counted))
    return Bearing(room, accounting.reserve(scope, kept), accounting.bound(scope, room, kept))


def _losable(parts: Parts, sums: Mapping[Figure, Amounts], scope: str) -> tuple[list[Room], _Sized, _Sized]:
    """Return what counts, what can still be lost and what is lost."""
    counted: list[Room] = []
    standing: _Sized = []
    lost: _Sized = []
    for name, node in parts.nodes.items():
        room = node.facts.room
        if scope not in node.scopes:
            continue
        if parts.why_not(name) is None:
            counted.append(room)
            standing.append((room, None))
        elif node.down(parts.accounting.nodes, parts.now):
            lost.append((room, node.lost_holding))
        else:
            standing.append((room, sums.get(("held", name), NOTHING)))
    return counted, standing, lost
