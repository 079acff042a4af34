"""A pod that waits and is confined to a pool later, as a gated one may be, needs room there from then on."""

from typing import Any

import pytest

from tests.support.accounts import GI, committed, config, headroom, ledger, node, pod
from tests.support.pool_reviews import GATED, GRANTED, HM, POOLS, REFUSED, said
from tests.support.sample_reviews import Json, confining
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.nodes import Allocatable, NodeInfo
from webhook.core.ledger.recount import recount
from webhook.core.ledger.rules import AccountingRules
from webhook.core.pods.confinement import MOST_PIECES, Way
from webhook.core.reviews.decision import Outcome, decide
from webhook.core.reviews.evaluation import Evaluation, evaluate
from webhook.core.reviews.response import respond
from webhook.core.reviews.review import AdmissionRequest
from webhook.core.reviews.verdict import Decision, Reason, Verdict
from webhook.core.sharing.allotment import Allotment, Ask, Timing
from webhook.core.sharing.credit import SHARES, Cause, Credit, Shortfall

STD: Json = {"nodeSelector": {"pool": "std"}}


def found(request: AdmissionRequest, settings: str = POOLS) -> Evaluation | Verdict:
    return evaluate(request, AccountingRules(config(settings)))


def asked(request: AdmissionRequest, settings: str = POOLS) -> Evaluation:
    it = found(request, settings)
    assert isinstance(it, Evaluation)
    return it


def listed(pool: str) -> Json:
    terms = [{"matchExpressions": [{"key": "pool", "operator": "In", "values": [pool, "nosuch"]}]}]
    return {
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}
    }


# -- questions -------------------------------------------------------------------------------------------------------


def test_it_is_asked_for_on_top_of_where_the_pod_might_run_before() -> None:
    info = asked(confining(GATED, HM, revision="12")).info
    assert (info.name, info.uid, info.node, info.before.revision) == ("default/web-7", "pod-1", "", 12)
    assert (info.was_confined_to, info.confined_to) == ((), (Way((("pool", "hm"),)),))
    assert info.before.footprint == info.footprint == info.asked


@pytest.mark.parametrize(
    ("old", "new", "settings", "request_fields"),
    [
        pytest.param(GATED, {}, POOLS, {}, id="no gate any more"),
        pytest.param(GATED | HM, HM, POOLS, {}, id="confined as before"),
        pytest.param(GATED, GATED | {"tolerations": [{"operator": "Exists"}]}, POOLS, {}, id="tolerations"),
        pytest.param(GATED, HM, "", {}, id="no pools"),
        pytest.param(GATED, HM, POOLS, {"size": "0"}, id="nothing asked"),
        pytest.param({"nodeName": "n"}, HM | {"nodeName": "n"}, POOLS, {}, id="bound"),
    ],
)
def test_what_confines_it_no_further_passes_without_an_account(
    old: Json, new: Json, settings: str, request_fields: dict[str, Any]
) -> None:
    verdict = found(confining(old, new, **request_fields), settings)
    assert isinstance(verdict, Verdict)
    assert (verdict.decision, verdict.reason) == (Decision.ALLOW, Reason.FITS)


def test_policy_holds_as_for_a_resize() -> None:
    assert asked(confining(GATED, HM, namespace="kube-system")).exempt == "namespace kube-system is exempt"
    daemon_sets = {"username": "system:serviceaccount:kube-system:daemon-set-controller"}
    assert asked(confining(GATED, HM, userInfo=daemon_sets)).exempt is None
    assert asked(confining(GATED, HM), f"{POOLS}\nmissingLimits: deny").form.decision is Decision.ALLOW
    assert asked(confining(GATED, HM), f"{POOLS}\nmode: warn").forced


def test_changes_from_one_object_are_told_apart_by_where_they_lead() -> None:
    keys = {asked(confining(GATED, new)).info.key for new in (HM, STD, HM, listed("hm"))}
    assert len(keys) == 3
    assert asked(confining(GATED, HM, revision="8")).info.key not in keys


