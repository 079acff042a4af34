"""How much is missing for one pod now, in whichever scope misses most."""

import pytest
from msgspec.structs import replace

from tests.support.accounts import GI, HIGH_MEM, footprint
from tests.support.refusing import balances, blocked
from webhook.core.events.reference import Reference
from webhook.core.reporting.room import Missing, missing, row_of

CPU = "thresholds: {memory: {requests: 100%}, cpu: {requests: 50%}}"


@pytest.mark.parametrize(("free", "short"), [(1.0, 0), (1.5, 0), (0.5, GI // 2), (0.0, GI)])
def test_missing_is_what_one_pod_asks_beyond_what_is_free(free: float, short: int) -> None:
    assert missing(blocked(), balances(free)) == Missing(short, 0)


def test_cpu_is_told_beside_memory() -> None:
    found = missing(blocked(asks=footprint(1, cpu=2500)), balances(4, CPU))
    assert found == Missing(0, 500)
    assert not found.fits


def test_a_sum_that_the_pod_does_not_raise_is_not_in_its_way() -> None:
    past = {scope: replace(each, committed=footprint(9)) for scope, each in balances(8, CPU).items()}
    assert missing(blocked(asks=footprint(0, cpu=100)), past) == Missing(0, 0)
    assert missing(blocked(asks=footprint(1, cpu=100)), past) == Missing(2 * GI, 0)


def test_the_scope_that_misses_most_counts_and_one_that_is_gone_does_not() -> None:
    pools = balances(9, HIGH_MEM, **{"high-mem": 1.0})
    assert missing(blocked(scopes=("cluster", "high-mem")), pools) == Missing(GI // 4, 0)
    assert missing(blocked(scopes=("cluster", "gone")), pools) == Missing(0, 0)


def test_what_others_are_about_to_take_is_not_free() -> None:
    assert missing(blocked(), balances(1.5), {"cluster": footprint(1)}) == Missing(GI // 2, 0)


@pytest.mark.parametrize("of", [blocked(reason="Unplaceable"), blocked(scopes=()), blocked(scopes=("gone",))])
def test_it_cannot_be_said_where_no_sum_decides(of: object) -> None:
    assert missing(of, balances(100)) is None  # type: ignore[arg-type]
    assert missing(blocked(), {}) is None


def test_the_row_names_the_top_owner_and_its_controller() -> None:
    top = Reference("apps/v1", "Deployment", "default", "web", "uid-web")
    shown = row_of(blocked(top=top, missing=3), balances(0.25))
    assert (shown.kind, shown.name, shown.controller_kind, shown.controller_name) == (
        "Deployment",
        "web",
        "ReplicaSet",
        "web-1",
    )
    assert (shown.short_by, shown.short_by_cpu, shown.missing, shown.asks_requests) == (3 * GI // 4, 0, 3, GI)
    assert row_of(blocked(), balances(1)).kind == "ReplicaSet"


def test_a_rollout_waits_for_itself_only_while_no_pod_of_it_would_fit() -> None:
    assert row_of(blocked(stuck=True), balances(0)).waits_for_itself
    assert row_of(blocked(stuck=True), {}).waits_for_itself
    assert not row_of(blocked(stuck=True), balances(1)).waits_for_itself
    assert not row_of(blocked(), balances(0)).waits_for_itself
