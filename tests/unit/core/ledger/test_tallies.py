"""Tallies: what was handed out never changes, and what is kept is what plain counting comes to."""

from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from webhook.core.ledger import tallies as module
from webhook.core.ledger.entry import Entry, Unbound
from webhook.core.ledger.tallies import Tallies, TallySnapshot, Total
from webhook.core.ledger.tally_check import tally_drifts
from webhook.core.ledger.traits import BARE, Traits
from webhook.core.values.amounts import Amounts

BIRTH = "2026-11-30T00:00:00Z"
TRAITS = [Traits(), Traits(("Deployment", "web"), 2), Traits(BARE, 0, True)]
SIZES = [Amounts(), Amounts(5, 5, 5, 0, 1), Amounts(7, 0, 7, 1)]

entries = st.builds(
    lambda node, traits, size, created: (
        Entry("u", size, node, (), traits, created) if node else Unbound("u", size, "", (), traits, created)
    ),
    st.sampled_from(["", "n1", "n2"]),
    st.sampled_from(TRAITS),
    st.sampled_from(SIZES),
    st.sampled_from(["", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z"]),
)
names = st.builds(lambda space, number: f"{space}/p{number}", st.sampled_from(["a", "kube-system"]), st.integers(0, 5))
steps = st.lists(st.tuples(names, st.none() | entries) | st.just("look") | st.just("born"), max_size=40)


def put(kept: Tallies, pods: dict[str, Entry], name: str, new: Entry | None) -> None:
    """Let another pod live under a name, or none."""
    old = pods.pop(name, None)
    if new is not None:
        pods[name] = new
    kept.note(name, old)


@given(steps, st.sampled_from([1, 3, module._NOTES]))
def test_no_event_changes_a_snapshot_and_every_tally_is_what_its_pods_come_to(steps: list[object], notes: int) -> None:
    with patch.object(module, "_NOTES", notes):
        _no_event_changes_a_snapshot(steps)


def _no_event_changes_a_snapshot(steps: list[object]) -> None:
    pods = dict[str, Entry]()
    kept = Tallies(pods)
    taken: list[tuple[TallySnapshot, dict[str, Entry]]] = []
    for step in steps:
        if step == "look":
            taken.append((kept.snapshot(), pods.copy()))
            _extents_are_right(*taken[-1])
        elif step == "born":
            kept.born(BIRTH)
        else:
            assert isinstance(step, tuple)
            put(kept, pods, *step)
    for snapshot, then in [*taken, (kept.snapshot(), pods)]:
        assert list(tally_drifts(snapshot, then)) == []
        _extents_are_right(snapshot, then)


def _extents_are_right(snapshot: TallySnapshot, pods: dict[str, Entry]) -> None:
    for where, namespace in snapshot.namespaces.items():
        amounts = [pod.footprint for name, pod in pods.items() if name.startswith(f"{where}/")]
        assert namespace.pods() == len(amounts)
        assert namespace.extent() == tuple(tuple(map(way, *amounts, amounts[0])) for way in (min, max))


def test_a_large_workload_is_kept_in_parts_of_which_an_event_copies_one() -> None:
    pods, many = dict[str, Entry](), 3 * module._LARGE
    kept = Tallies(pods)
    for number in range(many):
        put(kept, pods, f"a/p{number}", Entry("u", SIZES[1], f"n{number % 7}", (), TRAITS[1]))
    before, then = kept.snapshot(), pods.copy()
    put(kept, pods, "a/p0", None)
    after = kept.snapshot()
    was, is_now = (each.namespaces["a"].workloads["Deployment", "web"] for each in (before, after))
    assert (len(was), len(is_now)) == (many, many - 1)
    assert sum(one is not other for one, other in zip(was.parts, is_now.parts, strict=True)) == 1
    assert max(map(len, was.parts)) < many / 8
    assert (was.get("a/p0"), is_now.get("a/p0")) == (then["a/p0"], None)
    assert list(tally_drifts(before, then)) == []
    assert list(tally_drifts(after, pods)) == []


def test_what_does_not_change_is_the_same_object_in_the_next_snapshot() -> None:
    pods = dict[str, Entry]()
    kept = Tallies(pods)
    put(kept, pods, "a/p", Entry("u", SIZES[1], "n1"))
    put(kept, pods, "b/p", Entry("u", SIZES[1], "n2"))
    before = kept.snapshot()
    put(kept, pods, "a/p", Entry("u", SIZES[2], "n1"))
    after = kept.snapshot()
    assert after.nodes["n1"] is not before.nodes["n1"]
    assert after.nodes["n2"] is before.nodes["n2"]
    assert after.namespaces["a"] is not before.namespaces["a"]
    assert after.namespaces["b"] is before.namespaces["b"]


def test_a_node_or_namespace_without_pods_is_forgotten() -> None:
    pods = dict[str, Entry]()
    kept = Tallies(pods)
    put(kept, pods, "a/p", Entry("u", SIZES[1], "n1"))
    assert kept.pods_on(["n1", "n2"]) == 1
    put(kept, pods, "a/p", None)
    assert kept.pods_on(["n1", "n2"]) == 0
    assert kept.snapshot() == TallySnapshot({}, {}, {}, "")


def test_a_large_workload_that_has_lost_its_last_pod_is_forgotten() -> None:
    pods, many = dict[str, Entry](), 2 * module._LARGE
    kept = Tallies(pods)
    for number in range(many):
        put(kept, pods, f"a/p{number}", Entry("u", SIZES[1], "n1"))
    for number in range(many - 1):
        put(kept, pods, f"a/p{number}", None)
    (left,) = kept.snapshot().nodes.values()
    assert (bool(left), len(left)) == (True, 1)
    put(kept, pods, f"a/p{many - 1}", None)
    assert kept.snapshot() == TallySnapshot({}, {}, {}, "")


def test_a_pod_that_comes_and_goes_before_anybody_looks_costs_no_copy() -> None:
    pods = dict[str, Entry]()
    kept = Tallies(pods)
    put(kept, pods, "a/p", Entry("u", SIZES[1], "n1"))
    before = kept.snapshot()
    put(kept, pods, "a/q", Entry("u", SIZES[1], "n1"))
    put(kept, pods, "a/q", None)
    assert kept.snapshot().nodes["n1"] is before.nodes["n1"]


def test_notes_are_taken_in_before_there_are_too_many_the_oldest_first() -> None:
    pods = dict[str, Entry]()
    kept = Tallies(pods)
    for number in range(3 * module._NOTES):
        put(kept, pods, f"a/p{number}", Entry("u", SIZES[1], "n1"))
        assert len(kept._noted) < module._NOTES
    assert list(kept._noted) == [f"a/p{number}" for number in range(number + 1 - len(kept._noted), number + 1)]


def test_notes_are_taken_in_a_few_at_a_time_until_none_is_left() -> None:
    pods = dict[str, Entry]()
    kept = Tallies(pods)
    for number in range(module.AT_ONCE + 3):
        put(kept, pods, f"a/p{number}", Entry("u", SIZES[1], "n1"))
    assert kept.take_in()
    assert len(kept._noted) == 3
    assert not kept.take_in()
    assert list(tally_drifts(kept.snapshot(), pods)) == []


@given(steps, st.sampled_from([1, 3, module._NOTES]), st.sets(st.sampled_from(["", "n1", "n2", "n3"])))
def test_pods_on_nodes_are_counted_whether_they_are_taken_in_or_not(
    steps: list[object], notes: int, nodes: set[str]
) -> None:
    pods = dict[str, Entry]()
    kept = Tallies(pods)
    with patch.object(module, "_NOTES", notes):
        for step in steps:
            if isinstance(step, tuple):
                put(kept, pods, *step)
            assert kept.pods_on(nodes) == sum(pod.node in nodes for pod in pods.values())


def test_a_total_adds_up_groups_and_pods() -> None:
    pods = dict[str, Entry]()
    kept = Tallies(pods)
    for number, size in enumerate(SIZES):
        put(kept, pods, f"a/p{number}", Unbound("u", size, "", (), TRAITS[number]))
    groups = kept.snapshot().namespaces["a"].workloads.values()
    total, joined, singly = Total(groups), Total(), Total()
    joined.join(total)
    for group in groups:
        for name, pod in group.items():
            assert group.get(name) is pod
            singly.take_pod(pod, "static" if pod.traits.static else None)
    for each in (total, joined, singly):
        assert (each.pods, each.unbound, each.amounts, each.figures()) == (
            3,
            3,
            Amounts(12, 5, 12, 1, 1),
            (2, 1, 1, 0, 0),
        )


def test_a_pod_that_is_bound_and_moves_is_counted_where_it_is() -> None:
    pods = dict[str, Entry]()
    kept = Tallies(pods)
    for node, unbound in (("", 1), ("n1", 0), ("n2", 0), ("", 1)):
        new = Entry("u", SIZES[1], node, (), TRAITS[1]) if node else Unbound("u", SIZES[1], "", (), TRAITS[1])
        put(kept, pods, "a/p", new)
        snapshot = kept.snapshot()
        assert list(snapshot.nodes) == [node]
        assert (
            snapshot.nodes[node].unbound == snapshot.namespaces["a"].workloads["Deployment", "web"].unbound == unbound
        )
        assert list(tally_drifts(snapshot, pods)) == []
