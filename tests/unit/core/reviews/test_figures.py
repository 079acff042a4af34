"""Figures beside a review: they are the same before its pod is let in, once it is reserved for, and once it is seen."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from tests.support.accounts import ledger, node, pod
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.ledger import Ledger
from webhook.core.reviews.figures import figures_of

POOL = "pools: [{name: hm, nodeSelector: {pool: hm}, thresholds: {memory: {requests: 50%, limits: 90%}}}]"

pods = st.builds(
    lambda number, uid, gi, limits, pool: pod(
        f"web-{number}",
        gi,
        limits=limits,
        uid=f"uid-{number}-{uid}",
        confined_to={"pool": "hm"} if pool else None,
    ),
    st.integers(0, 2),
    st.integers(0, 2),
    st.integers(0, 8),
    st.none() | st.integers(0, 8),
    st.booleans(),
)


def ledger_of(granted: list[PodInfo], seen: list[PodInfo]) -> Ledger:
    made = ledger(POOL, node("one", 16), node("two", 16, pool="hm"))
    for revision, each in enumerate(seen, 10):
        made.see(structs.replace(each, revision=revision))
    for each in granted:
        made.grant(each, 0.0)
    return made


@given(st.lists(pods, max_size=4), st.lists(pods, max_size=4), pods)
def test_a_grant_changes_nothing_of_the_figures_of_its_own_review(
    granted: list[PodInfo], seen: list[PodInfo], asked: PodInfo
) -> None:
    asked = structs.replace(asked, uid="asked")
    of = ledger_of(granted, seen)
    before = figures_of(of, asked)
    of.grant(asked, 1.0)
    assert figures_of(of, asked) == before


@given(st.lists(pods, max_size=4), pods)
def test_a_pod_that_is_seen_is_not_in_its_own_figures(others: list[PodInfo], asked: PodInfo) -> None:
    asked = structs.replace(asked, name="default/alone", uid="asked")
    of = ledger_of(others, [])
    before = figures_of(of, asked)
    of.grant(asked, 1.0)
    of.see(structs.replace(asked, revision=99))
    assert figures_of(of, asked) == before


@given(st.lists(pods, max_size=4), st.lists(pods, max_size=4), pods)
def test_what_is_short_is_what_is_missing(granted: list[PodInfo], seen: list[PodInfo], asked: PodInfo) -> None:
    for each in figures_of(ledger_of(granted, seen), asked):
        for index, bound in enumerate(each.scope_limits.bound):
            missing = each.short_by(index)
            if bound is None:
                assert missing is None
            else:
                over = each.committed[index] + each.asked[index] - bound
                assert missing == (max(0, over) if each.asked[index] else 0)
                assert (index in each.short()) == bool(missing)
