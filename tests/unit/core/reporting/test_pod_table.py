"""The table of pods: rows only where somebody looks, in any order."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.core.ledger.entry import Entry
from webhook.core.ledger.tallies import Group, Namespace
from webhook.core.reporting.pod_table import AMOUNTS, OTHERS, PodTable
from webhook.core.reporting.rows import PodRow, Use
from webhook.core.values.amounts import Amounts

pods = st.dictionaries(
    st.builds(lambda space, number: f"{space}/p{number}", st.sampled_from(["a", "a-b", "b"]), st.integers(0, 9)),
    st.builds(
        Entry,
        st.just("u"),
        st.builds(Amounts, *[st.integers(0, 3)] * 8),
        st.sampled_from(["", "n1", "n2"]),
        created=st.sampled_from(["", "2026-11-30T00:00:00Z"]),
    ),
)


def _half(pods: dict[str, Entry], space: str, half: int) -> dict[str, Entry]:
    return {name: pod for name, pod in pods.items() if name.startswith(f"{space}/") and hash(name) % 2 == half}


def _namespace(pods: dict[str, Entry], space: str) -> Namespace:
    halves = {("Deployment", str(half)): _half(pods, space, half) for half in (0, 1)}
    return Namespace(0, {key: Group.of(half) for key, half in halves.items() if half})


def _key(sort: str, pod: Entry) -> Any:
    return pod.footprint[AMOUNTS[sort]] if sort in AMOUNTS else OTHERS[sort](pod)


class Table:
    """A table, and the names of the rows that it made."""

    def __init__(self, pods: dict[str, Entry]) -> None:
        self.made: list[str] = []
        spaces = sorted({name.partition("/")[0] for name in pods})
        parts = [(space, _namespace(pods, space)) for space in spaces]
        self.table = PodTable(parts, self._row)

    def _row(self, name: str, pod: Entry) -> PodRow:
        self.made.append(name)
        use = Use(requests=pod.footprint.memory_requests, limits=0, unbounded=0)
        space, _, short = name.partition("/")
        return PodRow(
            namespace=space,
            name=short,
            uid=pod.uid,
            node=pod.node,
            pool=None,
            workload_kind="Pod",
            workload_name=short,
            counted=True,
            unbounded_containers=0,
            best_effort=False,
            unreviewed=None,
            memory=use,
            cpu=use,
        )


def shown(rows: "tuple[PodRow, ...] | PodTable") -> list[str]:
    return [f"{row.namespace}/{row.name}" for row in rows]


@given(pods, st.integers(0, 12), st.integers(0, 12))
def test_a_page_is_that_of_all_pods_by_namespace_and_name(pods: dict[str, Entry], first: int, last: int) -> None:
    expected = sorted(pods, key=lambda name: name.split("/"))
    made = Table(pods)
    assert len(made.table) == len(pods)
    assert shown(made.table[first:last]) == expected[first:last]
    assert made.made == expected[first:last]
    assert shown(made.table) == expected
    assert [f"{made.table[n].namespace}/{made.table[n].name}" for n in range(-len(pods), 0)] == expected


@given(pods, st.sampled_from([*AMOUNTS, *OTHERS, "name"]), st.booleans(), st.integers(0, 12), st.integers(0, 12))
def test_a_page_in_another_order_is_that_of_all_pods_sorted(
    pods: dict[str, Entry], sort: str, descending: bool, first: int, last: int
) -> None:
    if sort == "name":
        expected = sorted(pods, key=lambda name: name.split("/"), reverse=descending)
    else:
        expected = sorted(sorted(pods), key=lambda name: _key(sort, pods[name]), reverse=descending)
    made = Table(pods)
    assert shown(made.table.sorted_by(sort, first, last, descending=descending)) == expected[first:last]
    assert len(made.made) == len(expected[first:last])


def test_what_is_not_there_is_an_error() -> None:
    table = Table({"a/p": Entry("u", Amounts())}).table
    with pytest.raises(KeyError):
        table.sorted_by("colour", 0, 1)
    with pytest.raises(IndexError):
        table[1]
    with pytest.raises(ValueError, match="steps"):
        table[::2]
