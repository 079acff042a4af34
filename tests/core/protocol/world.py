"""The world: etcd, replicas, creates in flight and time; every action keeps to what the API server really does.

Each action takes whole numbers to choose by, so that hypothesis and a plain random generator drive the same model. What
must hold is checked as it happens; a breach raises `Violation`.
"""

import re
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import TypeVar

from msgspec.structs import replace

from tests.core.protocol.etcd import Etcd, Rooms, Version
from tests.core.protocol.replica import POOL, Letter, Replica
from tests.core.protocol.requests import WINDOW, Request, State
from webhook.core.accounting import Accounting
from webhook.core.allotment import Timing
from webhook.core.amounts import NOTHING, Amounts
from webhook.core.config_source import parse
from webhook.core.confinement import Way
from webhook.core.ledger import PodFacts
from webhook.core.recount import recount
from webhook.core.reservations import UNBORN, Before, Extent, Named, Reservation
from webhook.core.scopes import CLUSTER
from webhook.core.shared import Holding, SharedError, read

T = TypeVar("T")

TIMING = Timing()
CONFIG = """
apiVersion: headroom.dev/v1
kind: HeadroomConfig
thresholds: {memory: {requests: 100%, limits: 150%}}
pools:
- name: p
  nodeSelector: {pool: p}
  thresholds: {memory: {requests: 100%}}
"""
NAMES = 60
SUMS = tuple((scope, index) for scope in (CLUSTER, "p") for index in (0, 2))


class Violation(AssertionError):
    """A rule was broken; `rule` names it."""

    def __init__(self, rule: str, text: str) -> None:
        super().__init__(f"{rule}: {text}")
        self.rule = rule


