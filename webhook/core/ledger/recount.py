"""Recount: the ledger's figures worked out again from their parts, to find out whether they drifted.

The ledger keeps its sums event by event; the recount adds them up from zero, by their definitions, and returns each
difference as data. There must be none: a caller that finds one reports it, and never corrects it silently.

`Ledger.parts` copies under the lock. The copies are shallow, because everything in them is frozen, and take a few
milliseconds for 150,000 pods. `recount` then needs no lock. It computes for about 0.1 s on a thread of its own, and
calls `pause` between slices, where that thread lets others run.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from webhook.core.ledger.capacity import ScopeLimits
from webhook.core.ledger.drift import Drift
from webhook.core.ledger.entry import Entry, Unbound
from webhook.core.ledger.interval import NOWHERE, Before, Charge
from webhook.core.ledger.nodes import Allocatable, Node, NodeInfo
from webhook.core.ledger.placement import Placement
from webhook.core.ledger.places import Places
from webhook.core.ledger.reserve import Kept, keep, owed
from webhook.core.ledger.rules import SUMS, AccountingRules
from webhook.core.ledger.subjects import subjects_of
from webhook.core.ledger.tallies import TallySnapshot
from webhook.core.ledger.tally_check import tally_drifts
from webhook.core.values.amounts import NOTHING, Amounts

AWAITED = "awaited of"  # with a subject after it, the figure of what the subject has open
SLICE = 2_000  # pods between two pauses; about a millisecond of work
SLICE_OF_NODES = 50

Figure = tuple[str, str]
"""What is summed, and where: `held` on a node, all others in a scope.

The figures of a scope are `committed`, `pending`, `unplaceable`, `apart`, `unseen`, `open`, `unretired` and, for each
subject that has anything open, `awaited of SUBJECT`.
"""


class Grant(NamedTuple):
    """A reservation: what was granted under a name, what the pod was before, and whether the pod may still appear."""

    name: str
    charge: Charge
    before: Before
    is_open: bool
    owner: str = ""


class Snapshot(NamedTuple):
    """The parts of a ledger's figures at one moment, and the figures that it kept (`sums`, `limits_by_scope`)."""

    now: float
    accounting: AccountingRules
    pods: Mapping[str, Entry]
    nodes: Mapping[str, Node]
    grants: tuple[Grant, ...]
    sums: Mapping[Figure, Amounts]
    limits_by_scope: Mapping[str, ScopeLimits]
    tallies: TallySnapshot

    def why_not(self, node: str) -> str | None:
        """Say why a node does not count; None if it counts, or is not known and so takes nothing out of the sums."""
        return self.nodes[node].why_not(self.accounting.nodes, self.now) if node in self.nodes else None

    def leaving(self, node: Node) -> bool:
        """Say whether a node does not count only because of a cordon."""
        return node.leaving(self.accounting.nodes, self.now)

    def down(self, node: Node) -> bool:
        """Say whether a node is lost (NotReady or deleted)."""
        return node.down(self.accounting.nodes, self.now)

    def placement(self, pause: Callable[[], None]) -> Placement:
        """Return a placement of the nodes, which finds the pool of a confinement; calls `pause` between slices."""
        found = Placement(self.accounting.pool_of)
        if self.accounting.config.pools:
            for number, (name, node) in enumerate(self.nodes.items()):
                found.put(name, node.info.labels, node.pool, exists=node.deleted_at is None)
                if number % SLICE_OF_NODES == 0:
                    pause()
        return found

    def places(self) -> Places:
        """Return the nodes that count, in the form that tells what they can hold."""
        found = Places(self._known)
        for name, node in self.nodes.items():
            if self.why_not(name) is None:
                found.put(name, node.info)
        return found

    def _known(self, node: str) -> NodeInfo | None:
        known = self.nodes.get(node)
        return None if known is None or known.deleted_at is not None else known.info

    def placed(self, node: str) -> str | None:
        """Return the pool of a node; None if the node is not known or not in a pool."""
        return self.nodes[node].pool if node in self.nodes else None


class Alike(NamedTuple):
    """What all unbound pods that are charged alike have in common."""

    footprint: Amounts
    pool: str | None
    holdable: bool
    apart: bool


AlikeIn = Callable[[str, Unbound], Alike]
"""Returns how the unbound pod with this name is charged."""


