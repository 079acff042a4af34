"""The rules that must hold in the model (docs/protocol.md); each breach raises `Violation`."""

from collections import Counter

from tests.model.etcd import Etcd, Rooms
from tests.model.replica import Letter, Replica
from tests.model.requests import Request
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.interval import UNBORN, Interval
from webhook.core.ledger.recount import recount
from webhook.core.ledger.reservations import Named, Reservation
from webhook.core.sharing.allotment import Timing
from webhook.core.sharing.shared_state import Holding
from webhook.core.values.amounts import NOTHING, Amounts
from webhook.core.values.scopes import CLUSTER

TIMING = Timing()
SUMS = tuple((scope, index) for scope in (CLUSTER, "p") for index in (0, 2))


class Violation(AssertionError):
    """A rule was broken; `rule` is its name, such as I1."""

    def __init__(self, rule: str, text: str) -> None:
        super().__init__(f"{rule}: {text}")
        self.rule = rule


class Checks:
    """The true state of the model, and the checks against it; `rules` are the ones to check."""

    def __init__(self, rooms: Rooms, rules: frozenset[str]) -> None:
        self.rules = rules
        self.now = 1_000.0
        self.etcd = Etcd([rooms])
        self.requests: list[Request] = []
        self.letters: list[Letter] = []
        self.opened: dict[tuple[str, int], list[Named]] = {}  # open reservations at each proposal: (replica, renewal)
        self.sent_at: dict[str, float] = {}  # when each replica sent its last successful write, by its clock
        self.asked_twice: set[str] = set()  # keys of pods that more than one replica was asked about
        self.count: Counter[str] = Counter()
        self.epoch = ""  # the epoch of the shared object that was last written
        self.touched = False  # True once an administrator deleted or edited the shared object, or restored an old copy
        self.ceiling = self.bounds()
        self.replicas: list[Replica] = []
        self.credit = False  # whether credit is limited

    # -- values --------------------------------------------------------------------------------------------------------

    def bounds(self) -> dict[tuple[str, int], int | None]:
        """Return the true bound of each sum, from the nodes as they are now; None: the sum has no bound."""
        rooms = self.etcd.rooms[-1]
        return {
            (CLUSTER, 0): rooms.common + rooms.pool,
            (CLUSTER, 2): (rooms.common + rooms.pool) * 3 // 2,
            ("p", 0): rooms.pool,
            ("p", 2): None,
        }

    def potential(self, *, repeats: bool = False, spare: bool = True) -> dict[tuple[str, int], int]:
        """Return the most that granted pods can sum up to without another write: one pod for each name, and the spare.

        With `repeats`, this includes what may be granted again for a name whose pod came and went.
        """
        pods = [pod for pod in self.etcd.pods.values() if pod.counts]
        booked = {key for replica in self.replicas for key in replica.booked}
        coming = [r for r in self.requests if r.may_come(self.now) or (r.is_asked and r.pod.key in booked)]
        pods += [request.pod for request in coming if not request.is_change or self.reviewed_is_there(request)]
        charged: list[tuple[str, Amounts, tuple[str, ...]]] = [
            (p.name, p.footprint, (CLUSTER, "p") if p.confined_to or p.node == "pool" else (CLUSTER,)) for p in pods
        ]
        for replica in self.replicas if repeats else ():
            charged += self._paid_for(replica)
        by_name: dict[tuple[str, int, str], int] = {}
        for name, footprint, scopes in charged:
            if not name.startswith("ns/f"):
                for scope in scopes:
                    for index in (0, 2):
                        key = (scope, index, name)
                        by_name[key] = max(by_name.get(key, 0), footprint[index])
        total = dict.fromkeys(SUMS, 0)
        for (scope, index, _), amount in by_name.items():
            total[scope, index] += amount
        for replica in self.replicas if spare else ():
            for scope, index in SUMS:
                total[scope, index] += replica.may_take(scope)[index]
        return total

    def _paid_for(self, replica: Replica) -> list[tuple[str, Amounts, tuple[str, ...]]]:
        """Return what a replica may grant again for the same names, because it holds that until its next write."""
        if not replica.allotment.valid(replica.clock()):
            return []
        pending = replica.allotment.pending
        retired = pending.retired_keys if pending else frozenset[str]()
        settled = [
            (name, reservation)
            for name, reservation in replica.ledger.reservations
            if not reservation.is_open and reservation.key not in retired
        ]
        return [
            (name, r.charge.footprint, tuple(s for s in r.charge.scopes if r.before.within(s) == NOTHING))
            for name, r in settled
            if r.before == UNBORN or r.before.elsewhere
        ]

    def reviewed_is_there(self, request: Request) -> bool:
        """Say whether the pod is still what the review of this change was about."""
        live = self.etcd.pods.get(request.pod.name)
        return live is not None and live.uid == request.pod.uid and live.revision == request.pod.before.revision

    # -- the rules -----------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """I1: granted pods stay within the bound, or within the old one until every replica has seen it lowered."""
        if "I1" not in self.rules:
            return
        potential, bounds = self.potential(), self.bounds()
        for key, amount in potential.items():
            ceiling = self.ceiling[key]
            if ceiling is not None and amount > ceiling:
                raise Violation("I1", f"{key}: granted pods can come to {amount} of {ceiling}")
        if self.ceiling != bounds and all(r.noded == len(self.etcd.rooms) and self._renewed(r) for r in self.replicas):
            potential = self.potential(repeats=True)
            self.ceiling = {key: None if bound is None else max(bound, potential[key]) for key, bound in bounds.items()}

    def _renewed(self, replica: Replica) -> bool:
        """Say whether the replica booked everything that it holds after it saw the newest nodes."""
        return replica.renewed_at > replica.noded_at and replica.letter is None

    def check_sums(self) -> None:
        """I5: sums kept event by event equal sums computed from scratch."""
        for replica in self.replicas if "I5" in self.rules else ():
            drift = recount(replica.ledger.parts(replica.clock()))
            if drift:
                raise Violation("I5", f"the ledger of {replica.name} is off: {drift}")
            true = {CLUSTER: NOTHING, "p": NOTHING}
            for pod in replica.view.values():
                if pod.counts:
                    true[CLUSTER] = true[CLUSTER].plus(pod.footprint)
                    if pod.confined_to or pod.node == "pool":
                        true["p"] = true["p"].plus(pod.footprint)
            kept = {scope: replica.ledger.balance(scope).committed for scope in true}
            if kept != true:
                raise Violation("I5", f"{replica.name} has {kept} committed, its pods come to {true}")

    def check_grant(self, replica: Replica) -> None:
        """I6: a replica grants nothing outside its validity, nor from a closed object."""
        self.count["taken"] += 1
        age = replica.clock() - self.sent_at.get(replica.name, float("-inf"))
        shared = replica.allotment.shared
        if "I6" in self.rules and (age >= TIMING.validity or shared is None or not shared.open):
            raise Violation("I6", f"{replica.name} granted {age} s after its last write, on {shared}")

    def check_credit(self, replica: Replica, pod: PodInfo) -> None:
        """I8: with this pod, each subject has one pod open, or at most half of what is left, or a 32nd of the bound."""
        if "I8" not in self.rules or not self.credit:
            return
        shared, ledger = replica.allotment.shared, replica.ledger
        others = [h for name, h in shared.holdings.items() if name != replica.name] if shared else []
        live = replica.view.get(pod.name)
        namespace = pod.name.partition("/")[0]
        for scope in ledger.charge(pod).scopes:
            lives = live.footprint if live and live.counts and scope in ledger.charge(live).scopes else NOTHING
            balance, before = ledger.balance(scope), ledger.before(pod).within(scope)
            for index, bound in enumerate(balance.scope_limits.bound):
                cost = pod.footprint[index] - max(before[index], lives[index])
                if bound is None or cost <= 0:
                    continue
                elsewhere = sum(h.held.get(scope, NOTHING)[index] - h.spare.get(scope, NOTHING)[index] for h in others)
                left = max(0, bound - balance.committed[index] - balance.unseen[index] - elsewhere)
                for subject in (namespace, f"{namespace}/{pod.owner}"):
                    own = ledger.reservations.subjects.awaited(subject).in_scope(scope)[index]
                    if own and 2 * (own + cost) > left + own and 32 * (own + cost) > bound:
                        raise Violation("I8", f"{subject} has {own} open, and {cost} more with {left} left")

    def check_epoch(self, letter: Letter) -> None:
        """I7: a replica creates the shared object again only after it was deleted or damaged."""
        epoch, known = letter.proposal.shared.epoch, self.epoch
        self.epoch = epoch
        if known and epoch != known and not self.touched and "I7" in self.rules:
            raise Violation("I7", f"{letter.sender} made {epoch} though {known} was there")

    def check_refusal(self, replica: Replica, request: Request) -> None:
        """I2: a pod is refused only if the view, open reservations and holdings of dead replicas leave no room.

        Idle holdings of live replicas are never the reason.
        """
        shared = replica.allotment.shared
        if "I2" not in self.rules:
            return
        if shared is None:
            raise Violation("I2", f"{replica.name} refused with nothing to go by")
        others = {other: holding for other, holding in shared.holdings.items() if other != replica.name}
        pod, ledger = request.pod, replica.ledger
        for scope in ledger.charge(pod).scopes:
            balance = ledger.balance(scope)
            taken = balance.committed.plus(balance.unseen).plus(ledger.growth(pod, scope))
            ours = self._ours(replica, pod, scope)
            for index, bound in enumerate(balance.scope_limits.bound):
                if bound is not None and ledger.asked(pod, scope)[index]:
                    beside = self._beside(others, replica, scope, index, ours)
                    if taken[index] + beside > bound:
                        return
        raise Violation("I2", f"{replica.name} refused {pod} though there was room")

    def _beside(
        self, others: dict[str, Holding], replica: Replica, scope: str, index: int, ours: dict[str, Interval]
    ) -> int:
        """Return what others hold of a sum beyond what lives in the replica's view and what it granted itself.

        A name that the holdings tell counts once: what several replicas hold for it is merged byte by byte.
        """
        total = 0
        told: dict[str, set[int]] = {}
        for other, holding in others.items():
            for name, interval in self._held_for(other, holding, replica, scope).items():
                if holding.named.get(name, {}).get(scope, NOTHING)[index]:
                    told.setdefault(name, set()).update(_bytes(interval, index))
                else:
                    total += interval.cost[index]
        for name, held in told.items():
            live = replica.view.get(name)
            lives = live.footprint[index] if live and live.counts and scope in replica.ledger.charge(live).scopes else 0
            total += len(held - set(range(lives)) - (_bytes(ours[name], index) if name in ours else set()))
        return total

    def _held_for(self, other: str, holding: Holding, replica: Replica, scope: str) -> dict[str, Interval]:
        """Return what another replica holds, by name.

        If it is dead, that is all that it holds. Else it is what it has granted and this replica's view does not show,
        or what both replicas were asked about.
        """
        if other in replica.allotment.silent(replica.clock()):
            rest = holding.held.get(scope, NOTHING)
            for sums in holding.named.values():
                rest = rest.minus(sums.get(scope, NOTHING))
            named = {name: Interval(NOTHING, sums.get(scope, NOTHING)) for name, sums in holding.named.items()}
            return {**named, "": Interval(NOTHING, rest)}
        return _by_name(
            [
                (name, reservation)
                for name, reservation in self.opened[other, holding.renewal]
                if reservation.key in self.asked_twice or not self._shows(replica, name, reservation, holding.view)
            ],
            scope,
        )

    @staticmethod
    def _ours(replica: Replica, pod: PodInfo, scope: str) -> dict[str, Interval]:
        """Return what a replica has granted itself and not seen, and the pod that is asked about, by name."""
        charge = replica.ledger.charge(pod)
        asked = Reservation(pod.uid, charge, 0.0, replica.ledger.before(pod))
        return _by_name([*(n for n in replica.ledger.reservations if n[1].is_open), (pod.name, asked)], scope)

    @staticmethod
    def _shows(replica: Replica, name: str, reservation: Reservation, view: int) -> bool:
        """Say whether a replica's view shows what another held as open with its view; a resize may also have failed."""
        pod = replica.view.get(name)
        if pod is None or pod.uid != reservation.uid or pod.revision <= max(view, reservation.before.revision):
            return False
        if reservation.before.elsewhere:
            return bool(pod.confined_to) or pod.node == "pool"
        return reservation.before == UNBORN or not pod.footprint.within(reservation.before.footprint)


def _by_name(reservations: list[Named], scope: str) -> dict[str, Interval]:
    names: dict[str, Interval] = {}
    for name, reservation in reservations:
        if scope in reservation.charge.scopes:
            interval = Interval(reservation.before.within(scope), reservation.charge.footprint)
            names[name] = names[name].and_also(interval) if name in names else interval
    return names


def _bytes(interval: Interval, index: int) -> set[int]:
    return set(range(interval.low[index], interval.high[index]))
