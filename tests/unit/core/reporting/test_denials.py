"""Recent denials: those that are alike share a row, and neither number nor age grows without end."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.support.refusing import at, row
from webhook.core.reporting.denials import AGE, Denials, merged


def test_decisions_alike_share_a_row_that_counts_them_and_shows_the_newest() -> None:
    denials = Denials()
    for second in range(5):
        denials.add(row(f"web-1-{second}", second), second)
    (shown,) = denials.rows()
    assert (shown.name, shown.count, shown.since, shown.ts) == ("web-1-4", 5, at(0), at(4))


def test_another_user_reason_or_owner_has_a_row_of_its_own_newest_first() -> None:
    denials = Denials()
    rows = [row(), row(user="me"), row(reason="AwaitingEarlierPods"), row(owner_name="web-2"), row(dry_run=True)]
    for second, each in enumerate(rows):
        denials.add(merged([each])[0], second)
    assert len(denials.rows()) == len(rows)
    times = [each.ts for each in denials.rows()]
    assert times == sorted(times, reverse=True)


def test_objects_without_a_controller_are_told_apart_by_their_names() -> None:
    bare: dict[str, Any] = {"owner_kind": None, "owner_name": None}
    denials = Denials()
    denials.add(row("one", **bare), 0)
    denials.add(row("two", **bare), 0)
    assert {each.name for each in denials.rows()} == {"one", "two"}


def test_a_flood_in_one_namespace_does_not_push_out_another() -> None:
    denials = Denials(most=10)
    denials.add(row(namespace="quiet"), 0)
    for number in range(100):
        denials.add(row(namespace="loud", owner_name=f"web-{number}"), 1 + number)
    shown = denials.rows()
    assert 10 <= len(shown) <= 12
    assert "quiet" in {each.namespace for each in shown}


def test_a_row_leaves_an_hour_after_its_newest_decision() -> None:
    denials = Denials()
    denials.add(row(), 0)
    denials.add(row(), AGE - 1)
    assert not denials.expire(AGE)
    assert denials.expire(2 * AGE)
    assert denials.rows() == ()


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["x", "y"]), st.integers(0, 9))))
def test_it_does_not_matter_which_replica_took_what_in(told: list[tuple[str, str, int]]) -> None:
    """All in one replica, or spread over two: together they show the same rows with the same counts."""
    one, other, whole = Denials(), Denials(), Denials()
    for number, (namespace, name, second) in enumerate(told):
        each = row(seconds=second, namespace=namespace, owner_name=name)
        whole.add(each, number)
        (one if number % 2 else other).add(each, number)
    together = merged([*one.rows(), *other.rows()])
    assert [(r.namespace, r.owner_name, r.count, r.since, r.ts) for r in together] == [
        (r.namespace, r.owner_name, r.count, r.since, r.ts) for r in whole.rows()
    ]
    assert sum(each.count for each in together) == len(told)
