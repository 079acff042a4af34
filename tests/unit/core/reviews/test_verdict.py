"""Verdicts: only growth is judged, against every bound of every scope, and a bound may be reached but not passed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.accounts import GI, HIGH_MEM, config, ledger, node, pod
from webhook.core.config.types import Answer, Mode
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.nodes import Allocatable
from webhook.core.ledger.places import Lacking
from webhook.core.reviews.messages import refusal
from webhook.core.reviews.verdict import (
    Decision,
    Reason,
    Verdict,
    cannot_tell,
    growth,
    judge,
    judge_form,
    judge_placing,
    refuse,
)
from webhook.core.values.amounts import Amounts
from webhook.core.values.scopes import CLUSTER

BOTH = "thresholds: {memory: {requests: 50%, limits: 100%}}"


def judged(of: Ledger, asked: PodInfo, mode: Mode = Mode.ENFORCE) -> Verdict:
    return judge(of, asked, mode)


def broken(verdict: Verdict) -> list[tuple[str, str, str, float]]:
    return [(s.scope, s.resource, s.kind, s.short_by / GI) for s in verdict.sums]


def test_a_pod_that_fits_is_let_in() -> None:
    assert judged(ledger("", node("a")), pod("p", 7)) == Verdict(Decision.ALLOW, Reason.FITS)


@pytest.mark.parametrize(("asked", "decision"), [(4 * GI, Decision.ALLOW), (4 * GI + 1, Decision.DENY)])
def test_the_bound_may_be_reached_exactly_and_not_passed_by_a_byte(asked: int, decision: Decision) -> None:
    of = ledger("warnAt: 100%", node("a"))
    of.see(pod("lives", 3, "a"))
    of.grant(pod("coming", 1), 0.0)
    verdict = judged(of, pod("p", asked / GI))
    assert verdict.decision is decision
    assert [s.short_by for s in verdict.sums] == ([] if decision is Decision.ALLOW else [1])


def test_each_sum_that_is_broken_is_named_and_no_other() -> None:
    of = ledger(BOTH, node("a"))
    of.see(pod("lives", 3, "a", limits=6))
    assert broken(judged(of, pod("p", 0.5, limits=3))) == [(CLUSTER, "memory", "limits", 1)]
    assert broken(judged(of, pod("p", 2, limits=2))) == [(CLUSTER, "memory", "requests", 1)]
    assert broken(judged(of, pod("p", 2, limits=4))) == [
        (CLUSTER, "memory", "requests", 1),
        (CLUSTER, "memory", "limits", 2),
    ]


def test_a_missing_limit_counts_its_request_unless_it_is_ignored() -> None:
    for missing, decision in (("count-request", Decision.DENY), ("ignore", Decision.ALLOW)):
        of = ledger(f"thresholds: {{memory: {{limits: 100%}}}}\nmissingLimits: {missing}", node("a"))
        assert judged(of, pod("p", 9)).decision is decision


def test_cpu_is_a_resource_like_memory_and_a_verdict_on_it_alone_says_so() -> None:
    of = ledger("thresholds: {memory: {requests: 100%}, cpu: {requests: 100%}}", node("a", cpu=1000))
    verdict = judged(of, pod("p", 1, cpu=1500))
    assert (verdict.reason, broken(verdict)) == (Reason.CPU, [(CLUSTER, "cpu", "requests", 500 / GI)])
    assert judged(of, pod("p", 9, cpu=1500)).reason is Reason.MEMORY


def test_what_a_sum_knows_of_itself() -> None:
    of = ledger("reserve: {nodes: 1}", node("a"), node("b"), requests="50%")
    of.see(pod("lives", 1, "a"))
    of.grant(pod("coming", 2), 0.0)
    (s,) = judged(of, pod("p", 3)).sums
    assert (s.scope, s.resource, s.kind, str(s.share)) == (CLUSTER, "memory", "requests", "50%")
    figures = (s.asked, s.committed, s.granted, s.bound, s.allocatable, s.kept, s.free, s.short_by)
    assert [figure / GI for figure in figures] == [3, 1, 2, 4, 16, 8, 1, 2]


# -- only growth -----------------------------------------------------------------------------------------------------


def test_a_pod_that_asks_for_nothing_passes_where_everything_is_over() -> None:
    of = ledger(BOTH, node("a"))
    of.see(pod("lives", 9, "a", limits=20))
    assert judged(of, pod("p")).decision is Decision.ALLOW
    assert judged(of, pod("p", 0.001)).decision is Decision.DENY


def test_only_the_sums_that_a_pod_raises_are_compared() -> None:
    of = ledger(BOTH, node("a"))
    of.see(pod("lives", 6, "a", limits=6))
    assert judged(of, pod("p", 0, limits=1)).decision is Decision.ALLOW
    assert broken(judged(of, pod("p", 1, limits=1))) == [(CLUSTER, "memory", "requests", 3)]


def test_a_name_is_judged_by_what_it_would_add_to_what_lives_there() -> None:
    of = ledger("", node("a"))
    of.see(pod("web-0", 8, "a", uid="old"))
    assert judged(of, pod("web-0", 8, uid="new")).decision is Decision.ALLOW
    assert [s.asked / GI for s in judged(of, pod("web-0", 9, uid="new")).sums] == [1]
    assert [s.asked / GI for s in judged(of, pod("web-1", 1)).sums] == [1]


@pytest.mark.parametrize("settings", ["", "reserve: {nodes: 1}", HIGH_MEM])
def test_with_all_nodes_cordoned_the_refusal_says_so_and_does_not_advise_to_ask_for_less(settings: str) -> None:
    of = ledger(settings, node("a"), node("b", pool="high-mem"))
    of.see(pod("lives", 3, "a"))
    of.see_node(node("a", cordoned=True), 1.0)
    of.see_node(node("b", cordoned=True, pool="high-mem"), 1.0)
    said = refusal(judged(of, pod("p", 1)), "pod default/p")
    assert "no node counts (2 cordoned). To ask for less does not help: a node must be uncordoned" in said
    assert "Lower" not in said


def test_a_name_on_a_lost_node_is_judged_in_full() -> None:
    of = ledger("", node("a", 4), node("b", 4))
    of.see(pod("web-0", 4, "b", uid="old"))
    of.see(pod("other", 2, "a"))
    of.see_node(node("b", 4, cordoned=True), 1.0)
    assert [s.short_by / GI for s in judged(of, pod("web-0", 4, uid="new")).sums] == [2]


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), st.integers(0, 9)), max_size=6),
    st.integers(0, 9),
    st.integers(0, 9),
)
def test_a_pod_is_refused_exactly_if_a_sum_that_it_raises_would_pass_its_bound(
    lives: list[tuple[int, int, int]], requests: int, limits: int
) -> None:
    of = ledger(BOTH, node("a", 20))
    held: dict[int, tuple[int, int]] = {}
    for number, asks, may_use in lives:
        of.see(pod(f"p{number}", asks, "a", limits=may_use))
        held[number] = (asks, max(asks, may_use))
    here = held.get(0, (0, 0))
    wanted = (requests, max(requests, limits))
    expected = False
    for index, limit in enumerate((10, 20)):
        total = sum(each[index] for each in held.values())
        grows = max(0, wanted[index] - here[index])
        expected |= grows > 0 and total + grows > limit
    verdict = judged(of, pod("p0", requests, limits=limits, uid="new"))
    assert (verdict.decision is Decision.DENY) is expected
    assert bool(verdict.sums) is (verdict.decision is not Decision.ALLOW)


# -- pools -----------------------------------------------------------------------------------------------------------


def pooled() -> Ledger:
    of = ledger(HIGH_MEM, node("s", 10), node("h", 8, pool="high-mem"))
    of.see(pod("lives", 5, "h"))
    return of


def test_a_pod_for_a_full_pool_is_refused_while_the_cluster_has_room() -> None:
    verdict = judged(pooled(), pod("p", 2, confined_to={"pool": "high-mem"}))
    assert broken(verdict) == [("high-mem", "memory", "requests", 1)]
    assert judged(pooled(), pod("p", 2)).decision is Decision.ALLOW


def test_a_pod_that_is_bound_already_is_judged_in_its_nodes_pool_whatever_it_selects() -> None:
    assert broken(judged(pooled(), pod("p", 2, "h"))) == [("high-mem", "memory", "requests", 1)]
    there = pod("p", 2, "s", confined_to={"pool": "high-mem"})
    assert judged(pooled(), there).decision is Decision.ALLOW


def test_the_bound_of_the_cluster_holds_for_a_pool_as_well() -> None:
    of = pooled()
    of.see(pod("more", 12, "s"))
    assert broken(judged(of, pod("p", 2, confined_to={"pool": "high-mem"}))) == [
        (CLUSTER, "memory", "requests", 1),
        ("high-mem", "memory", "requests", 1),
    ]


# -- near, modes, form -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("asked", "decision"), [(4, Decision.ALLOW), (4.001, Decision.WARN), (8, Decision.WARN)])
def test_past_a_part_of_the_bound_there_is_a_warning(asked: float, decision: Decision) -> None:
    of = ledger("warnAt: 50%", node("a"))
    verdict = judged(of, pod("p", asked))
    assert (verdict.decision, bool(verdict.sums)) == (decision, decision is Decision.WARN)


def test_a_pod_that_raises_nothing_gets_no_warning_that_the_bound_is_near() -> None:
    of = ledger("", node("a"))
    of.see(pod("lives", 8, "a"))
    assert judged(of, pod("p")) == Verdict(Decision.ALLOW, Reason.FITS)


@pytest.mark.parametrize(
    ("mode", "decision"),
    [(Mode.ENFORCE, Decision.DENY), (Mode.WARN, Decision.WARN), (Mode.AUDIT, Decision.AUDIT)],
)
def test_the_mode_says_what_becomes_of_a_pod_that_does_not_fit(mode: Mode, decision: Decision) -> None:
    verdict = judged(ledger("", node("a")), pod("p", 9), mode)
    assert (verdict.decision, verdict.reason, verdict.mode) == (decision, Reason.MEMORY, mode)
    assert verdict.allowed is (mode is not Mode.ENFORCE)


@pytest.mark.parametrize(
    ("limits", "requests", "unbounded", "no_request", "decision", "reason"),
    [
        ("deny", "deny", True, True, Decision.DENY, Reason.MISSING_LIMITS),
        ("deny", "deny", False, True, Decision.DENY, Reason.MISSING_REQUESTS),
        ("deny", "deny", False, False, Decision.ALLOW, Reason.FITS),
        ("warn", "deny", True, True, Decision.DENY, Reason.MISSING_REQUESTS),
        ("warn", "warn", True, True, Decision.WARN, Reason.MISSING_LIMITS),
        ("count-request", "warn", True, True, Decision.WARN, Reason.MISSING_REQUESTS),
        ("ignore", "allow", True, True, Decision.ALLOW, Reason.FITS),
    ],
)
def test_what_a_pod_leaves_unsaid_is_judged_the_gravest_first(
    limits: str, requests: str, unbounded: bool, no_request: bool, decision: Decision, reason: Reason
) -> None:
    verdict = judge_form(
        config(f"missingLimits: {limits}"), Mode.ENFORCE, Answer(requests), unbounded=unbounded, no_request=no_request
    )
    assert (verdict.decision, verdict.reason) == (decision, reason)


def test_in_a_mode_that_refuses_nobody_a_form_that_is_refused_is_let_in_as_the_mode_says() -> None:
    for mode, decision in ((Mode.WARN, Decision.WARN), (Mode.AUDIT, Decision.AUDIT)):
        verdict = judge_form(config("missingLimits: deny"), mode, Answer.ALLOW, unbounded=True, no_request=False)
        assert verdict == Verdict(decision, Reason.MISSING_LIMITS, mode)


def test_in_mode_audit_a_form_that_is_only_warned_of_is_recorded_and_nobody_is_warned() -> None:
    for limits, unbounded, reason in (
        ("warn", True, Reason.MISSING_LIMITS),
        ("ignore", False, Reason.MISSING_REQUESTS),
    ):
        of = config(f"missingLimits: {limits}")
        verdict = judge_form(of, Mode.AUDIT, Answer.WARN, unbounded=unbounded, no_request=True)
        assert verdict == Verdict(Decision.ALLOW, reason, Mode.AUDIT)


@pytest.mark.parametrize(
    ("mode", "answer", "decision"),
    [
        (Mode.ENFORCE, Answer.ALLOW, Decision.ALLOW),
        (Mode.ENFORCE, Answer.WARN, Decision.WARN),
        (Mode.ENFORCE, Answer.DENY, Decision.DENY),
        (Mode.WARN, Answer.WARN, Decision.WARN),
        (Mode.WARN, Answer.DENY, Decision.WARN),
        (Mode.AUDIT, Answer.WARN, Decision.ALLOW),
        (Mode.AUDIT, Answer.DENY, Decision.AUDIT),
    ],
)
def test_what_no_node_can_hold_is_answered_as_policy_says(mode: Mode, answer: Answer, decision: Decision) -> None:
    lacking = Lacking(Allocatable(17 * GI, 0), Allocatable(8 * GI, 4000))
    verdict = judge_placing(mode, answer, lacking)
    if decision is Decision.ALLOW:
        assert verdict == Verdict(Decision.ALLOW, Reason.FITS, mode)
    else:
        assert verdict == Verdict(decision, Reason.UNPLACEABLE, mode, lacking=lacking)


def test_a_sum_knows_what_of_it_no_node_can_hold() -> None:
    of = ledger("", node("a"), node("b"), node("c"))
    of.see(pod("huge", 17))
    (broken,) = judged(of, pod("next", 8), Mode.ENFORCE).sums
    assert (broken.committed, broken.unplaceable) == (17 * GI, 17 * GI)


def test_nobody_can_tell_refuses_only_where_the_mode_enforces() -> None:
    assert not cannot_tell(Mode.ENFORCE, "why").allowed
    assert cannot_tell(Mode.WARN, "why") == Verdict(Decision.WARN, Reason.UNAVAILABLE, Mode.WARN, detail="why")
    assert cannot_tell(Mode.AUDIT, "why").decision is Decision.WARN


def test_a_refusal_is_for_memory_if_memory_is_short_at_all() -> None:
    of = ledger("thresholds: {memory: {requests: 100%}, cpu: {requests: 100%}}", node("a", 1, cpu=1))
    both = growth(of, pod("p", 2, cpu=2))
    assert {s.resource for s in both} == {"memory", "cpu"}
    assert refuse(both, Mode.ENFORCE).reason is Reason.MEMORY
    assert refuse(tuple(s for s in both if s.resource == "cpu"), Mode.ENFORCE).reason is Reason.CPU


def test_the_resource_and_the_kind_of_every_sum_are_those_of_its_field() -> None:
    everything = "thresholds: {memory: {requests: 1%, limits: 1%}, cpu: {requests: 1%, limits: 1%}}"
    for missing in ("ignore", "warn"):
        found = growth(ledger(f"{everything}\nmissingLimits: {missing}", node("a")), pod("p", 1, limits=1, cpu=1))
        assert [f"{s.resource}_{s.kind}" for s in found] == [
            "memory_requests",
            "memory_limits",
            "cpu_requests",
            "cpu_limits",
        ]
        assert all(Amounts._fields[s.index].startswith(f"{s.resource}_{s.kind}") for s in found)
