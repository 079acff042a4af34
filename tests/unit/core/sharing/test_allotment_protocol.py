"""The protocol between replicas, run against a model of etcd with every fault there is, and with its rules broken.

The simulation plays whole schedules of several replicas around the real ledger and allotment; each seed is one of them,
in one of the climates of `climate.py`. For longer runs: `python -m tests.model --runs 1000`.
"""

import pytest

from tests.model.checks import Violation
from tests.model.climate import CLIMATES, CONFINING, WITH_CREDIT, Climate
from tests.model.mutants import MUTANTS, Mutant, applied
from tests.model.simulation import Simulation
from webhook.core.sharing import size

RUNS = range(60)
ON_CREDIT = range(WITH_CREDIT, WITH_CREDIT + 12)
ENOUGH = 2  # runs in which a mutant must be caught: one alone would be luck
# Broken rules that show only in schedules too rare for so few runs. As all others they have a story of their own in
# test_allotment_mutants.py.
TOO_RARE = frozenset(
    {
        "no_validity",
        "spare_of_a_hand_back_still_granted",
        "load_forgets_grants_made_meanwhile",
        "repeated_review_passes_on_a_tentative_booking",
        "told_bookings_dropped",
        "forced_reserves_nothing",
        "reported_without_asking_others",
        "trial_is_over_at_once",
        "trial_survives_a_lost_write",
        "no_growth_passes_though_over",
        "own_write_hides_a_later_one",
        "unknown_taken_for_failed",
        "plain_timeout",
        "proof_dated_at_its_end",
        "bookmark_before_its_events",
        "resize_settled_by_what_was_reviewed",
        "growths_of_one_pod_overlap",
        "early_expiry",
        "expiry_without_proof",
        "floor_not_raised_at_expiry",
        "floor_below_the_highest_pod",
        "rejoins_with_what_was_taken_back",
        "opened_at_once",
        "opened_without_proof",
        "opened_with_the_old_floor",
        "fresh_more_than_once",
        "everybody_is_fresh",
        "old_copies_trusted",
        "own_writes_not_witnessed",
        "forks_trusted",
        "edits_trusted",
        "leaves_with_open_reservations",
        "no_growth_reaches_further",
        "growth_is_named",
        "settled_is_named",
        "another_pool_releases",
        "repeated_and_not_told",
        "lapses_are_forgiven",  # whether others are shut out is no rule of the simulation
        "nobody_speaks_for_what_lapsed",
        "tiny_pods_clear_history",
        "one_pod_in_a_pause",
        "history_is_not_shared",
        "outages_count",
        "taken_names_have_credit",
        "restored_object_trusted",
        "unknown_copy_trusted",
        "grants_go_on_after_an_outage",
        "old_bookings_vouched_for",
        "writes_outlast_outages",
        "booked_before_a_list",
        "undone_writes_not_missed",
        "old_watch_believed",
        "views_of_the_past_trusted",
    }
)


@pytest.mark.parametrize("seed", [*RUNS, *ON_CREDIT])
def test_no_schedule_passes_the_bound_refuses_without_reason_or_loses_headroom(seed: int) -> None:
    Simulation(seed).run()


@pytest.mark.parametrize("seed", range(2, 10))
@pytest.mark.parametrize("climate", CONFINING, ids=lambda each: each.name)
def test_no_schedule_in_which_pods_are_confined_later_passes_the_pools_bound(climate: Climate, seed: int) -> None:
    assert Simulation(seed, climate).run()["confined"] > 0


@pytest.mark.parametrize("seed", range(1000, 1000 + len(CLIMATES)))
def test_nor_where_the_shared_object_has_hardly_any_room(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """Names are left out, nothing is booked to spare in the pool, and what is granted there is booked one by one."""
    monkeypatch.setattr(size, "LEFT", 3600)
    Simulation(seed).run()


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
