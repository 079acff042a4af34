"""The ledger: what the cluster's pods commit and what its nodes can bear, kept exact event by event.

    pod seen / gone ──► its name's entry ──► sums of its scopes, sum of its node ──► excused, if the node does not count
    node seen / gone ─► counts or not    ──► allocatable and bound of its scopes ──► excused
    grant ────────────► reservation      ──► unseen, unretired (see reservations.py)

    committed = Σ live pods - excused            charged = committed + unseen            headroom = bound - charged

*Excused* keeps the account symmetric: a node that does not count takes its bound pods out with it, or else losing a
node would shut out the replacements of its own pods. It never takes out more than its own share of the bound, or
else cordoning an over-full node would create headroom.

A pod's event costs the same at any size of the cluster. Not thread-safe: the caller holds one lock for all of it.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from webhook.core.accounting import Accounting
from webhook.core.amounts import NOTHING, Amounts
from webhook.core.capacity import Bearing, Capacity
from webhook.core.nodes import Node, NodeFacts
from webhook.core.reservations import NOWHERE, Reservation, Reservations, Spread
from webhook.core.scopes import CLUSTER

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class PodFacts:
    """What the API says of a pod, as far as the account needs it.

    `name` is "namespace/name". `confined_to` holds the labels that the pod's node must have. A pod that has run to its
    end `counts` no more, while its name is still taken.
    """

    name: str
    uid: str
    revision: int
    footprint: Amounts
    node: str = ""
    counts: bool = True
    confined_to: Labels = ()


@dataclass(slots=True)
class _Entry:
    """A live pod; `pool` is what an unbound pod's labels imply (a bound pod is in its node's pool)."""

    uid: str
    footprint: Amounts
    node: str
    confined_to: Labels
    pool: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """One scope's account at one moment."""

    scope: str
    committed: Amounts
    unseen: Amounts
    bearing: Bearing

    def headroom(self, index: int) -> int | None:
        """What is left of one sum (an index into Amounts): below zero when over, None when it is not bounded."""
        bound = self.bearing.bound[index]
        return None if bound is None else bound - self.committed[index] - self.unseen[index]


