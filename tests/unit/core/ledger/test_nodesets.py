"""Node sets: which nodes admit a confinement, as a look at every node would say, after any changes in any order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook.core.ledger.nodesets import NodeSets
from webhook.core.pods.confinement import NAME, Labels, Need, Way, Ways, admits

NAMES = ["n1", "n2", "n3", "n4"]
VALUES = ["a", "b", "1", "2", "-3", "x1"]
keys = st.sampled_from(["zone", "disk", "size"])
labels = st.dictionaries(keys, st.sampled_from(VALUES), max_size=3).map(lambda drawn: tuple(sorted(drawn.items())))
values = st.lists(st.sampled_from(VALUES), min_size=1, max_size=3, unique=True).map(tuple)
needs = st.one_of(
    st.builds(Need, keys, st.sampled_from(["In", "NotIn"]), values),
    st.builds(Need, keys, st.sampled_from(["Exists", "DoesNotExist"])),
    st.builds(Need, keys, st.sampled_from(["Gt", "Lt"]), st.sampled_from(VALUES).map(lambda value: (value,))),
    st.builds(Need, st.just(NAME), st.sampled_from(["In", "NotIn"]), st.sampled_from([("n1",), ("n2", "nosuch")])),
)
ways = st.lists(
    st.builds(
        Way,
        labels,
        st.just(()) | st.sampled_from([("n1",), ("n2", "n3"), ("nosuch",)]),
        st.lists(needs, max_size=2, unique=True).map(tuple),
    ),
    max_size=2,
    unique=True,
).map(tuple)
changes = st.lists(st.tuples(st.sampled_from(NAMES), st.none() | labels, ways), max_size=8)


def names_of(sets: NodeSets, nodes: int) -> set[str]:
    return {name for name in NAMES if sets.bit(name) & nodes}


@given(changes)
def test_it_admits_what_a_look_at_every_node_admits(changes: list[tuple[str, Labels | None, Ways]]) -> None:
    sets, known = NodeSets(), dict[str, Labels]()
    for name, new, confined_to in changes:
        if new is None:
            sets.drop(name)
            known.pop(name, None)
        else:
            sets.put(name, new)
            known[name] = new
        assert names_of(sets, sets.all) == set(known)
        expected = {each for each in known if not confined_to or admits(confined_to, each, dict(known[each]))}
        assert names_of(sets, sets.admitting(confined_to)) == expected


def test_a_node_that_nobody_knows_is_the_empty_set() -> None:
    sets = NodeSets()
    assert (sets.bit("a"), sets.drop("a"), sets.all) == (0, 0, 0)
    assert sets.admitting((Way(nodes=("a",)),)) == 0


def test_a_pod_that_is_confined_to_nothing_may_run_on_every_node() -> None:
    sets = NodeSets()
    sets.put("a", ())
    sets.put("b", (("zone", "x"),))
    assert sets.admitting(()) == sets.all == sets.bit("a") | sets.bit("b")


def test_any_of_a_set_is_one_of_its_nodes() -> None:
    sets = NodeSets()
    for name in NAMES:
        sets.put(name, ())
    assert sets.any_of(sets.bit("n3")) == "n3"
    assert sets.any_of(sets.bit("n2") | sets.bit("n4")) in {"n2", "n4"}


def test_the_bit_of_a_node_that_was_dropped_is_used_again_and_means_the_new_one_only() -> None:
    sets = NodeSets()
    old = sets.put("old", (("zone", "x"),))
    assert sets.drop("old") == old
    assert sets.put("new", (("zone", "y"),)) == old
    assert sets.any_of(old) == "new"
    assert sets.bit("old") == 0
    assert sets.admitting((Way((("zone", "x"),)),)) == 0


def test_labels_that_are_put_again_unchanged_change_nothing() -> None:
    sets = NodeSets()
    bit = sets.put("a", (("zone", "x"),))
    assert sets.put("a", (("zone", "x"),)) == bit
    assert sets.put("a", (("zone", "y"),)) == bit
    assert [sets.admitting((Way((("zone", value),)),)) for value in "xy"] == [0, bit]


@pytest.mark.parametrize(
    ("need", "admitted"),
    [
        (Need("size", "Gt", ("1",)), {"n2"}),
        (Need("size", "Lt", ("2",)), {"n1"}),
        (Need("size", "Lt", ("x",)), set()),
        (Need("none", "Gt", ("0",)), set()),
    ],
)
def test_only_numbers_are_compared_as_numbers(need: Need, admitted: set[str]) -> None:
    sets = NodeSets()
    for name, value in zip(NAMES, ("1", "2", "large", "1.5"), strict=True):
        sets.put(name, (("size", value),))
    for _ in range(2):
        assert names_of(sets, sets.admitting((Way(needs=(need,)),))) == admitted
    sets.put("n3", (("size", "9"),))
    assert ("n3" in names_of(sets, sets.admitting((Way(needs=(need,)),)))) is (need.operator == "Gt" and bool(admitted))


def test_nothing_is_kept_of_labels_that_no_node_has() -> None:
    sets = NodeSets()
    for number in range(50):
        sets.put(f"n{number}", ((f"key-{number}", "v"), ("size", str(number))))
    sets.admitting((Way(needs=(Need("size", "Gt", ("3",)), Need("nobody", "Gt", ("3",)))),))
    for number in range(50):
        sets.drop(f"n{number}")
    assert not any((sets.all, sets._values, sets._keys, sets._numeric, sets._labels, sets._numbers))
