"""Resizes: only growth is judged and reserved for, each attempt costs what it adds, and a newer pod settles it."""

from typing import Any

import pytest

from tests.model.hand import Hand
from tests.model.hand import pod as hand_pod
from tests.support.accounts import GI, committed, config, headroom, ledger, node, pod
from tests.support.sample_reviews import Json, memory, resizing
from webhook.core.config.types import Mode
from webhook.core.ledger.info import PodInfo, pod_info
from webhook.core.ledger.interval import Before
from webhook.core.ledger.ledger import Ledger
from webhook.core.ledger.rules import AccountingRules
from webhook.core.reviews.decision import Outcome, decide
from webhook.core.reviews.evaluation import Evaluation, evaluate
from webhook.core.reviews.review import AdmissionRequest
from webhook.core.reviews.verdict import Decision, Reason, Verdict
from webhook.core.sharing.allotment import Allotment, Ask, Timing
from webhook.core.sharing.credit import Credit
from webhook.core.values.amounts import Amounts

TIMING = Timing(validity=15.0, lapse=45.0)
INFEASIBLE = {"type": "PodResizePending", "status": "True", "reason": "Infeasible"}


def asked(request: AdmissionRequest, settings: str = "") -> Evaluation:
    found = evaluate(request, AccountingRules(config(settings)))
    assert isinstance(found, Evaluation)
    return found


def answered(request: AdmissionRequest, settings: str = "") -> Verdict:
    found = evaluate(request, AccountingRules(config(settings)))
    assert isinstance(found, Verdict)
    return found


def held(name: str, actual: str, *conditions: Json) -> Json:
    """A status in which a container has so much memory in force."""
    return {"containerStatuses": [{"name": name, "resources": memory(actual)}], "conditions": list(conditions)}


# -- questions -------------------------------------------------------------------------------------------------------


def test_a_resize_is_asked_for_under_the_pods_name_and_uid_on_top_of_what_it_was() -> None:
    found = asked(resizing(memory("1Gi"), memory("3Gi"), revision="12"))
    info = found.info
    assert (info.name, info.uid, info.node) == ("default/web-7", "pod-1", "n")
    assert (info.before.revision, info.before.footprint.memory_requests) == (12, GI)
    assert (info.footprint.memory_requests, info.asked.memory_requests) == (3 * GI, 2 * GI)
    assert found.request.what == "Pod/resize"


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        pytest.param(memory("2Gi"), memory("1Gi"), None, id="smaller"),
        pytest.param(memory("1Gi"), memory("1Gi"), None, id="the same"),
        pytest.param(memory("1Gi"), memory("2Gi"), held("app", "2Gi"), id="what it has in force already"),
        pytest.param(memory("1Gi", cpu="1"), memory("1Gi", cpu="2"), None, id="cpu, which nothing bounds"),
        pytest.param(memory("1Gi", "2Gi"), memory("1Gi", "3Gi"), None, id="limits, which nothing bounds"),
        pytest.param(memory("1Gi"), memory("2Gi"), {"phase": "Failed"}, id="a pod that has ended"),
    ],
)
def test_what_raises_no_bounded_sum_passes_without_an_account(old: Json, new: Json, status: Json | None) -> None:
    verdict = answered(resizing(old, new, status=status), "missingLimits: deny")
    assert (verdict.decision, verdict.reason) == (Decision.ALLOW, Reason.FITS)


@pytest.mark.parametrize(
    ("settings", "old", "new"),
    [
        ("thresholds: {memory: {limits: 100%}}", memory("1Gi", "2Gi"), memory("1Gi", "3Gi")),
        ("thresholds: {cpu: {requests: 90%}}", memory("2Gi", cpu="1"), memory("1Gi", cpu="2")),
    ],
)
def test_what_raises_one_that_is_bounded_is_asked(settings: str, old: Json, new: Json) -> None:
    assert asked(resizing(old, new), f"\n{settings}").exempt is None


