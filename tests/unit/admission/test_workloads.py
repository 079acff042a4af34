"""The way of an early answer: from the bytes of a review to those of the response, whatever goes wrong in between."""

import json
import threading
from collections.abc import Mapping
from typing import Any

import pytest
from flask.testing import FlaskClient
from msgspec import Raw, structs
from prometheus_client import CollectorRegistry

from tests.support.accounts import GI, config
from tests.support.http import JSON
from tests.support.replica import Judge, ready, response, review
from tests.support.sample_reviews import body, sample
from tests.support.workloads import Json, template
from webhook.admission.decision_record import DecisionRecord
from webhook.admission.fetch import FetchError, MissingError
from webhook.admission.workloads import WorkloadAdmission
from webhook.core.forecast.plan import plan
from webhook.core.ledger.info import pod_info
from webhook.core.pods.defaults import pod_of
from webhook.core.reviews.verdict import Decision, Reason
from webhook.http.messages import LARGEST_BODY, LARGEST_EARLY
from webhook.observability.audit_record import line
from webhook.observability.metrics import EarlyAnswers
from webhook.web.routes import WORKLOADS, create_app

PODS = "/api/v1/namespaces/default/pods"
WEB = "/apis/apps/v1/namespaces/default/deployments/web"
ONE = {"replicas": 1, "updatedReplicas": 1}
SHORT = "only 2 of 3 replicas fit: memory requests of the cluster, 1Gi each, 2Gi free of 2Gi"


class Objects:
    """The workloads that there are, by path; an error is raised, and whatever else is wanted of it happens as well."""

    def __init__(self, objects: Mapping[str, Json | Exception]) -> None:
        self.objects = objects
        self.asked: list[str] = []
        self.judge: Judge | None = None

    def fetch(self, path: str, query: Mapping[str, str] | None = None, accept: str = "application/json") -> bytes:
        """Read one, or the metadata of pods; there are none unless the test says so."""
        self.asked.append(path)
        assert self.judge is None or free(self.judge), "nobody may wait for the API server under the lock"
        assert (path == PODS) is (accept != "application/json") is (query is not None)
        missing: Json | Exception = {} if path == PODS else MissingError(f"no {path}")
        found = self.objects.get(path, missing)
        if isinstance(found, Exception):
            raise found
        return json.dumps(found).encode()


def free(judge: Judge) -> bool:
    """Say whether another thread could take the lock now."""
    taken: list[bool] = []

    def take() -> None:
        lock = judge.admission.state._guarded.lock
        taken.append(lock.acquire(timeout=1.0))
        lock.release()

    thread = threading.Thread(target=take)
    thread.start()
    thread.join()
    return taken == [True]


class Teller:
    """A forecast with what it counted and audited; so many Gi may be requested."""

    def __init__(
        self, settings: str = "", objects: Mapping[str, Json | Exception] | None = None, memory: int = 2
    ) -> None:
        self.judge = ready(settings, memory=memory)
        self.objects = Objects(objects or {})
        self.counted: list[DecisionRecord] = []
        self.audited: list[DecisionRecord] = []
        state = self.judge.admission.state
        self.forecast = WorkloadAdmission(state, self.objects.fetch, self.counted.append, self.audited.append)

    def ask(self, asked: bytes) -> dict[str, Any]:
        """Have a review answered; everything is answered at once and with 200."""
        return response(self.forecast.review(asked, 2.0))

    def lives(self, *names: str, memory: int = 1024, **changes: Any) -> None:
        """Show pods as the watch would."""
        made = pod_of(Raw(json.dumps(template(memory)).encode()))
        for name in names:
            info = pod_info(made, name if "/" in name else f"default/{name}", f"uid-{name}", at=101)
            self.judge.admission.state.see_pod(structs.replace(info, **changes))

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
    assert teller.objects.asked == [PODS], "there may be pods that it adopts"


def test_a_dry_run_is_answered_like_any_other() -> None:
    assert Teller().ask(applied(deployment(3), dryRun=True))["warnings"] == [SHORT]


