"""The way of an early answer: from the bytes of a review to those of the response, whatever goes wrong in between."""

import json
import threading
from collections.abc import Mapping
from typing import Any

import pytest
from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry

from tests.support.accounts import GI, config
from tests.support.http import JSON
from tests.support.replica import Judge, ready, response, review
from tests.support.sample_reviews import body, sample
from tests.support.workloads import Json, template
from webhook.admission.decision_record import DecisionRecord
from webhook.admission.workloads import FetchError, WorkloadAdmission
from webhook.core.reviews.verdict import Decision, Reason
from webhook.http.messages import LARGEST_BODY, LARGEST_EARLY
from webhook.observability.audit_record import line
from webhook.observability.metrics import EarlyAnswers
from webhook.web.routes import WORKLOADS, create_app

WEB = "/apis/apps/v1/namespaces/default/deployments/web"
SHORT = "only 2 of 3 replicas fit: memory requests of the cluster, 1Gi each, 2Gi free of 2Gi"


class Objects:
    """The workloads that there are, by path; an error is raised, and whatever else is wanted of it happens as well."""

    def __init__(self, objects: Mapping[str, Json | Exception]) -> None:
        self.objects = objects
        self.asked: list[str] = []
        self.judge: Judge | None = None

    def fetch(self, path: str) -> bytes:
        """Read one."""
        self.asked.append(path)
        assert self.judge is None or free(self.judge), "nobody may wait for the API server under the lock"
        found = self.objects.get(path, FetchError(f"no {path}"))
        if isinstance(found, Exception):
            raise found
        return json.dumps(found).encode()


def free(judge: Judge) -> bool:
    """Say whether another thread could take the lock now."""
    taken: list[bool] = []

    def take() -> None:
        lock = judge.admission.account.lock
        taken.append(lock.acquire(timeout=1.0))
        lock.release()

    thread = threading.Thread(target=take)
    thread.start()
    thread.join()
    return taken == [True]


class Teller:
    """A forecast with what it counted and audited; 2Gi may be requested."""

    def __init__(self, settings: str = "", objects: Mapping[str, Json | Exception] | None = None) -> None:
        self.judge = ready(settings, memory=2)
        self.objects = Objects(objects or {})
        self.counted: list[DecisionRecord] = []
        self.audited: list[DecisionRecord] = []
        account = self.judge.admission.account
        self.forecast = WorkloadAdmission(account, self.objects.fetch, self.counted.append, self.audited.append)

    def ask(self, asked: bytes) -> dict[str, Any]:
        """Have a review answered; everything is answered at once and with 200."""
        return response(self.forecast.review(asked, 2.0))

    def passes(self, asked: bytes) -> None:
        """Ask what must pass without a word."""
        uid = json.loads(asked)["request"]["uid"]
        assert self.ask(asked) == {"uid": uid, "allowed": True}

    @property
    def decision(self) -> Decision:
        """What the last answer was counted as."""
        return self.counted[-1].verdict.decision


def deployment(replicas: int, memory: int = 1024, image: str = "a", status: Json | None = None) -> Json:
    spec = {"replicas": replicas, "template": template(memory, image=image)}
    return {"metadata": {"name": "web", "namespace": "default"}, "spec": spec, "status": status or {}}


def applied(new: Json, old: Json | None = None, kind: str = "Deployment", **request: Any) -> bytes:
    group = {"group": "apps", "version": "v1", "kind": kind}
    operation = "UPDATE" if old else "CREATE"
    named: Json = {"kind": group, "namespace": "default", "name": "web", "operation": operation}
    return body(**named, object=new, oldObject=old, **request)


def scaled(before: int, after: int, resource: str = "deployments") -> bytes:
    scales = [{"kind": "Scale", "spec": {"replicas": each} if each else {}} for each in (before, after)]
    return body(
        kind={"group": "autoscaling", "version": "v1", "kind": "Scale"},
        resource={"group": "apps", "version": "v1", "resource": resource},
        subResource="scale",
        namespace="default",
        name="web",
        operation="UPDATE",
        object=scales[1],
        oldObject=scales[0],
    )


def test_who_applies_too_many_replicas_is_warned() -> None:
    teller = Teller()
    answer = teller.ask(applied(deployment(3)))
    assert (answer["allowed"], answer["warnings"]) == (True, [SHORT])
    assert teller.decision is Decision.WARN
    assert not teller.audited
    assert not teller.objects.asked


def test_a_dry_run_is_answered_like_any_other() -> None:
    assert Teller().ask(applied(deployment(3), dryRun=True))["warnings"] == [SHORT]