def test_what_only_a_pool_bounds_is_asked() -> None:
    settings = "pools: [{name: p, nodeSelector: {pool: p}, thresholds: {cpu: {requests: 90%}}}]"
    assert asked(resizing(memory("1Gi", cpu="1"), memory("1Gi", cpu="2")), settings).info.asked.cpu_requests == 1000


def test_an_infeasible_resize_hides_no_other_one_behind_it() -> None:
    status = held("app", "1Gi", INFEASIBLE)
    found = asked(resizing(memory("100Gi"), memory("3Gi"), status=status))
    assert (found.info.before.footprint.memory_requests, found.info.asked.memory_requests) == (GI, 2 * GI)


@pytest.mark.parametrize("operation", ["CREATE", "DELETE", "CONNECT"])
def test_only_the_update_of_a_pods_size_is_a_resize(operation: str) -> None:
    verdict = answered(resizing(memory("1Gi"), memory("2Gi"), operation=operation))
    assert (verdict.decision, verdict.reason) == (Decision.ALLOW, Reason.NOT_JUDGED)


@pytest.mark.parametrize(
    ("fault", "request_fields"),
    [
        ("oldObject: object: expected object, got null", {"oldObject": None}),
        ("object: expected object, got null", {"object": None}),
        ('oldObject: metadata.resourceVersion: "x" is not a number', {"revision": "x"}),
        ('oldObject: metadata.resourceVersion: "" is not a number', {"revision": ""}),
    ],
)
def test_a_review_that_cannot_be_read_is_refused_with_the_place_of_the_fault(
    fault: str, request_fields: dict[str, Any]
) -> None:
    verdict = answered(resizing(memory("1Gi"), memory("2Gi"), **request_fields))
    assert (verdict.decision, verdict.reason, verdict.detail) == (Decision.DENY, Reason.INVALID, fault)


def test_what_a_pod_leaves_unsaid_matters_where_memory_grows() -> None:
    settings = "\nthresholds: {cpu: {requests: 90%}, memory: {requests: 100%}}\nmissingLimits: deny"
    more_memory, more_cpu = (
        resizing(memory("1Gi", cpu="1"), new) for new in (memory("2Gi", cpu="1"), memory("1Gi", cpu="2"))
    )
    assert asked(more_memory, settings).form.reason is Reason.MISSING_LIMITS
    assert asked(more_cpu, settings).form.decision is Decision.ALLOW


def test_modes_overrides_and_the_exemptions_of_a_place_hold_and_those_of_a_maker_do_not() -> None:
    old, new = memory("1Gi"), memory("2Gi")
    system = resizing(old, new, namespace="kube-system", metadata={"namespace": "kube-system"})
    assert asked(system).exempt == "namespace kube-system is exempt"
    dev = resizing(old, new, namespace="dev", metadata={"namespace": "dev"})
    assert asked(dev, "overrides: [{namespaces: [dev], mode: warn}]").mode is Mode.WARN
    owner = {"apiVersion": "apps/v1", "kind": "DaemonSet", "name": "d", "uid": "d", "controller": True}
    user = {"username": "system:serviceaccount:kube-system:daemon-set-controller"}
    assert asked(resizing(old, new, metadata={"ownerReferences": [owner]}, userInfo=user)).exempt is None
    mirror = {"annotations": {"kubernetes.io/config.mirror": "x"}}
    assert asked(resizing(old, new, metadata=mirror, userInfo={"username": "system:node:n"})).exempt is None


# -- decisions -------------------------------------------------------------------------------------------------------


