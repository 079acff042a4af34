"""The same model for hypothesis: each action of the world is a rule, and all that must hold is checked at each step."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.core.protocol.etcd import Rooms
from tests.core.protocol.simulation import RULES, fill, rest
from tests.core.protocol.world import World

which = st.integers(0, 2)
some = st.integers(0, 11)


class Protocol(RuleBasedStateMachine):
    """Two or three replicas, and everything that can happen to them."""

    checked = RULES  # those that are checked; a mutant's test narrows them down

    def __init__(self) -> None:
        super().__init__()
        self.world: World | None = None

    @initialize(replicas=st.integers(2, 3), common=st.integers(1, 9), pool=st.integers(2, 6))
    def begin(self, replicas: int, common: int, pool: int) -> None:
        """A cluster with Headroom just installed, or at work already."""
        self.world = World(replicas, rooms=Rooms(common, pool), rules=self.checked)
        self.calm(1.0)

    @property
    def it(self) -> World:
        """The world, which `begin` makes before any other rule."""
        assert self.world is not None
        return self.world

    # -- time and requests ---------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from((0.5, 3.0, 16.0, 31.0, 61.0)))
    def pass_time(self, seconds: float) -> None:
        """Everybody is busy elsewhere."""
        self.it.pass_time(seconds)

    @rule(seconds=st.sampled_from((0.1, 5.0)))
    def calm(self, seconds: float) -> None:
        """Everybody does what there is to do, twice."""
        for _ in range(2):
            self.it.pass_time(seconds)
            for number in range(len(self.it.replicas)):
                self.it.turn(number)

    @rule(replica=which, name=some, size=st.integers(1, 4), kind=st.integers(0, 2))
    def create(self, replica: int, name: int, size: int, kind: int) -> None:
        """Somebody creates a pod."""
        self.it.create(replica, name, size, kind)

    @rule(replica=which, size=st.integers(1, 4))
    def create_forced(self, replica: int, size: int) -> None:
        """Somebody creates a pod that policy lets through."""
        self.it.create_forced(replica, size)

    @precondition(lambda self: self.it.requests)
    @rule(number=some, replica=which)
    def ask_again(self, number: int, replica: int) -> None:
        """A review is repeated."""
        self.it.ask_again(number, replica)

    @precondition(lambda self: self.it.requests)
    @rule(number=some)
    def commit(self, number: int) -> None:
        """A create is committed."""
        self.it.commit(number)

    @precondition(lambda self: self.it.requests)
    @rule(number=some)
    def end(self, number: int) -> None:
        """A create dies."""
        self.it.end(number)

    @rule(replica=which, number=some)
    def give_up(self, replica: int, number: int) -> None:
        """A review has waited for too long."""
        self.it.give_up(replica, number)

    # -- pods and nodes ------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.it.etcd.pods)
    @rule(number=some)
    def delete(self, number: int) -> None:
        """A pod is deleted."""
        self.it.delete(number)

    @precondition(lambda self: self.it.etcd.pods)
    @rule(number=some, how=st.integers(0, 3))
    def change(self, number: int, how: int) -> None:
        """A pod changes."""
        self.it.change(number, how)

    @rule(common=st.integers(1, 9), pool=st.integers(2, 6))
    def resize_nodes(self, common: int, pool: int) -> None:
        """The bounds change."""
        self.it.resize_nodes(common, pool)

    # -- replicas ------------------------------------------------------------------------------------------------------

    @rule(number=which)
    def turn(self, number: int) -> None:
        """A replica does what there is to do."""
        self.it.turn(number)

    @rule(number=which, most=st.integers(1, 3), what=st.sampled_from(("hear", "tell_pods")))
    def hear(self, number: int, most: int, what: str) -> None:
        """A watch tells a replica a little."""
        replica = self.it.up(number)
        if replica is not None:
            getattr(replica, what)(most)

    @rule(number=which, what=st.sampled_from(("tell_nodes", "relist", "seek_proof", "work", "answer")))
    def act(self, number: int, what: str) -> None:
        """A replica takes one step."""
        replica = self.it.up(number)
        if replica is not None:
            getattr(replica, what)()

    @rule(number=which)
    def crash(self, number: int) -> None:
        """A replica dies, and another process takes its place."""
        self.it.crash(number)

    @rule(number=which, seconds=st.sampled_from((1.0, 20.0, 70.0)))
    def pause(self, number: int, seconds: float) -> None:
        """A replica is stopped for a while."""
        self.it.pause(number, seconds)

    @rule(number=which)
    def leave(self, number: int) -> None:
        """A replica is told to stop."""
        self.it.leave(number)

    # -- writes and the object -----------------------------------------------------------------------------------------

    @precondition(lambda self: self.it.letters)
    @rule(number=some)
    def deliver(self, number: int) -> None:
        """A write arrives."""
        self.it.deliver(number)

    @precondition(lambda self: self.it.letters)
    @rule(number=some)
    def lose_letter(self, number: int) -> None:
        """A write is lost."""
        self.it.lose_letter(number)

    @rule(number=which)
    def lose_answer(self, number: int) -> None:
        """What came of a write is lost."""
        self.it.lose_answer(number)

    @rule(what=st.sampled_from(("lose", "damage", "restore")), number=some)
    def break_object(self, what: str, number: int) -> None:
        """Somebody deletes the shared object, edits it, or puts an old copy back."""
        if what == "lose":
            self.it.lose_object()
        elif what == "damage":
            self.it.damage_object(number)
        else:
            self.it.restore_object(number)

    # -- what must hold ------------------------------------------------------------------------------------------------

    @invariant()
    def nothing_passes_the_bound(self) -> None:
        """I1, I5."""
        if self.world is not None:
            self.world.check()
            self.world.check_sums()

    def teardown(self) -> None:
        """I3."""
        if self.world is not None and "I3" in self.checked:
            rest(self.world)
            fill(self.world, 0)