@pytest.mark.parametrize("create", [True, False])
def test_a_confinement_that_is_too_large_to_keep_is_refused_where_it_matters(create: bool) -> None:
    values = [f"x{number}" for number in range(MOST_PIECES)]
    terms = [{"matchExpressions": [{"key": "a", "operator": "NotIn", "values": values}]}]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    many = {"affinity": {"nodeAffinity": required}}
    operation: dict[str, Any] = {"operation": "CREATE", "oldObject": None} if create else {}
    form = asked(confining(GATED, many, **operation)).form
    assert (form.decision, form.reason) == (Decision.DENY, Reason.INVALID)
    assert "more than 1000 parts: select its nodes by a label" in form.detail
    if create:
        assert asked(confining(GATED, many, **operation), "").form.decision is Decision.ALLOW
        assert asked(confining(GATED, many, **operation), f"{POOLS}\nmode: warn").form.decision is Decision.ALLOW
    else:  # one that is there already can be changed in all else, or nobody could remove its finalizers
        passed = found(confining(GATED | many, many))
        assert isinstance(passed, Verdict)
        assert passed.decision is Decision.ALLOW


# -- decisions -------------------------------------------------------------------------------------------------------


class Replica:
    """Nodes of 8Gi outside of any pool, of 4Gi in `hm` and of 4Gi in `std`; three gated pods of 2Gi, seen at 5."""

    def __init__(self, settings: str = POOLS, *, credit: bool = False) -> None:
        self.config = config(settings)
        nodes = node("n", 8), node("h", 4, pool="hm"), node("s", 4, pool="std")
        self.ledger = ledger(settings, *nodes)
        for number in range(3):
            self.see(f"gated-{number}", 5)
        shares = SHARES if credit else None
        timing = Timing(validity=15.0, lapse=45.0)
        self.allotment = Allotment("me", self.ledger, timing, Credit(self.ledger, timing.lapse, shares))
        self.book(0.0)  # makes the shared object
        self.book(0.0)  # opens it

    def book(self, now: float, *asks: Ask) -> None:
        self.allotment.begin(self.allotment.propose(asks, now, "epoch", fresh=True))
        self.allotment.written(self.allotment.revision + 1, now)

    def see(self, name: str, revision: int, node: str = "", **more: Any) -> None:
        self.ledger.see(pod(name, 2, node, uid=name, revision=revision, **more))

    def info(self, name: str, new: Json, at: int = 5, old: Json = GATED, **request: Any) -> PodInfo:
        return self.evaluation(name, new, at, old, **request).info

    def evaluation(self, name: str, new: Json, at: int = 5, old: Json = GATED, **request: Any) -> Evaluation:
        it = evaluate(
            confining(old, new, revision=str(at), name=name, uid=name, **request), AccountingRules(self.config)
        )
        assert isinstance(it, Evaluation)
        return it

    def decide(self, name: str, new: Json, at: int = 5, now: float = 1.0, **request: Any) -> Outcome:
        """Decide, with a booking where one is needed."""
        asks = self.evaluation(name, new, at, **request)
        outcome = decide(self.ledger, self.allotment, asks, now)
        if outcome.settled:
            return outcome
        self.book(now, Ask(asks.info, asks.forced))
        return decide(self.ledger, self.allotment, asks, now)

    def unretired(self, scope: str) -> float:
        return self.ledger.reservations.unretired(scope).memory_requests / GI

    def reserved(self, scope: str) -> float:
        return self.ledger.reservations.unseen(scope).memory_requests / GI


@pytest.mark.parametrize("there", [HM, listed("hm")], ids=["nodeSelector", "affinity"])
def test_three_gated_pods_never_pass_the_bound_of_the_pool_that_they_are_sent_to(there: Json) -> None:
    replica = Replica()
    assert said(replica.decide("gated-0", there)) == GRANTED
    assert said(replica.decide("gated-1", there)) == GRANTED
    outcome = replica.decide("gated-2", there)
    assert said(outcome) == REFUSED
    (s,) = outcome.verdict.sums
    assert (s.scope, s.asked / GI, s.granted / GI, s.bound / GI, s.short_by / GI) == ("hm", 2, 4, 4, 2)
    assert (replica.unretired("cluster"), replica.reserved("cluster"), committed(replica.ledger)) == (0, 0, 6)
    assert said(replica.decide("gated-2", STD)) == GRANTED