def test_what_fits_passes_without_a_word() -> None:
    teller = Teller()
    teller.passes(applied(deployment(2)))
    assert (teller.decision, teller.counted[-1].verdict.reason) == (Decision.ALLOW, Reason.FITS)


def test_who_scales_is_told_by_the_workload_that_there_is() -> None:
    teller = Teller(objects={WEB: deployment(1, status={"replicas": 1})})
    teller.objects.judge = teller.judge
    assert teller.ask(scaled(1, 5))["warnings"] == [
        "only 3 of 5 replicas fit: memory requests of the cluster, 1Gi each, 2Gi free of 2Gi"
    ]
    teller.passes(scaled(1, 3))
    teller.passes(scaled(1, 0))
    assert set(teller.objects.asked) == {WEB}


def test_from_none_to_some_is_growth() -> None:
    teller = Teller(objects={WEB: deployment(0)})
    assert teller.ask(scaled(0, 3))["warnings"] == [SHORT]
    assert Teller(objects={WEB: deployment(0, memory=3072)}).ask(scaled(0, 1))["warnings"] == [
        "none of 1 replicas fit: memory requests of the cluster, 3Gi each, 2Gi free of 2Gi"
    ]


def test_a_refusal_is_audited_like_any_other() -> None:
    teller = Teller("workloads: deny", {WEB: deployment(1, status={"replicas": 1})})
    answer = teller.ask(scaled(1, 4))
    assert (answer["allowed"], answer["status"]["code"]) == (False, 403)
    assert answer["status"]["message"].startswith(
        "Deployment default/web exceeds the cluster's memory headroom (only 3 of 4 replicas would fit, "
    )
    (refused,) = teller.audited
    written = line(refused, "r1", 0.0)
    assert written.message == answer["status"]["message"]
    assert (written.kind, written.name, written.reason) == ("Deployment", "web", "MemoryCommitmentExceeded")
    assert (written.asked_requests_bytes, written.committed_requests_bytes) == (3 * GI, 0)
    assert (written.bound_requests_bytes, written.short_by_requests_bytes) == (2 * GI, GI)
    assert (written.scope, written.short_sums) == ("cluster", ("cluster/memory-requests",))
    assert (written.asked_limits_bytes, written.asked_requests_millicores) == (None, None), "not in the way"


@pytest.mark.parametrize("settings", ["workloads: allow", "mode: audit", "exempt: {namespaces: [default]}"])
def test_where_nothing_is_to_be_said_nobody_looks(settings: str) -> None:
    teller = Teller(settings, {WEB: deployment(1)})
    teller.passes(scaled(1, 50))
    teller.passes(applied(deployment(50)))
    assert not teller.objects.asked


def test_a_daemon_set_is_measured_by_the_nodes() -> None:
    teller = Teller()
    assert teller.ask(applied(deployment(1, memory=3000), kind="DaemonSet"))["warnings"] == [
        "none of 1 pods fit: memory requests of the cluster, 3000Mi each, 2Gi free of 2Gi"
    ]
    teller.judge.admission.account.node_gone("node")
    teller.passes(applied(deployment(1, memory=3000), kind="DaemonSet"))