class Replica:
    """A cluster of 16Gi in which one pod of 4Gi lives, seen at revision 5; half of what is free is booked."""

    def __init__(self, settings: str = "", *, seen: bool = True) -> None:
        self.config = config(settings)
        self.ledger: Ledger = ledger("", node("n", 16))
        self.ledger.configure(AccountingRules(self.config), 0.0)
        if seen:
            self.see(4, 5)
        self.allotment = Allotment("me", self.ledger, TIMING, Credit(self.ledger, TIMING.lapse, shares=None))
        self.book(0.0)  # makes the shared object
        self.book(0.0)  # opens it

    def book(self, now: float, *asks: Ask) -> None:
        self.allotment.begin(self.allotment.propose(asks, now, "epoch", fresh=True))
        self.allotment.written(self.allotment.revision + 1, now)

    def see(self, size: float, revision: int, name: str = "web-7", **more: Any) -> None:
        uid = "pod-1" if name == "web-7" else name
        self.ledger.see(pod(name, size, "n", uid=uid, revision=revision, **more))

    def evaluation(self, new: str, old: str = "4Gi", at: int = 5, **request: Any) -> Evaluation:
        found = evaluate(resizing(memory(old), memory(new), revision=str(at), **request), AccountingRules(self.config))
        assert isinstance(found, Evaluation)
        return found

    def decide(self, new: str, old: str = "4Gi", at: int = 5, now: float = 1.0, **request: Any) -> Outcome:
        return decide(self.ledger, self.allotment, self.evaluation(new, old, at, **request), now)

    @property
    def reserved(self) -> float:
        return 16 - committed(self.ledger) - headroom(self.ledger)

    @property
    def unretired(self) -> float:
        return self.ledger.reservations.unretired("cluster").memory_requests / GI


def said(outcome: Outcome) -> tuple[Decision, Reason, bool]:
    return outcome.verdict.decision, outcome.verdict.reason, outcome.settled


GRANTED = (Decision.ALLOW, Reason.FITS, True)
REFUSED = (Decision.DENY, Reason.MEMORY, True)


def test_growth_is_reserved_for_until_it_is_seen_and_retired_by_a_write() -> None:
    replica = Replica()
    assert said(replica.decide("7Gi")) == GRANTED
    assert (committed(replica.ledger), replica.reserved, replica.unretired) == (4, 3, 3)
    replica.see(7, 6)
    assert (committed(replica.ledger), replica.reserved, replica.unretired) == (7, 0, 3)
    replica.book(2.0)
    assert (committed(replica.ledger), replica.reserved, replica.unretired) == (7, 0, 0)
    assert replica.allotment.shared is not None
    assert replica.allotment.shared.floor == 6


def test_growth_past_the_bound_is_refused_with_what_it_adds() -> None:
    replica = Replica()
    outcome = replica.decide("17Gi")
    assert said(outcome) == REFUSED
    (s,) = outcome.verdict.sums
    assert (s.asked / GI, s.committed / GI, s.short_by / GI) == (13, 4, 1)
    assert replica.unretired == 0


def test_the_same_resize_asked_again_reserves_nothing_new() -> None:
    replica = Replica()
    assert said(replica.decide("10Gi")) == GRANTED
    replica.see(6, 6, "filler")
    assert headroom(replica.ledger) == 0
    assert said(replica.decide("10Gi")) == GRANTED
    assert replica.unretired == 6


def test_two_resizes_from_one_object_cost_the_larger_because_only_one_can_be_written() -> None:
    replica = Replica()
    assert said(replica.decide("8Gi")) == GRANTED
    assert said(replica.decide("10Gi")) == GRANTED
    assert said(replica.decide("6Gi")) == GRANTED
    assert replica.unretired == 6


def test_an_attempt_that_lost_a_race_and_is_made_again_costs_nothing_more() -> None:
    replica = Replica()
    assert said(replica.decide("10Gi")) == GRANTED
    assert said(replica.decide("10Gi", at=6)) == GRANTED
    assert (replica.reserved, replica.unretired) == (6, 6)
    replica.see(4, 6)  # what made it lose
    assert (replica.reserved, replica.unretired) == (6, 6)
    replica.see(10, 7)
    assert (committed(replica.ledger), replica.reserved, replica.unretired) == (10, 0, 6)


