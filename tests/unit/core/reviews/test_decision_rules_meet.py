"""Where two rules meet: which of them is told, and with which figures. Each rule alone has its tests elsewhere."""

import re
from typing import Any

import pytest
from msgspec.structs import replace

from tests.support.accounts import GI, node, pod
from tests.support.deciding import THREE, Replica, said
from tests.support.sample_reviews import memory as resources
from webhook.core.config.types import Mode
from webhook.core.ledger.nodes import Allocatable
from webhook.core.ledger.places import Lacking
from webhook.core.reviews.decision import Outcome, refuse_beside_others
from webhook.core.reviews.messages import refusal, shortage, warnings
from webhook.core.reviews.verdict import Decision, Reason, judge
from webhook.core.sharing.shared_state import Holding, Shared
from webhook.core.values.amounts import Amounts
from webhook.core.values.quantity import NANO, nanos
from webhook.core.values.scopes import CLUSTER

WEB = "pod default/web-7"
NEAR = "warnAt: 50%"
AMOUNT = re.compile(r"(?<![\w./-])([0-9]+(?:\.[0-9]+)?(?:[KMGT]i)?)(?: bytes?)?(?![\w%]|\.[0-9])")


def amounts(sentence: str) -> list[int]:
    """Read every amount of memory out of a sentence, in bytes."""
    return [nanos(text) // NANO for text in AMOUNT.findall(sentence)]


def without_limit(replica: Replica, memory: str, **pod: Any) -> Outcome:
    """Decide about a pod whose one container has a request and no limit."""
    return replica.decide(spec={"containers": [{"name": "app", "resources": resources(memory)}]}, **pod)


# -- what a pod leaves unsaid, near a bound ----------------------------------------------------------------------------


def test_a_pod_without_a_limit_is_refused_for_that_though_the_bound_is_near() -> None:
    replica = Replica(f"missingLimits: deny\n{NEAR}")
    assert said(without_limit(replica, "12Gi")) == (Decision.DENY, Reason.MISSING_LIMITS, True)
    assert replica.reserved == 0
    assert said(without_limit(replica, "1Gi")) == (Decision.DENY, Reason.MISSING_LIMITS, True)


@pytest.mark.parametrize(
    ("settings", "decision", "told"),
    [
        ("missingLimits: warn", Decision.WARN, 2),
        ("mode: warn\nmissingLimits: warn", Decision.WARN, 2),
        ("mode: warn\nmissingLimits: deny", Decision.WARN, 2),
        ("mode: audit\nmissingLimits: deny", Decision.AUDIT, 0),
        ("mode: audit\nmissingLimits: warn", Decision.ALLOW, 0),
    ],
)
def test_what_is_left_unsaid_goes_before_a_bound_that_is_near_and_both_are_told(
    settings: str, decision: Decision, told: int
) -> None:
    verdict = without_limit(Replica(f"{settings}\n{NEAR}"), "12Gi").verdict
    assert (verdict.decision, verdict.reason) == (decision, Reason.MISSING_LIMITS)
    lines = warnings(verdict, WEB)
    assert len(lines) == told
    if told:
        assert "memory limit" in lines[0]
        assert {12 * GI, 16 * GI} <= set(amounts(lines[1]))


def test_a_request_that_is_missing_goes_before_a_bound_that_is_near() -> None:
    limits = f"mode: warn\nmissingRequests: deny\n{NEAR}\nthresholds: {{cpu: {{requests: 100%}}}}"
    spec = {"containers": [{"name": "app", "resources": {"requests": {"cpu": "3"}}}]}
    verdict = Replica(limits).decide(spec=spec).verdict
    assert (verdict.decision, verdict.reason) == (Decision.WARN, Reason.MISSING_REQUESTS)
    assert len(warnings(verdict, WEB)) == 2


@pytest.mark.parametrize(
    ("settings", "decision", "reason"),
    [
        ("missingLimits: warn", Decision.WARN, Reason.MISSING_LIMITS),
        ("mode: warn\nmissingLimits: deny", Decision.WARN, Reason.MISSING_LIMITS),
        ("mode: warn\nmissingLimits: warn\nunplaceable: deny", Decision.WARN, Reason.UNPLACEABLE),
        ("mode: audit\nmissingLimits: deny", Decision.AUDIT, Reason.MISSING_LIMITS),
        ("mode: audit\nmissingLimits: warn\nunplaceable: deny", Decision.AUDIT, Reason.UNPLACEABLE),
        ("missingLimits: warn\nunplaceable: deny", Decision.DENY, Reason.UNPLACEABLE),
        ("missingLimits: deny\nunplaceable: deny", Decision.DENY, Reason.MISSING_LIMITS),
    ],
)
def test_what_enforcing_would_refuse_goes_before_what_it_would_warn_of(
    settings: str, decision: Decision, reason: Reason
) -> None:
    verdict = without_limit(Replica(settings, *THREE), "7Gi").verdict
    assert (verdict.decision, verdict.reason) == (decision, reason)
    if decision is Decision.WARN and reason is Reason.MISSING_LIMITS:
        (unsaid, lacking) = warnings(verdict, WEB)
        assert "memory limit" in unsaid
        assert amounts(lacking) == [7 * GI, 6 * GI]


def test_a_pod_that_no_node_can_hold_and_takes_a_sum_far_is_told_all_three() -> None:
    verdict = without_limit(Replica(f"missingLimits: warn\n{NEAR}", *THREE), "12Gi").verdict
    assert (verdict.reason, verdict.lacking is not None, len(verdict.sums)) == (Reason.MISSING_LIMITS, True, 1)
    assert len(warnings(verdict, WEB)) == 3


def test_a_pod_that_is_past_a_bound_is_told_that_first_in_whatever_mode() -> None:
    for settings, decision in (("mode: warn", Decision.WARN), ("mode: audit", Decision.AUDIT)):
        verdict = without_limit(Replica(f"{settings}\nmissingLimits: deny"), "17Gi").verdict
        assert (verdict.decision, verdict.reason) == (decision, Reason.MEMORY)


# -- audit says nothing to users ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("more", ["", "missingLimits: warn", "unplaceable: warn", "missingRequests: warn"])
@pytest.mark.parametrize("asked", ["12Gi", "17Gi"])
def test_in_mode_audit_nobody_is_warned(more: str, asked: str) -> None:
    replica = Replica(f"mode: audit\n{NEAR}\n{more}")
    for outcome in (without_limit(replica, asked), replica.decide(asked, uid="2", name="2"), replica.decide(None)):
        assert outcome.verdict.allowed
        assert outcome.verdict.decision is not Decision.WARN
        assert warnings(outcome.verdict, WEB) == ()


def test_in_mode_audit_a_bound_that_is_near_is_nothing_to_tell() -> None:
    replica = Replica(f"mode: audit\n{NEAR}")
    verdict = judge(replica.ledger, pod("web", 12), Mode.AUDIT)
    assert (verdict.decision, verdict.reason, verdict.sums) == (Decision.ALLOW, Reason.FITS, ())
    assert judge(replica.ledger, pod("web", 12), Mode.WARN).reason is Reason.NEAR_BOUND


# -- figures -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["warn", "enforce"])
def test_what_is_granted_and_not_seen_is_part_of_what_a_pod_is_told(mode: str) -> None:
    replica = Replica(f"mode: {mode}\nwarnAt: 100%", node("a", 16))
    assert replica.decide("8Gi", uid="1", name="first").settled
    verdict = replica.decide("10Gi").verdict
    (s,) = verdict.sums
    figures = (s.asked, s.committed, s.granted, s.bound, s.free, s.short_by)
    assert [figure / GI for figure in figures] == [10, 0, 8, 16, 8, 2]
    if mode == "warn":
        assert {18 * GI, 16 * GI, 2 * GI} <= set(amounts(warnings(verdict, WEB)[0]))
    else:
        assert {10 * GI, 8 * GI, 16 * GI} <= set(amounts(refusal(verdict, WEB)))


def test_what_is_free_is_rounded_down() -> None:
    replica = Replica("warnAt: 100%")
    replica.ledger.see(replace(pod("lives"), footprint=Amounts(memory_requests=14 * GI + 1)))
    verdict = replica.decide("5Gi").verdict
    (s,) = verdict.sums
    assert s.free == 2 * GI - 1
    shown = [each for each in amounts(refusal(verdict, WEB)) if abs(each - s.free) < GI // 10]
    assert shown, "what would fit is told"
    assert max(shown) <= s.free


def test_what_no_node_can_hold_is_rounded_up_and_what_the_largest_has_down() -> None:
    asked, largest = amounts(shortage(Lacking(Allocatable(7 * GI + 1, 0), Allocatable(6 * GI - 1, 4000))))
    assert asked >= 7 * GI + 1
    assert largest <= 6 * GI - 1


def test_of_two_silent_replicas_the_longer_wait_is_told() -> None:
    replica = Replica()
    allotment = replica.allotment
    assert allotment.shared is not None
    holdings = {"me": replace(allotment.shared.holdings["me"], held={})}  # as this replica wrote it last
    for serial, (name, heard) in enumerate((("one", 1.0), ("two", 5.0), ("last", 5.5)), start=9):
        held = {CLUSTER: Amounts(memory_requests=5 * GI)} if name != "last" else {}
        holdings = {**holdings, name: Holding(1, held=held)}
        allotment.observe(Shared("epoch", open=True, serial=serial, holdings=holdings), serial, heard)
    now = 20.0
    silent = allotment.silent(now)
    assert silent["one"] < silent["two"]
    del holdings["last"]
    allotment.observe(Shared("epoch", open=True, serial=20, holdings=holdings), 20, now)
    verdict = refuse_beside_others(replica.ledger, allotment, replica.evaluation("9Gi"), now)
    assert verdict.decision is Decision.CANNOT_TELL
    assert re.findall(r"about (\d+) s", verdict.detail) == [f"{silent['two'] - now:.0f}"]
    late = refuse_beside_others(replica.ledger, allotment, replica.evaluation("9Gi"), silent["two"] + 5)
    assert re.findall(r"about (\d+) s", late.detail) == ["0"], "a proof alone is missing"