@pytest.mark.parametrize("fault", [FetchError("gone"), RuntimeError("unforeseen")])
def test_without_the_workload_the_request_passes_and_the_log_says_why(
    fault: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    teller = Teller("workloads: deny", {WEB: fault})
    teller.passes(scaled(1, 50))
    assert teller.decision is Decision.CANNOT_TELL
    assert len(caplog.records) == 1
    assert "no early answer" in caplog.text
    assert str(fault) in caplog.text


def test_nobody_can_make_it_ask_the_api_server_without_end(caplog: pytest.LogCaptureFixture) -> None:
    teller = Teller(objects={WEB: deployment(1)})
    for _ in range(500):
        assert teller.ask(scaled(1, 2))["allowed"]
    assert len(teller.objects.asked) == 50
    assert "workloads are scaled more often than they can be looked up" in caplog.text
    teller.judge.clock.wait(1.0)
    teller.ask(scaled(1, 2))
    assert len(teller.objects.asked) == 51


def test_of_a_very_large_workload_nothing_is_said(caplog: pytest.LogCaptureFixture) -> None:
    teller = Teller()
    padded = deployment(3)
    padded["metadata"]["annotations"] = {"padding": "x" * LARGEST_EARLY}
    assert teller.ask(applied(deployment(3)))["warnings"]
    assert "warnings" not in teller.ask(applied(padded))
    assert teller.decision is Decision.CANNOT_TELL
    assert "no early answer: the review has" in caplog.text


def test_without_an_account_the_request_passes(caplog: pytest.LogCaptureFixture) -> None:
    teller = Teller("workloads: deny")
    account = teller.judge.admission.account
    account.tell_broken(account.pods, "gone")
    teller.judge.clock.wait(100)
    teller.passes(applied(deployment(50)))
    assert teller.decision is Decision.CANNOT_TELL
    assert "no early answer: " in caplog.text


@pytest.mark.parametrize("spec", [{"replicas": "many"}, {"template": {"spec": {"containers": "none"}}}, 7])
def test_what_cannot_be_read_passes(spec: Any) -> None:
    teller = Teller("workloads: deny")
    teller.passes(applied({"spec": spec}))
    assert teller.decision is Decision.CANNOT_TELL


@pytest.mark.parametrize(
    "asked", [review(), scaled(1, 50, "replicationcontrollers"), applied(deployment(9), kind="Odd")]
)
def test_what_is_no_workload_passes(asked: bytes) -> None:
    teller = Teller("workloads: deny")
    teller.passes(asked)
    assert teller.decision is Decision.ALLOW


def test_an_answer_that_cannot_be_counted_is_given_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    teller = Teller()
    teller.forecast._count = lambda _: 1 // 0  # type: ignore[assignment]  # it only raises
    assert teller.ask(applied(deployment(3)))["warnings"] == [SHORT]
    assert "could not be recorded" in caplog.text


@pytest.mark.parametrize("wrong", [b"", b"{}", b"[" * 100_000])
def test_what_is_no_review_is_400(wrong: bytes) -> None:
    answer = Teller().forecast.review(wrong, 2.0)
    assert answer.status == 400


# -- as an API server sends them ---------------------------------------------------------------------------------------


def test_a_server_side_apply_as_it_is_sent() -> None:
    answer = Teller().ask(sample("server-side-apply-of-a-deployment"))
    assert answer["warnings"] == ["only 8 of 9 replicas fit: memory requests of the cluster, 1Gi each, 2Gi free of 2Gi"]


def test_a_creation_and_a_scale_as_they_are_sent() -> None:
    there = "/apis/apps/v1/namespaces/shop/deployments/frontend"
    created = json.loads(sample("deployment"))["request"]["object"]
    teller = Teller(objects={there: created | {"status": {"replicas": 2}}})
    teller.passes(sample("deployment"))
    (told,) = teller.ask(sample("scale-of-a-deployment"))["warnings"]
    assert " of 60 replicas fit: memory requests of the cluster, " in told


# -- at the door -------------------------------------------------------------------------------------------------------


def client(teller: Teller) -> FlaskClient:
    registry = CollectorRegistry()
    return create_app(teller.judge.admission, registry, {WORKLOADS: teller.forecast.review}).test_client()


def test_the_route_answers_over_tls_and_nothing_else() -> None:
    door, asked = client(Teller()), applied(deployment(3))
    told = door.post("/workloads?timeout=2s", data=asked, content_type=JSON, base_url="https://x")
    assert (told.status_code, told.json["response"]["warnings"]) == (200, [SHORT])  # type: ignore[index]  # it is JSON
    assert door.post("/workloads", data=asked, content_type=JSON, base_url="http://x").status_code == 404
    assert door.get("/workloads", base_url="https://x").status_code == 405
    assert door.post("/workloads", data=asked, content_type="text/plain", base_url="https://x").status_code == 415
    large = b"x" * (LARGEST_BODY + 1)
    assert door.post("/workloads", data=large, content_type=JSON, base_url="https://x").status_code == 413


def test_answers_are_counted_by_kind_and_verdict() -> None:
    registry = CollectorRegistry()
    teller = Teller("workloads: deny")
    teller.forecast._count = EarlyAnswers(registry).record
    for asked in (applied(deployment(3)), applied(deployment(1)), applied(deployment(1)), review()):
        teller.ask(asked)
    counts = {
        (sample.labels["kind"], sample.labels["verdict"]): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "headroom_early_answers_total"
    }
    assert counts == {("Deployment", "deny"): 1, ("Deployment", "allow"): 2, ("other", "allow"): 1}


def test_the_configuration_of_the_moment_counts() -> None:
    teller = Teller()
    made = config("workloads: allow\nwarnAt: 100%")
    teller.judge.admission.account.configure(made, "x")
    teller.passes(applied(deployment(3)))


def test_a_review_as_large_as_may_be_is_foretold_and_a_larger_one_passes() -> None:
    teller = Teller()
    asked = applied(deployment(3))
    assert teller.ask(asked.ljust(LARGEST_EARLY))["warnings"] == [SHORT]
    teller.passes(asked.ljust(LARGEST_EARLY + 1))
