"""The world: etcd, replicas, creates in flight and time; every action does only what a real API server can do.

Each action takes integers by which it chooses, so that Hypothesis and a plain random generator can drive the same
model. Actions check the rules as they go; a breach raises `Violation`.
"""

import re
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import TypeVar

from msgspec.structs import replace

from tests.model.checks import TIMING, Checks
from tests.model.etcd import Rooms, Version
from tests.model.replica import POOL, Letter, Replica
from tests.model.requests import WINDOW, Request, State
from webhook.core.config.parse import parse
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.interval import UNBORN, Before
from webhook.core.ledger.rules import AccountingRules
from webhook.core.pods.confinement import Way
from webhook.core.sharing.shared_state import SharedError, read
from webhook.core.values.amounts import Amounts

T = TypeVar("T")

CONFIG = """
apiVersion: headroom.internal/v1
kind: HeadroomConfig
thresholds: {memory: {requests: 100%, limits: 150%}}
pools:
- name: p
  nodeSelector: {pool: p}
  thresholds: {memory: {requests: 100%}}
"""
NAMES = 60


class World(Checks):
    """Etcd, replicas, requests and time, with the actions that change them."""

    def __init__(
        self, replicas: int, *, rooms: Rooms, existing: int = 0, rules: frozenset[str], credit: bool = False
    ) -> None:
        super().__init__(rooms, rules)
        self.credit = credit
        self.accounting = AccountingRules(parse(CONFIG))
        self.recent: deque[str] = deque(maxlen=8)  # the names of the latest pods
        self.uids = self.lives = 0
        self.copied = False  # True while an old copy of the shared object is in place and no replica has made a new one
        for number in range(existing):
            self.etcd.put(self.pod(number, 2, 0))
        self.first = self.etcd.revision
        for number in range(replicas):
            self.replicas.append(self._born(number))

    # -- values --------------------------------------------------------------------------------------------------------

    def pod(self, name: int, size: int, kind: int) -> PodInfo:
        """Make a new pod. Of the three kinds, one is confined to the pool, and one has limits above its requests."""
        self.uids += 1
        confined = (Way(POOL),) if kind % 3 == 1 else ()
        limits = size * 2 if kind % 3 == 2 else size
        footprint = Amounts(memory_requests=size, memory_limits=limits, memory_limits_filled=limits)
        namespace, owner = (f"ns{name % 3}", f"o{name % 4}") if self.credit else ("ns", "")
        return PodInfo(f"{namespace}/{name % NAMES}", f"u{self.uids}", 0, footprint, confined_to=confined, owner=owner)

    # -- what replicas do ----------------------------------------------------------------------------------------------

    def allow(self, request: Request) -> None:
        """A replica admits a pod."""
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
        """A user creates a pod, under a new name or the name of a pod that lives or lived recently."""
        pod = self.pod(name, size, kind)
        known = pick(self.recent, name // 7) if name % 3 == 0 else None
        request = Request(pod if known is None else replace(pod, name=known), self.now)
        self.requests.append(request)
        self.ask(request, replica)
        return request

    def repeat(self, number: int, size: int) -> None:
        """A user creates several pods under a name that lives, one for each replica to be asked about."""
        live = pick([name for name in sorted(self.etcd.pods) if not name.startswith("ns/f")], number)
        if live is None:
            return
        for each in range(len(self.replicas)):
            request = Request(replace(self.pod(0, size, 0), name=live), self.now)
            self.requests.append(request)
            self.ask(request, each)

    def create_forced(self, replica: int, size: int) -> None:
        """A user creates a pod that policy lets in; names of such pods begin with f."""
        pod = self.pod(0, size, 0)
        info = PodInfo(f"ns/f{self.uids % 3}", pod.uid, 0, pod.footprint)
        forced = Request(info, self.now, forced=True, on_trial=self.uids % 2 == 0)
        self.requests.append(forced)
        self.ask(forced, replica)

    def ask(self, request: Request, number: int) -> None:
        """The API server sends a review to a replica; it may send it again, then also to another replica."""
        replica = self.up(number)
        if replica is not None:
            self.count["asked"] += 1
            if request.asked_of - {replica.name}:
                self.asked_twice.add(request.pod.key)
            replica.review(request)

    def ask_again(self, number: int, replica: int) -> None:
        """The API server sends a review again that was not answered, or whose answer was lost.

        It also does so for a change of a pod that has changed since; then the review is about the pod as it is now.
        """
        request = pick([r for r in self.requests if r.state is not State.ENDED], number)
        if request is None:
            return
        if request.is_change and not self.reviewed_is_there(request):
            request.state = State.ENDED
            live = self.etcd.pods.get(request.pod.name)
            if live is None or live.uid != request.pod.uid or not live.counts:
                return
            if request.pod.was_confined_to is not None and (live.node or live.confined_to):
                return
            moved = request.pod.was_confined_to is not None
            request = Request(_confined(live) if moved else _resized(live, request.pod.footprint), request.start)
            self.requests.append(request)
        self.ask(request, replica)

    def resize(self, replica: int, number: int, size: int) -> None:
        """A user resizes a pod."""
        live = pick([self.etcd.pods[name] for name in sorted(self.etcd.pods) if self.etcd.pods[name].counts], number)
        if live is None or live.name.startswith("ns/f"):
            return
        limits = size * 2 if live.footprint.memory_limits > live.footprint.memory_requests else size
        footprint = Amounts(memory_requests=size, memory_limits=limits, memory_limits_filled=limits)
        self.count["resizes"] += 1
        request = Request(_resized(live, footprint), self.now)
        self.requests.append(request)
        self.ask(request, replica)

    def confine(self, replica: int, number: int) -> None:
        """A user confines an unbound pod, which may go anywhere, to the pool."""
        waiting = [
            pod for name, pod in sorted(self.etcd.pods.items()) if pod.counts and not (pod.node or pod.confined_to)
        ]
        live = pick([pod for pod in waiting if not pod.name.startswith("ns/f")], number)
        if live is not None:
            self.count["confinements"] += 1
            request = Request(_confined(live), self.now)
            self.requests.append(request)
            self.ask(request, replica)

    def commit(self, number: int) -> None:
        """Etcd commits an allowed request; a create whose name is taken is not committed now, but may be later."""
        free = [r for r in self.requests if r.may_come(self.now) and self._is_free(r)]
        request = pick(free, number)
        if request is not None:
            moved = "resized" if request.pod.was_confined_to is None else "confined"
            self.count[moved if request.is_change else "committed"] += 1
            request.state = State.ENDED
            self.etcd.put(replace(request.pod, before=UNBORN, was_confined_to=None))
            self.recent.append(request.pod.name)

    def _is_free(self, request: Request) -> bool:
        return self.reviewed_is_there(request) if request.is_change else request.pod.name not in self.etcd.pods

    def end(self, number: int) -> None:
        """A request ends: its verdict is lost, or another webhook refuses it."""
        request = pick([r for r in self.requests if r.state is not State.ENDED], number)
        if request is not None:
            request.state = State.ENDED

    def refuse_elsewhere(self, number: int) -> None:
        """Another webhook refuses an admitted pod of one namespace."""
        allowed = [r for r in self.requests if r.state is State.ALLOWED and r.pod.name.startswith("ns1/")]
        request = pick(allowed, number)
        if request is not None:
            self.count["refused elsewhere"] += 1
            request.state = State.ENDED

    def give_up(self, number: int, which: int) -> None:
        """A replica gives up a review that has waited too long."""
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
        """A pod changes its status, is bound to a node, or ends."""
        name = pick(sorted(self.etcd.pods), number)
        if name is None:
            return
        pod = self.etcd.pods[name]
        node = pod.node or ("pool" if pod.confined_to else "common")
        if how % 4 == 0:
            self.etcd.put(PodInfo(pod.name, pod.uid, 0, pod.footprint, pod.node, counts=False))
        elif how % 4 == 1:
            self.etcd.put(PodInfo(pod.name, pod.uid, 0, pod.footprint, node, pod.counts))
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
        """A write arrives, perhaps late or after its sender died; it is carried out if its revision still matches."""
        letter = pick(self.letters, number)
        if letter is None:
            return
        self.letters.remove(letter)
        letter.arrived = True
        letter.revision = self.etcd.swap(letter.text, letter.expected)
        self.count["conflicts" if letter.revision is None else "writes"] += 1
        if letter.revision is not None:
            self.check_epoch(letter)
            self._count_names(letter)
            self.copied = False
            self.sent_at[letter.sender] = max(self.sent_at.get(letter.sender, 0.0), letter.proposal.sent_at)

    def _count_names(self, letter: Letter) -> None:
        """Count how often holdings tell names, and how often several replicas tell the same one."""
        told = Counter(name for holding in letter.proposal.shared.holdings.values() for name in holding.named)
        self.count["names told"] += len(told)
        self.count["names told by several"] += sum(1 for number in told.values() if number > 1)

    def lose_letter(self, number: int) -> None:
        """A write is lost on its way."""
        letter = pick(self.letters, number)
        if letter is not None:
            self.letters.remove(letter)
            letter.lost = True

    def lose_answer(self, number: int) -> None:
        """A replica stops waiting for the result of its write, which may be carried out nevertheless."""
        replica = self.up(number)
        if replica is not None and replica.letter is not None:
            replica.letter.lost = True

    # -- replicas ------------------------------------------------------------------------------------------------------

    def turn(self, number: int, goes: Callable[[], bool] = lambda: True, *, trickle: bool = False) -> None:
        """A replica does everything that is due, in order, but leaves out each part for which `goes` returns False."""
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
        """A replica dies; a new process with a new id takes its place."""
        if not self.copied and self.replicas:
            index = number % len(self.replicas)
            self.replicas[index] = self._born(index)

    def pause(self, number: int, seconds: float) -> None:
        """A replica's process is stopped; it continues later with its old state."""
        replica = self.up(number)
        if replica is not None:
            replica.paused_until = self.now + seconds

    def leave(self, number: int) -> None:
        """A replica gets the signal to stop."""
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
        """An administrator deletes the shared object."""
        if self.etcd.read().text is not None:
            self.etcd.force(None)
            self.copied, self.touched = False, True

    def damage_object(self, how: int) -> None:
        """An administrator edits the shared object."""
        text = self.etcd.read().text
        if text is not None:
            opened, emptied = text.replace('"open":false', '"open":true'), re.sub(r'("held":)[^}]*}', r"\1{}", text)
            self.etcd.force(("{}", text[:-2], opened, emptied)[how % 4])
            self.copied, self.touched = False, True

    def restore_object(self, number: int) -> None:
        """An administrator restores an old copy of the shared object; every running replica can see that it is old."""
        copies = [v for v in self.etcd.versions[:-1] if v.text is not None and self._is_known_old(v)]
        copy = pick(copies, number)
        if copy is not None:
            self.etcd.force(copy.text)
            self.copied = self.touched = True

    def put_back(self, number: int) -> None:
        """Etcd is restored to a state some revisions ago, while all API servers are stopped for some seconds.

        Pods that live again, and admitted pods that may still come, may pass a bound; nothing else may. A replica that
        starts afterwards, before all others have read the object, cannot recognize the object as an old copy.
        """
        revision = max(self.first, self.etcd.revision - 1 - number)
        if revision >= self.etcd.revision:
            return
        self.count["put back"] += 1
        self.pass_time(5.0)
        for letter in self.letters:
            letter.lost = True
        self.letters.clear()
        self.etcd.put_back(revision)
        for request in self.requests:
            if request.is_change and request.pod.before.revision > revision:
                request.state = State.ENDED
        for replica in self.replicas:
            replica.cut_off = replica.lost = True
            replica.allotment.lose_touch(replica.clock() - 5.0)
        self.copied = self.touched = True
        potential = self.potential(spare=False)
        self.ceiling = {key: None if top is None else max(top, potential[key]) for key, top in self.ceiling.items()}

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


def _resized(live: PodInfo, footprint: Amounts) -> PodInfo:
    """Return the pod as the review of its resize shows it."""
    return replace(live, footprint=footprint, revision=0, before=Before(live.revision, live.footprint))


def _confined(live: PodInfo) -> PodInfo:
    """Return the pod as the review of its confinement to the pool shows it."""
    before = Before(live.revision, live.footprint, "+p")
    return replace(live, revision=0, confined_to=(Way(POOL),), before=before, was_confined_to=live.confined_to)


def pick(choices: Sequence[T], number: int) -> T | None:
    """Choose one by a number; None when there is nothing to choose from."""
    return choices[number % len(choices)] if choices else None
