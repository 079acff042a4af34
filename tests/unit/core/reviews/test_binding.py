"""Bindings under review: a pod needs room in the pool of the node that it is bound to, unless it is charged there."""

from typing import Any

import pytest
from msgspec.structs import replace

from tests.support.accounts import GI, committed, config, ledger, node, pod
from tests.support.pool_reviews import GRANTED, POOLS, REFUSED, said
from tests.support.sample_reviews import body
from webhook.core.ledger.info import PodInfo
from webhook.core.ledger.recount import recount
from webhook.core.reviews.binding import evaluate_binding
from webhook.core.reviews.decision import Outcome, decide
from webhook.core.reviews.evaluation import Evaluation
from webhook.core.reviews.response import respond
from webhook.core.reviews.review import AdmissionRequest, decode_of_pod
from webhook.core.reviews.verdict import Decision, Reason, Verdict
from webhook.core.sharing.allotment import Allotment, Ask, Timing
from webhook.core.sharing.credit import SHARES, Credit


def binding(name: str, to: str, uid: str | None = None, **request: Any) -> AdmissionRequest:
    """A scheduler's review."""
    target = {"apiVersion": "v1", "kind": "Node", "name": to}
    made: dict[str, Any] = {
        "kind": {"group": "", "version": "v1", "kind": "Binding"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "subResource": "binding",
        "operation": "CREATE",
        "namespace": "default",
        "name": name,
        "userInfo": {"username": "system:kube-scheduler"},
        "object": {"metadata": {"name": name, "uid": name if uid is None else uid}, "target": target},
    }
    return decode_of_pod(body(**(made | request)))


class Replica:
    """Nodes `n` outside of any pool, `h` of 4Gi in `hm` and `s` of 4Gi in `std`; three pods of 2Gi that wait."""

    def __init__(self, settings: str = POOLS, *, credit: bool = False) -> None:
        self.ledger = ledger(settings, node("n", 8), node("h", 4, pool="hm"), node("s", 4, pool="std"))
        for number in range(3):
            self.see(f"p{number}", 5)
        shares = SHARES if credit else None
        timing = Timing(validity=15.0, lapse=45.0)
        self.allotment = Allotment("me", self.ledger, timing, Credit(self.ledger, timing.lapse, shares))
        self.book()  # makes the shared object
        self.book()  # opens it

    def book(self, *asks: Ask) -> None:
        self.allotment.begin(self.allotment.propose(asks, 0.0, "epoch", fresh=True))
        self.allotment.written(self.allotment.revision + 1, 0.0)

    def see(self, name: str, revision: int, node: str = "", **more: Any) -> None:
        self.ledger.see(pod(name, 2, node, uid=name, revision=revision, **more))

    def bind(self, name: str, to: str, **more: Any) -> Outcome:
        asked = evaluate_binding(binding(name, to, **more), self.ledger)
        if isinstance(asked, Verdict):
            return Outcome(asked, settled=True)
        outcome = decide(self.ledger, self.allotment, asked, 1.0)
        if not outcome.settled:
            self.book(Ask(asked.info, asked.forced))
            outcome = decide(self.ledger, self.allotment, asked, 1.0)
        return outcome

    def info(self, name: str, to: str) -> PodInfo:
        asked = evaluate_binding(binding(name, to), self.ledger)
        assert isinstance(asked, Evaluation)
        return asked.info

    def reserved(self, scope: str) -> float:
        return self.ledger.reservations.unseen(scope).memory_requests / GI


def test_what_is_bound_into_a_pool_needs_room_there_and_not_once_more_in_the_cluster() -> None:
    replica = Replica()
    assert said(replica.bind("p0", "h")) == GRANTED
    assert said(replica.bind("p1", "h")) == GRANTED
    assert (replica.reserved("hm"), replica.reserved("cluster")) == (4, 0)
    outcome = replica.bind("p2", "h")
    assert said(outcome) == REFUSED
    assert [s.scope for s in outcome.verdict.sums] == ["hm"]
    assert said(replica.bind("p2", "s")) == GRANTED
    assert said(replica.bind("p2", "n")) == GRANTED


def test_a_refusal_names_the_pod_and_the_pool() -> None:
    replica = Replica()
    replica.bind("p0", "h")
    replica.bind("p1", "h")
    asked = evaluate_binding(binding("p2", "h"), replica.ledger)
    assert isinstance(asked, Evaluation)
    response = respond(asked.request, decide(replica.ledger, replica.allotment, asked, 1.0).verdict)
    assert response.status is not None
    assert response.status.message.startswith(
        "binding of pod default/p2 to this node exceeds pool hm's memory headroom: it adds 2Gi of requests, 0 is free "
    )


def test_it_is_settled_when_the_pod_is_seen_bound_or_gone_and_by_no_other_change() -> None:
    """A binding is tied to no revision: what was reviewed may be written after another change of the pod."""
    replica = Replica()
    replica.bind("p0", "h")
    replica.see("p0", 6)
    assert replica.reserved("hm") == 2
    replica.see("p0", 7, "h")
    assert (committed(replica.ledger, "hm"), replica.reserved("hm")) == (2, 0)
    replica.bind("p1", "h")
    replica.see("p1", 8, "n")
    assert replica.reserved("hm") == 0
    replica.bind("p2", "h")
    replica.ledger.gone(pod("p2", 2, uid="p2", revision=9))
    assert replica.reserved("hm") == 0
    replica.book()
    assert replica.ledger.reservations.unretired("hm").memory_requests == 0
    assert recount(replica.ledger.parts(2.0)) == ()


def test_one_that_fails_lapses_and_is_asked_again_at_no_cost_until_then() -> None:
    replica = Replica()
    for _ in range(3):
        assert said(replica.bind("p0", "h")) == GRANTED
        replica.see("p0", 6)
    assert replica.reserved("hm") == 2
    replica.ledger.prove(46.0)
    assert len(replica.allotment.grants.lapse()) == 1
    assert replica.reserved("hm") == 0


def test_a_pod_that_was_granted_here_may_be_bound_before_it_is_seen() -> None:
    replica = Replica()
    replica.ledger.grant(pod("new", 2, uid="new"), 1.0)
    assert said(replica.bind("new", "h")) == GRANTED
    assert (replica.reserved("cluster"), replica.reserved("hm")) == (2, 2)
    replica.ledger.grant(pod("sent", 2, uid="sent", confined_to={"pool": "std"}), 1.0)
    assert isinstance(evaluate_binding(binding("sent", "s"), replica.ledger), Verdict)
    replica.see("new", 6)
    assert (replica.reserved("cluster"), replica.reserved("hm"), replica.reserved("std")) == (2, 2, 2)


@pytest.mark.parametrize(
    ("settings", "name", "to", "more"),
    [
        pytest.param(POOLS, "p0", "n", {}, id="outside of any pool"),
        pytest.param(POOLS, "sent", "h", {}, id="charged there already"),
        pytest.param(POOLS, "bound", "h", {}, id="bound already"),
        pytest.param(POOLS, "ended", "h", {}, id="at its end"),
        pytest.param("", "p0", "h", {}, id="no pools"),
        pytest.param(POOLS, "unknown", "h", {"namespace": "kube-system"}, id="exempt and unknown"),
    ],
)
def test_what_needs_no_room_passes_at_once(settings: str, name: str, to: str, more: dict[str, Any]) -> None:
    replica = Replica(settings)
    replica.see("sent", 6, confined_to={"pool": "hm"})
    replica.see("bound", 6, "s")
    replica.see("ended", 6, counts=False)
    verdict = evaluate_binding(binding(name, to, **more), replica.ledger)
    assert isinstance(verdict, Verdict)
    assert (verdict.decision, verdict.reason) == (Decision.ALLOW, Reason.FITS)


@pytest.mark.parametrize(("name", "uid", "to"), [("unknown", "unknown", "h"), ("p0", "other", "h"), ("p0", "p0", "x")])
def test_what_the_view_does_not_show_yet_is_asked_again(name: str, uid: str, to: str) -> None:
    outcome = Replica().bind(name, to, uid=uid)
    assert said(outcome) == (Decision.CANNOT_TELL, Reason.UNAVAILABLE, True)
    assert said(Replica(f"{POOLS}\nmode: warn").bind(name, to, uid=uid))[0] is Decision.WARN


def test_a_binding_must_say_which_pod_it_means() -> None:
    outcome = Replica().bind("p0", "h", uid="")
    assert said(outcome) == (Decision.DENY, Reason.INVALID, True)
    assert "metadata.uid: is missing" in outcome.verdict.detail
    assert Replica().bind("p0", "n", uid="").verdict.decision is Decision.ALLOW
    assert Replica().bind("p0", "h", object=None).verdict.reason is Reason.INVALID


def test_policy_holds() -> None:
    replica = Replica(f"{POOLS}\nmode: warn")
    for number in range(3):
        assert replica.bind(f"p{number}", "h").verdict.allowed
    assert replica.reserved("hm") == 6
    assert Replica().bind("p0", "h", dryRun=True).settled
    assert config(POOLS).pools


def test_the_older_way_to_bind_is_known_too() -> None:
    older = binding("p0", "h", subResource="", resource={"group": "", "version": "v1", "resource": "bindings"})
    assert older.is_binding
    assert not binding("p0", "h", subResource="").is_binding
    assert evaluate_binding(binding("p0", "h", operation="DELETE"), Replica().ledger) == Verdict(
        Decision.ALLOW, Reason.NOT_JUDGED, detail="DELETE binds nothing"
    )


def test_bindings_are_within_the_credit_of_the_user_who_binds_and_one_that_came_speaks_for_the_others() -> None:
    replica = Replica(credit=True)
    assert said(replica.bind("p0", "h")) == GRANTED
    replica.ledger.prove(50.0)
    replica.allotment.grants.lapse()
    assert len(replica.allotment.grants.worse) == 2
    assert len(replica.ledger.history) == 2
    replica.see("p1", 6, "s", confined_to={"pool": "std"})
    assert len(replica.ledger.history) == 2, "no grant was settled by this one"
    replica.ledger.grant(replica.info("p2", "h"), 51.0)
    replica.see("p2", 7, "h")
    assert len(replica.ledger.history) == 0


def test_who_has_an_exempt_priority_class_is_bound_whatever_the_account_says() -> None:
    exempting = f"{POOLS}\nexempt: {{priorityClasses: [vital], priorityClassNamespaces: [default]}}"
    replica = Replica(exempting)
    replica.ledger.see(replace(pod("p0", 2, uid="p0", revision=6), priority_class="vital"))
    asked = evaluate_binding(binding("p0", "h"), replica.ledger)
    assert isinstance(asked, Evaluation)
    assert asked.exempt == "priority class vital is exempt in namespace default"
    claims = replace(pod("p1", 2, uid="p1", revision=6), of_daemon_set=True)
    replica.ledger.see(claims)
    asked = evaluate_binding(binding("p1", "h"), replica.ledger)
    assert isinstance(asked, Evaluation)
    assert asked.exempt is None
