"""The ledger: what the cluster's pods commit and what its nodes can bear, kept exact event by event.

    pod seen / gone ──► its name's entry ──► sums of its scopes, sum of its node ──► excused, if the node does not count
    node seen / gone ─► counts or not    ──► allocatable and bound of its scopes ──► excused
    grant ────────────► reservation      ──► unseen, unretired (see reservations.py)

    committed = Σ live pods - excused            charged = committed + unseen            headroom = bound - charged

*Excused* keeps the account symmetric: a node that does not count takes its bound pods out with it, or else losing a
node would shut out the replacements of its own pods. It never takes out more than its own share of the bound, or
else cordoning an over-full node would create headroom. Cordoned nodes together take out no more than they took out of
the bound: where a reserve pays for them that is nothing, and their pods count until they go.

A pod that policy lets in and that no node can hold is not committed until it is bound (unbound.py).

A pod's event costs the same at any size of the cluster. Not thread-safe: the caller holds one lock for all of it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice

from webhook.core.ledger.balance import Balance
from webhook.core.ledger.capacity import Capacity, ScopeLimits
from webhook.core.ledger.entry import Entry, Unbound
from webhook.core.ledger.history import History
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.interval import NOWHERE, UNBORN, Before, Charge, Interval
from webhook.core.ledger.nodes import Node, NodeInfo
from webhook.core.ledger.placement import Change, Placement
from webhook.core.ledger.places import Lacking
from webhook.core.ledger.recount import AWAITED, Grant, Snapshot
from webhook.core.ledger.reservations import Reservation, Reservations
from webhook.core.ledger.rules import AccountingRules, bounded_sums
from webhook.core.ledger.subjects import namespace_of
from webhook.core.ledger.unbound import UnboundPods
from webhook.core.pods.confinement import Ways
from webhook.core.values.amounts import NOTHING, Amounts
from webhook.core.values.scopes import CLUSTER

_MOST_CHANGED = 4096  # pods; a review that was overtaken comes within a moment


class Ledger:
    """The account of one view of the cluster, and what this replica granted on top of it."""

    def __init__(self, accounting: AccountingRules) -> None:
        self.accounting = accounting
        self.capacity = Capacity(accounting, lambda node: self._held.get(node, NOTHING))
        self.reservations = Reservations(self._charged_under)
        self.revision = 0  # up to which the view has come
        self.pod_revision = 0  # the highest that any pod was shown with
        self.born_revision = 0  # the highest at which a pod was shown that came, or grew, and was not granted here
        self.proven_since = float("-inf")  # the view shows all that was true at this moment
        self.listed_since = float("-inf")  # when the last list was asked for
        self.doubted_since = float("-inf")  # from when on a list must be, to be of the history that is true now
        self.deaf = False  # nothing is taken in but a list: what is told may be of a history that was replaced
        self.unasked_growths = 0  # how often a pod grew that nobody was asked about: see cluster_state.py
        self.unasked_growth = NOTHING  # what that came to in all, with no review of it
        self.unconfined_binds: Counter[str] = Counter()  # by pool: pods bound to its nodes and not charged to it before
        self.unconfined_bound: dict[str, Amounts] = {}  # what these came to in all
        self.history = History()
        self._infeasible: set[str] = set()  # names of pods whose resize is infeasible at present
        self._claiming: set[str] = set()  # names of pods that DRA has allocated something to
        self._ended: dict[str, str] = {}  # by name: the UID of a pod that has run to its end and takes the name still
        self._deleting: set[str] = set()  # names that will be free soon
        self._changed: dict[str, tuple[str, int]] = {}  # by name: UID and revision of the pods that changed last
        self._pods: dict[str, Entry] = {}  # the one that came or changed last stands last
        self._entered = 0  # how often one was put there
        self._placement = Placement(self._implied_pool)
        self._unbound = UnboundPods(self.capacity.places, self._placement.pool_of, self._lets_in)
        self._committed: dict[str, Amounts] = {}  # by scope, without what is excused
        self._held: dict[str, Amounts] = {}  # by node: what the pods bound to it commit
        self._pods_on: Counter[str] = Counter()  # by node: how many are bound to it
        self._placed: dict[str, str | None] = {}  # by node: the pool that its pods are charged to
        self._excused: dict[str, dict[str, Amounts]] = {}  # by node that does not count, by scope
        self._leaving_on: set[str] = set()  # those of them that are cordoned, whose part is not taken out but summed
        self._leaving: dict[str, Amounts] = {}  # by scope: that sum, excused as far as no reserve pays for the nodes
        self._unpaid: dict[
            str, tuple[Amounts, ScopeLimits, Amounts]
        ] = {}  # by scope: how far, and what it follows from

    # -- questions -----------------------------------------------------------------------------------------------------

    def standing(self, scope: str) -> Balance:
        """Return the account of one scope."""
        bearing, unseen = self.capacity.bearing(scope), self.reservations.unseen(scope)
        return Balance(scope, self.committed(scope, bearing), unseen, bearing, self._unbound.stuck(scope))

    def committed(self, scope: str, bearing: ScopeLimits) -> Amounts:
        """What live pods commit in a scope; `bearing` is what that can bear."""
        committed, leaving = self._committed.get(scope, NOTHING), self._leaving.get(scope)
        return committed if leaving is None else committed.minus(self._unpaid_of(scope, leaving, bearing))

    def pending(self) -> dict[str, Amounts]:
        """What of each scope's commitment is for pods that are not bound yet; takes as long as these are different."""
        sums = {scope: self._unbound.stuck(scope).unplaceable for scope in self.accounting.scopes}
        for spread in self._unbound.holdable():
            for scope in spread.scopes:
                sums[scope] = sums.get(scope, NOTHING).plus(spread.footprint)
        return sums

    def lacking(self, pod: PodInfo) -> Lacking | None:
        """Say what no node can hold of an unbound pod; None where one can, and of a pod that is bound."""
        return None if pod.node else self.capacity.places.lacking(pod.confined_to, pod.footprint)

    def spread(self, pod: PodInfo) -> Charge:
        """Return which scopes a pod is charged to."""
        if not self.accounting.config.pools:  # as in most clusters: there is nowhere to lead to
            return Charge(pod.footprint)
        return Charge(pod.footprint, self._pool_of(pod.node, pod.confined_to))

    def before(self, pod: PodInfo) -> Before:
        """Return what a pod under review was before, and whether it was charged elsewhere."""
        if pod.was_confined_to is None:
            return pod.before
        was, will_be = self._pool_of("", pod.was_confined_to), self._pool_of(pod.node, pod.confined_to)
        return pod.before if was == will_be else pod.before._replace(elsewhere=True)

    def asked(self, pod: PodInfo, scope: str) -> Amounts:
        """What the review would add in a scope to the object that it is about."""
        if pod.before is UNBORN:
            return pod.footprint
        return pod.footprint.beyond(self.before(pod).within(scope))

    def extent(self, pod: PodInfo, scope: str) -> Interval:
        """How far a pod under review would reach in a scope, and from where."""
        return Interval(pod.before.footprint if pod.before is UNBORN else self.before(pod).within(scope), pod.footprint)

    def sets_apart(self, pod: PodInfo) -> bool:
        """Say whether a pod that policy lets in would not count before it is bound."""
        policy = self.accounting.lets_in(pod.name, pod.priority_class, of_daemon_set=pod.of_daemon_set)
        return policy and self.lacking(pod) is not None

    def growth(self, pod: PodInfo, scope: str) -> Amounts:
        """What letting a pod in, or grow, would add to what its name is charged in a scope.

        The object under review may be ahead of the view: what made it so is charged to whoever granted that.
        """
        if pod.name not in self._pods and pod.name not in self.reservations.names:
            return self.asked(pod, scope)
        return self.reservations.growth_unseen(pod.name, self.extent(pod, scope), scope)

    def names(self) -> tuple[list[str], int]:
        """Return the names of all live pods, a millisecond for 150,000, and a mark of this moment for `came_since`."""
        return list(self._pods), self._entered

    def came_since(self, mark: int) -> list[str]:
        """Return the names of the pods that came or changed since a mark, and of some more if any have gone."""
        return list(islice(reversed(self._pods), self._entered - mark))

    def charged_to(self, name: str) -> Charge | None:
        """What the live pod of a name is surely charged to; `NOWHERE` if that is nothing, None if there is no pod."""
        return self._charged_under(name) if name in self._pods else None

    def moving(self, prefix: str) -> list[str]:
        """Return such names whose pod is being deleted, or was let in or changed and has not been seen yet."""
        moving = {*self._deleting, *self.reservations.subjects.awaited(namespace_of(prefix)).names}
        return [name for name in moving if name.startswith(prefix)]

    def part_of(self, pod: PodInfo, scope: str) -> Amounts | None:
        """What of a scope's charge is this very review's: its open grant, or the new pod itself once it is seen.

        None: nothing is, and what it would add is its `growth`.
        """
        entry = self._pods.get(pod.name)
        if entry is not None and entry.uid == pod.uid and pod.before is UNBORN:
            return self._charged_under(pod.name).in_scope(scope)
        return self.reservations.unseen_of(pod.name, pod.key, scope)

    def get(self, name: str) -> Entry | None:
        """The live pod under a name, if any is known."""
        return self._pods.get(name)

    def pool_of_node(self, name: str) -> str | None:
        """The pool that a node's pods are charged to."""
        return self._placed.get(name)

    def pool_of(self, entry: Entry) -> str | None:
        """The pool that a live pod is charged to; if it stands apart, the one that it would be charged to."""
        return self._unbound.pool_of(entry) if isinstance(entry, Unbound) else self._placed.get(entry.node)

    def has_ended(self, name: str, uid: str) -> bool:
        """Say whether a pod that is still there has run to its end."""
        return self._ended.get(name) == uid

    def asked_beyond_live(self, pod: PodInfo, scope: str) -> Amounts:
        """What a pod asks for in a scope beyond what lives under its name, whatever else may come there."""
        if pod.name not in self._pods:
            return self.asked(pod, scope)
        return self.extent(pod, scope).cost_beyond(self._charged_under(pod.name).in_scope(scope))

    def is_unknown(self, name: str) -> bool:
        """Say whether nobody has this name, and nothing is reserved under it."""
        return name not in self._pods and name not in self.reservations.names and name not in self._ended

    def is_taken(self, name: str) -> bool:
        """Say whether a pod has this name, and is not being deleted: the API server would create no other one."""
        return (name in self._pods or name in self._ended) and name not in self._deleting

    def __len__(self) -> int:
        """How many live pods are known."""
        return len(self._pods)

    def pods_that_count(self) -> int:
        """How many of them are in the cluster's sums: neither excused with their node, nor standing apart.

        Those on cordoned nodes are as long as a reserve pays for these.
        """
        out = self._excused.keys() if self._is_unpaid() else self._excused.keys() - self._leaving_on
        return len(self._pods) - sum(self._pods_on[node] for node in out) - self._unbound.apart

    def _is_unpaid(self) -> bool:
        """Say whether any of what cordoned nodes hold is taken out of a bounded sum of the cluster."""
        leaving, bearing = self._leaving.get(CLUSTER), self.capacity.bearing(CLUSTER)
        if leaving is None:
            return not self.accounting.reserve_nodes(CLUSTER)
        unpaid = self._unpaid_of(CLUSTER, leaving, bearing)
        return any(unpaid[index] for index, _ in bounded_sums(bearing.bound)) if any(bearing.bound) else any(unpaid)

    # -- grants --------------------------------------------------------------------------------------------------------

    def is_overtaken(self, pod: PodInfo) -> bool:
        """Say whether a change under review can never be written, for the view shows a later change of the pod.

        An update is written only if the pod is still as it was reviewed (docs/protocol.md, "Resizes"). A binding is
        tied to no revision. Only the pods that changed last are kept in mind, and such a review comes within a moment.
        While the view may be of a history that was replaced, its revisions prove nothing.
        """
        before = pod.before
        if before is UNBORN or before.binds or self.outdated:
            return False
        uid, revision = self._changed.get(pod.name, ("", 0))
        return uid == pod.uid and revision > before.revision

    def grant(self, pod: PodInfo, now: float) -> Reservation:
        """Reserve a pod's footprint under its name."""
        subjects = self.reservations.subjects
        before = pod.before if pod.was_confined_to is None else self.before(pod)
        reservation = Reservation(pod.uid, self.spread(pod), now, before, pod.owner, subjects.grants)
        subjects.grants += 1
        self.reservations.add(pod.name, reservation)
        return reservation

    # -- pods ----------------------------------------------------------------------------------------------------------

    def see(self, pod: PodInfo) -> None:
        """Take in a pod that was added or has changed."""
        if self.deaf:
            return
        self._reach(pod.revision)
        known = self._pods.get(pod.name)
        if pod.node and (known is None or not known.node or known.uid != pod.uid):
            self._meter_bind(known, pod)
        settled = pod.name in self.reservations.names and self.reservations.see(
            pod.name, pod.uid, pod.revision, bound=bool(pod.node) or not pod.counts
        )
        if known is not None and known.uid == pod.uid:
            self._note_change(pod)
            self._compare(known, pod, settled=settled)
        else:
            if self.reservations.get(pod.name, pod.uid) is None:
                self.born_revision = max(self.born_revision, pod.revision)
            if pod.counts or self._ended.get(pod.name) != pod.uid:  # to change one that has ended brings no other pod
                self._tell_subjects(pod, pod.footprint)
        if pod.infeasible or self._infeasible:
            self._note(pod)
        if pod.claims:
            self._claiming.add(pod.name)
        elif self._claiming:
            self._claiming.discard(pod.name)
        if pod.deleting or not pod.counts or self._deleting or self._ended:
            self._note_end(pod)
        self._put(pod.name, _entry(pod) if pod.counts else None, settled=settled)

    def gone(self, pod: PodInfo) -> None:
        """Take in that a pod was deleted; what it held is free from now on."""
        if self.deaf:
            return
        self._reach(pod.revision)
        settled = self.reservations.see(pod.name, pod.uid, pod.revision)
        if settled:
            self._tell_subjects(pod, pod.footprint)  # it came and went
        self._infeasible.discard(pod.name)
        self._claiming.discard(pod.name)
        self._ended.pop(pod.name, None)
        self._deleting.discard(pod.name)
        entry = self._pods.get(pod.name)
        self._put(pod.name, None if entry is None or entry.uid == pod.uid else entry, settled=settled)

    def relist(self, pods: Iterable[PodInfo], revision: int, since: float = float("-inf")) -> None:
        """Take in a whole consistent list that was asked for at a moment; nothing that is unsettled is erased by it."""
        if self.deaf and since < self.doubted_since:
            return
        self.deaf = False
        self.listed_since = max(self.listed_since, since)
        listed = {pod.name: pod for pod in pods}
        for name in self._pods.keys() - listed.keys():
            self._put(name, None)
        self._infeasible.intersection_update(listed)
        self._claiming.intersection_update(listed)
        self._deleting.intersection_update(listed)
        self._ended = {name: uid for name, uid in self._ended.items() if name in listed}
        for pod in listed.values():
            self.see(pod)
        self.capacity.listed()
        self.bookmark(revision)

    def bookmark(self, revision: int) -> None:
        """Take in that nothing else happened up to a revision."""
        if not self.deaf:
            self.revision = max(self.revision, revision)

    def prove(self, since: float) -> None:
        """Take in that this view shows everything that was true at a moment of the replica's clock."""
        if not self.deaf:
            self.proven_since = max(self.proven_since, since)

    # -- a history that was replaced -----------------------------------------------------------------------------------

    @property
    def outdated(self) -> bool:
        """Say whether the view may be of a history that was replaced: a list alone can mend that."""
        return self.listed_since < self.doubted_since

    def doubt(self, since: float) -> None:
        """Take in that history may have been replaced before a moment, whatever the revisions say."""
        self.doubted_since = max(self.doubted_since, since)

    def begin_again(self, since: float) -> None:
        """Take in that history was replaced before a moment: revisions begin again, with a list from after it.

        Until then nothing is taken in, for it may be what never happened.
        """
        self.doubt(since)
        self.revision = self.pod_revision = self.born_revision = 0
        self.proven_since = self.listed_since = float("-inf")
        self.reservations.begin_again()
        self._ended.clear()  # who runs in the history that is true now need not have ended in it
        self._changed.clear()
        self.deaf = True

    def _compare(self, known: Entry, pod: PodInfo, *, settled: bool) -> None:
        """Note growth: others may hold it still, also where it settled a grant of ours, which failed then."""
        if not pod.node and known.confined_to != pod.confined_to:
            self.born_revision = max(self.born_revision, pod.revision)  # another pool's sums may have grown
            self._tell_subjects(pod, pod.footprint)
        elif settled and pod.node and not known.node:
            self._tell_subjects(pod, pod.footprint, "")  # the owner of a reviewed binding is the user who asked for it
        if known.footprint is pod.footprint or pod.footprint.within(known.footprint):
            return
        self.born_revision = max(self.born_revision, pod.revision)
        self._tell_subjects(pod, pod.footprint.beyond(known.footprint))
        unasked = pod.name in self._infeasible or (pod.claims and pod.name not in self._claiming)
        if not settled and unasked and pod.counts:
            self._meter_growth(pod.footprint.beyond(known.footprint))

    def _meter_growth(self, growth: Amounts) -> None:
        """Count what nobody was asked about."""
        self.unasked_growths += 1
        self.unasked_growth = self.unasked_growth.plus(growth)

    def _meter_bind(self, known: Entry | None, pod: PodInfo) -> None:
        """Count a pod that was bound to a node of a pool that it was not charged to; its first charge must be known."""
        pool = self._placed.get(pod.node)
        if pool is None or not pod.counts:
            return
        if known is not None and known.uid == pod.uid:
            charged = self.pool_of(known)
        elif (reservation := self.reservations.get(pod.name, pod.uid)) is not None:
            charged = reservation.spread.pool
        else:
            return
        if charged != pool:
            self.unconfined_binds[pool] += 1
            self.unconfined_bound[pool] = self.unconfined_bound.get(pool, NOTHING).plus(pod.footprint)

    def _note(self, pod: PodInfo) -> None:
        """Keep in mind whose resize is infeasible: it may become feasible, and nobody is asked about that."""
        if pod.infeasible:
            self._infeasible.add(pod.name)
        else:
            self._infeasible.discard(pod.name)

    def _note_change(self, pod: PodInfo) -> None:
        if len(self._changed) >= _MOST_CHANGED:
            self._changed.clear()
        self._changed[pod.name] = pod.uid, pod.revision

    def _note_end(self, pod: PodInfo) -> None:
        """Keep in mind whose name is taken though it is not charged any more, and whose will be free soon.

        Who has ended may be made to live again by the status subresource, and nobody is asked about that.
        """
        if not pod.counts:
            self._ended[pod.name] = pod.uid
        elif self._ended.pop(pod.name, None) == pod.uid:
            self._meter_growth(pod.footprint)
        self._deleting.add(pod.name) if pod.deleting else self._deleting.discard(pod.name)

    def _tell_subjects(self, pod: PodInfo, size: Amounts, owner: str | None = None) -> None:
        """Note that a pod came, or grew by so much: what was let in for its owner does come."""
        owner = pod.owner if owner is None else owner
        if self.reservations.names:
            self.reservations.subjects.saw(pod.name, owner, size)
        if self.history.any:
            self.history.saw(pod.name, owner, size)

    def _reach(self, revision: int) -> None:
        if revision > self.pod_revision:
            self.pod_revision = revision
            self.revision = max(self.revision, revision)

    def _pool_of(self, node: str, confined_to: Ways) -> str | None:
        """A bound pod is in its node's pool, if the node is known; another in the pool that it is confined to."""
        return self._placed.get(node) if node else self._placement.pool_of(confined_to)

    def _implied_pool(self, labels: Mapping[str, str]) -> str | None:
        return self.accounting.pool_of(labels)

    def _put(self, name: str, new: Entry | None, *, settled: bool = False) -> None:
        """Let this live under a name; `settled` says that its reservations have changed."""
        old = self._pods.get(name)
        if old != new:
            self._charge(name, old, new)
            if old is not None:
                del self._pods[name]
            if new is not None:
                self._pods[name] = new
                self._entered += 1
        elif not settled:
            return
        self.reservations.refresh(name)

    def _charge(self, name: str, old: Entry | None, new: Entry | None) -> None:
        """Charge one pod in place of another; to bind a pod changes nothing but where it is held."""
        before = self._unbound.remove(name, old) if isinstance(old, Unbound) else self._spread_of(old)
        after = self._unbound.add(name, new) if isinstance(new, Unbound) else self._spread_of(new)
        if before != after:
            for scope in before.scopes if before is not NOWHERE else ():
                _move(self._committed, scope, before.footprint, NOTHING)
            for scope in after.scopes if after is not NOWHERE else ():
                _move(self._committed, scope, NOTHING, after.footprint)
        if old is not None and old.node:
            self._pods_on[old.node] -= 1
            if not self._pods_on[old.node]:
                del self._pods_on[old.node]
            self._hold(old.node, old.footprint, NOTHING)
        if new is not None and new.node:
            self._pods_on[new.node] += 1
            self._hold(new.node, NOTHING, new.footprint)

    def _spread_of(self, bound: Entry | None) -> Charge:
        return NOWHERE if bound is None else Charge(bound.footprint, self._placed.get(bound.node))

    def _lets_in(self, name: str, pod: Unbound) -> bool:
        return self.accounting.lets_in(name, pod.priority_class, of_daemon_set=pod.of_daemon_set)

    def _hold(self, node: str, old: Amounts, new: Amounts) -> None:
        _move(self._held, node, old, new)
        if node in self._excused:
            self._excuse(node)
            if node not in self._leaving_on:  # all of a cordoned node can be lost, whatever its pods hold
                self.capacity.stir(node)

    # -- nodes ---------------------------------------------------------------------------------------------------------

    def see_node(self, facts: NodeInfo, now: float) -> None:
        """Take in a node that was added or has changed."""
        self._follow(self.capacity.see(facts, now))

    def node_gone(self, name: str, now: float) -> None:
        """Take in that a node was deleted."""
        self._follow(self.capacity.gone(name, now))

    def relist_nodes(self, nodes: Iterable[NodeInfo], now: float) -> None:
        """Take in a whole consistent list of nodes."""
        self._follow(self.capacity.relist(nodes, now))

    def tick(self, now: float) -> None:
        """Let time act on the nodes."""
        self._follow(self.capacity.tick(now))

    def configure(self, accounting: AccountingRules, now: float) -> None:
        """Judge by another configuration from now on; what depends on pools and policies is charged again."""
        with self._set_aside(self._unbound.names()):
            self.accounting = accounting
            self._placement.forget()
            if not accounting.config.pools:
                self._placement.clear()
            self._follow(self.capacity.configure(accounting, now))

    @contextmanager
    def _set_aside(self, names: Iterable[str]) -> Iterator[None]:
        """Take pods out while something changes that tells which pool they are charged to."""
        pods = [(name, self._pods[name]) for name in list(names)]
        for name, _ in pods:
            self._put(name, None)
        yield
        for name, entry in pods:
            self._put(name, entry)

    def _follow(self, changed: list[Node]) -> None:
        """Charge the pods of changed nodes to the pool that the node is in now, and excuse those that do not count.

        Unbound pods that a node can hold now, or none any more, or that lead to another pool, are charged again.
        """
        if changed:
            concerned = self._concerned(self._take_in(changed))
            with self._set_aside(self._unbound.turned(concerned)):
                self._place(changed)
            self._refresh_on({node.facts.name for node in changed})

    def _take_in(self, changed: list[Node]) -> list[Change]:
        """Follow nodes with where confinements lead; return what may have changed that."""
        if not self.accounting.config.pools:
            return []
        changes = []
        for node in changed:
            name, known = node.facts.name, self.capacity.get(node.facts.name)
            if known is None:
                changes.append(self._placement.drop(name))
            else:
                exists = known.deleted_at is None
                changes.append(self._placement.put(name, known.facts.labels, known.pool, exists=exists))
        return [change for change in changes if change is not None]

    def _concerned(self, changes: list[Change]) -> Iterable[Ways]:
        """Return the confinements to look up again; to ask each of them about more than one node would take longer."""
        if len(changes) != 1:
            return self._unbound.confinements() if changes else ()
        return changes[0].concerned(self._unbound.confinements())

    def _place(self, changed: list[Node]) -> None:
        """Follow nodes with what their pods hold."""
        for node in changed:
            name, held = node.facts.name, self._held.get(node.facts.name, NOTHING)
            known = self.capacity.get(name)
            old, new = self._placed.pop(name, None), known.pool if known else None
            if old is not None:
                _move(self._committed, old, held, NOTHING)
            if new is not None:
                _move(self._committed, new, NOTHING, held)
                self._placed[name] = new
            self._excuse(name)

    def _refresh_on(self, nodes: set[str]) -> None:
        """Bring the reservations up to date whose names have a live pod on one of these nodes."""
        for name in {name for name, _ in self.reservations}:
            pod = self._pods.get(name)
            if pod is not None and pod.node in nodes:
                self.reservations.refresh(name)

    def _excuse(self, name: str) -> None:
        """Take the pods of a node out of the commitment, up to its share of the bound, if it does not count.

        Those of a cordoned node are noted apart: how much of them is excused hangs on what the reserve pays for.
        """
        for scope, amounts in self._excused.pop(name, {}).items():
            if name in self._leaving_on:
                _move(self._leaving, scope, amounts, NOTHING)
            else:
                _move(self._committed, scope, NOTHING, amounts)
        self._leaving_on.discard(name)
        node = self.capacity.get(name)
        if node is None or self.capacity.counts(name):
            return
        held = self._held.get(name, NOTHING)
        excused = {scope: held.upto(self.accounting.bearing_of(scope, node.facts.room)) for scope in node.scopes}
        leaving = self.capacity.leaving(name)
        for scope, amounts in excused.items():
            if leaving:
                _move(self._leaving, scope, NOTHING, amounts)
            else:
                _move(self._committed, scope, amounts, NOTHING)
        self._excused[name] = excused
        if leaving:
            self._leaving_on.add(name)

    def _unpaid_of(self, scope: str, leaving: Amounts, bearing: ScopeLimits) -> Amounts:
        """What cordoned nodes excuse in a scope: no more than no reserve pays for. Worked out when either changes."""
        known = self._unpaid.get(scope)
        if known is None or known[0] is not leaving or known[1] is not bearing:
            known = self._unpaid[scope] = leaving, bearing, leaving.upto(bearing.unpaid)
        return known[2]

    def _charged_under(self, name: str) -> Charge:
        """What lives under a name and is surely charged: a pod on a node that does not count may be excused."""
        entry = self._pods.get(name)
        if entry is None or entry.node in self._excused:
            return NOWHERE
        return self._unbound.spread_of(name, entry) if isinstance(entry, Unbound) else self._spread_of(entry)

    # -- recount -------------------------------------------------------------------------------------------------------

    def parts(self, now: float) -> Snapshot:
        """Let time act, then copy what every figure is made of and the figures; some milliseconds for 150,000 pods."""
        self.tick(now)
        sums = {("held", node): amounts for node, amounts in self._held.items()}
        for scope in self.accounting.scopes:
            sums["committed", scope] = self.standing(scope).committed
            sums |= {(figure, scope): amounts for figure, amounts in self._unbound.stuck(scope)._asdict().items()}
            sums["unseen", scope] = self.reservations.unseen(scope)
            sums["open", scope] = self.reservations.open(scope)
            sums["unretired", scope] = self.reservations.unretired(scope)
        sums |= {("pending", scope): amounts for scope, amounts in self.pending().items()}
        for subject, awaited in self.reservations.subjects.all():  # many, and each in few of the scopes
            for scope in awaited.sums.keys() & self.accounting.scopes:
                sums[f"{AWAITED} {subject}", scope] = awaited.sums[scope]
        bearings = {scope: self.capacity.bearing(scope) for scope in self.accounting.scopes}
        grants = tuple(Grant(name, r.spread, r.before, r.is_open, r.owner) for name, r in self.reservations)
        nodes = {node.facts.name: node for node in self.capacity.all()}
        return Snapshot(now, self.accounting, self._pods.copy(), nodes, grants, sums, bearings)


def _entry(pod: PodInfo) -> Entry:
    if pod.node:
        return Entry(pod.uid, pod.footprint, pod.node)
    return Unbound(pod.uid, pod.footprint, "", pod.confined_to, pod.priority_class, pod.of_daemon_set)


def _move(sums: dict[str, Amounts], key: str, old: Amounts, new: Amounts) -> None:
    total = sums.get(key, NOTHING).moved(old, new)
    if total == NOTHING:
        sums.pop(key, None)
    else:
        sums[key] = total
