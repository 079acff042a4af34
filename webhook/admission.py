"""Admission: the account, the allotment and those who wait for a booking, under the one lock there is.

    review ──► question ──►[ lock: judge, take ]──► verdict ──► answer
                                   │ the allotment does not cover it
                                   └──► waiting ──► booked by the next write ──► answer

The watches' threads bring news, the booking thread asks for the next proposal and tells what became of it; all of them
only touch values here. Nothing in this module calls the Kubernetes API or waits for anything but the lock.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import replace
from threading import Condition

from webhook.cases import Answer, Case, Decided, plain
from webhook.core.accounting import Accounting
from webhook.core.allotment import Allotment, Proposal, Timing
from webhook.core.config import HeadroomConfig
from webhook.core.decision import Outcome, decide, verdict_of
from webhook.core.ledger import Ledger, PodFacts, Standing
from webhook.core.nodes import NodeFacts
from webhook.core.question import Question, question
from webhook.core.reply import respond
from webhook.core.review import ReviewError, decode, encode
from webhook.core.scopes import CLUSTER
from webhook.core.shared import Shared
from webhook.core.verdict import Decision, Reason, Verdict, cannot_tell
from webhook.feed import Feed
from webhook.waiting import Settled, Waiting, WaitingRoom

log = logging.getLogger(__name__)

_PATIENCE = 2.0  # seconds that a review waits for a booking before it is sent to ask again
_LAST_CALL = 1.5  # seconds before the API server gives up: too late to ask again
_LAST_WORD = 0.5  # seconds before the API server gives up: by then an answer must be on its way
_REMEMBERED = 10_000  # reviews that were sent to ask again


class Admission:
    """Answers reviews from the account."""

    def __init__(
        self, replica: str, timing: Timing, clock: Callable[[], float], observe: Callable[[Decided], None]
    ) -> None:
        self.lock = Condition()
        self._work = False  # whether there may be some for the booking thread; guarded and told by the lock
        self.clock = clock
        self.config = HeadroomConfig()
        self.config_hash = ""
        self.config_problem: str | None = "the ConfigMap headroom-config has not been read yet"
        self.ledger = Ledger(Accounting(self.config))
        self.allotment = Allotment(replica, self.ledger, timing)
        self.pods, self.nodes = Feed("pods"), Feed("nodes")
        self._room = WaitingRoom(self.ledger, self.allotment)
        self._observe = observe
        self._asked_again: OrderedDict[str, float] = OrderedDict()
        self.sent_back = 0  # how often the API server was told to ask again
        self.lapsed = 0  # reservations that lapsed: their pods never came

    # -- the way of a review -------------------------------------------------------------------------------------------

    def review(self, body: bytes, timeout: float) -> Answer | Waiting:
        """Answer an AdmissionReview; the API server waits `timeout` seconds for it in all."""
        now = self.clock()
        try:
            case = Case(decode(body), now, timeout)
        except ReviewError as error:
            log.warning("refused a request to /validate: %s", error)
            return plain(400, str(error))
        try:
            return self._answer_or_wait(case)
        except Exception:
            log.exception("review %r could not be judged", case.request.uid)
            mode = self.config.policy(case.request.namespace).mode
            return self._answer(case, cannot_tell(mode, "an unforeseen error, see Headroom's log"), None)

    def _answer_or_wait(self, case: Case) -> Answer | Waiting:
        asked = question(case.request, self.config)
        if isinstance(asked, Verdict):
            return self._answer(case, asked, None)
        case = replace(case, question=asked)
        with self.lock:
            outcome = self._decide(asked, case.arrived)
            if not outcome.settled:
                waiting = Waiting(case, asked, outcome.verdict, self._wait_until(case))
                self._room.enter(waiting)
                self._wake()
                return waiting
            standing = self._standing(outcome.verdict)
        return self._answer(case, outcome.verdict, standing)

    def _decide(self, asked: Question, now: float) -> Outcome:
        problem = self.problem(now)
        if problem is None:
            return decide(self.ledger, self.allotment, asked, now)
        if asked.forced and not asked.request.dry_run:
            self.allotment.force(asked.facts, now)
        return Outcome(verdict_of(asked, cannot_tell(asked.mode, problem)), settled=True)

    def _standing(self, verdict: Verdict) -> Standing | None:
        """Keep the figures of a decision that somebody will read."""
        if verdict.decision is Decision.ALLOW and verdict.reason is Reason.FITS:
            return None
        return self.ledger.standing(verdict.sums[0].scope if verdict.sums else CLUSTER)

    def _answer(self, case: Case, verdict: Verdict, standing: Standing | None) -> Answer:
        now = self.clock()
        if verdict.decision is Decision.CANNOT_TELL and self._may_ask_again(case, now):
            return plain(503, verdict.detail, retry_after=1)
        age = max(self.pods.age(now), self.nodes.age(now))
        try:
            self._observe(Decided(case, verdict, standing, age, now - case.arrived, self.config_hash))
        except Exception:
            log.exception("the decision on review %r could not be recorded", case.request.uid)
        name = case.question.facts.name if case.question else None
        return Answer(200, encode(respond(case.request, verdict, name)))

    def _may_ask_again(self, case: Case, now: float) -> bool:
        """Say whether the API server has time left to ask again; it was seen to do so with the same uid.

        If it ever comes with another uid, it is told to ask again until it gives up by itself.
        """
        with self.lock:
            if now + _LAST_CALL >= self._given_up_at(case):
                return False
            self._asked_again.setdefault(case.request.uid, case.arrived)
            if len(self._asked_again) > _REMEMBERED:
                self._asked_again.popitem(last=False)
            self.sent_back += 1
            return True

    def _given_up_at(self, case: Case) -> float:
        """When the API server gives up: its time runs from when it asked first."""
        return self._asked_again.get(case.request.uid, case.arrived) + case.timeout

    def _wait_until(self, case: Case) -> float:
        return min(case.arrived + _PATIENCE, self._given_up_at(case) - _LAST_WORD)

    # -- what is known -------------------------------------------------------------------------------------------------

    def problem(self, now: float) -> str | None:
        """Say why there is no account to judge by; None when there is."""
        return self.config_problem or self.pods.problem(now) or self.nodes.problem(now)

    def unready(self) -> str | None:
        """Say why this replica should not be asked; None when it should."""
        with self.lock:
            now = self.clock()
            problem = self.problem(now)
            if problem is None and not self.allotment.valid(now):
                return self._shareless(now)
            return problem

    def _shareless(self, now: float) -> str:
        opens_at = self.allotment.opens_at()
        if opens_at is not None:
            wait = max(0.0, opens_at - now)
            return f"the object that replicas share was made anew, and is opened in about {wait:.0f} s"
        return "this replica holds no valid share of the headroom: its booking has not been written"

    def configure(self, config: HeadroomConfig, digest: str) -> None:
        """Judge by another configuration from now on."""
        with self.lock:
            self.config, self.config_hash, self.config_problem = config, digest, None
            self.ledger.configure(Accounting(config), self.clock())
            self._wake()

    def lack_config(self, problem: str) -> None:
        """Take in that there is no configuration, and never was a good one."""
        with self.lock:
            self.config_problem = problem

    def see_pod(self, pod: PodFacts) -> None:
        """Take in a pod that was added or has changed."""
        with self.lock:
            self.pods.tell_live(self.clock())
            self.ledger.see(pod)

    def pod_gone(self, pod: PodFacts) -> None:
        """Take in that a pod was deleted."""
        with self.lock:
            self.pods.tell_live(self.clock())
            self.ledger.gone(pod)

    def relist_pods(self, pods: Iterable[PodFacts], revision: int) -> None:
        """Take in all pods from a consistent list."""
        with self.lock:
            self.ledger.relist(pods, revision)
            self.pods.tell_synced(self.clock())
            self._wake()

    def bookmark(self, revision: int) -> None:
        """Take in that nothing else happened to pods up to a revision."""
        with self.lock:
            self.pods.tell_live(self.clock())
            self.ledger.bookmark(revision)

    def prove(self, since: float) -> None:
        """Take in that the pods are shown as they were at a moment, or later."""
        with self.lock:
            self.ledger.prove(since)
            lapsed = self.allotment.lapse()
            self.lapsed += len(lapsed)
            self._wake()
        if lapsed:
            log.info("%d reservations lapsed: their pods never came, such as %r", len(lapsed), lapsed[0][0])

    def see_node(self, node: NodeFacts) -> None:
        """Take in a node that was added or has changed."""
        with self.lock:
            now = self.clock()
            self.nodes.tell_live(now)
            self.ledger.see_node(node, now)

    def node_gone(self, name: str) -> None:
        """Take in that a node was deleted."""
        with self.lock:
            now = self.clock()
            self.nodes.tell_live(now)
            self.ledger.node_gone(name, now)

    def relist_nodes(self, nodes: Iterable[NodeFacts]) -> None:
        """Take in all nodes from a consistent list."""
        with self.lock:
            now = self.clock()
            self.ledger.relist_nodes(nodes, now)
            self.nodes.tell_synced(now)
            self._wake()

    def tell_live(self, feed: Feed) -> None:
        """A watch is open again."""
        with self.lock:
            feed.tell_live(self.clock())

    def tell_broken(self, feed: Feed, fault: str) -> None:
        """A watch is broken."""
        with self.lock:
            feed.tell_broken(fault, self.clock())

    # -- bookings ------------------------------------------------------------------------------------------------------

    def await_work(self, seconds: float) -> None:
        """Wait until somebody waits for a booking, or news of the shared object came, or the time is up."""
        with self.lock:
            self.lock.wait_for(lambda: self._work, seconds)
            self._work = False

    def _wake(self) -> None:
        self._work = True
        self.lock.notify_all()

    def next_proposal(self, epoch: str, *, fresh: bool, may_write: bool) -> tuple[Proposal, int] | None:
        """Let time act and answer whoever needs wait no more; return what is to be written now, if anything is.

        With it comes the revision of the object that it replaces; 0: there is none, so it is made. It may be written
        once the object has been looked for.
        """
        with self.lock:
            now = self.clock()
            self.ledger.tick(now)
            problem = self.problem(now)
            settled = list(self._room.without_booking(now, problem))
            proposed = None
            if may_write and problem is None and self.allotment.pending is None:
                asks = self._room.asks(now)
                if asks or self.allotment.due(now, fresh=fresh):
                    proposal = self.allotment.propose(asks, now, epoch, fresh=fresh)
                    self.allotment.begin(proposal)
                    proposed = proposal, self.allotment.revision
        self._settle(settled)
        return proposed

    def farewell(self) -> tuple[Proposal, int] | None:
        """Return what is to be written so that all is handed back but what may still come; None: nothing is held.

        From then on this replica grants nothing.
        """
        with self.lock:
            shared = self.allotment.shared
            if shared is None or self.allotment.replica not in shared.holdings:
                return None
            proposal = self.allotment.propose([], self.clock(), shared.epoch, leaving=True)
            self.allotment.begin(proposal)
            return proposal, self.allotment.revision

    def still_to_come(self) -> int:
        """How many pods were let in that the watch has not shown yet."""
        with self.lock:
            return sum(reservation.is_open for _, reservation in self.ledger.reservations)

    def wants_proof(self) -> bool:
        """Say whether something waits for nothing but a view that is proven fresh."""
        with self.lock:
            return self.allotment.wants_proof(self.clock())

    def proposal_written(self, proposal: Proposal, revision: int) -> None:
        """The proposal was written: let in whom it booked for, refuse whom nothing is left for."""
        with self.lock:
            self.allotment.written(revision)
            settled = list(self._room.after(proposal, self.clock()))
        self._settle(settled)

    def proposal_failed(self) -> None:
        """The proposal was certainly not written."""
        with self.lock:
            self.allotment.failed()

    def resolve(self, proposal: Proposal, shared: Shared | None, revision: int) -> bool:
        """Take in the object after a write that lost, and say whether an earlier attempt at it was carried out."""
        with self.lock:
            self.allotment.observe(shared, revision, self.clock())
            written = self.allotment.pending is not proposal
            settled = list(self._room.after(proposal, self.clock())) if written else []
            if not written:
                self.allotment.failed()
        self._settle(settled)
        return written

    def observe(self, shared: Shared | None, revision: int) -> None:
        """Take in the shared object; None when it is lost or damaged."""
        with self.lock:
            self.allotment.observe(shared, revision, self.clock())
            self._wake()

    def patience(self, waiting: Waiting) -> float:
        """Return the seconds for which to wait for a review's answer, before giving it up."""
        return max(0.0, waiting.until - self.clock())

    def give_up(self, waiting: Waiting) -> None:
        """Answer a review that can wait no longer, whatever the booking thread is about."""
        with self.lock:
            now = self.clock()
            settled = list(self._room.give_up(waiting, self.problem(now), now))
        self._settle(settled)

    def _settle(self, settled: list[Settled]) -> None:
        for waiting, verdict in settled:
            with self.lock:
                standing = self._standing(verdict)
            answer = self._answer(waiting.case, verdict, standing)
            if waiting.answer.set_running_or_notify_cancel():
                waiting.answer.set_result(answer)