def test_growth_upon_growth_that_nobody_has_seen_yet_costs_all_of_it() -> None:
    replica = Replica()
    assert said(replica.decide("7Gi")) == GRANTED
    assert said(replica.decide("10Gi", "7Gi", at=6)) == GRANTED
    assert (replica.reserved, replica.unretired) == (6, 6)
    assert said(replica.decide("17Gi", "10Gi", at=7)) == REFUSED


def test_growth_that_others_granted_and_nobody_here_has_seen_is_not_asked_for_again() -> None:
    replica = Replica()
    assert replica.ledger.growth(replica.evaluation("15Gi", "14Gi", at=6).info, "cluster").memory_requests == GI
    replica.see(14, 6)
    assert said(replica.decide("17Gi", "14Gi", at=6)) == REFUSED


def test_a_view_behind_a_shrink_reserves_what_is_missing_once_it_is_seen() -> None:
    replica = Replica()
    assert said(replica.decide("4Gi", "1Gi", at=6)) == GRANTED
    assert (replica.reserved, replica.unretired) == (0, 3)
    replica.see(1, 6)
    assert (committed(replica.ledger), replica.reserved) == (1, 3)


def test_a_pod_that_the_view_does_not_know_is_judged_by_the_object_under_review() -> None:
    replica = Replica(seen=False)
    assert said(replica.decide("6Gi")) == GRANTED
    assert said(replica.decide("6Gi", at=9)) == GRANTED
    assert (replica.reserved, replica.unretired) == (2, 2)
    assert said(replica.decide("23Gi")) == REFUSED


def test_only_the_pod_beyond_the_reviewed_object_settles_it() -> None:
    replica = Replica()
    replica.decide("6Gi")
    replica.see(4, 5)  # a relist shows it once more
    assert replica.reserved == 2
    replica.ledger.see(pod("web-7", 1, "n", uid="another", revision=9))
    assert replica.ledger.reservations.oldest_open() == 1.0
    replica.see(4, 10)  # something else came first, so this one never will
    assert (replica.reserved, replica.unretired) == (0, 2)


def test_a_resize_of_a_pod_that_is_deleted_is_settled_by_that() -> None:
    replica = Replica()
    replica.decide("6Gi")
    replica.ledger.gone(PodInfo("default/web-7", "pod-1", 6, Amounts()))
    assert (committed(replica.ledger), replica.reserved, replica.unretired) == (0, 0, 2)
    replica.book(2.0)
    assert replica.unretired == 0


def test_a_resize_that_never_came_lapses_like_any_grant() -> None:
    replica = Replica()
    replica.decide("6Gi", now=1.0)
    replica.ledger.prove(45.9)
    assert replica.allotment.grants.lapse() == []
    replica.ledger.prove(46.0)
    assert len(replica.allotment.grants.lapse()) == 1
    assert (replica.reserved, replica.unretired) == (0, 2)


def test_a_booking_that_fails_takes_back_its_own_growth_and_no_older_one() -> None:
    replica = Replica()
    replica.decide("7Gi")
    wanted = Ask(replica.evaluation("15Gi", "7Gi", at=6).info)
    replica.allotment.begin(replica.allotment.propose([wanted], 2.0, "epoch"))
    assert replica.reserved == 11
    replica.allotment.failed()
    assert (replica.reserved, replica.unretired) == (3, 3)


def test_growth_beyond_the_allotment_is_booked_first() -> None:
    replica = Replica()
    assert said(replica.decide("12Gi")) == (Decision.ALLOW, Reason.FITS, False)
    replica.book(2.0, Ask(replica.evaluation("12Gi").info))
    assert said(replica.decide("12Gi", now=3.0)) == GRANTED
    assert replica.allotment.grants.held("cluster").memory_requests / GI >= 8


def test_a_dry_run_is_judged_and_reserves_nothing() -> None:
    replica = Replica()
    assert said(replica.decide("7Gi", dryRun=True)) == GRANTED
    assert said(replica.decide("17Gi", dryRun=True)) == REFUSED
    assert replica.unretired == 0


