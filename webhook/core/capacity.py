"""Capacity: the nodes that are known, which of them count now, and the bound that follows for every scope."""

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from webhook.core.accounting import Accounting, Bound
from webhook.core.nodes import Node, NodeFacts, Room, not_ready_since, reserve


class Bearing(NamedTuple):
    """What a scope can bear: allocatable on its counted nodes, what is kept in reserve, and the bound."""

    room: Room = Room()
    reserve: Room = Room()
    bound: Bound = ()


class Capacity:
    """The table of nodes. Every change returns the nodes that changed, so that the ledger can follow.

    Which nodes count, and which are down, is decided when a node changes and by `tick`, never by the time of a
    question: a node whose grace has just ended is either of the two, not both.
    """

    def __init__(self, accounting: Accounting) -> None:
        self._accounting = accounting
        self._nodes: dict[str, Node] = {}
        self._counting: set[str] = set()
        self._down: set[str] = set()
        self._bearing: dict[str, Bearing] = {}  # worked out when it is asked for: nodes often change many at a time

    def get(self, name: str) -> Node | None:
        """The node of that name, if it is known."""
        return self._nodes.get(name)

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
        self._bearing.clear()
        pool_of = accounting.pool_of
        self._nodes = {n: replace(node, pool=pool_of(dict(node.facts.labels))) for n, node in self._nodes.items()}
        return self._weigh(list(self._nodes.values()), now)

    def _put(self, facts: NodeFacts, now: float) -> list[Node]:
        old = self._nodes.get(facts.name)
        if old is not None and old.facts == facts and old.deleted_at is None:
            return []
        pool = self._accounting.pool_of(dict(facts.labels))
        self._nodes[facts.name] = Node(facts, pool, not_ready_since(facts, old, now))
        return [self._nodes[facts.name]]

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
            _keep(self._counting, name, known and node.why_not(rules, now) is None)
            _keep(self._down, name, known and node.down(rules, now))
        if changed:
            self._bearing.clear()
        return changed

    def _bear(self, scope: str) -> Bearing:
        members = [node.facts for node in self._nodes.values() if scope in node.scopes]
        counted = [facts.room for facts in members if facts.name in self._counting]
        down = [facts.room for facts in members if facts.name in self._down]
        room = Room(sum(r.memory for r in counted), sum(r.cpu for r in counted))
        kept = reserve(counted, down, self._accounting.reserve_nodes(scope))
        return Bearing(room, kept, self._accounting.bound(scope, room.minus(kept)))


def _keep(names: set[str], name: str, member: bool) -> None:
    if member:
        names.add(name)
    else:
        names.discard(name)
