"""A recount reports each figure that drifted from its parts, and nothing else."""

from collections.abc import Callable
from itertools import count

import pytest

from tests.support.accounts import GI, HIGH_MEM, footprint, ledger, node, pod
from webhook.core.ledger.capacity import ScopeLimits
from webhook.core.ledger.drift import Drift
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.nodes import Allocatable
from webhook.core.ledger.recount import AWAITED, SLICE, recount
from webhook.core.values.amounts import NOTHING, Amounts
from webhook.core.values.scopes import CLUSTER

ONE = footprint(1, 1)


@pytest.fixture
def busy() -> Ledger:
    """A ledger in which every kind of figure is more than nothing."""
    of = ledger(
        f"{HIGH_MEM}\nreserve: {{nodes: 3}}",
        node("a"),
        node("b", pool="high-mem"),
        node("c"),
        node("d", pool="high-mem"),
    )
    of.see(pod("on-a", 1, "a"))
    of.see(pod("on-b", 2, "b"))
    of.see(pod("on-c", 9, "c", uid="old"))
    of.see(pod("waits", 1, confined_to={"pool": "high-mem"}))
    of.see_node(node("c", cordoned=True), 1.0)
    of.see_node(node("d", cordoned=True, pool="high-mem"), 1.0)
    of.see(pod("on-d", 3, "d"))
    of.see_node(node("e", taints=frozenset({"node-role.kubernetes.io/control-plane"})), 1.0)
    of.see(pod("on-e", 1, "e"))
    for uid in ("open", "seen"):
        of.grant(pod("coming", 2, uid=uid, confined_to={"pool": "high-mem"}), 1.0)
    of.grant(pod("on-c", 1, uid="new"), 1.0)
    of.see(pod("coming", 2, uid="seen", confined_to={"pool": "high-mem"}))
    of._tallies.snapshot()  # takes the notes about these pods in
    return of


Figures = Amounts | ScopeLimits | tuple[int, ...]


def drift(of: Ledger) -> dict[tuple[str, str], tuple[Figures, Figures]]:
    return {(figure, where): (kept, fresh) for figure, where, kept, fresh in recount(of.parts(2.0))}


def test_what_was_kept_event_by_event_is_what_its_parts_come_to(busy: Ledger) -> None:
    assert drift(busy) == {}


@pytest.mark.parametrize("scope", [CLUSTER, "high-mem"])
def test_a_sum_of_a_scope_that_drifted_is_reported_with_both_figures(busy: Ledger, scope: str) -> None:
    right = busy.balance(scope).committed
    busy._committed[scope] = busy._committed[scope].plus(ONE)
    assert recount(busy.parts(2.0)) == (Drift("committed", scope, right.plus(ONE), right),)


def test_a_sum_of_a_node_that_drifted_is_reported(busy: Ledger) -> None:
    busy._held["b"] = ONE
    busy._held["ghost"] = ONE
    del busy._held["a"]
    assert drift(busy) == {
        ("held", "a"): (NOTHING, footprint(1)),
        ("held", "b"): (ONE, footprint(2)),
        ("held", "ghost"): (ONE, NOTHING),
    }


@pytest.mark.parametrize(
    ("kept", "figures"), [("unseen", ["unseen", "open"]), ("paid", ["open"]), ("unretired", ["unretired"])]
)
def test_a_sum_of_reservations_that_drifted_is_reported(busy: Ledger, kept: str, figures: list[str]) -> None:
    right = {figure: getattr(busy.reservations, figure)(CLUSTER) for figure in figures}
    sums = busy.reservations._sums[CLUSTER]
    setattr(sums, kept, getattr(sums, kept).minus(ONE))
    assert drift(busy) == {(figure, CLUSTER): (right[figure].minus(ONE), right[figure]) for figure in figures}


def test_a_node_that_is_counted_and_should_not_be_is_reported(busy: Ledger) -> None:
    busy.capacity._counting.add("c")
    busy.capacity._scope_limits.clear()
    kept, fresh = drift(busy)["limits", CLUSTER]
    assert isinstance(kept, ScopeLimits)
    assert isinstance(fresh, ScopeLimits)
    assert (kept.room.memory, fresh.room.memory) == (24 * GI, 16 * GI)


def test_a_node_that_is_taken_for_lost_and_is_not_is_reported(busy: Ledger) -> None:
    unpaid = busy.balance(CLUSTER).scope_limits.unpaid
    busy.capacity._counting.discard("a")
    busy.capacity._down.add("a")
    busy.capacity._bases.clear()
    busy.capacity._scope_limits.clear()
    assert drift(busy) == {
        ("limits", CLUSTER): (
            ScopeLimits(Allocatable(8 * GI, 4000), (0,) * 8, (8 * GI, *[None] * 7), unpaid),
            ScopeLimits(Allocatable(16 * GI, 8000), (8 * GI, *[0] * 7), (8 * GI, *[None] * 7), unpaid),
        )
    }


def test_a_pod_that_is_missing_shows_in_its_scopes_and_on_its_node(busy: Ledger) -> None:
    del busy._pods["default/on-b"]
    assert set(drift(busy)) == {
        ("committed", CLUSTER),
        ("committed", "high-mem"),
        ("held", "b"),
        ("tally of node", "b (with default/on-b, which must not be there)"),
        ("pods tallied by node", ""),
        ("tally of workload", "default/Pod/ (with default/on-b, which must not be there)"),
        ("pods tallied by workload", ""),
        ("pods that request", str(2 * GI)),
    }


def test_pods_are_counted_in_slices_with_a_pause_after_each() -> None:
    of = ledger("", node("a"))
    for number in range(2 * SLICE + 1):
        of.see(pod(f"p{number}", 1, "a"))
    pauses = count()
    assert recount(of.parts(0.0), pause=_counted(pauses)) == ()
    slices = 3
    assert next(pauses) == slices + 2 * 2  # the tallies look at every pod twice: by node and by workload


def _counted(pauses: "count[int]") -> Callable[[], None]:
    def pause() -> None:
        next(pauses)

    return pause


def test_the_copy_stays_as_it_was_while_the_ledger_goes_on(busy: Ledger) -> None:
    parts = busy.parts(2.0)
    busy.gone(pod("on-b", 2, "b"))
    busy.see_node(node("b", pool=""), 3.0)
    busy.grant(pod("late", 1), 3.0)
    assert recount(parts) == ()
    assert drift(busy) == {}


def test_a_grace_that_has_just_ended_is_no_drift() -> None:
    of = ledger("", node("a"), node("b"))
    of.see(pod("p", 1, "b"))
    of.see_node(node("b", ready=False), 0.0)
    assert recount(of.parts(10.0)) == ()


def test_what_a_subject_has_open_is_a_figure_only_where_it_is() -> None:
    """There may be 50,000 owners and hundreds of pools, and a figure for each pair would not fit into memory."""
    of = ledger(HIGH_MEM, node("a"), node("b", pool="high-mem"))
    of.grant(pod("anywhere", 1), 0.0)
    assert {scope for figure, scope in of.parts(1.0).sums if figure.startswith(AWAITED)} == {CLUSTER}
    assert drift(of) == {}
    of.grant(pod("confined", 1, confined_to={"pool": "high-mem"}), 0.0)
    assert {scope for figure, scope in of.parts(1.0).sums if figure.startswith(AWAITED)} == {CLUSTER, "high-mem"}
    assert drift(of) == {}
