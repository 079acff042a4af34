"""A seeded random simulation: long schedules of whole turns or of smallest steps, with faults of every kind."""

from collections import Counter
from collections.abc import Callable
from contextlib import nullcontext
from random import Random
from typing import NamedTuple
from unittest.mock import patch

from msgspec.structs import replace

from tests.model.checks import TIMING, Violation
from tests.model.climate import CLIMATES, CONFINING, ON_CREDIT, TIDES, WITH_CREDIT, Climate
from tests.model.etcd import Rooms
from tests.model.requests import Request, State
from tests.model.world import World
from webhook.core.sharing import proposal
from webhook.core.values.scopes import CLUSTER

RULES = frozenset({"I1", "I2", "I3", "I5", "I6", "I7", "I8"})
EVERY = (*CLIMATES, *CONFINING)
PATIENCE = 1.0  # seconds that a review waits before the answer is *cannot tell*


class Simulation:
    """One run; `rules` are the ones to check, of which the test of a mutant may select some."""

    def __init__(self, seed: int, climate: Climate | None = None, *, rules: frozenset[str] = RULES) -> None:
        self.random = random = Random(seed)
        climates = CLIMATES if seed < WITH_CREDIT else ON_CREDIT
        self.climate = climate or climates[seed % len(climates)]
        self.tide = TIDES[0]
        rooms = Rooms(random.randint(3, 20), random.randint(5, 12))
        self.world = World(
            random.choice(self.climate.replicas),
            rooms=rooms,
            existing=random.choice((0, 0, 3)),
            rules=rules,
            credit=self.climate.elsewhere > 0,
        )

    def run(self) -> Counter[str]:
        """Take all steps, let everything come to rest, and check that no room is lost; raises `Violation`."""
        with patch.object(proposal, "block", self._block) if self.climate.greedy else nullcontext():
            return self._run()

    def _block(self, room: int, _: int) -> int:
        return room // self.random.choice((1, 1, 2, 4))

    def _run(self) -> Counter[str]:
        for step in range(self.climate.steps):
            self.step()
            if step % 16 == 0:
                self.world.check_sums()
        if "I3" in self.world.rules:
            rest(self.world)
            fill(self.world, self.random.randrange(3))
        return self.world.count

    def step(self) -> None:
        """Let time pass, then let faults, users and each replica act once."""
        world, random, climate = self.world, self.random, self.climate
        world.pass_time(random.choice((0.0, 0.05, 0.3, 1.0)) * climate.pace)
        if self._happens(climate.leap):
            world.pass_time(random.choice((4.0, 16.0, 31.0, 61.0)))
        self._fault()
        self._use()
        world.check()
        for number in random.sample(range(3), 3):
            if self._happens(climate.torn):
                self._tear(number)
            else:
                world.turn(number, lambda: not self._happens(climate.skip), trickle=self._happens(climate.trickle))
            world.check()
        for number, replica in enumerate(world.replicas):
            if replica.waiting and world.now - replica.waiting[0].request.start > PATIENCE:
                world.give_up(number, 0)

    def _use(self) -> None:
        """Let users and controllers create and delete pods, at times more of the one, at times more of the other."""
        world, random = self.world, self.random
        if self._happens(0.08):
            self.tide = random.choice(TIDES)
        for _ in range(3):
            if self._happens(self.tide.create):
                world.create(self._any(), self._any(), random.choice((1, 2, 2, 3, 5)), self._any())
            if self._happens(self.tide.commit * self.climate.late):
                world.commit(self._any())
            if self._happens(self.tide.delete):
                world.delete(self._any())
            if self._happens(self.tide.change):
                world.change(self._any(), self._any())
        self._use_otherwise()

    def _use_otherwise(self) -> None:
        """Make the requests that only some climates have, repeat reviews, and end requests as other webhooks do."""
        world, random, climate = self.world, self.random, self.climate
        if self._happens(climate.forced):
            world.create_forced(self._any(), random.choice((2, 5)))
        if self._happens(climate.resize):
            world.resize(self._any(), self._any(), random.choice((1, 2, 3, 5)))
        if climate.confine and self._happens(climate.confine):
            world.confine(self._any(), self._any())
        if self._happens(climate.repeat):
            world.repeat(self._any(), random.choice((1, 2, 3, 5)))
        if self._happens(climate.again):
            world.ask_again(self._any(), self._any())
        if self._happens(climate.end):
            world.end(self._any())
        if climate.elsewhere and self._happens(climate.elsewhere):
            world.refuse_elsewhere(self._any())

    def _fault(self) -> None:
        world, random, climate = self.world, self.random, self.climate
        replica = random.choice(world.replicas)
        if self._happens(climate.lag):
            replica.lagging = not replica.lagging
        if self._happens(climate.cut):
            replica.deaf = not replica.deaf
        if self._happens(climate.cut):
            replica.dumb = not replica.dumb
        if self._happens(climate.lag / 8):
            replica.relist()
        if self._happens(climate.crash):
            world.crash(self._any())
        if self._happens(climate.leave):
            world.leave(self._any())
        if replica in world.replicas and replica.allotment.left and self._happens(0.5):
            world.crash(world.replicas.index(replica))
        if self._happens(climate.pause):
            world.pause(self._any(), random.choice((1.0, 16.0, 100.0)))
        if self._happens(climate.loss):
            random.choice((world.lose_letter, world.lose_answer, world.deliver))(self._any())
        if self._happens(climate.nodes):
            world.resize_nodes(random.randint(5, 35), random.randint(8, 25))
        if self._happens(climate.restore):
            world.put_back(random.choice((1, 5, 20, 60, 200)))
        if self._happens(climate.object):
            break_object = random.choice((lambda _: world.lose_object(), world.damage_object, world.restore_object))
            break_object(self._any())

    def _tear(self, number: int) -> None:
        """Let a replica take a few of its smallest steps, in any order."""
        world, random = self.world, self.random
        replica = world.replicas[number % len(world.replicas)]
        if replica.paused_until > world.now:
            return
        steps: tuple[Callable[[], None], ...] = (
            lambda: replica.hear(random.randint(1, 3)),
            lambda: None if replica.lagging else replica.tell_pods(random.randint(1, 4)),
            replica.tell_nodes,
            replica.seek_proof,
            replica.work,
            replica.work,
            lambda: world.deliver(self._any()),
            replica.answer,
        )
        for _ in range(2):
            random.choice(steps)()

    def _happens(self, chance: float) -> bool:
        return self.random.random() < chance

    def _any(self) -> int:
        return self.random.randrange(60)


