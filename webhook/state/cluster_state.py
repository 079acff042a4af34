"""The cluster state: everything that one replica knows and holds, under one lock.

The watches' threads report events. The allotment controller's thread waits here for work, and gets from here what it
hands back at the end. Nothing in this module calls the Kubernetes API. Except for `await_work`, it waits only for the
lock.
"""

import logging
from collections.abc import Callable, Iterable
from threading import Condition, Event, Lock, RLock
from typing import NamedTuple

from webhook.core.config.config import HeadroomConfig
from webhook.core.config.percentage import Part
from webhook.core.ledger.account import AccountSnapshot
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.nodes import NodeInfo
from webhook.core.ledger.rules import AccountingRules
from webhook.core.pods.rules import Rules, names
from webhook.core.reviews.messages import NO_HELP, Help
from webhook.core.sharing.allotment import Allotment, Proposal, Timing
from webhook.core.sharing.credit import SHARES, Credit, Shares
from webhook.core.sharing.shared_state import Shared
from webhook.core.values.amounts import Amounts
from webhook.state.holders import UnseenHolders
from webhook.state.pool_overlaps import PoolOverlaps
from webhook.state.reserves import ReserveLog
from webhook.state.sync_status import SyncStatus

log = logging.getLogger(__name__)

_NEAR = Part.parse("90%")  # of a bound
_UNASKED = (
    "a resize that was infeasible has become feasible, a pod that had ended was made to live again, or a resource "
    "claim (DRA) was allocated"
)


class AccountMark(NamedTuple):
    """By what a report is known to be out of date: two equal marks are of the same account in the same circumstances.

    `granted` has, for each scope, what this replica granted and has not seen yet, and what others granted
    (`Allotment.granted_elsewhere`). `age` is for how long a watch has been broken, in seconds; `problem` is as in
    `ClusterState.problem`.
    """

    changes: int
    revision: int
    granted: tuple[tuple[str, Amounts, Amounts], ...]
    config_hash: str
    problem: str | None
    age: float


