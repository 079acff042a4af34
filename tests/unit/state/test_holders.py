"""Holders: which namespace holds most room is logged at most every half minute, and whose pods never came each time."""

import pytest

from tests.support.accounts import GI, footprint, ledger, node, pod
from tests.support.replica import Clock
from webhook.core.ledger.history import Standing
from webhook.core.ledger.subjects import Subjects
from webhook.core.sharing.credit import Worse
from webhook.state.holders import UnseenHolders, most_awaited


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def worse(subject: str, level: int = 1, until: float = 1060.0) -> Worse:
    return Worse(subject, Standing(level, until), "shop/web-1")


def test_whose_pods_never_came_is_logged_with_an_example_and_how_long_its_credit_is_small(
    caplog: pytest.LogCaptureFixture,
) -> None:
    UnseenHolders(Clock()).tell_worse([worse("shop/~ann", level=2), worse("shop")])
    refuse = "another admission webhook or a ResourceQuota may refuse them after Headroom"
    assert lines(caplog) == [
        (
            "pods of namespace 'shop' were let in and never came, such as 'shop/web-1' (once in a row): "
            f"it has a small credit for 60 s; {refuse}"
        ),
        (
            "pods of owner 'shop/~ann' were let in and never came, such as 'shop/web-1' (2 times in a row): "
            f"it has a small credit for 60 s; {refuse}"
        ),
    ]


def test_of_many_only_five_are_logged_and_namespaces_before_owners(caplog: pytest.LogCaptureFixture) -> None:
    owners = [worse(f"shop/~{number}") for number in range(5)]
    UnseenHolders(Clock()).tell_worse([*owners, worse("shop"), worse("other")])
    told = lines(caplog)
    assert len(told) == 5
    assert ["namespace" in line.split(" were ")[0] for line in told] == [True, True, False, False, False]


def test_nothing_is_logged_of_nobody(caplog: pytest.LogCaptureFixture) -> None:
    holders = UnseenHolders(Clock())
    holders.tell_worse([])
    holders.tell_most(None)
    assert lines(caplog) == []


def test_the_namespace_that_holds_most_is_due_once_in_thirty_seconds() -> None:
    clock = Clock()
    holders = UnseenHolders(clock)
    assert holders.is_due()
    assert not holders.is_due()
    clock.wait(29.9)
    assert not holders.is_due()
    clock.wait(0.1)
    assert holders.is_due()
    assert not holders.is_due()


def test_what_a_namespace_holds_is_logged_in_one_unit(caplog: pytest.LogCaptureFixture) -> None:
    UnseenHolders(Clock()).tell_most(("shop", footprint(1.5, limits=2)))
    assert lines(caplog) == [
        (
            "pods are refused while room is held for others that were let in and have not appeared: most of it, "
            "1.5Gi of memory requests and 2Gi of limits, for namespace 'shop'"
        )
    ]


def subjects(*granted: tuple[str, float]) -> Subjects:
    of = ledger("", node("a", 64))
    for number, (namespace, size) in enumerate(granted):
        made = pod(f"p{number}", size, uid=f"u{number}")
        of.grant(type(made)(f"{namespace}/p{number}", made.uid, 0, made.footprint), 0.0)
    return of.reservations.subjects


def test_most_is_awaited_by_the_namespace_with_the_largest_sum_of_open_reservations() -> None:
    found = most_awaited(subjects(("shop", 3), ("batch", 2), ("batch", 2)))
    assert found is not None
    assert (found[0], found[1].memory_requests) == ("batch", 4 * GI)


def test_where_nothing_is_open_no_namespace_awaits_anything() -> None:
    assert most_awaited(subjects()) is None