class Ledger:
    """The account of one view of the cluster, and what this replica granted on top of it."""

    def __init__(self, accounting: Accounting) -> None:
        self.accounting = accounting
        self.capacity = Capacity(accounting)
        self.reservations = Reservations(self._charged_under)
        self.revision = 0  # up to which the view has come
        self.pod_revision = 0  # the highest that any pod was shown with
        self.proven_since = float("-inf")  # the view shows all that was true at this moment
        self._pods: dict[str, _Entry] = {}
        self._committed: dict[str, Amounts] = {}  # by scope, before anything is excused
        self._held: dict[str, Amounts] = {}  # by node: what the pods bound to it commit
        self._placed: dict[str, str | None] = {}  # by node: the pool that its pods are charged to
        self._excused: dict[str, dict[str, Amounts]] = {}  # by node that does not count, by scope
        self._excused_sum: dict[str, Amounts] = {}

    # -- questions -----------------------------------------------------------------------------------------------------

    def standing(self, scope: str) -> Standing:
        """Return the account of one scope."""
        committed = self._committed.get(scope, NOTHING).minus(self._excused_sum.get(scope, NOTHING))
        return Standing(scope, committed, self.reservations.unseen(scope), self.capacity.bearing(scope))

    def spread(self, pod: PodFacts) -> Spread:
        """Return which scopes a pod is charged to."""
        node = self.capacity.get(pod.node) if pod.node else None
        return Spread(pod.footprint, node.pool if node else self._implied_pool(pod.confined_to))

    def charged(self, name: str, scope: str) -> Amounts:
        """What one name costs in a scope: the larger of what lives there and what may still come."""
        return self._charged_under(name).in_scope(scope).plus(self.reservations.unseen_of(name, scope))

    def __len__(self) -> int:
        """How many live pods are counted."""
        return len(self._pods)

    # -- grants --------------------------------------------------------------------------------------------------------

    def grant(self, pod: PodFacts, now: float) -> None:
        """Reserve a pod's footprint under its name."""
        self.reservations.add(pod.name, Reservation(pod.uid, self.spread(pod), now))

    # -- pods ----------------------------------------------------------------------------------------------------------

    def see(self, pod: PodFacts) -> None:
        """Take in a pod that was added or has changed."""
        self._reach(pod.revision)
        self.reservations.see(pod.name, pod.uid, pod.revision)
        self._put(pod.name, self._entry(pod) if pod.counts else None)

    def gone(self, pod: PodFacts) -> None:
        """Take in that a pod was deleted; what it held is free from now on."""
        self._reach(pod.revision)
        self.reservations.see(pod.name, pod.uid, pod.revision)
        entry = self._pods.get(pod.name)
        self._put(pod.name, None if entry is None or entry.uid == pod.uid else entry)

    def relist(self, pods: Iterable[PodFacts], revision: int) -> None:
        """Take in a whole consistent list; nothing that is unsettled is erased by it."""
        listed = {pod.name: pod for pod in pods}
        for name in self._pods.keys() - listed.keys():
            self._put(name, None)
        for pod in listed.values():
            self.see(pod)
        self.bookmark(revision)

    def bookmark(self, revision: int) -> None:
        """Take in that nothing else happened up to a revision."""
        self.revision = max(self.revision, revision)

    def prove(self, since: float) -> None:
        """Take in that this view shows everything that was true at a moment of the replica's clock."""
        self.proven_since = max(self.proven_since, since)

    def _reach(self, revision: int) -> None:
        self.revision = max(self.revision, revision)
        self.pod_revision = max(self.pod_revision, revision)

    def _entry(self, pod: PodFacts) -> _Entry:
        pool = None if pod.node else self._implied_pool(pod.confined_to)
        return _Entry(pod.uid, pod.footprint, pod.node, pod.confined_to, pool)

    def _implied_pool(self, confined_to: Labels) -> str | None:
        return self.accounting.pool_of(dict(confined_to)) if confined_to else None

    def _put(self, name: str, new: _Entry | None) -> None:
        old = self._pods.get(name)
        if old == new:
            self.reservations.refresh(name)
            return
        if old is not None:
            del self._pods[name]
            self._charge(old, NOTHING.minus(old.footprint))
        if new is not None:
            self._charge(new, new.footprint)
            self._pods[name] = new
        self.reservations.refresh(name)

    def _charge(self, entry: _Entry, amounts: Amounts) -> None:
        pool = self._placed.get(entry.node) if entry.node else entry.pool
        _add(self._committed, CLUSTER, amounts)
        if pool is not None:
            _add(self._committed, pool, amounts)
        if entry.node:
            _add(self._held, entry.node, amounts)
            if entry.node in self._excused:
                self._excuse(entry.node)

    # -- nodes ---------------------------------------------------------------------------------------------------------

    def see_node(self, facts: NodeFacts, now: float) -> None:
        """Take in a node that was added or has changed."""
        self._follow(self.capacity.see(facts, now))

    def node_gone(self, name: str, now: float) -> None:
        """Take in that a node was deleted."""
        self._follow(self.capacity.gone(name, now))

    def relist_nodes(self, nodes: Iterable[NodeFacts], now: float) -> None:
        """Take in a whole consistent list of nodes."""
        self._follow(self.capacity.relist(nodes, now))

    def tick(self, now: float) -> None:
        """Let time act on the nodes."""
        self._follow(self.capacity.tick(now))

    def configure(self, accounting: Accounting, now: float) -> None:
        """Judge by another configuration from now on; what is known is counted anew under it."""
        self.accounting = accounting
        changed = self.capacity.configure(accounting, now)
        pods, self._pods = self._pods, {}
        for sums in (self._committed, self._held, self._placed, self._excused_sum):
            sums.clear()
        self._excused.clear()
        for name, entry in pods.items():
            entry.pool = None if entry.node else self._implied_pool(entry.confined_to)
            self._put(name, entry)
        self._follow(changed)

    def _follow(self, changed: list[Node]) -> None:
        """Charge the pods of changed nodes to the pool that the node is in now, and excuse those that do not count."""
        for node in changed:
            name, held = node.facts.name, self._held.get(node.facts.name, NOTHING)
            known = self.capacity.get(name)
            old, new = self._placed.pop(name, None), known.pool if known else None
            if old is not None:
                _add(self._committed, old, NOTHING.minus(held))
            if new is not None:
                _add(self._committed, new, held)
                self._placed[name] = new
            self._excuse(name)
        if changed:
            self.reservations.refresh_all()

    def _excuse(self, name: str) -> None:
        """Take the pods of a node out of the commitment, up to its share of the bound, if it does not count."""
        for scope, amounts in self._excused.pop(name, {}).items():
            _add(self._excused_sum, scope, NOTHING.minus(amounts))
        node = self.capacity.get(name)
        if node is None or self.capacity.counts(name):
            return
        held = self._held.get(name, NOTHING)
        excused = {scope: held.upto(self.accounting.bearing_of(scope, node.facts.room)) for scope in node.scopes}
        for scope, amounts in excused.items():
            _add(self._excused_sum, scope, amounts)
        self._excused[name] = excused

    def _charged_under(self, name: str) -> Spread:
        """What lives under a name and is surely charged: a pod on a node that does not count may be excused."""
        entry = self._pods.get(name)
        if entry is None or entry.node in self._excused:
            return NOWHERE
        return Spread(entry.footprint, self._placed.get(entry.node) if entry.node else entry.pool)


def _add(sums: dict[str, Amounts], key: str, amounts: Amounts) -> None:
    total = sums.get(key, NOTHING).plus(amounts)
    if total == NOTHING:
        sums.pop(key, None)
    else:
        sums[key] = total