def alike_in(parts: Snapshot, pause: Callable[[], None] = lambda: None) -> AlikeIn:
    """Return the function that says how an unbound pod is charged; calls `pause` between slices of the nodes."""
    placement, places, lets_in = parts.placement(pause), parts.places(), parts.accounting.lets_in

    def alike(name: str, pod: Unbound) -> Alike:
        holdable = places.hold(pod.confined_to, pod.footprint)
        apart = not holdable and lets_in(name, pod.priority_class, of_daemon_set=pod.of_daemon_set)
        return Alike(pod.footprint, placement.pool_of(pod.confined_to), holdable, apart)

    return alike


def recount(parts: Snapshot, pause: Callable[[], None] = lambda: None) -> tuple[Drift, ...]:
    """Return every figure that drifted; the result must be empty. Calls `pause` between slices of nodes and pods."""
    alike = alike_in(parts, pause)
    sums, limits_by_scope = figures(parts, _committed(parts, alike, pause), alike)
    drifts = [
        Drift(*f, parts.sums.get(f, NOTHING), sums.get(f, NOTHING)) for f in sorted(parts.sums.keys() | sums.keys())
    ]
    drifts += [Drift("limits", scope, kept, limits_by_scope[scope]) for scope, kept in parts.limits_by_scope.items()]
    drifted = (drift for drift in drifts if drift.kept != drift.recounted)
    return (*drifted, *tally_drifts(parts.tallies, parts.pods, pause))


def figures(
    parts: Snapshot, charged: Iterable[tuple[Figure, Amounts]], alike: AlikeIn
) -> tuple[Mapping[Figure, Amounts], Mapping[str, ScopeLimits]]:
    """Work out every figure, and the limits of each scope, from the charges of the live pods."""
    sums: defaultdict[Figure, Amounts] = defaultdict(lambda: NOTHING)
    for add in (charged, _granted(parts, alike)):
        for figure, amounts in add:
            sums[figure] = sums[figure].plus(amounts)
    leaving: defaultdict[Figure, Amounts] = defaultdict(lambda: NOTHING)
    for figure, amounts, is_leaving in list(_excused(parts, sums)):
        if is_leaving:
            leaving[figure] = leaving[figure].plus(amounts)
        else:
            sums[figure] = sums[figure].minus(amounts)
    limits_by_scope = {scope: _scope_limits(parts, sums, scope) for scope in parts.accounting.scopes}
    for figure, amounts in leaving.items():
        sums[figure] = sums[figure].minus(amounts.upto(limits_by_scope[figure[1]].unpaid))
    return sums, limits_by_scope


def _committed(parts: Snapshot, alike: AlikeIn, pause: Callable[[], None]) -> Iterator[tuple[Figure, Amounts]]:
    """Yield the charges of every pod to its scopes and its node; equal pods are counted first and added once."""
    bound: Counter[tuple[Amounts, str]] = Counter()
    unbound: Counter[Alike] = Counter()
    pods = iter(parts.pods.items())
    while some := list(islice(pods, SLICE)):
        bound.update((pod.footprint, pod.node) for _, pod in some if pod.node)
        unbound.update(alike(name, pod) for name, pod in some if isinstance(pod, Unbound))
        pause()
    for (footprint, node), number in bound.items():
        amounts = footprint.times(number)
        for scope in Charge(amounts, parts.placed(node)).scopes:
            yield ("committed", scope), amounts
        yield ("held", node), amounts
    yield from charged(unbound)


def charged(unbound: Mapping[Alike, int]) -> Iterator[tuple[Figure, Amounts]]:
    """Yield the charges of unbound pods to their scopes; `unbound` is the number of pods of each kind."""
    for alike, number in unbound.items():
        amounts = alike.footprint.times(number)
        if alike.apart:
            figures = ["apart"]
        else:
            figures = ["committed", "pending"] if alike.holdable else ["committed", "pending", "unplaceable"]
        for scope in Charge(amounts, alike.pool).scopes:
            for figure in figures:
                yield (figure, scope), amounts


def _excused(parts: Snapshot, sums: Mapping[Figure, Amounts]) -> Iterator[tuple[Figure, Amounts, bool]]:
    """Yield what the pods of each node that does not count take out, up to what the node took out of the bound.

    The last field says whether the node is leaving: all leaving nodes together take out at most what no reserve pays
    for.
    """
    for name, node in parts.nodes.items():
        if parts.why_not(name) is not None:
            held, leaving = sums.get(("held", name), NOTHING), parts.leaving(node)
            for scope in node.scopes:
                yield ("committed", scope), held.upto(parts.accounting.bound_of_node(scope, node.info.room)), leaving