def test_only_what_grows_is_judged_where_something_else_is_over() -> None:
    replica = Replica("\nthresholds: {memory: {requests: 10%}, cpu: {requests: 100%}}")
    old, new = memory("4Gi", cpu="1"), memory("3Gi", cpu="2")
    found = evaluate(resizing(old, new, revision="5"), AccountingRules(replica.config))
    assert isinstance(found, Evaluation)
    assert said(decide(replica.ledger, replica.allotment, found, 1.0))[0] is Decision.ALLOW
    assert said(replica.decide("5Gi")) == REFUSED


def test_modes_and_exemptions_let_growth_in_past_the_bound_and_count_it() -> None:
    assert said(Replica("mode: warn").decide("17Gi"))[:2] == (Decision.WARN, Reason.MEMORY)
    outcome = Replica().decide("17Gi", namespace="kube-system", metadata={"namespace": "kube-system"})
    assert outcome.verdict.reason is Reason.EXEMPT


def test_growth_near_the_bound_is_warned_about() -> None:
    outcome = Replica("warnAt: 60%").decide("10Gi")
    assert said(outcome)[:2] == (Decision.WARN, Reason.NEAR_BOUND)


# -- what nobody was asked about -------------------------------------------------------------------------------------


def test_a_resize_that_becomes_feasible_is_counted_and_noted() -> None:
    replica = Replica()
    replica.see(4, 6, infeasible=True)
    replica.see(4, 7, infeasible=True)
    assert replica.ledger.unasked_growths == 0
    replica.see(9, 8)
    assert (replica.ledger.unasked_growths, replica.ledger.unasked_growth.memory_requests) == (1, 5 * GI)
    assert committed(replica.ledger) == 9
    replica.see(12, 9)  # another replica may have granted this one
    assert replica.ledger.unasked_growths == 1


@pytest.mark.parametrize(("reason", "infeasible"), [("Infeasible", True), ("Deferred", False)])
def test_a_pod_says_itself_that_its_resize_is_infeasible(reason: str, *, infeasible: bool) -> None:
    status = held("app", "1Gi", {"type": "Ready"}, INFEASIBLE | {"reason": reason})
    shown = resizing(memory("1Gi"), memory("3Gi"), status=status).pod()
    assert (pod_info(shown).infeasible, pod_info(shown).footprint.memory_requests == GI) == (infeasible, infeasible)


def test_growth_that_was_granted_here_is_not_noted_and_neither_is_another_pod_of_that_name() -> None:
    replica = Replica()
    replica.see(4, 6, infeasible=True)
    replica.decide("6Gi", at=6)
    replica.see(6, 7)
    assert replica.ledger.unasked_growths == 0
    replica.see(6, 8, infeasible=True)
    replica.ledger.gone(PodInfo("default/web-7", "pod-1", 9, Amounts()))
    replica.see(6, 10)
    replica.see(8, 11)
    assert replica.ledger.unasked_growths == 0


def test_growth_that_others_granted_makes_a_call_go_to_views_that_show_it() -> None:
    replica = Replica()
    assert replica.ledger.born_revision == 5
    replica.see(4, 6)
    replica.see(3, 7)
    assert replica.ledger.born_revision == 5
    replica.see(9, 8)
    assert replica.ledger.born_revision == 8


def test_two_attempts_at_once_are_told_apart() -> None:
    info = Replica().evaluation("6Gi").info
    keys = {info.key, Replica().evaluation("7Gi").info.key, Replica().evaluation("6Gi", at=6).info.key}
    assert len(keys) == 3
    assert PodInfo("default/p", "u", 0, info.footprint).key == "u"
    assert info.before == Before(
        5,
        Amounts(memory_requests=4 * GI, memory_limits_filled=4 * GI, memory_unbounded=1, cpu_unbounded=1),
        review="review-1",
    )


# -- beside others ---------------------------------------------------------------------------------------------------


def wants(live: PodInfo, size: int) -> PodInfo:
    """The review of a resize of a live pod."""
    before = Before(live.revision, live.footprint)
    return PodInfo(live.name, live.uid, 0, Amounts(memory_requests=size), before=before)