def test_the_refusal_says_what_cannot_be() -> None:
    replica = Replica()
    replica.decide("gated-0", HM)
    replica.decide("gated-1", HM)
    asks = replica.evaluation("gated-2", HM)
    response = respond(asks.request, decide(replica.ledger, replica.allotment, asks, 1.0).verdict)
    assert response.status is not None
    assert response.status.message.startswith(
        "confinement of pod default/gated-2 to these nodes exceeds pool hm's memory headroom: it adds 2Gi of requests, "
    )
    assert response.status.code == 403


def test_it_is_reserved_for_until_it_is_seen_and_retired_by_a_write() -> None:
    replica = Replica()
    replica.decide("gated-0", HM)
    assert (committed(replica.ledger, "hm"), replica.reserved("hm"), headroom(replica.ledger, "hm")) == (0, 2, 2)
    replica.see("gated-0", 6, confined_to={"pool": "hm"})
    assert (committed(replica.ledger, "hm"), replica.reserved("hm"), replica.unretired("hm")) == (2, 0, 2)
    replica.book(2.0)
    assert (replica.unretired("hm"), committed(replica.ledger)) == (0, 6)
    assert replica.allotment.shared is not None
    assert replica.allotment.shared.floor == 6
    assert recount(replica.ledger.parts(2.0)) == ()


def test_an_attempt_that_lost_a_race_and_is_made_again_costs_nothing_more() -> None:
    replica = Replica()
    assert said(replica.decide("gated-0", HM)) == GRANTED
    assert said(replica.decide("gated-0", HM, at=6)) == GRANTED
    assert (replica.reserved("hm"), replica.unretired("hm")) == (2, 2)
    replica.see("gated-0", 6)  # what made it lose
    assert replica.reserved("hm") == 2
    replica.see("gated-0", 7, confined_to={"pool": "hm"})
    assert (committed(replica.ledger, "hm"), replica.reserved("hm")) == (2, 0)


def test_two_attempts_from_one_object_hold_room_where_each_of_them_leads() -> None:
    replica = Replica()
    assert said(replica.decide("gated-0", HM)) == GRANTED
    assert said(replica.decide("gated-0", STD)) == GRANTED
    assert (replica.reserved("hm"), replica.reserved("std"), replica.reserved("cluster")) == (2, 2, 0)
    replica.see("gated-0", 6, confined_to={"pool": "std"})
    assert (replica.reserved("hm"), replica.reserved("std"), committed(replica.ledger, "std")) == (0, 0, 2)


def test_the_same_change_asked_again_reserves_nothing_new() -> None:
    replica = Replica()
    assert said(replica.decide("gated-0", HM)) == GRANTED
    assert said(replica.decide("gated-1", HM)) == GRANTED
    assert said(replica.decide("gated-0", HM)) == GRANTED
    assert replica.unretired("hm") == 4


def test_one_that_the_view_does_not_know_is_judged_by_the_object_under_review() -> None:
    replica = Replica()
    assert said(replica.decide("unseen", HM)) == GRANTED
    assert (replica.unretired("cluster"), replica.unretired("hm")) == (0, 2)


def test_one_that_the_view_shows_there_already_costs_nothing_more() -> None:
    replica = Replica()
    replica.see("gated-0", 6, confined_to={"pool": "hm"})
    assert replica.ledger.growth(replica.info("gated-0", HM), "hm").memory_requests == 0


def test_one_whose_creation_is_still_open_costs_its_size_once_in_each_scope() -> None:
    replica = Replica()
    replica.ledger.grant(pod("new", 2, uid="new"), 1.0)
    assert said(replica.decide("new", HM, at=9)) == GRANTED
    assert (replica.reserved("cluster"), replica.reserved("hm")) == (2, 2)
    replica.see("new", 9)
    assert (replica.reserved("cluster"), replica.reserved("hm")) == (0, 2)