def _granted(parts: Snapshot, alike: AlikeIn) -> Iterator[tuple[Figure, Amounts]]:
    """Yield what the grants come to, name by name.

    A name costs the way from the least before its grants to the most after; a living pod that surely counts covers a
    part of that.
    """
    by_name: defaultdict[str, list[Grant]] = defaultdict(list)
    for grant in parts.grants:
        by_name[grant.name].append(grant)
    for name, grants in by_name.items():
        live, subjects = _live(parts, name, alike), _subjects(name, grants)
        for scope in {scope for grant in grants for scope in grant.charge.scopes}.intersection(parts.accounting.scopes):
            within = [grant for grant in grants if scope in grant.charge.scopes]
            still_open = [grant for grant in within if grant.is_open]
            yield ("unretired", scope), _way(within, scope, NOTHING)
            yield ("open", scope), _way(still_open, scope, NOTHING)
            unseen = _way(still_open, scope, live.in_scope(scope))
            yield ("unseen", scope), unseen
            for subject in subjects:
                yield (f"{AWAITED} {subject}", scope), unseen


def _subjects(name: str, grants: Iterable[Grant]) -> set[str]:
    """Return the subjects of a name: it counts in full for its namespace and for the owner of each open grant."""
    return {subject for grant in grants if grant.is_open for subject in subjects_of(name, grant.owner)}


def _way(grants: Sequence[Grant], scope: str, live: Amounts) -> Amounts:
    """Return what grants of one name add to `live` in a scope; a sum ignores the grants that do not raise it."""
    ways = [zip(grant.before.within(scope), grant.charge.footprint, strict=True) for grant in grants]
    return Amounts._make(
        _beyond([w for w in each if w[0] < w[1]], lives) for lives, *each in zip(live, *ways, strict=True)
    )


def _beyond(ways: Sequence[tuple[int, int]], lives: int) -> int:
    return max(0, max(high for _, high in ways) - max(lives, min(low for low, _ in ways))) if ways else 0


def _live(parts: Snapshot, name: str, alike: AlikeIn) -> Charge:
    pod = parts.pods.get(name)
    if pod is None or parts.why_not(pod.node) is not None:
        return NOWHERE
    if not isinstance(pod, Unbound):
        return Charge(pod.footprint, parts.placed(pod.node))
    kind = alike(name, pod)
    return NOWHERE if kind.apart else Charge(pod.footprint, kind.pool)


def _scope_limits(parts: Snapshot, sums: Mapping[Figure, Amounts], scope: str) -> ScopeLimits:
    accounting, members = parts.accounting, [node for node in parts.nodes.values() if scope in node.scopes]
    room = _room(node for node in members if parts.why_not(node.info.name) is None)
    leaving = _room(filter(parts.leaving, members))
    kept = [_kept(parts, sums, scope, index, members) for index in SUMS]
    now = [each.now for each in kept]
    bound, unpaid = accounting.bound(scope, room, now), accounting.unpaid(scope, room, leaving, kept)
    return ScopeLimits(room, accounting.reserve(scope, now), bound, unpaid)


def _kept(parts: Snapshot, sums: Mapping[Figure, Amounts], scope: str, index: int, members: Sequence[Node]) -> Kept:
    """Work out the part of one sum's bound that is kept in reserve, from all nodes of the scope."""
    losses, joined, cordoned, sizes = [], [], 0, []
    for node in members:
        whole = parts.accounting.size(scope, index, node.info.room)
        size = parts.accounting.size(scope, index, node.info.room, _in_question(parts, sums, node))
        sizes.append(size)
        if node.counted_since is not None:
            joined.append((node.counted_since, whole))
        if parts.down(node):
            losses.append((node.lost_at, size))
        cordoned += size if parts.leaving(node) else 0
    return keep(sizes, parts.accounting.reserve_nodes(scope), owed(losses, joined), cordoned)


def _in_question(parts: Snapshot, sums: Mapping[Figure, Amounts], node: Node) -> Amounts | None:
    """Return how much of a node can be lost or is lost: None for all of it, else what its pods hold, or held."""
    if parts.down(node):
        return node.lost_holding
    outside = parts.why_not(node.info.name) is not None and not parts.leaving(node)
    return sums.get(("held", node.info.name), NOTHING) if outside else None


def _room(nodes: Iterable[Node]) -> Allocatable:
    rooms = [node.info.room for node in nodes]
    return Allocatable(sum(room.memory for room in rooms), sum(room.cpu for room in rooms))
