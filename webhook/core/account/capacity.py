"""Capacity: the nodes that are known, which of them count now, and the bound that follows for every scope."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from heapq import nlargest
from typing import NamedTuple

from webhook.core.account.accounting import SUMS, Accounting, Bound
from webhook.core.account.nodes import Node, NodeFacts, Room, not_ready_since, reserve
from webhook.core.account.places import Places
from webhook.core.values.amounts import NOTHING, Amounts


class Bearing(NamedTuple):
    """What a scope can bear: allocatable on its counted nodes and, for each sum, what of it is kept and the bound."""

    room: Room = Room()
    reserve: tuple[int, ...] = ()
    bound: Bound = ()


class _Base(NamedTuple):
    """What of a scope's bearing hangs on its nodes alone."""

    room: Room
    largest: tuple[Room, ...]  # of the nodes that count, as many as the reserve is for, by memory and by cpu apart
    lost: tuple[tuple[Room, Amounts | None], ...]
    outside: tuple[NodeFacts, ...]  # neither counted nor lost: what can be lost is what their pods hold


class Capacity:
    """The table of nodes. Every change returns the nodes that changed, so that the ledger can follow.

    Which nodes count, and which are down, is decided when a node changes and by `tick`, never by the time of a
    question: a node whose grace has just ended is either of the two, not both. `held` tells what a node's pods commit;
    whoever answers says by `stir` and `listed` when it is another.
    """

    def __init__(self, accounting: Accounting, held: Callable[[str], Amounts] = lambda _: NOTHING) -> None:
        self._accounting = accounting
        self._held = held
        self._nodes: dict[str, Node] = {}
        self.places = Places(self._standing)
        self._counting: set[str] = set()
        self._down: set[str] = set()
        # Worked out when they are asked for: nodes often change many at a time.
        self._bases: dict[str, _Base] = {}
        self._bearing: dict[str, Bearing] = {}
        self._overlaps: Mapping[tuple[str, str], int] | None = None

    def get(self, name: str) -> Node | None:
        """The node of that name, if it is known."""
        return self._nodes.get(name)

    def _standing(self, name: str) -> NodeFacts | None:
        node = self._nodes.get(name)
        return None if node is None or node.deleted_at is not None else node.facts

    def all(self) -> Iterable[Node]:
        """All nodes that are known, counted or not."""
        return self._nodes.values()

    def counts(self, name: str) -> bool:
        """Say whether a node counts now."""
        return name in self._counting

    def bearing(self, scope: str) -> Bearing:
        """What the scope can bear now."""
        known = self._bearing.get(scope)
        if known is None:
            known = self._bearing[scope] = self._bear(scope)
        return known

    def overlaps(self) -> Mapping[tuple[str, str], int]:
        """How many nodes are selected by two pools, by the pool that they belong to and the other one."""
        if self._overlaps is None:
            nodes = [n for n in self._nodes.values() if n.overlaps and n.deleted_at is None]
            self._overlaps = Counter((node.pool or "", other) for node in nodes for other in node.overlaps)
        return self._overlaps

    def see(self, facts: NodeFacts, now: float) -> list[Node]:
        """Take in a node that was added or has changed."""
        return self._weigh(self._put(facts, now), now)

    def gone(self, name: str, now: float) -> list[Node]:
        """Take in that a node was deleted; its loss is remembered for a while."""
        return self._weigh(self._mark_deleted(name, now), now)

    def relist(self, nodes: Iterable[NodeFacts], now: float) -> list[Node]:
        """Take in a whole consistent list of nodes."""
        listed = {node.name: node for node in nodes}
        changed = [node for name in set(self._nodes) - set(listed) for node in self._mark_deleted(name, now)]
        for facts in listed.values():
            changed += self._put(facts, now)
        return self._weigh(changed, now)

    def tick(self, now: float) -> list[Node]:
        """Let time act: a grace that ended, a deleted node that is forgotten."""
        rules = self._accounting.nodes
        due = [n for n in self._nodes.values() if (at := n.next_change(rules)) is not None and at <= now]
        changed = [n for n in due if n.deleted_at is not None or n.facts.name not in self._down]
        for node in changed:
            if node.deleted_at is not None:
                del self._nodes[node.facts.name]
        return self._weigh(changed, now)

    def configure(self, accounting: Accounting, now: float) -> list[Node]:
        """Judge all nodes by another configuration from now on."""
        self._accounting = accounting
        self._forget_figures()
        for name, node in self._nodes.items():
            pool, overlaps = self._pools(node.facts)
            self._nodes[name] = replace(node, pool=pool, overlaps=overlaps)
        return self._weigh(list(self._nodes.values()), now)

    def stir(self, name: str) -> None:
        """Take in that the pods of a node which does not count hold another amount."""
        for scope in self._nodes[name].scopes:
            self._bearing.pop(scope, None)

    def listed(self) -> None:
        """Take in that all pods were listed: a node that was lost before may have held more than was known of then."""
        for name in self._down:
            node = self._nodes[name]
            if node.lost_holding is not None:
                self._nodes[name] = replace(node, lost_holding=node.lost_holding.or_more(self._held(name)))
        self._forget_figures()

    def _put(self, facts: NodeFacts, now: float) -> list[Node]:
        old = self._nodes.get(facts.name)
        if old is not None and old.facts == facts and old.deleted_at is None:
            return []
        pool, overlaps = self._pools(facts)
        lost_holding = old.lost_holding if old else None
        since = not_ready_since(facts, old, now)
        self._nodes[facts.name] = Node(facts, pool, since, overlaps=overlaps, lost_holding=lost_holding)
        return [self._nodes[facts.name]]

    def _pools(self, facts: NodeFacts) -> tuple[str | None, tuple[str, ...]]:
        pools = self._accounting.pools_of(dict(facts.labels))
        return (pools[0] if pools else None), pools[1:]

    def _mark_deleted(self, name: str, now: float) -> list[Node]:
        node = self._nodes.get(name)
        if node is None or node.deleted_at is not None:
            return []
        self._nodes[name] = replace(node, deleted_at=now)
        return [self._nodes[name]]

    def _weigh(self, changed: list[Node], now: float) -> list[Node]:
        rules = self._accounting.nodes
        for node in changed:
            name = node.facts.name
            known = name in self._nodes
            down = known and node.down(rules, now)
            if known and down != (name in self._down):
                self._nodes[name] = replace(node, lost_holding=self._losing(name) if down else None)
            counts = known and node.why_not(rules, now) is None
            _keep(self._counting, name, counts)
            self.places.put(name, node.facts if counts else None)
            _keep(self._down, name, down)
        if changed:
            self._forget_figures()
        return changed

    def _losing(self, name: str) -> Amounts | None:
        """What is lost with a node that goes down now, if it is not all of its room."""
        return None if name in self._counting else self._held(name)

    def _forget_figures(self) -> None:
        self._bases.clear()
        self._bearing.clear()
        self._overlaps = None

    def _bear(self, scope: str) -> Bearing:
        base = self._bases.get(scope)
        if base is None:
            base = self._bases[scope] = self._base(scope)
        largest = self._accounting.reserve_nodes(scope)
        outside = [(facts.room, self._held(facts.name)) for facts in base.outside] if largest else []
        kept = [reserve(*self._sizes(base, outside, scope, index), largest) for index in SUMS]
        bound = self._accounting.bound(scope, base.room, kept)
        return Bearing(base.room, self._accounting.reserve(scope, kept), bound)

    def _sizes(
        self, base: _Base, outside: list[tuple[Room, Amounts]], scope: str, index: int
    ) -> tuple[list[int], list[int]]:
        """What can still be lost and what is lost, in grains of one sum's bound."""
        size = self._accounting.size
        standing = [size(scope, index, room) for room in base.largest]
        standing += [size(scope, index, room, held) for room, held in outside]
        return standing, [size(scope, index, room, held) for room, held in base.lost]

    def _base(self, scope: str) -> _Base:
        members = [node for node in self._nodes.values() if scope in node.scopes]
        counted = [node.facts.room for node in members if node.facts.name in self._counting]
        memories, cpus = [room.memory for room in counted], [room.cpu for room in counted]
        largest = self._accounting.reserve_nodes(scope)
        known = self._counting | self._down
        return _Base(
            Room(sum(memories), sum(cpus)),
            tuple(map(Room, nlargest(largest, memories), nlargest(largest, cpus))),
            tuple((node.facts.room, node.lost_holding) for node in members if node.facts.name in self._down),
            tuple(node.facts for node in members if node.facts.name not in known),
        )


def _keep(names: set[str], name: str, member: bool) -> None:
    if member:
        names.add(name)
    else:
        names.discard(name)
