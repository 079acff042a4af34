"""Capacity: the known nodes, which of them count now, and the bound of each scope that follows from them."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from heapq import nlargest
from typing import NamedTuple

from webhook.core.ledger.nodes import ALWAYS, Allocatable, Node, NodeInfo, not_ready_since
from webhook.core.ledger.places import Places
from webhook.core.ledger.reserve import Kept, keep, owed
from webhook.core.ledger.rules import SUMS, AccountingRules, Bound
from webhook.core.values.amounts import NOTHING, Amounts

_NO_MORE = (0,) * len(SUMS)


class ScopeLimits(NamedTuple):
    """What a scope can bear: allocatable on the nodes that count and, for each sum, its reserve and its bound.

    `unpaid` is how much higher each bound would be if the cordoned nodes counted: the part of these nodes that no
    reserve pays for.
    """

    room: Allocatable = Allocatable()
    reserve: tuple[int, ...] = ()
    bound: Bound = ()
    unpaid: Amounts = NOTHING


class _Base(NamedTuple):
    """The part of a scope's limits that depends on its nodes alone; sizes are in grains, one entry for each sum."""

    room: Allocatable
    leaving: Allocatable
    sizes: tuple[list[int], ...]  # of the largest nodes that can be lost whole, and of all nodes lost while outside
    lost: tuple[int, ...]
    largest: Allocatable  # of the nodes that count, the most memory and the most cpu, be they of two nodes
    outside: tuple[NodeInfo, ...]  # of these, only what their pods hold can be lost


