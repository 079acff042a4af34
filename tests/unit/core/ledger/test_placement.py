"""Placement: the pool that a confinement leads to, and which confinements a change of a node concerns."""

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from webhook.core.ledger.placement import Change, Placement
from webhook.core.pods.confinement import Labels, Need, Way, Ways, admits

GPU, ZONE_A, ZONE_B = (("gpu", "yes"),), (("zone", "a"),), (("zone", "b"),)


def pool_of_labels(labels: Mapping[str, str]) -> str | None:
    return "gpu" if labels.get("gpu") == "yes" else None


def placement() -> Placement:
    return Placement(pool_of_labels)


def to(labels: Labels = (), *nodes: str) -> Ways:
    return (Way(labels, nodes),)


def test_the_pool_is_the_one_that_all_nodes_are_in_where_the_pod_may_run() -> None:
    of = placement()
    of.put("a", ZONE_A, "gpu", exists=True)
    of.put("b", ZONE_A, "gpu", exists=True)
    of.put("c", ZONE_B, None, exists=True)
    assert of.pool_of(to(ZONE_A)) == "gpu"
    assert of.pool_of(to(ZONE_B)) is None
    assert of.pool_of(()) is None


def test_one_node_outside_of_the_pool_is_enough_to_leave_it_and_to_come_back() -> None:
    of = placement()
    of.put("a", ZONE_A, "gpu", exists=True)
    assert of.pool_of(to(ZONE_A)) == "gpu"
    of.put("c", ZONE_A, None, exists=True)
    assert of.pool_of(to(ZONE_A)) is None
    of.drop("c")
    assert of.pool_of(to(ZONE_A)) == "gpu"


def test_nodes_that_are_remembered_tell_only_while_no_other_admits_the_pod() -> None:
    of = placement()
    of.put("gone", ZONE_A, "gpu", exists=False)
    assert of.pool_of(to(ZONE_A)) == "gpu"
    of.put("here", ZONE_A, None, exists=True)
    assert of.pool_of(to(ZONE_A)) is None
    of.put("here", ZONE_A, None, exists=False)
    assert of.pool_of(to(ZONE_A)) is None, "both are remembered, and one is in no pool"


def test_where_no_node_is_known_the_labels_or_the_named_node_tell() -> None:
    of = placement()
    assert of.pool_of(to(GPU)) == "gpu"
    assert of.pool_of(to(ZONE_A)) is None
    assert of.pool_of(to((), "a")) is None
    of.put("a", ZONE_A, "gpu", exists=True)
    assert of.pool_of(to((), "a")) == "gpu"


def test_what_was_found_holds_until_a_node_or_the_pools_change() -> None:
    of = placement()
    assert of.pool_of(to(GPU)) == "gpu"
    of._of_labels = lambda _: "other"
    assert of.pool_of(to(GPU)) == "gpu"
    of.forget()
    assert of.pool_of(to(GPU)) == "other"


def test_a_change_is_told_once_with_the_labels_before_and_after() -> None:
    of = placement()
    assert of.put("a", ZONE_A, None, exists=True) == Change("a", None, ZONE_A)
    assert of.put("a", ZONE_A, None, exists=True) is None
    assert of.put("a", ZONE_A, "gpu", exists=True) == Change("a", ZONE_A, ZONE_A)
    assert of.put("a", ZONE_B, "gpu", exists=False) == Change("a", ZONE_A, ZONE_B)
    assert of.drop("a") == Change("a", ZONE_B, None)
    assert of.drop("a") is None


def test_clear_forgets_every_node() -> None:
    of = placement()
    of.put("a", ZONE_A, "gpu", exists=True)
    assert of.pool_of(to(ZONE_A)) == "gpu"
    of.clear()
    assert of.pool_of(to(ZONE_A)) is None
    assert of.drop("a") is None


def test_a_change_concerns_the_pods_that_may_go_to_the_node_as_it_is_or_was_or_name_it() -> None:
    here, there, named, other = to(ZONE_A), to(ZONE_B), to(GPU, "n"), to(GPU, "m")
    apart = (Way(needs=(Need("zone", "NotIn", ("a", "b")),)),)
    asked = [here, there, named, other, apart, ()]
    assert Change("n", ZONE_A, ZONE_B).concerned(asked) == [here, there, named, ()]
    assert Change("n", None, ZONE_A).concerned(asked) == [here, named, ()]
    assert Change("n", ZONE_B, None).concerned(asked) == [there, named, ()]


labels = st.sampled_from([GPU, ZONE_A, ZONE_B, (*GPU, *ZONE_A), ()])
confinements = st.sampled_from([(), to(GPU), to(ZONE_A), to(ZONE_B), to((), "n1"), (Way(GPU), Way(ZONE_B))])
events = st.lists(
    st.tuples(st.sampled_from(["n1", "n2", "n3"]), st.none() | labels, st.sampled_from(["gpu", None]), st.booleans()),
    max_size=6,
)


@given(events, confinements)
def test_a_pod_is_in_another_pool_only_after_a_change_that_concerns_it(
    events: list[tuple[str, Labels | None, str | None, bool]], confined_to: Ways
) -> None:
    of, known = placement(), dict[str, tuple[Labels, str | None, bool]]()
    for name, new, pool, exists in events:
        before = of.pool_of(confined_to)
        if new is None:
            known.pop(name, None)
            change = of.drop(name)
        else:
            known[name] = (new, pool, exists)
            change = of.put(name, new, pool, exists=exists)
        after = of.pool_of(confined_to)
        if confined_to and after != before:
            assert change is not None
            assert change.concerned([confined_to]) == [confined_to]
        admitting = {n: each for n, each in known.items() if not confined_to or admits(confined_to, n, dict(each[0]))}
        there = {n: each for n, each in admitting.items() if each[2]} or admitting
        pools = {each[1] for each in there.values()}
        if len(pools) == 1 and None not in pools:
            assert after == next(iter(pools))
