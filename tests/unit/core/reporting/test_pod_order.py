"""The first pods in an order: those that a sort of all would find, though few namespaces are looked at."""

from operator import itemgetter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.core.ledger.entry import Entry
from webhook.core.ledger.tallies import Group, Namespace
from webhook.core.reporting import pod_order
from webhook.core.reporting.pod_order import Named, Part, first_by_amount, first_by_key, pods_of
from webhook.core.values.amounts import Amounts

REQUESTS, CPU = 0, 4
names = st.builds(
    lambda space, number: f"{space}/p{number}", st.sampled_from(["a", "a-b", "a.b", "b", "c", "d"]), st.integers(0, 9)
)
pods = st.dictionaries(names, st.builds(Entry, st.just("u"), st.builds(Amounts, *[st.integers(0, 3)] * 8)), max_size=40)


def parts_of(pods: dict[str, Entry]) -> list[Part]:
    """Put every pod into its namespace; those with an odd last digit are a workload of their own."""
    spaces: dict[str, dict[tuple[str, str], dict[str, Entry]]] = {}
    for name, pod in pods.items():
        space = spaces.setdefault(name.partition("/")[0], {})
        space.setdefault(("Deployment", str(int(name[-1]) % 2)), {})[name] = pod
    return [
        (space, Namespace(0, {key: Group.of(group) for key, group in groups.items()}))
        for space, groups in sorted(spaces.items())
    ]


@given(pods, st.sampled_from([REQUESTS, CPU]), st.integers(1, 45), st.booleans())
def test_they_are_the_first_of_all_by_an_amount_and_then_by_name(
    pods: dict[str, Entry], index: int, number: int, descending: bool
) -> None:
    wanted = sorted(sorted(pods.items()), key=lambda named: named[1].footprint[index], reverse=descending)[:number]
    found = first_by_amount(parts_of(pods), index, number, descending=descending)
    assert found == wanted


@given(pods.filter(bool), st.integers(1, 45), st.booleans())
def test_they_are_the_first_of_all_by_another_key(pods: dict[str, Entry], number: int, descending: bool) -> None:
    number = min(number, len(pods))
    wanted = sorted(sorted(pods.items()), key=lambda named: named[1].footprint[1], reverse=descending)[:number]
    assert first_by_key(parts_of(pods), lambda pod: pod.footprint[1], number, descending=descending) == wanted


@pytest.mark.parametrize("largest", [{}, {7: 5, 31: 9}])
def test_namespaces_that_have_none_of_them_are_not_looked_at(
    largest: dict[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    pods = {
        f"s{space:02}/p{number}": Entry("u", Amounts(largest.get(space, 1)))
        for space in range(50)
        for number in range(9)
    }
    looked: list[Namespace] = []

    def looking(namespace: Namespace) -> list[Named]:
        looked.append(namespace)
        return [*pods_of(namespace)]

    monkeypatch.setattr(pod_order, "pods_of", looking)
    found = first_by_amount(parts_of(pods), REQUESTS, 20, descending=True)
    assert found == sorted(pods.items(), key=lambda named: (-named[1].footprint[REQUESTS], itemgetter(0)(named)))[:20]
    assert len(looked) == 3
