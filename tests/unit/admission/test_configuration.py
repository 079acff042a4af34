"""The guard: what it lets through, what it refuses and in which words, and how little it disturbs."""

import json
import logging
from threading import Thread
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.support.accounts import pod
from tests.support.replica import Judge, ready, response
from tests.support.sample_reviews import body
from webhook.admission import configuration as guard_module
from webhook.admission.configuration import ConfigurationAdmission
from webhook.core.forecast.preview import Preview, preview
from webhook.http.messages import LARGEST_EARLY, Response
from webhook.state.configuration import KEY, NAME
from webhook.web.routes import CONFIGURATION, create_app

HEAD = "apiVersion: headroom.internal/v1\nkind: HeadroomConfig\n"
GOOD = HEAD + "thresholds: {memory: {requests: 100%}}\n"
LOWER = HEAD + "thresholds: {memory: {requests: 25%}}\n"
BAD = HEAD + "thresholds: {memory: {requests: '75'}}\n"
OVER = "memory requests of the cluster would be 150% of the new threshold: nothing more fits until 1Gi are freed"


def config_map(text: str | None, **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": NAME} | metadata, "data": {} if text is None else {KEY: text}}


def edit(new: str | None, old: str | None = GOOD, operation: str = "UPDATE", **request: Any) -> bytes:
    made: dict[str, Any] = {
        "kind": {"group": "", "version": "v1", "kind": "ConfigMap"},
        "operation": operation,
        "namespace": "headroom-system",
        "name": NAME,
        "userInfo": {"username": "jane@example.com"},
        "object": config_map(new),
        "oldObject": config_map(old) if operation != "CREATE" else None,
    }
    return body(**(made | request))


@pytest.fixture
def judge() -> Judge:
    """One node of 8 Gi, of which a pod has 3."""
    made = ready()
    made.sync(8, [pod("big", 3, "node")])
    return made


@pytest.fixture
def guard(judge: Judge) -> ConfigurationAdmission:
    return ConfigurationAdmission(judge.admission.state)


def answer(guard: ConfigurationAdmission, review: bytes) -> dict[str, Any]:
    return response(guard.review(review, 5.0))


def refusal(guard: ConfigurationAdmission, review: bytes) -> str:
    said = answer(guard, review)
    assert said["allowed"] is False
    assert (said["status"]["code"], said["status"]["reason"]) == (422, "Invalid")
    message = str(said["status"]["message"])
    assert message.isprintable()
    return message.removeprefix("no good configuration: ")


def warnings(guard: ConfigurationAdmission, review: bytes) -> list[str]:
    said = answer(guard, review)
    assert said["allowed"] is True
    return list(said.get("warnings", []))


@pytest.mark.parametrize("operation", ["CREATE", "UPDATE"])
@pytest.mark.parametrize(
    ("text", "told"),
    [
        (BAD, 'thresholds.memory.requests: "75" has no percent sign; write 75%'),
        (f"{GOOD}tresholds: {{}}\nmode: off\n", "tresholds: unknown key; did you mean thresholds?; mode: "),
        ("a: [", "the configuration: is not valid YAML in line "),
        ("", "the configuration: is empty"),
        (None, "data: has no key config.yaml; add it"),
    ],
)
def test_a_bad_edit_is_refused_with_every_path(
    guard: ConfigurationAdmission, operation: str, text: str | None, told: str
) -> None:
    assert told in refusal(guard, edit(text, operation=operation))


def test_a_refusal_is_one_line_and_no_longer_than_needed(guard: ConfigurationAdmission) -> None:
    wrong = "\n".join(f'"k{number}\\u2028\\x1b{"x" * 500}": 1' for number in range(40))
    message = refusal(guard, edit(GOOD + wrong))
    assert len(message) < 1_700
    assert message.endswith("; and 35 more")


def test_a_refusal_is_logged_with_who_wanted_it(
    guard: ConfigurationAdmission, caplog: pytest.LogCaptureFixture
) -> None:
    refusal(guard, edit(BAD))
    [record] = caplog.records
    assert record.levelno == logging.WARNING
    assert "refused an edit of the ConfigMap headroom-config by 'jane@example.com': thresholds.memory" in record.message


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_good_edit_passes_and_is_previewed_dry_run_or_not(
    guard: ConfigurationAdmission, judge: Judge, dry_run: bool
) -> None:
    before = judge.admission.state._guarded.ledger.parts(judge.clock.now)
    assert warnings(guard, edit(LOWER, dryRun=dry_run)) == [OVER]
    assert warnings(guard, edit(LOWER, operation="CREATE", dryRun=dry_run)) == [OVER]
    assert warnings(guard, edit(GOOD.replace("100%", "90%"), dryRun=dry_run)) == []
    after = judge.admission.state._guarded.ledger.parts(judge.clock.now)
    assert (after.sums, after.limits_by_scope) == (before.sums, before.limits_by_scope)


def test_an_edit_that_applies_already_is_not_previewed(
    guard: ConfigurationAdmission, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: object, **__: object) -> Preview:
        raise AssertionError("a preview was made")

    monkeypatch.setattr(guard_module, "preview", never)
    judge.configure()
    applies = f"{HEAD}warnAt: 100%\nthresholds: {{memory: {{requests: 100%}}}}\n"
    assert warnings(guard, edit(f"# the same\n{applies}")) == []


def test_another_part_of_a_bad_configmap_can_be_edited(guard: ConfigurationAdmission) -> None:
    assert warnings(guard, edit(BAD, old=BAD, object=config_map(BAD, labels={"a": "b"}))) == []
    assert warnings(guard, edit(None, old=None)) == []


def test_a_deletion_passes_and_says_what_it_means(guard: ConfigurationAdmission) -> None:
    [line] = warnings(guard, edit(None, operation="DELETE", object=None))
    assert line.startswith("replicas that run keep the last good configuration")
    assert len(line) <= 120


@pytest.mark.parametrize(
    "other", [{"name": "headroom-allotments"}, {"name": ""}, {"kind": {"group": "", "version": "v1", "kind": "Secret"}}]
)
def test_any_other_object_passes(guard: ConfigurationAdmission, other: dict[str, Any]) -> None:
    assert warnings(guard, edit(BAD, **other)) == []


def test_without_an_account_a_bad_edit_is_refused_and_a_good_one_passes() -> None:
    guard = ConfigurationAdmission(Judge().admission.state)
    assert "thresholds.memory.requests" in refusal(guard, edit(BAD))
    [line] = warnings(guard, edit(LOWER))
    assert line.startswith("no preview: ")


def test_the_first_configuration_of_all_is_previewed() -> None:
    judge = Judge()
    judge.sync(8, [pod("big", 3, "node")])
    assert warnings(ConfigurationAdmission(judge.admission.state), edit(LOWER, operation="CREATE")) == [OVER]


def test_one_preview_at_a_time_and_none_holds_the_lock(
    guard: ConfigurationAdmission, judge: Judge, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[bool, list[str]]] = []

    def meanwhile(*arguments: Any, **more: Any) -> Preview:
        def ask() -> None:
            free = judge.admission.state._guarded.lock.acquire(blocking=False)
            judge.admission.state._guarded.lock.release()
            seen.append((free, warnings(guard, edit(LOWER))))

        thread = Thread(target=ask)
        thread.start()
        thread.join(10)
        return preview(*arguments, **more)

    monkeypatch.setattr(guard_module, "preview", meanwhile)
    assert warnings(guard, edit(LOWER)) == [OVER]
    assert seen == [(True, ["no preview: another one is being made; the configuration is good"])]
    assert warnings(guard, edit(LOWER)) == [OVER]


def test_an_unforeseen_error_lets_the_edit_pass_and_is_logged(
    guard: ConfigurationAdmission, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(guard_module, "preview", lambda *_, **__: 1 // 0)
    assert warnings(guard, edit(LOWER)) == ["this edit could not be checked: see Headroom's log"]
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize(
    ("review", "told"),
    [(b"no", "the body is not an AdmissionReview"), (edit(GOOD, object={"data": 5}), "data: expected object, got int")],
)
def test_what_cannot_be_read(guard: ConfigurationAdmission, review: bytes, told: str) -> None:
    said = guard.review(review, 5.0)
    assert isinstance(said, Response)
    assert told in said.body.decode()
    assert said.status == (400 if review == b"no" else 200)


def client(judge: Judge) -> FlaskClient:
    guard = ConfigurationAdmission(judge.admission.state)
    return create_app(judge.admission, {CONFIGURATION: guard.review}).test_client()


def test_over_http(judge: Judge) -> None:
    asked: dict[str, Any] = {"data": edit(BAD), "content_type": "application/json"}
    said = client(judge).post("/config?timeout=5s", base_url="https://headroom", **asked)
    assert said.status_code == 200
    assert json.loads(said.text)["response"]["status"]["code"] == 422
    assert client(judge).post("/config", base_url="http://headroom", **asked).status_code == 404
    assert client(judge).get("/config", base_url="https://headroom").status_code == 405


def test_while_one_edit_is_read_no_other_makes_the_replica_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webhook.admission.configuration._TURN", 0.01)
    guard = ConfigurationAdmission(ready().admission.state)
    with guard._reading:
        said = response(guard.review(edit(BAD), 5.0))
    assert said["allowed"]
    assert said["warnings"] == [guard_module._UNREAD]
    assert len(guard_module._UNREAD) <= 120
    assert not response(guard.review(edit(BAD), 5.0))["allowed"], "and then it is read"


def test_a_very_large_edit_passes_with_a_warning() -> None:
    guard = ConfigurationAdmission(ready().admission.state)
    said = response(guard.review(edit(BAD + "#" * LARGEST_EARLY), 5.0))
    assert (said["allowed"], said["warnings"]) == (True, [guard_module._LARGE])
    assert len(guard_module._LARGE) <= 120


def test_many_large_edits_do_not_keep_a_replica_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    large = edit(BAD + "#" * (64 << 10))
    monkeypatch.setattr("webhook.admission.configuration._BURST", 3 * len(large))
    judge = ready()
    guard = ConfigurationAdmission(judge.admission.state)
    allowed = [response(guard.review(large, 5.0))["allowed"] for _ in range(5)]
    assert allowed == [False] * 3 + [True] * 2
    judge.clock.wait(len(large) / (128 << 10))
    assert not response(guard.review(large, 5.0))["allowed"]


def test_edits_of_the_usual_size_are_all_read_however_fast_they_come() -> None:
    guard = ConfigurationAdmission(ready().admission.state)
    assert not any(response(guard.review(edit(BAD), 5.0))["allowed"] for _ in range(300))
