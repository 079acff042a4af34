"""The cluster state: everything that one replica knows and holds, under one lock.

    watches ──► see_pod, see_node, relist, bookmark, prove … ──►  ledger ┐
    reviews ──► reviews: decide, enter, give_up              ──►         │ one lock
    allotment controller ──► bookings: next_proposal, written ──► allotment ┘
    readers ──► read, snapshot

The lock, the ledger and the allotment are known in this room only. Nothing here calls the Kubernetes API. Except for
`bookings.await_work`, each verb waits only for the lock.
"""

import logging
from collections.abc import Callable, Iterable
from threading import Event, RLock
from typing import TypeVar

from webhook.core.config.config import HeadroomConfig
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.nodes import NodeInfo
from webhook.core.ledger.recount import Snapshot
from webhook.core.ledger.rules import AccountingRules
from webhook.core.pods.rules import Rules, names
from webhook.core.reviews.basis import Basis
from webhook.core.reviews.messages import NO_HELP, Help
from webhook.core.sharing.allotment import Allotment, Timing
from webhook.core.sharing.credit import SHARES, Credit, Shares
from webhook.state.bookings import Bookings
from webhook.state.guarded import Guarded
from webhook.state.holders import UnseenHolders
from webhook.state.node_log import NodeLog
from webhook.state.readiness import Readiness
from webhook.state.restores import Restores
from webhook.state.reviews import Reviews
from webhook.state.sync_status import SyncStatus
from webhook.state.wakeup import Pace, Wakeup

log = logging.getLogger(__name__)

T = TypeVar("T")

_UNASKED = (
    "a resize that was infeasible has become feasible, a pod that had ended was made to live again, or a resource "
    "claim (DRA) was allocated"
)


