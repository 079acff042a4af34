"""The account: everything that is known and held, under the one lock there is.

The watches' threads bring news; the booking thread waits for work and is told what there is to hand back. Nothing in
this module calls the Kubernetes API or waits for anything but the lock.
"""

import logging
from collections.abc import Callable, Iterable
from threading import Condition, Event, Lock, RLock

from webhook.core.config.config import HeadroomConfig
from webhook.core.config.percentage import Part
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.nodes import NodeInfo
from webhook.core.ledger.rules import AccountingRules
from webhook.core.pods.rules import Rules, names
from webhook.core.reviews.messages import NO_HELP, Help
from webhook.core.sharing.allotment import Allotment, Proposal, Timing
from webhook.core.sharing.credit import SHARES, Credit, Shares
from webhook.core.sharing.shared_state import Shared
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


class ClusterState:
    """One replica's view of the cluster, its allotment and the configuration to judge by.

    Whoever reads or changes `ledger` or `allotment` holds the `lock`, and for as short as can be.
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
        self._work = False  # whether there may be some for the booking thread; guarded by the lock
        self._awaiting = False  # whether a review waits for earlier pods to be seen; guarded by the lock
        self._behind = False  # whether that thread sleeps over a view that has to come further before it may book
        self.news_needed = Event()  # set when there may be work: news of the pods may be what it waits for
        self.clock = clock
        self.config = HeadroomConfig()
        self.config_hash = ""
        self.help = help_  # where a user who is refused gets help
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
        """Say why this replica can let nothing in that commits anything; None when it can."""
        with self.lock:
            now = self.clock()
            return self.problem(now) or self.allotment.closed(now) or self._shareless(now)

    def unready(self) -> str | None:
        """Say why others should be asked in its place; None when there is no reason.

        Where the object that all replicas share was lost, none of them can grant, and each can at least say that; the
        same while everything is listed again because etcd was put back.
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
        """Judge by another configuration from now on."""
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
        """Take in that there is no configuration, and never was a good one."""
        with self.lock:
            self.config_problem = problem

    # -- news ----------------------------------------------------------------------------------------------------------

    def see_pod(self, pod: PodInfo) -> None:
        """Take in a pod that was added or has changed."""
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
        """Take in that a pod was deleted."""
        with self.lock:
            self.pods.tell_live(self.clock())
            self.ledger.gone(pod)
            self._come_further()

    def relist_pods(self, pods: Iterable[PodInfo], revision: int, since: float = float("-inf")) -> None:
        """Take in all pods from a consistent list that was asked for at a moment."""
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
        """Take in that nothing else happened to pods up to a revision."""
        with self.lock:
            self.pods.tell_live(self.clock())
            self.ledger.bookmark(revision)
            self._come_further()

    def prove(self, since: float) -> None:
        """Take in that the pods are shown as they were at a moment, or later."""
        with self.lock:
            self.ledger.prove(since)
            lapsed, worse = self.allotment.lapse(), self.allotment.worse
            self.lapsed += len(lapsed)
            self.wake()
        if lapsed:
            log.info("%d reservations lapsed: their pods never came, such as %r", len(lapsed), lapsed[0][0])
        self.holders.tell_worse(worse)

    def see_node(self, node: NodeInfo) -> None:
        """Take in a node that was added or has changed."""
        with self.lock:
            now = self.clock()
            self.nodes.tell_live(now)
            self.ledger.see_node(node, now)
        self.tell_of_nodes()

    def node_gone(self, name: str) -> None:
        """Take in that a node was deleted."""
        with self.lock:
            now = self.clock()
            self.nodes.tell_live(now)
            self.ledger.node_gone(name, now)
        self.tell_of_nodes()

    def relist_nodes(self, nodes: Iterable[NodeInfo]) -> None:
        """Take in all nodes from a consistent list."""
        with self.lock:
            now = self.clock()
            self.ledger.relist_nodes(nodes, now)
            self.nodes.tell_synced(now)
            self.wake()
        self.tell_of_nodes()

    def tell_of_nodes(self) -> None:
        """Log what is new of the nodes, by events or by time alone; without the lock, for a log may be slow."""
        with self._telling:
            with self.lock:
                accounting, capacity = self.ledger.accounting, self.ledger.capacity
                overlaps, out = capacity.overlaps(), capacity.out()
            self._overlaps.tell(overlaps)
            self._reserves.tell({scope: (accounting.reserve_nodes(scope), names) for scope, names in out.items()})

    def tell_live(self, feed: SyncStatus) -> None:
        """A watch is open again."""
        with self.lock:
            feed.tell_live(self.clock())

    def tell_broken(self, feed: SyncStatus, fault: str) -> None:
        """A watch is broken."""
        with self.lock:
            feed.tell_broken(fault, self.clock())
        self.version_due.set()
        self.lose_touch()

    # -- a history that was replaced -----------------------------------------------------------------------------------

    def lose_touch(self) -> None:
        """The API server is away, and etcd may be put back meanwhile."""
        with self.lock:
            self.allotment.lose_touch(self.clock())
            self.wake()

    def begin_again(self, what: str, known: int, found: int, since: float) -> None:
        """Take in that etcd was put back, as a list showed that was asked for at a moment and comes next."""
        with self.lock:
            doubted, deaf = self.ledger.doubted_since, self.ledger.deaf
            if since < doubted or (deaf and since == doubted):
                return  # by the same restore, of which a later list tells
            self.allotment.begin_again(self.clock(), since if what == self.pods.resource else None)
            self._tell_outdated(f"{what} were at revision {known}, and a consistent read of them said {found}")

    def _tell_outdated(self, evidence: str) -> None:
        self.evidence = evidence
        for feed in (self.pods, self.nodes):
            feed.tell_outdated()
        self.wake()

    def newest(self) -> int:
        """The newest revision of the shared object that is known; to be asked for before a read is sent."""
        with self.lock:
            return self.allotment.newest

    def doubted_since(self) -> float | None:
        """Since when the view may be of another history; None: it is of this one."""
        with self.lock:
            return self.ledger.doubted_since if self.ledger.outdated else None

    def at_ease(self) -> bool:
        """Say whether news of the pods can wait: no bound is near, no booking waits for a view, no review for pods."""
        with self.lock:
            scopes = self.ledger.accounting.scopes
            if self._behind or self._awaiting:
                return False
            return not any(self.ledger.standing(scope).is_past(_NEAR) for scope in scopes)

    # -- bookings ------------------------------------------------------------------------------------------------------

    def await_work(self, seconds: float) -> None:
        """Wait until somebody waits for a booking, or news of the shared object came, or the time is up.

        Where the view has to come further first, it wakes whoever waits as soon as it has.
        """
        with self.lock:
            self._behind = not self.allotment.may_book()
            self._told.wait_for(lambda: self._work, seconds)
            self._work = False

    def wake(self) -> None:
        """Tell the booking thread that there may be work; the caller holds the lock."""
        self._work = True
        self.news_needed.set()
        self._told.notify_all()

    def excuse(self) -> None:
        """Take in that something is wrong here, for which pods may not come: that is held against nobody."""
        with self.lock:
            self.ledger.history.excuse(self.clock())

    def await_pods(self, awaiting: bool) -> None:
        """Take in whether any review waits for earlier pods to be seen; the caller holds the lock."""
        self._awaiting = awaiting

    def _come_further(self) -> None:
        if self._behind and self.allotment.may_book():
            self._behind = False
            self.wake()

    def farewell(self) -> tuple[Proposal, int] | None:
        """Return what is to be written so that all is handed back but what may still come; None: nothing is held.

        From then on this replica grants nothing.
        """
        with self.lock:
            shared = self.allotment.shared
            if shared is None or self.allotment.replica not in shared.holdings or self.ledger.deaf:
                return None
            proposal = self.allotment.propose([], self.clock(), shared.epoch, leaving=True)
            self.allotment.begin(proposal)
            return proposal, self.allotment.revision

    def still_to_come(self) -> int:
        """How many pods were let in that the watch has not shown yet."""
        with self.lock:
            return self.ledger.reservations.still_open

    def wants_proof(self) -> bool:
        """Say whether something waits for nothing but a view that is proven fresh."""
        with self.lock:
            return self.allotment.wants_proof(self.clock())

    def proposal_failed(self) -> None:
        """The proposal was certainly not written."""
        with self.lock:
            self.allotment.failed()

    def observe(self, shared: Shared | None, revision: int, known: int = 0) -> None:
        """Take in the shared object; None when it is lost or damaged; `known` as for the allotment."""
        with self.lock:
            restarts = self.allotment.restarts
            self.allotment.observe(shared, revision, self.clock(), known)
            self._compare(restarts, known, revision)
            self.wake()

    def _compare(self, restarts: int, known: int, found: int) -> None:
        """Tell the rest of the account of what the allotment has found; the caller holds the lock."""
        if self.allotment.restarts > restarts:
            what = "the object that replicas share"
            self._tell_outdated(f"{what} was at revision {known}, and a consistent read or write of it said {found}")

    def written(self, revision: int) -> None:
        """The pending proposal was written; the caller holds the lock."""
        restarts, known = self.allotment.restarts, self.allotment.newest
        self.allotment.written(revision, self.clock())
        if self.allotment.went_back:
            self.allotment.begin_again(self.clock())
        self._compare(restarts, known, revision)