@pytest.mark.parametrize(("often", "said"), [(0, None), (1, 1), (9, 0)])
def test_a_configuration_that_changes_meanwhile_is_answered_under(
    monkeypatch: pytest.MonkeyPatch, often: int, said: int | None
) -> None:
    """What it refuses at first, it only warns of after the change; nothing is said if it changes again and again."""
    teller = Teller("workloads: deny", memory=2)
    planned: list[str] = []

    def swapping(*arguments: Any) -> Any:
        planned.append("planned")
        if len(planned) <= often:
            teller.judge.configure(f"workloads: warn\nmessage: edit {len(planned)}")
        return plan(*arguments)

    monkeypatch.setattr("webhook.admission.workloads.plan", swapping)
    told = teller.ask(applied(deployment(3)))
    assert (told["allowed"], len(told.get("warnings", ()))) == ((False, 0) if said is None else (True, said))
    assert teller.counted[-1].config_hash == teller.judge.admission.state.basis.config_hash
    assert len(planned) == min(often + 1, 3)


def test_what_fits_passes_without_a_word() -> None:
    teller = Teller()
    teller.passes(applied(deployment(2)))
    assert (teller.decision, teller.counted[-1].verdict.reason) == (Decision.ALLOW, Reason.FITS)
    assert not teller.objects.asked


def test_who_scales_is_told_by_the_workload_that_there_is() -> None:
    teller = Teller(objects={WEB: deployment(1, status=ONE)})
    teller.objects.judge = teller.judge
    teller.lives("web-5d4f6-bcdfg")
    assert teller.ask(scaled(1, 5))["warnings"] == [
        "only 2 of 5 replicas fit: memory requests of the cluster, 1Gi each, 1Gi free of 2Gi"
    ]
    teller.passes(scaled(1, 2))
    teller.passes(scaled(1, 0))
    assert set(teller.objects.asked) == {WEB}


def test_from_none_to_some_is_growth() -> None:
    teller = Teller(objects={WEB: deployment(0)})
    assert teller.ask(scaled(0, 3))["warnings"] == [SHORT]
    assert Teller(objects={WEB: deployment(0, memory=3072)}).ask(scaled(0, 1))["warnings"] == [
        "none of 1 replicas fit: memory requests of the cluster, 3Gi each, 2Gi free of 2Gi"
    ]


def test_a_refusal_is_audited_like_any_other() -> None:
    teller = Teller("workloads: deny", {WEB: deployment(1, status=ONE)})
    teller.lives("web-5d4f6-bcdfg")
    answer = teller.ask(scaled(1, 4))
    assert (answer["allowed"], answer["status"]["code"]) == (False, 403)
    assert answer["status"]["message"].startswith(
        "Deployment default/web exceeds the cluster's memory headroom (only 2 of 4 replicas would fit, "
    )
    (refused,) = teller.audited
    written = line(refused, "r1", 0.0)
    assert written.message == answer["status"]["message"]
    assert (written.kind, written.name, written.reason) == ("Deployment", "web", "MemoryCommitmentExceeded")
    assert (written.asked_requests_bytes, written.committed_requests_bytes) == (3 * GI, GI)
    assert (written.bound_requests_bytes, written.short_by_requests_bytes) == (2 * GI, 2 * GI)
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
    teller.judge.admission.state.node_gone("node")
    teller.passes(applied(deployment(1, memory=3000), kind="DaemonSet"))


@pytest.mark.parametrize("fault", [MissingError("gone"), FetchError("silent"), RuntimeError("unforeseen")])
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
    state = teller.judge.admission.state
    state.tell_broken(state.pods, "gone")
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


# -- only what is sure -------------------------------------------------------------------------------------------------

MOVING = {
    "fewer than its controller counted": {},
    "one that is being deleted": {"deleting": True},
    "another than was counted": {"name": "default/web-5d4f6-bcdf2x"},
}


