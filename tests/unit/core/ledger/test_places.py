"""Places: what is kept of the nodes answers as a look at every one of them would, after any changes in any order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.accounts import GI, footprint, node
from webhook.core.ledger import places, remembered
from webhook.core.ledger.nodes import Allocatable, NodeInfo
from webhook.core.ledger.places import Lacking, Places, front_of, lacking_on
from webhook.core.pods.confinement import NAME, Need, Way, Ways
from webhook.core.values.amounts import Amounts

NAMES = ["n1", "n2", "n3", "n4"]
sizes = st.integers(0, 6)
pairs = st.tuples(st.sampled_from(["zone", "disk"]), st.sampled_from(["a", "b"]))
labels = st.lists(pairs, max_size=2, unique_by=lambda pair: pair[0]).map(lambda drawn: tuple(sorted(drawn)))
nodes = st.builds(NodeInfo, st.sampled_from(NAMES), st.builds(Allocatable, sizes, sizes), st.just(True), labels=labels)
required = st.sampled_from(
    [
        Need("zone", "In", ("a", "b")),
        Need("zone", "NotIn", ("a",)),
        Need("disk", "Exists"),
        Need("disk", "DoesNotExist"),
        Need(NAME, "NotIn", ("n1",)),
        Need(NAME, "In"),
    ]
)
ways = st.lists(
    st.builds(
        Way,
        labels,
        st.just(()) | st.sampled_from([("n1",), ("n4",), ("n2", "n3"), ("nosuch",)]),
        st.lists(required, max_size=2, unique=True).map(tuple),
    ),
    max_size=3,
    unique=True,
).map(tuple)
needs = st.builds(lambda memory, cpu: Amounts(memory_requests=memory, cpu_requests=cpu), sizes, sizes)
LARGE_AND_SMALL = [Amounts(memory_requests=5, cpu_requests=2), Amounts(memory_requests=1, cpu_requests=3)]
steps = st.lists(st.tuples(nodes, st.booleans(), ways, needs), max_size=25)


def met(need: Need, info: NodeInfo) -> bool:
    value = dict(info.labels).get(need.key) if need.key else info.name
    if need.operator in ("In", "NotIn"):
        return (value in need.values) == (need.operator == "In")
    return (value is not None) == (need.operator == "Exists")


def by_looking(known: dict[str, NodeInfo], counted: set[str], confined_to: Ways, need: Amounts) -> bool:
    if not counted or (need.memory_requests, need.cpu_requests) == (0, 0):
        return True
    for each in known.values():
        room = each.room
        if need.memory_requests > room.memory or need.cpu_requests > room.cpu:
            continue
        for way in confined_to or (Way(),):
            reached = each.name in way.nodes if way.nodes else each.name in counted
            if reached and set(way.labels) <= set(each.labels) and all(met(need, each) for need in way.needs):
                return True
    return False


@given(steps=steps)
def test_it_says_what_a_look_at_every_node_says(steps: list[tuple[NodeInfo, bool, Ways, Amounts]]) -> None:
    known: dict[str, NodeInfo] = {}
    counted: set[str] = set()
    asked = Places(known.get)
    for info, counts, confined_to, need in steps:
        known[info.name] = info
        counted = counted | {info.name} if counts else counted - {info.name}
        asked.put(info.name, info if counts else None)
        assert asked.hold(confined_to, need) == by_looking(known, counted, confined_to, need)
        assert (asked.lacking(confined_to, need) is None) == asked.hold(confined_to, need)
        for each in LARGE_AND_SMALL:  # what was answered before holds until a node changes, and no longer
            assert (asked.lacking((), each) is None) == by_looking(known, counted, (), each)


@given(rooms=st.lists(st.builds(Allocatable, sizes, sizes), max_size=8), need=needs)
def test_a_front_holds_what_any_of_its_rooms_holds(rooms: list[Allocatable], need: Amounts) -> None:
    front = front_of(rooms)
    assert (lacking_on(front, need) is None) == (lacking_on(tuple(rooms), need) is None)
    assert not any(a != b and a.memory <= b.memory and a.cpu <= b.cpu for a in front for b in front)


def asked_of(*info: NodeInfo) -> Places:
    known = {each.name: each for each in info}
    asked = Places(known.get)
    for each in info:
        asked.put(each.name, each)
    return asked


def test_both_resources_must_be_there_on_one_node() -> None:
    asked = asked_of(node("large", 16, cpu=1000), node("fast", 4, cpu=8000))
    assert asked.hold((), footprint(16, cpu=1000))
    assert asked.hold((), footprint(4, cpu=8000))
    assert asked.lacking((), footprint(8, cpu=2000)) == Lacking(Allocatable(8 * GI, 2000), Allocatable(16 * GI, 8000))


def test_the_largest_is_of_the_nodes_that_the_pod_may_go_to() -> None:
    asked = asked_of(node("a", 64), node("b", 8, pool="small"))
    small = (Way((("pool", "small"),)),)
    assert asked.lacking(small, footprint(9)) == Lacking(Allocatable(9 * GI, 0), Allocatable(8 * GI, 4000))
    assert asked.lacking((Way((("pool", "none"),)),), footprint(1)) == Lacking(Allocatable(GI, 0), Allocatable())
    assert asked.lacking(small, footprint(8)) is None


def test_what_is_kept_is_bounded_whatever_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "_REMEMBERED", 8)
    monkeypatch.setattr(remembered, "MOST", 8000)
    asked = asked_of(node("a", 8), *(node(f"n{number}", 1, pool=f"p{number}") for number in range(40)))
    for number in range(30):
        asked.hold((Way((("pool", f"p{number}"),)),), footprint(1 + number))
        assert (asked.lacking((), footprint(number)) is None) == (number <= 8)
    assert len(asked._admitting) <= 8
    assert len(asked._fitting) <= 8
    assert len(asked._lacking) <= 8


def test_a_pod_with_very_many_ways_or_values_is_judged_like_any_other() -> None:
    asked = asked_of(node("a", 8), node("b", 1, pool="small"))
    ways = tuple(Way((("pool", "small"), ("n", str(number)))) for number in range(200))
    values = (Way(needs=(Need("pool", "In", ("small", *(f"p{number}" for number in range(900)))),)),)
    assert not asked.hold(ways, footprint(1))
    assert (asked.hold(values, footprint(1)), asked.hold(values, footprint(2))) == (True, False)
