"""The way of a review: what is said when the account is there, when it is not, and when something goes wrong."""

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs

from tests.support.accounts import node, pod
from tests.support.replica import Judge, ready, response, review, waits
from tests.unit.core.quotas.making import a_quota
from webhook.admission.decision_record import DecisionRecord
from webhook.admission.pending import PendingReview
from webhook.admission.pods import PodAdmission
from webhook.core.reviews.response import respond
from webhook.core.reviews.review import AdmissionRequest
from webhook.core.reviews.verdict import Decision, Reason
from webhook.core.sharing.allotment import Timing
from webhook.http.messages import Response
from webhook.state.cluster_state import ClusterState

REFUSED = 403
UNAVAILABLE = 503


def sent_back(answer: Response | PendingReview) -> str:
    """Take the text of an answer that says to ask again."""
    assert isinstance(answer, Response)
    assert (answer.status, answer.retry_after, answer.content_type) == (503, 1, "text/plain; charset=utf-8")
    return answer.body.decode().strip()


def test_a_pod_that_fits_is_let_in_without_a_word() -> None:
    judge = ready()
    assert response(judge.ask(review())) == {"uid": "review-web", "allowed": True}
    assert [d.verdict.reason for d in judge.decided] == [Reason.FITS]


def test_a_pod_that_does_not_fit_is_refused_with_the_figures() -> None:
    judge = ready()
    said = response(judge.ask(review(memory="9Gi")))
    assert not said["allowed"]
    assert said["status"]["code"] == REFUSED
    assert "it adds 9Gi of requests, 8Gi is free (0 of 8Gi committed" in said["status"]["message"]
    assert [each.scope for each in judge.decided[0].figures] == ["cluster"]


def test_what_is_let_in_counts_before_the_watch_shows_it() -> None:
    judge = ready()
    response(judge.ask(review("a", "4Gi")))
    assert not response(judge.ask(review("b", "5Gi")))["allowed"]


def test_a_deleted_pod_gives_its_room_back() -> None:
    judge = ready()
    judge.admission.state.see_pod(pod("old", 8, revision=101))
    assert not response(judge.ask(review()))["allowed"]
    judge.admission.state.pod_gone(pod("old", 8, revision=102))
    assert response(judge.ask(review()))["allowed"]


def test_a_node_that_is_gone_takes_its_room_with_it() -> None:
    judge = ready()
    judge.admission.state.node_gone("node")
    assert not response(judge.ask(review()))["allowed"]
    judge.admission.state.see_node(node("node", 8))
    assert response(judge.ask(review()))["allowed"]


def test_a_body_that_is_no_review_is_told_so_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    answer = ready().ask(b"{}")
    assert isinstance(answer, Response)
    assert (answer.status, answer.retry_after) == (400, None)
    assert b"send admission.k8s.io/v1 AdmissionReview" in answer.body
    assert "refused a request to /validate" in caplog.text


def test_an_unknown_kind_is_refused_with_what_to_do() -> None:
    said = response(ready().ask(review(kind={"group": "apps", "version": "v1", "kind": "Deployment"})))
    assert (said["allowed"], said["status"]["code"]) == (False, 400)
    assert "limit the webhook's rules to pods" in said["status"]["message"]


def test_what_is_no_create_passes_without_an_account() -> None:
    assert response(Judge().ask(review(operation="DELETE")))["allowed"]


# -- cannot tell -------------------------------------------------------------------------------------------------------


def unconfigured(judge: Judge) -> None:
    judge.sync()


def unlisted(judge: Judge) -> None:
    judge.configure()


def broken(judge: Judge) -> None:
    judge.configure()
    judge.sync()
    judge.admission.state.tell_broken(judge.admission.state.pods, "connection reset")
    judge.clock.wait(5.0)


@pytest.mark.parametrize(
    ("lacking", "text"),
    [
        (unconfigured, "the ConfigMap headroom-config has not been read yet"),
        (unlisted, "the pods are still being listed"),
        (broken, "the watch on pods has been broken for {} s (connection reset)"),
    ],
)
def test_without_an_account_the_api_server_is_to_ask_again_and_then_the_pod_is_refused(
    lacking: Callable[[Judge], None], text: str
) -> None:
    judge = Judge()
    lacking(judge)
    asked = review(created=judge.clock())
    for second in range(4):
        assert sent_back(judge.ask(asked, timeout=5.0)) == text.format(5 + second)
        judge.clock.wait(1.0)
    said = response(judge.ask(asked, timeout=5.0))
    assert (said["allowed"], said["status"]["code"]) == (False, UNAVAILABLE)
    assert "AccountUnavailable" in said["status"]["message"]
    assert [d.verdict.reason for d in judge.decided] == [Reason.UNAVAILABLE]
    assert judge.admission.sent_back == 4


