"""What is shown of a decision is what its audit line says of it."""

import io
import json

import pytest

from tests.support.audit import NOW, writing
from tests.support.replica import Judge, ready, response, review
from webhook.admission.decision_record import DecisionRecord
from webhook.core.events.reference import Reference
from webhook.core.reporting.refusal import Refusal
from webhook.observability.audit_record import line, maker
from webhook.observability.refusal_record import refusal
from webhook.state.room_view import RoomView

CONTROLLER = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": "2", "controller": True}


def shown(judge: Judge, body: bytes) -> Refusal | None:
    response(judge.ask(body))
    decided = judge.decided[-1]
    return refusal(decided, line(decided, "r1", NOW), maker(decided), RoomView(judge.admission.state).scopes_of)


def owned(memory: str = "9Gi", **controller: str) -> bytes:
    asked = json.loads(review(memory=memory))["request"]["object"]
    asked["metadata"]["ownerReferences"] = [CONTROLLER | controller]
    return review(object=asked)


def test_every_field_of_a_row_is_that_of_the_audit_line() -> None:
    judge = ready()
    found = shown(judge, owned())
    assert found is not None
    said, row = line(judge.decided[-1], "r1", NOW), found.row
    named = {name: name for name in row.__struct_fields__ if hasattr(said, name)}
    assert {name: getattr(row, name) for name in named} == {name: getattr(said, name) for name in named}
    assert {"ts", "replica", "reason", "message", "user", "owner_kind", "scope", "short_sums"} <= named.keys()
    assert (row.since, row.count) == (said.ts, 1)
    assert (row.asked_requests, row.asked_limits) == (said.asked_requests_bytes, said.asked_limits_bytes)
    assert (row.short_by_requests, row.short_by_limits) == (said.short_by_requests_bytes, said.short_by_limits_bytes)
    assert row.short_by_requests == 1 << 30


def test_the_controller_and_what_the_pod_asks_come_with_it() -> None:
    found = shown(ready(), owned())
    assert found is not None
    assert found.blocks
    assert found.owner == Reference("apps/v1", "ReplicaSet", "default", "web-1", "2")
    assert found.asks.memory_requests == 9 << 30
    assert found.scopes == ("cluster",)


def test_a_controller_that_cannot_be_one_is_not_taken_for_one() -> None:
    found = shown(ready(), owned(name="../web"))
    assert found is not None
    assert found.owner is None
    assert found.lacking == Reference("v1", "Pod", "default", "web", "")
    assert found.row.owner_name == "../web"


@pytest.mark.parametrize(("mode", "is_shown"), [("warn", True), ("audit", True)])
def test_a_trial_shows_what_it_would_have_refused_and_nobody_is_blocked(mode: str, *, is_shown: bool) -> None:
    found = shown(ready(f"mode: {mode}"), owned())
    assert (found is not None) is is_shown
    assert found is not None
    assert not found.blocks


def test_what_was_let_in_is_not_shown() -> None:
    assert shown(ready(), owned("1Gi")) is None
    assert shown(ready("exempt: {namespaces: [default]}"), owned()) is None


def test_the_audit_log_tells_of_decisions_that_get_a_line_and_of_no_other() -> None:
    judge, told = ready(), list[tuple[DecisionRecord, str]]()
    out = io.BytesIO()
    with writing(out, tell=lambda decided, made, _: told.append((decided, made.reason))) as audit:
        for memory in ("1Gi", "9Gi"):
            response(judge.ask(review(f"web-{memory.lower()}", memory)))
            audit.record(judge.decided[-1])
    assert told == [(judge.decided[-1], "MemoryCommitmentExceeded")]


def test_what_the_audit_log_cannot_queue_is_told_all_the_same() -> None:
    judge, told = ready(), list[str]()
    response(judge.ask(review(memory="9Gi")))
    with writing(io.BytesIO(), tell=lambda *said: told.append(said[1].reason), queue=0) as audit:
        audit.record(judge.decided[-1])
        assert audit.dropped == 1
    assert told == ["MemoryCommitmentExceeded"]