class World:
    """Everything at once."""

    def __init__(self, replicas: int, *, rooms: Rooms, existing: int = 0, rules: frozenset[str]) -> None:
        self.rules = rules
        self.accounting = Accounting(parse(CONFIG))
        self.now = 1_000.0
        self.etcd = Etcd([rooms])
        self.requests: list[Request] = []
        self.letters: list[Letter] = []
        self.opened: dict[tuple[str, int], list[Named]] = {}  # what was open as each write was proposed
        self.sent_at: dict[str, float] = {}  # of each replica's last successful write, by its clock
        self.recent: deque[str] = deque(maxlen=8)  # names of pods that came last
        self.asked_twice: set[str] = set()  # keys of what more than one replica was asked about
        self.count: Counter[str] = Counter()
        self.uids = self.lives = 0
        self.copied = False  # an old copy of the shared object is in place, and nobody has made a new one yet
        self.epoch = ""  # of the shared object, as it was last written
        self.touched = False  # somebody has deleted or edited the shared object, or put an old copy back
        self.ceiling = self.bounds()
        for number in range(existing):
            self.etcd.put(self.pod(number, 2, 0))
        self.replicas: list[Replica] = []
        for number in range(replicas):
            self.replicas.append(self._born(number))

    # -- values --------------------------------------------------------------------------------------------------------

    def pod(self, name: int, size: int, kind: int) -> PodFacts:
        """A pod that nobody has seen yet. Of three kinds one is confined to the pool, one has larger limits."""
        self.uids += 1
        confined = (Way(POOL),) if kind % 3 == 1 else ()
        limits = size * 2 if kind % 3 == 2 else size
        footprint = Amounts(memory_requests=size, memory_limits=limits, memory_limits_filled=limits)
        return PodFacts(f"ns/{name % NAMES}", f"u{self.uids}", 0, footprint, confined_to=confined)

    def bounds(self) -> dict[tuple[str, int], int | None]:
        """What the nodes bear, as it is true now."""
        rooms = self.etcd.rooms[-1]
        return {
            (CLUSTER, 0): rooms.common + rooms.pool,
            (CLUSTER, 2): (rooms.common + rooms.pool) * 3 // 2,
            ("p", 0): rooms.pool,
            ("p", 2): None,
        }

    def potential(self) -> dict[tuple[str, int], int]:
        """The most that granted pods can come to if nothing more is written: one pod under each name, and the spare."""
        by_name: dict[tuple[str, int, str], int] = {}
        pods = [pod for pod in self.etcd.pods.values() if pod.counts]
        booked = {key for replica in self.replicas for key in replica.booked}
        coming = [r for r in self.requests if r.may_come(self.now) or (r.is_asked and r.pod.key in booked)]
        pods += [request.pod for request in coming if not request.is_resize or self.reviewed_is_there(request)]
        for pod in pods:
            if not pod.name.startswith("ns/f"):
                for scope in (CLUSTER, "p") if pod.confined_to or pod.node == "pool" else (CLUSTER,):
                    for index in (0, 2):
                        key = (scope, index, pod.name)
                        by_name[key] = max(by_name.get(key, 0), pod.footprint[index])
        total = dict.fromkeys(SUMS, 0)
        for (scope, index, _), amount in by_name.items():
            total[scope, index] += amount
        for replica in self.replicas:
            for scope, index in SUMS:
                total[scope, index] += replica.may_take(scope)[index]
        return total

    # -- what must hold ------------------------------------------------------------------------------------------------

    def check(self) -> None:
        """I1: what was granted stays within the bound, or within what the bound was until all had seen it lowered."""
        if "I1" not in self.rules:
            return
        potential, bounds = self.potential(), self.bounds()
        for key, amount in potential.items():
            ceiling = self.ceiling[key]
            if ceiling is not None and amount > ceiling:
                raise Violation("I1", f"{key}: granted pods can come to {amount} of {ceiling}")
        if self.ceiling != bounds and all(r.noded == len(self.etcd.rooms) and self._renewed(r) for r in self.replicas):
            self.ceiling = {key: None if bound is None else max(bound, potential[key]) for key, bound in bounds.items()}

    def _renewed(self, replica: Replica) -> bool:
        """Say whether all that a replica holds was booked after it saw the newest nodes."""
        return replica.renewed_at > replica.noded_at and replica.letter is None

    def check_sums(self) -> None:
        """I5: what is kept up event by event equals what is counted anew."""
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
            kept = {scope: replica.ledger.standing(scope).committed for scope in true}
            if kept != true:
                raise Violation("I5", f"{replica.name} has {kept} committed, its pods come to {true}")

    def check_grant(self, replica: Replica) -> None:
        """I6: nothing is granted outside validity, nor with a closed object."""
        self.count["taken"] += 1
        age = replica.clock() - self.sent_at.get(replica.name, float("-inf"))
        shared = replica.allotment.shared
        if "I6" in self.rules and (age >= TIMING.validity or shared is None or not shared.open):
            raise Violation("I6", f"{replica.name} granted {age} s after its last write, on {shared}")

    def check_epoch(self, letter: Letter) -> None:
        """I7: the object is made anew only if somebody lost or damaged it."""
        epoch, known = letter.proposal.shared.epoch, self.epoch
        self.epoch = epoch
        if known and epoch != known and not self.touched and "I7" in self.rules:
            raise Violation("I7", f"{letter.sender} made {epoch} though {known} was there")

    def check_refusal(self, replica: Replica, request: Request) -> None:
        """I2: the view, open reservations and what the dead hold leave no room: nothing idle stands in the way."""
        shared = replica.allotment.shared
        if "I2" not in self.rules:
            return
        if shared is None:
            raise Violation("I2", f"{replica.name} refused with nothing to go by")
        silent = replica.allotment.silent(replica.clock())
        pod, ledger = request.pod, replica.ledger
        for scope in ledger.spread(pod).scopes:
            standing = ledger.standing(scope)
            taken = standing.committed.plus(standing.unseen)
            for other, holding in shared.holdings.items():
                if other in silent:
                    taken = taken.plus(holding.held.get(scope, NOTHING))
                elif other != replica.name:
                    taken = taken.plus(self._still_open(other, holding, replica, scope))
            growth = ledger.growth(pod, scope)
            for index, bound in enumerate(standing.bearing.bound):
                if bound is not None and pod.asked[index] and taken[index] + growth[index] > bound:
                    return
        raise Violation("I2", f"{replica.name} refused {pod} though there was room")

    def _still_open(self, other: str, holding: Holding, replica: Replica, scope: str) -> Amounts:
        """What another has granted and this one's view does not show (or both have granted it)."""
        names: dict[str, Extent] = {}
        for name, reservation in self.opened[other, holding.renewal]:
            if self._shows(replica, name, reservation, holding.view) and reservation.key not in self.asked_twice:
                continue
            extent = Extent(reservation.before.footprint, reservation.spread.in_scope(scope))
            names[name] = names[name].and_also(extent) if name in names else extent
        total = NOTHING
        for extent in names.values():
            total = total.plus(extent.cost)
        return total

    @staticmethod
    def _shows(replica: Replica, name: str, reservation: Reservation, view: int) -> bool:
        """Say whether a replica is charged for what another held as open with a view; a resize may also have failed."""
        pod = replica.view.get(name)
        if pod is None or pod.uid != reservation.uid or pod.revision <= max(view, reservation.before.revision):
            return False
        return reservation.before is UNBORN or not pod.footprint.within(reservation.before.footprint)

    # -- what replicas tell --------------------------------------------------------------------------------------------

    def allow(self, request: Request) -> None:
        """A replica lets a pod in."""
        self.count["allowed"] += 1
        if request.state is State.ASKED and self.now <= request.start + WINDOW:
            request.state = State.ALLOWED

    def refuse(self, request: Request) -> None:
        """A replica refuses a pod for good."""
        self.count["refused"] += 1
        request.refused = True
        if request.state is State.ASKED:
            request.state = State.ENDED

    def send(self, replica: Replica, letter: Letter) -> None:
        """A replica sends a write."""
        self.letters.append(letter)
        mine = letter.proposal.shared.holdings.get(replica.name)
        if mine is not None:
            still_open = [named for named in replica.ledger.reservations if named[1].is_open]
            self.opened.setdefault((replica.name, mine.renewal), still_open)  # it may be sent again, and later

    # -- time and requests ---------------------------------------------------------------------------------------------

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.requests = [r for r in self.requests if r.state is not State.ENDED and self.now <= r.start + WINDOW]

    def create(self, replica: int, name: int, size: int, kind: int) -> Request:
        """Somebody creates a pod, under a new name or that of one that lives or did so lately."""
        pod = self.pod(name, size, kind)
        known = pick(self.recent, name // 7) if name % 3 == 0 else None
        request = Request(pod if known is None else replace(pod, name=known), self.now)
        self.requests.append(request)
        self.ask(request, replica)
        return request

    def create_forced(self, replica: int, size: int) -> None:
        """Somebody creates a pod that policy lets through; its name is of a kind of its own."""
        pod = self.pod(0, size, 0)
        forced = Request(PodFacts(f"ns/f{self.uids % 3}", pod.uid, 0, pod.footprint), self.now, forced=True)
        self.requests.append(forced)
        self.ask(forced, replica)

    def ask(self, request: Request, number: int) -> None:
        """The API server asks a replica; it may do so again, and then ask another one."""
        replica = self.up(number)
        if replica is not None:
            self.count["asked"] += 1
            if request.asked_of - {replica.name}:
                self.asked_twice.add(request.pod.key)
            replica.review(request)

    def ask_again(self, number: int, replica: int) -> None:
        """A review that was not answered, or whose answer was lost, is asked again.

        So is a resize of a pod that has changed since, about what it is now.
        """
        request = pick([r for r in self.requests if r.state is not State.ENDED], number)
        if request is None:
            return
        if request.is_resize and not self.reviewed_is_there(request):
            request.state = State.ENDED
            live = self.etcd.pods.get(request.pod.name)
            if live is None or live.uid != request.pod.uid or not live.counts:
                return
            request = Request(_resized(live, request.pod.footprint), request.start)
            self.requests.append(request)
        self.ask(request, replica)

    def resize(self, replica: int, number: int, size: int) -> None:
        """Somebody resizes a pod."""
        live = pick([self.etcd.pods[name] for name in sorted(self.etcd.pods) if self.etcd.pods[name].counts], number)
        if live is None or live.name.startswith("ns/f"):
            return
        limits = size * 2 if live.footprint.memory_limits > live.footprint.memory_requests else size
        footprint = Amounts(memory_requests=size, memory_limits=limits, memory_limits_filled=limits)
        self.count["resizes"] += 1
        request = Request(_resized(live, footprint), self.now)
        self.requests.append(request)
        self.ask(request, replica)

    def reviewed_is_there(self, request: Request) -> bool:
        """Say whether a resize would replace what was reviewed."""
        live = self.etcd.pods.get(request.pod.name)
        return live is not None and live.uid == request.pod.uid and live.revision == request.pod.before.revision

    def commit(self, number: int) -> None:
        """Etcd takes what was allowed; a create whose name is taken comes too early, and may come later."""
        free = [r for r in self.requests if r.may_come(self.now) and self._is_free(r)]
        request = pick(free, number)
        if request is not None:
            self.count["resized" if request.is_resize else "committed"] += 1
            request.state = State.ENDED
            self.etcd.put(replace(request.pod, before=UNBORN))
            self.recent.append(request.pod.name)

    def _is_free(self, request: Request) -> bool:
        return self.reviewed_is_there(request) if request.is_resize else request.pod.name not in self.etcd.pods

    def end(self, number: int) -> None:
        """A create dies: its verdict is lost, or somebody else refuses it."""
        request = pick([r for r in self.requests if r.state is not State.ENDED], number)
        if request is not None:
            request.state = State.ENDED

    def give_up(self, number: int, which: int) -> None:
        """A replica lets a review go that has waited for too long."""
        replica = self.up(number)
        waiting = pick(replica.waiting, which) if replica else None
        if replica is not None and waiting is not None:
            self.count["cannot tell"] += 1
            replica.give_up(waiting)

    # -- pods and nodes ------------------------------------------------------------------------------------------------

    def delete(self, number: int) -> None:
        """A pod is deleted."""
        name = pick(sorted(self.etcd.pods), number)
        if name is not None:
            self.etcd.delete(name)

    def change(self, number: int, how: int) -> None:
        """A pod changes: its status, its node, or it ends."""
        name = pick(sorted(self.etcd.pods), number)
        if name is None:
            return
        pod = self.etcd.pods[name]
        node = pod.node or ("pool" if pod.confined_to else "common")
        if how % 4 == 0:
            self.etcd.put(PodFacts(pod.name, pod.uid, 0, pod.footprint, pod.node, counts=False))
        elif how % 4 == 1:
            self.etcd.put(PodFacts(pod.name, pod.uid, 0, pod.footprint, node, pod.counts))
        else:
            self.etcd.put(pod)

    def resize_nodes(self, common: int, pool: int) -> None:
        """The nodes change, and every bound with them."""
        self.etcd.rooms.append(Rooms(common, pool))
        for key, bound in self.bounds().items():
            before = self.ceiling[key]
            self.ceiling[key] = None if bound is None or before is None else max(before, bound)

    # -- the network ---------------------------------------------------------------------------------------------------

    def deliver(self, number: int) -> None:
        """A write arrives, perhaps late, perhaps after its sender has died, and is carried out if it still fits."""
        letter = pick(self.letters, number)
        if letter is None:
            return
        self.letters.remove(letter)
        letter.arrived = True
        letter.revision = self.etcd.swap(letter.text, letter.expected)
        self.count["conflicts" if letter.revision is None else "writes"] += 1
        if letter.revision is not None:
            self.check_epoch(letter)
            self.copied = False
            self.sent_at[letter.sender] = max(self.sent_at.get(letter.sender, 0.0), letter.proposal.sent_at)

    def lose_letter(self, number: int) -> None:
        """A write is lost on its way."""
        letter = pick(self.letters, number)
        if letter is not None:
            self.letters.remove(letter)
            letter.lost = True

    def lose_answer(self, number: int) -> None:
        """A replica gives up waiting for what came of its write, which may be carried out all the same."""
        replica = self.up(number)
        if replica is not None and replica.letter is not None:
            replica.letter.lost = True

    # -- replicas ------------------------------------------------------------------------------------------------------

    def turn(self, number: int, goes: Callable[[], bool] = lambda: True, *, trickle: bool = False) -> None:
        """A replica does what there is to do, in order; a part is left out where `goes` says no."""
        replica = self.up(number)
        if replica is None:
            return
        most = 1 if trickle else 1_000
        if goes() and not replica.deaf:
            replica.hear(most)
        if goes():
            replica.tell_nodes()
        if goes() and not replica.lagging:
            replica.tell_pods(most)
        if goes():
            replica.seek_proof()
        if goes():
            replica.work()
        if goes() and not replica.dumb and replica.letter in self.letters:
            self.deliver(self.letters.index(replica.letter))
        if goes() and not replica.deaf:
            replica.answer()

    def crash(self, number: int) -> None:
        """A replica dies; another process takes its place, under another id."""
        if not self.copied and self.replicas:
            index = number % len(self.replicas)
            self.replicas[index] = self._born(index)

    def pause(self, number: int, seconds: float) -> None:
        """A replica is stopped, and goes on later with what it believed."""
        replica = self.up(number)
        if replica is not None:
            replica.paused_until = self.now + seconds

    def leave(self, number: int) -> None:
        """A replica is told to stop."""
        replica = self.up(number)
        if replica is not None and len(self.replicas) > 1:
            replica.leaving = True

    def up(self, number: int) -> Replica | None:
        """Choose a replica; None when it is paused."""
        replica = pick(self.replicas, number)
        return None if replica is None or replica.paused_until > self.now else replica

    def _born(self, number: int) -> Replica:
        self.lives += 1
        offset = (-500.0, 0.0, 123.25)[number % 3]
        return Replica(self, f"r{self.lives}", offset, self.accounting, TIMING, drops=self.lives % 2 == 0)

    # -- the shared object ---------------------------------------------------------------------------------------------

    def lose_object(self) -> None:
        """Somebody deletes the shared object."""
        if self.etcd.read().text is not None:
            self.etcd.force(None)
            self.copied, self.touched = False, True

    def damage_object(self, how: int) -> None:
        """Somebody edits the shared object by hand."""
        text = self.etcd.read().text
        if text is not None:
            opened, emptied = text.replace('"open":false', '"open":true'), re.sub(r'("held":)[^}]*}', r"\1{}", text)
            self.etcd.force(("{}", text[:-2], opened, emptied)[how % 4])
            self.copied, self.touched = False, True

    def restore_object(self, number: int) -> None:
        """Somebody puts an old copy back, which every replica that runs has reason to know for old."""
        copies = [v for v in self.etcd.versions[:-1] if v.text is not None and self._is_known_old(v)]
        copy = pick(copies, number)
        if copy is not None:
            self.etcd.force(copy.text)
            self.copied = self.touched = True

    def _is_known_old(self, copy: Version) -> bool:
        try:
            now, old = read(self.etcd.read().text or ""), read(copy.text or "")
        except SharedError:
            return False
        if any(self.now + r.offset - self.sent_at.get(r.name, 0.0) > TIMING.lapse for r in self.replicas):
            return False
        known = [r.allotment.shared for r in self.replicas]
        if now.epoch != old.epoch:
            return all(s is not None and s.epoch == now.epoch for s in known)
        return all(s is not None and s.epoch == now.epoch and s.serial > old.serial for s in known)


def _resized(live: PodFacts, footprint: Amounts) -> PodFacts:
    """What a review says of a pod that is to be resized."""
    return replace(live, footprint=footprint, revision=0, before=Before(live.revision, live.footprint))


def pick(choices: Sequence[T], number: int) -> T | None:
    """Choose one by a number; None when there is nothing to choose from."""
    return choices[number % len(choices)] if choices else None