def test_too_little_time_to_ask_again_means_an_answer_at_once() -> None:
    assert not response(Judge().ask(review(), timeout=1.5))["allowed"]


@pytest.mark.parametrize("mode", ["warn", "audit"])
def test_outside_enforce_a_pod_is_let_in_with_a_warning(mode: str) -> None:
    judge = Judge()
    judge.configure(f"mode: {mode}")
    said = response(judge.ask(review(), timeout=5.0))
    assert said["allowed"]
    assert "the pods are still being listed" in said["warnings"][0]


def test_a_watch_that_is_live_again_answers_again() -> None:
    judge = ready()
    for feed in (judge.admission.state.pods, judge.admission.state.nodes):
        judge.admission.state.tell_broken(feed, "reset")
    judge.clock.wait(5.0)
    sent_back(judge.ask(review()))
    judge.admission.state.tell_live(judge.admission.state.pods)
    assert "nodes" in sent_back(judge.ask(review()))
    judge.admission.state.tell_live(judge.admission.state.nodes)
    waiting = waits(judge.ask(review()))
    assert judge.book(), "etcd may have been put back, so a write comes first"
    assert response(waiting.answer.result(0))["allowed"]


def test_after_a_long_outage_nothing_is_booked_before_the_pods_are_listed() -> None:
    judge = ready()
    judge.admission.state.tell_broken(judge.admission.state.pods, "reset")
    judge.clock.wait(5.0)
    judge.admission.state.tell_live(judge.admission.state.pods)
    waiting = waits(judge.ask(review(memory="8Gi")))
    assert judge.book()
    assert not judge.book()
    judge.sync()
    assert judge.book()
    assert response(waiting.answer.result(0))["allowed"]


def test_a_watch_may_be_opened_anew_without_anybody_noticing() -> None:
    judge = ready()
    judge.admission.state.tell_broken(judge.admission.state.pods, "the API server ended the watch")
    judge.clock.wait(4.9)
    assert response(judge.ask(review()))["allowed"]


def test_what_policy_lets_in_counts_even_if_nobody_can_tell() -> None:
    judge = ready("mode: warn")
    judge.admission.state.tell_broken(judge.admission.state.pods, "reset")
    judge.clock.wait(5.0)
    assert response(judge.ask(review(memory="3Gi")))["allowed"]
    assert judge.admission.state._guarded.ledger.balance("cluster").unseen.memory_requests == 3 << 30


def test_readiness_says_what_is_missing() -> None:
    judge = Judge()
    assert judge.admission.state.readiness.unready() == "the ConfigMap headroom-config has not been read yet"
    judge.admission.state.lack_config("the ConfigMap headroom-config does not exist: create it")
    assert judge.admission.state.readiness.unready() == "the ConfigMap headroom-config does not exist: create it"
    judge.configure()
    judge.sync()
    assert "holds no valid share" in str(judge.admission.state.readiness.unready())
    judge.prepare()
    assert judge.admission.state.readiness.unready() is None
    judge.clock.wait(Timing().validity)
    assert "holds no valid share" in str(judge.admission.state.readiness.unready())


# -- once is enough ----------------------------------------------------------------------------------------------------


def test_the_same_pod_asked_again_costs_nothing_more() -> None:
    judge = ready()
    for attempt in range(20):
        assert response(judge.ask(review(memory="4Gi", uid=f"review-{attempt}")))["allowed"]
    assert judge.admission.state._guarded.ledger.balance("cluster").unseen.memory_requests == 4 << 30


def test_another_pod_of_the_same_name_costs_the_larger_of_the_two() -> None:
    judge = ready()
    for uid in ("one", "two"):
        again: dict[str, Any] = json.loads(review(memory="3Gi"))["request"]["object"]
        again["metadata"]["uid"] = uid
        assert response(judge.ask(review(uid=uid, object=again)))["allowed"]
    assert judge.admission.state._guarded.ledger.balance("cluster").unseen.memory_requests == 3 << 30


