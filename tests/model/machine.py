"""The model as a Hypothesis state machine: each action of the world is a rule, and each step checks what must hold."""

from collections.abc import Callable
from contextlib import ExitStack
from unittest.mock import patch

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.model.etcd import Rooms
from tests.model.simulation import RULES, fill, rest
from tests.model.world import World
from webhook.core.sharing import proposal

which = st.integers(0, 2)
some = st.integers(0, 11)
STEPS = ("tell_nodes", "relist", "seek_proof", "work", "work", "answer")
MISHAPS = (
    "ask_again", "create_forced", "end", "give_up", "leave", "lose_answer", "lose_letter", "lose_object",
    "damage_object", "restore_object", "resize_nodes", "put_back",
)  # fmt: skip


class Protocol(RuleBasedStateMachine):
    """Two or three replicas, and everything that can happen to them.

    Hypothesis chooses evenly among rules, so rare actions share one rule.
    """

    checked = RULES  # the rules to check; the test of a mutant selects some of them

    def __init__(self) -> None:
        super().__init__()
        self.world: World | None = None
        self.greed = ExitStack()

    @initialize(replicas=st.integers(2, 3), common=st.integers(1, 9), pool=st.integers(2, 6), greedy=st.booleans())
    def begin(self, replicas: int, common: int, pool: int, *, greedy: bool) -> None:
        """Begin with a cluster where Headroom was just installed; `greedy` replicas book everything that is free."""
        if greedy:
            self.greed.enter_context(patch.object(proposal, "block", lambda room, _: room))
        self.world = World(replicas, rooms=Rooms(common, pool), rules=self.checked)
        self.calm(1.0)

    @property
    def it(self) -> World:
        """The world, which `begin` makes before any other rule."""
        assert self.world is not None
        return self.world

    # -- frequent actions ----------------------------------------------------------------------------------------------

    @rule(replica=which, name=some, size=st.integers(1, 4), kind=st.integers(0, 2))
    def create(self, replica: int, name: int, size: int, kind: int) -> None:
        """A user creates a pod."""
        self.it.create(replica, name, size, kind)

    @rule(replica=which, name=some, size=st.integers(3, 9), number=some)
    def create_and_commit(self, replica: int, name: int, size: int, number: int) -> None:
        """A user creates a large pod, and etcd commits one of the open creates."""
        self.it.create(replica, name, size, 0)
        self.it.turn(replica)
        self.it.commit(number)

    @precondition(lambda self: self.it.requests)
    @rule(number=some)
    def commit(self, number: int) -> None:
        """Etcd commits a create."""
        self.it.commit(number)

    @precondition(lambda self: self.it.etcd.pods)
    @rule(number=some, how=st.integers(0, 5))
    def change(self, number: int, how: int) -> None:
        """A pod changes, or is deleted."""
        if how > 3:
            self.it.delete(number)
        else:
            self.it.change(number, how)

    @precondition(lambda self: self.it.etcd.pods)
    @rule(replica=which, number=some, size=st.integers(1, 6))
    def resize(self, replica: int, number: int, size: int) -> None:
        """A user resizes a pod."""
        self.it.resize(replica, number, size)

    @rule(seconds=st.sampled_from((0.1, 5.0)))
    def calm(self, seconds: float) -> None:
        """Every replica takes two full turns."""
        for _ in range(2):
            self.it.pass_time(seconds)
            for number in range(len(self.it.replicas)):
                self.it.turn(number)

    @rule(number=which, trickle=st.booleans())
    def turn(self, number: int, *, trickle: bool) -> None:
        """A replica takes a full turn."""
        self.it.turn(number, trickle=trickle)

    @rule(number=which, what=st.sampled_from(STEPS))
    def act(self, number: int, what: str) -> None:
        """A replica takes one step."""
        replica = self.it.up(number)
        if replica is not None:
            getattr(replica, what)()

    @rule(number=which, most=st.integers(1, 3))
    def hear(self, number: int, most: int) -> None:
        """The watches deliver a few events to a replica."""
        replica = self.it.up(number)
        if replica is not None:
            replica.hear(most)
            replica.tell_pods(most)

    @precondition(lambda self: self.it.letters)
    @rule(number=some)
    def deliver(self, number: int) -> None:
        """A write arrives."""
        self.it.deliver(number)

    # -- rare actions --------------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from((3.0, 16.0, 31.0, 61.0)))
    def pass_time(self, seconds: float) -> None:
        """Time passes, and no replica does anything."""
        self.it.pass_time(seconds)

    @rule(number=which, seconds=st.sampled_from((0.0, 1.0, 20.0, 70.0)))
    def stop(self, number: int, seconds: float) -> None:
        """A replica is paused for `seconds`; with 0, it dies and another one takes its place."""
        if seconds:
            self.it.pause(number, seconds)
        else:
            self.it.crash(number)

    @rule(what=st.sampled_from(MISHAPS), number=some, other=which)
    def mishap(self, what: str, number: int, other: int) -> None:
        """A write, its answer or a create is lost, a review is repeated or given up, the object or a bound changes."""
        world = self.it
        mishaps: dict[str, Callable[[], None]] = {
            "ask_again": lambda: world.ask_again(number, other),
            "create_forced": lambda: world.create_forced(other, 1 + number % 4),
            "end": lambda: world.end(number),
            "give_up": lambda: world.give_up(other, number),
            "leave": lambda: world.leave(other),
            "lose_answer": lambda: world.lose_answer(other),
            "lose_letter": lambda: world.lose_letter(number),
            "lose_object": world.lose_object,
            "damage_object": lambda: world.damage_object(number),
            "restore_object": lambda: world.restore_object(number),
            "put_back": lambda: world.put_back(number),
            "resize_nodes": lambda: world.resize_nodes(1 + number % 9, 2 + other),
        }
        mishaps[what]()

    # -- the rules -----------------------------------------------------------------------------------------------------

    @invariant()
    def nothing_passes_the_bound(self) -> None:
        """I1 and I5 hold after each step; the other rules are checked during the actions."""
        if self.world is not None:
            self.world.check()
            self.world.check_sums()

    def teardown(self) -> None:
        """I3 holds at the end."""
        with self.greed:
            if self.world is not None and "I3" in self.checked:
                rest(self.world)
                fill(self.world, 0)