class ClusterState:
    """One replica's view of the cluster, its allotment, and the configuration that it judges by.

    Any thread may call a verb. `reviews` is what admission asks, `bookings` what the allotment controller asks, and
    `readiness` what is missing before this replica can judge.
    """

    def __init__(
        self,
        replica: str,
        timing: Timing,
        clock: Callable[[], float],
        shares: Shares | None = SHARES,
        help_: Help = NO_HELP,
    ) -> None:
        lock, basis = RLock(), Basis(AccountingRules(HeadroomConfig()), help=help_)
        ledger = Ledger(basis.accounting)
        allotment = Allotment(replica, ledger, timing, Credit(ledger, timing.lapse, shares))
        self.readiness = Readiness(clock, lock, allotment)
        self._guarded = Guarded(clock, lock, ledger, allotment, self.readiness, Wakeup(lock), basis)
        self._nodes = NodeLog(self._guarded)
        self._restores = Restores(self._guarded)
        self._holders = UnseenHolders(clock)
        self.reviews = Reviews(self._guarded, self._holders)
        self.bookings = Bookings(self._guarded, self.reviews, self._restores, self._nodes)
        self.clock = clock
        self.pods, self.nodes = self.readiness.pods, self.readiness.nodes
        self.version_due = Event()  # set when the API server may be another one
        self._counting_since = float("-inf")  # a list from before was counted by rules that are too few
        self.lapsed = 0  # reservations that lapsed: their pods never came

    # -- reading -------------------------------------------------------------------------------------------------------

    @property
    def basis(self) -> Basis:
        """What reviews are judged under now: one value, which never changes; no lock is needed."""
        return self._guarded.basis

    def read(self, look: Callable[[Ledger], T]) -> T:
        """Return what `look` takes from the ledger. It holds the lock, so it takes what it needs and works later.

        `look` changes nothing, and returns no part of the ledger that may change.
        """
        with self._guarded.lock:
            return look(self._guarded.ledger)

    def read_holdings(self, look: Callable[[Ledger, Allotment], T]) -> T:
        """Do the same as `read` with the ledger and what this replica holds, as they are at one moment."""
        with self._guarded.lock:
            return look(self._guarded.ledger, self._guarded.allotment)

    def snapshot(self) -> Snapshot:
        """Return a copy of what the ledger's sums are made of, in bounded time; work on it needs no lock."""
        with self._guarded.lock:
            return self._guarded.ledger.parts(self.clock())

    # -- what is judged under ------------------------------------------------------------------------------------------

    def configure(self, config: HeadroomConfig, digest: str) -> None:
        """Judge by this configuration from now on; `digest` is its hash, as the audit log shows it."""
        guarded = self._guarded
        with guarded.lock:
            self.readiness.config_problem = None
            self._judge_under(guarded.basis.configured(config, digest))
        self._nodes.tell()

    def count_by(self, rules: Rules) -> bool:
        """Count pods by these rules from now on; say whether all pods have to be listed again.

        Where there was no such rule set before, pods that are known may count for too little, so nothing is judged
        before that list. Without one of the rule sets they count for too much at most, until the list comes.
        """
        guarded = self._guarded
        with guarded.lock:
            known, self.readiness.version_problem = guarded.basis.rules, None
            if rules == known:
                return False
            self._judge_under(guarded.basis.counted_by(rules))
            if set(rules) - set(known):
                self._counting_since = self.clock()
                self.pods.tell_outdated(f"they are counted by the rules of Kubernetes {names(rules)} from now on")
        return True

    def _judge_under(self, basis: Basis) -> None:
        """Put a basis in force; the caller holds the lock."""
        self._guarded.basis = basis
        self._guarded.ledger.configure(basis.accounting, self.clock())
        self._guarded.wakeup.wake()

    def lack_version(self, problem: str) -> None:
        """Record why it is not known yet by which rules the API server counts pods."""
        with self._guarded.lock:
            self.readiness.version_problem = problem

    def lack_config(self, problem: str) -> None:
        """Record why there is no configuration; call it only while there has never been a valid one."""
        with self._guarded.lock:
            self.readiness.config_problem = problem

    # -- pods ----------------------------------------------------------------------------------------------------------

    def see_pod(self, pod: PodInfo) -> None:
        """Record a pod that was added or has changed."""
        guarded = self._guarded
        ledger, wakeup = guarded.ledger, guarded.wakeup
        with guarded.lock:
            self.pods.tell_live(self.clock())
            before, still_open = ledger.unasked_growths, ledger.reservations.still_open
            ledger.see(pod)
            wakeup.advance(guarded.allotment.may_book)
            if wakeup.awaits_pods and ledger.reservations.still_open < still_open:
                wakeup.wake()
            grown = ledger.unasked_growths > before
        if grown:
            log.warning("pod %r grew without a review: %s", pod.name, _UNASKED)

    def pod_gone(self, pod: PodInfo) -> None:
        """Record that a pod was deleted."""
        guarded = self._guarded
        with guarded.lock:
            self.pods.tell_live(self.clock())
            guarded.ledger.gone(pod)
            guarded.wakeup.advance(guarded.allotment.may_book)

    def relist_pods(self, pods: Iterable[PodInfo], revision: int, since: float = float("-inf")) -> None:
        """Replace all pods by those of a consistent list; `since` is when the list was requested."""
        ledger = self._guarded.ledger
        with self._guarded.lock:
            before = ledger.unasked_growths
            ledger.relist(pods, revision, since)
            grown = ledger.unasked_growths - before
            if not ledger.awaits_list and since >= self._counting_since:
                self.pods.tell_synced(self.clock())
            self._guarded.wakeup.wake()
        if grown:
            log.warning("%d pods grew without a review: each time %s", grown, _UNASKED)

    def bookmark(self, revision: int) -> None:
        """Record that the watch has delivered every change of a pod up to a revision."""
        guarded = self._guarded
        with guarded.lock:
            self.pods.tell_live(self.clock())
            guarded.ledger.bookmark(revision)
            guarded.wakeup.advance(guarded.allotment.may_book)

    def prove(self, since: float) -> None:
        """Record a proof: the view shows the pods as they were at `since`, or later. Lapse reservations by it."""
        guarded = self._guarded
        with guarded.lock:
            guarded.ledger.prove(since)
            lapsed, worse = guarded.allotment.grants.lapse(), guarded.allotment.grants.worse
            self.lapsed += len(lapsed)
            guarded.wakeup.wake()
        if lapsed:
            log.info("%d reservations lapsed: their pods never came, such as %r", len(lapsed), lapsed[0][0])
        self._holders.tell_worse(worse)

    # -- nodes ---------------------------------------------------------------------------------------------------------

    def see_node(self, node: NodeInfo) -> None:
        """Record a node that was added or has changed."""
        with self._guarded.lock:
            now = self.clock()
            self.nodes.tell_live(now)
            self._guarded.ledger.see_node(node, now)
        self._nodes.tell()

    def node_gone(self, name: str) -> None:
        """Record that a node was deleted."""
        with self._guarded.lock:
            now = self.clock()
            self.nodes.tell_live(now)
            self._guarded.ledger.node_gone(name, now)
        self._nodes.tell()

    def relist_nodes(self, nodes: Iterable[NodeInfo]) -> None:
        """Replace all nodes by those of a consistent list."""
        with self._guarded.lock:
            now = self.clock()
            self._guarded.ledger.relist_nodes(nodes, now)
            self.nodes.tell_synced(now)
            self._guarded.wakeup.wake()
        self._nodes.tell()

    # -- watches -------------------------------------------------------------------------------------------------------

    def tell_live(self, feed: SyncStatus) -> None:
        """Record that the watch of `feed` is open."""
        with self._guarded.lock:
            feed.tell_live(self.clock())

    def tell_broken(self, feed: SyncStatus, fault: str) -> None:
        """Record that the watch of `feed` is broken, and why."""
        with self._guarded.lock:
            feed.tell_broken(fault, self.clock())
        self.version_due.set()
        self._restores.lose_touch()

    def begin_again(self, what: str, known: int, found: int, since: float) -> None:
        """Record that etcd was restored: a list of `what` has revision `found`, which is lower than the `known` one.

        `since` is when that list was requested; the watch delivers it next.
        """
        self._restores.begin_again(what, known, found, since)

    def set_pace(self, pace: Pace) -> None:
        """Tell the reader of the watch of pods from now on whether events may be read late."""
        with self._guarded.lock:
            self._guarded.wakeup.set_pace(pace)
