"""Capacity: the nodes that are known, which of them count now, and the bound that follows for every scope."""

from collections.abc import Iterable
from typing import NamedTuple

from webhook.core.accounting import Accounting, Bound
from webhook.core.nodes import Node, NodeFacts, Room, reserve


class Bearing(NamedTuple):
    """What a scope can bear: allocatable on its counted nodes, what is kept in reserve, and the bound."""

    room: Room = Room()
    reserve: Room = Room()
    bound: Bound = ()


class Capacity:
    """The table of nodes. Every change returns the nodes that changed, so that the ledger can follow."""

    def __init__(self, accounting: Accounting) -> None:
        self._accounting = accounting
        self._nodes: dict[str, Node] = {}
        self._counting: set[str] = set()
        self._bearing: dict[str, Bearing] = {}
        self._synced = False
        self._weigh((), 0.0)

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
        return self._bearing[scope]

    def see(self, facts: NodeFacts, now: float) -> list[Node]:
        """Take in a node that was added or has changed."""
        changed = self._put(facts, now, grace=True)
        return self._weigh(changed, now) if changed else changed

    def gone(self, name: str, now: float) -> list[Node]:
        """Take in that a node was deleted; its loss is remembered for a while."""
        return self._weigh(self._mark_deleted(name, now), now)

    def relist(self, nodes: Iterable[NodeFacts], now: float) -> list[Node]:
        """Take in a whole consistent list of nodes.

        A node that is NotReady in the first list gets no grace: nobody knows how long it has been so, and counting it
        would promise memory that may be gone.
        """
        listed = {node.name: node for node in nodes}
        changed = [node for name in set(self._nodes) - set(listed) for node in self._mark_deleted(name, now)]
        for facts in listed.values():
            changed += self._put(facts, now, grace=self._synced)
        self._synced = True
        return self._weigh(changed, now)

    def tick(self, now: float) -> list[Node]:
        """Let time act: a grace that ended, a deleted node that is forgotten."""
        rules = self._accounting.nodes
        due = [n for n in self._nodes.values() if (at := n.next_change(rules)) is not None and at <= now]
        changed = [n for n in due if n.deleted_at is not None or n.facts.name in self._counting]
        for node in changed:
            if node.deleted_at is not None:
                del self._nodes[node.facts.name]
        return self._weigh(changed, now) if changed else changed

    def configure(self, accounting: Accounting, now: float) -> list[Node]:
        """Judge all nodes by another configuration from now on."""
        self._accounting = accounting
        self._bearing = {}
        for node in self._nodes.values():
            node.pool = accounting.pool_of(dict(node.facts.labels))
        return self._weigh(list(self._nodes.values()), now)

    def _put(self, facts: NodeFacts, now: float, *, grace: bool) -> list[Node]:
        old = self._nodes.get(facts.name)
        if old is not None and old.facts == facts and old.deleted_at is None:
            return []
        since = None if facts.ready else (old.not_ready_since if old else None)
        if not facts.ready and since is None:
            since = now if grace else now - self._accounting.nodes.not_ready_grace
        node = Node(facts, self._accounting.pool_of(dict(facts.labels)), since)
        self._nodes[facts.name] = node
        return [node]

    def _mark_deleted(self, name: str, now: float) -> list[Node]:
        node = self._nodes.get(name)
        if node is None or node.deleted_at is not None:
            return []
        self._nodes[name] = Node(node.facts, node.pool, node.not_ready_since, deleted_at=now)
        return [self._nodes[name]]

    def _weigh(self, changed: Iterable[Node], now: float) -> list[Node]:
        changed = list(changed)
        for node in changed:
            name = node.facts.name
            if name in self._nodes and node.why_not(self._accounting.nodes, now) is None:
                self._counting.add(name)
            else:
                self._counting.discard(name)
        for scope in self._accounting.scopes:
            self._bearing[scope] = self._bear(scope, now)
        return changed

    def _bear(self, scope: str, now: float) -> Bearing:
        rules = self._accounting.nodes
        members = [node for node in self._nodes.values() if scope in node.scopes]
        counted = [node.facts.room for node in members if node.facts.name in self._counting]
        down = [node.facts.room for node in members if node.down(rules, now)]
        room = Room(sum(r.memory for r in counted), sum(r.cpu for r in counted))
        kept = reserve(counted, down, self._accounting.reserve_nodes(scope))
        return Bearing(room, kept, self._accounting.bound(scope, room.minus(kept)))