def test_a_dry_run_is_judged_and_costs_nothing() -> None:
    judge = ready()
    for name in ("a", "b", "c"):
        assert response(judge.ask(review(name, "8Gi", dryRun=True)))["allowed"]
    assert not response(judge.ask(review("d", "9Gi", dryRun=True)))["allowed"]
    assert len(list(judge.admission.state._guarded.ledger.reservations)) == 0


# -- waiting for a booking ---------------------------------------------------------------------------------------------


def test_what_the_share_does_not_cover_is_let_in_by_the_next_write() -> None:
    judge = ready()
    waiting = waits(judge.ask(review(memory="8Gi")))
    assert not waiting.answer.done()
    assert judge.book()
    assert response(waiting.answer.result(0))["allowed"]


def test_several_that_wait_share_one_write() -> None:
    judge = ready()
    waiting = [waits(judge.ask(review(name, "5Gi"))) for name in ("a", "b")]
    waiting += [waits(judge.ask(review("c", "4.5Gi")))]
    judge.book()
    said = [response(each.answer.result(0))["allowed"] for each in waiting]
    assert said == [True, False, False], "the first comes first, and for the others nothing is left"


def test_a_write_that_failed_lets_nobody_in_and_costs_nothing() -> None:
    judge = ready()
    waiting = waits(judge.ask(review(memory="8Gi")))
    assert judge.admission.state.bookings.next_proposal("epoch", fresh=False, may_write=True)
    judge.admission.state.bookings.failed()
    assert not waiting.answer.done()
    assert judge.admission.state._guarded.ledger.balance("cluster").unseen.memory_requests == 0
    judge.book()
    assert response(waiting.answer.result(0))["allowed"]


def test_who_waits_is_refused_once_there_is_no_room() -> None:
    judge = ready()
    waiting = waits(judge.ask(review(memory="8Gi")))
    judge.admission.state.see_pod(pod("other", 1, revision=101))
    judge.book()
    assert not response(waiting.answer.result(0))["allowed"]


def test_who_waits_for_too_long_is_sent_to_ask_again() -> None:
    judge = ready()
    waiting = waits(judge.ask(review(memory="8Gi"), timeout=10.0))
    assert judge.admission.patience(waiting) == 2.0
    judge.clock.wait(2.0)
    judge.admission.give_up(waiting)
    assert sent_back(waiting.answer.result(0)) == "this replica could not book its share in time"


def test_the_booking_thread_sends_away_whoever_nobody_else_does() -> None:
    judge = ready()
    waiting = waits(judge.ask(review(memory="8Gi")))
    judge.clock.wait(2.0)
    assert judge.admission.state.bookings.next_proposal("epoch", fresh=False, may_write=False) is None
    sent_back(waiting.answer.result(0))


def test_the_second_wait_ends_before_the_api_server_gives_up() -> None:
    judge = ready()
    waiting = waits(judge.ask(review(memory="8Gi"), timeout=5.0))
    judge.clock.wait(2.0)
    judge.admission.give_up(waiting)
    sent_back(waiting.answer.result(0))
    judge.clock.wait(1.0)
    waiting = waits(judge.ask(review(memory="8Gi"), timeout=5.0))
    assert judge.admission.patience(waiting) == 1.5, "it gives up 5 s after it asked first"
    judge.clock.wait(1.5)
    judge.admission.give_up(waiting)
    said = response(waiting.answer.result(0))
    assert (said["allowed"], said["status"]["code"]) == (False, UNAVAILABLE)


def test_who_was_booked_for_after_giving_up_is_let_in_when_it_asks_again() -> None:
    judge = ready()
    waiting = waits(judge.ask(review(memory="8Gi")))
    proposed = judge.admission.state.bookings.next_proposal("epoch", fresh=False, may_write=True)
    assert proposed
    judge.clock.wait(2.0)
    judge.admission.give_up(waiting)
    sent_back(waiting.answer.result(0))
    judge.admission.state.bookings.written(proposed[0], proposed[1] + 1)
    assert response(judge.ask(review(memory="8Gi")))["allowed"]
    assert judge.admission.state._guarded.ledger.balance("cluster").unseen.memory_requests == 8 << 30