class Run(NamedTuple):
    """The result of some runs."""

    steps: int
    events: Counter[str]


def rest(world: World) -> None:
    """Let all replicas go on without faults until nothing is in flight and dead replicas hold nothing."""
    world.copied = False
    for number, replica in enumerate(world.replicas):
        replica.lagging = replica.deaf = replica.dumb = False
        replica.paused_until = float("-inf")
        replica.waiting.clear()
        if replica.leaving:
            world.crash(number)
    for request in world.requests:
        request.state = State.ENDED
    for _ in range(int(3 * TIMING.release)):
        world.pass_time(1.0)
        _all_turn(world)


def fill(world: World, first: int) -> None:
    """I3: any replica grants everything that is free, to the last byte and in one piece."""
    for number in range(first, first + len(world.replicas) + 1):
        free = _free(world)
        size = free if number == first + len(world.replicas) else (free + 1) // 2
        if size <= 0:
            return
        last = replace(world.pod(0, size, 0), name=f"last/{number}", owner="last")  # its owner has its full credit
        request = Request(last, world.now)
        world.requests.append(request)
        world.ask(request, number)
        for _ in range(5):
            _all_turn(world)
        if request.state is not State.ALLOWED:
            raise Violation("I3", f"{size} of {free} are free, and were not granted: {world.etcd.read().text}")
        world.commit(0)
        _all_turn(world)
        world.check()


def _all_turn(world: World) -> None:
    for number in range(len(world.replicas)):
        world.turn(number)


def _free(world: World) -> int:
    live = [pod.footprint for pod in world.etcd.pods.values() if pod.counts]
    bounds = world.bounds()
    return min((bounds[CLUSTER, index] or 0) - sum(f[index] for f in live) for index in (0, 2))


def runs(number: int, seed: int) -> Run:
    """Do `number` runs with consecutive seeds; raises `Violation`, with the seed in a note."""
    steps, count = 0, Counter[str]()
    for each in range(seed, seed + number):
        simulation = Simulation(each, EVERY[each % len(EVERY)] if each < WITH_CREDIT else None)
        try:
            count += simulation.run()
        except Violation as violation:
            violation.add_note(f"to see it again: python -m tests.model --runs 1 --seed {each}")
            raise
        steps += simulation.climate.steps
    return Run(steps, count)
