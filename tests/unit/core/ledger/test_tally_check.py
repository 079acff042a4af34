"""The tallies against the live pods: each kind of difference is found, and nothing else."""

import pytest

from tests.support.accounts import GI, footprint, ledger, node, pod
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.tally_check import SLICE, tally_drifts

ONE = footprint(1)


@pytest.fixture
def of() -> Ledger:
    made = ledger("", node("a"), node("b"))
    made.see(pod("on-a", 1, "a"))
    made.see(pod("on-b", 2, "b"))
    made.see(pod("waits", 1))
    made.account(0.0)  # takes the notes about these pods in
    return made


def drift(of: Ledger) -> dict[tuple[str, str], tuple[object, object]]:
    parts = of.parts(0.0)
    return {(figure, where): (kept, found) for figure, where, kept, found in tally_drifts(parts.tallies, parts.pods)}


def test_what_was_kept_event_by_event_is_what_the_pods_come_to(of: Ledger) -> None:
    assert drift(of) == {}


def test_a_pod_that_no_tally_has_shows_in_all_of_them(of: Ledger) -> None:
    tallies = of._tallies
    tallies._leave("default/on-b", of._pods["default/on-b"])
    assert set(drift(of)) == {
        ("pods tallied by node", ""),
        ("pods tallied by workload", ""),
        ("pods that request", str(2 * GI)),
    }


@pytest.mark.parametrize("count", ["unbound", "unbounded", "best_effort", "static", "excluded", "before"])
def test_a_count_that_drifted_is_reported(of: Ledger, count: str) -> None:
    workload = of._tallies._namespaces["default"].workloads["Pod", ""]
    for group, figure in (
        (of._tallies._nodes["b"], ("tally of node", "b")),
        (workload, ("tally of workload", "default/Pod/")),
    ):
        right = getattr(group, count)
        setattr(group, count, right + 1)
        assert set(drift(of)) == {figure}
        setattr(group, count, right)
        assert drift(of) == {}


def test_amounts_of_a_tally_that_drifted_are_reported(of: Ledger) -> None:
    workload = of._tallies._namespaces["default"].workloads["Pod", ""]
    workload.amounts = workload.amounts.plus(ONE)
    assert set(drift(of)) == {("tally of workload", "default/Pod/")}


def test_a_pod_in_a_group_that_it_does_not_belong_to_is_named(of: Ledger) -> None:
    nodes = of._tallies._nodes
    nodes["a"].parts[0]["default/on-b"] = nodes["b"].parts[0].pop("default/on-b")
    assert set(drift(of)) == {("tally of node", "a (with default/on-b, which must not be there)")}


def test_it_pauses_after_each_slice_of_pods() -> None:
    made, pauses = ledger("", node("a")), list[int]()
    for number in range(SLICE + 1):
        made.see(pod(f"p{number}", 1, "a"))
    parts = made.parts(0.0)
    assert list(tally_drifts(parts.tallies, parts.pods, lambda: pauses.append(1))) == []
    assert len(pauses) == 2  # by node and by workload
