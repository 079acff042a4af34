"""Decisions: to judge and to reserve is one act, asked twice it is done once, and policy goes before the account."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.support.accounts import GI, HIGH_MEM, headroom, node, pod
from tests.support.deciding import THREE, TIMING, Replica, said
from webhook.core.config.types import Mode
from webhook.core.reviews.decision import decide, refuse_beside_others, verdict_of
from webhook.core.reviews.messages import warnings
from webhook.core.reviews.verdict import Decision, Reason, Verdict, cannot_tell, judge
from webhook.core.sharing.allotment import Ask
from webhook.core.sharing.credit import Credit
from webhook.core.sharing.shared_state import Holding, Shared
from webhook.core.values.amounts import Amounts
from webhook.core.values.scopes import CLUSTER

HALF = "thresholds: {memory: {requests: 50%}}"


def said_of(verdict: Verdict) -> tuple[Decision, Reason]:
    return verdict.decision, verdict.reason


def test_a_pod_that_fits_is_let_in_and_reserved_for() -> None:
    replica = Replica()
    assert said(replica.decide("3Gi")) == (Decision.ALLOW, Reason.FITS, True)
    assert replica.reserved == 3
    reservation = replica.ledger.reservations.get("default/web-7", "pod-1")
    assert reservation is not None
    assert reservation.granted_at == 1.0


def test_a_pod_that_does_not_fit_is_refused_and_nothing_is_reserved() -> None:
    replica = Replica()
    assert said(replica.decide("17Gi")) == (Decision.DENY, Reason.MEMORY, True)
    assert replica.reserved == 0


def test_a_pod_that_fits_beyond_the_allotment_has_to_be_booked_first() -> None:
    replica = Replica()
    outcome = replica.decide("9Gi")
    assert said(outcome) == (Decision.ALLOW, Reason.FITS, False)
    assert replica.reserved == 0
    replica.book(2.0, Ask(replica.evaluation("9Gi").info))
    assert said(replica.decide("9Gi", 3.0)) == (Decision.ALLOW, Reason.FITS, True)
    assert replica.reserved == 9


def test_without_a_valid_booking_nothing_is_granted() -> None:
    replica = Replica()
    assert said(replica.decide(now=15.0)) == (Decision.ALLOW, Reason.FITS, False)
    assert replica.reserved == 0


def test_many_grants_stop_exactly_at_what_was_booked() -> None:
    replica = Replica()
    settled = [replica.decide("1Gi", name=f"p{n}", uid=f"u{n}").settled for n in range(10)]
    assert settled == [True] * 8 + [False] * 2


@pytest.mark.parametrize(
    ("settings", "decision", "reason"),
    [
        ("", Decision.DENY, Reason.QUOTA),
        ("mode: warn", Decision.WARN, Reason.QUOTA),
        ("mode: audit", Decision.AUDIT, Reason.QUOTA),
        ("exempt: {namespaces: [default]}", Decision.ALLOW, Reason.EXEMPT),
        ("missingLimits: deny", Decision.DENY, Reason.QUOTA),
    ],
)
def test_what_its_quota_will_refuse_reserves_nothing_whoever_lets_it_in(
    settings: str, decision: Decision, reason: Reason
) -> None:
    replica = Replica(settings)
    asked = replace(replica.evaluation("1Gi"), quota="exceeded quota: q")
    outcome = decide(replica.ledger, replica.allotment, asked, 1.0)
    assert said(outcome) == (decision, reason, True)
    assert outcome.verdict.detail == ("exceeded quota: q" if reason is Reason.QUOTA else "namespace default is exempt")
    assert replica.reserved == 0
    assert replica.ledger.reservations.get("default/web-7", "pod-1") is None


def test_what_a_pod_leaves_unsaid_is_told_before_its_quota() -> None:
    replica = Replica("missingRequests: deny")
    asked = replace(replica.evaluation(None), quota="exceeded quota: q")
    assert said(decide(replica.ledger, replica.allotment, asked, 1.0)) == (
        Decision.DENY,
        Reason.MISSING_REQUESTS,
        True,
    )


# -- asked again -----------------------------------------------------------------------------------------------------


def test_the_same_pod_asked_again_gets_the_same_answer_and_reserves_nothing_new() -> None:
    replica = Replica()
    first = replica.decide("8Gi")
    replica.ledger.see(pod("filler", 8))
    assert headroom(replica.ledger) == 0
    assert replica.decide("8Gi", 5.0) == first
    assert replica.reserved == 8


def test_an_answer_that_is_given_again_may_be_used_for_a_whole_lapse_from_then() -> None:
    replica = Replica()
    replica.decide("8Gi", 1.0)
    replica.decide("8Gi", 14.0)
    replica.ledger.prove(1.0 + TIMING.lapse)
    assert replica.allotment.grants.lapse() == []
    replica.ledger.prove(14.0 + TIMING.lapse)
    assert len(replica.allotment.grants.lapse()) == 1


def test_a_larger_pod_under_the_uid_of_a_granted_one_is_judged_anew() -> None:
    replica = Replica()
    replica.decide("2Gi")
    assert said(replica.decide("17Gi")) == (Decision.DENY, Reason.MEMORY, True)
    assert said(replica.decide("4Gi")) == (Decision.ALLOW, Reason.FITS, True)
    assert replica.reserved == 4


def test_another_pod_of_the_same_name_is_judged_by_what_it_adds() -> None:
    replica = Replica()
    replica.decide("8Gi", uid="first")
    assert said(replica.decide("8Gi", uid="second")) == (Decision.ALLOW, Reason.FITS, True)
    assert replica.reserved == 8


def test_what_waits_for_its_booking_is_not_granted_by_asking_again() -> None:
    replica = Replica()
    asked = replica.evaluation("9Gi")
    replica.allotment.begin(replica.allotment.propose([Ask(asked.info)], 2.0, "epoch"))
    assert replica.reserved == 9
    assert not replica.decide("9Gi", 2.5).settled
    replica.allotment.failed()
    assert replica.reserved == 0


def test_a_grant_that_was_given_stands_while_nothing_is_valid_only_once_it_is_booked_again() -> None:
    replica = Replica()
    replica.decide("8Gi")
    assert not replica.decide("8Gi", 20.0).settled
    replica.book(20.0)
    assert replica.decide("8Gi", 21.0).settled


# -- dry run ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("memory", "decision"), [("9Gi", Decision.ALLOW), ("17Gi", Decision.DENY)])
def test_a_dry_run_is_judged_and_reserves_nothing(memory: str, decision: Decision) -> None:
    replica = Replica()
    outcome = replica.decide(memory, dryRun=True)
    assert (outcome.verdict.decision, outcome.settled, replica.reserved) == (decision, True, 0)


def test_a_dry_run_of_a_pod_that_was_granted_does_not_make_its_grant_younger() -> None:
    replica = Replica()
    replica.decide("8Gi", 1.0)
    replica.decide("8Gi", 10.0, dryRun=True)
    replica.ledger.prove(1.0 + TIMING.lapse)
    assert len(replica.allotment.grants.lapse()) == 1


# -- policy ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "decision"), [("enforce", Decision.DENY), ("warn", Decision.WARN), ("audit", Decision.AUDIT)]
)
def test_a_pod_that_does_not_fit_is_refused_only_where_the_mode_enforces(mode: str, decision: Decision) -> None:
    replica = Replica(f"mode: {mode}\n{HALF}", node("a", 32))
    replica.ledger.see(pod("lives", 2))
    outcome = replica.decide("15Gi")
    assert said(outcome) == (decision, Reason.MEMORY, mode == "enforce")


@pytest.mark.parametrize(
    ("settings", "namespace"), [("mode: warn", "default"), ("mode: audit", "default"), ("", "kube-system")]
)
@pytest.mark.parametrize("memory", ["17Gi", "7Ei", "9e18"])
def test_what_no_bound_could_ever_hold_costs_nothing_until_it_is_there(
    settings: str, namespace: str, memory: str
) -> None:
    replica = Replica(settings)
    for number in range(100):
        outcome = replica.decide(memory, namespace=namespace, uid=f"u{number}", name=f"p{number}")
        assert (outcome.verdict.allowed, outcome.settled) == (True, True)
    asked = replica.evaluation(memory, namespace=namespace)
    replica.allotment.grants.force(asked.info, 1.0)
    replica.book(1.0, Ask(asked.info, asked.forced))
    assert replica.reserved == 0
    assert said(replica.decide("16Gi", uid="real", name="real"))[0] is not Decision.DENY
    replica.ledger.see(pod("there", 17, "a", revision=200))
    assert replica.decide("1Gi", uid="next", name="next").verdict.reason is Reason.MEMORY, "once it is there, it counts"


def test_of_one_name_only_so_many_are_kept_in_mind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webhook.core.sharing.size.MOST_OF_ONE_NAME", 3)
    replica = Replica()
    said_of = [said(replica.decide("1Gi", uid=f"u{number}")) for number in range(4)]
    assert [each[0] for each in said_of] == [Decision.ALLOW] * 3 + [Decision.CANNOT_TELL]
    assert replica.decide("1Gi", uid="u", name="another").verdict.allowed


sizes = st.sampled_from(["0", "1Mi", "500Mi", "1Gi", "2Gi", "4Gi", "9Gi", "15Gi"])
names = st.sampled_from(["a", "b", "c", "d"])
namespaces = st.sampled_from(["default", "other", "kube-system"])
happened = st.lists(st.tuples(st.sampled_from(["lives", "granted", "gone", "paused"]), namespaces, names, sizes))


@given(happened, namespaces, names, sizes, st.sampled_from([1, 3, 50_000]))
def test_what_is_let_in_at_once_a_closer_look_would_let_in_too(
    before: list[tuple[str, str, str, str]], namespace: str, name: str, size: str, most: int
) -> None:
    replica = Replica()
    credit = replica.allotment.grants._credit = Credit(replica.ledger, TIMING.lapse)
    for number, (what, where, whose, memory) in enumerate(before):
        asked = replica.evaluation(memory, uid=f"u{number}", name=whose, namespace=where).info
        if what == "paused":
            replica.ledger.history.lapsed(where, asked.footprint, 0.0, 0.0, TIMING.lapse)
        elif what == "granted":
            replica.ledger.grant(asked, 0.5)
        else:
            take_in = replica.ledger.see if what == "lives" else replica.ledger.gone
            take_in(replace(asked, revision=100 + number))
    asked = replica.evaluation(size, uid="u", name=name, namespace=namespace).info
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("webhook.core.sharing.size.MOST_GRANTS", most)
        if replica.allotment.grants.is_roomy(asked):
            assert judge(replica.ledger, asked, Mode.ENFORCE).reason is Reason.FITS
            assert credit.shortfall(asked, 1.0) is None
            assert replica.allotment.grants.holds(asked, forced=True)


def test_more_than_can_be_kept_in_mind_is_not_let_in_unless_by_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webhook.core.sharing.size.MOST_GRANTS", 3)
    replica = Replica()
    for number in range(3):
        assert replica.decide("1Gi", uid=f"u{number}", name=f"p{number}").verdict.allowed
    refused = replica.decide("1Gi", uid="u", name="p")
    assert said(refused) == (Decision.CANNOT_TELL, Reason.UNAVAILABLE, True)
    assert "more pods were let in and have not been seen yet" in refused.verdict.detail
    assert replica.decide("1Gi", uid="u1", name="p1").verdict.allowed, "this one is kept in mind"
    assert replica.decide("1Gi", uid="u", name="p", namespace="kube-system").verdict.allowed
    assert replica.reserved == 3
    replica.book(1.0, Ask(replica.evaluation("1Gi", uid="u", name="p").info))
    assert (replica.reserved, len(replica.ledger.reservations)) == (3, 3)
    replica.ledger.see(pod("p1", 1, uid="u1", revision=200))
    replica.book(2.0)
    assert replica.decide("1Gi", 2.5, uid="u", name="p").verdict.allowed


def test_an_exempt_pod_comes_whatever_the_account_says_and_is_counted() -> None:
    replica = Replica(HALF, node("a", 32))
    replica.ledger.see(pod("lives", 2))
    outcome = replica.decide("15Gi", namespace="kube-system")
    assert said(outcome) == (Decision.ALLOW, Reason.EXEMPT, False)
    assert outcome.verdict.detail == "namespace kube-system is exempt"
    assert [s.short_by / GI for s in outcome.verdict.sums] == [1]
    asked = replica.evaluation("15Gi", namespace="kube-system")
    replica.book(2.0, Ask(asked.info, asked.forced))
    assert replica.decide("15Gi", 3.0, namespace="kube-system").settled
    assert said(replica.decide("1Gi", 3.0, uid="next", name="next")) == (Decision.DENY, Reason.MEMORY, True)


@pytest.mark.parametrize(
    ("settings", "pod", "decision", "reason"),
    [
        ("mode: warn", {}, Decision.WARN, Reason.UNPLACEABLE),
        ("mode: warn\nunplaceable: allow", {}, Decision.ALLOW, Reason.FITS),
        ("mode: warn\nunplaceable: deny", {}, Decision.WARN, Reason.UNPLACEABLE),
        ("mode: audit", {}, Decision.ALLOW, Reason.FITS),
        ("mode: audit\nunplaceable: deny", {}, Decision.AUDIT, Reason.UNPLACEABLE),
        ("unplaceable: deny", {"namespace": "kube-system"}, Decision.ALLOW, Reason.EXEMPT),
    ],
)
def test_what_policy_lets_in_and_no_node_can_hold_reserves_nothing(
    settings: str, pod: dict[str, Any], decision: Decision, reason: Reason
) -> None:
    replica = Replica(settings, *THREE)
    assert said(replica.decide("7Gi", **pod)) == (decision, reason, True)
    asked = replica.evaluation("7Gi", **pod)
    replica.allotment.grants.force(asked.info, 1.0)
    replica.book(2.0, Ask(asked.info, asked.forced))
    assert replica.ledger.balance(CLUSTER).unseen == Amounts()
    assert said(replica.decide("6Gi", 3.0, uid="next", name="next", **pod))[2] is True
    assert replica.ledger.balance(CLUSTER).unseen.memory_requests == 6 * GI, "a node can hold that one"


def test_what_policy_lets_in_is_judged_for_the_record_though_it_costs_nothing() -> None:
    replica = Replica("mode: audit", *THREE)
    outcome = replica.decide("20Gi")
    assert said(outcome) == (Decision.AUDIT, Reason.MEMORY, True)
    assert [s.short_by / GI for s in outcome.verdict.sums] == [2]


@pytest.mark.parametrize(
    ("settings", "decision", "reason"),
    [
        ("", Decision.WARN, Reason.UNPLACEABLE),
        ("unplaceable: warn\nwarnAt: 10%", Decision.WARN, Reason.UNPLACEABLE),
        ("unplaceable: allow", Decision.ALLOW, Reason.FITS),
        ("missingLimits: warn", Decision.WARN, Reason.UNPLACEABLE),
    ],
)
def test_what_the_account_lets_in_is_reserved_though_no_node_can_hold_it(
    settings: str, decision: Decision, reason: Reason
) -> None:
    replica = Replica(settings, *THREE)
    assert said(replica.decide("7Gi")) == (decision, reason, True)
    assert replica.ledger.balance(CLUSTER).unseen.memory_requests == 7 * GI
    assert said(replica.decide("7Gi", 1.1)) == (decision, reason, True), "asked twice it is answered alike"


@pytest.mark.parametrize(
    ("settings", "asked", "said_first", "lines"),
    [
        ("mode: warn", "19Gi", Reason.MEMORY, 2),
        ("mode: warn\nunplaceable: deny", "19Gi", Reason.MEMORY, 2),
        ("mode: warn\nunplaceable: allow", "19Gi", Reason.MEMORY, 1),
        ("mode: warn\nunplaceable: deny\nwarnAt: 10%", "7Gi", Reason.UNPLACEABLE, 2),
        ("unplaceable: warn\nwarnAt: 10%", "7Gi", Reason.UNPLACEABLE, 2),
        ("mode: audit\nunplaceable: deny", "19Gi", Reason.MEMORY, 0),
    ],
)
def test_a_pod_that_breaks_or_nears_a_sum_and_that_no_node_can_hold_is_told_both(
    settings: str, asked: str, said_first: Reason, lines: int
) -> None:
    verdict = Replica(settings, *THREE).decide(asked).verdict
    assert verdict.allowed
    assert verdict.reason is said_first
    assert len(warnings(verdict, "pod default/web-7")) == lines


def test_a_refusal_for_the_sums_says_as_well_what_no_node_can_hold_where_that_is_to_be_told() -> None:
    for settings, told in (("", True), ("unplaceable: allow", False)):
        verdict = Replica(settings, *THREE).decide("19Gi").verdict
        assert said_of(verdict) == (Decision.DENY, Reason.MEMORY)
        assert (verdict.lacking is not None) is told
    assert Replica("").decide("17Gi").verdict.lacking is not None


def test_deny_refuses_what_no_node_can_hold_whether_there_is_room_for_it_or_not() -> None:
    replica = Replica("overrides: [{namespaces: [default], unplaceable: deny}]", *THREE)
    for memory in ("7Gi", "30Gi"):
        assert said(replica.decide(memory)) == (Decision.DENY, Reason.UNPLACEABLE, True)
    assert replica.ledger.balance(CLUSTER).unseen == Amounts()
    assert said(replica.decide("6Gi")) == (Decision.ALLOW, Reason.FITS, True)
    assert said(replica.decide("7Gi", namespace="other", uid="other")) == (Decision.WARN, Reason.UNPLACEABLE, False)


def test_nothing_is_said_of_a_pod_that_names_its_node() -> None:
    replica = Replica("unplaceable: deny", *THREE)
    outcome = replica.decide("7Gi", spec={"nodeName": "a"})
    assert outcome.verdict.reason is Reason.FITS, "no scheduler is asked; its kubelet will say"


def test_a_pod_that_waits_cannot_grow_past_every_node() -> None:
    for settings, expected in (("unplaceable: deny", Decision.DENY), ("", Decision.WARN)):
        replica = Replica(settings, *THREE)
        for memory, decision in (("7Gi", expected), ("6Gi", Decision.ALLOW)):
            outcome = decide(replica.ledger, replica.allotment, replica.resize(memory), 1.0)
            assert outcome.verdict.decision is decision


def test_a_pod_that_leaves_too_much_unsaid_is_refused_before_anybody_looks_at_the_account() -> None:
    replica = Replica("missingRequests: deny")
    assert said(replica.decide(None)) == (Decision.DENY, Reason.MISSING_REQUESTS, True)
    assert said(replica.decide(None, namespace="kube-system")) == (Decision.ALLOW, Reason.EXEMPT, True)


@pytest.mark.parametrize(
    ("settings", "decision"),
    [
        ("missingRequests: warn", Decision.WARN),
        ("mode: warn\nmissingRequests: deny", Decision.WARN),
        ("mode: audit\nmissingRequests: deny", Decision.AUDIT),
    ],
)
def test_what_is_left_unsaid_is_told_beside_a_pod_that_fits(settings: str, decision: Decision) -> None:
    assert said(Replica(settings).decide(None)) == (decision, Reason.MISSING_REQUESTS, True)


def test_a_pod_that_does_not_fit_is_told_that_first() -> None:
    replica = Replica("missingLimits: warn")
    spec = {"containers": [{"name": "a", "resources": {"requests": {"memory": "17Gi"}}}]}
    assert said(replica.decide(spec=spec)) == (Decision.DENY, Reason.MEMORY, True)


def test_nobody_can_tell_is_said_to_whom_it_matters_only() -> None:
    replica = Replica("missingRequests: warn")
    judged = cannot_tell(Mode.ENFORCE, "why")
    assert verdict_of(replica.evaluation(), judged) == judged
    assert verdict_of(replica.evaluation(namespace="kube-system"), judged).reason is Reason.EXEMPT
    fits = Verdict(Decision.ALLOW, Reason.FITS)
    assert verdict_of(replica.evaluation(None), fits).reason is Reason.MISSING_REQUESTS


def test_a_pod_for_a_full_pool_is_refused_while_another_may_come() -> None:
    replica = Replica(HIGH_MEM, node("s", 8), node("h", 8, pool="high-mem"))
    replica.ledger.see(pod("lives", 6, "h"))
    confined = {"nodeSelector": {"pool": "high-mem"}}
    containers = {"containers": [{"name": "a", "resources": {"requests": {"memory": "1Gi"}}}]}
    outcome = replica.decide(spec=containers | confined)
    assert said(outcome) == (Decision.DENY, Reason.MEMORY, True)
    assert [s.scope for s in outcome.verdict.sums] == ["high-mem"]
    assert said(replica.decide()) == (Decision.ALLOW, Reason.FITS, True)


# -- beside the others -----------------------------------------------------------------------------------------------


def beside(held: float, now: float = 1.0, heard: float = 1.0, asked: str = "6Gi") -> Verdict:
    replica = Replica()
    assert replica.allotment.shared is not None
    mine = replace(replica.allotment.shared.holdings["me"], held={})  # as this replica wrote it last
    holdings = {"other": Holding(1, held={CLUSTER: Amounts(int(held * GI))}), "me": mine}
    replica.allotment.observe(Shared("epoch", open=True, serial=9, holdings=holdings), 9, heard)
    return refuse_beside_others(replica.ledger, replica.allotment, replica.evaluation(asked), now)


def test_a_pod_that_does_not_fit_beside_what_others_hold_is_refused_with_that_in_the_figures() -> None:
    verdict = beside(11)
    assert (verdict.decision, verdict.reason) == (Decision.DENY, Reason.MEMORY)
    (s,) = verdict.sums
    assert [figure / GI for figure in (s.asked, s.granted, s.free, s.short_by)] == [6, 11, 5, 1]


def test_what_is_held_for_a_replica_that_died_refuses_nobody_for_good() -> None:
    verdict = beside(11, now=20.0)
    assert (verdict.decision, verdict.reason) == (Decision.CANNOT_TELL, Reason.UNAVAILABLE)
    assert verdict.detail == ("room is held for a replica that stopped answering, and is free again in about 41 s")


def test_a_pod_that_would_not_fit_without_the_dead_replica_either_is_refused() -> None:
    assert beside(11, now=20.0, asked="17Gi").decision is Decision.DENY


def test_room_that_came_free_meanwhile_and_a_name_that_is_paid_for_are_no_refusal() -> None:
    verdict = beside(10)
    assert (verdict.decision, verdict.detail) == (Decision.CANNOT_TELL, "the account changed while this was decided")
    assert beside(99, asked="0").decision is Decision.CANNOT_TELL
