"""Wherever a view stands, a pod is never more than the view shows and its unretired grants come to, whoever gave them.

One pod, and several who grant resizes of it: in any order, from objects old and new, some of which are never written,
while others change the pod, and each of them sees, retires and lapses in its own time.
"""

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.support.examples import examples
from webhook.core.ledger.interval import NOWHERE, Before, Charge
from webhook.core.ledger.reservations import Reservation, Reservations
from webhook.core.values.amounts import Amounts
from webhook.core.values.scopes import CLUSTER

NAME, UID = "ns/p", "u"
which = st.integers(0, 1)


def charge(size: int) -> Charge:
    return Charge(Amounts(memory_requests=size))


@dataclass
class Granter:
    """Who grants: how far its view has come, and what it granted."""

    history: list[int]
    view: int = 0
    kept: Reservations = field(init=False)

    def __post_init__(self) -> None:
        self.kept = Reservations(lambda _: charge(self.history[self.view]) if self.history[self.view] else NOWHERE)

    @property
    def unretired(self) -> int:
        return self.kept.unretired(CLUSTER).memory_requests

    @property
    def unseen(self) -> int:
        return self.kept.unseen(CLUSTER).memory_requests


@dataclass(frozen=True)
class Attempt:
    """A resize that was granted and may still be written."""

    at: int
    size: int


class Anywhere(RuleBasedStateMachine):
    """A revision is an index into the pod's history; before it came it had no size."""

    def __init__(self) -> None:
        super().__init__()
        self.history = [0]
        self.floor = 0
        self.attempts: list[Attempt] = []
        self.granters = [Granter(self.history) for _ in range(2)]

    @property
    def now(self) -> int:
        return len(self.history) - 1

    @initialize(who=st.none() | which, size=st.integers(0, 9))
    def create(self, who: int | None, size: int) -> None:
        """The pod comes; if nobody's grant stands for it any more, every view must show it."""
        self.history.append(size)
        if who is None:
            self.floor = 1
        else:
            self.granters[who].kept.add(NAME, Reservation(UID, charge(size), 0.0))

    @rule(who=which, size=st.integers(0, 9), ago=st.integers(0, 2))
    def review(self, who: int, size: int, ago: int) -> None:
        """The object under review may come from a cache that is behind."""
        at = max(1, self.now - ago)
        if size > self.history[at]:
            before = Before(at, Amounts(memory_requests=self.history[at]))
            self.granters[who].kept.add(NAME, Reservation(UID, charge(size), 0.0, before))
        self.attempts.append(Attempt(at, size))

    @precondition(lambda self: self.attempts)
    @rule(number=st.integers(0, 9))
    def write(self, number: int) -> None:
        """It is written over the object that was reviewed, or not at all."""
        attempt = self.attempts.pop(number % len(self.attempts))
        if attempt.at == self.now:
            self.history.append(attempt.size)

    @rule()
    def stir(self) -> None:
        """Somebody changes something else."""
        self.history.append(self.history[-1])

    @rule(who=which, steps=st.integers(1, 3))
    def see(self, who: int, steps: int) -> None:
        granter = self.granters[who]
        for revision in range(granter.view + 1, min(self.now, granter.view + steps) + 1):
            granter.view = revision
            granter.kept.see(NAME, UID, revision)
            granter.kept.refresh(NAME)

    @rule(who=which)
    def retire(self, who: int) -> None:
        kept = self.granters[who].kept
        settled = [named for named in kept if not named[1].is_open]
        kept.retire(settled)
        self.floor = max([self.floor, *(r.seen_at_revision or 0 for _, r in settled)])

    @invariant()
    def no_view_past_the_floor_is_told_too_little(self) -> None:
        size = self.history[-1]
        held = sum(granter.unretired for granter in self.granters)
        for view in range(self.floor, self.now + 1):
            assert size <= self.history[view] + held, f"at {view} of {self.history}"

    @invariant()
    def nobody_counts_too_little_itself(self) -> None:
        """What a booking compares with the bound: what it sees, what it granted and does not see, and the others."""
        for granter in self.granters:
            if granter.view >= self.floor:
                others = sum(other.unretired for other in self.granters if other is not granter)
                assert self.history[-1] <= self.history[granter.view] + granter.unseen + others, self.history


Anywhere.TestCase.settings = settings(max_examples=examples(300), stateful_step_count=30)
TestAnywhere = Anywhere.TestCase
