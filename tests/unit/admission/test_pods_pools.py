"""Pods on their way into a pool later than by their creation: updates of gated ones, and bindings, at a replica."""

import logging
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from tests.support.accounts import node, pod
from tests.support.pool_reviews import POOLS
from tests.support.replica import Judge, ready, response, waits
from tests.support.sample_reviews import body
from tests.support.updates import numbers, update
from webhook.admission.decision_record import DecisionRecord
from webhook.http.messages import Response
from webhook.observability.audit_record import line
from webhook.observability.events import refused
from webhook.observability.metrics import Reviews


def pooled() -> Judge:
    """A replica that knows of a node outside of the pools, one of 4Gi in `hm`, and three pods of 2Gi that wait."""
    judge = ready(POOLS)
    judge.admission.state.see_node(node("h", 4, pool="hm"))
    for number in range(3):
        judge.admission.state.see_pod(pod(f"p{number}", 2, uid=f"p{number}", revision=101))
    return judge


def bind(name: str, to: str) -> bytes:
    """A scheduler's review."""
    return body(
        kind={"group": "", "version": "v1", "kind": "Binding"},
        resource={"group": "", "version": "v1", "resource": "pods"},
        subResource="binding",
        operation="CREATE",
        namespace="default",
        name=name,
        uid=f"review-{next(numbers)}",
        object={"metadata": {"name": name, "uid": name}, "target": {"kind": "Node", "name": to}},
    )


@pytest.mark.parametrize("ask", [update, lambda name: bind(name, "h")], ids=["update", "binding"])
def test_what_comes_into_a_pool_waits_for_its_booking_and_the_third_is_refused(ask: Any) -> None:
    judge = pooled()
    first, second, third = (judge.ask(ask(f"p{number}")) for number in range(3))
    judge.book()
    assert response(waits(first).answer.result(0))["allowed"]
    assert response(waits(second).answer.result(0))["allowed"]
    judge.book()
    answer = third if isinstance(third, Response) else third.answer.result(0)
    assert not response(answer)["allowed"]
    assert (
        "exceeds pool hm's memory headroom: it adds 2Gi of requests, 0 is free (4Gi of 4Gi"
        in response(answer)["status"]["message"]
    )


def test_without_an_account_what_changes_nothing_passes_and_the_rest_is_asked_again() -> None:
    judge = Judge()
    for settings in (None, POOLS):
        if settings:
            judge.configure(settings)
        for asked in (update("p0"), bind("p0", "h")):
            answer = judge.ask(asked)
            assert isinstance(answer, Response)
            assert (answer.status, answer.retry_after) == (503, 1)
    judge.configure("")
    for asked in (update("p0"), bind("p0", "h")):
        assert response(judge.ask(asked))["allowed"], "there are no pools"
    judge.configure(f"{POOLS}\nmode: warn")
    assert response(judge.ask(bind("p0", "h")))["allowed"]


def test_refusals_are_audited_told_to_the_owner_and_metered_by_what_was_asked() -> None:
    judge = pooled()
    registry = CollectorRegistry()
    reviews = Reviews(registry)
    told: list[Any] = []

    def observe(decided: DecisionRecord) -> None:
        told.append(decided)
        reviews.record(decided)

    judge.admission._observe = observe
    judge.admission.state.see_pod(pod("full", 3, "h", revision=102))
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": "job", "uid": "job-1", "controller": True}
    judge.ask(update("p0", ownerReferences=[owner]))
    judge.ask(bind("p1", "h"))
    assert [line(each, "r", 0.0).kind for each in told] == ["Pod", "Binding/binding"]
    assert [line(each, "r", 0.0).asked_requests_bytes for each in told] == [2 << 30, 2 << 30]
    occurrences = [refused(each) for each in told]
    assert occurrences[0] is not None
    assert (occurrences[0].action, occurrences[0].reason) == ("UpdatePod", "MemoryCommitmentExceeded")
    assert occurrences[1] is None
    shown = generate_latest(registry).decode()
    assert 'kind="Pod",operation="UPDATE",reason="MemoryCommitmentExceeded",verdict="deny"' in shown
    assert 'kind="Pod/binding",operation="CREATE",reason="MemoryCommitmentExceeded",verdict="deny"' in shown


def test_a_pod_that_lives_again_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    judge = pooled()
    state = judge.admission.state
    state.see_pod(pod("ended", 1, revision=102, counts=False))
    with caplog.at_level(logging.WARNING, "webhook.state.cluster_state"):
        state.see_pod(pod("ended", 1, revision=103))
    assert "pod 'default/ended' grew without a review" in caplog.text
    assert "made to live again" in caplog.text
