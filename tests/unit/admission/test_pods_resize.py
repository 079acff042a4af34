"""Resizes on their way through a replica: without an account, waiting for a booking, in the log and the metrics."""

import logging

import pytest
from prometheus_client import CollectorRegistry

from tests.support.accounts import GI, pod
from tests.support.replica import Judge, ready, response, waits
from tests.support.sample_reviews import memory, resize
from webhook.http.messages import Response
from webhook.observability.audit_record import line
from webhook.observability.events import refused
from webhook.observability.metrics import Reviews


def grow(new: str) -> bytes:
    """A review of the resize of a pod of 1Gi."""
    return resize(memory("1Gi"), memory(new), revision="101")


def lives(judge: Judge, size: float = 1, revision: int = 101, *, infeasible: bool = False) -> None:
    """Show the pod."""
    shown = pod("web-7", size, "node", uid="pod-1", revision=revision, infeasible=infeasible)
    judge.admission.state.see_pod(shown)


def running(memory: float = 8) -> Judge:
    judge = ready(memory=memory)
    lives(judge)
    return judge


def test_without_an_account_what_does_not_grow_passes_and_what_does_is_asked_again() -> None:
    judge = Judge()
    assert response(judge.ask(resize(memory("2Gi"), memory("1Gi")))) == {"uid": "review-1", "allowed": True}
    answer = judge.ask(grow("2Gi"))
    assert isinstance(answer, Response)
    assert (answer.status, answer.retry_after) == (503, 1)


def test_of_two_resizes_of_one_pod_that_wait_each_gets_its_own_answer() -> None:
    judge = running()
    fits, does_not = judge.ask(grow("7Gi")), judge.ask(grow("9Gi"))
    assert judge.book()
    assert response(waits(fits).answer.result(0))["allowed"]
    assert not response(does_not)["allowed"]


def test_of_two_that_wait_beside_another_replica_the_one_that_was_booked_is_let_in_alone() -> None:
    judge = running()
    small, large = waits(judge.ask(grow("6Gi"))), waits(judge.ask(grow("8Gi")))
    judge.admission.state.see_pod(pod("other", 2, revision=102))
    judge.book()
    assert response(small.answer.result(0))["allowed"]
    assert not response(large.answer.result(0))["allowed"]


def test_a_refused_growth_is_audited_with_what_it_would_add() -> None:
    judge = running()
    told = response(judge.ask(grow("9Gi")))
    assert told["status"]["message"].startswith("growth of pod default/web-7 exceeds the cluster's memory ")
    written = line(judge.decided[-1], "r1", 0.0)
    assert (written.kind, written.operation, written.asked_requests_bytes) == ("Pod/resize", "UPDATE", 8 * GI)
    assert written.message == told["status"]["message"]


def test_the_event_of_a_refused_growth_says_that_it_was_a_resize() -> None:
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "owner", "controller": True}
    judge = running()
    judge.ask(resize(memory("1Gi"), memory("9Gi"), revision="101", metadata={"ownerReferences": [owner]}))
    told = refused(judge.decided[-1])
    assert told is not None
    assert (told.action, told.regarding.name) == ("ResizePod", "web")


def test_a_resize_is_counted_apart_from_a_create() -> None:
    judge = running()
    judge.ask(grow("2Gi"))
    registry = CollectorRegistry()
    Reviews(registry).record(judge.decided[-1])
    labels = {"operation": "UPDATE", "kind": "Pod/resize", "verdict": "allow", "reason": "Fits", "dry_run": "false"}
    assert registry.get_sample_value("headroom_admission_reviews_total", labels) == 1


def test_a_pod_that_grows_because_its_resize_became_feasible_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    judge = running()
    lives(judge, 1, 102, infeasible=True)
    assert caplog.text == ""
    lives(judge, 3, 103)
    assert "pod 'default/web-7' grew without a review" in caplog.text


def test_growth_that_a_list_shows_is_logged_as_well(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    judge = running()
    lives(judge, 1, 102, infeasible=True)
    judge.admission.state.relist_pods([pod("web-7", 3, "node", uid="pod-1", revision=104)], 104)
    assert "1 pods grew without a review" in caplog.text
