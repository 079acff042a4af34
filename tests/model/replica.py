"""A simulated replica: the real ledger and the real allotment, in a shell that consists of steps instead of threads."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.model.etcd import Version
from tests.model.requests import Request
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.nodes import Allocatable, NodeInfo
from webhook.core.ledger.reservations import Reservation
from webhook.core.ledger.rules import AccountingRules
from webhook.core.sharing.allotment import Allotment, Ask, Proposal, Timing
from webhook.core.sharing.credit import SHARES, Credit
from webhook.core.sharing.proposal import Tell
from webhook.core.sharing.shared_state import Shared, SharedError, read, write
from webhook.core.values.amounts import NOTHING, Amounts

if TYPE_CHECKING:
    from tests.model.world import World

MARKED_FOR = 10.0  # seconds for which a mark made by this replica shows that no replica ever granted anything
POOL = (("pool", "p"),)


@dataclass(eq=False)
class Letter:
    """A write on its way. `revision`: its result (None: the object had changed); `lost`: the sender gets no answer."""

    sender: str
    proposal: Proposal
    text: str
    expected: int
    arrived: bool = False
    revision: int | None = None
    lost: bool = False


@dataclass(eq=False)
class Waiting:
    """A review that waits for a booking."""

    request: Request
    since: float
    proposed: bool = False


@dataclass(eq=False)
class Proof:
    """A proof in progress: the view must still reach the revision of a consistent read."""

    since: float
    revision: int


class Watched(Ledger):
    """A ledger that checks each grant just before it is made."""

    def __init__(self, accounting: AccountingRules, check: Callable[[PodInfo], None]) -> None:
        super().__init__(accounting)
        self._check = check

    def grant(self, pod: PodInfo, now: float) -> Reservation:
        """Check the grant, then make it."""
        self._check(pod)
        return super().grant(pod, now)


@dataclass(eq=False)
class Replica:
    """One process; after its end, its id is never used again."""

    world: "World"
    name: str
    offset: float
    accounting: AccountingRules
    timing: Timing
    seen: int = 0  # the revision up to which its watch has shown pods
    furthest: int = 0  # the highest revision of pods that its watch has shown, in the history that it knows of
    heard: int = 0  # the revision up to which its watch has shown the shared object
    noded: int = 0  # how many of etcd's `rooms` it has seen
    cut_off: bool = False  # its watch of pods was broken for so long that it must begin again with a list
    lost: bool = False  # its watch of the shared object must begin again, with a read of the object
    noded_at: float = float("-inf")
    renewed_at: float = float("-inf")
    view: dict[str, PodInfo] = field(default_factory=dict)  # the same pods as in its ledger, in a plain dict
    paused_until: float = float("-inf")
    lagging: bool = False  # its watch of pods delivers nothing
    deaf: bool = False  # its watch of the shared object delivers nothing, and its writes get no answer
    dumb: bool = False  # its writes do not arrive
    leaving: bool = False
    marked_at: float = float("-inf")
    letter: Letter | None = None
    proof: Proof | None = None
    waiting: list[Waiting] = field(default_factory=list)
    epochs: int = 0
    drops: bool = True  # whether it drops bookings whose reviews have ended, or lets them lapse

    def __post_init__(self) -> None:
        self.ledger: Ledger = Watched(self.accounting, lambda pod: self.world.check_credit(self, pod))
        self.credit = Credit(self.ledger, self.timing.lapse, SHARES if self.world.credit else None)
        self.allotment = Allotment(self.name, self.ledger, self.timing, self.credit)
        self.look()
        self.tell_nodes()
        self.relist()

    def clock(self) -> float:
        """Return the time on its own clock."""
        return self.world.now + self.offset

    # -- reviews -------------------------------------------------------------------------------------------------------

    def review(self, request: Request) -> None:
        """Receive a review, and answer it if that is possible at once."""
        request.asked_of.add(self.name)
        waiting = Waiting(request, self.clock())
        if not self._decided(waiting):
            self.waiting.append(waiting)

    def _decided(self, waiting: Waiting) -> bool:
        pod, now = waiting.request.pod, self.clock()
        if self.allotment.grants.again(pod, now):
            self.world.allow(waiting.request)
            return True
        if waiting.request.forced and not (waiting.request.on_trial and not self.broken(pod)):
            return False
        if self.broken(pod):
            self.world.refuse(waiting.request)
            return True
        if self.allotment.grants.shortfall(pod, now) is not None:
            self.world.count["beyond credit"] += 1
            return False
        if self.allotment.grants.take(pod, now):
            self.world.check_grant(self)
            self.world.allow(waiting.request)
            return True
        return False

    def broken(self, pod: PodInfo) -> bool:
        """Say whether the view alone has no room for the pod."""
        for scope in self.ledger.charge(pod).scopes:
            growth, balance = self.ledger.growth(pod, scope), self.ledger.balance(scope)
            for index, asked in enumerate(self.ledger.asked(pod, scope)):
                left = balance.headroom(index)
                if asked and left is not None and growth[index] > left:
                    return True
        return False

    def may_take(self, scope: str) -> Amounts:
        """Return what it could still grant without another write."""
        if not self.allotment.valid(self.clock()):
            return NOTHING
        spare, pending = self.allotment.grants.spare(scope), self.allotment._terms.pending
        if pending is None:
            return spare
        return spare.upto(pending.proposal.held.get(scope, NOTHING).beyond(pending.loaded(scope)))

    @property
    def booked(self) -> set[str]:
        """The keys of pods that it will admit once it learns that its write was carried out, as it was."""
        letter = self.letter
        if letter is None or letter.revision is None:
            return set()
        return {ask.pod.key for ask in letter.proposal.booked}

    def give_up(self, waiting: Waiting) -> None:
        """Answer a review that has waited too long with *cannot tell*."""
        self.waiting.remove(waiting)
        if waiting.request.forced:
            self.allotment.grants.force(waiting.request.pod, self.clock())
            self.world.allow(waiting.request)

    # -- the allotment controller --------------------------------------------------------------------------------------

    def work(self) -> None:
        """Apply what time makes due, settle reviews that can be settled, and send the next write if there is one."""
        now = self.clock()
        self.allotment.grants.lapse()
        booked = {ask.pod.key for ask in self.letter.proposal.booked} if self.letter else set()
        for waiting in list(self.waiting):
            if waiting.request.pod.key not in booked and self._settled(waiting, now):
                self.waiting.remove(waiting)
        if self.letter is None:
            self._propose(now)
        elif self.letter.lost:
            self._send_again(self.letter)

    def _settled(self, waiting: Waiting, now: float) -> bool:
        if self._decided(waiting):
            return True
        if waiting.proposed and not waiting.request.forced and self.allotment.refuses(waiting.request.pod, now):
            self.world.check_refusal(self, waiting.request)
            self.world.refuse(waiting.request)
            return True
        return False

    def _propose(self, now: float) -> None:
        asks = [
            w
            for w in self.waiting
            if (w.request.forced or self.allotment.grants.shortfall(w.request.pod, now) is None)
            and (not w.proposed or self._helps(w.request, now))
        ]
        if not self.allotment.may_book():
            asks = []
        fresh = now < self.marked_at + MARKED_FOR
        if self.allotment.left or not (asks or self.leaving or self.allotment.due(now, fresh=fresh)):
            return
        if self.allotment.shared is None and self.allotment.revision == 0:
            self._mark(now)
        self.epochs += 1
        proposal = self.allotment.propose(
            [Ask(w.request.pod, w.request.forced, w.request.on_trial) for w in asks],
            now,
            f"{self.name}.{self.epochs}",
            fresh=fresh,
            leaving=self.leaving,
            tell=self._reports({w.request.pod.key: w.request for w in asks}),
        )
        self.allotment.begin(proposal)
        self.letter = Letter(self.name, proposal, write(proposal.shared), self.allotment.revision)
        self.world.send(self, self.letter)

    def _helps(self, request: Request, now: float) -> bool:
        helps = self.allotment.promising(request.pod, now)
        return helps or (request.on_trial and self.allotment.refuses(request.pod, now))

    def _reports(self, requests: dict[str, Request]) -> Tell:
        """Return a function that reports each pod on trial that does not fit as one that would be refused."""

        def tell(ask: Ask, shared: Shared) -> None:
            if ask.on_trial:
                over = not self.allotment.fits(ask.pod, shared)
                self.world.count["reported" if over else "not reported"] += 1
                if over:
                    self.world.check_refusal(self, requests[ask.pod.key])

        return tell

    def _mark(self, now: float) -> None:
        if not self.world.etcd.marked:
            self.world.etcd.marked = True
            self.marked_at = now

    def _send_again(self, letter: Letter) -> None:
        if letter.expected == 0:  # a create makes a closed object, which does no harm even if it arrives late
            self.look()
            self._resolve(letter)
        else:
            self.letter = Letter(self.name, letter.proposal, letter.text, letter.expected)
            self.world.send(self, self.letter)

    def answer(self) -> None:
        """Receive the result of the write."""
        letter = self.letter
        if letter is None or not letter.arrived or letter.lost:
            return
        if letter.revision is None:
            self.look()
            self._resolve(letter)
        else:
            self.allotment.written(letter.revision, self.clock())
            self._after(letter)

    def _resolve(self, letter: Letter) -> None:
        if self.allotment.pending is letter.proposal:
            self.allotment.failed()
            self.letter = None
        else:
            self._after(letter)

    def _after(self, letter: Letter) -> None:
        """Settle reviews after the proposal was written."""
        self.letter, self.renewed_at = None, letter.proposal.sent_at
        booked = {ask.pod.key for ask in letter.proposal.booked}
        unfit = {ask.pod.key for ask in letter.proposal.unfit}
        told: set[str] = set()
        if not self.allotment.vouches(letter.proposal):
            booked = unfit = set()
        for waiting in list(self.waiting):
            key = waiting.request.pod.key
            if key in booked:
                self.waiting.remove(waiting)
                self.world.allow(waiting.request)
                told.add(key)
            waiting.proposed = waiting.proposed or key in unfit
        for name, reservation in letter.proposal.tentative:
            if reservation.key not in told and self.drops:
                self.allotment.grants.drop(name, reservation.key)
        now = self.clock()
        for waiting in list(self.waiting):
            if waiting.proposed and self._settled(waiting, now):
                self.waiting.remove(waiting)

    # -- watches -------------------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Read the shared object; events that the watch has not delivered yet are older."""
        self._observe(self.world.etcd.read(), known=self.allotment.newest)

    def _observe(self, version: Version, known: int = 0) -> None:
        state: Shared | None = None
        try:
            state = None if version.text is None else read(version.text)
        except SharedError:
            state = None
        restarts = self.allotment.restarts
        self.allotment.observe(state, version.revision if version.text is not None else 0, self.clock(), known)
        if self.allotment.restarts > restarts:
            self.furthest, self.lost = 0, True  # this restart is known by now

    def hear(self, most: int = 1_000) -> None:
        """Let the watch show the shared object; after a deletion, read it, because that event may be outdated."""
        if self.lost:
            self.lost, self.heard = False, self.world.etcd.revision
            self.look()
        for version in self.world.etcd.versions_after(self.heard)[:most]:
            self.heard = version.revision
            if version.text is None:
                self.look()
            else:
                self._observe(version)

    def tell_pods(self, most: int = 1_000) -> None:
        """Let the watch deliver up to `most` events of pods; a bookmark comes when there are no more events."""
        if self.cut_off or self.ledger.outdated:
            self.relist()
        etcd = self.world.etcd
        news = etcd.changes_after(self.seen)
        for change in news[:most]:
            self._go_to(change.pod.revision)
            if change.deleted:
                self.ledger.gone(change.pod)
                self.view.pop(change.pod.name, None)
            else:
                self.ledger.see(change.pod)
                self.view[change.pod.name] = change.pod
        if len(news) <= most:
            self._go_to(etcd.revision)
            self.ledger.bookmark(etcd.revision)
        self.prove()

    def _go_to(self, revision: int) -> None:
        self.seen = revision
        self.furthest = max(self.furthest, revision)

    def relist(self) -> None:
        """List the pods; a list with a revision lower than a known one proves that etcd was restored."""
        etcd, now = self.world.etcd, self.clock()
        if etcd.revision < self.furthest:
            self.allotment.begin_again(now)
            self.furthest, self.lost = 0, True
        if self.cut_off or self.ledger.outdated:
            self.proof = None  # it was requested in another history
        self.cut_off = False
        self.ledger.relist(list(etcd.pods.values()), etcd.revision, now)
        self.view = dict(etcd.pods)
        self._go_to(etcd.revision)
        self.prove()

    def tell_nodes(self) -> None:
        """Let the watch show the newest nodes."""
        rooms = self.world.etcd.rooms
        if self.noded < len(rooms):
            self.noded = len(rooms)
            now = self.noded_at = self.clock()
            self.ledger.see_node(NodeInfo("common", Allocatable(rooms[-1].common, 0), ready=True), now)
            self.ledger.see_node(NodeInfo("pool", Allocatable(rooms[-1].pool, 0), ready=True, labels=POOL), now)

    def seek_proof(self) -> None:
        """Begin a proof if the allotment wants one."""
        if self.allotment.wants_proof(self.clock()) and self.proof is None and not self.cut_off:
            self.proof = Proof(self.clock(), self.world.etcd.revision)

    def prove(self) -> None:
        """Complete the proof once the view has reached its revision."""
        if self.proof is not None and self.ledger.revision >= self.proof.revision:
            self.ledger.prove(self.proof.since)
            self.proof = None
