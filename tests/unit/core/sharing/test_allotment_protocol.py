"""The protocol between replicas, run against a model of etcd with every fault there is, and with its rules broken.

The simulation plays whole schedules of several replicas around the real ledger and allotment; each seed is one of them,
in one of the climates of `climate.py`. For longer runs: `python -m tests.model --runs 1000`.
"""

import pytest

from tests.model.checks import Violation
from tests.model.climate import CLIMATES, CONFINING, WITH_CREDIT, Climate
from tests.model.mutants import MUTANTS, Mutant, applied
from tests.model.simulation import Simulation
from tests.support.rare_mutants import TOO_RARE
from webhook.core.sharing import size

RUNS = range(60)
ON_CREDIT = range(WITH_CREDIT, WITH_CREDIT + 12)
QUICK = [0, 1, 2, WITH_CREDIT]  # `make unit` plays these alone
SEEDS = [seed if seed in QUICK else pytest.param(seed, marks=pytest.mark.long) for seed in (*RUNS, *ON_CREDIT)]
ENOUGH = 2  # runs in which a mutant must be caught: one alone would be luck


@pytest.mark.parametrize("seed", SEEDS)
def test_no_schedule_passes_the_bound_refuses_without_reason_or_loses_headroom(seed: int) -> None:
    Simulation(seed).run()


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 10))
@pytest.mark.parametrize("climate", CONFINING, ids=lambda each: each.name)
def test_no_schedule_in_which_pods_are_confined_later_passes_the_pools_bound(climate: Climate, seed: int) -> None:
    assert Simulation(seed, climate).run()["confined"] > 0


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1000, 1000 + len(CLIMATES)))
def test_nor_where_the_shared_object_has_hardly_any_room(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Names are left out, nothing is booked to spare in the pool, and what is granted there is booked one by one."""
    monkeypatch.setattr(size, "LEFT", 3600)
    Simulation(seed).run()


@pytest.mark.long
@pytest.mark.parametrize("mutant", [m for m in MUTANTS if m.name not in TOO_RARE], ids=lambda m: m.name)
def test_a_broken_rule_is_caught(mutant: Mutant) -> None:
    caught = 0
    with applied(mutant):
        for seed in ON_CREDIT if "I8" in mutant.caught_by else RUNS:
            try:
                climate = CONFINING[seed % len(CONFINING)] if mutant.rule.startswith("confinements") else None
                Simulation(seed, climate, rules=frozenset(mutant.caught_by)).run()
            except Violation:
                caught += 1
                if caught == ENOUGH:
                    return
    pytest.fail(f"{caught} runs show that rule {mutant.rule} is broken, {ENOUGH} would do")


@pytest.mark.parametrize("climate", [climate for climate in CLIMATES if climate.repeat], ids=lambda each: each.name)
def test_where_names_are_repeated_several_replicas_tell_the_same_one(climate: Climate) -> None:
    assert Simulation(0, climate).run()["names told by several"] > 0


def test_what_is_too_rare_is_a_mutant_still() -> None:
    assert {mutant.name for mutant in MUTANTS} >= TOO_RARE
