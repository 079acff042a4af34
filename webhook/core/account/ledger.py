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

from collections import Counter
from collections.abc import Iterable, Mapping, Set
from typing import TypeVar

from webhook.core.account.accounting import Accounting
from webhook.core.account.capacity import Capacity
from webhook.core.account.entry import Entry
from webhook.core.account.extent import NOWHERE, UNBORN, Before, Extent, Spread
from webhook.core.account.facts import PodFacts
from webhook.core.account.nodes import Node, NodeFacts
from webhook.core.account.placement import Change, Placement
from webhook.core.account.recount import Grant, Parts
from webhook.core.account.reservations import Reservation, Reservations
from webhook.core.account.standing import Standing
from webhook.core.pods.confinement import Ways
from webhook.core.values.amounts import NOTHING, Amounts

K = TypeVar("K", str, Ways)


class Ledger:
    """The account of one view of the cluster, and what this replica granted on top of it."""

    def __init__(self, accounting: Accounting) -> None:
        self.accounting = accounting
        self.capacity = Capacity(accounting, lambda node: self._held.get(node, NOTHING))
        self.reservations = Reservations(self._charged_under)
        self.revision = 0  # up to which the view has come
        self.pod_revision = 0  # the highest that any pod was shown with
        self.born_revision = 0  # the highest at which a pod was shown that came, or grew, and was not granted here
        self.proven_since = float("-inf")  # the view shows all that was true at this moment
        self.unasked_growths = 0  # how often an infeasible resize became feasible, or a pod that had ended lives again
        self.unasked_growth = NOTHING  # what that came to in all, with no review of it
        self.unconfined_binds: Counter[str] = Counter()  # by pool: pods bound to its nodes and not charged to it before
        self.unconfined_bound: dict[str, Amounts] = {}  # what these came to in all
        self._infeasible: set[str] = set()  # names of pods whose resize is infeasible at present
        self._ended: set[str] = set()  # UIDs of pods that are still there and have run to their end
        self._pods: dict[str, Entry] = {}
        self._committed: dict[str, Amounts] = {}  # by scope, without what is excused
        self._held: dict[str, Amounts] = {}  # by node: what the pods bound to it commit
        self._placed: dict[str, str | None] = {}  # by node: the pool that its pods are charged to
        self._placement = self._new_placement()
        self._unbound: dict[Ways, Amounts] = {}  # by confinement: what the unbound pods with it commit
        self._led: dict[Ways, str | None] = {}  # by the same: the pool that they are charged to
        self._excused: dict[str, dict[str, Amounts]] = {}  # by node that does not count, by scope

    # -- questions -----------------------------------------------------------------------------------------------------

    def standing(self, scope: str) -> Standing:
        """Return the account of one scope."""
        committed = self._committed.get(scope, NOTHING)
        return Standing(scope, committed, self.reservations.unseen(scope), self.capacity.bearing(scope))

    def spread(self, pod: PodFacts) -> Spread:
        """Return which scopes a pod is charged to."""
        return Spread(pod.footprint, self._pool_of(pod.node, pod.confined_to))

    def before(self, pod: PodFacts) -> Before:
        """Return what a pod under review was before, and whether it was charged elsewhere."""
        if pod.was_confined_to is None:
            return pod.before
        was, will_be = self._pool_of("", pod.was_confined_to), self._pool_of(pod.node, pod.confined_to)
        return pod.before if was == will_be else pod.before._replace(elsewhere=True)

    def asked(self, pod: PodFacts, scope: str) -> Amounts:
        """What the review would add in a scope to the object that it is about."""
        if pod.before is UNBORN:
            return pod.footprint
        return pod.footprint.beyond(self.before(pod).within(scope))

    def extent(self, pod: PodFacts, scope: str) -> Extent:
        """How far a pod under review would reach in a scope, and from where."""
        return Extent(pod.before.footprint if pod.before is UNBORN else self.before(pod).within(scope), pod.footprint)

    def growth(self, pod: PodFacts, scope: str) -> Amounts:
        """What letting a pod in, or grow, would add to what its name is charged in a scope.

        The object under review may be ahead of the view: what made it so is charged to whoever granted that.
        """
        if pod.name not in self._pods and pod.name not in self.reservations.names:
            return self.asked(pod, scope)
        return self.reservations.growth_unseen(pod.name, self.extent(pod, scope), scope)

    def get(self, name: str) -> Entry | None:
        """The live pod under a name, if any is known."""
        return self._pods.get(name)

    def pool_of_node(self, name: str) -> str | None:
        """The pool that a node's pods are charged to."""
        return self._placed.get(name)

    def pool_of(self, entry: Entry) -> str | None:
        """The pool that a live pod is charged to."""
        return self._charged_to(entry).pool

    def has_ended(self, uid: str) -> bool:
        """Say whether a pod that is still there has run to its end."""
        return uid in self._ended

    def __len__(self) -> int:
        """How many live pods are counted."""
        return len(self._pods)

    # -- grants --------------------------------------------------------------------------------------------------------

    def grant(self, pod: PodFacts, now: float) -> Reservation:
        """Reserve a pod's footprint under its name."""
        reservation = Reservation(pod.uid, self.spread(pod), now, self.before(pod))
        self.reservations.add(pod.name, reservation)
        return reservation

    # -- pods ----------------------------------------------------------------------------------------------------------

    def see(self, pod: PodFacts) -> None:
        """Take in a pod that was added or has changed."""
        self._reach(pod.revision)
        known = self._pods.get(pod.name)
        if pod.node and (known is None or not known.node or known.uid != pod.uid):
            self._meter_bind(known, pod)
        settled = pod.name in self.reservations.names and self.reservations.see(
            pod.name, pod.uid, pod.revision, bound=bool(pod.node) or not pod.counts
        )
        if known is not None and known.uid == pod.uid:
            self._compare(known, pod, settled=settled)
        elif self.reservations.get(pod.name, pod.uid) is None:
            self.born_revision = max(self.born_revision, pod.revision)
        if pod.infeasible or self._infeasible:
            self._note(pod)
        if not pod.counts:
            self._ended.add(pod.uid)
        elif pod.uid in self._ended:  # by the status subresource it was made to live again, and nobody was asked
            self._ended.discard(pod.uid)
            self._meter_growth(pod.footprint)
        self._put(pod.name, _entry(pod) if pod.counts else None, settled=settled)

    def gone(self, pod: PodFacts) -> None:
        """Take in that a pod was deleted; what it held is free from now on."""
        self._reach(pod.revision)
        settled = self.reservations.see(pod.name, pod.uid, pod.revision)
        self._infeasible.discard(pod.name)
        self._ended.discard(pod.uid)
        entry = self._pods.get(pod.name)
        self._put(pod.name, None if entry is None or entry.uid == pod.uid else entry, settled=settled)

    def relist(self, pods: Iterable[PodFacts], revision: int) -> None:
        """Take in a whole consistent list; nothing that is unsettled is erased by it."""
        listed = {pod.name: pod for pod in pods}
        for name in self._pods.keys() - listed.keys():
            self._put(name, None)
        self._infeasible &= listed.keys()
        self._ended &= {pod.uid for pod in listed.values()}
        for pod in listed.values():
            self.see(pod)
        self.capacity.listed()
        self.bookmark(revision)

    def bookmark(self, revision: int) -> None:
        """Take in that nothing else happened up to a revision."""
        self.revision = max(self.revision, revision)

    def prove(self, since: float) -> None:
        """Take in that this view shows everything that was true at a moment of the replica's clock."""
        self.proven_since = max(self.proven_since, since)

    def _compare(self, known: Entry, pod: PodFacts, *, settled: bool) -> None:
        """Note growth: others may hold it still, also where it settled a grant of ours, which failed then."""
        if not pod.node and known.confined_to != pod.confined_to:
            self.born_revision = max(self.born_revision, pod.revision)  # another pool's sums may have grown
        if known.footprint is pod.footprint or pod.footprint.within(known.footprint):
            return
        self.born_revision = max(self.born_revision, pod.revision)
        if not settled and pod.name in self._infeasible and pod.counts:
            self._meter_growth(pod.footprint.beyond(known.footprint))

    def _meter_growth(self, growth: Amounts) -> None:
        """Count what nobody was asked about."""
        self.unasked_growths += 1
        self.unasked_growth = self.unasked_growth.plus(growth)

    def _meter_bind(self, known: Entry | None, pod: PodFacts) -> None:
        """Count a pod that was bound to a node of a pool that it was not charged to; its first charge must be known."""
        pool = self._placed.get(pod.node)
        if pool is None or not pod.counts:
            return
        if known is not None and known.uid == pod.uid:
            charged = self._charged_to(known)
        elif (reservation := self.reservations.get(pod.name, pod.uid)) is not None:
            charged = reservation.spread
        else:
            return
        if charged.pool != pool:
            self.unconfined_binds[pool] += 1
            self.unconfined_bound[pool] = self.unconfined_bound.get(pool, NOTHING).plus(pod.footprint)

    def _note(self, pod: PodFacts) -> None:
        """Keep in mind whose resize is infeasible: it may become feasible, and nobody is asked about that."""
        if pod.infeasible:
            self._infeasible.add(pod.name)
        else:
            self._infeasible.discard(pod.name)

    def _reach(self, revision: int) -> None:
        if revision > self.pod_revision:
            self.pod_revision = revision
            self.revision = max(self.revision, revision)

    def _pool_of(self, node: str, confined_to: Ways) -> str | None:
        """A bound pod is in its node's pool, if the node is known; another in the pool that it is confined to."""
        return self._placed.get(node) if node else self._placement.pool_of(confined_to)

    def _put(self, name: str, new: Entry | None, *, settled: bool = False) -> None:
        """Let this live under a name; `settled` says that its reservations have changed."""
        old = self._pods.get(name)
        if old != new:
            self._charge(old, new)
            if old is not None:
                del self._pods[name]
            if new is not None:
                self._pods[name] = new
        elif not settled:
            return
        self.reservations.refresh(name)

    def _charge(self, old: Entry | None, new: Entry | None) -> None:
        """Charge one pod in place of another; to bind a pod changes nothing but where it is held."""
        before, after = self._charged_to(old), self._charged_to(new)
        if before != after:
            for scope in before.scopes if before is not NOWHERE else ():
                _move(self._committed, scope, before.footprint, NOTHING)
            for scope in after.scopes if after is not NOWHERE else ():
                _move(self._committed, scope, NOTHING, after.footprint)
        for entry, less, more in ((old, before.footprint, NOTHING), (new, NOTHING, after.footprint)):
            if entry is not None and entry.node:
                self._hold(entry.node, less, more)
            elif entry is not None:
                self._wait(entry.confined_to, less, more)

    def _charged_to(self, entry: Entry | None) -> Spread:
        return NOWHERE if entry is None else Spread(entry.footprint, self._pool_of(entry.node, entry.confined_to))

    def _wait(self, confined_to: Ways, old: Amounts, new: Amounts) -> None:
        _move(self._unbound, confined_to, old, new)
        if confined_to in self._unbound:
            self._led[confined_to] = self._placement.pool_of(confined_to)
        else:
            self._led.pop(confined_to, None)

    def _hold(self, node: str, old: Amounts, new: Amounts) -> None:
        _move(self._held, node, old, new)
        if node in self._excused:
            self._excuse(node)
            self.capacity.stir(node)

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
        """Judge by another configuration from now on; only what depends on the pools is charged again."""
        self.accounting = accounting
        self._placement.forget()
        if not accounting.config.pools:
            self._placement = self._new_placement()
        changed = self.capacity.configure(accounting, now)
        self._place(changed)
        self._refresh_on({node.facts.name for node in changed}, self._lead(self._unbound))

    def _new_placement(self) -> Placement:
        return Placement(self._implied_pool)

    def _implied_pool(self, labels: Mapping[str, str]) -> str | None:
        return self.accounting.pool_of(labels)

    def _follow(self, changed: list[Node]) -> None:
        """Charge the pods of changed nodes to the pool that the node is in now, and excuse those that do not count."""
        if changed:
            self._refresh_on({node.facts.name for node in changed}, self._lead(self._concerned(self._place(changed))))

    def _place(self, changed: list[Node]) -> list[Change]:
        """Follow nodes with what their pods hold; return what may confine unbound pods to other pools."""
        changes: list[Change | None] = []
        for node in changed:
            name, held = node.facts.name, self._held.get(node.facts.name, NOTHING)
            known = self.capacity.get(name)
            old, new = self._placed.pop(name, None), known.pool if known else None
            if old is not None:
                _move(self._committed, old, held, NOTHING)
            if new is not None:
                _move(self._committed, new, NOTHING, held)
                self._placed[name] = new
            if self.accounting.config.pools:
                changes.append(self._take_in(name, known))
            self._excuse(name)
        return [change for change in changes if change is not None]

    def _take_in(self, name: str, known: Node | None) -> Change | None:
        if known is None:
            return self._placement.drop(name)
        return self._placement.put(name, known.facts.labels, known.pool, exists=known.deleted_at is None)

    def _concerned(self, changes: list[Change]) -> Iterable[Ways]:
        """Return the confinements to look up again; to ask each of them about more than one node would take longer."""
        if len(changes) != 1:
            return self._unbound if changes else ()
        return changes[0].concerned(self._unbound)

    def _lead(self, concerned: Iterable[Ways]) -> Set[Ways]:
        """Charge unbound pods to the pool that each confinement leads to now; return the confinements that changed."""
        moved = set()
        for confined_to in concerned:
            amounts = self._unbound[confined_to]
            old, new = self._led[confined_to], self._placement.pool_of(confined_to)
            if old != new:
                if old is not None:
                    _move(self._committed, old, amounts, NOTHING)
                if new is not None:
                    _move(self._committed, new, NOTHING, amounts)
                self._led[confined_to] = new
                moved.add(confined_to)
        return moved

    def _refresh_on(self, nodes: set[str], moved: Set[Ways]) -> None:
        """Bring the reservations up to date whose names have a live pod on these nodes, or one that is confined so."""
        for name in {name for name, _ in self.reservations}:
            pod = self._pods.get(name)
            if pod is not None and (pod.node in nodes if pod.node else pod.confined_to in moved):
                self.reservations.refresh(name)

    def _excuse(self, name: str) -> None:
        """Take the pods of a node out of the commitment, up to its share of the bound, if it does not count."""
        for scope, amounts in self._excused.pop(name, {}).items():
            _move(self._committed, scope, NOTHING, amounts)
        node = self.capacity.get(name)
        if node is None or self.capacity.counts(name):
            return
        held = self._held.get(name, NOTHING)
        excused = {scope: held.upto(self.accounting.bearing_of(scope, node.facts.room)) for scope in node.scopes}
        for scope, amounts in excused.items():
            _move(self._committed, scope, amounts, NOTHING)
        self._excused[name] = excused

    def _charged_under(self, name: str) -> Spread:
        """What lives under a name and is surely charged: a pod on a node that does not count may be excused."""
        entry = self._pods.get(name)
        return NOWHERE if entry is None or entry.node in self._excused else self._charged_to(entry)

    # -- recount -------------------------------------------------------------------------------------------------------

    def parts(self, now: float) -> Parts:
        """Let time act, then copy what every figure is made of and the figures; some milliseconds for 150,000 pods."""
        self.tick(now)
        sums = {("held", node): amounts for node, amounts in self._held.items()}
        for scope in self.accounting.scopes:
            sums["committed", scope] = self.standing(scope).committed
            sums["unseen", scope] = self.reservations.unseen(scope)
            sums["open", scope] = self.reservations.open(scope)
            sums["unretired", scope] = self.reservations.unretired(scope)
        bearings = {scope: self.capacity.bearing(scope) for scope in self.accounting.scopes}
        grants = tuple(Grant(name, r.spread, r.before, r.is_open) for name, r in self.reservations)
        nodes = {node.facts.name: node for node in self.capacity.all()}
        return Parts(now, self.accounting, self._pods.copy(), nodes, grants, sums, bearings)


def _entry(pod: PodFacts) -> Entry:
    return Entry(pod.uid, pod.footprint, pod.node, () if pod.node else pod.confined_to)


def _move(sums: dict[K, Amounts], key: K, old: Amounts, new: Amounts) -> None:
    total = sums.get(key, NOTHING).moved(old, new)
    if total == NOTHING:
        sums.pop(key, None)
    else:
        sums[key] = total
