"""The protocol between replicas, against hypothesis: no interleaving that it finds breaks a rule."""

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.checks import Violation
from tests.model.machine import Protocol
from tests.model.mutants import MUTANTS, applied
from tests.support.examples import examples

CHECKED = settings(
    max_examples=examples(300),
    stateful_step_count=60,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
CAUGHT = (
    "others_not_counted",
    "own_unseen_not_counted",
    "release_on_sight",
    "lost_lock",
    "calls_are_not_answered",
    "refused_without_asking_others",
    "old_events_believed",
)


@pytest.mark.long
def test_no_interleaving_breaks_a_rule() -> None:
    run_state_machine_as_test(Protocol, settings=CHECKED)


@pytest.mark.long
@pytest.mark.parametrize("name", CAUGHT)
def test_hypothesis_catches_a_broken_rule(name: str) -> None:
    broken = next(each for each in MUTANTS if each.name == name)
    machine = type("Broken", (Protocol,), {"checked": frozenset(broken.caught_by)})
    with applied(broken), pytest.raises(Violation):
        run_state_machine_as_test(machine, settings=settings(CHECKED, phases=[Phase.generate]))