class Capacity:
    """The table of nodes. Each method that changes it returns the nodes that changed, so that the ledger can follow.

    Whether a node counts or is down is decided when the node changes and by `tick`, never when a caller asks: so a node
    whose grace has just ended is one of the two, never both. `held` returns what the pods of a node commit; the caller
    that provides it must call `stir` or `listed` when that amount changes.
    """

    def __init__(self, accounting: AccountingRules, held: Callable[[str], Amounts] = lambda _: NOTHING) -> None:
        self._accounting = accounting
        self._held = held
        self._nodes: dict[str, Node] = {}
        self.places = Places(self._standing)
        self._counting: set[str] = set()
        self._leaving: set[str] = set()
        self._down: set[str] = set()
        self._listed = False  # whether the first list has come: a node that comes later has joined
        # These are worked out on demand, because nodes often change many at a time.
        self._bases: dict[str, _Base] = {}
        self._scope_limits: dict[str, ScopeLimits] = {}
        self._without_largest: dict[str, Bound] = {}
        self._overlaps: Mapping[tuple[str, str], int] | None = None
        self._out: Mapping[str, tuple[str, ...]] | None = None
        self._uncounted: dict[str, tuple[tuple[str, int], ...]] = {}

    def get(self, name: str) -> Node | None:
        """Return the node with this name, or None if it is not known."""
        return self._nodes.get(name)

    def _standing(self, name: str) -> NodeInfo | None:
        node = self._nodes.get(name)
        return None if node is None or node.deleted_at is not None else node.info

    def all(self) -> Iterable[Node]:
        """Return all known nodes, whether they count or not."""
        return self._nodes.values()

    def counts(self, name: str) -> bool:
        """Say whether a node counts now."""
        return name in self._counting

    def leaving(self, name: str) -> bool:
        """Say whether a node does not count only because of a cordon: its pods count as far as a reserve pays."""
        return name in self._leaving

    def scope_limits(self, scope: str) -> ScopeLimits:
        """Return what the scope can bear now."""
        known = self._scope_limits.get(scope)
        if known is None:
            known = self._scope_limits[scope] = self._limits_of(scope)
        return known

    def without_largest(self, scope: str) -> Bound:
        """Return what each bound would be if the largest node that counts were lost now.

        The largest is the one that has most of the resource of that bound. A reserve that is for it pays for it.
        """
        known = self._without_largest.get(scope)
        if known is None:
            base = self._base_of(scope)
            grains = [self._accounting.size(scope, index, base.largest) for index in SUMS]
            kept = [each.now for each in self._kept(scope, base, grains)]
            less = Allocatable(base.room.memory - base.largest.memory, base.room.cpu - base.largest.cpu)
            known = self._without_largest[scope] = self._accounting.bound(scope, less, kept)
        return known

    def copied(self) -> dict[str, Node]:
        """Return a copy of the table of nodes."""
        return self._nodes.copy()

    def overlaps(self) -> Mapping[tuple[str, str], int]:
        """Return how many nodes two pools select, by the pool that the nodes belong to and the other pool."""
        if self._overlaps is None:
            nodes = [n for n in self._nodes.values() if n.overlaps and n.deleted_at is None]
            self._overlaps = Counter((node.pool or "", other) for node in nodes for other in node.overlaps)
        return self._overlaps

    def out(self) -> Mapping[str, tuple[str, ...]]:
        """Return, by scope, the nodes that use up a reserve, if one is set: cordoned, or lost and not replaced."""
        if self._out is None:
            self._out = {scope: self._out_of(scope) for scope in self._accounting.scopes}
        return self._out

    def uncounted(self, scope: str) -> tuple[tuple[str, int], ...]:
        """Return why nodes of a scope do not count and how many for each reason, the most frequent reason first."""
        known = self._uncounted.get(scope)
        if known is None:
            reasons = Counter(
                _reason(node, down=name in self._down)
                for name, node in self._nodes.items()
                if scope in node.scopes and name not in self._counting
            )
            known = self._uncounted[scope] = tuple(reasons.most_common())
        return known

    def see(self, info: NodeInfo, now: float) -> list[Node]:
        """Take in a node that was added or changed."""
        return self._weigh(self._put(info, now), now)

    def gone(self, name: str, now: float) -> list[Node]:
        """Take in that a node was deleted; it is remembered for `forgetDeletedAfter`."""
        return self._weigh(self._mark_deleted(name, now), now)

    def relist(self, nodes: Iterable[NodeInfo], now: float) -> list[Node]:
        """Take in a complete, consistent list of nodes."""
        listed = {node.name: node for node in nodes}
        changed = [node for name in set(self._nodes) - set(listed) for node in self._mark_deleted(name, now)]
        for info in listed.values():
            changed += self._put(info, now)
        if not self._listed:
            self._listed = True
            self._nodes.update({name: replace(node, counted_since=ALWAYS) for name, node in self._nodes.items()})
        return self._weigh(changed, now)

    def adopt(self, nodes: Iterable[Node], now: float) -> list[Node]:
        """Take in nodes with their whole past, as another table of the same configuration knew them at `now`."""
        self._listed = True
        self._nodes = {node.info.name: node for node in nodes}
        self._down = {name for name, node in self._nodes.items() if node.down(self._accounting.nodes, now)}
        return self._weigh(list(self._nodes.values()), now)

    def tick(self, now: float) -> list[Node]:
        """Take in the time: end the grace of nodes that are NotReady, and forget nodes deleted long ago."""
        rules = self._accounting.nodes
        due = [n for n in self._nodes.values() if (at := n.next_change(rules)) is not None and at <= now]
        changed = [n for n in due if n.deleted_at is not None or n.info.name not in self._down]
        for node in changed:
            if node.deleted_at is not None:
                del self._nodes[node.info.name]
        return self._weigh(changed, now)

    def configure(self, accounting: AccountingRules, now: float) -> list[Node]:
        """Judge all nodes by another configuration from now on."""
        self._accounting = accounting
        self._forget_figures()
        for name, node in self._nodes.items():
            pool, overlaps = self._pools(node.info)
            self._nodes[name] = replace(node, pool=pool, overlaps=overlaps)
        return self._weigh(list(self._nodes.values()), now, counted_since=ALWAYS)

    def stir(self, name: str) -> None:
        """Take in that the amount held by the pods of a node changed; the node is outside or lost."""
        for scope in self._nodes[name].scopes:
            self._scope_limits.pop(scope, None)
            self._without_largest.pop(scope, None)

    def listed(self) -> None:
        """Take in that all pods were listed: a node lost before that may have held more than was known then."""
        for name in self._down:
            node = self._nodes[name]
            if node.lost_holding is not None:
                self._nodes[name] = replace(node, lost_holding=node.lost_holding.or_more(self._held(name)))
        self._forget_figures()

    def _put(self, info: NodeInfo, now: float) -> list[Node]:
        old = self._nodes.get(info.name)
        if old is not None and old.info == info and old.deleted_at is None:
            return []
        pool, overlaps = self._pools(info)
        node = Node(info, pool) if old is None else replace(old, info=info, pool=pool, deleted_at=None)
        since = not_ready_since(info, old, now)
        self._nodes[info.name] = replace(node, not_ready_since=since, overlaps=overlaps)
        return [self._nodes[info.name]]

    def _pools(self, info: NodeInfo) -> tuple[str | None, tuple[str, ...]]:
        pools = self._accounting.pools_of(dict(info.labels))
        return (pools[0] if pools else None), pools[1:]

    def _mark_deleted(self, name: str, now: float) -> list[Node]:
        node = self._nodes.get(name)
        if node is None or node.deleted_at is not None:
            return []
        self._nodes[name] = replace(node, deleted_at=now)
        return [self._nodes[name]]

    def _weigh(self, changed: list[Node], now: float, counted_since: float | None = None) -> list[Node]:
        """Sort changed nodes into counting, leaving and down.

        A node that counts for the first time gets `counted_since`, or else `now`.
        """
        rules = self._accounting.nodes
        for name in [node.info.name for node in changed]:
            node = self._nodes.get(name)
            if node is not None:
                node = self._nodes[name] = self._turned(node, now, now if counted_since is None else counted_since)
            counts = node is not None and node.why_not(rules, now) is None
            _keep(self._counting, name, counts)
            self.places.put(name, node.info if node is not None and counts else None)
            _keep(self._leaving, name, node is not None and node.leaving(rules, now))
            _keep(self._down, name, node is not None and node.down(rules, now))
        if changed:
            self._forget_figures()
        return changed

    def _turned(self, node: Node, now: float, counted_since: float) -> Node:
        """Return the node with a note of what has happened to it: it is lost, or back, or counts for the first time."""
        rules, name = self._accounting.nodes, node.info.name
        if node.counted_since is None and node.why_not(rules, now) is None:
            node = replace(node, counted_since=counted_since)
        down = node.down(rules, now)
        if down == (name in self._down):
            return node
        whole = not down or name in self._counting or name in self._leaving
        return replace(node, lost_at=now, lost_holding=None if whole else self._held(name))

    def _forget_figures(self) -> None:
        self._bases.clear()
        self._scope_limits.clear()
        self._without_largest.clear()
        self._uncounted.clear()
        self._overlaps = self._out = None

    def _limits_of(self, scope: str) -> ScopeLimits:
        base, accounting = self._base_of(scope), self._accounting
        kept = self._kept(scope, base)
        now = [each.now for each in kept]
        return ScopeLimits(
            base.room,
            accounting.reserve(scope, now),
            accounting.bound(scope, base.room, now),
            accounting.unpaid(scope, base.room, base.leaving, kept),
        )

    def _base_of(self, scope: str) -> _Base:
        base = self._bases.get(scope)
        if base is None:
            base = self._bases[scope] = self._base(scope)
        return base

    def _kept(self, scope: str, base: _Base, more: Sequence[int] = _NO_MORE) -> list[Kept]:
        """Return what is kept of each bound, in grains; `more` is lost of each beside what is lost already."""
        accounting = self._accounting
        largest = accounting.reserve_nodes(scope)
        outside = [(info.room, self._held(info.name)) for info in base.outside] if largest else []
        kept = []
        for index in SUMS:
            sizes = [*base.sizes[index], *(accounting.size(scope, index, *each) for each in outside)]
            lost, leaving = base.lost[index] + more[index], accounting.size(scope, index, base.leaving)
            kept.append(keep(sizes, largest, lost, leaving))
        return kept

    def _out_of(self, scope: str) -> tuple[str, ...]:
        leaving, down = (
            sorted(n for n in names if scope in self._nodes[n].scopes) for names in (self._leaving, self._down)
        )
        lost = [
            node for node in map(self._nodes.__getitem__, down) if node.lost_holding is None or any(node.lost_holding)
        ]
        lost.sort(key=lambda node: node.lost_at)
        members = [node for node in self._nodes.values() if scope in node.scopes] if lost else []
        missing = owed([(n.lost_at, 1) for n in lost], [(at, 1) for at, _ in _joined(members, lost)])
        return (*leaving, *(node.info.name for node in lost[len(lost) - missing :]))

    def _base(self, scope: str) -> _Base:
        members = [node for node in self._nodes.values() if scope in node.scopes]
        counted: list[Allocatable] = []
        leaving: list[Allocatable] = []
        lost: list[Node] = []
        outside: list[NodeInfo] = []
        for node in members:
            name = node.info.name
            if name in self._counting:
                counted.append(node.info.room)
            elif name in self._down:
                lost.append(node)
            elif name in self._leaving:
                leaving.append(node.info.room)
            else:
                outside.append(node.info)
        sizes = self._largest(scope, counted + leaving, lost)
        largest = Allocatable(
            max((room.memory for room in counted), default=0), max((room.cpu for room in counted), default=0)
        )
        return _Base(_sum(counted), _sum(leaving), sizes, self._lost(scope, members, lost), largest, tuple(outside))

    def _largest(self, scope: str, remaining: list[Allocatable], lost: list[Node]) -> tuple[list[int], ...]:
        """Return, for each sum, sizes in grains that include the largest ones of all nodes but those outside."""
        whole = remaining + [node.info.room for node in lost if node.lost_holding is None]
        parts = [node for node in lost if node.lost_holding is not None]
        number, size = self._accounting.reserve_nodes(scope), self._accounting.size
        largest = [nlargest(number, (room[side] for room in whole)) for side in range(2)]
        rooms = list(map(Allocatable, *largest))
        return tuple(
            [size(scope, index, room) for room in rooms]
            + [size(scope, index, node.info.room, node.lost_holding) for node in parts]
            for index in SUMS
        )

    def _lost(self, scope: str, members: list[Node], lost: list[Node]) -> tuple[int, ...]:
        """Return what is lost and not replaced, in grains of each sum's bound; 0 where no reserve is kept."""
        if not lost or not self._accounting.reserve_nodes(scope):
            return (0,) * len(SUMS)
        accounting, joined = self._accounting, _joined(members, lost)
        lost_sizes = [
            [(node.lost_at, accounting.size(scope, index, node.info.room, node.lost_holding)) for node in lost]
            for index in SUMS
        ]
        return tuple(
            owed(lost_sizes[index], [(at, accounting.size(scope, index, room)) for at, room in joined])
            if accounting.share(scope, index)
            else 0
            for index in SUMS
        )


def _reason(node: Node, *, down: bool) -> str:
    if node.deleted_at is not None:
        return "deleted"
    return "not Ready" if down else "cordoned" if node.info.cordoned else "tainted"


def _joined(members: Iterable[Node], lost: Iterable[Node]) -> list[tuple[float, Allocatable]]:
    """Return when each node joined that joined since the first of `lost` was lost, and its room."""
    first = min((node.lost_at for node in lost), default=float("inf"))
    return [(at, node.info.room) for node in members if (at := node.counted_since) is not None and at >= first]


def _sum(rooms: Iterable[Allocatable]) -> Allocatable:
    return Allocatable(*map(sum, zip(*rooms, strict=True)))


def _keep(names: set[str], name: str, member: bool) -> None:
    if member:
        names.add(name)
    else:
        names.discard(name)