class ClusterState:
    """One replica's view of the cluster, its allotment, and the configuration that it judges by.

    A thread that reads or changes `ledger` or `allotment` must hold `lock`, and holds it as briefly as possible. Any
    thread may call a method; the docstring says so where the caller must hold the lock already.
    """

    def __init__(
        self,
        replica: str,
        timing: Timing,
        clock: Callable[[], float],
        shares: Shares | None = SHARES,
        help_: Help = NO_HELP,
    ) -> None:
        self.lock = RLock()
        self._told = Condition(self.lock)
        self._work = False  # True while there may be work for the allotment controller; guarded by the lock
        self._awaiting = False  # True while a review waits for earlier pods to be seen; guarded by the lock
        self._behind = False  # True while the allotment controller waits for a view by which it may book
        self.news_needed = Event()  # set when there may be work: then the pod watch takes no long pause
        self.clock = clock
        self.config = HeadroomConfig()
        self.config_hash = ""
        self.help = help_  # where a user whose pod is refused gets help
        self.config_problem: str | None = "the ConfigMap headroom-config has not been read yet"
        self.ledger = Ledger(AccountingRules(self.config))
        self.allotment = Allotment(replica, self.ledger, timing, Credit(self.ledger, timing.lapse, shares))
        self.pods, self.nodes = SyncStatus("pods"), SyncStatus("nodes")
        self._telling = Lock()
        self._overlaps, self._reserves = PoolOverlaps(), ReserveLog()
        self.holders = UnseenHolders(clock)
        self.evidence = ""  # by which it was last known that etcd was put back
        self.version_problem: str | None = None  # why it is not known by which rules the API server counts pods
        self.version_due = Event()  # set when the API server may be another one
        self._counting_since = float("-inf")  # a list from before was counted by rules that are too few
        self._recounted = False  # since the booking thread looked
        self.lapsed = 0  # reservations that lapsed: their pods never came

    # -- what is known -------------------------------------------------------------------------------------------------

    def problem(self, now: float) -> str | None:
        """Say why there is no account to judge by; None when there is."""
        return self.config_problem or self.version_problem or self.pods.problem(now) or self.nodes.problem(now)

    def unable(self) -> str | None:
        """Say why this replica cannot admit a pod that commits resources; None when it can."""
        with self.lock:
            now = self.clock()
            return self.problem(now) or self.allotment.closed(now) or self._shareless(now)

    def unready(self) -> str | None:
        """Say why the API server should send reviews to other replicas instead; None when this replica is ready.

        If the object that all replicas share was lost, no replica can grant. Then each replica stays ready, so that it
        can at least say so. The same holds while everything is listed again because etcd was restored.
        """
        with self.lock:
            now = self.clock()
            closed = self.allotment.closed(now)
            if closed and self.allotment.was_shared_before:
                return None if self.pods.again or self.nodes.again else self.problem(now)
            return self.problem(now) or closed or self._shareless(now)

    def _shareless(self, now: float) -> str | None:
        if self.allotment.valid(now):
            return None
        return "this replica holds no valid share of the headroom: its booking has not been written"

    def configure(self, config: HeadroomConfig, digest: str) -> None:
        """Judge by this configuration from now on; `digest` is its hash, as the audit log shows it."""
        with self.lock:
            self.config, self.config_hash, self.config_problem = config, digest, None
            self.help = self.help._replace(contact=config.message)
            self.ledger.configure(AccountingRules(config, self.rules), self.clock())
            self.wake()
        self.tell_of_nodes()

    @property
    def rules(self) -> Rules:
        """Those by which pods are counted."""
        return self.ledger.accounting.rules

    def count_by(self, rules: Rules) -> bool:
        """Count pods by these rules from now on; say whether all pods have to be listed again.

        Where there was no such rule set before, pods that are known may count for too little, so nothing is judged
        before that list. Without one of the rule sets they count for too much at most, until the list comes.
        """
        with self.lock:
            known, self.version_problem = self.rules, None
            if rules == known:
                return False
            self.ledger.configure(AccountingRules(self.config, rules), self.clock())
            if set(rules) - set(known):
                self._counting_since = self.clock()
                self._recounted = True
                self.pods.tell_outdated(f"they are counted by the rules of Kubernetes {names(rules)} from now on")
            self.wake()
        return True

    def lack_version(self, problem: str) -> None:
        """Take in that it is not known yet by which rules the API server counts pods."""
        with self.lock:
            self.version_problem = problem

    def recounted(self) -> bool:
        """Say whether more rules were taken up since the last look; the caller holds the lock."""
        found, self._recounted = self._recounted, False
        return found

    def lack_config(self, problem: str) -> None:
        """Record why there is no configuration; call it only while there has never been a valid one."""
        with self.lock:
            self.config_problem = problem

    def born(self, birth: int) -> None:
        """Record when the object that replicas share was created, in seconds since 1970; 0 if that is not known."""
        with self.lock:
            self.ledger.born(birth)

    def look(self, known: AccountMark | None) -> tuple[AccountMark, AccountSnapshot | None]:
        """Return a mark of the account as it is now, and the account itself unless it is still that of `known`."""
        with self.lock:
            now, ledger = self.clock(), self.ledger
            mark = AccountMark(
                ledger.changes,
                ledger.revision,
                tuple(
                    (scope, ledger.reservations.unseen(scope), self.allotment.granted_elsewhere(scope))
                    for scope in ledger.accounting.scopes
                ),
                self.config_hash,
                self.problem(now),
                max(self.pods.age(now), self.nodes.age(now)),
            )
            return mark, ledger.account(now) if known is None or mark[:3] != known[:3] else None

    # -- news ----------------------------------------------------------------------------------------------------------

    def see_pod(self, pod: PodInfo) -> None:
        """Record a pod that was added or has changed."""
        with self.lock:
            self.pods.tell_live(self.clock())
            before, still_open = self.ledger.unasked_growths, self.ledger.reservations.still_open
            self.ledger.see(pod)
            self._come_further()
            if self._awaiting and self.ledger.reservations.still_open < still_open:
                self.wake()
            grown = self.ledger.unasked_growths > before
        if grown:
            log.warning("pod %r grew without a review: %s", pod.name, _UNASKED)

    def pod_gone(self, pod: PodInfo) -> None:
        """Record that a pod was deleted."""
        with self.lock:
            self.pods.tell_live(self.clock())
            self.ledger.gone(pod)
            self._come_further()

    def relist_pods(self, pods: Iterable[PodInfo], revision: int, since: float = float("-inf")) -> None:
        """Replace all pods by those of a consistent list; `since` is when the list was requested."""
        with self.lock:
            before = self.ledger.unasked_growths
            self.ledger.relist(pods, revision, since)
            grown = self.ledger.unasked_growths - before
            if not self.ledger.deaf and since >= self._counting_since:
                self.pods.tell_synced(self.clock())
            self.wake()
        if grown:
            log.warning("%d pods grew without a review: each time %s", grown, _UNASKED)

    def bookmark(self, revision: int) -> None:
        """Record that the watch has delivered every change of a pod up to a revision."""
        with self.lock:
            self.pods.tell_live(self.clock())
            self.ledger.bookmark(revision)
            self._come_further()

    def prove(self, since: float) -> None:
        """Record a proof: the view shows the pods as they were at `since`, or later. Lapse reservations by it."""
        with self.lock:
            self.ledger.prove(since)
            lapsed, worse = self.allotment.lapse(), self.allotment.worse
            self.lapsed += len(lapsed)
            self.wake()
        if lapsed:
            log.info("%d reservations lapsed: their pods never came, such as %r", len(lapsed), lapsed[0][0])
        self.holders.tell_worse(worse)

    def see_node(self, node: NodeInfo) -> None:
        """Record a node that was added or has changed."""
        with self.lock:
            now = self.clock()
            self.nodes.tell_live(now)
            self.ledger.see_node(node, now)
        self.tell_of_nodes()

    def node_gone(self, name: str) -> None:
        """Record that a node was deleted."""
        with self.lock:
            now = self.clock()
            self.nodes.tell_live(now)
            self.ledger.node_gone(name, now)
        self.tell_of_nodes()

    def relist_nodes(self, nodes: Iterable[NodeInfo]) -> None:
        """Replace all nodes by those of a consistent list."""
        with self.lock:
            now = self.clock()
            self.ledger.relist_nodes(nodes, now)
            self.nodes.tell_synced(now)
            self.wake()
        self.tell_of_nodes()

    def tell_of_nodes(self) -> None:
        """Log changes in overlaps of pools and in used reserves, whether an event or the time alone caused them.

        The lines are written without the state's lock, because a log may be slow.
        """
        with self._telling:
            with self.lock:
                accounting, capacity = self.ledger.accounting, self.ledger.capacity
                overlaps, out = capacity.overlaps(), capacity.out()
            self._overlaps.tell(overlaps)
            self._reserves.tell({scope: (accounting.reserve_nodes(scope), names) for scope, names in out.items()})

    def tell_live(self, feed: SyncStatus) -> None:
        """Record that the watch of `feed` is open."""
        with self.lock:
            feed.tell_live(self.clock())

    def tell_broken(self, feed: SyncStatus, fault: str) -> None:
        """Record that the watch of `feed` is broken, and why."""
        with self.lock:
            feed.tell_broken(fault, self.clock())
        self.version_due.set()
        self.lose_touch()

    # -- a history that was replaced -----------------------------------------------------------------------------------

    def lose_touch(self) -> None:
        """Record that the API server cannot be reached; etcd may be restored in the meantime."""
        with self.lock:
            self.allotment.lose_touch(self.clock())
            self.wake()

    def begin_again(self, what: str, known: int, found: int, since: float) -> None:
        """Record that etcd was restored: a list of `what` has revision `found`, which is lower than the `known` one.

        `since` is when that list was requested; the watch delivers it next. The ledger ignores all events of pods until
        it gets a list of pods that is new enough.
        """
        with self.lock:
            doubted, deaf = self.ledger.doubted_since, self.ledger.deaf
            if since < doubted or (deaf and since == doubted):
                return  # this is about the same restore, and a later list is awaited already
            self.allotment.begin_again(self.clock(), since if what == self.pods.resource else None)
            self._tell_outdated(f"{what} were at revision {known}, and a consistent read of them said {found}")

    def _tell_outdated(self, evidence: str) -> None:
        self.evidence = evidence
        for feed in (self.pods, self.nodes):
            feed.tell_outdated()
        self.wake()

    def newest(self) -> int:
        """Return the newest known revision of the shared object; call this before sending a read (see `observe`)."""
        with self.lock:
            return self.allotment.newest

    def doubted_since(self) -> float | None:
        """Return since when the view may show a history that a restore of etcd replaced; None: it does not."""
        with self.lock:
            return self.ledger.doubted_since if self.ledger.outdated else None

    def at_ease(self) -> bool:
        """Say whether events of pods may be read later than usual.

        True if no bound is near, no booking waits for the view to advance, and no review waits for earlier pods.
        """
        with self.lock:
            scopes = self.ledger.accounting.scopes
            if self._behind or self._awaiting:
                return False
            return not any(self.ledger.standing(scope).is_past(_NEAR) for scope in scopes)

    # -- bookings ------------------------------------------------------------------------------------------------------

    def await_work(self, seconds: float) -> None:
        """Wait until `wake` is called, or `seconds` have passed; only the allotment controller's thread calls this.

        If the view must advance before anything can be booked, the event that advances it far enough ends the wait.
        """
        with self.lock:
            self._behind = not self.allotment.may_book()
            self._told.wait_for(lambda: self._work, seconds)
            self._work = False

    def wake(self) -> None:
        """Wake the allotment controller, because there may be work; the caller holds the lock."""
        self._work = True
        self.news_needed.set()
        self._told.notify_all()

    def excuse(self) -> None:
        """Record that this replica has a problem, which may keep pods from being created.

        A reservation from before now that lapses does not lower the credit of its owner or namespace.
        """
        with self.lock:
            self.ledger.history.excuse(self.clock())

    def await_pods(self, awaiting: bool) -> None:
        """Record whether any review waits for earlier pods to be seen; the caller holds the lock."""
        self._awaiting = awaiting

    def _come_further(self) -> None:
        if self._behind and self.allotment.may_book():
            self._behind = False
            self.wake()

    def farewell(self) -> tuple[Proposal, int] | None:
        """Return the last proposal and the revision that it replaces; None if there is nothing to hand back.

        It hands back everything except room for pods that were admitted and may still be created. After this call the
        replica grants nothing.
        """
        with self.lock:
            shared = self.allotment.shared
            if shared is None or self.allotment.replica not in shared.holdings or self.ledger.deaf:
                return None
            proposal = self.allotment.propose([], self.clock(), shared.epoch, leaving=True)
            self.allotment.begin(proposal)
            return proposal, self.allotment.revision

    def still_to_come(self) -> int:
        """Return how many pods were admitted here that the watch has not shown yet."""
        with self.lock:
            return self.ledger.reservations.still_open

    def wants_proof(self) -> bool:
        """Say whether something waits only for a fresh proof: a lapse, or an object that can be opened."""
        with self.lock:
            return self.allotment.wants_proof(self.clock())

    def proposal_failed(self) -> None:
        """Undo the pending proposal; the caller knows that it was not written and will not be."""
        with self.lock:
            self.allotment.failed()

    def observe(self, shared: Shared | None, revision: int, known: int = 0) -> None:
        """Record the shared object as it was read or watched; None: it is lost (revision 0) or damaged.

        After a consistent read, `known` is what `newest` returned before the read was sent.
        """
        with self.lock:
            restarts = self.allotment.restarts
            self.allotment.observe(shared, revision, self.clock(), known)
            self._compare(restarts, known, revision)
            self.wake()

    def _compare(self, restarts: int, known: int, found: int) -> None:
        """Mark the views as outdated if the allotment has just found that etcd was restored. The caller holds the lock.

        `restarts` is the allotment's count from before; `known` and `found` are revisions, for the log.
        """
        if self.allotment.restarts > restarts:
            what = "the object that replicas share"
            self._tell_outdated(f"{what} was at revision {known}, and a consistent read or write of it said {found}")

    def written(self, revision: int) -> None:
        """Record that the pending proposal was written as this revision; the caller holds the lock."""
        restarts, known = self.allotment.restarts, self.allotment.newest
        self.allotment.written(revision, self.clock())
        if self.allotment.went_back:
            self.allotment.begin_again(self.clock())
        self._compare(restarts, known, revision)
