"""How many more pods fit, held against counting one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import accounts
from tests.support.accounts import GI, node, pod
from webhook.core.config.types import Mode
from webhook.core.forecast.packing import MOST, Free, Portion, by_nodes, by_thresholds, free_on_nodes
from webhook.core.forecast.scratch import scratch
from webhook.core.ledger.info import PodInfo
from webhook.core.reviews.verdict import Decision, judge


def one(memory: float, cpu: int = 0, number: int = 1) -> Portion:
    return Portion(pod("a", memory, cpu=cpu), number)


@given(st.integers(1, 40), st.integers(0, 30), st.integers(1, 200))
def test_by_thresholds_is_what_the_webhook_would_let_in_one_by_one(asks: int, held: int, percent: int) -> None:
    ledger = accounts.ledger("", node("n1"), node("n2"), requests=f"{percent}%")
    ledger.see(pod("held", held / 4, "n1"))
    found = by_thresholds(ledger, [one(asks / 8)])
    copy, fits = scratch(ledger.account(0.0)), 0
    while judge(copy, _numbered(fits, asks / 8), Mode.ENFORCE).decision is not Decision.DENY:
        copy.grant(_numbered(fits, asks / 8), 0.0)
        fits += 1
    assert found is not None
    assert found.sets == fits


def _numbered(number: int, memory: float) -> PodInfo:
    return pod(f"p{number}", memory)


def test_the_sum_that_runs_out_first_is_named_with_its_scope() -> None:
    ledger = accounts.ledger(accounts.HIGH_MEM, node("n1", pool="high-mem"), node("n2"))
    confined = Portion(pod("a", 2, confined_to={"pool": "high-mem"}), 1)
    found = by_thresholds(ledger, [confined])
    assert found is not None
    assert (found.scope, found.sets) == ("high-mem", 3)
    free = by_thresholds(ledger, [one(2)])
    assert free is not None
    assert (free.scope, free.sets) == ("cluster", 8)


def test_no_threshold_concerns_pods_that_ask_for_nothing_bounded() -> None:
    assert by_thresholds(accounts.ledger("", node("n1")), [one(0)]) is None


def test_a_ratio_is_a_set() -> None:
    ledger = accounts.ledger("", node("n1", 12))
    found = by_thresholds(ledger, [one(2, number=2), one(1)])
    assert found is not None
    assert found.sets == 2


@pytest.mark.parametrize(
    ("free", "portions", "sets"),
    [
        ([Free(8 * GI, 4000, 110)], [one(3)], 2),
        ([Free(5 * GI, 4000, 110), Free(5 * GI, 4000, 110)], [one(3)], 2),  # 10Gi free, in pieces
        ([Free(8 * GI, 500, 110)], [one(1, cpu=250)], 2),
        ([Free(8 * GI, 4000, 3)], [one(1)], 3),
        ([Free(8 * GI, 4000, None)], [one(1)], 8),
        ([Free(8 * GI, 4000, None)], [one(0)], MOST),
        ([], [one(1)], 0),
        ([Free(4 * GI, 4000, 9), Free(4 * GI, 4000, 9)], [one(3), one(1, number=2)], 1),
        ([Free(4 * GI, 100, 9), Free(2 * GI, 4000, 9)], [one(1, cpu=200), one(1)], 2),
    ],
)
def test_by_nodes(free: list[Free], portions: list[Portion], sets: int) -> None:
    assert by_nodes(free, portions) == sets


@given(
    st.lists(st.builds(Free, st.integers(0, 20), st.integers(0, 20), st.integers(0, 5)), max_size=4),
    st.lists(st.tuples(st.integers(1, 6), st.integers(0, 6), st.integers(1, 2)), min_size=1, max_size=3),
)
def test_no_more_sets_than_there_is_room_in_all(free: list[Free], kinds: list[tuple[int, int, int]]) -> None:
    portions = [one(memory / GI, cpu, number) for memory, cpu, number in kinds]
    sets = by_nodes(free, portions)
    assert sets * sum(memory * number for memory, _, number in kinds) <= sum(each.memory for each in free)
    assert sets * sum(cpu * number for _, cpu, number in kinds) <= sum(each.cpu for each in free)
    assert sets * sum(number for _, _, number in kinds) <= sum(each.pods or 0 for each in free)


def _one_by_one(nodes: list[Free], portions: list[Portion]) -> int:
    """Count sets as `by_nodes` does, by a search of all nodes for each pod."""
    left = [[-each.memory, each.cpu, -1 if each.pods is None else each.pods] for each in nodes]
    pods = [(each.pod.footprint.memory_requests, each.pod.footprint.cpu_requests, each.number) for each in portions]
    sets = 0
    while True:
        for memory, cpu, number in sorted(pods, reverse=True):
            for _ in range(number):
                chosen = next((n for n in sorted(left) if -n[0] >= memory and n[1] >= cpu and n[2]), None)
                if chosen is None:
                    return sets
                chosen[:] = [chosen[0] + memory, chosen[1] - cpu, chosen[2] - (chosen[2] > 0)]
        sets += 1


@given(
    st.lists(st.builds(Free, st.integers(0, 8 * GI), st.integers(0, 9), st.none() | st.integers(0, 5)), max_size=6),
    st.lists(st.tuples(st.integers(1, 3), st.integers(0, 4), st.integers(1, 3)), min_size=2, max_size=3),
)
def test_each_pod_is_placed_where_the_most_is_free(free: list[Free], kinds: list[tuple[int, int, int]]) -> None:
    portions = [one(*each) for each in kinds]
    assert by_nodes(free, portions) == _one_by_one(free, portions)


@pytest.mark.parametrize("number", [1, 10**30])
def test_pods_that_ask_for_nothing_are_not_placed_for_ever(number: int) -> None:
    """Of 900 kinds, or of more pods in a set than can be counted, some sets are placed until it takes too long."""
    free = [Free(8 * GI, 1000, None)]
    assert by_nodes(free, [one(0, 0, number)] * 2) == (MOST if number == 1 else 0)
    assert 0 <= by_nodes(free, [one(0, 0, number)] * 900) < MOST


def test_only_nodes_that_count_have_anything_free() -> None:
    ledger = accounts.ledger("", node("n1"), node("n2", cordoned=True))
    ledger.see(pod("a", 3, "n1", cpu=500))
    assert free_on_nodes(ledger.account(0.0)) == [Free(5 * GI, 3500, None)]
