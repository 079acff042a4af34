"""The audit log: which decisions get a line, the whole line, and what becomes of lines that cannot be written."""

import io
import json
import logging
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from tests.support.accounts import pod
from tests.support.audit import NOW, lines, writing, written
from tests.support.replica import Judge, ready, response, review, waits
from webhook.admission.decision_record import DecisionRecord
from webhook.core.events.reference import Reference
from webhook.observability.audit_log import AuditLog
from webhook.observability.audit_record import worth_a_line


def decision(judge: Judge, body: bytes, timeout: float = 1.0) -> DecisionRecord:
    """Have a review decided."""
    response(judge.ask(body, timeout))
    return judge.decided[-1]


def refused() -> DecisionRecord:
    return decision(ready(), review(memory="9Gi"))


# -- what is in it -----------------------------------------------------------------------------------------------------


def test_a_refusal_is_told_completely() -> None:
    judge = ready()
    response(judge.ask(review("first", "1Gi")))
    asked = json.loads(review())["request"]["object"]
    asked["metadata"]["ownerReferences"] = [
        {"apiVersion": "v1", "kind": "Else", "name": "other", "uid": "1"},
        {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": "2", "controller": True},
    ]
    asked["spec"]["containers"][0]["resources"] = {"requests": {"memory": "7.5Gi"}, "limits": {"memory": "10Gi"}}
    (line,) = written(decision(judge, review(object=asked)))
    message = line.pop("message")
    assert message.startswith(
        "pod default/web exceeds the cluster's memory headroom: it adds 7.5Gi of requests, 7Gi is free (1Gi of 8Gi "
    )
    assert line == {
        "ts": "2026-01-01T00:00:00.250+00:00",
        "schema": 2,
        "event": "decision",
        "decision": "deny",
        "reason": "MemoryCommitmentExceeded",
        "uid": "review-web",
        "dry_run": False,
        "mode": "enforce",
        "operation": "CREATE",
        "user": "someone",
        "kind": "Pod",
        "namespace": "default",
        "name": "web",
        "owner_kind": "ReplicaSet",
        "owner_name": "web-1",
        "owner_uid": "2",
        "scope": "cluster",
        "short_sums": ["cluster/memory-requests"],
        "asked_requests_bytes": 15 << 29,
        "asked_limits_bytes": 10 << 30,
        "committed_requests_bytes": 1 << 30,
        "committed_limits_bytes": 0,
        "bound_requests_bytes": 8 << 30,
        "bound_limits_bytes": None,
        "short_by_requests_bytes": 1 << 29,
        "short_by_limits_bytes": None,
        "allocatable_bytes": 8 << 30,
        "asked_requests_millicores": 0,
        "asked_limits_millicores": None,
        "committed_requests_millicores": 0,
        "committed_limits_millicores": 0,
        "bound_requests_millicores": None,
        "bound_limits_millicores": None,
        "short_by_requests_millicores": None,
        "short_by_limits_millicores": None,
        "allocatable_millicores": 4000,
        "snapshot_age_seconds": 0.0,
        "config_hash": judge.admission.state.basis.config_hash,
        "duration_ms": 0.0,
        "replica": "r1",
        "top_owner_api_version": None,
        "top_owner_kind": None,
        "top_owner_name": None,
        "top_owner_uid": None,
    }


def test_a_pod_without_a_limit_asks_for_no_certain_limit() -> None:
    (line,) = written(refused())
    assert line["asked_limits_bytes"] is None


def test_how_long_it_took_and_how_old_the_account_was_is_told() -> None:
    judge = ready()
    waits(judge.ask(review(memory="8Gi")))
    judge.clock.wait(0.25)
    judge.admission.state.see_pod(pod("other", 1, revision=101))
    judge.admission.state.tell_broken(judge.admission.state.nodes, "reset")
    judge.clock.wait(1.5)
    judge.book()
    (line,) = written(judge.decided[-1])
    assert (line["duration_ms"], line["snapshot_age_seconds"]) == (1750.0, 1.5)


def test_what_nobody_could_tell_is_told_with_what_is_known() -> None:
    (line,) = written(decision(Judge(), review()))
    assert (line["decision"], line["reason"]) == ("cannot_tell", "AccountUnavailable")
    assert "the ConfigMap headroom-config has not been read yet" in line["message"]
    assert line["name"] == "web"


def test_another_kind_is_told_without_a_footprint() -> None:
    (line,) = written(decision(ready(), review(kind={"group": "apps", "kind": "Deployment"})))
    assert (line["kind"], line["reason"]) == ("Deployment", "NotJudged")
    assert line["asked_requests_bytes"] is None
    assert line["scope"] is None


@pytest.mark.parametrize(
    ("settings", "changes", "reason"),
    [
        ("warnAt: 50%", {"memory": "4.5Gi"}, "NearBound"),
        ("mode: warn", {"memory": "9Gi"}, "MemoryCommitmentExceeded"),
        ("mode: audit", {"memory": "9Gi"}, "MemoryCommitmentExceeded"),
        ("exempt: {namespaces: [default]}", {}, "Exempt"),
        ("missingLimits: deny", {}, "MissingLimits"),
        ("", {"memory": "twelve"}, "InvalidPod"),
    ],
)
def test_every_decision_that_is_no_plain_allow_gets_a_line(settings: str, changes: dict[str, Any], reason: str) -> None:
    judge = ready(settings)
    judge.ask(review(**changes))
    while not judge.decided:
        judge.book()
    assert [line["reason"] for line in written(*judge.decided)] == [reason]


def test_a_plain_allow_gets_none() -> None:
    judge = ready()
    decided = [decision(judge, review()), decision(judge, review(operation="DELETE"))]
    assert [worth_a_line(each) for each in decided] == [False, False]
    assert written(*decided) == []


@pytest.mark.parametrize(
    "name", ['"}\n{"event": "forged"}', "\r\n\0\x1b[2J", "\u2028\u0085", "ünï✓💾", "\\", "'" * 5000]
)
def test_hostile_names_stay_inside_one_line_of_json(name: str) -> None:
    """Most of them never come this far (core/reviews/forms.py); a user may be called anything."""
    out = io.BytesIO()
    with writing(out) as audit:
        audit.record(_called(refused(), name))
    assert out.getvalue().count(b"\n") == 1
    line = json.loads(out.getvalue())
    assert (line["name"], line["namespace"], line["user"], line["uid"]) == (name, name, name, name)


def _called(decided: DecisionRecord, name: str) -> DecisionRecord:
    case, evaluation = decided.case, decided.case.evaluation
    assert evaluation is not None
    user = structs.replace(case.request.user_info, username=name)
    request = structs.replace(case.request, uid=name, namespace=name, user_info=user)
    evaluation = structs.replace(evaluation, info=structs.replace(evaluation.info, name=f"{name}/{name}"))
    return structs.replace(decided, case=structs.replace(case, request=request, evaluation=evaluation))


REPLICA_SET = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web-1", "uid": "2", "controller": True}
DEPLOYMENT = Reference("apps/v1", "Deployment", "default", "web", "1")


def _owned() -> DecisionRecord:
    asked = json.loads(review(memory="9Gi"))["request"]["object"]
    asked["metadata"]["ownerReferences"] = [REPLICA_SET]
    return decision(ready(), review(object=asked))


def test_the_top_owner_is_found_by_whoever_writes_and_by_nobody_else() -> None:
    out, found = io.BytesIO(), threading.Event()
    asked: list[tuple[Reference, str]] = []

    def find(owner: Reference) -> Reference:
        assert found.wait(30)
        asked.append((owner, threading.current_thread().name))
        return DEPLOYMENT

    with writing(out, top=find) as audit:
        audit.record(_owned())
        audit.record(refused())
        assert not asked, "who records a decision waits for nobody"
        found.set()
        until_written(out, 2)
    ((owner, thread),) = asked
    assert owner == Reference("apps/v1", "ReplicaSet", "default", "web-1", "2")
    assert thread != threading.current_thread().name
    first, second = lines(out)
    assert [first[f"top_owner_{part}"] for part in ("api_version", "kind", "name", "uid")] == [
        "apps/v1",
        "Deployment",
        "web",
        "1",
    ]
    assert (first["owner_kind"], first["owner_uid"]) == ("ReplicaSet", "2")
    assert second["top_owner_kind"] is None, "nobody made this one"


def until_written(out: io.BytesIO, number: int) -> None:
    deadline = time.monotonic() + 30
    while out.getvalue().count(b"\n") < number and time.monotonic() < deadline:
        time.sleep(0.01)


def test_when_stopping_nobody_is_asked_for_an_owner() -> None:
    out = Blocked()
    asked: list[Reference] = []

    def find(owner: Reference) -> None:
        asked.append(owner)

    with writing(out, top=find) as audit:
        audit.record(refused())
        assert out.reached.wait(30)
        audit.record(_owned())
        stopper = threading.Thread(target=audit.stop)
        stopper.start()
        while not audit._stopping:
            time.sleep(0.001)
        out.open.set()
        stopper.join(30)
    assert [line["top_owner_kind"] for line in lines(out)] == [None, None]
    assert asked == []


# -- how it is written -------------------------------------------------------------------------------------------------


class Blocked(io.BytesIO):
    """A place that takes nothing until it is opened."""

    def __init__(self) -> None:
        super().__init__()
        self.reached, self.open = threading.Event(), threading.Event()

    def write(self, data: Any, /) -> int:
        self.reached.set()
        assert self.open.wait(60)
        return super().write(data)


def test_lines_are_there_at_once_and_not_only_at_the_end() -> None:
    read, write = os.pipe()
    with open(read, "rb") as reader, open(write, "wb") as out, writing(out) as audit:  # noqa: PTH123 - they are no paths
        audit.record(refused())
        assert json.loads(reader.readline())["event"] == "decision"


def test_a_full_queue_drops_lines_counts_them_and_never_waits() -> None:
    out, decided = Blocked(), refused()
    with writing(out, queue=10) as audit:
        audit.record(decided)
        assert out.reached.wait(30)
        for _ in range(1000):
            audit.record(decided)
        assert audit.dropped == 990, "all have returned, though nothing is written"
        out.open.set()
    told = lines(out)
    assert [line["event"] for line in told] == ["decision", "dropped"] + 10 * ["decision"]
    assert told[1] == {
        "ts": "2026-01-01T00:00:00.250+00:00",
        "schema": 2,
        "event": "dropped",
        "lines": 990,
        "replica": "r1",
    }


def test_a_queue_is_full_by_its_bytes_as_well() -> None:
    out, decided = Blocked(), refused()
    with writing(out, queue_bytes=10_000) as audit:
        audit.record(decided)
        assert out.reached.wait(30)
        for _ in range(100):
            audit.record(decided)
        size = 100 - audit.dropped
        assert 5 <= size <= 20
        out.open.set()
        deadline = time.monotonic() + 30
        while audit._queued_bytes and time.monotonic() < deadline:
            time.sleep(0.01)
        assert audit._queued_bytes == 0, "what was written leaves room for others"
    assert len(lines(out)) == 2 + size


def test_drops_are_counted_right_from_many_threads() -> None:
    out, decided = Blocked(), refused()
    with writing(out, queue=1) as audit:
        audit.record(decided)
        assert out.reached.wait(30)
        audit.record(decided)
        with ThreadPoolExecutor(8) as recorders:
            list(recorders.map(audit.record, [decided] * 1600))
        assert audit.dropped == 1600
        out.open.set()


def test_what_was_taken_in_is_written_before_the_end() -> None:
    assert len(written(*[refused()] * 200)) == 200


def test_a_stuck_writer_does_not_keep_the_process(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("webhook.observability.audit_log._STOPPING", 0.1)
    out = Blocked()
    with writing(out, queue=1) as audit:
        audit.record(refused())
        assert out.reached.wait(30)
        audit.record(refused())
        began = time.monotonic()
        audit.stop()
        assert time.monotonic() - began < 30, "and not as long as the writer is stuck"
        assert "the audit log's writer is stuck: 1 lines are lost" in caplog.text
        out.open.set()


def test_a_file_gets_the_same_lines_and_rotates(tmp_path: Path) -> None:
    out, file = io.BytesIO(), tmp_path / "audit.jsonl"
    with writing(out, file, file_size=4000) as audit:
        for _ in range(10):
            audit.record(refused())
    files = sorted(tmp_path.iterdir())
    assert len(files) > 1
    assert all(each.stat().st_size <= 4000 for each in files)
    found = [line for each in reversed(files) for line in each.read_bytes().splitlines()]
    assert found == out.getvalue().splitlines()


def test_only_so_many_files_are_kept(tmp_path: Path) -> None:
    with writing(io.BytesIO(), tmp_path / "audit.jsonl", file_size=1) as audit:
        for _ in range(20):
            audit.record(refused())
    assert len(list(tmp_path.iterdir())) == 6


def test_a_file_that_cannot_be_opened_is_an_error_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        AuditLog("r1", lambda: NOW, str(tmp_path / "missing" / "audit.jsonl"), io.BytesIO())


class Full(io.BytesIO):
    """A disk without room."""

    def write(self, _: Any, /) -> int:
        raise OSError(28, "No space left on device")


def test_lines_that_cannot_be_written_are_counted_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    with writing(Full()) as audit:
        for _ in range(5):
            audit.record(refused())
    assert audit.dropped == 5
    assert [each.levelno for each in caplog.records] == [logging.ERROR]
    assert "No space left on device" in caplog.text


def test_a_broken_output_does_not_keep_lines_from_the_file(tmp_path: Path) -> None:
    file = tmp_path / "audit.jsonl"
    with writing(Full(), file) as audit:
        audit.record(refused())
    assert audit.dropped == 0
    assert json.loads(file.read_bytes())["event"] == "decision"


def test_a_broken_file_does_not_keep_lines_from_the_output(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    out, folder = io.BytesIO(), tmp_path / "logs"
    folder.mkdir()
    with writing(out, folder / "audit.jsonl", file_size=1) as audit:
        (folder / "audit.jsonl").unlink()
        folder.rmdir()
        audit.record(refused())
        audit.record(refused())
    assert len(lines(out)) == 2
    assert audit.dropped == 0
    assert "the audit log cannot be written" in caplog.text
    assert capsys.readouterr().err == ""


def test_a_decision_in_the_queue_does_not_hold_on_to_its_review() -> None:
    audit = AuditLog("r1", lambda: NOW, None, io.BytesIO())
    audit.record(decision(ready(), review(memory="9Gi").ljust(1 << 20)))
    queued = audit._queue.get_nowait()
    assert queued is not None
    assert len(queued.text) < 2500
    assert queued.owner is None or sum(map(len, queued.owner)) < 1000