def test_who_granted_an_attempt_that_lost_a_race_hands_back_once_it_knows() -> None:
    hand = Hand("a", "b", bound=10)
    live = hand.come(hand_pod("p", 4))
    hand.write("a", wants(live, 10))
    hand.tell()
    newer = hand.come(hand_pod("p", 4), "b")  # what made that attempt lose; `a` has not seen it
    again = wants(newer, 10)
    assert hand.write("b", again).unfit
    hand.tell()
    assert hand.shared is not None
    assert hand.shared.called_at == newer.revision
    hand.write("a")
    hand.tell()
    assert not hand.replicas["b"].refuses(again, hand.now), "it answered before it could know"
    hand.ledgers["a"].see(newer)
    hand.write("a")
    hand.tell()
    assert [ask.pod for ask in hand.write("b", again).booked] == [again]


def test_a_view_behind_the_object_under_review_refuses_nobody_for_what_others_hold() -> None:
    hand = Hand("a", "b", bound=10)
    live = hand.come(hand_pod("p", 4))
    hand.write("a", wants(live, 10))
    hand.tell()
    ahead = wants(PodInfo(live.name, live.uid, live.revision + 5, live.footprint), 10)
    hand.write("b", ahead)
    hand.tell()
    hand.write("a")
    hand.tell()
    assert not hand.replicas["b"].refuses(ahead, hand.now)
    assert hand.shared is not None
    assert hand.shared.called_at <= live.revision, "nobody waits for a revision that there may never be"


def test_a_resize_that_is_asked_for_again_by_a_write_that_fails_is_not_held_on_by_who_was_taken_for_dead() -> None:
    """The same resize of the same object may be asked for at any time, and has the same key."""
    hand = Hand("a", "b", bound=10)
    live = hand.come(hand_pod("p", 1))
    resize = wants(live, 9)
    for name, asked in (("b", [resize]), ("a", [])):
        hand.write(name, *asked)
        hand.tell()
    assert hand.write("b", resize).booked, "after a call"
    hand.tell()
    for _ in range(62):
        hand.now += 1.0
        if hand.replicas["a"].due(hand.now):
            hand.write("a")
            hand.tell("a")
    hand.prove("a")
    hand.write("a")
    assert hand.shared is not None
    assert "b" not in hand.shared.holdings
    assert hand.write("a", hand_pod("large", 9)).booked
    assert hand.send("b", resize).booked, "it has not heard yet"
    hand.replicas["b"].failed()
    hand.tell()
    assert hand.write("b", resize).unfit


def test_an_attempt_that_the_view_shows_to_be_overtaken_holds_nothing() -> None:
    replica = Replica()
    replica.see(4, 7)  # somebody has set a label since
    assert said(replica.decide("6Gi", at=5)) == GRANTED
    assert (replica.unretired, len(replica.ledger.reservations)) == (0, 0)
    assert said(replica.decide("6Gi", at=7)) == GRANTED
    assert (replica.unretired, len(replica.ledger.reservations)) == (2, 1)
    overtaken = replica.evaluation("6Gi", at=5).info
    assert replica.ledger.is_overtaken(overtaken)
    replica.ledger.begin_again(2.0)
    assert not replica.ledger.is_overtaken(overtaken), "revisions of another history compare with nothing"


def test_whether_it_is_overtaken_is_told_by_a_view_alone_that_may_be_granted_by() -> None:
    """Etcd may have been put back: then the pod may be again as it was reviewed, and the attempt is carried out."""
    replica = Replica()
    replica.see(4, 7)
    overtaken = replica.evaluation("6Gi", at=5).info
    replica.ledger.doubt(2.0)
    assert not replica.ledger.is_overtaken(overtaken)
    cut_off = Replica()
    cut_off.see(4, 7)
    assert not cut_off.decide("6Gi", at=5, now=TIMING.validity + 1).settled