def test_giving_up_twice_or_too_late_changes_nothing() -> None:
    judge = ready()
    waiting = waits(judge.ask(review(memory="8Gi")))
    judge.book()
    judge.admission.give_up(waiting)
    judge.admission.give_up(waiting)
    assert response(waiting.answer.result(0))["allowed"]
    assert len(judge.decided) == 1


def test_who_left_while_waiting_disturbs_nobody() -> None:
    judge = ready()
    gone, waiting = waits(judge.ask(review("a", "4.5Gi"))), waits(judge.ask(review("b", "5Gi", dryRun=None)))
    assert gone.answer.cancel()
    judge.book()
    assert not response(waiting.answer.result(0))["allowed"], "what was booked for the first may still be used"


HALF = "thresholds: {memory: {requests: 50%}}"


@pytest.mark.parametrize("mode", ["warn", "audit"])
def test_policy_lets_in_whoever_waited_in_vain_and_counts_it(mode: str) -> None:
    judge = ready(f"mode: {mode}\n{HALF}", memory=16)
    judge.admission.state.see_pod(pod("lives", 2, revision=101))
    waiting = waits(judge.ask(review(memory="7Gi")))
    judge.clock.wait(2.0)
    judge.admission.give_up(waiting)
    assert response(waiting.answer.result(0))["allowed"]
    assert judge.admission.state._guarded.ledger.balance("cluster").unseen.memory_requests == 7 << 30


def test_the_booking_thread_is_woken_by_whoever_waits() -> None:
    judge = ready()
    judge.admission.state.bookings.await_work(0.0)
    waits(judge.ask(review(memory="8Gi")))
    assert judge.admission.state._guarded.wakeup._work
    judge.admission.state.bookings.await_work(60.0)


@pytest.mark.parametrize(
    "come",
    [
        lambda state, revision: state.see_pod(pod("seen", revision=revision)),
        lambda state, revision: state.pod_gone(pod("gone", revision=revision)),
        lambda state, revision: state.bookmark(revision),
    ],
)
def test_the_booking_thread_is_woken_once_the_view_has_come_to_the_floor(
    come: Callable[[ClusterState, int], None],
) -> None:
    state = ready().admission.state
    assert state._guarded.allotment.shared is not None
    ahead = structs.replace(
        state._guarded.allotment.shared, serial=state._guarded.allotment.shared.serial + 1, floor=150
    )
    state.bookings.observe(ahead, state._guarded.allotment.revision + 1)
    state.bookings.await_work(0.0)
    work = []
    for revision in (149, 150):
        come(state, revision)
        work.append(state._guarded.wakeup._work)
    assert work == [False, True]


# -- reservations that nobody used -------------------------------------------------------------------------------------