def test_a_change_within_the_pool_costs_nothing() -> None:
    replica = Replica()
    replica.see("gated-0", 6, confined_to={"pool": "hm"})
    replica.ledger.see_node(
        NodeInfo("h", Allocatable(4 * GI, 4000), ready=True, labels=(("pool", "hm"), ("zone", "a"))), 1.0
    )
    narrower = {"nodeSelector": {"pool": "hm", "zone": "a"}}
    assert said(replica.decide("gated-0", narrower, at=6, old=GATED | HM)) == GRANTED
    assert replica.unretired("hm") == 0


def test_one_that_never_came_lapses_and_a_pod_that_goes_settles_it() -> None:
    replica = Replica()
    replica.decide("gated-0", HM)
    replica.decide("gated-1", HM)
    replica.ledger.gone(pod("gated-1", 2, uid="gated-1", revision=6))
    assert (replica.reserved("hm"), replica.unretired("hm")) == (2, 4)
    replica.ledger.prove(46.0)
    assert [name for name, _ in replica.allotment.grants.lapse()] == ["default/gated-0"]
    assert replica.reserved("hm") == 0


def test_a_dry_run_is_judged_and_reserves_nothing() -> None:
    replica = Replica()
    assert said(replica.decide("gated-0", HM, dryRun=True)) == GRANTED
    assert replica.unretired("hm") == 0


def test_what_policy_lets_in_is_counted_past_the_bound() -> None:
    replica = Replica(f"{POOLS}\nmode: warn")
    for number in range(2):
        replica.decide(f"gated-{number}", HM)
    asks = replica.evaluation("gated-2", HM)
    verdict = decide(replica.ledger, replica.allotment, asks, 1.0).verdict
    assert (verdict.decision, verdict.reason) == (Decision.WARN, Reason.MEMORY)
    replica.decide("gated-2", HM)
    assert replica.reserved("hm") == 6


def test_where_a_pool_is_bounded_by_nothing_else_the_cluster_being_over_is_no_matter() -> None:
    replica = Replica()
    replica.see("large", 6)
    replica.ledger.see(pod("larger", 20, uid="larger", revision=7))
    assert headroom(replica.ledger) < 0
    assert said(replica.decide("gated-0", HM)) == GRANTED


def test_what_others_granted_is_news_that_a_call_must_reach() -> None:
    replica = Replica()
    assert replica.ledger.born_revision == 5
    replica.see("gated-0", 8)
    assert replica.ledger.born_revision == 5
    replica.see("gated-0", 9, confined_to={"pool": "hm"})
    assert replica.ledger.born_revision == 9


def shortfall(replica: Replica, name: str, now: float = 1.0) -> Shortfall | None:
    return replica.allotment.grants.shortfall(replica.info(name, HM, userInfo={"username": "kueue"}), now)


def test_what_sends_pods_somewhere_is_within_the_credit_of_their_owner() -> None:
    replica = Replica(credit=True)
    assert said(replica.decide("gated-0", HM, userInfo={"username": "kueue"})) == GRANTED
    short = shortfall(replica, "gated-1")
    assert short is not None
    assert (short.cause, short.awaited / GI, short.example) == (Cause.EARLIER, 2, "default/gated-0")
    replica.see("gated-0", 6, confined_to={"pool": "hm"})
    assert shortfall(replica, "gated-1") is None


def test_one_that_never_came_is_held_against_its_owner_until_another_comes() -> None:
    replica = Replica(credit=True)
    replica.decide("gated-0", HM, userInfo={"username": "kueue"})
    replica.ledger.prove(50.0)
    replica.allotment.grants.lapse()
    assert [worse.subject for worse in replica.allotment.grants.worse] == ["default/~kueue", "default"]
    short = shortfall(replica, "gated-1", 51.0)
    assert short is not None
    assert short.cause is Cause.PAUSED
    replica.see("gated-1", 6, confined_to={"pool": "hm"})
    assert shortfall(replica, "gated-2", 52.0) is None
