"""Taken names: a refusal for the sums says so if a pod of the same name lives, and whether it pays for a part."""

from msgspec.structs import replace

from tests.support.accounts import ledger, node, pod
from tests.support.deciding import Replica
from webhook.core.config.types import Mode
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.interval import Before
from webhook.core.ledger.ledger import Ledger
from webhook.core.reviews.decision import decide
from webhook.core.reviews.taken import named
from webhook.core.reviews.verdict import Decision, Reason, Sum, Verdict, refuse


def of(ledger: Ledger, asked: PodInfo, adds: int, bound: int = 0) -> Verdict:
    balance = ledger.balance("cluster")
    short = Sum("cluster", 0, adds, balance.committed[0], 0, bound, balance.scope_limits.room, 0, None)
    return named(ledger, asked, refuse((short,), Mode.ENFORCE))


def test_a_name_that_lives_is_said_to_and_what_it_pays_for_is_counted_already() -> None:
    held = ledger("", node("a", 8))
    held.see(pod("web", 2, uid="lives"))
    asked = pod("web", 5)
    assert of(held, asked, asked.footprint[0]).detail == "a pod of that name exists"
    assert (
        of(held, asked, asked.footprint[0] - 1).detail
        == "a pod of that name exists, and what it has is counted already"
    )


def test_a_name_that_nobody_has_and_a_change_of_a_pod_are_not() -> None:
    held = ledger("", node("a", 8))
    held.see(pod("web", 2, uid="lives"))
    assert not of(held, pod("other", 5), 1).detail
    grown = replace(pod("web", 5, uid="lives"), before=Before(7, pod("web", 2).footprint))
    assert not of(held, grown, 1).detail


def test_a_verdict_that_breaks_no_sum_stays_as_it_is() -> None:
    held = ledger("", node("a", 8))
    held.see(pod("web", 2, uid="lives"))
    fits = Verdict(Decision.ALLOW, Reason.FITS)
    assert named(held, pod("web", 5), fits) is fits
    assert not of(held, pod("web", 5), 1, bound=8 << 30).detail


def test_a_refusal_under_a_name_that_lives_says_what_of_it_is_counted_already() -> None:
    replica = Replica()
    replica.ledger.see(pod("web-7", 0.25, uid="lives"))
    assert replica.decide("17Gi").verdict.detail == "a pod of that name exists, and what it has is counted already"
    assert not replica.decide("17Gi", name="other").verdict.detail
    assert not decide(replica.ledger, replica.allotment, replica.resize("18Gi"), 1.0).verdict.detail
    replica.ledger.see(replace(pod("web-7", 0.25, uid="lives"), counts=False))
    assert replica.decide("17Gi").verdict.detail == "a pod of that name exists"
    replica.ledger.see(replace(pod("web-7", 0.25, uid="lives"), deleting=True))
    assert not replica.decide("17Gi").verdict.detail
