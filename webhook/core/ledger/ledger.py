"""The ledger: what the cluster's pods commit and what its nodes can bear, kept exact event by event.

    pod seen / gone ──► its name's entry ──► sums of its scopes, sum of its node ──► excused, if the node does not count
    node seen / gone ─► counts or not    ──► allocatable and bound of its scopes ──► excused
    grant ────────────► reservation      ──► unseen, unretired (see reservations.py)

    committed = Σ live pods - excused            charged = committed + unseen            headroom = bound - charged

*Excused* keeps the two sides symmetric. A node that does not count takes the pods bound to it out of the sums, because
otherwise the loss of a node would shut out the replacements of its own pods. It never takes out more than its own share
of the bound, because otherwise a cordon of an over-full node would create headroom. Cordoned nodes together take out at
most what they took out of the bound: where a reserve pays for them that is nothing, and their pods count until they go.

A pod that policy lets in and that no node can hold is not committed until it is bound or a node can hold it
(unbound.py).

The work for one pod event is the same at any cluster size. Not thread-safe: the caller holds one lock for all of it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice

from webhook.core.ledger.account import AccountSnapshot, ScopeSnapshot
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
from webhook.core.ledger.tallies import Tallies
from webhook.core.ledger.unbound import UnboundPods
from webhook.core.pods.confinement import Ways
from webhook.core.values.amounts import NOTHING, Amounts
from webhook.core.values.scopes import CLUSTER

_MOST_CHANGED = 4096  # pods; a review that a change has overtaken comes within a moment after that change


class Ledger:
    """What one view of the cluster commits, and what this replica granted on top of it."""

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
        self.awaits_list = False  # events are ignored until a list comes: they may be of a history that was replaced
        self.unasked_growths = 0  # how often a pod grew that nobody was asked about: see cluster_state.py
        self.unasked_growth = NOTHING  # what that came to in all, with no review of it
        self.unconfined_binds: Counter[str] = Counter()  # by pool: pods bound to its nodes and not charged to it before
        self.unconfined_bound: dict[str, Amounts] = {}  # by pool: the sum of their footprints
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
        self._committed: dict[str, Amounts] = {}  # by scope, without what is excused, except on leaving nodes
        self._held: dict[str, Amounts] = {}  # by node: what the pods bound to it commit
        self._tallies = Tallies(self._pods)
        self._grown: dict[str, str] = {}  # by name: the UID of a pod that grew, and nobody was asked about it
        self.changes = 0  # how often anything changed that a report shows, but for what is granted
        self._placed: dict[str, str | None] = {}  # by node: the pool that its pods are charged to
        self._excused: dict[str, dict[str, Amounts]] = {}  # by node that does not count, by scope
        self._leaving_on: set[str] = set()  # those of these nodes that are leaving: their part goes into `_leaving`
        self._leaving: dict[str, Amounts] = {}  # by scope: the part excused as far as no reserve pays for these nodes
        self._unpaid: dict[
            str, tuple[Amounts, ScopeLimits, Amounts]
        ] = {}  # by scope: what that was worked out from (its sum, the scope's limits), and the result

    # -- questions -----------------------------------------------------------------------------------------------------

    def balance(self, scope: str) -> Balance:
        """Return the balance of one scope."""
        scope_limits, unseen = self.capacity.scope_limits(scope), self.reservations.unseen(scope)
        return Balance(scope, self.committed(scope, scope_limits), unseen, scope_limits, self._unbound.stuck(scope))

    def committed(self, scope: str, scope_limits: ScopeLimits) -> Amounts:
        """Return what live pods commit in a scope; `scope_limits` holds the limits of that scope."""
        committed, leaving = self._committed.get(scope, NOTHING), self._leaving.get(scope)
        return committed if leaving is None else committed.minus(self._unpaid_of(scope, leaving, scope_limits))

    def pending(self) -> dict[str, Amounts]:
        """Return, by scope, the part of the commitment that is for unbound pods; slow if they differ much."""
        sums = {scope: self._unbound.stuck(scope).unplaceable for scope in self.accounting.scopes}
        for charge in self._unbound.holdable():
            for scope in charge.scopes:
                sums[scope] = sums.get(scope, NOTHING).plus(charge.footprint)
        return sums

    def lacking(self, pod: PodInfo) -> Lacking | None:
        """Return what no node can hold of an unbound pod; None where a node can, and for a bound pod."""
        return None if pod.node else self.capacity.places.lacking(pod.confined_to, pod.footprint)

    def charge(self, pod: PodInfo) -> Charge:
        """Return the scopes that a pod is charged to, and its footprint."""
        if not self.accounting.config.pools:  # as in most clusters: there is no pool to look up
            return Charge(pod.footprint)
        return Charge(pod.footprint, self._pool_of(pod.node, pod.confined_to))

    def before(self, pod: PodInfo) -> Before:
        """Return what a pod under review was before the change, and whether another pool was charged for it."""
        if pod.was_confined_to is None:
            return pod.before
        was, will_be = self._pool_of("", pod.was_confined_to), self._pool_of(pod.node, pod.confined_to)
        return pod.before if was == will_be else pod.before._replace(elsewhere=True)

    def asked(self, pod: PodInfo, scope: str) -> Amounts:
        """Return what the change under review would add, in a scope, to the object that was reviewed."""
        if pod.before == UNBORN:
            return pod.footprint
        return pod.footprint.beyond(self.before(pod).within(scope))

    def interval(self, pod: PodInfo, scope: str) -> Interval:
        """Return the interval, in a scope, from what a pod under review was before to what it would be."""
        return Interval(pod.before.footprint if pod.before == UNBORN else self.before(pod).within(scope), pod.footprint)

    def sets_apart(self, pod: PodInfo) -> bool:
        """Say whether a pod would stand apart: policy lets it in, and no node can hold it.

        Such a pod does not count until it is bound or a node can hold it.
        """
        policy = self.accounting.lets_in(pod.name, pod.priority_class, of_daemon_set=pod.of_daemon_set)
        return policy and self.lacking(pod) is not None

    def growth(self, pod: PodInfo, scope: str) -> Amounts:
        """Return what an admitted create or change of a pod would add, in a scope, to what its name is charged.

        The object under review may be ahead of the view: the changes that the view has not shown yet are charged to
        the replicas that granted them.
        """
        if pod.name not in self._pods and pod.name not in self.reservations.names:
            return self.asked(pod, scope)
        return self.reservations.growth_unseen(pod.name, self.interval(pod, scope), scope)

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
        """Return the part of a scope's charge that belongs to this review.

        That is the review's open grant, or the new pod itself once the view has shown it. None: the review has no part,
        and what it would add is its `growth`.
        """
        entry = self._pods.get(pod.name)
        if entry is not None and entry.uid == pod.uid and pod.before == UNBORN:
            return self._charged_under(pod.name).in_scope(scope)
        return self.reservations.unseen_of(pod.name, pod.key, scope)

    def get(self, name: str) -> Entry | None:
        """Return the live pod with a name, or None if none is known."""
        return self._pods.get(name)

    def pool_of_node(self, name: str) -> str | None:
        """Return the pool that a node's pods are charged to, or None."""
        return self._placed.get(name)

    def pool_of(self, entry: Entry) -> str | None:
        """Return the pool that a live pod is charged to; if it stands apart, the pool that it would be charged to."""
        return self._unbound.pool_of(entry) if isinstance(entry, Unbound) else self._placed.get(entry.node)

    def has_ended(self, name: str, uid: str) -> bool:
        """Say whether a pod that still exists has ended (phase Succeeded or Failed)."""
        return self._ended.get(name) == uid

    def asked_beyond_live(self, pod: PodInfo, scope: str) -> Amounts:
        """Return what a pod asks for in a scope beyond what lives under its name, open reservations not considered."""
        if pod.name not in self._pods:
            return self.asked(pod, scope)
        return self.interval(pod, scope).cost_beyond(self._charged_under(pod.name).in_scope(scope))

    def is_unknown(self, name: str) -> bool:
        """Say whether no pod has this name, live or ended, and nothing is reserved under it."""
        return name not in self._pods and name not in self.reservations.names and name not in self._ended

    def is_taken(self, name: str) -> bool:
        """Say whether a pod has this name and is not being deleted: the API server would refuse to create another."""
        return (name in self._pods or name in self._ended) and name not in self._deleting

    def __len__(self) -> int:
        """Return how many live pods are known."""
        return len(self._pods)

    def pods_that_count(self) -> int:
        """Return how many live pods are in the cluster's sums: neither excused with their node, nor standing apart.

        Pods on cordoned nodes are in the sums as long as a reserve pays for these nodes.
        """
        out = self._excused.keys() if self._is_unpaid() else self._excused.keys() - self._leaving_on
        return len(self._pods) - self._tallies.pods_on(out) - self._unbound.apart

    def _is_unpaid(self) -> bool:
        """Say whether a bounded sum of the cluster leaves out anything that cordoned nodes hold."""
        leaving, limits = self._leaving.get(CLUSTER), self.capacity.scope_limits(CLUSTER)
        if leaving is None:
            return not self.accounting.reserve_nodes(CLUSTER)
        unpaid = self._unpaid_of(CLUSTER, leaving, limits)
        return any(unpaid[index] for index, _ in bounded_sums(limits.bound)) if any(limits.bound) else any(unpaid)

    # -- grants --------------------------------------------------------------------------------------------------------

    def is_overtaken(self, pod: PodInfo) -> bool:
        """Say whether a change under review can never be written, because the view shows a later change of the pod.

        The API server writes an update only if the pod is still as it was reviewed (docs/protocol.md, "Resizes"). A
        binding is not tied to a revision. The ledger remembers only the pods that changed last, which is enough: an
        overtaken review comes within a moment. While the view may show a replaced history, its revisions prove nothing.
        """
        before = pod.before
        if before == UNBORN or before.binds or self.outdated:
            return False
        uid, revision = self._changed.get(pod.name, ("", 0))
        return uid == pod.uid and revision > before.revision

    def grant(self, pod: PodInfo, now: float) -> Reservation:
        """Reserve a pod's footprint under its name; return the reservation."""
        subjects = self.reservations.subjects
        before = pod.before if pod.was_confined_to is None else self.before(pod)
        reservation = Reservation(pod.uid, self.charge(pod), now, before, pod.owner, subjects.grants)
        subjects.grants += 1
        self.reservations.add(pod.name, reservation)
        return reservation

    # -- pods ----------------------------------------------------------------------------------------------------------

    def see(self, pod: PodInfo) -> None:
        """Take in a pod that was added or changed; the reservations that waited for it are settled."""
        if self.awaits_list:
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
            if pod.counts or self._ended.get(pod.name) != pod.uid:  # a change of an ended pod is not a new pod
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
        """Take in that a pod was deleted: from now on, what it held is free."""
        if self.awaits_list:
            return
        self._reach(pod.revision)
        settled = self.reservations.see(pod.name, pod.uid, pod.revision)
        if settled:
            self._tell_subjects(pod, pod.footprint)  # the pod appeared, and is gone already
        self._infeasible.discard(pod.name)
        self._claiming.discard(pod.name)
        self._ended.pop(pod.name, None)
        self._deleting.discard(pod.name)
        entry = self._pods.get(pod.name)
        self._put(pod.name, None if entry is None or entry.uid == pod.uid else entry, settled=settled)

    def relist(self, pods: Iterable[PodInfo], revision: int, since: float = float("-inf")) -> None:
        """Take in a complete, consistent list of pods that was requested at the moment `since`.

        A reservation whose pod is not in the list stays open. While `awaits_list` is set, a list that was requested
        before `doubted_since` is ignored.
        """
        if self.awaits_list and since < self.doubted_since:
            return
        self.awaits_list = False
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
        """Take in that the view has shown everything up to a revision."""
        if not self.awaits_list:
            self.revision = max(self.revision, revision)

    def prove(self, since: float) -> None:
        """Take in that this view shows everything that was true at the moment `since` of the replica's clock."""
        if not self.awaits_list:
            self.proven_since = max(self.proven_since, since)

    # -- a history that was replaced -----------------------------------------------------------------------------------

    @property
    def outdated(self) -> bool:
        """Say whether the view may show a history that was replaced; only a new list ends that."""
        return self.listed_since < self.doubted_since

    def doubt(self, since: float) -> None:
        """Take in that history may have been replaced before the moment `since`, whatever the revisions say."""
        self.doubted_since = max(self.doubted_since, since)

    def begin_again(self, since: float) -> None:
        """Take in that history was replaced before the moment `since`: revisions begin again with the next list.

        Until a list that was requested at or after that moment comes, no event is taken in: it may tell what never
        happened in the history that holds now.
        """
        self.doubt(since)
        self.revision = self.pod_revision = self.born_revision = 0
        self.proven_since = self.listed_since = float("-inf")
        self.reservations.begin_again()
        self._ended.clear()  # a pod that had ended may still run in the history that holds now
        self._changed.clear()
        self.awaits_list = True

    def _compare(self, known: Entry, pod: PodInfo, *, settled: bool) -> None:
        """Note that a pod grew or changed its confinement: another replica may still hold room for that.

        This may be so even if the change settled a grant of this replica: then the change that this replica granted
        failed, and the one that is shown is another replica's.
        """
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
            self._meter_growth(pod, pod.footprint.beyond(known.footprint))

    def _meter_growth(self, pod: PodInfo, growth: Amounts) -> None:
        """Count growth that no review was asked about."""
        self._grown[pod.name] = pod.uid
        self.unasked_growths += 1
        self.unasked_growth = self.unasked_growth.plus(growth)

    def _meter_bind(self, known: Entry | None, pod: PodInfo) -> None:
        """Count a pod bound to a node of a pool that it was not charged to, if its charge before that is known."""
        pool = self._placed.get(pod.node)
        if pool is None or not pod.counts:
            return
        if known is not None and known.uid == pod.uid:
            charged = self.pool_of(known)
        elif (reservation := self.reservations.get(pod.name, pod.uid)) is not None:
            charged = reservation.charge.pool
        else:
            return
        if charged != pool:
            self.unconfined_binds[pool] += 1
            self.unconfined_bound[pool] = self.unconfined_bound.get(pool, NOTHING).plus(pod.footprint)

    def _note(self, pod: PodInfo) -> None:
        """Remember pods whose resize is infeasible: it may become feasible, and no review is asked about that."""
        if pod.infeasible:
            self._infeasible.add(pod.name)
        else:
            self._infeasible.discard(pod.name)

    def _note_change(self, pod: PodInfo) -> None:
        if len(self._changed) >= _MOST_CHANGED:
            self._changed.clear()
        self._changed[pod.name] = pod.uid, pod.revision

    def _note_end(self, pod: PodInfo) -> None:
        """Remember pods that ended, whose names are taken although they are no longer charged, and pods being deleted.

        A write of the status subresource can make an ended pod live again, and no review is asked about that.
        """
        if not pod.counts:
            self._ended[pod.name] = pod.uid
        elif self._ended.pop(pod.name, None) == pod.uid:
            self._meter_growth(pod, pod.footprint)
        self._deleting.add(pod.name) if pod.deleting else self._deleting.discard(pod.name)

    def _tell_subjects(self, pod: PodInfo, size: Amounts, owner: str | None = None) -> None:
        """Note for the pod's subjects that it appeared, or grew by `size`: what was admitted for them does appear."""
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
        """Return the pool of a bound pod's node (None if that is not known), or of an unbound pod's confinement."""
        return self._placed.get(node) if node else self._placement.pool_of(confined_to)

    def _implied_pool(self, labels: Mapping[str, str]) -> str | None:
        return self.accounting.pool_of(labels)

    def _put(self, name: str, new: Entry | None, *, settled: bool = False, tallied: bool = False) -> None:
        """Set what lives under a name (None: nothing); `settled` says that reservations of the name were settled.

        `tallied` says that nothing lives or dies: only the charge of the pod changes.
        """
        old = self._pods.get(name)
        if old != new:
            self._charge(name, old, new)
            if old is not None:
                del self._pods[name]
            if new is not None:
                self._pods[name] = new
                self._entered += 1
            if not tallied:
                self.changes += 1
                self._tallies.note(name, old)
                if new is None and self._grown:
                    self._grown.pop(name, None)
        elif not settled:
            return
        self.reservations.refresh(name)

    def _charge(self, name: str, old: Entry | None, new: Entry | None) -> None:
        """Charge a pod in place of another, in the sums of its scopes and of its node.

        A binding within the pool that the pod is charged to changes only the node's sum.
        """
        before = self._unbound.remove(name, old) if isinstance(old, Unbound) else self._charge_of(old)
        after = self._unbound.add(name, new) if isinstance(new, Unbound) else self._charge_of(new)
        if before != after:
            for scope in before.scopes if before != NOWHERE else ():
                _move(self._committed, scope, before.footprint, NOTHING)
            for scope in after.scopes if after != NOWHERE else ():
                _move(self._committed, scope, NOTHING, after.footprint)
        if old is not None and old.node:
            self._hold(old.node, old.footprint, NOTHING)
        if new is not None and new.node:
            self._hold(new.node, NOTHING, new.footprint)

    def _charge_of(self, bound: Entry | None) -> Charge:
        return NOWHERE if bound is None else Charge(bound.footprint, self._placed.get(bound.node))

    def _lets_in(self, name: str, pod: Unbound) -> bool:
        return self.accounting.lets_in(name, pod.priority_class, of_daemon_set=pod.of_daemon_set)

    def _hold(self, node: str, old: Amounts, new: Amounts) -> None:
        _move(self._held, node, old, new)
        if node in self._excused:
            self._excuse(node)
            if node not in self._leaving_on:  # a cordoned node can be lost whole, whatever its pods hold
                self.capacity.stir(node)

    # -- nodes ---------------------------------------------------------------------------------------------------------

    def see_node(self, info: NodeInfo, now: float) -> None:
        """Take in a node that was added or changed."""
        self._follow(self.capacity.see(info, now))

    def node_gone(self, name: str, now: float) -> None:
        """Take in that a node was deleted."""
        self._follow(self.capacity.gone(name, now))

    def relist_nodes(self, nodes: Iterable[NodeInfo], now: float) -> None:
        """Take in a complete, consistent list of nodes."""
        self._follow(self.capacity.relist(nodes, now))

    def adopt_nodes(self, nodes: Iterable[Node], now: float) -> None:
        """Take in nodes with their whole past, as another ledger of the same configuration knew them at `now`."""
        self._follow(self.capacity.adopt(nodes, now))

    def tick(self, now: float) -> None:
        """Take in the time: end the grace of nodes that are NotReady, and forget nodes deleted long ago."""
        self._follow(self.capacity.tick(now))

    def configure(self, accounting: AccountingRules, now: float) -> None:
        """Use another configuration from now on; charge again all pods whose charge depends on pools and policies."""
        self.changes += 1
        with self._set_aside(self._unbound.names()):
            self.accounting = accounting
            self._placement.forget()
            if not accounting.config.pools:
                self._placement.clear()
            self._follow(self.capacity.configure(accounting, now))

    @contextmanager
    def _set_aside(self, names: Iterable[str]) -> Iterator[None]:
        """Take pods out of the sums while something changes on which their charge depends; then put them back."""
        pods = [(name, self._pods[name]) for name in list(names)]
        for name, _ in pods:
            self._put(name, None, tallied=True)
        yield
        for name, entry in pods:
            self._put(name, entry, tallied=True)

    def _follow(self, changed: list[Node]) -> None:
        """Charge the pods of changed nodes to the pool that the node is in now; excuse those whose node does not count.

        Unbound pods are charged again if a node can hold them now, if no node can any longer, or if their confinement
        leads to another pool now.
        """
        if changed:
            self.changes += 1
            concerned = self._concerned(self._take_in(changed))
            with self._set_aside(self._unbound.turned(concerned)):
                self._place(changed)
            self._refresh_on({node.info.name for node in changed})

    def _take_in(self, changed: list[Node]) -> list[Change]:
        """Take changed nodes into the placement; return the changes that may lead confinements to another pool."""
        if not self.accounting.config.pools:
            return []
        changes = []
        for node in changed:
            name, known = node.info.name, self.capacity.get(node.info.name)
            if known is None:
                changes.append(self._placement.drop(name))
            else:
                exists = known.deleted_at is None
                changes.append(self._placement.put(name, known.info.labels, known.pool, exists=exists))
        return [change for change in changes if change is not None]

    def _concerned(self, changes: list[Change]) -> Iterable[Ways]:
        """Return the confinements to look up again: those that one change concerns, or all if several nodes changed.

        To test each confinement against several nodes would take longer than to look all of them up.
        """
        if len(changes) != 1:
            return self._unbound.confinements() if changes else ()
        return changes[0].concerned(self._unbound.confinements())

    def _place(self, changed: list[Node]) -> None:
        """Charge what the pods of changed nodes hold to the pool that each node is in now."""
        for node in changed:
            name, held = node.info.name, self._held.get(node.info.name, NOTHING)
            known = self.capacity.get(name)
            old, new = self._placed.pop(name, None), known.pool if known else None
            if old is not None:
                _move(self._committed, old, held, NOTHING)
            if new is not None:
                _move(self._committed, new, NOTHING, held)
                self._placed[name] = new
            self._excuse(name)

    def _refresh_on(self, nodes: set[str]) -> None:
        """Refresh the reservations of every name whose live pod is on one of these nodes."""
        for name in {name for name, _ in self.reservations}:
            pod = self._pods.get(name)
            if pod is not None and pod.node in nodes:
                self.reservations.refresh(name)

    def _excuse(self, name: str) -> None:
        """Take the pods of a node out of the commitment, up to its share of the bound, if it does not count.

        Pods of a leaving (cordoned) node are summed in `_leaving` instead: how much of that sum is excused depends on
        what the reserve pays for.
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
        excused = {scope: held.upto(self.accounting.bound_of_node(scope, node.info.room)) for scope in node.scopes}
        leaving = self.capacity.leaving(name)
        for scope, amounts in excused.items():
            if leaving:
                _move(self._leaving, scope, NOTHING, amounts)
            else:
                _move(self._committed, scope, amounts, NOTHING)
        self._excused[name] = excused
        if leaving:
            self._leaving_on.add(name)

    def _unpaid_of(self, scope: str, leaving: Amounts, scope_limits: ScopeLimits) -> Amounts:
        """Return what cordoned nodes excuse in a scope: at most the part of them that no reserve pays for.

        It is worked out again only when `leaving` or `scope_limits` is a new object.
        """
        known = self._unpaid.get(scope)
        if known is None or known[0] is not leaving or known[1] is not scope_limits:
            known = self._unpaid[scope] = leaving, scope_limits, leaving.upto(scope_limits.unpaid)
        return known[2]

    def _charged_under(self, name: str) -> Charge:
        """Return what lives under a name and is surely charged: NOWHERE for a pod on a node that does not count.

        Such a pod may be excused.
        """
        entry = self._pods.get(name)
        if entry is None or entry.node in self._excused:
            return NOWHERE
        return self._unbound.charge_of(name, entry) if isinstance(entry, Unbound) else self._charge_of(entry)

    # -- reports -------------------------------------------------------------------------------------------------------

    def born(self, birth: str) -> None:
        """Take in when Headroom's account began, as Kubernetes writes it; the earliest moment that is heard of stays.

        All live pods are counted again where that is news, a tenth of a second for 150,000 pods. A replica hears of it
        when it starts.
        """
        known = self._tallies.birth
        if birth and (not known or birth < known):
            self.changes += 1
            self._tallies.born(birth)

    def account(self, now: float) -> AccountSnapshot:
        """Return all that a report shows, as it is now; the cost depends on the number of nodes, not of pods.

        The time is not taken in: the account is as it was at the last event or `tick`.
        """
        scopes = self.accounting.scopes
        out = self.capacity.out()
        return AccountSnapshot(
            now=now,
            accounting=self.accounting,
            revision=self.revision,
            live=len(self._pods),
            tallies=self._tallies.snapshot(),
            held=self._held.copy(),
            nodes=self.capacity.copied(),
            excused=self._excused.copy(),
            leaving=frozenset(self._leaving_on),
            unpaid=self._unpaid_now(),
            leaving_is_out=self._is_unpaid(),
            unbound=tuple(self._unbound.groups()),
            grown={
                name: entry for name, uid in self._grown.items() if (entry := self._pods.get(name)) and entry.uid == uid
            },
            scopes=tuple(
                ScopeSnapshot(self.balance(scope), self.capacity.without_largest(scope), out.get(scope, ()))
                for scope in scopes
            ),
        )

    def _unpaid_now(self) -> Amounts:
        """Return what cordoned nodes excuse together in the cluster's sums."""
        leaving = self._leaving.get(CLUSTER)
        return NOTHING if leaving is None else self._unpaid_of(CLUSTER, leaving, self.capacity.scope_limits(CLUSTER))

    # -- recount -------------------------------------------------------------------------------------------------------

    def parts(self, now: float) -> Snapshot:
        """Take in the time, then return a copy of every figure and of the parts that it is made of, for a recount.

        This takes some milliseconds for 150,000 pods.
        """
        self.tick(now)
        sums = {("held", node): amounts for node, amounts in self._held.items()}
        for scope in self.accounting.scopes:
            sums["committed", scope] = self.balance(scope).committed
            sums |= {(figure, scope): amounts for figure, amounts in self._unbound.stuck(scope)._asdict().items()}
            sums["unseen", scope] = self.reservations.unseen(scope)
            sums["open", scope] = self.reservations.open(scope)
            sums["unretired", scope] = self.reservations.unretired(scope)
        sums |= {("pending", scope): amounts for scope, amounts in self.pending().items()}
        for subject, awaited in self.reservations.subjects.all():  # many, and each in few of the scopes
            for scope in awaited.sums.keys() & self.accounting.scopes:
                sums[f"{AWAITED} {subject}", scope] = awaited.sums[scope]
        limits_by_scope = {scope: self.capacity.scope_limits(scope) for scope in self.accounting.scopes}
        grants = tuple(Grant(name, r.charge, r.before, r.is_open, r.owner) for name, r in self.reservations)
        nodes = {node.info.name: node for node in self.capacity.all()}
        tallies = self._tallies.snapshot()
        return Snapshot(now, self.accounting, self._pods.copy(), nodes, grants, sums, limits_by_scope, tallies)


def _entry(pod: PodInfo) -> Entry:
    if pod.node:
        return Entry(pod.uid, pod.footprint, pod.node, (), pod.traits, pod.created)
    return Unbound(
        pod.uid,
        pod.footprint,
        "",
        pod.confined_to,
        pod.traits,
        pod.created,
        pod.priority_class,
        pod.of_daemon_set,
    )


def _move(sums: dict[str, Amounts], key: str, old: Amounts, new: Amounts) -> None:
    total = sums.get(key, NOTHING).moved(old, new)
    if total == NOTHING:
        sums.pop(key, None)
    else:
        sums[key] = total