def test_a_reservation_whose_pod_never_came_lapses_with_a_view_proven_after_that(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    judge = ready()
    response(judge.ask(review(memory="4Gi")))
    granted = judge.clock.now
    judge.clock.wait(Timing().lapse)
    assert judge.admission.state.bookings.wants_proof()
    judge.admission.state.prove(granted + Timing().lapse - 0.1)
    assert judge.admission.state.lapsed == 0
    judge.admission.state.prove(granted + Timing().lapse)
    assert judge.admission.state.lapsed == 1
    assert judge.admission.state._guarded.ledger.balance("cluster").unseen.memory_requests == 0
    assert "1 reservations lapsed: their pods never came, such as 'default/web'" in caplog.text


# -- what should never happen ------------------------------------------------------------------------------------------


class Unforeseen(Exception):  # noqa: N818 - its name is looked for in the log
    """Something that nobody thought of."""


def fail(*_: object, **__: object) -> None:
    raise Unforeseen


@pytest.mark.parametrize(("mode", "allowed"), [("enforce", False), ("warn", True), ("audit", True)])
def test_an_unforeseen_error_is_cannot_tell_with_a_traceback_in_the_log_only(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, mode: str, allowed: bool
) -> None:
    judge = ready(f"mode: {mode}")
    monkeypatch.setattr("webhook.state.reviews.decide", fail)
    said = response(judge.ask(review(uid="line\\break"), timeout=1.0))
    assert said["allowed"] is allowed
    assert "an unforeseen error, see Headroom's log" in json.dumps(said)
    assert "Unforeseen" not in json.dumps(said)
    assert "Traceback" in caplog.text
    assert r"review 'line\\break' could not be judged" in caplog.text


def test_after_an_unforeseen_error_the_next_review_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = ready()
    with monkeypatch.context() as patch:
        patch.setattr("webhook.state.reviews.decide", fail)
        sent_back(judge.ask(review()))
    assert response(judge.ask(review()))["allowed"]


def test_where_one_answer_cannot_be_made_the_others_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = ready()
    bad, good = waits(judge.ask(review("bad", "4.5Gi"))), waits(judge.ask(review("good", "5Gi")))

    def fails_for_one(request: AdmissionRequest, *others: Any) -> Any:
        return fail() if request.name == "bad" else respond(request, *others)

    monkeypatch.setattr("webhook.admission.pods.respond", fails_for_one)
    judge.book()
    with pytest.raises(Unforeseen):
        bad.answer.result(0)
    assert not response(good.answer.result(0))["allowed"]


def test_who_was_settled_is_answered_though_no_proposal_can_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = ready()
    waiting = waits(judge.ask(review(memory="8Gi")))
    judge.clock.wait(Timing().renew)
    monkeypatch.setattr(judge.admission.state._guarded.allotment, "propose", fail)
    with pytest.raises(Unforeseen):
        judge.admission.state.bookings.next_proposal("epoch", fresh=False, may_write=True)
    sent_back(waiting.answer.result(0))


def test_a_decision_that_cannot_be_recorded_stands_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    def observe(decided: DecisionRecord) -> None:
        raise Unforeseen(decided.verdict.decision)

    judge = ready()
    judge.admission = PodAdmission(ClusterState("r1", Timing(), judge.clock, None), observe)
    judge.configure()
    judge.sync()
    judge.prepare()
    assert response(judge.ask(review()))["allowed"]
    waiting = waits(judge.ask(review("large", "6Gi")))
    judge.book()
    assert response(waiting.answer.result(0))["allowed"]
    assert "could not be recorded" in caplog.text


def test_decisions_carry_how_old_the_account_is() -> None:
    judge = ready()
    judge.admission.state.tell_broken(judge.admission.state.nodes, "reset")
    judge.clock.wait(3.0)
    response(judge.ask(review()))
    assert judge.decided[0].age == 3.0
    assert judge.decided[0].verdict.decision is Decision.ALLOW


def test_decisions_carry_how_long_they_took_and_what_they_were_made_by() -> None:
    judge = ready()
    waits(judge.ask(review(memory="8Gi")))
    judge.clock.wait(0.5)
    assert judge.book()
    assert (judge.decided[0].took, judge.decided[0].config_hash) == (0.5, judge.admission.state.basis.config_hash)


# -- quotas ----------------------------------------------------------------------------------------------------------

EXCEEDED = "exceeded quota: q, requested: requests.memory=1Gi, used: requests.memory=4Gi, limited: requests.memory=4Gi"


def full(settings: str = "", namespace: str = "default") -> Judge:
    """Make a replica that can judge, and sees a quota of 4Gi that is used up."""
    judge = ready(settings)
    judge.admission.quotas.relist([a_quota("q", used={"requests.memory": "4Gi"}, namespace=namespace)])
    return judge


def reserved(judge: Judge) -> int:
    return judge.admission.state._guarded.ledger.balance("cluster").unseen.memory_requests


def test_what_its_quota_will_refuse_is_refused_in_the_quotas_words_and_holds_nothing() -> None:
    judge = full()
    said = response(judge.ask(review()))
    assert said["status"] == {"code": REFUSED, "reason": "Forbidden", "message": EXCEEDED}
    assert said["auditAnnotations"] == {"decision": "deny", "reason": "QuotaExceeded"}
    assert reserved(judge) == 0
    (decided,) = judge.decided
    assert (decided.verdict.reason, decided.message) == (Reason.QUOTA, EXCEEDED)


def test_the_quotas_no_comes_before_the_bounds() -> None:
    judge = full()
    assert response(judge.ask(review(memory="9Gi")))["status"]["message"].startswith("exceeded quota: q, ")


def test_the_quotas_no_needs_no_account() -> None:
    judge = Judge()
    judge.admission.quotas.relist([a_quota("q", used={"requests.memory": "4Gi"})])
    assert response(judge.ask(review()))["status"]["message"] == EXCEEDED


@pytest.mark.parametrize("settings", ["mode: warn", "mode: audit", "exempt: {namespaces: [default]}"])
def test_what_policy_lets_pass_on_to_its_quota_holds_nothing_either(settings: str) -> None:
    judge = full(settings)
    for memory in ("1Gi", "9Gi"):  # within what is booked, and past the bound
        assert response(judge.ask(review(memory.lower(), memory)))["allowed"]
    assert reserved(judge) == 0


def test_what_policy_lets_pass_holds_nothing_though_nobody_can_tell() -> None:
    judge = full("mode: warn")
    judge.admission.state.tell_broken(judge.admission.state.pods, "refused")
    judge.clock.wait(60.0)
    said = response(judge.ask(review()))
    assert said["allowed"]
    assert said["warnings"][0].startswith("pod default/web is left to its quota: exceeded quota: q, ")
    assert reserved(judge) == 0


def test_a_dry_run_is_told_the_same() -> None:
    assert response(full().ask(review(dryRun=True)))["status"]["message"] == EXCEEDED


def test_other_namespaces_are_not_concerned() -> None:
    assert response(full(namespace="other").ask(review()))["allowed"]


def test_a_quota_that_is_not_seen_any_more_refuses_nothing() -> None:
    judge = full()
    judge.admission.quotas.tell_broken("refused")
    judge.clock.wait(5.0)
    assert response(judge.ask(review()))["allowed"]


def test_a_quota_has_no_part_in_readiness() -> None:
    judge = ready()
    assert not judge.admission.quotas.usable()
    assert judge.admission.state.readiness.unready() is None
    assert response(judge.ask(review()))["allowed"]


# -- reviews from anybody ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "forged",
    [
        review(uid="u" * (3 << 20)),
        review(name="n" * 200_000),
        review(namespace="n" * 64),
        review(operation="x" * 1000),
        review(kind={"kind": "Pod", "group": "g" * 1000}),
        review(object={"metadata": {"name": "other", "namespace": "elsewhere"}}),
        review(object={"metadata": {"name": "web", "uid": "u" * 1000}}),
        review(object={"metadata": {"name": "web"}, "spec": {"nodeName": "n" * 1000}}),
    ],
    ids=["uid", "name", "namespace", "operation", "group", "another-namespace", "pod-uid", "node"],
)
@pytest.mark.parametrize("judge", [ready(), ready("mode: warn"), Judge()], ids=["enforce", "warn", "no-account"])
def test_what_no_api_server_writes_is_answered_in_a_sentence_and_forgotten(
    judge: Judge, forged: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    answer = judge.ask(forged)
    assert isinstance(answer, Response)
    assert (answer.status, answer.retry_after) == (400, None)
    assert len(answer.body) < 400
    assert len(caplog.text) < 600
    assert "refused a request to /validate" in caplog.text
    assert (judge.decided, judge.admission._deadlines._asked_again) == ([], {})
    assert len(judge.admission.state._guarded.ledger.reservations) == 0


def test_those_who_wait_and_say_much_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webhook.state.pending._HEAVY", 50_000)
    judge = ready("exempt: {namespaces: [infra]}")

    def heavy(name: str, namespace: str = "default") -> bytes:
        asked = json.loads(review(name, "5Gi", namespace=namespace))["request"]["object"]
        asked["metadata"]["namespace"] = namespace
        asked["spec"]["nodeSelector"] = {f"label-{number}": "x" * 60 for number in range(120)}
        return review(name, namespace=namespace, object=asked)

    waiting = waits(judge.ask(heavy("one")))
    assert (
        sent_back(judge.ask(heavy("two")))
        == "too many waiting reviews of pods with a large nodeSelector or node affinity"
    )
    light = waits(judge.ask(review("light", "4.5Gi")))
    judge.clock.wait(2.0)
    for each in (waiting, light):
        judge.admission.give_up(each)
    assert judge.admission.state.reviews.pending._heavy == 0
    waits(judge.ask(heavy("two")))
    assert response(judge.ask(heavy("forced", "infra")))["allowed"]
    assert judge.admission.state._guarded.ledger.balance("cluster").unseen.memory_requests == 0, "no node can hold it"


def test_of_those_that_were_sent_back_only_so_many_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webhook.admission.deadlines._REMEMBERED", 10)
    judge = Judge()
    for number in range(50):
        sent_back(judge.ask(review(uid=f"{number}".ljust(128, "u"))))
    assert len(judge.admission._deadlines._asked_again) == 10