@pytest.mark.parametrize("changes", MOVING.values(), ids=MOVING)
def test_of_a_workload_whose_pods_are_not_those_of_its_status_nothing_is_said(
    changes: Json, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    teller = Teller("workloads: deny", {WEB: deployment(1, status=ONE)})
    if changes:
        teller.lives("web-5d4f6-bcdfg", **changes)
    teller.passes(scaled(1, 50))
    assert teller.decision is Decision.CANNOT_TELL
    assert "no early answer about Deployment default/web: " in caplog.text


def test_a_pod_that_was_let_in_and_not_seen_yet_is_on_its_way() -> None:
    teller = Teller("workloads: deny", {WEB: deployment(1, status=ONE)})
    teller.lives("web-5d4f6-bcdfg")
    assert response(teller.judge.ask(review("web-5d4f6-bcdf2", memory="512Mi")))["allowed"]
    teller.passes(scaled(1, 50))
    other = deployment(1, status=ONE)
    teller.objects.objects = {WEB: other}
    teller.judge.admission.state.see_pod(
        pod_info(
            pod_of(Raw(json.dumps(template(512)).encode())), "default/web-5d4f6-bcdf2", "pod-web-5d4f6-bcdf2", at=102
        )
    )
    teller.passes(scaled(1, 50))


def test_of_pods_that_are_not_what_their_template_makes_no_update_is_foretold() -> None:
    teller = Teller("workloads: deny")
    old, new = deployment(2, status={"replicas": 2, "updatedReplicas": 2}), deployment(2, image="b", memory=2048)
    teller.lives("web-5d4f6-bcdfg", "web-5d4f6-bcdf2")
    assert not teller.ask(applied(new, old))["allowed"]
    teller.lives("web-5d4f6-bcdf2", memory=512, revision=102)
    teller.passes(applied(new, old))
    grown = deployment(9, status={"replicas": 2, "updatedReplicas": 2})
    assert not teller.ask(applied(grown, old))["allowed"], "what stays as it is does not matter"


def test_where_the_controller_has_not_caught_up_nothing_is_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    teller = Teller(
        "workloads: deny", {WEB: deployment(1, status=ONE) | {"metadata": {"name": "web", "generation": 2}}}
    )
    teller.lives("web-5d4f6-bcdfg")
    teller.passes(scaled(1, 50))
    assert "its controller has not looked at the last edit yet" in caplog.text


# -- what is there already ---------------------------------------------------------------------------------------------

SET = "/apis/apps/v1/namespaces/default/replicasets/web-5d4f6"
SELECTOR = {"matchLabels": {"app": "web"}, "matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}


def selecting(replicas: int, kind: str = "Deployment", **spec: Any) -> bytes:
    new = deployment(replicas)
    new["spec"] |= {"selector": SELECTOR, "template": template(1024) | {"metadata": {"labels": {"app": "web"}}}, **spec}
    return applied(new, kind=kind)


def listed(*names: str, owner: Json | None = None, **meta: Any) -> Json:
    owners = [] if owner is None else [{"uid": "u", "controller": True, **owner}]
    items = [{"metadata": {"name": name, "ownerReferences": owners, **meta}} for name in names]
    return {"metadata": {}, "items": items}


OF_SET = {"kind": "ReplicaSet", "name": "web-5d4f6"}
HASHED = {"metadata": {"labels": {"app": "web", "pod-template-hash": "5d4f6"}, "creationTimestamp": None}}


def replica_set(owner: Json | None = None, **template_: Any) -> Json:
    owners = [] if owner is None else [{"uid": "u", "controller": True, **owner}]
    meta = {"name": "web-5d4f6", "labels": {"app": "web"}, "ownerReferences": owners}
    return {"metadata": meta, "spec": {"replicas": 2, "template": template(1024) | HASHED | template_}}


def adopting(objects: Mapping[str, Json | Exception], *names: str) -> Teller:
    teller = Teller("workloads: deny", objects)
    teller.lives(*names)
    return teller


PODS_OF_A_SET = ("web-5d4f6-bcdfg", "web-5d4f6-bcdf2")


def test_a_deployment_that_is_made_over_its_orphans_brings_no_pod() -> None:
    objects = {PODS: listed(*PODS_OF_A_SET, owner=OF_SET), SET: replica_set()}
    teller = adopting(objects, *PODS_OF_A_SET)
    assert teller.ask(selecting(2)) == {"uid": "review-1", "allowed": True}
    assert teller.decision is Decision.ALLOW
    assert teller.objects.asked == [PODS, SET]
    told = teller.ask(selecting(3))
    assert told["status"]["message"].startswith(
        "Deployment default/web exceeds the cluster's memory headroom (only 2 of 3 replicas would fit, "
    )


@pytest.mark.parametrize("kind", ["StatefulSet", "ReplicaSet", "DaemonSet"])
def test_so_does_one_that_makes_pods_itself(kind: str) -> None:
    names = ("web-0", "web-1") if kind == "StatefulSet" else ("x", "y") if kind == "ReplicaSet" else ("x",)
    teller = adopting({PODS: listed(*names)}, "web-0", "web-1", "x", "y")
    teller.passes(selecting(2, kind))
    assert teller.decision is Decision.ALLOW
    assert Teller("workloads: deny", {}).ask(selecting(3, kind))["allowed"] is (kind == "DaemonSet")


NOBODY_ADOPTS = {
    "of a ReplicaSet that another has": (
        "Deployment",
        {PODS: listed("web-5d4f6-bcdfg", owner=OF_SET), SET: replica_set({"kind": "Deployment", "name": "other"})},
    ),
    "of a ReplicaSet with other labels": (
        "Deployment",
        {PODS: listed("web-5d4f6-bcdfg", owner=OF_SET), SET: replica_set() | {"metadata": {"labels": {"app": "x"}}}},
    ),
    "nobody's, without a hash": ("Deployment", {PODS: listed("alone")}),
    "another controller's": ("ReplicaSet", {PODS: listed("x", owner={"kind": "ReplicaSet", "name": "y"})}),
    "of another name": ("StatefulSet", {PODS: listed("db-0", "web-x")}),
}


@pytest.mark.parametrize(("kind", "objects"), NOBODY_ADOPTS.values(), ids=NOBODY_ADOPTS)
def test_pods_that_it_does_not_adopt_are_not_its_own(kind: str, objects: Mapping[str, Json | Exception]) -> None:
    answer = adopting(objects, "web-5d4f6-bcdfg").ask(selecting(2, kind))
    assert answer["status"]["message"].startswith(
        f"{kind} default/web exceeds the cluster's memory headroom (only 1 of 2 replicas would fit, "
    )


UNKNOWN = {
    "pods that are going": ("Deployment", {PODS: listed("x", deletionTimestamp="2026-01-01T00:00:00Z")}),
    "pods that are going, too": ("ReplicaSet", {PODS: listed("x", deletionTimestamp="2026-01-01T00:00:00Z")}),
    "nobody's pods with a hash": ("Deployment", {PODS: listed("x", labels={"pod-template-hash": "5d4f6"})}),
    "of another template": (
        "Deployment",
        {PODS: listed(*PODS_OF_A_SET, owner=OF_SET), SET: replica_set(spec={"containers": []})},
    ),
    "of the Deployment that had its name": (
        "Deployment",
        {PODS: listed(*PODS_OF_A_SET, owner=OF_SET), SET: replica_set({"kind": "Deployment", "name": "web"})},
    ),
    "of a ReplicaSet that is gone": ("Deployment", {PODS: listed(*PODS_OF_A_SET, owner=OF_SET)}),
    "of a StatefulSet that had its name": (
        "StatefulSet",
        {PODS: listed("web-0", owner={"kind": "StatefulSet", "name": "web"})},
    ),
    "more than it wants": ("StatefulSet", {PODS: listed("web-0", "web-7")}),
    "larger than its template": ("StatefulSet", {PODS: listed("web-0")}),
    "not in the account": ("ReplicaSet", {PODS: listed("not-seen")}),
    "of three ReplicaSets": (
        "Deployment",
        {
            PODS: {
                "items": [
                    each
                    for name in "abc"
                    for each in listed(f"web-{name}-x", owner={"kind": "ReplicaSet", "name": name})["items"]
                ]
            }
        },
    ),
    "more than are read": ("ReplicaSet", {PODS: {"metadata": {"continue": "x"}, "items": []}}),
    "unknown since nobody answers": ("ReplicaSet", {PODS: FetchError("silent")}),
}


@pytest.mark.parametrize(("kind", "objects"), UNKNOWN.values(), ids=UNKNOWN)
def test_where_it_is_not_known_what_is_adopted_nothing_is_said(
    kind: str, objects: Mapping[str, Json | Exception]
) -> None:
    teller = adopting(objects)
    teller.lives("web-0", memory=512)
    teller.passes(selecting(9, kind))
    assert teller.decision is Decision.CANNOT_TELL


def test_a_template_that_is_refused_for_what_it_leaves_unsaid_is_told_of_only_if_pods_come() -> None:
    bare = {"metadata": {"labels": {"app": "web"}}, "spec": {"containers": [{"name": "a"}]}}
    teller = Teller("missingLimits: deny", {PODS: listed("x", "y")})
    made = pod_of(Raw(json.dumps(bare).encode()))
    for name in ("default/x", "default/y"):
        teller.judge.admission.state.see_pod(pod_info(made, name, name, at=101))
    teller.passes(selecting(2, "ReplicaSet", template=bare))
    assert teller.ask(selecting(3, "ReplicaSet", template=bare))["warnings"][0].startswith("none of 1 replicas get in")


def test_a_job_adopts_only_by_a_selector_of_its_own() -> None:
    teller = adopting({PODS: listed("x", "y")}, "x", "y")
    assert not teller.ask(selecting(1, "Job", parallelism=2))["allowed"]
    assert not teller.objects.asked
    teller.passes(selecting(1, "Job", parallelism=2, manualSelector=True))


# -- as an API server sends them ---------------------------------------------------------------------------------------


def test_a_server_side_apply_as_it_is_sent() -> None:
    teller = Teller(memory=6)
    pods = [f"shop/frontend-5f6b8886b7-bcdf{number}" for number in "245678"]
    teller.lives(*pods)
    answer = teller.ask(sample("server-side-apply-of-a-deployment"))
    assert answer["warnings"] == [
        "update stalls at 0 of 9: memory requests of the cluster, 1Gi each, 0 free",
        "set maxSurge: 0, maxUnavailable: 4 (gets to 6 of 9), ask for less memory, or raise thresholds.memory.requests",
    ]


def test_a_creation_and_a_scale_as_they_are_sent() -> None:
    there = "/apis/apps/v1/namespaces/shop/deployments/frontend"
    created = json.loads(sample("deployment"))["request"]["object"]
    status = {"replicas": 2, "updatedReplicas": 2, "observedGeneration": 1}
    teller = Teller(objects={there: created | {"status": status}})
    teller.passes(sample("deployment"))
    for number in (2, 4):
        made = pod_of(Raw(json.dumps(created["spec"]["template"]).encode()))
        name = f"shop/frontend-5d4f6-bcdf{number}"
        teller.judge.admission.state.see_pod(pod_info(made, name, f"uid-{number}", at=101))
    (told,) = teller.ask(sample("scale-of-a-deployment"))["warnings"]
    assert " of 60 replicas fit: memory requests of the cluster, " in told


# -- at the door -------------------------------------------------------------------------------------------------------


def client(teller: Teller) -> FlaskClient:
    return create_app(teller.judge.admission, {WORKLOADS: teller.forecast.review}).test_client()


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
    teller.judge.admission.state.configure(made, "x")
    teller.passes(applied(deployment(3)))


def test_a_review_as_large_as_may_be_is_foretold_and_a_larger_one_passes() -> None:
    teller = Teller()
    asked = applied(deployment(3))
    assert teller.ask(asked.ljust(LARGEST_EARLY))["warnings"] == [SHORT]
    teller.passes(asked.ljust(LARGEST_EARLY + 1))
